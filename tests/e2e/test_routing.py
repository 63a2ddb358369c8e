"""Which route a request takes, and what routes do besides passing it on."""
# ctest: wires

import collections
import time

import pairing
import pytest
from origin import reply
from proxy import cluster, listener, running

# Each route answers with its own name. First match in order.
REPLIES = [
    ("exact", {"path": "/exact"}),
    ("regex", {"regex": "/item/[0-9]+"}),
    ("long_prefix", {"prefix": "/v1/users/"}),
    ("prefix", {"prefix": "/v1"}),
    ("method", {"prefix": "/method", "method": "POST"}),
    ("methods", {"prefix": "/method", "method": ["PUT", "DELETE"]}),
    ("header", {"prefix": "/header", "headers": {"X-Kind": "blue"}}),
    ("header_prefix", {"prefix": "/header", "headers": [{"name": "x-kind", "prefix": "gr"}]}),
    ("header_regex", {"prefix": "/header", "headers": [{"name": "X-Kind", "regex": "r[aeiou]d"}]}),
    ("header_present", {"prefix": "/header", "headers": [{"name": "X-Other", "present": True}]}),
    ("header_absent", {"prefix": "/header/not", "headers": [{"name": "X-Kind", "present": True, "invert": True}]}),
    ("query", {"prefix": "/query", "query": {"q": "1"}}),
    ("query_present", {"prefix": "/query", "query": [{"name": "flag", "present": True}]}),
    ("query_regex", {"prefix": "/query", "query": [{"name": "q", "regex": "a+"}]}),
    ("host_exact", {"host": "one.example", "prefix": "/host"}),
    ("host_list", {"host": ["two.example", "three.example"], "prefix": "/host"}),
    ("host_wild", {"host": "*.wild.example", "prefix": "/host"}),
    ("host_any", {"host": "*", "prefix": "/host"}),
    ("root", {"path": "/"}),
]


def config(origin):
    routes = [{"name": name, "match": match, "reply": {"status": 200, "body": name}} for name, match in REPLIES]
    routes += [
        {"match": {"path": "/teapot"}, "reply": {"status": 418, "body": "short", "headers": {"X-Own": "yes", "Content-Type": "text/plain"}}},
        {"match": {"path": "/gone"}, "redirect": {"status": 308, "scheme": "https", "host": "new.example", "path": "/here"}},
        {"match": {"path": "/moved"}, "redirect": {"path": "/there"}},
        {"match": {"prefix": "/old/"}, "redirect": {"status": 302, "prefix_rewrite": "/new/"}},
        {"match": {"path": "/strip"}, "redirect": {"status": 307, "path": "/x", "strip_query": True}},
        {"match": {"prefix": "/api/"}, "cluster": "origin", "prefix_rewrite": "/"},
        {"match": {"prefix": "/swap"}, "cluster": "origin", "prefix_rewrite": "/other"},
        {"match": {"prefix": "/rehost"}, "cluster": "origin", "host_rewrite": "inner.example:81"},
        {"match": {"prefix": "/pass"}, "cluster": "origin"},
    ]
    return {"workers": 1, "clusters": [cluster(origin)], "listeners": [listener(routes)]}


def ask(proxy, target, host="a.example", method="GET", fields="", name=None):
    with proxy.client(name) as client:
        client.send(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
        return client.response(method)


@pytest.mark.parametrize("target,fields,method,host,expected", [
    ("/exact", "", "GET", "a.example", "exact"),
    ("/exact?x=1", "", "GET", "a.example", "exact"),
    ("/exact/", "", "GET", "a.example", None),
    ("/exac", "", "GET", "a.example", None),
    ("/item/42", "", "GET", "a.example", "regex"),
    ("/item/42?a=/", "", "GET", "a.example", "regex"),
    ("/item/42x", "", "GET", "a.example", None),
    ("/x/item/42", "", "GET", "a.example", None),
    ("/v1", "", "GET", "a.example", "prefix"),
    ("/v1/", "", "GET", "a.example", "prefix"),
    ("/v1/x/y", "", "GET", "a.example", "prefix"),
    ("/v1?x", "", "GET", "a.example", "prefix"),
    ("/v10", "", "GET", "a.example", None),
    ("/v1/users/7", "", "GET", "a.example", "long_prefix"),
    ("/v1/usersx", "", "GET", "a.example", "prefix"),
    ("/V1", "", "GET", "a.example", None),
    ("/method", "", "POST", "a.example", "method"),
    ("/method", "", "DELETE", "a.example", "methods"),
    ("/method", "", "GET", "a.example", None),
    ("/header", "X-Kind: blue\r\n", "GET", "a.example", "header"),
    ("/header", "x-kind: green\r\n", "GET", "a.example", "header_prefix"),
    ("/header", "X-KIND: red\r\n", "GET", "a.example", "header_regex"),
    ("/header", "X-Kind: bread\r\n", "GET", "a.example", None),
    ("/header", "X-Other: \r\n", "GET", "a.example", "header_present"),
    ("/header/not", "", "GET", "a.example", "header_absent"),
    ("/header/not", "X-Kind: pink\r\n", "GET", "a.example", None),
    ("/query?q=1", "", "GET", "a.example", "query"),
    ("/query?z=2&q=1", "", "GET", "a.example", "query"),
    ("/query?q=11", "", "GET", "a.example", None),
    ("/query?flag", "", "GET", "a.example", "query_present"),
    ("/query?q=aaa", "", "GET", "a.example", "query_regex"),
    ("/query", "", "GET", "a.example", None),
    ("/host", "", "GET", "one.example", "host_exact"),
    ("/host", "", "GET", "ONE.example:8080", "host_exact"),
    ("/host", "", "GET", "three.example", "host_list"),
    ("/host", "", "GET", "b.wild.example", "host_wild"),
    ("/host", "", "GET", "wild.example", "host_any"),
    ("/host", "", "GET", "evilwild.example", "host_any"),
    ("/", "", "GET", "a.example", "root"),
    ("/nothing", "", "GET", "a.example", None),
])
def test_the_first_route_that_matches_is_taken(proxy, target, fields, method, host, expected):
    response = ask(proxy, target, host, method, fields)
    if expected is None:
        assert response.status == 404
    else:
        assert (response.status, response.body) == (200, expected.encode())


def test_a_request_without_a_route_is_answered_404_and_the_connection_stays(proxy, origin):
    with proxy.client() as client:
        assert [client.get("/nothing").status for _ in range(3)] == [404] * 3
    assert origin.saw() == []


# --- path normalisation comes before routing


@pytest.mark.parametrize("target,seen", [
    ("/pass/./a", "/pass/a"),
    ("/pass/b/../a", "/pass/a"),
    ("/x/../pass/a", "/pass/a"),
    ("/x/%2e%2e/pass/a", "/pass/a"),
    ("/x/.%2E/pass/a", "/pass/a"),
    ("//pass///a", "/pass/a"),
    ("/p%61ss/%7Ea", "/pass/~a"),
    ("/pass/%c3%a9", "/pass/%C3%A9"),
    ("/pass/a%2fb", "/pass/a%2Fb"),
    ("/pass/a?b=../c//d&e=%61", "/pass/a?b=../c//d&e=%61"),
    ("/pass/a/.", "/pass/a/"),
    ("/pass/a/b/..", "/pass/a/"),
])
def test_a_path_is_normalised_before_it_is_routed(proxy, origin, target, seen):
    assert ask(proxy, target).status == 200
    assert origin.only_request().target == seen


@pytest.mark.parametrize("target", ["/..", "/../pass", "/pass/../../x", "/%2e%2e/pass", "/pass/%00", "/pass/%zz", "/pass/%4"])
def test_a_path_that_cannot_be_made_safe_is_refused(proxy, origin, target):
    assert ask(proxy, target).status == 400
    assert origin.saw() == []


def test_escaped_slashes_follow_the_listeners_policy(start, origin):
    route = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    proxy = start({"workers": 1, "clusters": [cluster(origin)],
                   "listeners": [listener(route, kind, path={"escaped_slashes": kind, "merge_slashes": kind != "keep"})
                                 for kind in ("keep", "decode", "reject")]})
    assert ask(proxy, "/a%2Fb//c", name="keep").status == 200
    assert ask(proxy, "/a%2fb//c", name="decode").status == 200
    assert ask(proxy, "/a%2fb", name="reject").status == 400
    assert [r.target for r in origin.saw()] == ["/a%2Fb//c", "/a/b/c"]


# --- rewrites, redirects, replies


@pytest.mark.parametrize("target,seen", [
    ("/api/users/1?q=2", "/users/1?q=2"), ("/api/", "/"), ("/swap/x", "/other/x"), ("/swap", "/other"), ("/swap?y", "/other?y"),
])
def test_a_prefix_is_rewritten(proxy, origin, target, seen):
    assert ask(proxy, target).status == 200
    assert origin.only_request().target == seen


def test_the_host_is_rewritten(proxy, origin):
    assert ask(proxy, "/rehost").status == 200
    assert origin.only_request().all("Host") == ["inner.example:81"]


@pytest.mark.parametrize("target,status,location", [
    ("/gone", 308, "https://new.example/here"),
    ("/gone?a=b", 308, "https://new.example/here?a=b"),
    ("/moved", 301, f"{pairing.SCHEME}://a.example/there"),
    ("/old/x/y?z", 302, f"{pairing.SCHEME}://a.example/new/x/y?z"),
    ("/strip?secret", 307, f"{pairing.SCHEME}://a.example/x"),
])
def test_a_redirect_says_where(proxy, origin, target, status, location):
    response = ask(proxy, target)
    assert response.status == status
    assert response.get("Location") in (location, location.replace(f"{pairing.SCHEME}://a.example", ""))
    assert origin.saw() == []


def test_a_direct_reply_has_its_status_fields_and_body(proxy):
    response = ask(proxy, "/teapot")
    assert (response.status, response.body, response.get("X-Own"), response.get("Content-Type")) == (418, b"short", "yes", "text/plain")


def test_a_direct_reply_to_head_has_no_body(proxy):
    with proxy.client() as client:
        client.send(b"HEAD /teapot HTTP/1.1\r\nHost: a.example\r\n\r\n" * 2)
        for _ in range(2):
            response = client.response("HEAD")
            assert (response.status, response.get("Content-Length")) == (418, "5")


def test_a_request_body_is_read_past_where_the_proxy_answers_itself(proxy):
    with proxy.client() as client:
        client.send(b"POST /teapot HTTP/1.1\r\nHost: a.example\r\nContent-Length: 25\r\n\r\nGET /gone HTTP/1.1\r\n\r\nxxx")
        assert client.response().status == 418
        # Either the body was read to its end, or the connection closes: never is it taken for a request.
        client.send(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        client.half_close()
        data = client.rest()
    assert not data or data.endswith(b"root")


# --- clusters


def test_weighted_clusters_share_by_weight(start, start_origin):
    async def name(connection, _):
        connection.send(reply(str(connection.origin.port).encode()))

    light, heavy, never = (start_origin(name) for _ in range(3))
    proxy = start({"workers": 1, "clusters": [cluster(light, name="light"), cluster(heavy, name="heavy"), cluster(never, name="never")],
                   "listeners": [listener([{"match": {"prefix": "/"}, "clusters": [
                       {"name": "light", "weight": 1}, {"name": "heavy", "weight": 3}, {"name": "never", "weight": 0}]}])]})
    with proxy.client() as client:
        counts = collections.Counter(int(client.get().body) for _ in range(400))
    assert counts[never.port] == 0
    assert 60 <= counts[light.port] <= 140 and counts[light.port] + counts[heavy.port] == 400, counts


def test_endpoints_take_turns_by_weight(start, start_origin):
    one, two = start_origin(), start_origin()
    proxy = start({"workers": 1, "clusters": [cluster({"address": one.address, "weight": 1}, {"address": two.address, "weight": 3})],
                   "listeners": [listener([{"match": {"prefix": "/"}, "cluster": "origin"}])]})
    with proxy.client() as client:
        for _ in range(40):
            assert client.get().status == 200
    assert (len(one.saw()), len(two.saw())) == (10, 30)


@pairing.measures_time
def test_ten_thousand_routes_are_no_linear_scan(origin, tmp_path):
    """A ratio of times on one machine: the last of 10,000 routes against the only one."""
    def seconds(proxy, target):
        with proxy.client() as client:
            client.get(target)
            best = []
            for _ in range(5):
                began = time.perf_counter()
                for _ in range(40):
                    client.get(target)
                best.append(time.perf_counter() - began)
        return min(best)

    few = {"workers": 1, "listeners": [listener([{"match": {"prefix": "/svc9999/"}, "reply": {"status": 204}}])]}
    many = {"workers": 1, "listeners": [listener([{"match": {"host": f"h{i % 100}.example" if i % 2 else "*", "prefix": f"/svc{i}/"},
                                                   "reply": {"status": 204}} for i in range(9999)] +
                                                 [{"match": {"prefix": "/svc9999/"}, "reply": {"status": 204}}])]}
    with running(few, tmp_path / "few") as proxy:
        one = seconds(proxy, "/svc9999/x")
    with running(many, tmp_path / "many") as proxy:
        all_of_them = seconds(proxy, "/svc9999/x")
        assert ask(proxy, "/svc8000/x").status == 204 and ask(proxy, "/svc10001/x").status == 404
    assert all_of_them < 3 * one, f"40 requests took {all_of_them * 1e3:.1f} ms with 10,000 routes and {one * 1e3:.1f} ms with one"


def test_several_listeners_each_have_their_own_routes(start):
    proxy = start({"workers": 1, "listeners": [listener([{"match": {"prefix": "/"}, "reply": {"status": 200, "body": name}}], name)
                                               for name in ("left", "right")]})
    assert ask(proxy, "/", name="left").body == b"left" and ask(proxy, "/", name="right").body == b"right"
