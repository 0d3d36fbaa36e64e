"""Opens the history for a session: a new one, or one of an earlier process that goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from agents.events import UNFINISHED, Event, FilesProduced, ProgramFinished, ProgramStarted, TaskEnded, TokensUsed
from history.handover import ADDED
from history.journal import HistoryJournal
from history.recording import Recording, dumped_of
from history.records import FRESH, OPEN, Attempt, HistoryError, SessionInfo, StoredSession, npm_versions, requirements_of
from history.redact import hider
from history.removal import remove_older
from history.steps import EXECUTOR, GENERATOR, TASK
from history.store import DATABASE, Store
from sandbox.packages.install import PipRequest
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from teams.restoring import load_message, outcome_of
from teams.session import Session
from utils.code_blocks import StoredFile as Given
from utils.docker_utils import Limits
from utils.owner import owner
from utils.settings import Settings
from utils.text import size_text
from utils.words import APPROVE


@asynccontextmanager
async def open_recording(
    settings: Settings, sandbox: Sandbox, model: tuple[str, str], resumed: StoredSession | None = None
) -> AsyncIterator[Recording]:
    """Keep the session that runs in the sandbox; `model` is the provider and the name. A history that fails stops no session."""
    path = settings.workspace / DATABASE
    notices: list[str] = []
    hide = hider(settings.environment)
    info = SessionInfo(
        sandbox.session,
        resumed.info.started if resumed else time.time(),
        resumed.info.task if resumed else "",
        provider=model[0],
        model=model[1],
        image=settings.image,
        image_digest=sandbox.image_digest,
        facts={"limits": _limits(sandbox.limits), "memory": sandbox.limits.memory, "pids": sandbox.limits.pids},
        owner=owner(),
    )
    journal = HistoryJournal(lambda: Store.open(path, notices.append, hide), info, notices.append, resumed)
    recording = Recording(journal, settings, sandbox, notices, model[1], resumed.info.status if resumed else OPEN)
    if settings.history_days and path.is_file():
        await asyncio.to_thread(_forget_old, settings)
    try:
        yield recording
    finally:
        await journal.close()


def _forget_old(settings: Settings) -> None:
    with suppress(HistoryError), closing(Store.open(settings.workspace / DATABASE)) as store:  # the journal says what is wrong with it
        remove_older(store, settings.workspace, settings.history_days)


def _limits(limits: Limits) -> dict[str, str]:
    return {
        "time": f"{limits.timeout} s",
        "memory": size_text(limits.memory),
        "processors": f"{limits.cpus:g}",
        "processes": str(limits.pids),
        "output": size_text(limits.output),
        "disk": size_text(limits.disk),
        "network": limits.network,
    }


async def take_up(session: Session, stored: StoredSession) -> None:
    """Let a session that was just opened go on where the stored one ended; what did not come back is said with its first concerns."""
    sandbox = session.sandbox
    files = {file.name: sandbox.work_dir / (f"{ADDED}/{file.name}" if file.added else file.name) for file in stored.files}
    missing: Sequence[str] = ()
    if files:
        missing = [left.name for left in (await sandbox.put_files(files)).left_out]
    messages = [load_message(dumped_of(row)) for row in stored.messages[stored.conversation :]]
    done = [_run_of(attempt) for attempt in stored.attempts if attempt.message == len(stored.messages) and attempt.finished is not None]
    events, versions = list(_events(stored, sandbox.work_dir)), npm_versions(stored.packages)
    await session.restore(messages, events, lock_of(stored), done, versions=versions, ended=_ended(stored, outcome_of(messages)))
    await _end(session, stored, outcome_of(messages))
    if missing:
        sandbox.concerns.append(f"No longer there: {', '.join(missing)}.")


def _ended(stored: StoredSession, outcome: str) -> TaskEnded | None:
    if outcome:
        return TaskEnded("approved" if outcome == APPROVE else "stopped")
    return next((TaskEnded(status) for status in UNFINISHED if status == stored.info.status), None)


async def _end(session: Session, stored: StoredSession, outcome: str) -> None:
    """End a task whose last word was kept, but whose process did not live to end it."""
    newest = stored.judged[-1].number if stored.judged else 0
    handed_over = any(newest in approval.attempts for approval in stored.approvals)
    if outcome and (stored.info.status == OPEN or (outcome == APPROVE and newest and not handed_over)):
        await session.journal.happened(TaskEnded("approved" if outcome == APPROVE else "stopped"))


def lock_of(stored: StoredSession) -> PipRequest | None:
    """Return what installs the session's Python packages again, by their hashes if they are known."""
    lock = requirements_of(stored.packages)
    options = ("--no-deps", "--require-hashes") if " --hash=" in lock else ("--no-deps",)
    return PipRequest((), options, lock) if lock else None


def _events(stored: StoredSession, folder: Path) -> Iterator[Event]:
    """Yield the events that make up the record of the session."""
    for place, row in enumerate(stored.messages):
        if place and row.source in (TASK, FRESH):
            yield TaskEnded("stopped")
        if row.source != FRESH:
            yield load_message(dumped_of(row))
        for attempt in stored.attempts:
            if attempt.message == place + 1:
                yield from _events_of(attempt)
    info = stored.info
    if stored.calls:
        yield TokensUsed(
            source=GENERATOR, prompt_tokens=info.prompt_tokens, completion_tokens=info.completion_tokens, calls=len(stored.calls)
        )
    files = [ProducedFile(folder / each.name, each.name, each.size, True) for each in stored.files if not each.added]
    if files:
        yield FilesProduced(source=EXECUTOR, files=tuple(files))


def _events_of(attempt: Attempt) -> Iterator[Event]:
    given = tuple(Given(name, text, 0) for name, text in attempt.given)
    started = ProgramStarted(source=EXECUTOR, language=attempt.language, code=attempt.code, number=1, total=1, timeout=0, files=given)
    yield started.model_copy(update={"name": attempt.file_name})
    if attempt.finished is None:
        return
    yield ProgramFinished(source=EXECUTOR, run=_run_of(attempt), summary="")


def _run_of(attempt: Attempt) -> ProgramRun:
    said = attempt.said
    return ProgramRun(
        attempt.language,
        attempt.code,
        attempt.file_name,
        Verdict(attempt.verdict),
        attempt.exit_code,
        attempt.seconds,
        attempt.output,
        attempt.cut,
        tuple(said.get("notes", ())),
        str(said.get("reason", "")),
        advice=tuple(said.get("advice", ())),
        image=str(said.get("image", "")),
    )
