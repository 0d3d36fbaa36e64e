"""Parts of the team with the real ones' interfaces that answer from a list, so that a whole conversation takes milliseconds."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.base import ChatAgent, TaskResult
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_core.models import ChatCompletionClient

from agents.code_executor_agent import create_code_executor
from agents.code_generator_agent import create_code_generator
from agents.events import Answers, Question, Reply
from agents.user_proxy_agent import create_user_proxy
from sandbox.files.added import Selection, Texts, select
from sandbox.files.transfer import LeftOut
from sandbox.sandbox import OnOutput, Sandbox
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from teams.recovery import Recovery
from teams.software_development_team import SoftwareDevelopmentTeam
from tests.asking import client_of
from tests.endpoint import ModelEndpoint, Script
from utils.docker_utils import ContainerRequest, Limits
from utils.settings import load_settings

SETTINGS = load_settings({}, {})
TeamEvent = BaseAgentEvent | BaseChatMessage | TaskResult


def program(code: str, language: str = "python") -> str:
    """Write an answer that holds one program."""
    return f"Here it is:\n\n```{language}\n{code}\n```\n"


def ran(output: str = "", verdict: Verdict = Verdict.OK, exit_code: int | None = 0, name: str = "program.py") -> ProgramRun:
    """Describe a program that ran; its code is filled in by the executor."""
    return ProgramRun("python", "", name, verdict, exit_code, 0.1, output)


def unused(*_: Any) -> Any:
    """Take the place of a part that the test does not use."""
    pytest.fail("nobody uses it")


@cache
def files_folder() -> Path:
    """Make a folder for the files of listed runs, which goes with this process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class WaitForCancel:
    """In a list of runs: a program that runs until it is cancelled. In a list of replies: a user who says nothing."""


class ListedRuns(Sandbox):
    """A sandbox whose programs end as listed; it needs no engine."""

    def __init__(
        self, *runs: ProgramRun | Exception | WaitForCancel, files: Sequence[ProducedFile] = (), left_out: Sequence[LeftOut] = ()
    ) -> None:
        super().__init__(ContainerRequest("none", "none", Limits()), files_folder)
        self.blocks: list[CodeBlock] = []
        self.beside: list[tuple[str, dict[str, str]]] = []  # name and further files of each program
        self.stored: dict[str, str] = {}  # without a program
        self.missing: set[str] = set()  # files that are not there, whoever named them
        self.elsewhere: list[str] = []  # files in folders of their own
        self.collected = 0
        self._runs = list(runs)
        self._files = list(files)
        self._left_out = tuple(left_out)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return self._left_out

    async def run_block(
        self, block: CodeBlock, cancellation_token: CancellationToken, on_output: OnOutput = None, *, name: str = "", files: Texts = ()
    ) -> ProgramRun:
        self.blocks.append(block)
        self.beside.append((name, dict(files)))
        run = self._runs.pop(0) if self._runs else ran("done\n")
        if isinstance(run, Exception):
            raise run
        if isinstance(run, WaitForCancel):
            stopped = asyncio.Event()
            cancellation_token.add_callback(stopped.set)
            if on_output:
                on_output("still running\n")
            await stopped.wait()
            run = ran("still running\n", Verdict.CANCELLED, None)
        elif on_output and run.output:
            on_output(run.output)
        return replace(run, language=block.language, code=block.code)

    async def store(self, files: Texts) -> None:
        self.stored |= dict(files)

    async def keep_states(self) -> None:
        """Keep none: there is no folder."""

    def holds(self, file_name: str) -> bool:
        return file_name not in self.missing

    def found(self, base_name: str) -> list[str]:
        return [name for name in self.elsewhere if name.endswith(f"/{base_name}")]

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        return select(paths)

    async def collect_files(self) -> list[ProducedFile]:
        self.collected += 1
        return self._files


class User:
    """Says the replies one after the other, and APPROVE when they are used up."""

    def __init__(self, *replies: str | WaitForCancel) -> None:
        self.asked = 0
        self._replies = list(replies)

    def reply(self) -> Reply | None:
        """Return what the user says next; None for a user who says nothing."""
        self.asked += 1
        reply = self._replies.pop(0) if self._replies else "APPROVE"
        return Reply(text=reply) if isinstance(reply, str) else None


@dataclass
class Rig:
    """A whole team, its model's request log, and what was seen of each run."""

    team: SoftwareDevelopmentTeam
    endpoint: ModelEndpoint
    executor: ListedRuns
    user: User
    answers: Answers
    events: list[TeamEvent] = field(default_factory=list)

    async def say(self, message: str | None, cancel_if: Callable[[TeamEvent], bool] = lambda event: False) -> TaskResult | None:
        """Give the team a message; return the result, or None if the run was cancelled at the first event that fits."""
        token = CancellationToken()
        self.events.clear()
        try:
            async for event in self.team.run_stream(message, token):
                self.events.append(event)
                reply = self.user.reply() if isinstance(event, Question) else None
                if cancel_if(event):
                    # The agent that asked needs a moment until it waits for the reply.
                    asyncio.get_running_loop().call_later(0.02 if isinstance(event, Question) else 0, token.cancel)
                elif isinstance(event, Question) and reply is not None:
                    self.answers.give(event.key, reply)
        except asyncio.CancelledError:
            if not token.is_cancelled():
                raise
            return None
        last = self.events[-1]
        assert isinstance(last, TaskResult)
        return last

    @property
    def turns(self) -> list[str]:
        """Who spoke in the newest run, in order."""
        return [event.source for event in self.events if isinstance(event, BaseChatMessage)]

    @property
    def asked(self) -> list[list[str]]:
        """What the model was told in each request, without the system message."""
        return [request.texts[1:] for request in self.endpoint.requests]


@asynccontextmanager
async def team_of(
    answers: Sequence[Script],
    *runs: ProgramRun | Exception | WaitForCancel,
    replies: Sequence[str | WaitForCancel] = (),
    max_retries: int = 3,
    fourth: Callable[[ChatCompletionClient], ChatAgent] | None = None,
) -> AsyncIterator[Rig]:
    """Wire the real agents to an endpoint on loopback, a list of runs and a list of replies; `fourth` speaks after the generator."""
    executor, answers_given, recovery = ListedRuns(*runs), Answers(), Recovery(max_retries)
    with ModelEndpoint(answers) as endpoint:
        async with client_of(endpoint) as model:
            participants: list[ChatAgent] = [
                create_code_generator(model, SETTINGS),
                create_code_executor(executor, answers_given),
                create_user_proxy(answers_given, recovery.decide),
            ]
            if fourth is not None:
                participants.insert(1, fourth(model))
            yield Rig(SoftwareDevelopmentTeam(participants, recovery), endpoint, executor, User(*replies), answers_given)
