"""Everything that happens and everything that is asked, as events on one stream, and where the answers go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal, Protocol

from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, BaseTextChatMessage
from autogen_core import CancellationToken

from sandbox.files.transfer import LeftOut
from sandbox.packages.names import Package
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from utils.code_blocks import CodeBlock, SkippedBlock, StoredFile
from utils.errors import AppError

TASK_SOURCE = "user"
"""The source of a task's message: the name that AutoGen gives to whoever sets the task."""
RECOVERY_SOURCE = "Recovery"
"""The source of messages that go back to the generator without the user: a source of its own, so nobody mistakes them for the user's."""
STARTS_OVER = "The same program was sent twice, and failed twice"
FAILED_ALIKE = "Two programs failed in the same way"
FAILED_TOO = "Another program failed, too"
"""How the messages of RECOVERY_SOURCE begin after which the model is not shown again what it has tried for the task."""
WRITE_ONE = "Write one complete"
USE_PRINT = "Use print() for the result"
WRITE_FILE = "Send the whole program again so that it writes"
"""What the messages of RECOVERY_SOURCE say that ask for something which did not come about, in place of the report that it did not."""
NO_CODE = "no code"
REFUSED = "refused"


class BlocksSkipped(BaseAgentEvent):
    """Blocks of the answer that will not run, each with the reason."""

    blocks: tuple[SkippedBlock, ...]
    type: Literal["BlocksSkipped"] = "BlocksSkipped"

    def to_text(self) -> str:
        """Name each block and the reason."""
        return "\n".join(f"line {block.line}: {block.reason}" for block in self.blocks)


class ProgramStarted(BaseAgentEvent):
    """A program begins to run."""

    language: str
    code: str
    number: int
    total: int
    timeout: int  # seconds
    name: str = ""  # of its file; "" for the language's own
    files: tuple[StoredFile, ...] = ()  # stored beside it before it runs
    state: str = ""  # of the programs' folder before it runs, for Sandbox.put_back
    type: Literal["ProgramStarted"] = "ProgramStarted"

    def to_text(self) -> str:
        """Say what begins."""
        return f"running {self.language} {self.number} of {self.total}"


class Preparing(BaseAgentEvent):
    """Something has to be made ready before the program that has begun can run: a language's container, or what its toolchain compiles."""

    what: str  # "" once it is ready
    type: Literal["Preparing"] = "Preparing"

    def to_text(self) -> str:
        """Say what is being waited for."""
        return f"preparing {self.what}" if self.what else "ready"


class ProgramOutput(BaseAgentEvent):
    """A piece of a program's output, as it came; the last piece may say how much more the program printed."""

    content: str
    more: int = 0  # characters
    type: Literal["ProgramOutput"] = "ProgramOutput"

    def to_text(self) -> str:
        """Return the piece."""
        return self.content


class ProgramFinished(BaseAgentEvent):
    """A program ended, with the verdict."""

    run: ProgramRun
    summary: str
    number: int = 1  # of the program in the answer; a program that runs again after an installation keeps its number
    type: Literal["ProgramFinished"] = "ProgramFinished"

    def to_text(self) -> str:
        """Return the verdict in one line."""
        return self.summary


class FilesProduced(BaseAgentEvent):
    """The files that programs made or changed, as they arrived on this machine, and those left out, with the reason."""

    files: tuple[ProducedFile, ...]
    left_out: tuple[LeftOut, ...] = ()
    put_back: bool = False  # they are again what they were when the program that was approved now had run
    type: Literal["FilesProduced"] = "FilesProduced"

    def to_text(self) -> str:
        """Name the files."""
        return "\n".join([*(file.name for file in self.files), *(f"{each.name} left out: {each.reason}" for each in self.left_out)])


class InstallStarted(BaseAgentEvent):
    """The network opens for pip."""

    commands: tuple[str, ...]
    why: str
    timeout: int  # seconds
    type: Literal["InstallStarted"] = "InstallStarted"

    def to_text(self) -> str:
        """Return the commands."""
        return "\n".join(self.commands)


@dataclass(frozen=True)
class Refusal:
    """A package that was not installed, and why."""

    what: str
    reason: str


class PackagesInstalled(BaseAgentEvent):
    """The result of an installation; the network is closed again."""

    why: str
    installed: tuple[Package, ...]
    refused: tuple[Refusal, ...]
    verdict: Verdict
    summary: str
    output: str  # the last lines of pip's output if it failed
    seconds: float
    remedy: str = ""  # what only the user can do about the failure; "" if another program may do
    type: Literal["PackagesInstalled"] = "PackagesInstalled"

    def to_text(self) -> str:
        """Say in a line or a few what was installed, what was not, and what only the user can do about that."""
        return f"{self.summary}\nNo program can change that: {self.remedy}." if self.remedy else self.summary


class SentBack(BaseAgentEvent):
    """A failure goes back to the generator without asking the user."""

    failure: str
    attempt: int
    attempts: int
    type: Literal["SentBack"] = "SentBack"

    def to_text(self) -> str:
        """Return the failure in one line."""
        return self.failure


class TokensUsed(BaseAgentEvent):
    """The model's tokens and requests of the whole session so far, requests without an answer included."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    type: Literal["TokensUsed"] = "TokensUsed"

    def to_text(self) -> str:
        """Return the numbers."""
        return f"{self.prompt_tokens} + {self.completion_tokens} tokens in {self.calls} requests"


class Notice(BaseAgentEvent):
    """Something to know that is not part of the conversation: a wait, a request made again."""

    content: str
    type: Literal["Notice"] = "Notice"

    def to_text(self) -> str:
        """Return the sentence."""
        return self.content


class ProgramKept(BaseAgentEvent):
    """The approved program has a folder of its own."""

    folder: Path
    type: Literal["ProgramKept"] = "ProgramKept"

    def to_text(self) -> str:
        """Return the folder."""
        return str(self.folder)


class Question(BaseAgentEvent):
    """Something that whoever reads the stream has to answer, by its key; the agent that yielded it waits for the reply."""

    key: str
    kind: Literal["approve", "run", "packages", "build"]
    programs: tuple[CodeBlock, ...] = ()
    """run: the programs that wait to run; packages, build: the program that needs them."""
    packages: tuple[str, ...] = ()
    because: str = ""
    """approve: why the user is asked after a failure ("" if nothing failed); packages: why they are needed;
    build: the same, for packages that exist as source code only, which runs while it is built."""
    tried: tuple[str, ...] = ()
    """approve: the failures so far, oldest first."""
    ran: bool = True
    """approve: whether a program of the newest answer ran."""
    stored: bool = False
    """approve: the newest answer holds no program, but files, which were stored."""
    type: Literal["Question"] = "Question"

    def to_text(self) -> str:
        """Name what is asked."""
        return f"{self.kind}? {', '.join(self.packages) or self.because}".strip()


class RunResult(BaseTextChatMessage):
    """The executor's message to the team: `content` is for the model, the other fields are for our own decisions."""

    verdict: str
    """A Verdict's value (of the last run), NO_CODE or REFUSED."""
    exit_code: int | None = None
    error: str = ""
    """Why it failed, or the last line of a failed program's output."""
    said: str = ""
    """What the user said instead of letting the program run; it is the user's answer for this turn."""
    silent: bool = False
    """The programs ended well, and nothing came of it: they printed nothing and made no file."""
    stored: bool = False
    """The answer holds no program, but files, which were stored."""
    missing: tuple[str, ...] = ()
    """The programs ended well, but these files, which the user named, are not there."""
    elsewhere: tuple[str, ...] = ()
    """Files of the names of those that are missing, in other folders than the user named."""
    advice: tuple[str, ...] = ()
    """What there is to know about the failure, beyond what the program printed."""
    remedy: str = ""
    """What only the user can do about the failure, which no other program would change."""
    type: Literal["RunResult"] = "RunResult"


UNFINISHED: tuple[Literal["interrupted"], Literal["error"]] = ("interrupted", "error")
"""How a task ends if its last step did not finish: no word has ended it."""


@dataclass(frozen=True)
class TaskEnded:
    """The last item of a task's stream."""

    status: Literal["approved", "stopped", "interrupted", "error"]
    by: str = ""
    """The agent that ended it."""
    error: AppError | None = None


AGENT_EVENTS = (
    *(BlocksSkipped, ProgramStarted, Preparing, ProgramOutput, ProgramFinished, FilesProduced, InstallStarted, PackagesInstalled),
    *(SentBack, TokensUsed, Notice, Question, RunResult),
)
"""What AutoGen has to know of to carry it."""
Event = BaseAgentEvent | BaseChatMessage | TaskEnded


@dataclass(frozen=True)
class Reply:
    """The answer to a question; which field counts depends on the question's kind."""

    text: str = ""
    """approve: what the user says; run: why the programs may not run."""
    programs: Sequence[CodeBlock] = ()
    """run: the programs to run, as they are or as the user changed them; empty if they may not run."""
    yes: bool | None = None
    """packages: whether to install them; None if nobody can be asked."""


@dataclass
class Answers:
    """The questions that wait for a reply, by key."""

    _open: dict[str, asyncio.Future[Reply]] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)

    def open(self) -> str:
        """Return the key of a new question."""
        key = str(next(self._numbers))
        self._open[key] = asyncio.get_running_loop().create_future()
        return key

    def give(self, key: str, reply: Reply) -> None:
        """Answer a question; a question that was cancelled meanwhile needs no answer."""
        waiting = self._open.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(reply)

    async def wait(self, key: str, token: CancellationToken | None) -> Reply:
        """Return the reply to a question; CancelledError if the token is cancelled, even if a reply came as well."""
        waiting = self._open[key]
        if token is not None:
            token.link_future(waiting)
        try:
            if token is not None and token.is_cancelled():
                raise asyncio.CancelledError
            return await waiting
        finally:
            del self._open[key]


class Journal(Protocol):
    """What is awaited before the next step begins, so that no step is lost whatever happens to this process."""

    async def wrote(self, messages: Sequence[BaseChatMessage]) -> None:
        """Take messages of the conversation, in order, before the next speaker is chosen; it may have had them before."""

    async def started(self, program: ProgramStarted) -> None:
        """Take a program that is about to run."""

    async def finished(self, program: ProgramFinished, output: str) -> None:
        """Take the result of a program that ran, and all of its output that is known."""

    async def happened(self, event: Event) -> None:
        """Take an event before any reader sees it; messages are among them."""

    async def added(self, files: Mapping[str, Path]) -> None:
        """Take files that the user has added, by their names in the programs' folder."""

    def forgot(self) -> None:
        """Take note that the conversation starts afresh with the next message."""

    def news(self) -> Sequence[Event]:
        """Return what the journal itself has to say since the last call."""


@dataclass
class MemoryJournal:
    """A journal that only collects."""

    messages: list[BaseChatMessage] = field(default_factory=list)
    programs: list[ProgramStarted | ProgramFinished] = field(default_factory=list)

    async def wrote(self, messages: Sequence[BaseChatMessage]) -> None:
        """Keep the messages."""
        self.messages += messages

    async def started(self, program: ProgramStarted) -> None:
        """Keep the start."""
        self.programs.append(program)

    async def finished(self, program: ProgramFinished, output: str) -> None:
        """Keep the result."""
        self.programs.append(program)

    async def happened(self, event: Event) -> None:
        """Keep nothing."""

    async def added(self, files: Mapping[str, Path]) -> None:
        """Keep nothing."""

    def forgot(self) -> None:
        """Keep nothing."""

    def news(self) -> Sequence[Event]:
        """Have nothing to say."""
        return ()
