"""Answers that only define tests: what starts them, and what is left as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES
from tests.test_answers import file, py
from utils.code_blocks import Answer

ADD = "def add(a, b):\n    return a + b\n"
TEST = "def test_add():\n    assert add(1, 2) == 3\n"
CASE = "import unittest\n\n\nclass AddTest(unittest.TestCase):\n    def test_add(self):\n        self.assertEqual(add(1, 2), 3)\n"
FIXTURE = "import pytest\n\n\n@pytest.fixture\ndef three():\n    return 3\n\n\ndef test_add(three):\n    assert add(1, 2) == three\n"
CLASS = "class TestAdd:\n    def test_it(self):\n        assert add(1, 2) == 3\n"
IMPORT = "from calc import add\n\n\n"


def read(text: str) -> Answer:
    return read_answer(text, ALIASES)


def outcome(answer: Answer, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the answer's program, which is our own text, as the sandbox would: beside its files."""
    [block] = answer.blocks
    for each in answer.files:
        (folder / each.name).write_text(each.text, "utf-8")
    program = folder / (block.name or "program.py")
    program.write_text(block.code, "utf-8")
    return subprocess.run([sys.executable, program.name], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("text", "runner"),
    [
        (py(ADD, TEST), "pytest"),
        (py(ADD, FIXTURE), "pytest"),
        (py(ADD, CLASS), "pytest"),
        (py(ADD, FIXTURE.replace("import pytest", "from pytest import fixture").replace("pytest.fixture", "fixture")), "pytest"),
        (py(ADD, CASE), "unittest"),
        (py(ADD, "from unittest import TestCase\n", CASE.replace("unittest.", "").replace("import unittest\n", "")), "unittest"),
        (py(ADD) + "The tests:\n\n" + py(TEST), "pytest"),
        (file("calc.py", ADD) + file("test_calc.py", IMPORT + TEST), "pytest"),
        (file("test_calc.py", IMPORT + CASE) + file("calc.py", ADD), "unittest"),
        (file("calc.py", ADD) + file("checks.py", IMPORT + FIXTURE), "pytest"),
    ],
)
@pytest.mark.parametrize("right", [True, False])
def test_tests_that_nobody_starts_are_started(text: str, runner: str, right: bool, tmp_path: Path) -> None:
    answer = read(text if right else text.replace("a + b", "a - b"))
    assert answer.notes[-1] == f"run by {runner}: it only defines tests"
    done = outcome(answer, tmp_path)
    assert (done.returncode == 0) is right, done.stderr
    assert ("1 passed" if runner == "pytest" else "Ran 1 test") in (done.stdout + done.stderr) or not right


@pytest.mark.parametrize(
    "text",
    [
        py(ADD, TEST, "print(add(1, 2))"),
        py(ADD, CASE, "if __name__ == '__main__':\n    unittest.main()"),
        py(ADD, TEST, "test_add()"),
        py(ADD),
        py("def test_number(n):\n    return n % 2 == 0"),  # a question, not a test
        py("def testify():\n    return 'I do'"),
        py("class Test:\n    def run(self):\n        return 1"),
        py("class TestCase:\n    pass"),
        file("main.py", ADD, "print(add(1, 2))") + file("test_main.py", "from main import add\n", TEST),
    ],
)
def test_what_runs_by_itself_or_is_no_test_is_left_as_it_is(text: str) -> None:
    answer = read(text)
    assert not any(note.startswith("run by") for note in answer.notes)
    assert not any("pytest.main" in block.code for block in answer.blocks)
