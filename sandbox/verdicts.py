"""The result of a program: the verdict, the evidence for it, and how the user and the model read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from utils.docker_utils import Limits
from utils.text import duration, last_line, plain, shorten, size_text

ENDED_NORMALLY = "The program ended normally"
OUTPUT_FOLLOWS = "follows, to the end of this message:"
PRINTED_NOTHING = "The program printed nothing."
MODEL_CHARACTERS = 16 * 1024
TIMED_OUT = (124, 137, 143)
"""How timeout(1) ends: TERM was enough, KILL was needed, and some other implementations."""
_SPENT = 0.1  # seconds: our clock and the container's start a little apart


class Verdict(str, Enum):
    """How a program ended."""

    OK = "ok"
    FAILED = "failed"
    COMPILE = "does not compile"
    TIME = "time"
    MEMORY = "memory"
    PROCESSES = "processes"
    OUTPUT = "output"
    DISK = "disk"
    KILLED = "killed"
    CANCELLED = "cancelled"
    LOST = "lost"
    NOT_RUN = "not run"


class Ended(Enum):
    """What made us stop reading a program's output."""

    EXIT = "it ended"
    OUTPUT = "it printed more than the limit"
    DEADLINE = "it outlived its time limit and our own deadline behind it"
    CANCEL = "it was cancelled"
    DISK = "it wrote more than the limit to disk"
    IDLE = "it only waited for connections that nobody can make"
    LOST = "the contact with the engine or the container was lost"


@dataclass(frozen=True)
class Evidence:
    """What was observed from outside of the program; the program can write none of it."""

    ended: Ended
    exit_code: int | None
    seconds: float
    signalled: bool = False  # a signal ended it, said by the shell that waited for it
    memory_kills: int = 0  # processes that the kernel killed for memory meanwhile
    refused_processes: int = 0  # processes that the kernel refused to start meanwhile
    no_routes: int = 0  # times that it was to send something and the kernel knew no way out


@dataclass(frozen=True)
class ProducedFile:
    """A file that a program made or changed, mirrored to the host."""

    path: Path  # on the host
    name: str  # relative to the working folder, as shown
    size: int  # bytes
    new: bool  # False: it was there before and was changed


@dataclass(frozen=True)
class ProgramRun:
    """One program, its result, and what it printed."""

    language: str
    code: str
    file_name: str  # relative to the working folder
    verdict: Verdict
    exit_code: int | None
    seconds: float
    output: str  # standard output and standard error in the order they were written
    dropped: int = 0  # bytes of output that were read and not kept; a stopped program may have printed more
    notes: tuple[str, ...] = ()  # further facts
    reason: str = ""  # what it did too much of, or why it was not run; its output is then the result for its packages
    lines: int | None = None  # how many lines with something on them were printed, where the middle of `output` has been cut out
    advice: tuple[str, ...] = ()  # what the model is to do about some of the notes
    image: str = ""  # that it ran in, if it was not the session's

    @cached_property
    def plain_output(self) -> str:
        """The output as a terminal shows it in the end, as far as characters go."""
        return plain(self.output)

    @property
    def last_words(self) -> str:
        """The line that says what went wrong, as far as lines can tell: that of the last traceback's error, or else the last one."""
        _, traceback, behind = self.plain_output.rpartition(_TRACEBACK)
        error = _ERROR_LINE.search(behind) if traceback else None
        if error is None:
            return last_line(self.plain_output)
        more = "" if error["what"] else next(filter(_HAS_WORDS.search, behind[error.end() :].splitlines()), "")
        return f"{error[0].rstrip()} {more.strip()}".rstrip()


_TRACEBACK = "Traceback (most recent call last):\n"
# Behind the frames, which are indented; an error may go on for many lines, of which the last is often a row of stars or a link.
_ERROR_LINE = re.compile(r"^[\w.]+(?::(?P<what>.*\S)?[ \t]*)?$", re.MULTILINE)
_HAS_WORDS = re.compile(r"\w{2}")


class _Words(NamedTuple):
    person: str
    model: str


MESSAGES: Mapping[Verdict, _Words] = {
    Verdict.OK: _Words("Finished in {seconds} (exit code 0).", ENDED_NORMALLY + " after {seconds} (exit code 0)."),
    Verdict.FAILED: _Words("Failed with exit code {code} after {seconds}.", "The program failed with exit code {code} after {seconds}."),
    Verdict.COMPILE: _Words("Does not compile: {reason}.", "does not compile, and was not run: {reason}."),
    Verdict.TIME: _Words(
        "Stopped after {timeout} s (limit: --timeout). What it printed is kept.",
        "killed: time limit {timeout} s.",
    ),
    Verdict.MEMORY: _Words(
        "Used more than {memory} of memory and was stopped (limit: --memory).",
        "killed: memory limit {memory}. Process the data in smaller pieces.",
    ),
    Verdict.PROCESSES: _Words(
        "Failed after it wanted more than {pids} processes (limit: SANDBOX_PIDS).",
        "process limit {pids} reached, then exit code {code}. Start fewer processes and threads.",
    ),
    Verdict.OUTPUT: _Words(
        "Stopped after printing more than {output}.",
        "killed: it printed more than {output}.",
    ),
    Verdict.DISK: _Words(
        "Stopped: {too_much}.",
        "killed: {too_much}. Write less, and delete what is not needed.",
    ),
    Verdict.KILLED: _Words("Ended by signal {signal} after {seconds}.", "ended by signal {signal} after {seconds}."),
    Verdict.CANCELLED: _Words("Cancelled after {seconds}.", "cancelled by the user after {seconds}."),
    Verdict.LOST: _Words(
        "Lost contact with the container: the result is unknown.",
        "the contact with the container was lost. The result is unknown; do not count it as success.",
    ),
    Verdict.NOT_RUN: _Words("Not run: {reason}.", "was not run: {reason}."),
}

TOO_MUCH = {
    "bytes": "the files of the sandbox took more than {disk}",
    "files": "the sandbox held more than {disk_files} files",
    "room": "the disk of the container engine is almost full",
}
"""What a program did too much of, to be filled in with its limits."""

WAITED = "it only waited for requests"
"""The reason of a run that was stopped before its time limit, because nothing more would have come of it."""
_WAITED = _Words("Stopped after {seconds}: {reason}. What it printed is kept.", "stopped after {seconds}: {reason}.")
TRIED_NETWORK = "it tried the network, which is off while programs run"
NO_NETWORK = (
    "do without it, with data that the program makes itself; if a package is missing, ask for it with `pip install NAME` lines in a ```sh "
    "block before the program."
)
_REMEDIES = {Verdict.TIME: "Make it faster or do less.", Verdict.OUTPUT: "Print less, or write the data to a file."}

_COMPILER = {
    Verdict.TIME: "the compiler was stopped after {timeout} s",
    Verdict.MEMORY: "the compiler used more than {memory} of memory and was stopped",
    Verdict.PROCESSES: "the compiler wanted more than {pids} processes",
    Verdict.OUTPUT: "the compiler printed more than {output} and was stopped",
    Verdict.DISK: "the compiler was stopped: {too_much}",
    Verdict.KILLED: "the compiler was ended by signal {signal}",
}
_PRINTED = {Verdict.NOT_RUN: "became of its packages", Verdict.COMPILE: "the compiler said"}
_ERROR = re.compile("error", re.IGNORECASE)


def decide(evidence: Evidence, limits: Limits) -> Verdict:
    """Name a program's result, from what was observed and never from what it printed."""
    if evidence.ended is not Ended.EXIT:
        return {
            Ended.OUTPUT: Verdict.OUTPUT,
            Ended.DEADLINE: Verdict.TIME,
            Ended.CANCEL: Verdict.CANCELLED,
            Ended.DISK: Verdict.DISK,
            Ended.IDLE: Verdict.TIME,
            Ended.LOST: Verdict.LOST,
        }[evidence.ended]
    if evidence.exit_code is None:
        return Verdict.LOST
    return Verdict.OK if evidence.exit_code == 0 else _why_it_failed(evidence, limits)


def _why_it_failed(evidence: Evidence, limits: Limits) -> Verdict:
    if evidence.seconds >= limits.timeout - _SPENT and evidence.exit_code in TIMED_OUT:
        return Verdict.TIME
    if evidence.memory_kills:
        return Verdict.MEMORY
    if evidence.refused_processes:
        return Verdict.PROCESSES
    return Verdict.KILLED if evidence.signalled else Verdict.FAILED


def facts(evidence: Evidence, verdict: Verdict, limits: Limits) -> tuple[str, ...]:
    """List what was observed beside the verdict: a child killed for memory, processes refused."""
    said = []
    if evidence.memory_kills and verdict is not Verdict.MEMORY:
        said.append(f"a process of it was killed for memory (limit {size_text(limits.memory)})")
    if evidence.refused_processes and verdict is not Verdict.PROCESSES:
        said.append(f"the limit of {limits.pids} processes was reached")
    if evidence.no_routes and limits.network != "on":
        said.append(TRIED_NETWORK)
    return tuple(said)


def not_compiled(run: ProgramRun, limits: Limits, advice: str = "") -> ProgramRun:
    """Judge a program by the run of its compiler that failed, with the limits of that; what says nothing about it stays as it is.

    The verdict comes from the step that failed; only the words of the reason are the compiler's.
    """
    if run.verdict in (Verdict.CANCELLED, Verdict.LOST, Verdict.NOT_RUN):
        return run
    lines = [line.strip() for line in plain(run.output).splitlines() if line.strip() and not line.startswith("#")]
    said = next(filter(_ERROR.search, lines), lines[0] if lines else f"the compiler ended with exit code {run.exit_code}")
    why = _fill(_COMPILER[run.verdict], run, limits) if run.verdict in _COMPILER else shorten(said.rstrip("."), 200)
    hints = (*run.advice, advice) if advice and run.verdict is Verdict.FAILED else run.advice
    return replace(run, verdict=Verdict.COMPILE, reason=why, advice=hints)


def tell_person(run: ProgramRun, limits: Limits) -> str:
    """Return the program's result on one line."""
    said = _fill(_words(run).person, run, limits)
    return " ".join((said, *(f"Note: {note}." for note in run.notes)))


def autogen_text(run: ProgramRun, limits: Limits) -> str:
    """Return the output as AutoGen's own executor words it."""
    if run.verdict is Verdict.CANCELLED:
        return "Code execution was cancelled."
    if run.verdict is Verdict.TIME:
        return f"{run.output}\nTimeout: {tell_person(run, limits)}"
    if run.verdict in (Verdict.OK, Verdict.FAILED, Verdict.NOT_RUN):
        return run.output + run.reason
    return f"{run.output}\n{tell_person(run, limits)}"


def keep_short(run: ProgramRun) -> ProgramRun:
    """Return the run with no more of its output than the model gets, so that what is kept of all runs stays small."""
    if len(run.output) <= MODEL_CHARACTERS:
        return run
    return replace(run, output=shorten(run.output, MODEL_CHARACTERS), lines=sum(bool(line.strip()) for line in run.output.splitlines()))


def tell_model(run: ProgramRun, limits: Limits, room: int = MODEL_CHARACTERS) -> str:
    """Return the program's result, then its output, which is last so that nothing in it can pass for our words.

    It has at most `room` characters of the output, which are those that a terminal would show.
    """
    output = run.plain_output
    lines = [f"{run.file_name or 'The program'}: {_fill(_words(run).model, run, limits)}", *run.notes, *_hints(run)]
    ran = run.verdict is not Verdict.NOT_RUN
    if not output:
        lines += [PRINTED_NOTHING] if ran else []
        return "\n".join(f"[sandbox] {line}" for line in lines)
    lines.append(f"What {_PRINTED.get(run.verdict, 'the program printed')} {OUTPUT_FOLLOWS}")
    return "\n".join(f"[sandbox] {line}" for line in lines) + "\n" + shorten(output, room)


def _words(run: ProgramRun) -> _Words:
    return _WAITED if run.verdict is Verdict.TIME and run.reason else MESSAGES[run.verdict]


def _hints(run: ProgramRun) -> list[str]:
    network = [NO_NETWORK] if TRIED_NETWORK in run.notes and run.verdict is not Verdict.OK else []
    return [*run.advice, *network] or [_REMEDIES[verdict] for verdict in (run.verdict,) if verdict in _REMEDIES]


def tell_disk(too_much: str, limits: Limits) -> str:
    """Fill one of TOO_MUCH in with the limits."""
    return too_much.format(disk=size_text(limits.disk), disk_files=f"{limits.disk_files:,}")


def _fill(words: str, run: ProgramRun, limits: Limits) -> str:
    code = run.exit_code
    return words.format(
        reason=run.reason,
        code="unknown" if code is None else code,
        signal=code - 128 if code is not None and code > 128 else "KILL",
        seconds=duration(run.seconds),
        timeout=limits.timeout,
        memory=size_text(limits.memory),
        pids=limits.pids,
        output=size_text(limits.output),
        too_much=run.reason or tell_disk(TOO_MUCH["bytes"], limits),
    )
