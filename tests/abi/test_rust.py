"""The Rust crate: its bindings are those of v1.layout, its documentation is whole and its examples compile, without a warning."""
# ctest: timeout 300

import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("CLEAT_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CLEAT_BUILD", SOURCE / "build/dev")).resolve()
CRATE = SOURCE / "plugin_api/rust"
CARGO = shutil.which("cargo")
pytestmark = pytest.mark.skipif(not CARGO, reason="SKIPPED: no cargo on this machine (tests/install installs it)")


def cargo(*arguments):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(BUILD / "rust-sdk"), "RUSTFLAGS": "-D warnings", "RUSTDOCFLAGS": "-D warnings"}
    done = subprocess.run([CARGO, *arguments, "--offline", "--locked"], cwd=CRATE, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_bindings_are_those_of_the_layout_and_examples_compile():
    output = cargo("test")
    assert "every_struct_is_that_of_the_headers ... ok" in output and "compile fail ... ok" in output, output


def test_every_public_item_is_documented():
    cargo("doc", "--no-deps")
    assert "#![warn(missing_docs)]" in (CRATE / "src/lib.rs").read_text()


def test_a_plugin_has_no_unsafe_code():
    places = ("examples/tutorial_rust", "plugin_api/templates/rust", "tests/e2e/sdk_plugins/rust", "tests/e2e/sdk_extensions/rust")
    plugins = [SOURCE / place / "src/lib.rs" for place in places]
    assert not [file for file in plugins if "#![deny(unsafe_code)]" not in file.read_text()]  # the compiler holds them to it
