"""The outcome bench judges truly: every task's right result is taken, and every wrong one is refused."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.endpoint import ModelEndpoint
from tests.fakes import program as answer_of
from tests.outcome.bench import OURS, PLAIN, Outcome, measure, print_table
from tests.outcome.checks import Result, Task
from tests.outcome.tasks import TASKS

BY_NAME = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def test_there_are_tasks_enough_and_the_halves_are_alike() -> None:
    assert len(TASKS) >= 60
    assert len({task.name for task in TASKS}) == len({task.text for task in TASKS}) == len(TASKS)
    halves: Sequence[Sequence[Task]] = (TASKS[::2], TASKS[1::2])
    assert [sum(bool(task.feedback) for task in half) for half in halves] == [1, 1]
    assert len({len(half) for half in halves}) == 1


@BY_NAME
def test_a_right_result_is_taken(task: Task) -> None:
    assert task.is_right(task.right)


@BY_NAME
def test_a_wrong_result_is_refused(task: Task) -> None:
    assert len(task.wrong) >= 1
    assert [wrong for wrong in (*task.wrong, "", Result("Traceback (most recent call last):\nValueError: 1")) if task.is_right(wrong)] == []


@BY_NAME
def test_the_right_result_of_every_other_task_is_refused(task: Task) -> None:
    assert [other.name for other in TASKS if other is not task and task.is_right(other.right)] == []


@BY_NAME
def test_the_task_itself_is_no_result(task: Task) -> None:
    assert not task.is_right(task.text)


@pytest.mark.engine
@pytest.mark.parametrize(("program", "printed", "right"), [(OURS, 21, True), pytest.param(PLAIN, 15, False, marks=pytest.mark.soak)])
def test_a_task_is_given_and_judged(tmp_path: Path, program: str, printed: int, right: bool) -> None:
    task = next(task for task in TASKS if task.name == "gcd")
    (tmp_path / "none.pem").write_bytes(b"")
    with ModelEndpoint([answer_of(f"print({printed})")]) as endpoint:
        options = Namespace(url=endpoint.url, model="test-model", limit=120)
        outcome = measure(task, program, options, tmp_path / "task", tmp_path / "none.pem")
    assert (outcome.right, outcome.first, outcome.calls, outcome.attempts) == (right, True, 1, 1)
    assert outcome.tokens > 0
    kept = json.loads((tmp_path / "task" / "outcome.json").read_text("utf-8"))
    assert kept["exchanges"][0]["answer"] == answer_of(f"print({printed})")
    assert kept["exchanges"][0]["messages"][-1]["content"].endswith(task.text)


@pytest.mark.engine
def test_feedback_is_said_and_a_file_is_judged(tmp_path: Path) -> None:
    task = next(task for task in TASKS if task.name == "capitals")
    (tmp_path / "none.pem").write_bytes(b"")
    answers = [answer_of(f"open('greeting.txt', 'w').write('{text}')") for text in ("good morning", "GOOD MORNING")]
    with ModelEndpoint(answers) as endpoint:
        options = Namespace(url=endpoint.url, model="test-model", limit=120)
        outcome = measure(task, OURS, options, tmp_path / "task", tmp_path / "none.pem")
    assert (outcome.right, outcome.calls, outcome.attempts) == (True, 2, 2)


def test_a_program_that_does_not_start_ends_the_bench_and_counts_as_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.outcome.bench.IMAGE", "not a name")
    (tmp_path / "none.pem").write_bytes(b"")
    with ModelEndpoint([]) as endpoint, pytest.raises(SystemExit, match="'gcd'.*not a name"):
        measure(TASKS[0], OURS, Namespace(url=endpoint.url, model="test-model", limit=120), tmp_path / "task", tmp_path / "none.pem")


def test_the_table_tells_the_halves_apart(capsys: pytest.CaptureFixture[str]) -> None:
    def outcome(task: Task, program: str, right: bool) -> Outcome:
        return Outcome(task.name, program, right, first=True, calls=2, attempts=1, tokens=100, seconds=3.0)

    print_table([outcome(task, program, program == OURS) for task in TASKS[1::2] for program in (PLAIN, OURS)], [PLAIN, OURS])
    printed = capsys.readouterr().out
    assert "The reported half" in printed
    assert "The tuned half" not in printed
    (row,) = (line.split() for line in printed.splitlines() if line.startswith("tasks right"))
    count = str(len(TASKS) // 2)
    assert row == ["tasks", "right", "0", "of", count, count, "of", count]
    assert f"wrong with {OURS}: none" in printed
