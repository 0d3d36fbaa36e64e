"""The loop of a batch: what runs side by side, what stops it, and that it keeps nothing."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from teams.batch.loop import Batch, Plan, Result, State, Summary
from teams.batch.tasks import BatchTask
from tests.batches import Seen, result
from utils.errors import AppError, EngineError, ModelError


def tasks(count: int) -> Iterator[BatchTask]:
    return (BatchTask(f"t{number}", "count", number + 1) for number in range(count))


class Fake:
    """Ends tasks as listed by key, else approved; counts how many run side by side."""

    def __init__(self, ends: Mapping[str, Mapping[str, Any] | Exception] | None = None, *, answers: bool = True) -> None:
        self.ends = dict(ends or {})
        self.begun: list[str] = []
        self.most = self.now = 0
        self.alone: list[int] = []
        """How many ran when each task began."""
        self._answers = answers

    async def __call__(self, task: BatchTask, report: Callable[[State], None]) -> Result:
        self.begun.append(task.key)
        self.now += 1
        self.most = max(self.most, self.now)
        self.alone.append(self.now)
        try:
            for _ in range(3):
                await asyncio.sleep(0)
            if self._answers:
                report(State("asking the model", answered=True))
            for _ in range(3):
                await asyncio.sleep(0)
        finally:
            self.now -= 1
        end = self.ends.get(task.key, {})
        if isinstance(end, Exception):
            raise end
        return result(task.key, **end)


def error(kind: str) -> dict[str, Any]:
    return {"status": "error", "error": {"kind": kind, "message": f"it is {kind}", "hint": "do something"}}


async def run(plan: Plan, fake: Fake, count: int) -> tuple[Summary, list[Result], Seen]:
    written: list[Result] = []
    seen = Seen()
    summary = await Batch(plan, fake, written.append, seen).run(tasks(count))
    return summary, written, seen


async def test_every_task_gets_one_result_and_as_many_run_as_were_asked_for() -> None:
    fake = Fake({"t3": {"status": "failed"}})
    summary, written, seen = await run(Plan(3), fake, 20)
    assert sorted(each["id"] for each in written) == sorted(f"t{number}" for number in range(20))
    assert (summary.statuses, summary.stopped, fake.most) == ({"approved": 19, "failed": 1}, "", 3)
    assert seen.done == [each["id"] for each in written]


async def test_the_first_task_goes_alone_until_the_model_has_answered() -> None:
    fake = Fake({"t0": error("wrong-key")}, answers=False)
    summary, written, _ = await run(Plan(5), fake, 20)
    assert fake.begun == ["t0"]
    assert [each["id"] for each in written] == ["t0"]
    assert isinstance(summary.failure, ModelError)
    assert "same error" in summary.stopped


async def test_a_key_that_is_refused_later_stops_the_rest_with_one_line() -> None:
    summary, written, _ = await run(Plan(3), Fake({f"t{number}": error("quota") for number in range(4, 20)}), 20)
    assert [each["status"] for each in written].count("error") == 1
    assert summary.statuses["approved"] == 4
    assert summary.failure is not None
    assert summary.failure.kind == "quota"


async def test_no_engine_stops_everything_without_a_line() -> None:
    fake = Fake({"t5": EngineError("no engine", kind="engine-stopped")})
    summary, written, _ = await run(Plan(2), fake, 20)
    assert isinstance(summary.failure, EngineError)
    assert "t5" not in [each["id"] for each in written]
    assert len(written) < 8


async def test_five_errors_of_one_kind_in_a_row_stop_a_batch_and_scattered_ones_do_not() -> None:
    summary, written, _ = await run(Plan(1), Fake({f"t{number}": error("server") for number in range(3, 20)}), 20)
    assert (len(written), summary.errors) == (8, {"server": 5})
    assert "5 tasks in a row" in summary.stopped
    ends = {f"t{number}": error("server" if number % 2 else "cut") for number in range(20)}
    assert (await run(Plan(1), Fake(ends), 20))[0].stopped == ""


async def test_fail_fast() -> None:
    ends = {f"t{number}": {"status": "failed"} for number in (2, 5)}
    summary, written, _ = await run(Plan(1, fail_fast=2), Fake(ends), 20)
    assert len(written) == 6
    assert summary.stopped == "2 not approved (--fail-fast 2)"


async def test_no_task_begins_that_could_pass_the_limit_of_the_cost() -> None:
    costs = {f"t{number}": {"cost": 0.1} for number in range(20)}
    summary, written, _ = await run(Plan(1, max_cost=0.35), Fake(costs), 20)
    assert len(written) == 3
    assert "0.3000 is spent" in summary.stopped
    summary, written, _ = await run(Plan(4, max_cost=1.05), Fake(costs), 20)
    assert len(written) == 10


async def test_errors_are_tried_once_more_if_that_was_asked_for() -> None:
    fake = Fake({"t1": error("server")})
    summary, written, _ = await run(Plan(1, retry_errors=True), fake, 3)
    assert fake.begun == ["t0", "t1", "t1", "t2"]
    assert [each["id"] for each in written] == ["t0", "t1", "t2"]
    assert summary.statuses == {"approved": 2, "error": 1}


async def test_a_result_that_cannot_be_written_ends_the_batch() -> None:
    def write(each: Result) -> None:
        raise AppError("the disk is full", kind="output")

    fake = Fake()
    with pytest.raises(AppError, match="the disk is full"):
        await Batch(Plan(2), fake, write, Seen()).run(tasks(20))
    assert fake.now == 0
    assert len(fake.begun) <= 2


async def test_an_interrupt_ends_what_runs_and_writes_what_has_ended() -> None:
    written: list[Result] = []
    started = asyncio.Event()

    async def work(task: BatchTask, report: Callable[[State], None]) -> Result:
        report(State("asking the model", answered=True))
        if task.key != "t0":
            started.set()
            await asyncio.Event().wait()
        return result(task.key)

    batch = Batch(Plan(2), work, written.append, Seen())
    running = asyncio.ensure_future(batch.run(tasks(20)))
    await started.wait()
    while not written:
        await asyncio.sleep(0.01)
    batch.interrupt()
    summary = await running
    assert [each["id"] for each in written] == ["t0"]
    assert summary.statuses == {"approved": 1}


async def test_ten_thousand_tasks_leave_nothing_in_memory() -> None:
    sizes: list[int] = []

    def write(each: Result) -> None:
        if each["id"] in ("t1000", "t9999"):
            sizes.append(tracemalloc.get_traced_memory()[0])

    async def work(task: BatchTask, report: Callable[[State], None]) -> Result:
        report(State("asking the model", answered=True))
        return result(task.key, output="x" * 10_000)

    tracemalloc.start()
    try:
        summary = await Batch(Plan(4), work, write, _Nobody()).run(tasks(10_000))
    finally:
        tracemalloc.stop()
    assert summary.statuses == {"approved": 10_000}
    assert sizes[1] - sizes[0] < 200_000


class _Nobody(Seen):
    def started(self, task: BatchTask) -> None:
        pass

    def ended(self, task: BatchTask, result: Mapping[str, Any]) -> None:
        pass
