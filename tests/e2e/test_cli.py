"""The commands and their words: errors an operator can act on, exit codes, and inspecting a plugin without running it."""

import json
import re
import socket
import subprocess

import pytest
from conftest import tool
from proxy import BUILD, SOURCE, Proxy, listener, run

GOOD = """\
workers: 1
listeners:
  - name: in
    address: 127.0.0.1:0
    routes:
      - {match: {prefix: /}, cluster: app}
clusters:
  - name: app
    endpoints: [127.0.0.1:9]
"""


def refused(tmp_path, text, command="validate"):
    """The error lines of a configuration that must be refused with exit 2, without the file's name in front."""
    file = tmp_path / "cleat.yaml"
    file.write_text(text)
    done = run(command, "-c", file)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = [line for line in done.stderr.splitlines() if str(file) in line]
    assert lines, done.stderr
    return [line[line.index(str(file)) + len(str(file)):] for line in lines]


def find(lines, *patterns):
    """One line for each pattern, in this order, and no line besides."""
    assert len(lines) == len(patterns), "\n".join(lines)
    for line, pattern in zip(lines, patterns):
        assert re.search(pattern, line), f"{line!r} is not like {pattern!r}"


# --- validate


def test_a_good_configuration_is_accepted(tmp_path):
    (tmp_path / "cleat.yaml").write_text(GOOD)
    done = run("validate", "-c", tmp_path / "cleat.yaml")
    assert done.returncode == 0, done.stderr


def test_json_is_accepted_too(tmp_path):
    (tmp_path / "cleat.json").write_text(json.dumps({"listeners": [listener([{"reply": {"status": 204}}])]}, indent=1))
    assert run("validate", "-c", tmp_path / "cleat.json").returncode == 0


def test_validating_opens_no_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (tmp_path / "cleat.yaml").write_text(GOOD.replace("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}"))
        assert run("validate", "-c", tmp_path / "cleat.yaml").returncode == 0


@pytest.mark.parametrize("command", ["validate", "run"])
def test_an_unknown_key_is_shown_with_its_place_and_the_nearest_known_one(tmp_path, command):
    find(refused(tmp_path, GOOD.replace("address:", "adress:"), command),
         r'^:3:5: listeners\[0\]: address is missing', r'^:4:5: listeners\[0\]\.adress: unknown key \(did you mean "address"\?\)')


def test_all_errors_come_at_once_in_the_order_of_the_file(tmp_path):
    text = GOOD.replace("workers: 1", "workers: many").replace("prefix: /", "prefix: nope").replace("cluster: app", "cluster: ap")
    text = text.replace("127.0.0.1:9", "localhost:9") + "log_lvl: info\n"
    find(refused(tmp_path, text), r"^:1:10: workers: .*many", r"^:6:26: listeners\[0\]\.routes\[0\]\.match\.prefix: ",
         r'^:6:42: listeners\[0\]\.routes\[0\]\.cluster: there is no cluster "ap" \(did you mean "app"\?\)',
         r"^:9:17: clusters\[0\]\.endpoints\[0\]: ", r'^:10:1: log_lvl: unknown key \(did you mean "log_level"\?\)')


@pytest.mark.parametrize("change,patterns", [
    (("workers: 1", "workers: -1"), [r"^:1:10: workers: .*-1"]),
    (("workers: 1", "log_level: loud"), [r"^:1:12: log_level: .*loud"]),
    (("cluster: app}", "cluster: app, timeout: 2}"), [r"^:6:53: listeners\[0\]\.routes\[0\]\.timeout: .*duration"]),
    (("cluster: app}", "cluster: app, reply: {status: 200}}"), [r"^:6:\d+: listeners\[0\]\.routes\[0\]\.(reply|cluster): "]),
    (("cluster: app}", "reply: {status: 99}}"), [r"^:6:\d+: listeners\[0\]\.routes\[0\]\.reply\.status: .*99"]),
    (("prefix: /}", "regex: '(['}"), [r"^:6:25: listeners\[0\].routes\[0\].match\.regex: "]),
    (("127.0.0.1:0", "127.0.0.1:99999"), [r"^:4:14: listeners\[0\]\.address: "]),
    (("    endpoints", "    connect_timeout: soon\n    endpoints"), [r"^:9:22: clusters\[0\]\.connect_timeout: .*soon"]),
    (("  - name: app\n", "  - name: app\n    name: app\n"), [r"^:9:5: .*name"]),
    (("  - name: app\n", "  - {name: app, endpoints: ['127.0.0.1:8']}\n  - name: app\n"), [r'^:9:\d+: clusters\[1\].*"app".*8:']),
    (("    routes:", "    chain: [nobody]\n    routes:"), [r'^:5:13: listeners\[0\]\.chain\[0\]: .*"nobody"']),
    (("    routes:", "    timeouts: {idel: 2s}\n    routes:"), [r'^:5:16: listeners\[0\]\.timeouts\.idel: .*did you mean "idle"\?']),
    (("    routes:", "    limits: {head_bytes: 1}\n    routes:"), [r"^:5:\d+: listeners\[0\]\.limits\.head_bytes: "]),
])
def test_a_wrong_value_is_shown_with_its_place(tmp_path, change, patterns):
    assert change[0] in GOOD
    find(refused(tmp_path, GOOD.replace(*change, 1)), *patterns)


@pytest.mark.parametrize("text,place", [("listeners: [\n", r"^:\d+:\d+: "), ("a: b: c\n", r"^:1:\d+: "), ("", ""), ("- 1\n", r"^:1:1: "),
                                        ("\tx: 1\n", r"^:1:\d+: "), ("a: *nothing\n", r"^:1:\d+: ")])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text, place):
    lines = refused(tmp_path, text)
    assert any(re.search(place, line) for line in lines), lines


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_missing_file_is_named(tmp_path, command):
    done = run(command, "-c", tmp_path / "nowhere.yaml")
    assert done.returncode == 2 and "nowhere.yaml" in done.stderr


@pytest.mark.parametrize("command", ["validate", "run"])
def test_a_missing_plugin_is_named_with_its_place(tmp_path, command):
    lines = refused(tmp_path, GOOD + "plugins:\n  - {name: log, use: no_such_plugin}\n", command)
    find(lines, r"^:11:\d+: plugins\[0\].*no_such_plugin")


def test_a_file_that_is_no_plugin_is_refused(tmp_path):
    (tmp_path / "fake.so").write_text("not an ELF file at all")
    lines = refused(tmp_path, GOOD + "plugins:\n  - {name: log, use: ./fake.so}\n")
    find(lines, r"^:11:\d+: plugins\[0\].*fake\.so")


# --- run


def test_a_port_in_use_names_the_listener(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = GOOD.replace("127.0.0.1:0", address).replace("name: in\n", "name: front-door\n")
        (tmp_path / "cleat.yaml").write_text(text)
        done = run("run", "-c", tmp_path / "cleat.yaml")
    assert done.returncode in (1, 2)
    line = next(line for line in done.stderr.splitlines() if address in line)
    assert "front-door" in line and "in use" in line


def test_each_listener_says_where_it_listens_and_then_the_proxy_is_ready(tmp_path):
    routes = [{"match": {"prefix": "/"}, "reply": {"status": 204}}]
    proxy = Proxy({"workers": 2, "listeners": [listener(routes, "left"), listener(routes, "right")]}, tmp_path)
    try:
        assert set(proxy.ports) == {"left", "right"} and len(set(proxy.ports.values())) == 2
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) ", line) for line in proxy.lines())
    finally:
        proxy.stop()


def test_a_listener_may_be_on_ipv6(tmp_path):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("SKIPPED: this machine has no IPv6 loopback")
    proxy = Proxy({"workers": 1, "listeners": [listener([{"reply": {"status": 204}}], address="[::1]:0")]}, tmp_path)
    try:
        with socket.create_connection(("::1", proxy.port), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 204 ")
    finally:
        proxy.stop()


# --- plugin inspect

SOURCE_OF_A_PLUGIN = """
#include <stdlib.h>
#include "plugin_api/plugin.h"
CLEAT_PLUGIN_NOTE("name=bomb\\nversion=1.2.3\\nabi=0.9\\nleast=0.9\\nrequires=cleat.config/1\\nabout=ends whoever runs it\\n");
__attribute__((constructor)) static void go_off(void) { abort(); }
const cleat_plugin *cleat_plugin_v1(const cleat_host *host) { (void)host; abort(); }
"""


def build_plugin(folder, text):
    (folder / "bomb.c").write_text(text)
    subprocess.run([tool("cc"), "-shared", "-fPIC", "-fvisibility=hidden", f"-I{SOURCE}", "-o", str(folder / "bomb.so"),
                    str(folder / "bomb.c")], check=True)
    return folder / "bomb.so"


def test_a_plugin_is_inspected_without_being_run(tmp_path):
    bomb = build_plugin(tmp_path, SOURCE_OF_A_PLUGIN)
    done = run("plugin", "inspect", bomb)
    assert done.returncode == 0, done.stderr
    for word in ("bomb", "1.2.3", "0.9", "cleat.config/1", "ends whoever runs it"):
        assert word in done.stdout, done.stdout


@pytest.mark.parametrize("line,other,word", [
    ("abi=0.9", "abi=7.0", "7.0"), ("least=0.9", "least=0.10", "0.10"), ("cleat.config/1", "cleat.time_travel/9", "cleat.time_travel/9"),
])
def test_a_plugin_that_this_kernel_cannot_carry_is_refused_before_it_runs(tmp_path, line, other, word):
    build_plugin(tmp_path, SOURCE_OF_A_PLUGIN.replace(line, other))
    find(refused(tmp_path, GOOD + "plugins:\n  - {name: log, use: ./bomb.so}\n"), rf"^:11:\d+: plugins\[0\].*{re.escape(word)}")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"text", b"\x7fELF\2\1\1" + b"\xff" * 200])
def test_a_file_that_is_no_plugin_cannot_be_inspected(tmp_path, content):
    (tmp_path / "x.so").write_bytes(content)
    done = run("plugin", "inspect", tmp_path / "x.so")
    assert done.returncode in (1, 2) and "x.so" in done.stderr


def test_every_plugin_that_was_built_can_be_inspected():
    plugins = sorted((BUILD / "plugins").glob("*.so"))
    if not plugins:
        pytest.skip(f"SKIPPED: no plugins in {BUILD / 'plugins'}")
    for plugin in plugins:
        done = run("plugin", "inspect", plugin)
        assert done.returncode == 0 and plugin.stem in done.stdout, (plugin, done)


# --- version and help


def test_version_says_the_versions_of_the_program_and_of_the_abi():
    done = run("version")
    assert done.returncode == 0 and re.search(r"\bcleat \d+\.\d+\.\d+", done.stdout) and re.search(r"\b0\.9\b", done.stdout)


@pytest.mark.parametrize("arguments", [[], ["run"], ["validate"], ["plugin"], ["plugin", "inspect"], ["version"]])
def test_every_command_has_help(arguments):
    done = run(*arguments, "--help")
    assert done.returncode == 0 and len(done.stdout.splitlines()) >= 3 and not done.stderr


def test_help_lists_the_commands_and_the_exit_codes():
    text = run("--help").stdout
    for word in ("run", "validate", "plugin", "version", "xit"):
        assert word in text, text


@pytest.mark.parametrize("arguments", [["frobnicate"], ["run"], ["run", "--no-such-option"], ["validate"], ["plugin", "inspect"], []])
def test_a_wrong_command_line_is_refused_with_exit_code_2(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and (done.stderr or done.stdout)
