"""The tutorial plugin in each language of the SDK is one and the same: built from the installed SDK, run by the real kernel, with a real
service to ask. It blocks, asks and waits, denies, marks, counts; and what fails in it leaves the process alone."""
# ctest: timeout 300

import re
import shutil

import pytest
import sdk
from origin import ClosedPort, RecordingOrigin, reply
from proxy import BUILD, SOURCE, cluster, listener, run, running


@pytest.fixture(scope="module")
def prefix():
    with sdk.prefix("tutorials") as folder:
        yield folder


@pytest.fixture(scope="module", params=sdk.LANGUAGES)
def plugin(request, prefix, tmp_path_factory):
    """The built file, out of this tree."""
    language = request.param
    sdk.need(language)
    folder = tmp_path_factory.mktemp(language) / "tutorial"
    shutil.copytree(SOURCE / "examples" / f"tutorial_{language}", folder, ignore=shutil.ignore_patterns("target", "build", "*.so"))
    for name in ("Cargo.toml", "go.mod"):  # in this tree they point beside themselves
        if (file := folder / name).exists():
            text = file.read_text()
            assert "../../plugin_api" in text
            file.write_text(text.replace("../../plugin_api", str(prefix / "share/cleat")))
    return sdk.build(language, folder, "tutorial")


async def check(connection, request):
    """The service: /no/... may not pass, /odd gets no useful answer, all others may."""
    path = request.get("x-path")
    if path.startswith("/no/"):
        connection.send(reply(b"not you\n", status="403 Forbidden"))
    elif path == "/odd":
        connection.send(reply(b"?", status="500 Oops"))
    else:
        connection.send(reply(b"yes"))


@pytest.fixture(scope="module")
def service():
    origin = RecordingOrigin(check)
    yield origin
    origin.close()
    assert not origin.failures


def config(plugin, service, origin, chain="asks"):
    settings = {"block": "/private", "fail": "/broken", "cluster": "auth", "check": "/check?v=1", "timeout": "2s"}
    use = [{"name": "asks", "use": str(plugin), "config": settings}, {"name": "open", "use": str(plugin), "config": settings, "on_failure": "open"},
           {"name": "lost", "use": str(plugin), "config": {**settings, "cluster": "closed"}}, {"name": "metrics", "use": "prometheus"}]
    to_origin = [{"match": {"prefix": "/"}, "cluster": "origin"}]
    return {"workers": 2, "plugin_path": [str(BUILD / "plugins")], "plugins": use,
            "listeners": [*(listener(to_origin, name=one, chain=[one]) for one in ("asks", "open", "lost")),
                          listener([{"match": {"prefix": "/"}, "handler": "metrics"}], name="metrics")],
            "clusters": [cluster(origin), cluster(service, name="auth"), cluster(ClosedPort().address, name="closed")]}


@pytest.fixture(scope="module")
def tutorial_proxy(plugin, service, shared_origin, tmp_path_factory):
    with running(config(plugin, service, shared_origin), tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def proxy(tutorial_proxy, origin):
    yield tutorial_proxy
    assert tutorial_proxy.process.poll() is None, tutorial_proxy.log()


def ask(proxy, target, listener="asks"):
    with proxy.client(listener) as client:
        return client.get(target)


def counted(proxy, instance="asks"):
    page = ask(proxy, "/metrics", "metrics").body.decode()
    found = re.findall(r"^cleat_tutorial_requests_total\{(.*)\} (\d+)$", page, re.M)
    return {re.search(r'outcome="(\w+)"', labels)[1]: int(value) for labels, value in found if f'instance="{instance}"' in labels}


def test_a_path_is_blocked_before_anybody_is_asked(proxy, origin, service):
    service.reset()
    before = counted(proxy)["blocked"]
    answer = ask(proxy, "/private")
    assert (answer.status, answer.body) == (403, b"blocked\n")
    assert service.saw() == [] and origin.saw() == []
    assert counted(proxy)["blocked"] == before + 1


def test_the_service_is_asked_and_who_may_pass_is_marked(proxy, origin, service):
    service.reset()
    before = counted(proxy)["allowed"]
    answer = ask(proxy, "/hello?a=1")
    assert (answer.status, answer.body, answer.get("x-tutorial")) == (200, b"ok", "seen")
    asked = service.only_request()
    assert (asked.method, asked.target, asked.get("x-path")) == ("GET", "/check?v=1", "/hello")
    assert origin.only_request().target == "/hello?a=1"
    assert counted(proxy)["allowed"] == before + 1


def test_who_may_not_pass_gets_what_the_service_said(proxy, origin, service):
    before = counted(proxy)["denied"]
    answer = ask(proxy, "/no/entry")
    assert (answer.status, answer.body) == (403, b"not you\n")
    assert origin.saw() == [] and counted(proxy)["denied"] == before + 1


def test_a_plugin_that_breaks_is_answered_by_500_and_told_in_the_log(proxy, origin):
    for _ in range(3):
        assert ask(proxy, "/broken").status == 500
    assert origin.saw() == []
    proxy.wait_for_line(r"plugin/asks .*asked to fail")


def test_on_failure_open_lets_pass_what_breaks(proxy, origin):
    answer = ask(proxy, "/broken", "open")
    assert (answer.status, answer.get("x-tutorial")) == (200, "seen")
    assert origin.only_request().target == "/broken"


@pytest.mark.parametrize("listener, target", [("asks", "/odd"), ("lost", "/hello")])
def test_without_a_useful_answer_on_failure_decides(proxy, origin, listener, target):
    assert ask(proxy, target, listener).status == 500
    assert origin.saw() == []


def test_the_plugin_answers_as_before_after_all_of_this(proxy, origin):
    for _ in range(20):
        assert ask(proxy, "/hello").status == 200
    assert len(origin.saw()) == 20


@pytest.mark.parametrize("mistake, words", [("timeout: soon", "must be a duration.*soon"), ("colour: red", "colour: unknown key")])
def test_a_mistake_in_its_configuration_is_told_at_its_place(plugin, tmp_path, mistake, words):
    file = tmp_path / "cleat.yaml"
    file.write_text(f"plugins:\n  - {{name: asks, use: {plugin}, config: {{{mistake}}}}}\n"
                    "listeners:\n  - {name: in, address: 127.0.0.1:0, chain: [asks], routes: [{reply: {status: 204}}]}\n")
    done = run("validate", "-c", file)
    assert done.returncode == 2
    assert re.search(rf"cleat\.yaml:2:\d+: .*{words}", done.stderr), done.stderr
