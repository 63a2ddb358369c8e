"""The plugins that plugin_api/README.md shows compile with the flags it gives, without a warning, and export one symbol."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
README = (SOURCE / "plugin_api/README.md").read_text()


@pytest.mark.parametrize("language, name", [("cpp", "greeter.cpp"), ("c", "stamp.c")])
def test_the_readme_s_plugin_compiles_as_it_says(language, name, tmp_path):
    code = re.search(rf"```{language}\n(.*?)```", README, re.S)[1]
    command = re.search(rf"^    (c.*{re.escape(name)}.*)$", README, re.M)[1].split()
    if not shutil.which(command[0]):
        pytest.skip(f"SKIPPED: no {command[0]}")
    (tmp_path / name).write_text(code)
    command = [word.replace("<folder>", str(SOURCE)) for word in command]
    done = subprocess.run([*command, "-Wall", "-Wextra", "-Werror"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    symbols = subprocess.run(["nm", "-D", "--defined-only", command[-1]], cwd=tmp_path, capture_output=True, text=True).stdout
    assert [line.split()[1:] for line in symbols.splitlines()] == [["T", "cleat_plugin_v1"]]


def test_every_hook_of_the_readme_is_in_the_header():
    header = (SOURCE / "plugin_api/plugin.h").read_text()
    for hook in set(re.findall(r"\bon_[a-z_]+", README)) - {"on_handle", "on_failure"}:
        assert f"(*{hook})" in header, hook
