"""What the proxy takes out of a head, what it adds, and that the rest stays as it was."""
# ctest: wires

import re

import pairing
import pytest
from origin import reply
from proxy import cluster, listener


def config(origin):
    route = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    kinds = {
        "default": {},
        "off": {"via": False, "x_forwarded_for": "off", "x_forwarded_proto": False, "x_request_id": "off"},
        "append": {"x_forwarded_for": "append"},
        "keep": {"x_forwarded_for": "keep"},
        "keep_id": {"x_request_id": "keep_or_make"},
    }
    return {"workers": 1, "clusters": [cluster(origin)],
            "listeners": [listener(route, name, forward=forward) for name, forward in kinds.items()]}


def send(proxy, fields="", name="default", method="GET", version="1.1"):
    with proxy.client(name) as client:
        client.send(f"{method} / HTTP/{version}\r\nHost: a.example\r\n{fields}\r\n".encode("latin-1"))
        return client.response(method)


# --- what passes


def test_fields_pass_with_their_order_and_bytes(proxy, origin):
    sent = [("X-B", "2"), ("x-a", "1"), ("X-B", "again"), ("Cookie", "a=b; c=d"), ("X-Empty", ""), ("X-High", "caf\xe9"),
            ("Accept", "text/html;q=0.9, */*"), ("X_Under", "s")]
    send(proxy, "".join(f"{n}: {v}\r\n" for n, v in sent))
    seen = origin.only_request()
    names = {n.lower() for n, _ in sent}
    assert [(n.lower(), v) for n, v in seen.fields if n.lower() in names] == [(n.lower(), v) for n, v in sent]


def test_space_around_a_value_is_no_part_of_it(proxy, origin):
    send(proxy, "X-A: \t one two \t \r\nX-B:none\r\n")
    seen = origin.only_request()
    assert re.search(rb"(?i)\r\nx-a: one two\r\n", seen.raw) and seen.get("X-B") == "none"


def test_response_fields_pass_with_their_order_and_bytes(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(fields="Set-Cookie: a=1\r\nX-Z: z\r\nSet-Cookie: b=2\r\nServer: own\r\nDate: Tue, 24 Nov 2026 01:02:03 GMT\r\n"))

    origin.handler = handler
    response = send(proxy)
    assert response.all("Set-Cookie") == ["a=1", "b=2"] and response.get("X-Z") == "z"
    assert response.get("Server") == "own" and response.get("Date") == "Tue, 24 Nov 2026 01:02:03 GMT"


# --- hop-by-hop (RFC 9110 7.6.1)

HOP = ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip", "Upgrade: other/1"]


@pairing.needs_http1_down("what Connection says")
@pytest.mark.parametrize("field", HOP)
def test_a_hop_by_hop_field_of_a_request_stays_here(proxy, origin, field):
    send(proxy, field + "\r\n")
    assert not origin.only_request().has(field.split(":")[0])


@pairing.needs_http1_up("what Connection says")
@pytest.mark.parametrize("field", ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Upgrade: other/1"])
def test_a_hop_by_hop_field_of_a_response_stays_here(proxy, origin, field):
    async def handler(connection, _):
        connection.send(reply(fields=field + "\r\n"))

    origin.handler = handler
    assert not send(proxy).has(field.split(":")[0])


@pairing.needs_http1_down("what Connection says")
def test_fields_that_connection_names_stay_here(proxy, origin):
    send(proxy, "Connection: X-One, keep-alive\r\nX-One: 1\r\nConnection: x-two\r\nX-TWO: 2\r\nX-Three: 3\r\nx-one: again\r\n")
    seen = origin.only_request()
    assert not seen.has("X-One") and not seen.has("X-Two") and seen.get("X-Three") == "3"


@pairing.needs_http1_up("what Connection says")
def test_fields_that_a_responses_connection_names_stay_here(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(fields="Connection: X-One\r\nX-One: 1\r\nX-Two: 2\r\n"))

    origin.handler = handler
    response = send(proxy)
    assert not response.has("X-One") and response.get("X-Two") == "2" and "X-One" not in response.list("Connection")


@pairing.needs_http1_down("what Connection says")
def test_connection_cannot_take_away_what_routes_and_frames(proxy, origin):
    with proxy.client("default") as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nConnection: host, content-length\r\nContent-Length: 4\r\n\r\nbody")
        assert client.response().status == 200
    seen = origin.only_request()
    assert (seen.get("Host"), seen.get("Content-Length"), seen.body) == ("a.example", "4", b"body")


@pairing.needs_http1_down("what Connection says")
def test_te_trailers_is_said_anew_upstream(proxy, origin):
    send(proxy, "TE: trailers, deflate;q=0.5\r\nConnection: TE\r\n")
    seen = origin.only_request()
    assert seen.list("TE") == ["trailers"] and [v.lower() for v in seen.list("Connection")] == ["te"]


@pairing.needs_http1_down("what Connection says")
@pytest.mark.parametrize("name", ["Host", "X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "Via", "Authorization", "Cookie"])
def test_connection_cannot_take_away_what_the_next_hop_trusts_by(proxy, origin, name):
    send(proxy, f"Authorization: Basic YTpi\r\nCookie: a=b\r\nConnection: {name}\r\n")
    assert origin.only_request().has(name)


# --- Via


def test_via_names_this_hop_both_ways(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(fields="Via: 1.0 far\r\n"))

    origin.handler = handler
    response = send(proxy, "Via: 1.0 near, 1.1 nearer\r\n")
    assert origin.only_request().list("Via") == ["1.0 near", "1.1 nearer", f"{pairing.DOWN_VERSION} cleat"]
    assert response.list("Via") == ["1.0 far", f"{pairing.UP_VERSION} cleat"]


@pairing.needs_http1_down("HTTP/1.0")
def test_via_names_the_version_received(proxy, origin):
    send(proxy, version="1.0")
    assert origin.only_request().list("Via") == ["1.0 cleat"]


def test_via_can_be_left_out(proxy, origin):
    response = send(proxy, name="off")
    assert not origin.only_request().has("Via") and not response.has("Via")


# --- X-Forwarded-*


def test_forwarded_for_is_set_to_the_peer_by_default(proxy, origin):
    send(proxy, "X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n")
    assert origin.only_request().all("X-Forwarded-For") == ["127.0.0.1"]


def test_forwarded_for_is_appended_where_the_hop_before_is_trusted(proxy, origin):
    send(proxy, "X-Forwarded-For: 6.6.6.6, 7.7.7.7\r\n", "append")
    assert origin.only_request().list("X-Forwarded-For") == ["6.6.6.6", "7.7.7.7", "127.0.0.1"]


def test_forwarded_for_is_appended_to_nothing(proxy, origin):
    send(proxy, "", "append")
    assert origin.only_request().list("X-Forwarded-For") == ["127.0.0.1"]


def test_forwarded_for_is_kept_as_it_came(proxy, origin):
    send(proxy, "X-Forwarded-For: 6.6.6.6\r\n", "keep")
    assert origin.only_request().all("X-Forwarded-For") == ["6.6.6.6"]


def test_forwarded_proto_is_the_listeners_own(proxy, origin):
    send(proxy, "X-Forwarded-Proto: gopher\r\n")
    assert origin.only_request().all("X-Forwarded-Proto") == [pairing.SCHEME]


def test_forward_fields_can_be_left_alone(proxy, origin):
    send(proxy, "", "off")
    seen = origin.only_request()
    assert not any(seen.has(name) for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Request-Id", "Via"))


# --- X-Request-Id


def test_a_request_id_is_made_for_each_request(proxy, origin):
    for _ in range(3):
        send(proxy, "X-Request-Id: forged\r\n")
    ids = [r.get("X-Request-Id") for r in origin.saw()]
    assert len(set(ids)) == 3 and "forged" not in ids
    assert all(re.fullmatch(r"[0-9A-Za-z\-]{16,64}", i) for i in ids), ids


def test_a_request_id_is_kept_where_configured(proxy, origin):
    send(proxy, "X-Request-Id: mine-1\r\n", "keep_id")
    assert origin.only_request().all("X-Request-Id") == ["mine-1"]


def test_a_request_id_is_made_where_one_should_be_kept_and_none_came(proxy, origin):
    send(proxy, "", "keep_id")
    assert len(origin.only_request().get("X-Request-Id")) >= 16


# --- Host


@pytest.mark.parametrize("host", ["a.example", "A.Example:8080", "127.0.0.1:1", "[::1]:80", "xn--caf-dma.example"])
def test_host_passes_as_it_came(proxy, origin, host):
    with proxy.client("default") as client:
        assert client.get(host=host).status == 200
    assert origin.only_request().get("Host").lower() == host.lower()


def test_a_reply_made_here_has_a_date(proxy, origin):
    with proxy.client("default") as client:
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", client.get("/%00").get("Date"))
