"""One task of a batch, in a session of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from autogen_agentchat.messages import TextMessage

from agents.code_generator_agent import NAME as GENERATOR
from agents.events import Event, InstallStarted, Notice, Preparing, ProgramStarted, SentBack, TaskEnded
from sandbox.opening import limits_of
from teams.batch.expect import expectation_fails
from teams.batch.loop import State
from teams.batch.tasks import BatchTask
from teams.outcome import error_json, task_json
from teams.record import Record
from teams.session import Session, explain_failure
from teams.unattended import run_unattended
from utils.errors import AppError
from utils.settings import Settings

OpenSession = Callable[[], AbstractAsyncContextManager[Session]]
Prepare = Callable[[Session, BatchTask], Awaitable[None]]
"""Copies a task's files in."""


@dataclass(frozen=True)
class LocalWork:
    """Does tasks on this machine."""

    settings: Settings
    model: str
    open_session: OpenSession
    """Raises AppError if there is no container or no model; then no other task could be done either."""
    prepare: Prepare

    async def __call__(self, task: BatchTask, report: Callable[[State], None]) -> Mapping[str, Any]:
        """Run the task to its end and return its result; it is stopped first if this is cancelled."""
        began = time.monotonic()
        report(State("waiting for a container"))
        async with self.open_session() as session:
            try:
                await self.prepare(session, task)
                await self._follow(session, task.task, report)
            except AppError as error:
                session.record.take(TaskEnded("error", error=error))
            except Exception as error:
                session.record.take(TaskEnded("error", error=explain_failure(error, None)))
            return await self._result(session, task, time.monotonic() - began)

    async def _follow(self, session: Session, text: str, report: Callable[[State], None]) -> None:
        following = asyncio.ensure_future(_follow(session, text, report))
        try:
            await asyncio.shield(following)
        except asyncio.CancelledError:
            # The program has to be dead, and the team at rest, before the session is closed.
            session.stop()
            await asyncio.wait({following})
            raise

    async def _result(self, session: Session, task: BatchTask, seconds: float) -> Mapping[str, Any]:
        result = task_json(
            session.record,
            self.settings,
            key=task.key,
            session=session.sandbox.session,
            model=self.model,
            limits=session.sandbox.limits,
            seconds=seconds,
            output=session.whole_output,
        )
        return await judge(result, task)


def failed_result(task: BatchTask, settings: Settings, model: str, error: AppError) -> dict[str, Any]:
    """Describe a task that could not be run."""
    record = Record(ended=TaskEnded("error", error=error))
    result = task_json(record, settings, key=task.key, session="", model=model, limits=limits_of(settings), seconds=0.0)
    return {**result, "task": task.task}


async def judge(result: Mapping[str, Any], task: BatchTask) -> dict[str, Any]:
    """Return the result as this task's: an approved one whose output is not what was expected has failed."""
    judged = {**result, "id": task.key, "task": task.task}
    if task.expect and judged["status"] == "approved":
        why = await expectation_fails(task.expect, judged["output"])
        if why:
            error = AppError(why, "see `output`, or correct `expect`", kind="expect")
            judged.update(status="failed", error=error_json(error))
    return judged


async def _follow(session: Session, text: str, report: Callable[[State], None]) -> None:
    state = State("asking the model")
    report(state)
    async for event in run_unattended(session, text):
        doing = _doing(event)
        tokens = session.record.tokens
        used = tokens.prompt_tokens + tokens.completion_tokens if tokens else 0
        answered = isinstance(event, TextMessage) and event.source == GENERATOR
        newest = State(doing or state.doing, len(session.record.attempts), used, answered)
        if replace(newest, answered=False) != state or answered:
            report(newest)
        state = replace(newest, answered=False)


def _doing(event: Event) -> str:
    if isinstance(event, ProgramStarted):
        return "running"
    if isinstance(event, InstallStarted):
        return "installing packages"
    if isinstance(event, Preparing):
        return event.to_text() if event.what else "running"
    if isinstance(event, Notice):
        return "waiting for the model"
    return "asking the model" if isinstance(event, SentBack) else ""
