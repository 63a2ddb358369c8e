#!/usr/bin/env python3
"""A plugin's file that changes under load: two versions take turns, by SIGHUP, while wrk asks; each must come into force.

    bench/load/plugin_reloads.py BUILD [--reloads 500]      BUILD: a build folder, such as build/release

Versions differ in the field they set. Says what was asked and failed, and what the process had in memory before, after the first of each version,
and at the end. Exits 1 if a request failed, a reload was refused, or the file in force is not the one that was put there."""

import argparse
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import rig

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CONNECTIONS = 32
PLUGIN = """
#include "plugin_api/plugin.h"
CLEAT_PLUGIN_NOTE("name=versioned\\nversion=1.0.0\\nabi=0.9\\nleast=0.9\\n");
static const cleat_host *host;
static cleat_status create(const cleat_create *info, void **instance) { (void)info; *instance = 0; return CLEAT_OK; }
static void destroy(void *instance) { (void)instance; }
static cleat_verdict on_response(void *instance, cleat_exchange x) {
  const cleat_str name = {"x-version", 9}, value = {VERSION, sizeof VERSION - 1};
  (void)instance;
  return host->header_set(x, CLEAT_RESPONSE, name, value) == CLEAT_OK ? CLEAT_CONTINUE : CLEAT_FAIL;
}
static const cleat_plugin table = {.size = sizeof table, .abi = CLEAT_ABI, .create = create, .destroy = destroy, .on_response = on_response};
const cleat_plugin *cleat_plugin_v1(const cleat_host *given) { host = given; return &table; }
"""


def build(folder, version):
    source, made = folder / "versioned.c", folder / f"{version}.so"
    source.write_text(PLUGIN)
    subprocess.run(["cc", "-O2", "-fPIC", "-shared", f"-I{SOURCE}", f'-DVERSION="{version}"', source, "-o", made,
                    f"-Wl,--version-script={SOURCE}/plugin_api/exports.map"], check=True)
    return made


def put(made, at):
    """At once: who opens it finds the old file or the new one."""
    shutil.copyfile(made, at.with_suffix(".new"))
    at.with_suffix(".new").replace(at)


def in_force(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answered:
        return answered.headers["x-version"]


def mappings(pid):
    return len(re.findall(r"r-xp.*versioned", pathlib.Path(f"/proc/{pid}/maps").read_text()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--reloads", type=int, default=500)
    asked = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cleat-plugins-"))
    versions = [build(folder, version) for version in ("one", "two")]
    place = folder / "versioned.so"
    put(versions[0], place)
    port, origin = rig.free_port(), rig.free_port()
    config = rig.sidecar(port, origin, folder, workers=2)
    config["plugins"].append({"name": "versioned", "use": str(place)})
    config["listeners"][0]["chain"].append("versioned")
    cleat = rig.Cleat(asked.build.resolve() / "bin/cleat", config, folder=folder)
    wrk = rig.Wrk(port, 3600, CONNECTIONS)
    time.sleep(2)
    memory, wrong, start = [rig.memory_kib(cleat.pid)], 0, time.monotonic()
    for number in range(1, asked.reloads + 1):
        made = versions[number % 2]
        put(made, place)
        cleat.signal(signal.SIGHUP)
        cleat.wait_for(r" is in force", number)
        wrong += in_force(port) != made.stem
        if number == 2:
            memory.append(rig.memory_kib(cleat.pid))
    took = time.monotonic() - start
    memory.append(rig.memory_kib(cleat.pid))
    mapped = mappings(cleat.pid)
    wrk.process.send_signal(signal.SIGINT)
    result = wrk.result()
    cleat.stop()
    failed = rig.failed(result)
    print(f"{asked.reloads} reloads of a changed plugin in {took:.1f} s: {result['requests']} requests, failed {failed}, p99 {result['p99']} ms; "
          f"{wrong} times not the version that was put there; resident {memory[0]} KiB before, {memory[-2]} KiB after two, {memory[-1]} KiB at the end; "
          f"{mapped} versions mapped")
    sys.exit(0 if failed == 0 and wrong == 0 and result["requests"] > 0 else 1)


if __name__ == "__main__":
    main()
