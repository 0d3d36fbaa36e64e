"""Python programs that define tests and start none of them."""

from __future__ import annotations

import ast

from agents.answers.parts import Part, Sorted, with_text
from agents.answers.python_code import PythonCode

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
    classes = [node for node in code.tree.body if isinstance(node, ast.ClassDef)]
    if any(_is_test(node, code) for node in code.tree.body):
        return "pytest"
    cases = [node for node in classes if any(ast.unparse(base).endswith("TestCase") for base in node.bases)]
    return "unittest" if any(_is_test(node, code, own=1) for case in cases for node in case.body) else ""


def _is_test(node: ast.stmt, code: PythonCode, own: int = 0) -> bool:
    """Whether pytest takes it for a test or a class of tests, and its author meant that; `own` is how many arguments it gets by itself."""
    if isinstance(node, ast.ClassDef):
        return node.name.startswith("Test") and not node.bases and any(_is_test(inner, code, own=1) for inner in node.body)
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not node.name.startswith("test"):
        return False
    if "pytest" in code.imported:
        return True
    checks = any(isinstance(each, (ast.Assert, ast.Raise)) or "assert" in getattr(each, "attr", "") for each in ast.walk(node))
    return checks and len(node.args.args) <= own
