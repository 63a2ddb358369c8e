"""On what wires the suite runs: CLEAT_WIRE is a set of words, joined by "+". Unset: HTTP/1.1 in the clear on both sides.
  tls     TLS between the tests' client and the proxy, and between the proxy and the recording origin
  h2down  HTTP/2 to the proxy: the tests' client reaches it through relay_down
  h2up    HTTP/2 from the proxy: it reaches the recording origin through relay_up
Tests do not know; those that look at what is not there on such a wire say so by the marks below. What a relay cannot say in HTTP/2 it refuses, so
that no test passes by what a relay made of it."""

import atexit
import functools
import os
import shutil
import tempfile

import pytest
from certificates import Authority

WORDS = set(filter(None, os.environ.get("CLEAT_WIRE", "").split("+")))
assert WORDS <= {"tls", "h2down", "h2up"}, f"CLEAT_WIRE: {WORDS}"
TLS, DOWN, UP = "tls" in WORDS, "h2down" in WORDS, "h2up" in WORDS
NAME = "a.example"
SCHEME = "https" if TLS else "http"
CLIENT_TLS, ORIGIN_TLS = TLS and not DOWN, TLS and not UP  # else the relays have it
WS = "wss" if CLIENT_TLS else "ws"
DOWN_VERSION, UP_VERSION = "2" if DOWN else "1.1", "2" if UP else "1.1"  # as Via has them
origins = set()  # addresses of those that speak what these words say


@functools.cache
def _made():
    folder = tempfile.mkdtemp(prefix="cleat-certificates-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    authority = Authority(folder)
    return authority, authority.leaf(f"DNS:{NAME}")


@functools.cache
def client_context(*protocols):
    return new_client_context(*protocols)


def new_client_context(*protocols):
    authority, _ = _made()
    context = authority.client_context()
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


@functools.cache
def server_context(*protocols):
    authority, leaf = _made()
    context = authority.server_context(leaf)
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def of_listener():
    return {"tls": _made()[1].pair()} if TLS else {}


def of_cluster(addresses):
    if not origins.intersection(addresses):
        return {}
    tls = {"tls": {"ca": str(_made()[0].certificate), "server_name": NAME}} if TLS else {}
    return {**tls, **({"protocol": "http2"} if UP else {})}


def of_websocket():
    return {"ssl": client_context(), "server_hostname": NAME} if CLIENT_TLS else {}


def needs_half_close(tunnel=False):
    if CLIENT_TLS or (tunnel and ORIGIN_TLS):
        pytest.skip("Python's TLS cannot close one half")
    if DOWN and not tunnel:
        pytest.skip("a connection of HTTP/2 has no halves")


def expect_refused(client):
    """Behind a refusal: HTTP/1.1's connection ends with it, HTTP/2's goes on."""
    if not DOWN:
        client.expect_closed()


def needs_http1_down(reason):
    return pytest.mark.skipif(DOWN, reason=f"HTTP/1.1 from the client: {reason}")


def needs_http1_up(reason):
    return pytest.mark.skipif(UP, reason=f"HTTP/1.1 to the origin: {reason}")


needs_clear = pytest.mark.skipif(TLS, reason="looks at the connection below TLS")
measures_time = pytest.mark.skipif(bool(WORDS), reason="a ratio of times, measured on the plain wire")
