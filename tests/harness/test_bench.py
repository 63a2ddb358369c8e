"""`cleat plugin bench`: what its reports hold, that they are of Google Benchmark's form, and that a comparison finds what is slower."""

import csv
import json
import os
import pathlib
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["CLEAT_BUILD"])
SOURCE = pathlib.Path(os.environ["CLEAT_SOURCE"])
SANITIZED = os.environ.get("CLEAT_SANITIZE", "") != ""
FAST = ["--min-time", "0.01", "--repetitions", "3"]
REWRITE = BUILD / "plugins" / "header_rewrite.so"
CONFIG = SOURCE / "plugins" / "header_rewrite" / "example.yaml"


def bench(plugin, *arguments, code=0):
    done = subprocess.run([BUILD / "bin" / "cleat", "plugin", "bench", plugin, *FAST, *arguments], capture_output=True, text=True, timeout=170)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def report(plugin, *arguments):
    return json.loads(bench(plugin, "--format", "json", *arguments).stdout)


def test_the_json_is_of_google_benchmarks_form():
    made = report(REWRITE, "--config", CONFIG)
    assert {"date", "host_name", "num_cpus", "library_build_type"} <= made["context"].keys()
    runs = [one for one in made["benchmarks"] if one["run_type"] == "iteration"]
    assert {one["run_name"] for one in runs} >= {"exchange/without_plugin", "exchange/with_plugin", "hook/on_route", "hook/on_response"}
    for one in runs:
        least = 1 if one["run_name"].startswith("exchange/") else 0  # a hook may take less than the clock can tell
        assert one["iterations"] > 0 and one["time_unit"] == "ns" and one["real_time"] >= least and one["cpu_time"] >= least
        assert one["repetitions"] == 3 and one["threads"] == 1
    aggregates = {(one["run_name"], one["aggregate_name"]) for one in made["benchmarks"] if one["run_type"] == "aggregate"}
    assert ("hook/on_route", "median") in aggregates and ("exchange/with_plugin", "stddev") in aggregates


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: allocations are not counted in a build with sanitizers")
def test_allocations_are_those_of_one_call_and_one_exchange():
    made = {one["run_name"]: one for one in report(BUILD / "hostile_plugins" / "twenty_noop.so")["benchmarks"]}
    assert made["hook/on_request"]["allocations"] == 0 and made["hook/on_end"]["allocations"] == 0
    assert made["hook/on_request"]["calls_per_exchange"] == 1
    assert made["exchange/with_plugin"]["allocations"] > 0  # of the harness, and of the kernel


def test_a_handler_is_measured_as_one():
    made = report(BUILD / "plugins" / "origin.so", "--config", SOURCE / "plugins" / "origin" / "example.yaml")
    names = {one["run_name"] for one in made["benchmarks"]}
    assert "hook/on_handle" in names


def test_csv_has_the_columns_of_google_benchmark():
    lines = list(csv.DictReader(bench(REWRITE, "--config", CONFIG, "--format", "csv").stdout.splitlines()))
    assert {"name", "iterations", "real_time", "cpu_time", "time_unit"} <= lines[0].keys()
    assert all(float(line["real_time"]) > 0 for line in lines if line["name"].startswith("exchange/") and not line["name"].endswith("_stddev"))


def test_requests_of_a_file_are_made_in_turn(tmp_path):
    file = tmp_path / "requests"
    file.write_text("GET /one\nX-A: 1\n---\nPOST /two HTTP/1.1\nHost: example.com\n\nsome\nbody\n")
    names = {one["run_name"] for one in report(BUILD / "hostile_plugins" / "twenty_noop.so", "--requests", file)["benchmarks"]}
    assert "exchange/with_plugin" in names
    file.write_text("GET /one\nno field\n")
    assert "line 2" in bench(REWRITE, "--requests", file, code=1).stderr
    file.write_text("\n")
    assert "no request" in bench(REWRITE, "--requests", file, code=1).stderr


def test_an_earlier_report_is_set_beside(tmp_path):
    made = report(REWRITE, "--config", CONFIG)
    for one in made["benchmarks"]:
        if one["run_name"] == "hook/on_route":
            one["cpu_time"] = 1.0
    made["benchmarks"].append({"name": "hook/gone", "run_name": "hook/gone", "run_type": "iteration", "cpu_time": 5, "real_time": 5})
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps(made))
    lines = bench(REWRITE, "--config", CONFIG, "--compare", earlier).stdout.splitlines()
    slower = next(line for line in lines[lines.index("") :] if line.startswith("hook/on_route"))
    assert float(slower.split("%")[0].split()[-1]) > 100
    assert any(line.startswith("hook/gone") and line.endswith("gone") for line in lines)
    machine = bench(REWRITE, "--config", CONFIG, "--compare", earlier, "--format", "json")
    json.loads(machine.stdout)
    assert "hook/on_route" in machine.stderr
    earlier.write_text("{}")
    assert "no report" in bench(REWRITE, "--config", CONFIG, "--compare", earlier, code=1).stderr


@pytest.mark.parametrize("plugin, arguments, code, words", [
    ("twenty_noop", ["--requests", "nowhere"], 1, "nowhere"),
    ("create_fails", [], 2, "create failed"),
    ("never_resumes", ["--header", "x-hook: on_request"], 2, "wait"),
])
def test_what_cannot_be_measured_is_said(plugin, arguments, code, words):
    assert words in bench(BUILD / "hostile_plugins" / f"{plugin}.so", *arguments, code=code).stderr
