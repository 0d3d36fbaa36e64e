"""When a failed run goes back to the generator without asking, and when the user is asked instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents import code_generator_agent
from agents.answers.python_code import read_python
from agents.answers.reading import read_answer
from agents.events import FAILED_ALIKE, FAILED_TOO, NO_CODE, REFUSED, STARTS_OVER, TASK_SOURCE, RunResult
from agents.run_report import missing_text
from agents.user_proxy_agent import AskUser, SendBack
from sandbox.languages import ALIASES
from sandbox.verdicts import WAITED, Verdict
from teams.missing_program import NO_FILE, PRINT, SEND_CODE, what_to_send_back
from utils.code_blocks import Answer, CodeBlock
from utils.docker_utils import WORKSPACE
from utils.text import names_listed, shorten, times

FIX = "The program failed as shown above. Find the cause, fix it, and send the whole program again."
SAME = STARTS_OVER + "{where}:\n{failure}\n{advice}Write it differently."
ALIKE = FAILED_ALIKE + "{where}:\n{failure}\n{advice}Write it differently."
TOO = FAILED_TOO + "{where}:\n{failure}\n{advice}Write it differently."
NO_PROGRAM = "no program in the answer"
SILENT = "the program printed nothing and made no file"
MISSING = "the program did not write the file that was asked for"
# A program that somebody stopped, or whose result is unknown, is no failure of the generator's.
_NOT_FAILURES = {Verdict.OK.value, Verdict.CANCELLED.value, Verdict.LOST.value, REFUSED}
_NOTHING_RAN = {NO_CODE, REFUSED, Verdict.NOT_RUN.value}


@dataclass
class Recovery:
    """Decide after each run who comes next: the generator, to fix it, or the user.

    A failed run goes back at most `max_retries` times. The user is asked at once about a failure that only the user can do something
    about, and if a time-out or an answer without code comes twice. If a program fails as the one before did, the model is told what to
    look at, and no longer sees those programs, nor any that fail after them. A new task whose first answer holds
    no program, or one of which nothing comes, is asked once for one that does; a program that ends well without the file that the user
    named is asked once for that file; if the same program comes again, it has failed twice like any other. The count starts again with
    each message of the user.
    """

    max_retries: int
    tried: list[str] = field(default_factory=list)
    _user_spoke: bool = True
    _last: tuple[tuple[str, str], ...] = ()  # the programs of the answer before
    _started_over: bool = False

    def start_again(self) -> None:
        """Count from the start at the next decision: the user has spoken."""
        self._user_spoke = True

    def decide(self, messages: Sequence[BaseChatMessage]) -> SendBack | AskUser:
        """Return what goes back to the generator, or why the user is asked."""
        if self._user_spoke:
            self.tried.clear()
            self._last, self._started_over = (), False
        decision = self._decide(messages)
        # Whoever is asked speaks next.
        self._user_spoke = isinstance(decision, AskUser)
        return decision

    def _decide(self, messages: Sequence[BaseChatMessage]) -> SendBack | AskUser:
        result = next((m for m in reversed(messages) if isinstance(m, RunResult)), None)
        if result is None:
            return AskUser(ran=False)
        answer = _newest_answer(messages)
        programs = _programs(answer)
        same = bool(programs) and programs == self._last
        self._last = programs
        # Of the messages since the user was asked last, a task is one only until its first answer has been decided about.
        task = next((m.to_text() for m in reversed(messages) if m.source == TASK_SOURCE), None)
        if result.verdict in _NOT_FAILURES and not self._owes(result, task, same):
            return AskUser(ran=result.verdict != REFUSED)
        failure = _describe(result)
        if result.remedy:
            self.tried.append(failure)
            return AskUser(result.remedy, tuple(self.tried), ran=result.verdict not in _NOTHING_RAN)
        afresh = self._afresh(failure, same) if programs else ""
        words = afresh.format(**_looked_at(result, answer, failure)) if afresh else self._ask(result, answer, task)
        if not words:
            return AskUser(ran=False, stored=result.stored)
        because = None if afresh and len(self.tried) < self.max_retries else self._reason_to_ask(failure)
        self.tried.append(failure)
        if because is not None:
            return AskUser(because, tuple(self.tried), ran=result.verdict not in _NOTHING_RAN)
        return SendBack(words, failure, len(self.tried) + 1, self.max_retries + 1)

    def _owes(self, result: RunResult, task: str | None, same: bool) -> bool:
        """Tell whether a program that ended well is sent back, because what the user asked for did not come of it."""
        again = same and not self._started_over
        if result.missing and len(self.tried) < self.max_retries:
            return again or MISSING not in self.tried
        return result.silent and (task is not None or (again and SILENT in self.tried))

    def _ask(self, result: RunResult, answer: Answer | None, task: str | None) -> str:
        """Return the words that ask for another program; "" if the answer is the user's to judge."""
        if result.missing:
            return NO_FILE.format(fact=missing_text(result.missing, result.elsewhere), files=names_listed(result.missing))
        if result.verdict == Verdict.OK.value:
            return " ".join([PRINT, *result.advice])
        if result.verdict == NO_CODE:
            return "" if result.stored else self._ask_for_program(answer, task)
        return FIX

    def _ask_for_program(self, answer: Answer | None, task: str | None) -> str:
        """Return the words that ask for the program that is missing, "" if the answer is the user's to judge."""
        if any(failure not in (NO_PROGRAM, SILENT, MISSING) for failure in self.tried):
            return SEND_CODE  # a program failed, and another one was asked for
        return what_to_send_back(answer, task) if answer else ""

    def _afresh(self, failure: str, same: bool) -> str:
        """Return the words that start over if the programs failed as those before did, once until the user speaks; "" otherwise.

        If another failure follows, they start over again: a model that did not mend the program which it was shown will not mend the next.
        """
        alike = self.tried[-1:] == [failure]
        if self._started_over:
            return "" if alike or failure in (NO_PROGRAM, SILENT, MISSING) else TOO
        self._started_over = alike
        return (SAME if same else ALIKE) if alike else ""

    def _reason_to_ask(self, failure: str) -> str | None:
        in_a_row = 1 + len(list(takewhile(failure.__eq__, reversed(self.tried))))
        if in_a_row > 1:
            return f"the same failure came {times(in_a_row)} in a row"
        too_long = [each for each in (*self.tried, failure) if each.startswith(_TIME)]
        if failure in too_long and len(too_long) > 1:
            return f"it took too long {times(len(too_long))}"
        if len(self.tried) >= self.max_retries:
            return f"{self.max_retries + 1} attempts failed" if self.max_retries else ""
        return None


def _newest_answer(messages: Sequence[BaseChatMessage]) -> Answer | None:
    newest = next((m for m in reversed(messages) if m.source == code_generator_agent.NAME and isinstance(m, TextMessage)), None)
    return read_answer(newest.content, ALIASES) if isinstance(newest, TextMessage) else None


def _programs(answer: Answer | None) -> tuple[tuple[str, str], ...]:
    return tuple((block.language, _form(block)) for block in answer.blocks) if answer else ()


def _form(block: CodeBlock) -> str:
    """Return the program without what changes nothing: layout and, in Python, comments."""
    parsed = read_python(block.code) if block.language == "python" else None
    return parsed.form if parsed else "\n".join(filter(None, map(str.strip, block.code.splitlines())))


def _looked_at(result: RunResult, answer: Answer | None, failure: str) -> dict[str, str]:
    """Return what SAME and ALIKE say of a failure: where it came about, what it was, and what is known about it."""
    if result.missing:
        failure = f"{missing_text(result.missing, result.elsewhere)}."
    return {"failure": failure, "where": _where(result, answer), "advice": "".join(f"{each}\n" for each in result.advice)}


_FRAME = re.compile(rf'File "{WORKSPACE}/([^"\n]+)", line (\d+)')


def _where(result: RunResult, answer: Answer | None) -> str:
    """Say where the program failed, as far as its output tells: in the innermost line of its own, with the text of that line."""
    frames = _FRAME.findall(result.content[-_LONGEST_LOOK:])
    if not frames or answer is None:
        return ""  # the reason alone has to do
    name, number = frames[-1][0], int(frames[-1][1])
    texts = {**{file.name: file.text for file in answer.files}, **{block.name: block.code for block in answer.blocks}}
    lines = texts.get(name, answer.blocks[-1].code).splitlines()
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f", at line {number} of {shorten(name, 100)}" + (f", `{shorten(line, 200)}`" if line else "")


_LONGEST_LOOK = 20_000  # characters of a result
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit|Warning|Iteration)\b|[A-Za-z_][\w.]*: |Not installed: ")
_TIME = "stopped after the time limit"
_FAILURES = {
    NO_CODE: NO_PROGRAM,
    Verdict.OK.value: SILENT,
    Verdict.TIME.value: _TIME,
    Verdict.MEMORY.value: "used more memory than allowed",
    Verdict.PROCESSES.value: "started too many processes",
    Verdict.OUTPUT.value: "printed too much",
    Verdict.DISK.value: "wrote too much",
    Verdict.KILLED.value: "was killed",
}


def _describe(result: RunResult) -> str:
    """Say in one line how the run failed."""
    verdict, error = result.verdict, result.error
    if result.missing:
        return MISSING
    if verdict == NO_CODE and error:
        return error
    if verdict == Verdict.NOT_RUN.value:
        return f"was not run: {error[:200]}"
    if verdict == Verdict.COMPILE.value:
        return f"does not compile: {error[:200]}"
    if verdict in _FAILURES:
        return f"was stopped: {error}" if verdict == Verdict.TIME.value and error == WAITED else _FAILURES[verdict]
    if not error:
        return f"exit code {result.exit_code} and no output"
    # A traceback ends with what went wrong; any other last line needs the exit code beside it to be understood.
    return error[:200] if _EXCEPTION.match(error) else f"exit code {result.exit_code}; last line: {error[:200]}"
