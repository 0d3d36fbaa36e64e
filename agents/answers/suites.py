"""Python programs that define tests and start none of them."""

from __future__ import annotations

from agents.answers.parts import Part, Sorted, with_text
from agents.answers.python_code import PythonCode
from sandbox.calls import tests_in

_START = {
    "pytest": '    import sys\n\n    import pytest\n\n    sys.exit(pytest.main(["-q", __file__]))\n',
    "unittest": "    import unittest\n\n    unittest.main()\n",
}


def with_start(part: Part, found: Sorted) -> Part:
    """Let the program start its tests if it only defines them; what is said about it goes to `found`."""
    runner = runner_of(part.python) if part.python else ""
    if not runner:
        return part
    found.notes.append(f"run by {runner}: it only defines tests")
    return with_text(part, f'{part.text.rstrip()}\n\n\nif __name__ == "__main__":\n{_START[runner]}')


def runner_of(code: PythonCode) -> str:
    """Return what runs the tests of a program that does nothing else, "pytest" or "unittest"; "" for any other program."""
    if code.does_something:
        return ""
    return min(tests_in(code.tree).values(), default="")  # pytest runs the tests of unittest, too
