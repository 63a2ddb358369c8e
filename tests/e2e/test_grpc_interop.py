"""The official gRPC interoperability client and server (Go) through the proxy, every case that a proxy can carry: in the clear, over TLS, and from one
sidecar to another by mutual TLS."""
# ctest: timeout 600

import re
import subprocess

import pytest
from certificates import Authority
from go_tools import go_tool
from handed_port import serving
from proxy import cluster, listener, running

VERSION = "v1.85.0"
CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream", "timeout_on_sleeping_server", "cancel_after_begin",
         "cancel_after_first_response", "status_code_and_message", "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
         "orca_per_rpc", "orca_oob", "rpc_soak", "channel_soak"]  # pick_first_unary, credentials of a cloud: not between this client and this server
REPORTS = "-service_config_json={\"loadBalancingConfig\":[{\"test_backend_metrics_load_balancer\":{}}]}"  # which the orca cases need


@pytest.fixture(scope="module")
def client():
    return go_tool("grpc_interop_client", f"google.golang.org/grpc/interop/client@{VERSION}", "client")


def grpc_server(*arguments):
    program = go_tool("grpc_interop_server", f"google.golang.org/grpc/interop/server@{VERSION}", "server")
    return serving(lambda port: [program, f"-port={port}", *arguments])


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


PLUGINS = [{"name": "grpc", "use": "grpc"}]
ROUTES = [{"match": {"prefix": "/"}, "cluster": "origin"}]


@pytest.fixture(scope="module")
def clear(tmp_path_factory, client):
    with grpc_server() as port, running({"plugins": PLUGINS, "listeners": [listener(ROUTES, protocols=["http2"], chain=["grpc"])],
                                         "clusters": [cluster(f"127.0.0.1:{port}", protocol="http2")]}, tmp_path_factory.mktemp("clear")) as proxy:
        yield [f"-server_port={proxy.port}"]


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory, client, authority):
    web = authority.leaf("DNS:foo.test.example")
    ca = str(authority.certificate)
    with grpc_server("-use_tls", f"-tls_cert_file={web.certificate}", f"-tls_key_file={web.key}") as port:
        config = {"plugins": PLUGINS, "listeners": [listener(ROUTES, tls=web.pair(), chain=["grpc"])],
                  "clusters": [cluster(f"127.0.0.1:{port}", protocol="http2", tls={"ca": ca, "server_name": "foo.test.example"})]}
        with running(config, tmp_path_factory.mktemp("tls")) as proxy:
            yield [f"-server_port={proxy.port}", "-use_tls", "-use_test_ca", f"-ca_file={ca}", "-server_host_override=foo.test.example"]


@pytest.fixture(scope="module")
def by_sidecars(tmp_path_factory, client, authority):
    """In the clear to one's own sidecar, by mutual TLS to the other's, in the clear to the server."""
    one, other = authority.leaf("URI:spiffe://mesh.example/one"), authority.leaf("URI:spiffe://mesh.example/other")
    ca = str(authority.certificate)
    with grpc_server() as port:
        inbound = {"plugins": PLUGINS, "listeners": [listener(ROUTES, chain=["grpc"], tls={**other.pair(), "client_ca": ca, "client_names": "spiffe://mesh.example/one"})],
                   "clusters": [cluster(f"127.0.0.1:{port}", protocol="http2")]}
        with running(inbound, tmp_path_factory.mktemp("inbound")) as there:
            outbound = {"plugins": PLUGINS, "listeners": [listener(ROUTES, protocols=["http2"], chain=["grpc"])],
                        "clusters": [cluster(f"127.0.0.1:{there.port}", protocol="http2",
                                             tls={**one.pair(), "ca": ca, "server_name": "other", "names": "spiffe://mesh.example/other"})]}
            with running(outbound, tmp_path_factory.mktemp("outbound")) as here:
                yield [f"-server_port={here.port}"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("wire", ["clear", "over_tls", "by_sidecars"])
def test_interop(client, wire, case, request):
    arguments = request.getfixturevalue(wire)
    done = subprocess.run([client, "-server_host=127.0.0.1", *arguments, f"-test_case={case}", "-soak_overall_timeout_seconds=30", *([REPORTS] if "orca" in case else [])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not re.search(r"FATAL|panic", done.stderr), done.stderr[-3000:]
