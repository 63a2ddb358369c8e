"""plugins/api_key: who passes, with what answer for whom, what upstreams see of keys, and following the key file."""
# ctest: threads
# ctest: wires h2down+h2up+tls
# ctest: isolated

import hashlib
import json
import os

import pytest
import proxy as proxies
from proxy import cluster, listener

ALICE, BOB = "key-of-alice-0123456789", "key+of/bob=="


def line(key, owner, scopes=""):
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()} {owner} {scopes}\n"


KEYS = "# keys\n" + line(ALICE, "alice") + line(BOB, "bob", "read,write")


def with_keys(origin, folder, settings, routes=None):
    """A configuration whose key file stands in the folder; the owner goes upstream in X-Owner."""
    folder.mkdir(exist_ok=True)
    (folder / "keys.txt").write_text(KEYS)
    to = {"cluster": "origin"}
    routes = routes or [
        {"match": {"prefix": "/open"}, **to, "plugins": {"keys": {"disabled": True}}},
        {"match": {"prefix": "/maybe"}, **to, "plugins": {"keys": {"optional": True}}},
        {"match": {"prefix": "/bob"}, **to, "plugins": {"keys": {"owners": ["bob", "carol"]}}},
        {"match": {"prefix": "/write"}, **to, "plugins": {"keys": {"scopes": ["write"]}}},
        {"match": {"prefix": "/admin"}, **to, "plugins": {"keys": {"scopes": ["write", "admin"]}}},
        {"match": {"prefix": "/"}, **to},
    ]
    heads = {"request": {"set": {"x-owner": "%{metadata.api_key.owner}", "x-scopes": "%{metadata.api_key.scopes}"}}}
    return {"workers": 1,
            "plugins": [{"name": "keys", "use": "api_key", "config": {"keys": str(folder / "keys.txt"), **settings}},
                        {"name": "heads", "use": "header_rewrite", "config": heads}],
            "listeners": [listener(routes, chain=["keys", "heads"])], "clusters": [cluster(origin)]}


SOURCES = [{"header": "x-api-key"}, {"header": "authorization", "scheme": "Bearer"}, {"query": "key"}, {"cookie": "session"}]


@pytest.fixture(scope="module")
def shared_proxy(shared_origin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    with proxies.running(with_keys(shared_origin, folder, {"sources": SOURCES, "realm": "test"}), folder / "proxy") as running:
        yield running


def ask(proxy, target="/", fields=""):
    with proxy.client() as client:
        return client.get(target, fields=fields)


def test_a_request_without_a_key_is_answered_401(proxy, origin):
    response = ask(proxy)
    assert (response.status, response.get("www-authenticate"), response.body) == (401, 'ApiKey realm="test"', b"an API key is needed\n")
    assert origin.saw() == []


@pytest.mark.parametrize("fields", ["X-Api-Key: wrong\r\n", f"X-Api-Key: {ALICE} \r\nx-api-key: {ALICE}\r\n", f"X-Api-Key: {'a' * 2000}\r\n",
                                    f"Cookie: session={ALICE}x\r\n"])
def test_an_unknown_key_is_answered_401(proxy, origin, fields):
    response = ask(proxy, fields=fields)
    assert (response.status, response.has("www-authenticate"), response.body) == (401, True, b"this API key is not known\n")
    assert origin.saw() == []


@pytest.mark.parametrize("target, fields", [
    ("/", f"X-Api-Key: {ALICE}\r\n"),
    ("/", f"Authorization: bearer {ALICE}\r\n"),
    (f"/?key={ALICE}", ""),
    ("/", f"Cookie: session={ALICE}\r\n"),
])
def test_a_known_key_passes_wherever_it_stands_and_upstream_sees_the_owner_not_the_key(proxy, origin, target, fields):
    assert ask(proxy, target, fields).status == 200
    request = origin.only_request()
    assert request.get("x-owner") == "alice"
    assert ALICE.encode() not in request.raw
    assert request.target == "/"
    assert not request.has("x-scopes")


def test_only_the_key_is_taken_out(proxy, origin):
    assert ask(proxy, "/p?a=1&key=key%2Bof/bob%3D%3D&b=2", "Cookie: a=1; session=other; b=2\r\nAuthorization: Basic abc\r\n").status == 200
    request = origin.only_request()
    assert request.target == "/p?a=1&b=2"
    assert request.get("cookie") == "a=1; b=2"
    assert request.get("authorization") == "Basic abc"
    assert (request.get("x-owner"), request.get("x-scopes")) == ("bob", "read,write")


def test_the_first_source_that_has_a_key_decides(proxy, origin):
    assert ask(proxy, f"/?key={ALICE}", "X-Api-Key: wrong\r\n").status == 401
    assert ask(proxy, "/?key=wrong", f"X-Api-Key: {ALICE}\r\n").status == 200
    assert origin.only_request().target == "/"


def test_owners_and_scopes_of_a_route(proxy, origin):
    alice, bob = f"X-Api-Key: {ALICE}\r\n", f"X-Api-Key: {BOB}\r\n"
    refused = ask(proxy, "/bob", alice)
    assert (refused.status, refused.has("www-authenticate")) == (403, False)
    assert ask(proxy, "/bob", bob).status == 200
    assert ask(proxy, "/write", alice).status == 403
    assert ask(proxy, "/write", bob).status == 200
    assert ask(proxy, "/admin", bob).status == 403
    assert [r.target for r in origin.saw()] == ["/bob", "/write"]


def test_an_optional_key_may_be_absent_but_not_wrong(proxy, origin):
    assert ask(proxy, "/maybe", "X-Owner: forged\r\n").status == 200
    assert not origin.only_request().has("x-owner")
    assert ask(proxy, "/maybe", "X-Api-Key: wrong\r\n").status == 401
    assert ask(proxy, "/maybe", f"X-Api-Key: {ALICE}\r\n").status == 200
    assert origin.saw()[1].get("x-owner") == "alice"


def test_a_disabled_route_is_not_touched(proxy, origin):
    assert ask(proxy, "/open?key=1", "X-Api-Key: 2\r\n").status == 200
    request = origin.only_request()
    assert (request.target, request.get("x-api-key")) == ("/open?key=1", "2")


def test_keys_stay_where_strip_is_off(start, origin, tmp_path):
    proxy = start(with_keys(origin, tmp_path / "keys", {"strip": False}))
    assert ask(proxy, fields=f"X-Api-Key: {ALICE}\r\n").status == 200
    assert origin.only_request().get("x-api-key") == ALICE


def test_a_changed_key_file_is_followed_by_every_worker_and_a_bad_one_is_not(start, origin, tmp_path):
    folder = tmp_path / "keys"
    settings = {**with_keys(origin, folder, {"reload": "100ms"}), "workers": 2}
    proxy = start(settings)

    def replace(text):
        (folder / "new").write_text(text)
        os.rename(folder / "new", folder / "keys.txt")

    def statuses(key):
        found = set()
        for _ in range(20):  # new connections: both workers
            found.add(ask(proxy, fields=f"X-Api-Key: {key}\r\n").status)
        return found

    assert statuses("new") == {401}
    replace(line("new", "dave"))
    proxy.wait_for_line("1 keys read from")
    origin.wait_for(lambda: statuses("new") == {200}, "the new key on both workers")
    assert statuses(ALICE) == {401}

    replace(line("newer", "eve") + "rubbish\n")
    proxy.wait_for_line("the keys in use stay: .*line 2")
    assert statuses("new") == {200}
    replace(KEYS)
    proxy.wait_for_line("2 keys read from")
    origin.wait_for(lambda: statuses(ALICE) == {200}, "the old keys again")


@pytest.mark.parametrize("settings, text, words", [
    ({}, "rubbish\n", "line 1: must begin with sha256"),
    ({}, None, "No such file"),
    ({"sources": []}, KEYS, "name at least one source"),
    ({"sources": [{"header": "a", "query": "b"}]}, KEYS, "a source is one of"),
    ({"sources": [{"query": "a", "scheme": "b"}]}, KEYS, "only a header has a scheme"),
    ({"owners": []}, KEYS, "would let nobody pass"),
    ({"realm": 'a"b'}, KEYS, "without quotes"),
    ({"reload": "1ms"}, KEYS, "at least 100ms"),
])
def test_mistakes_are_refused(settings, text, words, tmp_path, origin):
    config = with_keys(origin, tmp_path / "keys", settings)
    if text is None:
        (tmp_path / "keys" / "keys.txt").unlink()
    else:
        (tmp_path / "keys" / "keys.txt").write_text(text)
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(config, indent=1))
    done = proxies.run("validate", "-c", file)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
