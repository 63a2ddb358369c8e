"""Fixtures of the end-to-end tests. A file's tests share one proxy where its configuration allows (starting an instrumented
program costs more than most tests); each test counts the origin's requests from zero. Everything waits with a deadline."""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import origin as origins  # noqa: E402
import proxy as proxies  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    if not proxies.CLEAT.exists():
        pytest.exit(f"not built: {proxies.CLEAT} (set CLEAT_BUILD to a build folder)", returncode=3)


@pytest.fixture(scope="module")
def shared_origin():
    with origins.recording() as origin:
        yield origin


@pytest.fixture
def origin(shared_origin):
    """The file's recording origin, counting from zero, answering "ok" unless the test gives it a handler."""
    shared_origin.reset()
    yield shared_origin
    shared_origin.settle()


@pytest.fixture(scope="module")
def shared_proxy(request, shared_origin, tmp_path_factory):
    """One proxy for the file; the file's own `config(origin)` says how, else everything goes to the origin."""
    make = getattr(request.module, "config", proxies.to_origin)
    with proxies.running(make(shared_origin), tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy, origin):
    yield shared_proxy
    code = shared_proxy.process.poll()
    assert code is None, f"the proxy ended with {code}:\n{shared_proxy.log()}"


@pytest.fixture
def start(tmp_path):
    """start(config): another proxy, with this test's own configuration; stopped, and its exit checked, after the test."""
    running = []

    def start_one(config, env=None, **options):
        proxy = proxies.Proxy(config, tmp_path / f"proxy{len(running)}", env, **options)
        running.append(proxy)
        return proxy

    yield start_one
    for proxy in running:
        proxy.stop()


@pytest.fixture
def start_origin():
    """start_origin(handler): another recording origin for this test."""
    running = []

    def start_one(*args, **kwargs):
        origin = origins.RecordingOrigin(*args, **kwargs)
        running.append(origin)
        return origin

    yield start_one
    for origin in running:
        origin.close()
        assert not origin.failures, f"a script of the origin failed: {origin.failures}"


@pytest.fixture
def h2_origin():
    """h2_origin(handler, ...): an origin of HTTP/2 for this test, by hyper-h2."""
    import h2_origin as h2_origins

    running = []

    def start_one(*args, **kwargs):
        running.append(h2_origins.H2Origin(*args, **kwargs))
        return running[-1]

    yield start_one
    for origin in running:
        origin.close()
        assert not origin.failures, f"a script of the origin, or what the proxy sent, failed: {origin.failures}"


def tool(name):
    """The path of a program, or the test is skipped and says so."""
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if not found:
        pytest.skip(f"SKIPPED: no {name} on this machine (tests/install installs it)")
    return found


@pytest.fixture
def curl():
    return tool("curl")


@pytest.fixture
def wrk():
    return tool("wrk")


@pytest.fixture
def nginx_origin(tmp_path):
    """nginx(locations): a context manager of origin.nginx in this test's folder."""
    tool("nginx")
    return lambda locations="", listen="": origins.nginx(tmp_path, locations, listen)
