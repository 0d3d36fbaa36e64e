"""SECURITY.md names tests that are there, and controls where it says that there are some."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(test_\w+\.py)`( \(\*control\*\))?")


def test_every_promise_names_tests_that_are_there() -> None:
    promises = re.findall(r"^\| (?!promise|---)(.+) \| (.+) \|$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    assert len(promises) >= 10
    for promise, tests in promises:
        named = NAMED.findall(tests)
        assert named, promise
        for name, control in named:
            text = (ROOT / "tests" / name).read_text("utf-8")
            assert not control or "control" in text.lower(), f"{name} has no control"
