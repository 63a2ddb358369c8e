"""Two hosts on one machine: network namespaces "pod" and "world" with a wire between them, and nft in the pod."""

import contextlib
import os
import shutil
import subprocess

import pytest

POD, WORLD = {4: "10.77.0.1", 6: "fd77::1"}, {4: "10.77.0.2", 6: "fd77::2"}
APP_UID = 1000  # of what is redirected: the proxy runs as another


def tool(name):
    found = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        pytest.skip(f"SKIPPED: {name} is not installed (tests/install brings it)")
    return found


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30, **options).stdout


class Hosts:
    """As a context manager. Skips the test where the system lets nobody make namespaces or rules."""

    def __init__(self):
        self.ip, self.nft = tool("ip"), tool("nft")
        self.pod, self.world = f"cleat-pod-{os.getpid()}", f"cleat-world-{os.getpid()}"

    def within(self, host, uid=None):
        """The words before a command that runs there."""
        words = (self.ip, "netns", "exec", host)
        return words if uid is None else (*words, tool("setpriv"), f"--reuid={uid}", f"--regid={uid}", "--clear-groups")

    def on(self, host, *command, uid=None, **options):
        return run(*self.within(host, uid), *command, **options)

    def rules(self, text):
        self.on(self.pod, self.nft, "-f", "-", input=text + "\n")

    def __enter__(self):
        try:
            for host in (self.pod, self.world):
                run(self.ip, "netns", "add", host)
                self.on(host, self.ip, "link", "set", "lo", "up")
            run(self.ip, "link", "add", "wire", "netns", self.pod, "type", "veth", "peer", "name", "wire", "netns", self.world)
            for host, of in ((self.pod, POD), (self.world, WORLD)):
                self.on(host, self.ip, "address", "add", f"{of[4]}/24", "dev", "wire")
                self.on(host, self.ip, "address", "add", f"{of[6]}/64", "dev", "wire", "nodad")
                self.on(host, self.ip, "link", "set", "wire", "up")
            self.rules("table inet probe {\n}\n")
        except (subprocess.CalledProcessError, PermissionError) as error:
            self.__exit__()
            pytest.skip(f"SKIPPED: no network namespaces with nft here: {getattr(error, 'stderr', error)}")
        return self

    def __exit__(self, *_):
        for host in (self.pod, self.world):
            with contextlib.suppress(subprocess.CalledProcessError):
                run(self.ip, "netns", "delete", host)

    def redirect_outgoing(self, port):
        """What the app's user sends to ports 8000 to 8999 comes to `port` of the pod."""
        self.rules(f"""table inet outgoing {{
            chain output {{
                type nat hook output priority -100; policy accept;
                meta skuid {APP_UID} tcp dport 8000-8999 redirect to :{port}
            }}
        }}""")

    def intercept_incoming(self, port, of=8080):
        """What the world sends to port `of` is taken by the transparent listener on `port`."""
        for family in ("-4", "-6"):
            self.on(self.pod, self.ip, family, "rule", "add", "fwmark", "1", "lookup", "100")
            self.on(self.pod, self.ip, family, "route", "add", "local", "default", "dev", "lo", "table", "100")
        self.rules(f"""table inet incoming {{
            chain prerouting {{
                type filter hook prerouting priority mangle; policy accept;
                iifname "wire" meta nfproto ipv4 tcp dport {of} tproxy ip to :{port} meta mark set 1 accept
                iifname "wire" meta nfproto ipv6 tcp dport {of} tproxy ip6 to :{port} meta mark set 1 accept
            }}
        }}""")


SAYS = """
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = sys.argv[3].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = Server((sys.argv[1], int(sys.argv[2])), Handler)
print("ready", flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def saying(hosts, host, address, port, text):
    """Python's http.server on that host, which answers every GET with the text."""
    process = subprocess.Popen([*hosts.within(host), "python3", "-c", SAYS, address, str(port), text], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
