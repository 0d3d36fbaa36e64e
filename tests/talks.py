"""A whole interactive session without a container: real agents, a model on loopback, listed runs, and a user who types a list."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from cli.commands.chat import Chat
from cli.input.keyboard import InterruptedAtPrompt
from cli.input.prompt import Prompt
from cli.output.screen import Screen
from cli.state import ChatState
from cli.wiring import OpenSession
from history.records import StoredSession
from main import open_team
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProducedFile, ProgramRun
from teams.session import Session
from tests.asking import client_of
from tests.endpoint import ModelEndpoint, Script
from tests.fakes import ListedRuns, WaitForCancel
from utils.settings import Settings, load_settings

CTRL_C = "\x03"


class Typist:
    """A keyboard that types what it is given, line by line; a CTRL_C is an interrupt, and after the last line comes the end of input."""

    def __init__(self, *lines: str, is_terminal: bool = True) -> None:
        self.is_terminal = is_terminal
        self.statuses: list[str] = []
        self.suggestions: list[str] = []
        self._lines = list(lines)
        self._put_aside = False
        self.put_aside_before: list[bool] = []
        """For each line that was read, whether what had been typed before was put aside first."""

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        shown.set()
        self.put_aside_before.append(self._put_aside)
        self._put_aside = False
        self.statuses.append(status())
        self.suggestions.append(suggestion)
        await asyncio.sleep(0)
        line = self._lines.pop(0) if self._lines else None
        if line == CTRL_C:
            raise InterruptedAtPrompt
        return line

    def interrupt(self) -> bool:
        return False

    def set_aside(self) -> None:
        """Take note; each line answers the question for which it stands in the list."""
        self._put_aside = True

    def hushed(self) -> AbstractContextManager[None]:
        return nullcontext()


def opens(
    endpoint: ModelEndpoint,
    *runs: ProgramRun | Exception | WaitForCancel,
    files: Sequence[ProducedFile] = (),
    sandbox: Sandbox | None = None,
    failure: Exception | None = None,
    opened: Callable[[Session], None] = lambda session: None,
) -> OpenSession:
    """Return the wiring of main.py with listed runs, or a sandbox, in place of its container; with a failure, it cannot be opened."""

    @asynccontextmanager
    async def open_session(settings: Settings, notify: Callable[[str], None], resumed: StoredSession | None) -> AsyncIterator[Session]:
        if failure is not None:
            raise failure
        executor = sandbox or ListedRuns(*runs, files=files)
        executor.limits = replace(executor.limits, network=settings.network)
        async with client_of(endpoint) as model:
            session = open_team(settings, executor, model)
            opened(session)
            yield session

    return open_session


@dataclass
class Rehearsal:
    """A session that is open, what the user sees, and what the model was asked."""

    chat: Chat
    state: ChatState
    session: Session
    endpoint: ModelEndpoint
    keyboard: Typist
    paper: io.StringIO = field(default_factory=io.StringIO)

    async def converse(self, task: str) -> str:
        """Give a task to the team and return what the user saw of it."""
        began = self.paper.tell()
        await self.chat.converse(self.session, task)
        return self.paper.getvalue()[began:]

    @property
    def asked(self) -> list[list[str]]:
        """What the model was told in each request, without the system message."""
        return [request.texts[1:] for request in self.endpoint.requests]

    @property
    def ran(self) -> list[str]:
        """The programs that were run."""
        assert isinstance(self.session.sandbox, ListedRuns)
        return [block.code for block in self.session.sandbox.blocks]


@asynccontextmanager
async def rehearsal(
    answers: Sequence[Script],
    *runs: ProgramRun | Exception | WaitForCancel,
    typed: Sequence[str] = (),
    is_terminal: bool = True,
    files: Sequence[ProducedFile] = (),
    sandbox: Sandbox | None = None,
    **flags: str,
) -> AsyncIterator[Rehearsal]:
    """Open a session in which the user types these lines."""
    paper = io.StringIO()
    screen = Screen(paper, control_codes=False)
    settings = load_settings({"workspace": "unused", "max_retries": "0", **flags}, {})
    keyboard = Typist(*typed, is_terminal=is_terminal)
    prompt = Prompt(keyboard, screen, lambda: state.status_line())
    state = ChatState(settings, screen, prompt, confirms=settings.confirm, model="test-model")
    chat = Chat(state)
    with ModelEndpoint(answers) as endpoint:
        async with opens(endpoint, *runs, files=files, sandbox=sandbox)(settings, chat.show_progress, None) as session:
            state.opened(session)
            yield Rehearsal(chat, state, session, endpoint, keyboard, paper)


def produced(folder: Path, name: str) -> ProducedFile:
    """Describe a file that a program made."""
    return ProducedFile(folder / name, name, 12, True)
