"""Words of the command line that plugins add: listed without running anything, run from the plugin's table."""
import json
import os
import shutil
import subprocess

import pytest
from proxy import BUILD, CLEAT, run

PLUGIN = BUILD / "hostile_plugins" / "commands.so"


@pytest.fixture
def folder(tmp_path):
    """A folder with the one plugin, for CLEAT_PLUGIN_PATH."""
    if not PLUGIN.exists():
        pytest.skip(f"not built: {PLUGIN} (target cleat_hostile_plugins)")
    shutil.copy(PLUGIN, tmp_path)
    return {"CLEAT_PLUGIN_PATH": f"/nowhere::{tmp_path}"}


def test_help_lists_what_plugins_add(folder):
    done = run("--help", env=folder)
    assert done.returncode == 0
    assert "say                       says its arguments\n" in done.stdout
    assert "fall                      it falls\n" in done.stdout


def test_a_word_gets_its_arguments_and_answers_the_exit_code(folder):
    done = run("say", "one", "two words", "--three", env=folder)
    assert (done.returncode, done.stdout, done.stderr) == (3, "one\ntwo words\n--three\n", "said\n")
    assert run("say", env=folder).returncode == 0


def test_what_goes_wrong_in_a_word_is_a_failure(folder):
    done = run("fall", env=folder)
    assert done.returncode == 1 and "fell" in done.stderr
    assert run("far", env=folder).returncode == 1


def test_words_of_the_program_come_first(folder):
    done = run("run", env=folder)
    assert done.returncode == 2 and "--config is required" in done.stderr


def test_a_word_that_nobody_has_is_bad_usage(folder):
    assert run("nobody-has-this", env=folder).returncode == 2


def test_a_reader_that_goes_away_is_told_and_not_a_crash(folder):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([str(CLEAT), "say", "x"], stdout=write, stderr=subprocess.PIPE, timeout=60, env={**os.environ, **folder})
    os.close(write)
    assert done.returncode == 1 and done.stderr == b"said\n"


def test_a_broken_file_in_the_folder_is_passed_over(folder, tmp_path):
    (tmp_path / "a.so").write_bytes(b"\x7fELF not at all")
    assert run("say", env=folder).returncode == 0


def test_inspect_shows_the_words():
    if not PLUGIN.exists():
        pytest.skip(f"not built: {PLUGIN}")
    assert "command   say: says its arguments\n" in run("plugin", "inspect", PLUGIN).stdout
    note = json.loads(run("plugin", "inspect", "--json", PLUGIN).stdout)["note"]
    assert note["commands"][:2] == [{"word": "say", "help": "says its arguments"}, {"word": "fall", "help": "it falls"}]
