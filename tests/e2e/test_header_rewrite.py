"""plugins/header_rewrite: what it does to heads on both sides, and which configurations it refuses."""
# ctest: wires h2down+h2up+tls
# ctest: isolated

import json

import pairing
import pytest
import proxy as proxies
from origin import reply
from proxy import cluster, listener, to_origin

RULES = {
    "request": {
        "remove": ["X-Drop", "x-drop-too"],
        "set": {
            "x-set": "fixed",
            "x-client": "%{source_ip}",
            "x-line": "%{method} %{target} %{protocol} on %{listener}/%{route}",
            "x-agent": "<%{request_header.user-agent}>",
            "x-forged": "%{metadata.nobody.sets.this}",
            "x-percent": "100%%",
        },
        "add": {"x-add": ["one", "two"]},
    },
    "response": {
        "remove": ["server"],
        "set": {"x-status": "%{status}", "x-from": "%{endpoint} %{attempts} %{reply_by}", "x-was": "%{response_header.x-origin}"},
        "add": {"x-add": "more"},
    },
}


def config(origin):
    to = {"cluster": "origin"}
    routes = [
        {"name": "added", "match": {"prefix": "/added"}, **to, "plugins": {"heads": {"request": {"set": {"x-set": "by the route"}}}}},
        {"name": "replaced", "match": {"prefix": "/replaced"}, **to,
         "plugins": {"heads": {"mode": "replace", "request": {"set": {"x-only": "%{route}"}}, "response": {"set": {"x-only": "yes"}}}}},
        {"name": "local", "match": {"path": "/local"}, "reply": {"status": 202, "body": "here", "headers": {"server": "none"}}},
        {"name": "all", "match": {"prefix": "/x"}, **to},
    ]
    return {"workers": 1, "plugins": [{"name": "heads", "use": "header_rewrite", "config": RULES}],
            "listeners": [listener(routes, chain=["heads"])], "clusters": [cluster(origin)]}


def test_request_fields_are_removed_set_and_added(proxy, origin):
    with proxy.client() as client:
        client.get("/x?a=1", fields="X-Drop: 1\r\nx-drop: 2\r\nX-Drop-Too: 3\r\nX-Set: old\r\nx-set: older\r\nx-add: zero\r\nUser-Agent: me\r\n")
    request = origin.only_request()
    assert not request.has("x-drop") and not request.has("x-drop-too")
    assert request.all("x-set") == ["fixed"]
    assert request.all("x-add") == ["zero", "one", "two"]
    assert request.get("x-client") == "127.0.0.1"
    assert request.get("x-line") == f"GET /x?a=1 HTTP/{pairing.DOWN_VERSION} on in/all"
    assert request.get("x-agent") == "<me>"
    assert request.get("x-percent") == "100%"


def test_a_field_whose_value_is_not_known_cannot_be_forged(proxy, origin):
    with proxy.client() as client:
        client.get("/x", fields="X-Forged: admin\r\nx-forged: root\r\n")
    assert not origin.only_request().has("x-forged")


def test_response_fields_are_removed_set_and_added(proxy, origin):
    async def handler(connection, _):
        connection.send(reply(status="201 Created", fields="Server: secret\r\nX-Origin: o\r\nx-add: first\r\nx-status: 999\r\n"))

    origin.handler = handler
    with proxy.client() as client:
        response = client.get("/x")
    assert response.status == 201
    assert not response.has("server")
    assert response.all("x-status") == ["201"]
    assert response.get("x-from") == f"{origin.address} 1"
    assert response.get("x-was") == "o"
    assert response.all("x-add") == ["first", "more"]


def test_replies_made_by_the_proxy_are_rewritten_too(proxy, origin):
    with proxy.client() as client:
        local, missing = client.get("/local"), client.get("/nowhere")
    assert (local.status, local.get("x-status"), local.has("server")) == (202, "202", False)
    assert (missing.status, missing.get("x-status")) == (404, "404")
    assert origin.saw() == []


def test_a_route_adds_to_the_instance_s_rules(proxy, origin):
    with proxy.client() as client:
        response = client.get("/added")
    request = origin.only_request()
    assert request.all("x-set") == ["by the route"]
    assert request.all("x-add") == ["one", "two"]
    assert response.get("x-status") == "200"


def test_a_route_replaces_the_instance_s_rules(proxy, origin):
    with proxy.client() as client:
        response = client.get("/replaced", fields="X-Drop: kept\r\n")
    request = origin.only_request()
    assert request.get("x-only") == "replaced"
    assert request.get("x-drop") == "kept"
    assert not request.has("x-set") and not response.has("x-status")
    assert response.get("x-only") == "yes"


def test_a_value_that_is_too_long_is_not_sent_at_all(proxy, origin):
    with proxy.client() as client:
        client.get("/x", fields=f"User-Agent: {'a' * 8200}\r\nX-Agent: forged\r\n")
    assert not origin.only_request().has("x-agent")


def test_before_route_lets_routes_match_what_was_set(start, origin):
    rules = {"before_route": True, "request": {"set": {"x-kind": "%{request_header.x-raw}"}}}
    routes = [{"match": {"prefix": "/", "headers": {"x-kind": "special"}}, "reply": {"status": 200, "body": "special"}},
              {"match": {"prefix": "/"}, "reply": {"status": 200, "body": "plain"}}]
    proxy = start({"workers": 1, "plugins": [{"name": "heads", "use": "header_rewrite", "config": rules}],
                   "listeners": [listener(routes, chain=["heads"])]})
    with proxy.client() as client:
        assert client.get("/", fields="X-Raw: special\r\n").body == b"special"
        assert client.get("/", fields="X-Kind: special\r\n").body == b"plain"


@pytest.mark.parametrize("rules, words", [
    ({"request": {"set": {"x": "%{sauce}"}}}, "%{sauce} is not known"),
    ({"request": {"set": {"x": "%{status}"}}}, "not known before the response"),
    ({"before_route": True, "request": {"set": {"x": "%{route}"}}}, "not known before the route is chosen"),
    ({"request": {"set": {"x": "50%"}}}, "a lone"),
    ({"request": {"set": {"x": "a\r\nb: c"}}}, "not allowed in a header's value"),
    ({"request": {"set": {"a b": "c"}}}, "is not a header's name"),
    ({"request": {"remove": ["Host"]}}, "the proxy's own"),
    ({"response": {"add": {"content-length": "1"}}}, "the proxy's own"),
    ({"request": {"sets": {"x": "y"}}}, "set"),
    ({"request": {"set": ["x"]}}, "must be a map"),
])
def test_mistakes_are_refused_with_their_place(rules, words, tmp_path, origin):
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(to_origin(origin, {"chain": ["heads"]}, plugins=[{"name": "heads", "use": "header_rewrite", "config": rules}]), indent=1))
    done = proxies.run("validate", "-c", file)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert f"{file}:" in done.stdout + done.stderr
