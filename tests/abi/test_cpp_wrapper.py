"""What must not compile with the C++ wrapper: a hook that would silently never be called is the worst of its failures."""

import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def compile_plugin(members, tmp_path, base=": public cleat::Plugin", note="name=p\\nversion=1.0.0\\n"):
    file = tmp_path / "p.cpp"
    file.write_text(f"""#include "plugin_api/cpp/cleat.hpp"
class P {base} {{
 public:
  {members}
}};
CLEAT_PLUGIN(P, "{note}");
""")
    return subprocess.run([COMPILER, "-std=c++20", "-fsyntax-only", f"-I{SOURCE}", file], capture_output=True, text=True)


@pytest.mark.parametrize("members", [
    "cleat::Verdict on_request(cleat::Exchange) { return kContinue; }",
    "void on_request(cleat::Exchange) const {}",
    "explicit P(cleat::Config) {} void on_end(cleat::Exchange) {}",
    "void on_attempt(cleat::Exchange, std::uint32_t) {} void helper(int) {}",
    "void give_state(cleat::StateWriter&) const {} bool take_state(std::uint32_t, std::string_view) { return false; }",
    "static void validate(cleat::Config) {} static int command(cleat::Command) { return 0; }",
])
def test_right_ones_compile(members, tmp_path):
    done = compile_plugin(members, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("members, words", [
    ("void on_request(int) {}", "on_request must be public, and callable as Verdict on_request(Exchange)"),
    ("private: void on_request(cleat::Exchange) {}", "on_request must be public"),
    ("void on_attempt(cleat::Exchange) {}", "on_attempt must be public, and callable as Verdict on_attempt(Exchange, std::uint32_t attempt)"),
    ("int on_end = 0;", "on_end must be public"),
    ("void on_writable(cleat::Exchange) {}", "a handler needs on_handle"),
    ("void give_state(cleat::StateWriter&) {}", "give_state and take_state, or neither"),
    ("void give_state() {}", "give_state must be public, and callable as void give_state(StateWriter&)"),
    ("void validate(cleat::Config) {}", "validate must be public and static"),
    ("static void validate() {}", "validate must be public and static, and callable as void validate(Config)"),
    ("int command(cleat::Command) { return 0; }", "command must be public and static"),
    ("explicit P(int) {}", "a plugin has a constructor from cleat::Config"),
    ("struct Route { Route() {} };", "Route has a constructor from"),
    ("void on_end(cleat::Exchange x) { x.state<std::string>(); }", "derive from cleat::DestroyedOnEnd"),
    ("void on_end(cleat::Exchange x) { struct Big { char bytes[5000]; }; x.state<Big>(); }", "the host gives 4096 bytes"),
])
def test_mistakes_are_told_at_compile_time(members, words, tmp_path):
    done = compile_plugin(members, tmp_path)
    assert done.returncode != 0
    assert words in done.stderr, done.stderr


def test_a_class_that_is_no_plugin_and_a_note_without_a_name_are_refused(tmp_path):
    assert "derives from cleat::Plugin" in compile_plugin("", tmp_path, base="").stderr
    assert "begins with name=" in compile_plugin("", tmp_path, note="version=1.0.0\\n").stderr
