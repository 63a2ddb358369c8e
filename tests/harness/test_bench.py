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


@pytest.mark.parametrize("text, words", [
    ("GET /one\n---\nGET  /two\n", 'request 2, "GET  /two"'),
    ("GET /one\nBad Name: 1\n", "400"),
    ("GET /one\nX-Long: " + "x" * 70_000 + "\n", "431"),
])
def test_a_request_that_the_kernel_refuses_is_not_measured(tmp_path, text, words):
    """The refusals were measured, without a word: no hook was in them."""
    file = tmp_path / "requests"
    file.write_text(text)
    done = bench(BUILD / "hostile_plugins" / "twenty_noop.so", "--requests", file, code=1)
    assert done.stdout == "" and words in done.stderr and "is refused by the kernel" in done.stderr and str(file) in done.stderr


@pytest.mark.parametrize("text, words", [
    ("broken{", "it is no report"), ('{"benchmarks": [{"run_type": 5, "name": null}, 7]}', "no measurement of CPU time is in it"),
    ('{"benchmarks": []}', "no measurement"), ('{"benchmarks": [{"run_type": "iteration", "name": 7, "cpu_time": 1}]}', "no measurement"),
])
def test_an_earlier_report_that_is_none_is_said_before_anything_is_measured(tmp_path, text, words):
    """Some ended the program with the JSON library's words, after all had been measured."""
    earlier = tmp_path / "earlier.json"
    earlier.write_text(text)
    done = bench(REWRITE, "--config", CONFIG, "--compare", earlier, code=1)
    assert done.stdout == "" and done.stderr.startswith(f"{earlier}: ") and words in done.stderr


def test_an_earlier_report_of_another_plugin_or_in_another_unit_is_read_as_what_it_is(tmp_path):
    """It was compared without a word; microseconds were taken for nanoseconds."""
    earlier = tmp_path / "earlier.json"
    run = {"name": "exchange/with_plugin", "run_name": "exchange/with_plugin", "run_type": "iteration", "cpu_time": 2.5, "time_unit": "us"}
    earlier.write_text(json.dumps({"context": {"plugin": "retry.so", "date": "2026-01-02"}, "benchmarks": [run]}))
    said = bench(REWRITE, "--config", CONFIG, "--compare", earlier).stdout
    assert "Before is of another plugin: retry.so, 2026-01-02\n" in said
    (line,) = [line for line in said.splitlines() if line.startswith("exchange/with_plugin") and "%" in line.split("ns")[-1]][-1:]
    assert line.split()[1:3] == ["2500.0", "ns"]


def test_what_a_plugin_prints_is_not_in_the_report():
    """It stood before the JSON, which no tool could read then."""
    done = bench(BUILD / "hostile_plugins" / "crashes.so", "--header", "x-crash: prints", "--format", "json")
    json.loads(done.stdout)
    assert "printed" in done.stderr


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer reports the crash itself, and ends the process in its own way")
@pytest.mark.parametrize("how, code, words", [
    ("exit_well", 2, "the plugin called exit(), in on_request; nothing was measured"),
    ("abort", -6, "the plugin crashed: SIGABRT, in on_request; nothing was measured"),
])
def test_a_plugin_that_ends_the_process_is_named(how, code, words):
    """exit(0) ended it with 0 and no report; a crash said nothing."""
    done = bench(BUILD / "hostile_plugins" / "crashes.so", "--header", f"x-crash: {how}", code=code)
    assert done.stdout == "" and words in done.stderr


@pytest.mark.parametrize("plugin, arguments, code, words", [
    ("twenty_noop", ["--requests", "nowhere"], 1, "nowhere"),
    ("create_fails", [], 2, "create failed"),
    ("never_resumes", ["--header", "x-hook: on_request"], 2, "wait"),
])
def test_what_cannot_be_measured_is_said(plugin, arguments, code, words):
    assert words in bench(BUILD / "hostile_plugins" / f"{plugin}.so", *arguments, code=code).stderr
