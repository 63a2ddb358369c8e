"""What the documents say works: READMEs have their form, and every yaml in them is accepted by `cleat validate`."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest
from tree import BUILD, SOURCE, below, files, lines, text

SECTIONS = ["Name", "Description", "Hooks", "Configuration", "Examples", "Metrics", "On failure"]
CLEAT = BUILD / "bin" / "cleat"
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def plugin_folders():
    return sorted({path.parts[1] for path in below("plugins") if len(path.parts) > 2 and (SOURCE / "plugins" / path.parts[1] / "CMakeLists.txt").exists()}
                  | {path.parts[1] for path in below("plugins", "README.md") if len(path.parts) == 3})


@pytest.mark.parametrize("plugin", plugin_folders())
def test_a_plugins_readme_has_its_sections_in_order(plugin):
    readme = SOURCE / "plugins" / plugin / "README.md"
    assert readme.exists(), f"{plugin} has no README.md"
    prose = FENCE.sub("", readme.read_text())
    headings = [match[1].strip() for match in re.finditer(r"^#{1,3} +(.+?) *$", prose, re.MULTILINE)]
    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS, headings


@pytest.mark.parametrize("plugin", plugin_folders())
def test_a_plugins_readme_first_says_what_it_may_do(plugin):
    """The first sentence of the description says one of: reply, change, observe, configure."""
    prose = (SOURCE / "plugins" / plugin / "README.md").read_text()
    first = prose[: prose.find("Configuration")]
    assert re.search(r"\bMAY\b[^.]*\b(repl(y|ies)|change|observe|configure|choose)", first, re.IGNORECASE), first[:500]


@pytest.mark.parametrize("plugin", plugin_folders())
def test_a_plugin_has_an_example(plugin):
    assert (SOURCE / "plugins" / plugin / "example.yaml").exists()


def test_the_table_of_plugins_names_every_plugin():
    table = SOURCE / "plugins" / "README.md"
    if not table.exists():
        pytest.skip("SKIPPED: plugins/README.md is not written yet")
    missing = [plugin for plugin in plugin_folders() if not re.search(rf"\b{plugin}\b", table.read_text())]
    assert not missing


def documents():
    """(name, text, folder it stands in) of everything that must load."""
    found = []
    for path in files():
        place = path.parent
        if path.name == "README.md" and (place == pathlib.PurePosixPath(".") or path.parts[0] in ("plugins", "kernel", "plugin_api", "examples")):
            for number, match in enumerate(FENCE.finditer(text(path) or ""), 1):
                if match[1] in ("yaml", "yml"):
                    found.append((f"{path}#{number}", match[2], place))
        elif path.name == "example.yaml" and path.parts[0] == "plugins" or (path.parts[0] == "examples" and path.suffix in (".yaml", ".yml")):
            found.append((str(path), text(path), place))
    return found


STUB = """
listeners:
  - {name: in, address: 127.0.0.1:0, routes: [{reply: {status: 204}}]}
"""


def whole(yaml):
    """A block that shows one part becomes a file: an instance alone, a list of them, or a section. What it refers to is added.

    A README shows the part it is about. Parts are recognised by their first key; whatever they name in a chain, a route, a
    cluster or a handler that is not there is left to the author: such a block must be whole."""
    stripped = re.sub(r"^\s*#.*\n", "", yaml, flags=re.MULTILINE).lstrip("\n")
    if re.match(r"-\s*(\{\s*)?name:", stripped) and "use:" in stripped:
        yaml = "plugins:\n" + re.sub(r"^", "  ", yaml, flags=re.MULTILINE)
    elif re.match(r"name:.*\n(.*\n)*?use:|use:", stripped):
        yaml = "plugins:\n  - " + re.sub(r"\n(?=.)", "\n    ", stripped)
    if not re.search(r"^listeners:", yaml, re.MULTILINE):
        yaml += STUB
    return yaml


@pytest.mark.parametrize("name,yaml,place", documents(), ids=[name for name, _, _ in documents()])
def test_every_yaml_that_is_shown_is_accepted(name, yaml, place, tmp_path):
    if not CLEAT.exists():
        pytest.fail(f"not built: {CLEAT}")
    source = SOURCE / place
    for path in files():  # beside it, the files it may refer to
        if path.parent == place or place in path.parents:
            target = tmp_path / path.relative_to(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SOURCE / path, target)
    file = tmp_path / "shown.yaml"
    file.write_text(whole(yaml))
    done = subprocess.run([str(CLEAT), "validate", "-c", str(file)], capture_output=True, text=True, timeout=60, cwd=tmp_path,
                          env={**os.environ, "PWD": str(tmp_path)})
    assert done.returncode == 0, f"{name} ({source}):\n{done.stderr}\n--- as validated:\n{file.read_text()}"


def test_documents_name_only_example_hosts():
    """What looks like a URL with a host belongs to example.org, example.com, this machine or a standards body."""
    allowed = re.compile(r"(?:^|\.)(?:example(?:\.(?:org|com|net))?|localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|rfc-editor\.org|ietf\.org|w3\.org|semver\.org|github\.com|cmake\.org)$")
    bad = []
    for path in files():
        if path.suffix not in (".md", ".yaml", ".yml"):
            continue
        for number, line in enumerate(lines(path), 1):
            for match in re.finditer(r"https?://(\[[^\]]+\]|[\w.-]+)", line):
                if not allowed.search(match[1].rstrip(".")):
                    bad.append(f"{path}:{number}: {match[0]}")
    assert not bad, "\n".join(bad)
