"""One task without questions: standard output is the output of the approved program and nothing else."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from cli.adding import add_files
from cli.delivery import deliver
from cli.signals import interrupted
from cli.streams import tell
from cli.wiring import Wiring
from utils.errors import AppError, ExitStatus, UsageError
from utils.settings import Settings
from utils.text import fenced, sanitize

if TYPE_CHECKING:
    from teams.session import Session

_MOST_CONTEXT = 200_000  # characters of text that is piped in beside a task
_PATIENCE = 1.0  # seconds until we say that standard input is being waited for


@dataclass(frozen=True)
class RunOptions:
    """What the command line says about one run."""

    task: str | None = None
    file: Path | None = None
    json: bool = False
    events: bool = False
    output: Path | None = None
    added: Sequence[Path] = ()


def run(settings: Settings, wiring: Wiring, options: RunOptions) -> ExitStatus:
    """Run the task and return the exit status; raises AppError if it could not be run."""
    # Read before the event loop starts: Ctrl-C ends the reading.
    return asyncio.run(_run(settings, wiring, options, read_task(options)))


async def _run(settings: Settings, wiring: Wiring, options: RunOptions, task: str) -> ExitStatus:
    model = wiring.check_model(settings)
    began = time.monotonic()
    unattended = _Unattended(settings, options, model)
    work = asyncio.ensure_future(unattended.work(wiring, task))
    if await interrupted(work, unattended.stop):
        return ExitStatus.INTERRUPTED
    work.result()
    return unattended.finish(time.monotonic() - began)


class _Unattended:
    """One unattended task, from the opening of the session to what is printed of it."""

    def __init__(self, settings: Settings, options: RunOptions, model: str) -> None:
        self._settings = settings
        self._options = options
        self._model = model
        self._session: Session | None = None

    async def work(self, wiring: Wiring, task: str) -> None:
        """Run the task to its end; the session is closed afterwards, container and all."""
        for warning in self._settings.warnings:
            self._say(warning)
        async with wiring.open_session(self._settings, self._say, None) as session:
            lines = await add_files(session, self._options.added) if self._options.added else []
            for line in [*session.sandbox.concerns, *lines]:
                self._say(line)
            self._session = session
            await self._follow(session, task)

    def stop(self, work: asyncio.Future[None]) -> None:
        """Stop the task, or what opens the session for it."""
        if self._session is not None:
            self._session.stop()
        else:
            work.cancel()

    def finish(self, seconds: float) -> ExitStatus:
        """Print the result and return the exit status."""
        from teams.outcome import status_of, task_json

        session = self._session
        assert session is not None
        record = session.record
        if self._options.output is not None and record.approved:
            for path in deliver(record, self._options.output):
                self._say(f"saved: {path}")
        if self._options.json:
            result = task_json(
                record,
                self._settings,
                key=session.sandbox.session,
                session=session.sandbox.session,
                model=self._model,
                limits=session.sandbox.limits,
                seconds=seconds,
                output=session.whole_output,
            )
            write_out(json.dumps(result, ensure_ascii=False) + "\n")
        elif record.approved and not self._options.events:
            write_out(session.whole_output)
        if record.approved:
            return ExitStatus.DONE
        if record.ended is not None and record.ended.error is not None:
            raise record.ended.error
        last = record.last_run
        if last is not None and last.output:
            sys.stderr.write(sanitize(last.output if last.output.endswith("\n") else f"{last.output}\n"))
        reason = {"stopped": "the task was stopped", "failed": "no program succeeded"}.get(status_of(record), "the task failed")
        tell(f"not approved: {reason}")
        return ExitStatus.NOT_DONE

    async def _follow(self, session: Session, task: str) -> None:
        from cli.output.progress import event_json, show_progress
        from teams.unattended import run_unattended

        async with aclosing(run_unattended(session, task)) as events:
            async for event in events:
                if self._options.events:
                    write_out(event_json(event) + "\n")
                if not self._settings.quiet:
                    show_progress(event)

    def _say(self, text: str) -> None:
        if not self._settings.quiet:
            tell(text)


def write_out(text: str) -> None:
    """Write to standard output at once; raises AppError if it takes no more."""
    data = text.encode("utf-8", "replace")
    try:
        sys.stdout.flush()
        buffer = sys.stdout.buffer
        raw = getattr(buffer, "raw", buffer)  # a file, or a Windows console, which takes UTF-8 only this way
        while data:
            data = data[raw.write(data) :]
    except BrokenPipeError as error:
        raise AppError("whatever reads standard output closed it before the end", kind="output") from error
    except (AttributeError, OSError, ValueError) as error:  # closed by the shell (>&-) it is None
        reason = getattr(error, "strerror", None) or "it is closed"
        raise AppError(f"standard output cannot be written: {reason}", "make room, or write elsewhere", kind="output") from error


def read_task(options: RunOptions) -> str:
    """Return the task: from a file, from standard input, or as given, with the text piped in beside it. Raises UsageError."""
    if options.file is not None:
        if options.task is not None:
            raise UsageError("there are two tasks: TASK and -f", "give one of them", kind="usage")
        try:
            task = options.file.expanduser().read_text("utf-8", errors="replace")
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"-f {options.file}: {getattr(error, 'strerror', None) or error}", "check the path", kind="usage") from error
        return _not_empty(task, f"-f {options.file}")
    if options.task == "-":
        return _not_empty(_read_stdin(), "standard input")
    if options.task is None:
        raise UsageError("there is no task", 'run "TASK", run - (from standard input), or run -f FILE', kind="usage")
    return _with_context(_not_empty(options.task, "TASK"), _read_stdin() if _is_piped() else "")


def _not_empty(task: str, where: str) -> str:
    if not task.strip():
        raise UsageError(f"the task is empty ({where})", "say what to build", kind="usage")
    return task.strip()


def _is_piped() -> bool:
    """Tell whether somebody pipes text in; a terminal, /dev/null, a socket or nothing at all is no such text."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _read_stdin() -> str:
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, ValueError) as error:
        raise UsageError("standard input is closed", "give the task as an argument", kind="usage") from error
    timer = Timer(_PATIENCE, tell, ["reading standard input …"])
    timer.daemon = True
    timer.start()
    try:
        data = b""
        while (more := os.read(descriptor, 1 << 16)) and len(data) <= 4 * _MOST_CONTEXT:
            data += more
    finally:
        timer.cancel()
    return data.decode("utf-8", "replace")


def _with_context(task: str, text: str) -> str:
    """Return the task with the piped text behind it, in a fence that the text cannot close."""
    if not text.strip():
        return task
    shown = text[:_MOST_CONTEXT]
    left_out = len(text) - len(shown)
    note = f"\n[the rest, {left_out:,} characters or more, is left out]" if left_out else ""
    return f"{task}\n\nThe input:\n{fenced(shown, 'text')}{note}"
