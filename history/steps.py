"""Tells a stored session as steps: who did what, from when to when, with its programs and files. Every way to show it starts here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from history.records import FRESH, Attempt, Message, StoredFile, StoredPackage, StoredSession
from sandbox.languages import ALIASES
from utils.code_blocks import CodeBlock, split_blocks
from utils.text import diff_lines
from utils.words import BACK_TO, STOPPED_STEP, spoken_word

Who = Literal["generator", "executor", "you", "other"]
UNKNOWN = "result unknown"
_STOPPED = "Stopped the step before this"
WENT_BACK = "The result before the last feedback: the step after that did not finish."
# Names and verdicts as agents/ and sandbox/ give them. Importing those would import AutoGen and the engine's client, which take a second.
TASK, GENERATOR, EXECUTOR, USER, RECOVERY = "user", "CodeGeneratorAgent", "CodeExecutorAgent", "UserProxyAgent", "Recovery"
WORKED, LOST = "ok", "lost"
VERDICTS = {
    "ok": "worked",
    "failed": "failed",
    "does not compile": "does not compile",
    "time": "stopped at the time limit",
    "memory": "stopped at the memory limit",
    "processes": "stopped at the limit of processes",
    "output": "stopped, printed too much",
    "disk": "stopped, wrote too much",
    "killed": "ended by a signal",
    "cancelled": "cancelled",
    "lost": UNKNOWN,
    "not run": "not run",
    "": UNKNOWN,
}


@dataclass(frozen=True)
class Ran:
    """A program that ran in a step."""

    attempt: Attempt
    before: Attempt | None  # the program before it, if it is another one
    files: tuple[StoredFile, ...] = ()
    packages: tuple[StoredPackage, ...] = ()

    @property
    def worked(self) -> bool | None:
        """Whether it ended well; None if nobody knows."""
        return None if self.attempt.verdict in ("", LOST) else self.attempt.verdict == WORKED

    @property
    def verdict(self) -> str:
        """Say in a few words how it ended, with its exit code if there is one."""
        words = VERDICTS.get(self.attempt.verdict, self.attempt.verdict)
        return words if self.attempt.exit_code is None else f"{words}, exit {self.attempt.exit_code}"

    def diff(self) -> list[str]:
        """Return the lines of the difference to the program before, in diff(1)'s unified form without its head."""
        return diff_lines(self.before.code, self.attempt.code) if self.before else []


@dataclass(frozen=True)
class Step:
    """One step of the conversation; times are seconds since the epoch."""

    number: int
    who: Who
    name: str  # of the agent, as it is shown
    title: str
    start: float
    end: float
    text: str = ""  # what was said, without programs
    ran: tuple[Ran, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return max(0.0, self.end - self.start)


def steps_of(session: StoredSession) -> list[Step]:
    """Return the steps of the session, in order."""
    found: list[Step] = []
    before = session.messages[0].at if session.messages else session.info.started
    for position, message in enumerate(session.messages, 1):
        ran = _ran_before(session, position)
        if message.source != EXECUTOR and ran:
            found.append(_by_hand(ran, before))
            before, ran = found[-1].end, ()
        found.append(_step(session, message, position, before, ran))
        before = max(before, message.at)
    rest = _ran_before(session, len(session.messages) + 1)
    if rest:
        found.append(_by_hand(rest, before))
    return [replace(step, number=number) for number, step in enumerate(found, 1)]


def _prose_of(content: str) -> tuple[str, bool]:
    """Return what an answer says around its programs, and whether it holds any."""
    parts = list(split_blocks(content, ALIASES))
    others = [part for part in parts if not isinstance(part, CodeBlock)]
    prose = [part if isinstance(part, str) else f"[a block that was not run: {part.reason}]" for part in others]
    return "\n\n".join(prose).strip(), len(others) < len(parts)


def _step(session: StoredSession, message: Message, position: int, before: float, ran: tuple[Ran, ...]) -> Step:
    end = max(before, message.at)
    step = Step(0, "other", message.source, "Said", before, end, message.content)
    if message.source == TASK:
        said = "" if message.content == STOPPED_STEP else message.content
        return replace(step, who="you", name="You", title=_task_title(session, position) if said else _STOPPED, text=said, start=before)
    if message.source == FRESH:
        return replace(step, who="you", name="You", title="Began a fresh conversation", text="")
    if message.source == USER:
        word = spoken_word(message.content)
        said = "" if word else message.content
        if BACK_TO in (message.metadata.get("metadata") or {}):
            said = WENT_BACK
        return replace(step, who="you", name="You", title=word or "Feedback", text=said)
    if message.source == RECOVERY:
        return replace(step, who="executor", name="Automatic", title="Sent the failure back")
    if message.source == EXECUTOR:
        text = "" if ran else message.content
        start = min([before, *(each.attempt.started for each in ran)])
        return replace(
            step, who="executor", name="Executor", title=_ran_title(ran) if ran else "Ran nothing", start=start, text=text, ran=ran
        )
    if message.source == GENERATOR:
        calls = [call for call in session.calls if call.message == position - 1]
        sent, received = sum(call.prompt_tokens for call in calls), sum(call.completion_tokens for call in calls)
        numbers = [attempt.number for attempt in session.attempts if attempt.message == position]
        wrote = f"Wrote {_programs(numbers)}" if numbers else "Wrote a program"
        prose, has_programs = _prose_of(message.content)
        title = wrote if has_programs else "Answered"
        # A program that ran is shown where it ran; one that did not would be seen nowhere.
        step = replace(step, who="generator", name="Generator", title=title, text=prose if numbers else message.content)
        return replace(step, prompt_tokens=sent, completion_tokens=received)
    return step


def _task_title(session: StoredSession, position: int) -> str:
    before = session.messages[position - 2] if position > 1 else None
    return "Task" if before is None or before.source == FRESH or spoken_word(before.content) else "Next"


def _by_hand(ran: tuple[Ran, ...], before: float) -> Step:
    first, last = ran[0].attempt, ran[-1].attempt
    unfinished = last.finished is None
    title = f"{_ran_title(ran)}{'' if unfinished else ' by hand'}"
    return Step(0, "executor", "Executor", title, max(before, first.started), max(before, last.finished or last.started), ran=ran)


def _ran_title(ran: Sequence[Ran]) -> str:
    return f"Ran {_programs([each.attempt.number for each in ran])}"


def _programs(numbers: Sequence[int]) -> str:
    return f"program {numbers[0]}" if len(numbers) == 1 else f"programs {numbers[0]} to {numbers[-1]}"


def _ran_before(session: StoredSession, position: int) -> tuple[Ran, ...]:
    """Return the programs that were started when there was one message less than the position."""
    found = []
    for place, attempt in enumerate(session.attempts):
        if attempt.message != position - 1:
            continue
        earlier = session.attempts[place - 1] if place else None
        between = session.messages[earlier.message : attempt.message] if earlier else ()
        # A new task's program is no change of the one before.
        same = earlier is not None and (earlier.code == attempt.code or any(message.source == TASK for message in between))
        files = tuple(file for file in session.files if file.attempt == attempt.number and not file.added)
        packages = tuple(package for package in session.packages if package.attempt == attempt.number)
        found.append(Ran(attempt, None if same else earlier, files, packages))
    return tuple(found)
