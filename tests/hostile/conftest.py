"""The fixtures of tests/e2e, for configurations with the plugins of this folder."""

import importlib.util
import pathlib
import sys

_E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
_spec = importlib.util.spec_from_file_location("e2e_conftest", _E2E / "conftest.py")
_module = importlib.util.module_from_spec(_spec)
sys.modules["e2e_conftest"] = _module
_spec.loader.exec_module(_module)  # also puts tests/e2e on the path: origin, proxy, wire

from e2e_conftest import built, origin, proxy, shared_origin, shared_proxy, start, start_origin  # noqa: E402,F401
