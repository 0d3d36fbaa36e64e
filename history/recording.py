"""Turns the events of a session into rows, each on disk before the step after it begins."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

from agents.events import Event, FilesProduced, Notice, PackagesInstalled, ProgramFinished, ProgramKept, ProgramStarted, TaskEnded
from history.handover import ADDED, hand_over
from history.journal import HistoryJournal
from history.records import (
    APPROVED,
    FRESH,
    OPEN,
    Approval,
    Attempt,
    HistoryError,
    Message,
    ModelCall,
    StoredFile,
    StoredPackage,
    StoredSession,
)
from history.store import DATABASE, Store
from sandbox.engine.limit_check import State
from sandbox.sandbox import Sandbox
from teams.restoring import Spoken, dump_message
from utils.errors import AppError
from utils.settings import Settings

_NAME = "History"


class Recording:
    """The journal of a session whose store is a HistoryJournal."""

    def __init__(self, journal: HistoryJournal, settings: Settings, sandbox: Sandbox, notices: list[str], model: str, status: str) -> None:
        """Take where rows go, the settings, the session's sandbox, what the store says, the name of the model, and the status."""
        self.journal = journal
        self.folder = sandbox.work_dir
        self.approval: Approval | None = None
        """The newest approved program, with what its check has found."""
        self._settings = settings
        self._sandbox = sandbox
        self._notices = notices
        self._model = model
        self._status = status
        self._news: list[Event] = []
        self._running: Attempt | None = None
        self._asked = time.time()
        self._forgot = False
        self._proven = False

    # The journal, as agents/ and teams/ know it

    async def wrote(self, messages: Sequence[Spoken]) -> None:
        """Keep messages, and what the model's answers among them have cost."""
        for message in messages:
            if self._forgot and self.journal.messages:
                await self.journal.wrote([Message(FRESH, "", f"fresh-{time.time_ns()}", time.time())])
            self._forgot = False
            if self._status != OPEN:
                self._status = OPEN
                await self.journal.set(status=OPEN)
            dumped, place = dump_message(message), self.journal.messages
            await self.journal.wrote([row_of(dumped)])
            if self.journal.messages > place:
                await self._keep_cost(dumped, place)

    async def started(self, program: ProgramStarted) -> None:
        """Keep that a program is about to run."""
        given = tuple((file.name, file.text) for file in program.files)
        attempt = Attempt(0, 0, program.language, program.code, time.time(), file_name=program.name, given=given)
        self._running = await self.journal.started(attempt)

    async def finished(self, program: ProgramFinished, output: str) -> None:
        """Keep the result of a program."""
        run = program.run
        words = (("reason", run.reason), ("notes", run.notes), ("advice", run.advice), ("image", run.image))
        said = {name: value for name, value in words if value}
        known = {"exit_code": run.exit_code, "seconds": run.seconds, "output": output, "cut": run.dropped, "said": said}
        await self._finish(run.verdict.value, file_name=run.file_name, **known)

    async def _finish(self, verdict: str, **known: Any) -> None:
        begun, self._running = self._running, None
        if begun is not None:
            await self.journal.finished(replace(begun, finished=time.time(), verdict=verdict, **known))

    async def happened(self, event: Event) -> None:
        """Keep what an event says that is neither a start nor a result of a program."""
        await self._happened(event)

    async def added(self, files: Mapping[str, Path]) -> None:
        """Keep a copy of what the user added, for the container of a later process and for what is handed over."""
        rows = await asyncio.to_thread(self._copy, files)
        await self.journal.add(rows)

    def forgot(self) -> None:
        """Take note that the conversation starts afresh."""
        self._forgot = True

    def news(self) -> Sequence[Event]:
        """Return what is new since the last call."""
        news: list[Event] = [*(Notice(source=_NAME, content=text) for text in self._notices), *self._news]
        self._notices.clear()
        self._news.clear()
        return news

    def say(self, text: str) -> None:
        """Say this sentence with the next event."""
        self._notices.append(text)

    # What is handed over

    async def approve(self) -> Approval | None:
        """Put the approved program into its own folder and return where; None if nothing ran, or if it could not be done, which is said."""
        try:
            approval = await asyncio.to_thread(lambda: hand_over(self.stored(), self.folder))
        except (HistoryError, OSError) as error:
            self.say(f"The approved program could not be put into its folder: {error}")
            return None
        if approval is not None:
            await self.journal.add([approval])
            await self._prove()
        return approval

    async def _prove(self) -> None:
        """Keep once which limits were seen in force from inside the container."""
        if self._proven:
            return
        self._proven = True
        with suppress(AppError, ValueError):  # the container is gone, and can tell nothing
            facts = await self._sandbox.check_limits()
            await self.journal.prove([f"{fact.limit} {fact.wanted}".strip() for fact in facts if fact.state is State.IN_FORCE])

    async def checked(self, approval: Approval) -> None:
        """Keep what a check has found."""
        self.approval = approval
        await self.journal.add([approval])

    def stored(self) -> StoredSession:
        """Return all that is kept of this session; HistoryError if it cannot be read."""
        with closing(Store.read_only(self._settings.workspace / DATABASE)) as store:
            return store.read(self.journal.session)

    # Events

    @singledispatchmethod
    async def _happened(self, event: object) -> None:
        """Keep nothing of an event that is for the screen only."""

    @_happened.register
    async def _(self, event: Spoken) -> None:
        await self.wrote([event])

    @_happened.register
    async def _(self, event: FilesProduced) -> None:
        def rows() -> list[StoredFile]:
            number = self.stored().judged[-1].number if event.put_back else self.journal.attempts
            return [_row_of_file(each.path, each.name, number) for each in event.files]

        with suppress(HistoryError):  # it is said already that nothing is kept
            await self.journal.add(await asyncio.to_thread(rows))

    @_happened.register
    async def _(self, event: PackagesInstalled) -> None:
        number = self.journal.attempts
        await self.journal.add([StoredPackage(each.name, each.version, each.sha256, each.requested, number) for each in event.installed])

    @_happened.register
    async def _(self, event: TaskEnded) -> None:
        # A program that was stopped, or lost with its container, has no result; it is not one that a killed session left running.
        await self._finish("cancelled" if event.status == "interrupted" else "lost")
        self._status = event.status
        await self.journal.set(status=event.status)
        approval = await self.approve() if event.status == APPROVED else None
        if approval is not None:
            self.approval = approval
            self._news.append(ProgramKept(source=_NAME, folder=self.folder / approval.folder))

    async def _keep_cost(self, dumped: Mapping[str, Any], place: int) -> None:
        now = time.time()
        asked, self._asked = self._asked, now
        usage = dumped.get("models_usage") or {}
        sent, received = int(usage.get("prompt_tokens", 0)), int(usage.get("completion_tokens", 0))
        if sent or received:
            cost = self._settings.cost(sent, received)
            await self.journal.called(ModelCall(place, now, self._model, sent, received, cost, now - asked))

    def _copy(self, files: Mapping[str, Path]) -> list[StoredFile]:
        rows = []
        for name, path in files.items():
            target = self.folder / ADDED / name
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            except OSError as error:
                self.say(f"{name} could not be kept for a later session: {error.strerror}")
                continue
            rows.append(_row_of_file(target, name, 0, added=True))
        return rows


def row_of(dumped: Mapping[str, Any]) -> Message:
    """Return the row of a message; all that is not in a column of its own goes into its metadata."""
    rest = {name: value for name, value in dumped.items() if name not in ("id", "source", "content", "created_at")}
    at = datetime.fromisoformat(dumped["created_at"].replace("Z", "+00:00"))  # Python 3.10 does not know the Z
    return Message(dumped["source"], dumped["content"], dumped["id"], at.timestamp(), rest)


def dumped_of(row: Message) -> dict[str, Any]:
    """Return the data that a row was made of."""
    return {"type": "TextMessage", **row.metadata, "id": row.id, "source": row.source, "content": row.content}


def _row_of_file(path: Path, name: str, attempt: int, *, added: bool = False) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return StoredFile(name, digest.hexdigest(), size, attempt, added)
