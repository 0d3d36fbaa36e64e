"""Runs an approved program again, in a fresh container with nothing but what was handed over, and says what is different."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing, suppress
from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path

from history.handover import Handover, Program, is_ours, plan
from history.records import Approval, Attempt, HistoryError, StoredFile, StoredSession, npm_versions
from history.redact import hider
from history.store import DATABASE, Store
from sandbox.clean_room import CleanRoom, open_clean_room
from sandbox.verdicts import ProgramRun
from utils.settings import Settings

NODE = ("javascript", "typescript")
MOST_DIFFERENCES = 20
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d[\d.,:_-]*")
_SHOWN = 80  # characters of a line that is different


async def check_approval(settings: Settings, session: StoredSession, approval: Approval, notify: Callable[[str], None]) -> Approval:
    """Run what was handed over in a fresh container of the same image, and return the approval with what was found.

    HistoryError if the files are gone, EngineError if there is no engine, image or package.
    """
    info = session.info
    network = str(info.facts.get("limits", {}).get("network", settings.network))
    there = replace(
        settings, image=info.image_digest or info.image, network="install" if network == "off" and session.packages else network
    )
    return await check(session, approval, settings.workspace / "sessions" / info.id, partial(open_clean_room, there, notify))


def keep_result(settings: Settings, session: str, approval: Approval) -> None:
    """Keep what a check has found, if the history can be written."""
    path, hide = settings.workspace / DATABASE, hider(settings.environment)
    with suppress(HistoryError), closing(Store.open(path, hide=hide)) as store:  # the result was shown
        store.add(session, [approval])


async def check(
    session: StoredSession, approval: Approval, folder: Path, open_room: Callable[[], AbstractAsyncContextManager[CleanRoom]]
) -> Approval:
    """Run the approved programs in a fresh room with the files of their folder alone; return the approval with what was found.

    HistoryError if what was handed over is no longer there; what the sandbox raises passes through.
    """
    here = folder / approval.folder
    planned = plan(_as_approved(session, approval), folder)
    if planned is None or not here.is_dir():
        raise HistoryError(f"{here} is no longer there", "the session's folder may have been moved or deleted")
    programs = [replace(program, code=_read(here / program.name)) for program in planned.programs]
    async with open_room() as room:
        lock = here / "requirements.txt"
        if planned.lock:
            await room.install(_read(lock), planned.hashed)
        for language in dict.fromkeys(program.language for program in programs if planned.npm and program.language in NODE):
            await room.install_from_npm(npm_versions(planned.packages), language)
        await room.put(_inputs(here))
        found: list[str] = []
        for program, attempt in zip(programs, planned.attempts, strict=True):
            run = await room.run(program.language, program.code, program.name)
            found += _compare_runs(program, attempt, run, several=len(programs) > 1)
            if run.exit_code != 0:
                break
        made = {each.name: each.path for each in await room.files()}
        found += _compare_files(planned, made, {program.name for program in programs})
    shown = found[:MOST_DIFFERENCES]
    if len(found) > len(shown):
        shown.append(f"and {len(found) - len(shown)} more differences")
    return replace(approval, checked=time.time(), result={"reproduced": not found, "differences": shown})


def _as_approved(session: StoredSession, approval: Approval) -> StoredSession:
    """Return the session as it was when the programs were approved."""
    last = max(approval.attempts)
    return replace(
        session,
        attempts=tuple(attempt for attempt in session.attempts if attempt.number <= last),
        packages=tuple(package for package in session.packages if package.attempt <= last),
    )


def _inputs(here: Path) -> dict[str, Path]:
    """Return the files that programs get: everything that was handed over but what they made themselves, and our own words about it."""
    found = {path.relative_to(here).as_posix(): path for path in sorted(here.rglob("*")) if path.is_file() and not path.is_symlink()}
    return {name: path for name, path in found.items() if not is_ours(name)}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror}", "the session's folder may have been changed") from error


def _compare_runs(program: Program, attempt: Attempt, run: ProgramRun, *, several: bool) -> list[str]:
    start = f"{program.name}: " if several else ""
    found = []
    if run.exit_code != attempt.exit_code:
        found.append(f"{start}exit code {run.exit_code}, it was {attempt.exit_code}")
    output = _as_before(run.output, program, attempt)
    before, after = attempt.output.splitlines(), output.splitlines()
    if attempt.cut:  # of what is not kept, nothing can be said
        after = output[: len(attempt.output)].splitlines()
    for number, (old, new) in enumerate(zip_longest(before, after), 1):
        if old != new:
            found.append(f"{start}line {number}: {_quoted(new)}, it was {_quoted(old)}{_kind(old, new)}")
    return found


def _as_before(output: str, program: Program, attempt: Attempt) -> str:
    """Give line numbers in messages about the program back the numbers and the name that they had before it got its header and its name."""

    def moved(match: re.Match[str]) -> str:
        return f"{attempt.file_name or program.name}{match['between']}{max(1, int(match['line']) - program.moved)}"

    return re.sub(rf'{re.escape(program.name)}(?P<between>", line |:)(?P<line>\d+)', moved, output)


def _quoted(line: str | None) -> str:
    if line is None:
        return "nothing"
    return f"“{line}”" if len(line) <= _SHOWN else f"“{line[:_SHOWN]}…”"


def _kind(old: str | None, new: str | None) -> str:
    if old is None or new is None or _NUMBERS.sub("#", old) != _NUMBERS.sub("#", new):
        return ""
    return " (only numbers differ: a time, an address or something random)"


def _compare_files(planned: Handover, made: Mapping[str, Path], programs: set[str]) -> list[str]:
    found = []
    expected: dict[str, StoredFile] = {file.name: file for file in planned.results}
    for name, file in expected.items():
        if name not in made:
            found.append(f"{name}: was not made")
        elif (sha256 := hashlib.sha256(made[name].read_bytes()).hexdigest()) != file.sha256:
            size = made[name].stat().st_size
            found.append(f"{name}: {size} bytes, it was {file.size}" if size != file.size else f"{name}: other content ({sha256[:12]}…)")
    return found + [f"{name}: was not made before" for name in made if name not in expected and name not in programs]
