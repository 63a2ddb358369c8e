"""`cleat plugin check`: clean of the plugins of this tree, and finding out those that misbehave on purpose."""
# ctest: timeout 900

import json
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["CLEAT_BUILD"])
SOURCE = pathlib.Path(os.environ["CLEAT_SOURCE"])
SANITIZED = os.environ.get("CLEAT_SANITIZE", "") != ""
# Not those that stand in for others: they are not configured by themselves.
PLUGINS = sorted(path.parent.name for path in (SOURCE / "plugins").glob("*/example.yaml") if not path.parent.name.startswith("isolation_"))
HOSTILE = BUILD / "hostile_plugins"


def check(plugin, *arguments, timeout=300):
    """(exit code, report)"""
    done = subprocess.run([BUILD / "bin" / "cleat", "plugin", "check", str(plugin), "--format", "json", *arguments],
                          capture_output=True, text=True, timeout=timeout)
    assert done.returncode in (0, 1), (done.stdout, done.stderr)
    return done.returncode, json.loads(done.stdout)


def findings(report):
    return [(case["name"], finding) for case in report["cases"] for finding in case["findings"]]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_plugins_of_this_tree_are_clean(plugin, tmp_path):
    config = SOURCE / "plugins" / plugin / "example.yaml"
    if plugin == "file_source":  # a folder of its own: the example's is everybody's
        (tmp_path / "folder").mkdir()
        config = tmp_path / "config.yaml"
        config.write_text(f"path: {tmp_path}/folder\n")
    code, report = check(BUILD / "plugins" / f"{plugin}.so", "--config", str(config))
    assert findings(report) == []
    assert code == 0 and len(report["cases"]) == 13


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: these are built as a stranger builds them, without sanitizers")
@pytest.mark.parametrize("document, language", [("README.md", "cpp"), ("plugin_api/README.md", "cpp"), ("plugin_api/README.md", "c")])
def test_the_plugins_that_the_documents_show_are_clean(document, language, tmp_path):
    """Their notes did not name all they use, and the commands exported symbols of the standard library."""
    source = "greeter.cpp" if language == "cpp" else "stamp.c"
    command = re.search(rf"^    (c.*{re.escape(source)}.*)$", (SOURCE / "plugin_api/README.md").read_text(), re.M)[1]
    (tmp_path / source).write_text(re.search(rf"```{language}\n(.*?)```", (SOURCE / document).read_text(), re.S)[1])
    subprocess.run(command.replace("<folder>", str(SOURCE)).split(), check=True, cwd=tmp_path)
    code, report = check(tmp_path / command.split()[-1])
    assert findings(report) == [] and code == 0


# The misdeed, in the one case that shows it: (plugin, fields of requests, section, part of the text).
MISDEEDS = [
    ("junk_verdict", ["x-hook: on_request", "x-verdict: 77"], "FAIL", "77"),
    ("junk_verdict", ["x-hook: on_response", "x-verdict: 1"], "FAIL", "REPLIED without a reply"),
    ("junk_verdict", ["x-hook: on_request", "x-verdict: 2"], "FAIL", "SUSPEND without a ticket"),
    ("replies_twice", ["x-mode: unsaid"], "FAIL", "CONTINUE"),
    ("resumes_twice", ["x-mode: hook"], "SUSPEND", "resumed again"),
    ("resumes_twice", ["x-mode: thread"], "SUSPEND", "resumed again"),
    ("never_resumes", ["x-hook: on_request"], "SUSPEND", "not resumed"),
    ("throws", ["x-hook: on_request", "x-what: exception"], "rule 3", "exception"),
    ("throws", ["x-hook: on_end", "x-what: int"], "rule 3", "exception"),
    ("wrong_phase", [], "rule 8", "wrong time"),
    ("wrong_thread", [], "rule 8", "wrong thread"),
    ("body_unsubscribed", [], "rule 8", "wrong time"),
    ("crashes", ["x-crash: abort"], "crash", "SIGABRT"),
]


@pytest.mark.parametrize("plugin, fields, section, words", MISDEEDS, ids=lambda value: value if isinstance(value, str) else ",".join(value))
def test_what_a_plugin_does_against_the_abi_is_found(plugin, fields, section, words):
    headers = [word for field in fields for word in ("--header", field)]
    code, report = check(HOSTILE / f"{plugin}.so", "--case", "odd exchanges", *headers)
    found = [finding for _, finding in findings(report) if finding["section"] == section and words in finding["text"]]
    assert found, findings(report)
    assert code == 1


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer reports the crash itself, and ends the process in its own way")
@pytest.mark.parametrize("how", ["null", "overflow"])
def test_a_crash_is_named_by_its_signal_by_its_hook_and_by_what_was_being_done(how):
    _, report = check(HOSTILE / "crashes.so", "--case", "odd exchanges", "--header", f"x-crash: {how}")
    assert [("on_request", "the process was ended by SIGSEGV, while: plain")] == [(one["hook"], one["text"]) for _, one in findings(report)]


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer reports the end itself, and ends the process in its own way")
@pytest.mark.parametrize("how, hook, words", [
    ("exit_well", "on_request", "the process ended itself, with exit code 0, while: plain"),
    ("exit_at_once", None, "the process ended itself, with exit code 0, while: plain"),
    ("exit", "on_request", "the process ended itself, with exit code 3, while: plain"),
])
def test_a_plugin_that_ends_the_process_is_not_taken_for_a_case_that_is_over(how, hook, words):
    """exit(0) in a hook was taken for the case's own end: nothing was found."""
    code, report = check(HOSTILE / "crashes.so", "--case", "odd exchanges", "--header", f"x-crash: {how}")
    assert [("crash", hook, words)] == [(one["section"], one.get("hook"), one["text"]) for _, one in findings(report)] and code == 1


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer reports the end itself, and ends the process in its own way")
@pytest.mark.parametrize("plugin, config, words", [
    ("crashes", "{create: exit_well}", "itself, with exit code 0"), ("crashes", "{create: abort}", "ended by SIGABRT"),
    ("entry_exits", "{}", "itself, with exit code 0"),
])
def test_what_ends_the_process_while_it_is_loaded_is_said_once(plugin, config, words, tmp_path):
    """Every further case ended in the same way; of one that hangs each took its whole time."""
    file = tmp_path / "config.yaml"
    file.write_text(config)
    _, report = check(HOSTILE / f"{plugin}.so", "--config", str(file))
    (case, finding), = findings(report)
    assert case == "load" and words in finding["text"] and finding["text"].endswith("while: the file's loading, and create")
    assert [one["name"] for one in report["cases"]] == ["file", "load"]


def test_what_a_plugin_says_before_it_crashes_is_in_both_reports():
    """The JSON did not have it."""
    _, report = check(HOSTILE / "crashes.so", "--case", "twice", "--header", "x-crash: terminate")
    (_, finding), = findings(report)
    assert "nobody catches this" in finding["said"]


@pytest.mark.parametrize("how", ["forks", "forks_apart"])
def test_processes_that_a_plugin_leaves_behind_are_found_and_ended(how):
    """They ran on after the check, holding its standard error."""
    _, report = check(HOSTILE / "crashes.so", "--case", "twice", "--header", f"x-crash: {how}")
    assert [("rule 7", "processes that it has started run on after destroy")] == [(one["section"], one["text"]) for _, one in findings(report)]
    left = [path for path in pathlib.Path("/proc").glob("[0-9]*/cmdline") if b"--run-case\0twice" in read_or_nothing(path)]
    assert left == []


def read_or_nothing(path):
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


@pytest.mark.parametrize("how", ["prints", "reports"])
def test_what_a_plugin_writes_does_not_disturb_the_report(how):
    """A line of another type on the descriptor of the report ended the check itself."""
    code, report = check(HOSTILE / "crashes.so", "--case", "twice", "--header", f"x-crash: {how}")
    assert [one["text"] for _, one in findings(report)] == ([""] if how == "reports" else []), report


def test_a_hook_that_does_not_return_is_a_finding():
    code, report = check(HOSTILE / "blocks.so", "--case", "odd exchanges", "--header", "x-block: on_request", "--timeout", "5")
    (case, finding), = findings(report)
    assert code == 1 and finding["section"] == "hang" and finding["text"].endswith("while: plain") and finding["hook"] == "on_request"


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer has an allocator of its own, and looks for leaks itself")
def test_memory_that_is_forgotten_is_found_by_exchange_and_by_instance():
    _, report = check(HOSTILE / "leaks.so", "--case", "leaks")
    texts = [finding["text"] for _, finding in findings(report)]
    assert len(texts) == 2 and texts[0].startswith("each exchange leaves about 2") and texts[1].startswith("each instance leaves about 1")


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: a sanitizer has an allocator of its own, and looks for leaks itself")
def test_lines_in_the_log_are_not_taken_for_what_is_forgotten():
    code, report = check(HOSTILE / "spams.so", "--case", "leaks", "--header", "x-lines: 1")
    assert code == 0 and findings(report) == []


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: allocations cannot be made to fail in a build with sanitizers")
def test_a_plugin_that_does_not_look_whether_it_got_memory_is_found():
    _, report = check(HOSTILE / "lifecycle.so", "--case", "no memory")
    (_, finding), = findings(report)
    assert finding["section"] == "crash" and "allocation 1 of create fails" in finding["text"]


@pytest.mark.skipif(SANITIZED, reason="SKIPPED: allocations cannot be made to fail in a build with sanitizers")
@pytest.mark.parametrize("how", ["give", "take"])
def test_allocations_of_give_and_take_fail_too(how, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(f"{{state: {'kept ' * 20}, {how}: hoards}}")
    _, report = check(HOSTILE / "hands_over.so", "--config", str(file), "--case", "no memory")
    crash = [finding for _, finding in findings(report) if finding["section"] == "crash"]
    assert len(crash) == 1 and f"of {how} fails" in crash[0]["text"], findings(report)


# (configuration, what is found)
STATES = [
    ("{state: kept}", []),
    ("{state: kept, give: nothing}", []),
    ("{state: kept, give: fails}", ["give failed"]),
    ("{state: kept, give: throws}", ["an exception left the plugin", "give failed"]),
    ("{state: kept, give: elsewhere}", ["called on the wrong thread"]),
    ("{state: kept, take: unknown}", ["it does not take what it has given itself"]),
    ("{state: kept, take: throws}", ["an exception left the plugin", "it does not take what it has given itself"]),
    ("{state: kept, take: keeps}", ["was used after it had died"]),
    ("{state: kept, take: credulous}", ["what is behind the view was touched", "a format that it cannot know is taken"]),
]


@pytest.mark.parametrize("config, words", STATES, ids=lambda value: value if isinstance(value, str) else "")
def test_states_that_are_handed_over_are_looked_at(config, words, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(config)
    code, report = check(HOSTILE / "hands_over.so", "--config", str(file), "--case", "handover")
    texts = [finding["text"] for _, finding in findings(report)]
    assert code == (1 if words else 0) and bool(texts) == bool(words), texts
    for word in words:
        assert any(word in text for text in texts), texts


def test_a_plugin_that_hands_nothing_over_is_not_looked_at_for_it():
    _, report = check(HOSTILE / "twenty_noop.so", "--case", "handover")
    assert "begins anew" in report["cases"][0]["skipped"]


def test_shutting_down_that_is_never_completed_is_a_finding():
    _, report = check(HOSTILE / "never_completes.so", "--case", "load")
    assert [finding["function"] for _, finding in findings(report)] == ["complete"]


@pytest.mark.parametrize("plugin, words", [
    ("abi_from_future", "built against ABI 1.7"), ("needs_unknown_extension", "requires cleat.teleport/1"), ("note_missing", "it has no Cleat note"),
    ("note_unknown_key", "privileges"), ("entry_missing", "does not export cleat_plugin_v1"), ("entry_null", "not on a Monday"),
    ("table_abi_differs", "its note 0.9"), ("table_huge", "size"), ("table_nonzero_tail", "entries"), ("table_too_small", "too small"),
    ("table_without_create", "no create"), ("handler_too_small", "cleat.handler/1"), ("create_fails", "without saying why"),
])
def test_what_would_not_be_loaded_is_said_with_the_reason_and_nothing_else_is_tried(plugin, words):
    code, report = check(HOSTILE / f"{plugin}.so")
    assert code == 1 and [case["name"] for case in report["cases"]] == ["file", "load"]
    assert any(words in finding["text"] for _, finding in findings(report)), findings(report)


def test_a_hook_that_answers_fail_is_told_and_no_finding():
    """A plugin that failed every exchange, for want of a cluster, say, was clean without a word."""
    fails = ["--case", "twice", "--header", "x-hook: on_request", "--header", "x-verdict: 3"]
    code, report = check(HOSTILE / "junk_verdict.so", *fails)
    assert code == 0 and report["cases"][0]["fails"] == [{"hook": "on_request", "why": "", "times": 2}]
    done = subprocess.run([BUILD / "bin" / "cleat", "plugin", "check", HOSTILE / "junk_verdict.so", *fails, "--header", "x-why: on purpose"],
                          capture_output=True, text=True, timeout=120)
    assert "\n      on_request answered FAIL 2 times: on purpose\n" in done.stdout and done.returncode == 0


def test_an_honest_plugin_with_a_hook_in_every_place_is_clean():
    code, report = check(HOSTILE / "twenty_noop.so")
    assert (code, findings(report)) == (0, [])


def test_an_extension_that_is_used_and_not_named_in_the_note_is_found():
    _, report = check(HOSTILE / "stats.so", "--case", "load")
    assert [(finding["section"], finding["function"]) for _, finding in findings(report)] == [("rule 4", "find")]


def test_the_text_report_says_the_same():
    headers = ["--header", "x-hook: on_request", "--header", "x-verdict: 9"]
    done = subprocess.run([BUILD / "bin" / "cleat", "plugin", "check", HOSTILE / "junk_verdict.so", "--case", "odd exchanges", *headers],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "    - FAIL, on_request: answered 9, which is no verdict\n" in done.stdout
    assert done.stdout.endswith("1 case, 1 finding\n")


@pytest.mark.parametrize("arguments, words", [
    (["nothing.so"], "nothing.so"),
    ([str(HOSTILE / "twenty_noop.so"), "--case", "everything"], 'there is no case "everything": --case is one of file, load, twice'),
    ([str(HOSTILE / "twenty_noop.so"), "--config", str(SOURCE / "plugins/retry/example.yaml")], "no instance in it has `use: twenty_noop`"),
    ([str(HOSTILE / "twenty_noop.so"), "--header", "colonless"], "name: value"),
    ([str(HOSTILE / "twenty_noop.so"), "--config", "nowhere.yaml"], "nowhere.yaml"),
    ([str(HOSTILE / "twenty_noop.so"), "--format", "xml"], "--format"),
])
def test_what_cannot_be_run_is_said(arguments, words, tmp_path):
    done = subprocess.run([BUILD / "bin" / "cleat", "plugin", "check", *arguments], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 2 and words in done.stderr
