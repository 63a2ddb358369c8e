"""`cleat plugin new`: what it makes of each language builds, tests, measures and runs at once, out of this tree, with the installed SDK
alone; and what it refuses."""
# ctest: timeout 600

import re
import shutil
import subprocess

import pytest
import sdk
import wire
from proxy import SANITIZED, Proxy

SECTIONS = ["Name", "Description", "Hooks", "Configuration", "Examples", "Metrics", "On failure"]
CTEST, CMAKE_BENCH = "ctest --test-dir build --output-on-failure", "cmake --build build --target bench"
TEST = {"c": CTEST, "cpp": CTEST, "rust": "cargo test", "go": "go test ."}
BENCH = {"c": CMAKE_BENCH, "cpp": CMAKE_BENCH, "rust": "cargo bench", "go": "go test -run none -bench . ."}
PASSED = {"c": "100% tests passed", "cpp": "100% tests passed", "rust": "2 passed; 0 failed", "go": "ok "}


@pytest.fixture(scope="module")
def prefix():
    with sdk.prefix("new") as folder:
        yield folder


def new(prefix, *arguments, cwd):
    return subprocess.run([prefix / "bin/cleat", "plugin", "new", *arguments], capture_output=True, text=True, timeout=60, cwd=cwd)


@pytest.fixture(scope="module", params=sdk.LANGUAGES)
def project(request, prefix, tmp_path_factory):
    """(language, folder, what was printed)"""
    sdk.need(request.param)
    folder = tmp_path_factory.mktemp("new")
    done = new(prefix, "rate_gate", "--lang", request.param, cwd=folder)
    assert done.returncode == 0, done.stderr
    return request.param, folder / "rate_gate", done.stdout


def test_it_builds_tests_and_measures_at_once(project):
    language, folder, said = project
    sdk.build(language, folder, "rate_gate")
    if SANITIZED and language in ("c", "cpp"):
        pytest.skip("SKIPPED: its own test is a program without the sanitizers that the SDK's harness was built with")
    assert TEST[language] in said and BENCH[language] in said
    assert PASSED[language] in sdk.run(*TEST[language].split(), cwd=folder)
    measured = sdk.run(*BENCH[language].split(), cwd=folder)
    assert re.search(r"ns/op|^plugin +-?[0-9.]+ us a request|^hook/on_request", measured, re.M), measured


def test_its_readme_has_the_fixed_form_and_its_example_runs(project, prefix):
    language, folder, _ = project
    sdk.build(language, folder, "rate_gate")
    readme = (folder / "README.md").read_text()
    assert [one for one in re.findall(r"^## (.*)$", readme, re.M) if one in SECTIONS] == SECTIONS
    assert re.search(r"\bMAY\b", readme)
    example = folder / "example.yaml"
    block = re.search(r"```yaml\n(.*?)```", readme, re.S)[1]
    assert block in example.read_text()
    example.write_text(example.read_text().replace("127.0.0.1:8080", "127.0.0.1:0"))
    running = Proxy(example.read_text(), folder, program=prefix / "bin/cleat")
    with wire.Client(running.port) as client:
        assert client.get("/hello").body == b"good day\n"
        assert client.get("/").get("x-seen-by") == "rate_gate"
    running.stop()


def test_nothing_is_found_against_the_abi(project, prefix):
    language, folder, _ = project
    done = subprocess.run([prefix / "bin/cleat", "plugin", "check", sdk.build(language, folder, "rate_gate")], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


PANICS = {"rust": ("src/lib.rs", "        match x.response_mut()", '        if x.status() == Some(200) { panic!("on purpose") }\n'),
          "go": ("plugin.go", "	if x.Response().Set(", '	if x.Status() == 200 {\n		panic("on purpose")\n	}\n')}


def test_a_panic_that_the_sdk_has_caught_is_found(project, prefix, tmp_path):
    """A plugin that panicked in every exchange was clean: all that was left of it was a FAIL."""
    language, folder, _ = project
    if language not in PANICS:
        return
    made = tmp_path / "panics"
    shutil.copytree(folder, made, ignore=shutil.ignore_patterns("target", "*.so", "*.h", "alone"))
    name, before, more = PANICS[language]
    text = (made / name).read_text()
    assert before in text
    (made / name).write_text(text.replace(before, more + before))
    done = subprocess.run([prefix / "bin/cleat", "plugin", "check", sdk.build(language, made, "rate_gate"), "--case", "twice"],
                          capture_output=True, text=True, timeout=280)
    assert done.returncode == 1 and re.search(r"- panic, on_response: it panicked at .*: on purpose", done.stdout), done.stdout + done.stderr


def test_no_placeholder_is_left_in_what_it_makes(project):
    for file in project[1].rglob("*"):
        if file.is_file() and not {"build", "target"} & set(file.parts) and file.suffix not in (".so", ".h"):
            assert not re.search(r"@[A-Z]+@", file.read_text()), file


@pytest.mark.parametrize("arguments, words", [
    (["Upper", "--lang", "c"], 'Upper" is no name for a plugin: a small letter'),
    (["../x", "--lang", "c"], "is no name for a plugin"),
    (["x" * 49, "--lang", "c"], "at most 48"),
    (["fn", "--lang", "rust"], 'fn" is a word of the languages'),
    (["x", "--lang", "java"], 'unknown language "java": --lang is one of c, cpp, rust, go'),
    (["x", "--lang", "c", "--dir", "there"], "there is there already: choose another name, or another folder with --dir"),
    (["x", "--lang", "c", "--dir", "nowhere/x"], "nowhere/x cannot be made: No such file or directory"),
    (["x", "--lang", "c", "--sdk", "there"], "no SDK in .*there.*cmake --install"),
    (["x"], "--lang is required"),
])
def test_what_it_refuses_it_says(prefix, tmp_path, arguments, words):
    (tmp_path / "there").mkdir()
    done = new(prefix, *arguments, cwd=tmp_path)
    assert done.returncode == 2 and re.search(words, done.stderr), done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("language", ["rust", "go"])
def test_a_name_that_another_system_keeps_for_devices_and_a_blank_in_a_path_do_no_harm(prefix, tmp_path, language):
    """Go took neither: `aux` for a module's name, an SDK in a folder with a blank in its name."""
    sdk.need(language)
    there, folder = tmp_path / "an sdk", tmp_path / "a folder"
    there.mkdir()
    (there / "share").symlink_to(prefix / "share")
    done = new(prefix, "aux", "--lang", language, "--sdk", there, "--dir", folder, cwd=tmp_path)
    assert done.returncode == 0 and f"  cd '{folder}'\n" in done.stdout, done.stderr
    sdk.build(language, folder, "aux")


def test_a_folder_that_is_asked_for_is_the_one_that_is_made(prefix, tmp_path):
    done = new(prefix, "x", "--lang", "c", "--dir", "other", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "other/plugin.c").exists(), done.stderr
