"""The loop of a batch: so many tasks side by side, each result written before the next task begins, and an end that leaves nothing half."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from teams.batch.tasks import BatchTask
from utils.errors import AppError, ModelError

Result = Mapping[str, Any]
SAME_FOR_ALL = {"wrong-key", "forbidden", "quota", "unknown-model", "wrong-url", "moved", "proxy", "certificate"}
"""Kinds of errors that every other task would meet, too: the batch stops at the first of them."""
_IN_A_ROW = 5
"""So many errors of one kind, one after the other, stop the batch: something is broken that no task can help."""


@dataclass(frozen=True)
class State:
    """What a task is doing."""

    doing: str
    attempts: int = 0
    tokens: int = 0
    answered: bool = False
    """Whether the model has answered: key, address and model are right."""


class Watch(Protocol):
    """Whoever shows how a batch goes."""

    def started(self, task: BatchTask) -> None:
        """Take a task that begins."""

    def changed(self, task: BatchTask, state: State) -> None:
        """Take what a task is doing now."""

    def ended(self, task: BatchTask, result: Result) -> None:
        """Take a result that has been written."""


Work = Callable[[BatchTask, Callable[[State], None]], Awaitable[Result]]
"""Does one task and returns its result, also if it failed; cancelling it leaves nothing of it running.

Raises AppError if no other task could be done either.
"""


@dataclass(frozen=True)
class Plan:
    """How a batch is run."""

    jobs: int = 1
    fail_fast: int | None = None
    """How many tasks may go unapproved before no further one is begun."""
    max_cost: float | None = None
    """What all tasks together may cost, in the currency of the prices."""
    retry_errors: bool = False
    """Whether a task that ended in an error is tried once more."""


@dataclass
class Summary:
    """What a batch came to, in numbers."""

    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """By kind."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    stopped: str = ""
    """Why no further task was begun; nothing if all were."""
    failure: AppError | None = None
    """The error that would meet every further task."""

    @property
    def ended(self) -> int:
        """How many tasks have a result."""
        return self.statuses.total()

    def count(self, result: Result) -> None:
        """Add one result."""
        self.statuses[str(result["status"])] += 1
        error, usage = result.get("error"), result.get("usage") or {}
        if error:
            self.errors[str(error["kind"])] += 1
        self.prompt_tokens += usage.get("prompt_tokens", 0)
        self.completion_tokens += usage.get("completion_tokens", 0)
        if result.get("cost") is not None:
            self.cost = (self.cost or 0.0) + result["cost"]


_SAME_ERROR = "every other task would end in the same error"


class Batch:
    """One run of a batch; nothing of a task is kept once its result is written."""

    def __init__(self, plan: Plan, work: Work, write: Callable[[Result], None], watch: Watch) -> None:
        """Take how to do a task and where its result goes; `write` is called in a thread, one result at a time."""
        self.summary = Summary()
        self.interrupted = False
        self._plan = plan
        self._work = work
        self._write = write
        self._watch = watch
        self._writing = asyncio.Lock()
        self._answered = asyncio.Event()
        self._workers: list[asyncio.Future[None]] = []
        self._in_a_row: tuple[str, int] = ("", 0)
        self._under_way = 0

    async def run(self, tasks: Iterator[BatchTask]) -> Summary:
        """Run the tasks until the last one has ended or no further one may begin. Raises AppError if a result cannot be written."""
        self._workers = [asyncio.ensure_future(self._take_turns(tasks, number)) for number in range(self._plan.jobs)]
        try:
            await asyncio.wait(self._workers, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for worker in self._workers:
                worker.cancel()
            ended = await asyncio.gather(*self._workers, return_exceptions=True)
        if not self.interrupted:
            for failure in ended:
                if isinstance(failure, BaseException):
                    raise failure
        return self.summary

    def interrupt(self) -> None:
        """End all tasks that are under way, without a result."""
        self.interrupted = True
        for worker in self._workers:
            worker.cancel()

    async def _take_turns(self, tasks: Iterator[BatchTask], number: int) -> None:
        if number:
            # The first task goes alone until the model has answered it: a wrong key is refused once, not once for each task.
            await self._answered.wait()
        try:
            while self._may_begin() and (task := next(tasks, None)) is not None:
                self._under_way += 1
                try:
                    await self._do(task)
                finally:
                    self._under_way -= 1
                self._answered.set()
        finally:
            self._answered.set()

    def _may_begin(self) -> bool:
        """Tell whether one more task may begin; by what tasks have cost on average, it may not pass the limit of the cost."""
        summary, most = self.summary, self._plan.max_cost
        if most is not None and summary.cost is not None:
            expected = summary.cost * (1 + (self._under_way + 1) / summary.ended)
            if expected > most:
                self._stop(f"{summary.cost:.4f} is spent, and one more task could pass the limit of {most:g} (MAX_COST)")
        return not summary.stopped

    async def _do(self, task: BatchTask) -> None:
        self._watch.started(task)
        try:
            result = await self._work(task, lambda state: self._change(task, state))
            if result["status"] == "error" and self._plan.retry_errors and not _ends_all(result):
                result = await self._work(task, lambda state: self._change(task, state))
        except AppError as error:
            self._stop(_SAME_ERROR, error)
            return
        # Once begun it is finished: a result that was paid for is not lost to Ctrl-C.
        await _finish(self._keep(task, result))

    async def _keep(self, task: BatchTask, result: Result) -> None:
        async with self._writing:
            if self.summary.failure is not None and _ends_all(result):
                return  # one line says it for all
            await asyncio.to_thread(self._write, result)
            self.summary.count(result)
            self._watch.ended(task, result)
            self._decide(result)

    def _change(self, task: BatchTask, state: State) -> None:
        if state.answered:
            self._answered.set()
        self._watch.changed(task, state)

    def _decide(self, result: Result) -> None:
        """Stop if no further task may begin."""
        summary, plan = self.summary, self._plan
        bad = summary.ended - summary.statuses["approved"]
        kind = result["error"]["kind"] if result["status"] == "error" and result.get("error") else ""
        self._in_a_row = (kind, self._in_a_row[1] + 1 if kind == self._in_a_row[0] else 1)
        if _ends_all(result):
            self._stop(_SAME_ERROR, error_of(result["error"]))
        elif kind and self._in_a_row[1] >= _IN_A_ROW:
            self._stop(f"{_IN_A_ROW} tasks in a row ended in the same error", error_of(result["error"]))
        elif plan.fail_fast is not None and bad >= plan.fail_fast:
            self._stop(f"{bad} not approved (--fail-fast {plan.fail_fast})")

    def _stop(self, reason: str, failure: AppError | None = None) -> None:
        self.summary.stopped = self.summary.stopped or reason
        self.summary.failure = self.summary.failure or failure


async def _finish(work: Awaitable[None]) -> None:
    running = asyncio.ensure_future(work)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.result()
        raise


def _ends_all(result: Result) -> bool:
    return result["status"] == "error" and (result.get("error") or {}).get("kind") in SAME_FOR_ALL


def error_of(error: Mapping[str, Any]) -> AppError:
    """Return the error that a result describes."""
    kind = ModelError if error["kind"] in SAME_FOR_ALL else AppError
    return kind(error["message"], error["hint"], kind=error["kind"])
