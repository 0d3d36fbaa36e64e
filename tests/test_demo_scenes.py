"""The scenes of the demo: that they are what they are meant to show, and that their programs run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.answers.reading import read_answer
from agents.code_generator_agent import word_of_the_generator
from agents.models.demo_scenes import SCENES
from sandbox.languages import ALIASES
from utils.words import APPROVE, spoken_word

ANSWERS = [answer for scene in SCENES for answer in scene.answers]


def run(answer: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the answer's one program; the scenes are our own, so it needs no sandbox."""
    (block,) = read_answer(answer, ALIASES).blocks
    assert block.language == "python"
    return subprocess.run([sys.executable, "-c", block.code], cwd=folder, capture_output=True, text=True, timeout=20)


def test_there_are_three_scenes_each_ending_with_the_persons_approval() -> None:
    assert len(SCENES) == 3
    assert len({scene.task for scene in SCENES}) == 3
    for scene in SCENES:
        assert scene.replies[-1] == APPROVE
        assert not any(spoken_word(reply) for reply in scene.replies[:-1])


def test_the_first_scene_is_the_one_in_the_readme(tmp_path: Path) -> None:
    assert SCENES[0].task == "Write a Python function to calculate the factorial of a number."
    assert run(SCENES[0].answers[0], tmp_path).stdout == "factorial(5) = 120\n"


def test_the_second_scene_fails_and_is_mended(tmp_path: Path) -> None:
    wrong, right = (run(answer, tmp_path) for answer in SCENES[1].answers)
    assert wrong.returncode == 1
    assert "ZeroDivisionError" in wrong.stderr
    assert right.returncode == 0
    assert "Cairo: no readings" in right.stdout


def test_the_third_scene_changes_the_program_and_makes_a_file(tmp_path: Path) -> None:
    first, second = (run(answer, tmp_path) for answer in SCENES[2].answers)
    assert "5 squared is 25" in first.stdout
    assert (tmp_path / "table.txt").read_text() == second.stdout
    assert second.stdout.splitlines()[-1].split() == ["5", "25", "125"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_answer_is_one_whole_program(answer: str) -> None:
    read = read_answer(answer, ALIASES)
    assert (len(read.blocks), read.skipped, read.cut) == (1, (), False)
    assert word_of_the_generator(answer) is None
