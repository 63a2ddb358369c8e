"""Plugin files that are not what they say are refused before their code runs where that can be known, with words and a place
in the configuration; files that only look odd are loaded."""

import os
import re

import pytest
from hostile import PLUGINS, ask, in_chain, instance, report
from proxy import listener, run

REFUSED = {
    "needs_unknown_extension": r"requires cleat\.teleport/1",
    "abi_from_future": r"needs at least 1\.7",
    "note_missing": r"has no Cleat note",
    "note_unknown_key": r"privileges.*unknown",
    "entry_missing": r"does not export cleat_plugin_v1",
    "entry_null": r"not on a Monday",
    "entry_null_silent": r"returned NULL without saying why",
    "entry_throws": r"thrown by the entry",
    "table_too_small": r"table cannot be used: its size is too small",
    "table_nonzero_tail": r"table sets entries beyond this host's",
    "table_huge": r"table cannot be used: its size is not that of a struct",
    "table_abi_differs": r"table says ABI 0\.8, its note 0\.9",
    "table_without_create": r"table has no create",
    "handler_too_small": r"cleat\.handler/1 table cannot be used",
    "throws": r"create failed: .*thrown by create",
}


def config(use, **others):
    return {"plugin_path": [str(PLUGINS)], "plugins": [instance("it", use, **others)],
            "listeners": [listener([{"reply": {"status": 204}}], chain=["it"])]}


def refused(command, tmp_path, start_config):
    import json
    file = tmp_path / "cleat.yaml"
    file.write_text(json.dumps(start_config, indent=1))
    done = run(command, "-c", file)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    return done.stderr


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_plugin_that_is_not_what_it_says_is_refused_in_words(name, command, tmp_path):
    others = {"config": {"throw_in": "create"}} if name == "throws" else {}
    words = refused(command, tmp_path, config(name, **others))
    assert re.search(rf"cleat\.yaml:\d+:\d+: .*{REFUSED[name]}", words), words


@pytest.mark.parametrize("settings,words", [
    ({"words": "the moon is wrong"}, r"create failed: the moon is wrong"),
    (None, r"create failed without saying why"),
    ({"junk": True}, r"create failed without saying why \(status 12345\)"),
])
def test_what_create_says_is_what_the_operator_reads(settings, words, tmp_path):
    assert re.search(words, refused("run", tmp_path, config("create_fails", **({"config": settings} if settings else {}))))


def test_an_unknown_key_of_a_plugins_configuration_is_refused(tmp_path):
    words = refused("validate", tmp_path, config("create_fails", config={"word": "x"}))
    assert re.search(r'word: unknown key \(did you mean "words"\?\)', words) or "create failed" in words


def test_every_bad_plugin_is_told_of_at_once(tmp_path):
    both = config("entry_null")
    both["plugins"].append(instance("other", "note_missing"))
    words = refused("validate", tmp_path, both)
    assert "not on a Monday" in words and "has no Cleat note" in words


def as_file(path, kind):
    good = (PLUGINS / "twenty_noop.so").read_bytes()
    if kind == "text":
        path.write_text("#!/bin/sh\necho never\n")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "cut in its header":
        path.write_bytes(good[:40])
    elif kind == "cut in half":
        path.write_bytes(good[: len(good) // 2])
    elif kind == "of another machine":
        path.write_bytes(good[:18] + b"\x28\x00" + good[20:])  # e_machine: 32-bit Arm
    elif kind == "headers that point outside":
        path.write_bytes(good[:32] + b"\xff" * 16 + good[48:])
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "unreadable":
        path.write_bytes(good)
        path.chmod(0)


@pytest.mark.parametrize("kind", ["text", "empty", "cut in its header", "cut in half", "of another machine",
                                  "headers that point outside", "a folder", "a FIFO", "unreadable", "absent"])
def test_a_file_that_is_no_plugin_is_refused(kind, tmp_path):
    if kind == "unreadable" and os.geteuid() == 0:
        pytest.skip("SKIPPED: root reads every file")
    file = tmp_path / "thing.so"
    as_file(file, kind)
    words = refused("validate", tmp_path, config("./thing.so"))
    assert re.search(r"cleat\.yaml:\d+:\d+: .*thing\.so", words), words


@pytest.mark.parametrize("name,answers", [("table_zero_tail", b"zero tail\n"), ("optional_unknown_extension", b"no teleport\n")])
def test_a_plugin_from_the_future_that_uses_nothing_new_works(name, answers, start, origin):
    assert ask(start(in_chain(origin, instance(name)))).body == answers


def test_what_stands_behind_a_tables_end_is_not_called(start, origin):
    proxy = start(in_chain(origin, instance("table_ends_early")))
    assert ask(proxy).status == 200
    assert report(ask(proxy, mode="report")) == {"requests": "1", "responses": "0"}


def test_inspecting_a_plugin_runs_none_of_it():
    done = run("plugin", "inspect", PLUGINS / "needs_unknown_extension.so")
    assert done.returncode != 99
    assert "cleat.teleport/1" in done.stdout
