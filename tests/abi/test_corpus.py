"""Plugins of every version of the ABI, compiled with that version's headers, do their work in today's kernel; today's headers only add to those."""
# ctest: timeout 180

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "tests/e2e"))

import origin as origins  # noqa: E402
import proxy as proxies  # noqa: E402

VERSIONS = sorted(folder for folder in (SOURCE / "tests/abi/corpus").iterdir() if folder.is_dir())
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda folder: folder.name)
def built(request, tmp_path_factory):
    """The folder of that version's plugins."""
    folder = tmp_path_factory.mktemp("corpus")
    for source in request.param.glob("*.c"):
        subprocess.run([COMPILER, "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", f"-I{request.param}", source,
                        "-o", folder / f"{source.stem}.so", f"-Wl,--version-script={SOURCE}/plugin_api/exports.map", "-Wl,-z,defs"], check=True)
    return folder


@pytest.fixture(scope="module")
def answering():
    with origins.recording() as origin:
        yield origin


def running(built, origin, plugins, chain, tmp_path, routes=None, **cluster):
    return proxies.running({
        "plugin_path": [str(built)],
        "plugins": plugins,
        "listeners": [{"name": "in", "address": "127.0.0.1:0", "chain": chain, "routes": routes or [{"match": {"prefix": "/"}, "cluster": "origin"}]}],
        "clusters": [{"name": "origin", "endpoints": [f"127.0.0.1:{origin.port}"], **cluster}],
    }, tmp_path)


def test_it_is_loaded_and_does_what_it_did(built, answering, tmp_path):
    routes = [{"match": {"prefix": "/own"}, "handler": "parts"}, {"match": {"prefix": "/"}, "cluster": "origin"}]
    with running(built, answering, [{"name": "parts", "use": "parts"}], ["parts"], tmp_path, routes, balancer={"use": "parts"}) as proxy:
        with proxy.client() as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\nhello there")
            assert client.response().get("x-parts") == "HTTP/1.1 body=11 picks=1 responses=1"
            assert client.get("/").get("x-parts") == "HTTP/1.1 body=-1 picks=2 responses=2"
            handled = client.get("/own")
            assert handled.status == 203 and handled.body == b"handled\n" and handled.get("x-parts").endswith("picks=2 responses=3")


def test_it_calls_out_and_waits(built, answering, tmp_path):
    async def allow(connection, request):
        asked = request.target == "/check"
        allowed = request.get("x-path") != "/denied"
        connection.send(origins.reply(b"" if asked and allowed else b"no" if asked else b"ok", "200 OK" if not asked or allowed else "403 Forbidden"))

    answering.reset()
    answering.handler = allow
    tutorial = {"name": "tutorial", "use": "tutorial", "config": {"cluster": "origin"}}
    with running(built, answering, [tutorial], ["tutorial"], tmp_path) as proxy, proxy.client() as client:
        passed = client.get("/allowed")
        assert passed.status == 200 and passed.get("x-tutorial") == "seen" and passed.body == b"ok"
        assert client.get("/denied").status == 403
        assert client.get("/private").status == 403


# --- the headers ---

def compare(old, new, folder):
    """What abidiff says of two folders of headers, by a program that names each of their structs."""
    if not shutil.which("abidw"):
        pytest.skip("SKIPPED: no abidw (abigail-tools)")
    structs = sorted(set(re.findall(r"^typedef struct (cleat_\w+) \{", "".join(h.read_text() for h in old.rglob("*.h")), re.M)))
    assert len(structs) > 20
    for name, headers in [("old", old), ("new", new)]:
        code = "".join(f'#include "{h.relative_to(headers)}"\n' for h in sorted(headers.rglob("*.h")))
        code += "".join(f"void probe_{struct}(const {struct} *it) {{ (void)it; }}\n" for struct in structs)
        (folder / f"{name}.c").write_text(code)
        subprocess.run([COMPILER, "-std=c11", "-g", "-gdwarf-4", "-O0", "-fno-eliminate-unused-debug-types", "-fPIC", "-shared", f"-I{headers}",
                        folder / f"{name}.c", "-o", folder / f"lib{name}.so"], check=True)
        with open(folder / f"{name}.abi", "w") as described:
            subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs", "--no-parameter-names", folder / f"lib{name}.so"],
                           stdout=described, check=True)
    done = subprocess.run(["abidiff", "--leaf-changes-only", "--no-show-locs", "--harmless", folder / "old.abi", folder / "new.abi"],
                          capture_output=True, text=True)
    assert done.returncode & 3 == 0, done.stderr  # its own errors
    return done.stdout


def breaks(report):
    """The lines of a report that are no growth at a table's end."""
    bad, old_bits = [], 0
    for line in report.splitlines():
        text = line.strip()
        if grown := re.fullmatch(r"type size changed from (\d+) to (\d+) \(in bits\)", text):
            old_bits = int(grown[1])
            if int(grown[2]) <= old_bits:
                bad.append(text)
        elif inserted := re.search(r"at offset (\d+) \(in bits\)$", text):
            if int(inserted[1]) < old_bits:
                bad.append(text)
        elif text and not re.search(r"^(Leaf changes|Changed leaf types|Removed/Changed/Added) .*: |^'struct cleat_\w+' changed:$|^\d+ data member insertions?:$", text):
            bad.append(text)
    return bad


@pytest.fixture
def headers(tmp_path):
    """A version's headers, twice: as they are, and to be changed."""
    for name in ("before", "after"):
        shutil.copytree(VERSIONS[0] / "plugin_api", tmp_path / name / "plugin_api")
    return tmp_path


@pytest.mark.parametrize("version", VERSIONS, ids=lambda folder: folder.name)
def test_today_s_headers_only_add_to_it(version, tmp_path):
    now = tmp_path / "now/plugin_api"
    shutil.copytree(SOURCE / "plugin_api", now, ignore=lambda folder, names: [n for n in names if "." in n and not n.endswith(".h") or n in
                                                                              ("cpp", "rust", "go", "harness", "templates", "cmake")])
    report = compare(version, tmp_path / "now", tmp_path)
    print(report)
    assert not breaks(report)


@pytest.mark.parametrize("place, ok", [("} cleat_host_timer;", True), ("  /* [worker] Moves the deadline", False)], ids=["at the end", "in the middle"])
def test_the_gate_tells_growth_from_insertion(headers, place, ok):
    timer = headers / "after/plugin_api/ext/timer.h"
    assert place in timer.read_text()
    timer.write_text(timer.read_text().replace(place, "  cleat_status (*added)(uint64_t);\n" + place, 1))
    report = compare(headers / "before", headers / "after", headers)
    assert "added" in report and (breaks(report) == []) == ok, report


def test_the_gate_sees_a_member_of_another_type(headers):
    timer = headers / "after/plugin_api/ext/timer.h"
    timer.write_text(timer.read_text().replace("uint64_t delay_ms, cleat_timer_fn fn", "uint32_t delay_ms, cleat_timer_fn fn", 1))
    assert breaks(compare(headers / "before", headers / "after", headers))
