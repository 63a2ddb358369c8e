"""What may change in the shape of the ABI: members at the end of tables, new structs, numbers, ids. abi_layout_test holds the headers
to plugin_api/v1.layout; this holds v1.layout to the frozen layouts of earlier releases, and the list to the headers."""

import os
import pathlib
import re

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
API = SOURCE / "plugin_api"
LAYOUT = API / "v1.layout"
FROZEN = sorted((SOURCE / "tests/abi/frozen").glob("*.layout"))


def parse(text):
    """{head: (size or None, [members])}: head is "table cleat_host" or the whole of a line without members."""
    found, members = {}, None
    for line in text.splitlines():
        if line.startswith("  "):
            members.append(line.strip())
            continue
        kind, name, rest = line.split(" ", 2)
        members = []
        if kind in ("table", "value"):
            found[f"{kind} {name}"] = (int(rest), members)
        else:
            found[line] = (None, members)
    return found


def breaks(old, new):
    """Why a plugin built with `old` might not work with a host built with `new`; [] if it must."""
    before, now = parse(old), parse(new)
    why = []
    for head, (size, members) in before.items():
        if head not in now:
            why.append(f"{head}: gone or changed")
            continue
        new_size, new_members = now[head]
        if new_members[: len(members)] != members:
            why.append(f"{head}: its members are not the old ones with more after them")
        elif head.startswith("value ") and new_size != size:
            why.append(f"{head}: a value never grows")
        elif size is not None and any(int(m.split()[0]) < size for m in new_members[len(members):]):
            why.append(f"{head}: a new member lies inside the old size")
        elif size is not None and new_size < size:
            why.append(f"{head}: it shrank")
    return why


OLD = """value v 8
  0 8 a uint64_t
table t 16
  0 4 size uint32_t
  4 4 reserved uint32_t
  8 8 f cleat_status (void *)
number CLEAT_X 1 uint32_t
id CLEAT_EXT_T cleat.t/1
callback fn void (void *)
"""


@pytest.mark.parametrize("change", [
    lambda t: t,
    lambda t: t.replace("table t 16", "table t 24").replace("number", "  16 8 g void (void *)\nnumber"),
    lambda t: t + "number CLEAT_Y 2 uint32_t\n",
    lambda t: t + "id CLEAT_EXT_U cleat.u/1\ntable u 4\n  0 4 size uint32_t\n",
])
def test_additions_at_the_end_are_allowed(change):
    assert breaks(OLD, change(OLD)) == []


@pytest.mark.parametrize("change", [
    lambda t: t.replace("value v 8\n", "value v 16\n").replace("table", "  8 8 b uint64_t\ntable"),
    lambda t: t.replace("  8 8 f", "  8 8 g"),
    lambda t: t.replace("cleat_status (void *)", "cleat_status (const void *)"),
    lambda t: t.replace("  8 8 f cleat_status (void *)\n", "  8 8 g void (void *)\n  16 8 f cleat_status (void *)\n").replace("t 16", "t 24"),
    lambda t: t.replace("  8 8 f cleat_status (void *)\n", "").replace("t 16", "t 8"),
    lambda t: t.replace("4 reserved", "4 flags"),
    lambda t: t.replace("X 1", "X 2"),
    lambda t: t.replace("number CLEAT_X 1 uint32_t\n", ""),
    lambda t: t.replace("cleat.t/1", "cleat.t/2"),
    lambda t: t.replace("fn void (void *)", "fn void (void *, int32_t)"),
    lambda t: t.replace("table t", "value t"),
])
def test_anything_else_is_a_break(change):
    assert change(OLD) != OLD
    assert breaks(OLD, change(OLD))


def test_the_layout_only_adds_to_every_frozen_one():
    for frozen in FROZEN:  # none before 1.0
        assert breaks(frozen.read_text(), LAYOUT.read_text()) == [], frozen.name


def headers():
    files = sorted(API.glob("*.h")) + sorted((API / "ext").glob("*.h"))
    assert len(files) > 10
    return "\n".join(re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.S) for file in files)


def test_the_layout_lists_everything_that_the_headers_define():
    layout, text = parse(LAYOUT.read_text()), headers()
    listed = {head.split()[1] for head in layout}
    structs = set(re.findall(r"typedef struct (\w+) \{", text))
    callbacks = set(re.findall(r"typedef [^;{]*\(\*(\w+)\)\(", text))
    constants = set(re.findall(r"#define (CLEAT_\w+) (?:U?INT\d+_C\(|UINT\d+_MAX|\")", text))
    assert len(structs) > 20 and len(callbacks) >= 4 and len(constants) > 80
    assert (structs | callbacks | constants) - listed == set()
    assert listed - (structs | callbacks | constants) == set()


def test_the_core_headers_stay_within_450_lines_and_extensions_within_80():
    core = {name: len((API / name).read_text().splitlines()) for name in ("types.h", "host.h", "plugin.h")}
    assert sum(core.values()) <= 450, core
    for file in sorted((API / "ext").rglob("*.h")):
        assert len(file.read_text().splitlines()) <= 80, file.name


def test_an_extension_is_named_after_its_header_and_stands_in_the_table_of_abi_md():
    abi = (API / "ABI.md").read_text()
    for file in sorted((API / "ext").rglob("*.h")):
        identifier = re.search(r'#define CLEAT_EXT_(\w+) "(cleat\.(\w+)/\d+)"', file.read_text())
        assert identifier and identifier[1].lower() == identifier[3] == file.stem, file.name
        assert f"`{identifier[2]}`" in abi, f"{identifier[2]} is not in ABI.md"


def test_no_bit_fields_enums_unions_or_bools_stand_in_a_header():
    text = headers()
    for word in ("enum", "union", "bool", "_Bool", "long", "short", "size_t", "time_t", "va_list"):
        assert not re.search(rf"\b{word}\b", text), word
    assert not re.search(r"\w+\s*:\s*\d+\s*;", text)
    assert "..." not in text
