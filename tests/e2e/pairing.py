"""On what wires the suite runs: CLEAT_WIRE=tls puts TLS between the tests' client and the proxy, and between the proxy and the recording origin, without
the tests knowing. Unset: in the clear."""

import atexit
import functools
import os
import shutil
import tempfile

import pytest
from certificates import Authority

TLS = os.environ.get("CLEAT_WIRE") == "tls"
NAME = "a.example"
SCHEME = "https" if TLS else "http"
WS = "wss" if TLS else "ws"
origins = set()  # addresses of those that speak TLS


@functools.cache
def _made():
    folder = tempfile.mkdtemp(prefix="cleat-certificates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority(folder)
    return authority, authority.leaf(f"DNS:{NAME}")


@functools.cache
def client_context():
    return new_client_context()


def new_client_context():
    authority, _ = _made()
    return authority.client_context()


@functools.cache
def server_context():
    authority, leaf = _made()
    return authority.server_context(leaf)


def of_listener():
    return {"tls": _made()[1].pair()} if TLS else {}


def of_cluster(addresses):
    return {"tls": {"ca": str(_made()[0].certificate), "server_name": NAME}} if origins.intersection(addresses) else {}


def of_websocket():
    return {"ssl": client_context(), "server_hostname": NAME} if TLS else {}


def needs_half_close():
    if TLS:
        pytest.skip("Python's TLS cannot close one half")


needs_clear = pytest.mark.skipif(TLS, reason="looks at the connection below TLS")
