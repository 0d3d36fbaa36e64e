"""What is known of a session, folded from its events: programs, attempts, files, packages, tokens, and how each task ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import singledispatchmethod
from pathlib import Path

from autogen_agentchat.messages import TextMessage

from agents.events import (
    NO_CODE,
    RECOVERY_SOURCE,
    REFUSED,
    TASK_SOURCE,
    UNFINISHED,
    Event,
    FilesProduced,
    PackagesInstalled,
    ProgramFinished,
    ProgramKept,
    ProgramStarted,
    Question,
    RunResult,
    TaskEnded,
    TokensUsed,
)
from agents.package_steps import ASKED_FOR, RESUMED
from agents.user_proxy_agent import NAME as USER
from sandbox.packages.names import Package
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from utils.code_blocks import CodeBlock
from utils.words import BACK_TO, own_words, spoken_word


@dataclass
class Attempt:
    """One program of the present task, and its run once that has ended."""

    program: CodeBlock
    run: ProgramRun | None = None
    state: str = ""
    """What the programs' folder held before it ran, for Sandbox.put_back; "" if that is not known."""


@dataclass
class Record:
    """The facts of a session; `take` folds one event after the other, and nothing else changes it."""

    task: str = ""
    """What the user asked for at the beginning of the present task."""
    newest: CodeBlock | None = None
    """The newest program of the session."""
    before: CodeBlock | None = None
    """The program before the newest."""
    attempts: list[Attempt] = field(default_factory=list)
    """The programs of the present task that were started, oldest first; one that ran again with its packages counts once."""
    files: dict[str, ProducedFile] = field(default_factory=dict)
    """Every file that programs made in this session, by name, as it was when it last changed."""
    made: tuple[str, ...] = ()
    """The names of the files that the newest program made or changed."""
    packages: list[Package] = field(default_factory=list)
    """The packages that were installed in this session."""
    tokens: TokensUsed | None = None
    in_context: int = 0
    """Tokens of the newest answer and of what was sent for it, as the service counted them; 0 if it did not."""
    kept: Path | None = None
    """The folder of the program that was approved last."""
    question: Question | None = None
    """What the newest question asks; None when the next thing has happened."""
    ended: TaskEnded | None = None
    """How the present task ended; None while it goes on."""
    stored: bool = False
    """Whether the newest answer of the present task held files and no program."""
    _ran: bool = False  # a program of the newest answer did, and nothing was said since
    _answer: str = ""  # the ID of what was said last to a result of the present task other than that it goes back automatically
    _answered: int = 0  # how many attempts there were then
    _repaired: bool = False

    @property
    def last_run(self) -> ProgramRun | None:
        """The last finished run of the present task."""
        return next((attempt.run for attempt in reversed(self.attempts) if attempt.run is not None), None)

    @property
    def earlier(self) -> CodeBlock | None:
        """The program that the user was asked about last if the task has not ended, but its last step did not finish; None if none was."""
        unfinished = self.ended is None or self.ended.status in UNFINISHED
        if not unfinished or not (self._is_unanswered or self._answer):
            return None
        return self.attempts[-1 if self._is_unanswered else self._answered - 1].program

    @property
    def back_to(self) -> str:
        """The ID of the first message after the result of `earlier`; "" if there is none."""
        return "" if self._is_unanswered else self._answer

    @property
    def _is_unanswered(self) -> bool:
        # A failure may have been about to go back automatically.
        return self._ran and self.last_run is not None and self.last_run.verdict is Verdict.OK

    @property
    def approved(self) -> bool:
        """Whether the present task ended with the user's approval."""
        return self.ended is not None and self.ended.status == "approved"

    def start_task(self) -> None:
        """Begin a task: its attempts and its end are still to come."""
        self.task = ""
        self.attempts = []
        self.ended = self.question = None
        self._answer, self._ran, self.stored = "", False, False

    def drop_files(self, names: Iterable[str]) -> None:
        """Forget files that are gone."""
        for name in names:
            self.files.pop(name, None)

    def take(self, event: Event) -> None:
        """Fold one event in."""
        self.question = None
        self._take(event)

    @singledispatchmethod
    def _take(self, event: object) -> None:
        """Leave everything as it is for an event that changes nothing."""

    @_take.register
    def _(self, event: TextMessage) -> None:
        if event.source == TASK_SOURCE:  # the last of them: after a step that was stopped, a note about it comes first
            self.task = own_words(event.content, event.metadata)
        else:
            self._take_answer(event)
        if event.models_usage is not None:
            self.in_context = event.models_usage.prompt_tokens + event.models_usage.completion_tokens

    def _take_answer(self, event: TextMessage) -> None:
        if self._answer and event.metadata.get(BACK_TO) == self._answer:
            del self.attempts[self._answered :]
            self._become_newest(self.attempts[-1].program)
        if event.source == USER and spoken_word(event.content):
            self._answer = ""
        elif self._ran and event.source != RECOVERY_SOURCE:
            self._answer, self._answered = event.id, len(self.attempts)
        self._ran = False

    @_take.register
    def _(self, event: RunResult) -> None:
        self.stored = event.stored
        self._ran = not event.said and event.verdict not in (NO_CODE, REFUSED, Verdict.NOT_RUN.value) and bool(self.attempts)

    @_take.register
    def _(self, event: Question) -> None:
        self.question = event
        if event.kind == "run" and len(event.programs) == 1:
            self._become_newest(event.programs[0])

    @_take.register
    def _(self, event: ProgramStarted) -> None:
        program = CodeBlock(event.language, event.code, 0, event.name, event.files)
        self._become_newest(program)
        if self._repaired and self.attempts and self.attempts[-1].program.code == event.code:
            self.attempts.pop()
        self._repaired = False
        self.made = ()
        self.attempts.append(Attempt(program, state=event.state))

    @_take.register
    def _(self, event: ProgramFinished) -> None:
        newest = self.attempts[-1] if self.attempts else None
        if newest is None or newest.run is not None or newest.program.code != event.run.code:
            # It was never started: its packages could not be had.
            newest = Attempt(CodeBlock(event.run.language, event.run.code, 0))
            self.attempts.append(newest)
        newest.run = event.run
        if self.earlier is not None and self.ended is not None and self.earlier.code != event.run.code:
            self._answer = ""  # another program was run by hand since, and APPROVE could be meant for that

    @_take.register
    def _(self, event: FilesProduced) -> None:
        self.files.update({file.name: file for file in event.files})
        self.made = () if event.put_back else tuple(file.name for file in event.files)

    @_take.register
    def _(self, event: PackagesInstalled) -> None:
        self._repaired = event.verdict is Verdict.OK and event.why not in (ASKED_FOR, RESUMED)
        self.packages += [package for package in event.installed if package not in self.packages]

    @_take.register
    def _(self, event: ProgramKept) -> None:
        self.kept = event.folder

    @_take.register
    def _(self, event: TokensUsed) -> None:
        self.tokens = event

    @_take.register
    def _(self, event: TaskEnded) -> None:
        self.ended = event

    def _become_newest(self, program: CodeBlock) -> None:
        if self.newest is None or self.newest.code != program.code:
            self.before, self.newest = self.newest, program
