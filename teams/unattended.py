"""Tasks without a user: the questions of the stream are answered by a fixed policy."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from agents.events import Event, Question, Reply
from sandbox.verdicts import Verdict
from teams.record import Record
from teams.session import Session
from utils.words import APPROVE, STOP


async def run_unattended(session: Session, task: str) -> AsyncGenerator[Event, None]:
    """Run a task as `Session.run` does, approve its result if the program ended well, and give up otherwise."""
    async with aclosing(session.run(task)) as events:
        async for event in events:
            yield event
            if isinstance(event, Question):
                session.answer(event.key, decide(event, session.record))


def decide(question: Question, record: Record) -> Reply:
    """Answer a question without a user: good results and stored files are approved, programs run, unknown packages not installed."""
    if question.kind in ("packages", "build"):
        return Reply(yes=None)
    if question.kind == "run":
        return Reply(programs=question.programs)
    last = record.last_run
    good = question.stored or (question.ran and last is not None and last.verdict is Verdict.OK)
    return Reply(text=APPROVE if good else STOP)
