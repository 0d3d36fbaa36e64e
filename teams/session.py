"""The one object that a front end talks to: it runs tasks as a stream of events, takes the answers, and keeps the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient

from agents.code_executor_agent import SandboxCodeExecutorAgent
from agents.code_generator_agent import tokens_used
from agents.events import Answers, Event, FilesProduced, Journal, MemoryJournal, ProgramStarted, Reply, TaskEnded, TokensUsed
from agents.models.resilient import ResilientClient
from agents.user_proxy_agent import NAME as USER
from sandbox.files.added import Selection
from sandbox.packages.install import PipRequest
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProducedFile, ProgramRun
from teams.record import Record
from teams.restoring import Spoken
from teams.software_development_team import SoftwareDevelopmentTeam
from utils.code_blocks import CodeBlock
from utils.errors import AppError
from utils.words import APPROVE, BACK_TO


class Session:
    """A team whose model, engine and container are ready."""

    def __init__(
        self,
        team: SoftwareDevelopmentTeam,
        model: ChatCompletionClient,
        executor: SandboxCodeExecutorAgent,
        sandbox: Sandbox,
        answers: Answers,
        switch_model: Callable[[str], Awaitable[str]],
        journal: Journal | None = None,
    ) -> None:
        """Take the parts that main.py has wired."""
        self.record = Record()
        self.notes: list[str] = []
        """What the model has to know with the next task: files added, programs changed by hand."""
        self.journal = journal or MemoryJournal()
        self.sandbox = sandbox
        self._team = team
        self._model = model
        self._executor = executor
        self._answers = answers
        self._switch_model = switch_model
        self._used_before: TokensUsed | None = None  # by earlier processes
        self._token: CancellationToken | None = None
        self._stop_asked = False  # by us, and not because whoever reads the stream was cancelled

    # The course of a task

    def run(self, task: str | None) -> AsyncGenerator[Event, None]:
        """Give the task to the team and yield all that happens, TaskEnded last; None asks the generator again.

        A Question has to be answered before anything further happens. Every event is in the record before it is yielded. Nothing is
        raised for a step that was stopped or that failed: TaskEnded says so.
        """
        return self._kept(self._with_files(self._events_of(task)))

    async def _events_of(self, task: str | None) -> AsyncGenerator[Event, None]:
        notes = ""
        if task is not None:
            notes = "".join(f"{note}\n\n" for note in self.notes)
            self.notes.clear()
            self.record.start_task()
            if isinstance(self._model, ResilientClient):
                self._model.start_task()
        self.record.ended = None
        self._token = token = CancellationToken()
        self._stop_asked = False
        ended = TaskEnded("interrupted")
        try:
            async with aclosing(self._team.run_stream(task, token, notes)) as stream:
                async for event in stream:
                    if isinstance(event, TaskResult):
                        ended = _ended(event)
                        continue
                    yield event
        except asyncio.CancelledError:
            if not self._stop_asked:
                raise
        except Exception as error:
            ended = TaskEnded("error", error=self._explain(error))
        finally:
            self._token = None
        yield self._tokens()
        yield ended

    def _tokens(self) -> TokensUsed:
        now, before = tokens_used(self._model), self._used_before
        if before is None:
            return now
        sums = {name: getattr(now, name) + getattr(before, name) for name in ("prompt_tokens", "completion_tokens", "calls")}
        return now.model_copy(update=sums)

    async def _with_files(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Yield the events, and before the end of a task the files of a program that was stopped: nobody hears the agents any more."""
        ran = False
        async with aclosing(events):
            async for event in events:
                if ran and isinstance(event, TaskEnded) and event.status == "interrupted":
                    async for made in self._executor.collect():
                        yield made
                ran = isinstance(event, ProgramStarted) or (ran and not isinstance(event, FilesProduced))
                yield event

    def end(self, word: str) -> AsyncGenerator[Event, None]:
        """End a task whose last step did not finish by the user's word, and yield what happens; APPROVE is about `record.earlier`."""
        return self._kept(self._events_of_end(word))

    async def _events_of_end(self, word: str) -> AsyncGenerator[Event, None]:
        tried, first = list(self.record.attempts), self.record.back_to
        back = {BACK_TO: first} if first and word == APPROVE else {}
        said = TextMessage(source=USER, content=word, metadata=back)
        await self._team.end(said)
        yield said
        if later := tried[len(self.record.attempts) :]:
            self._executor.whole_output = self.record.last_run.output if self.record.last_run else ""
            with suppress(AppError, OSError):  # then the files stay as they are
                if (done := await self.sandbox.put_back(later[0].state)) is not None:
                    self.record.drop_files(done.removed)
                    files = tuple(file for name, file in self.record.files.items() if name in done.stored)
                    yield FilesProduced(source=self._executor.name, files=tuple(map(_as_it_is, files)), put_back=True)
        yield TaskEnded("approved" if word == APPROVE else "stopped", USER)

    async def _kept(self, events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
        """Hand each event to the journal and the record before it is yielded, behind what the journal has to say."""
        async with aclosing(events):
            async for event in events:
                await self.journal.happened(event)
                for each in (*self.journal.news(), event):
                    self.record.take(each)
                    yield each

    def run_programs(self, programs: Sequence[CodeBlock]) -> AsyncGenerator[Event, None]:
        """Run programs outside the team's turns, and yield the same events; ends early if it is stopped. Raises AppError."""
        return self._kept(self._events_of_programs(programs))

    async def _events_of_programs(self, programs: Sequence[CodeBlock]) -> AsyncGenerator[Event, None]:
        outer, self._token = self._token, (token := CancellationToken())
        try:
            async with aclosing(self._executor.run_programs(programs, token)) as stream:
                async for event in stream:
                    yield event
        except asyncio.CancelledError:
            if not token.is_cancelled():
                raise
        finally:
            self._token = outer  # of the task whose question the user has not answered yet
        if token.is_cancelled():
            async for event in self._executor.collect():
                yield event

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        """Copy files and folders of the user's to the programs; the selection says what was left out, and why. Raises AppError."""
        selection = await self.sandbox.add_files(paths)
        await self.journal.added({name: path for name, path, _ in selection.files})
        return selection

    async def add_doubtful(self, selection: Selection) -> Selection:
        """Copy what may hold secrets, to which the user has agreed, too; the result says all that was copied. Raises AppError."""
        added = await self.sandbox.put_files(selection.doubtful)
        await self.journal.added({name: path for name, path, _ in added.files})
        return Selection([*selection.files, *added.files], [*selection.left_out, *added.left_out])

    def answer(self, key: str, reply: Reply) -> None:
        """Answer the question with this key."""
        self._answers.give(key, reply)

    def stop(self) -> None:
        """Stop the step that runs, if one does."""
        if self._token is not None:
            self._stop_asked = True
            self._token.cancel()

    @property
    def is_stopped(self) -> bool:
        """Whether the step that runs was stopped, so that nobody waits for the answer to its question any more."""
        return self._token is not None and self._token.is_cancelled()

    # An earlier process

    async def restore(
        self,
        messages: Sequence[Spoken],
        events: Sequence[Event],
        packages: PipRequest | None,
        done: Sequence[ProgramRun] = (),
        *,
        versions: Mapping[str, str] | None = None,
        ended: TaskEnded | None = None,
    ) -> None:
        """Take up a session of an earlier process: its messages, the events that make up its record, and its packages.

        `done` are the programs of the newest answer that ran, and whose results were not reported any more; `versions` those of npm's
        packages, and `ended` how the newest task ended.
        """
        await self._team.restore(messages, was_stopped=ended is not None and ended.status == "interrupted")
        self._executor.take_up(packages, versions or {}, done if self._team.next_speaker == self._executor.name else ())
        for event in events:
            self.record.take(event)
            if isinstance(event, TaskEnded):
                self.record.start_task()
        self._used_before = self.record.tokens
        if ended is not None:
            self.record.take(ended)

    @property
    def goes_on(self) -> bool:
        """Whether a restored session ended in the middle of a task, so that `run(None)` goes on with whoever is due."""
        return self._team.goes_on

    def wait_for_user(self) -> None:
        """Let nobody be due: what comes next is the user's message."""
        self._team.goes_on = False

    # What can be changed and asked meanwhile

    @property
    def has_talked(self) -> bool:
        """Whether the conversation holds anything that the generator could answer again."""
        return bool(self._team.messages())

    @property
    def confirms(self) -> bool:
        """Whether each run is asked about first."""
        return self._executor.confirms

    @confirms.setter
    def confirms(self, wanted: bool) -> None:
        self._executor.confirms = wanted

    @property
    def whole_output(self) -> str:
        """The output of the newest run, up to the sandbox's limit; the record keeps only as much as the model is shown."""
        return self._executor.whole_output

    async def switch_model(self, name: str) -> str:
        """Use another model of the same provider from now on; return its name. Raises ModelError."""
        return await self._switch_model(name)

    def forget(self) -> None:
        """Start a fresh conversation with the next task; the container and its files stay."""
        self._team.forget()
        self.journal.forgot()
        self.record.start_task()

    def _explain(self, error: Exception) -> AppError:
        return explain_failure(error, getattr(self._model, "last_error", None) or self._executor.last_error)


def explain_failure(error: BaseException, known: AppError | None) -> AppError:
    """Return why a run failed: the error that a model or the sandbox left behind, or else the exception itself as our own fault."""
    if known is not None:
        return known
    if isinstance(error, AppError):
        return error
    lines = [line for line in str(error).splitlines() if line.strip()]
    # AutoGen hands an agent's exception on as text with its whole traceback; the last line says what it was.
    reason = lines[-1].strip() if lines else type(error).__name__
    return AppError(f"internal error: {reason}", "run it again with --traceback and report what it prints", kind="internal")


def _as_it_is(file: ProducedFile) -> ProducedFile:
    return replace(file, size=file.path.stat().st_size, new=False)


def _ended(result: TaskResult) -> TaskEnded:
    by = result.messages[-1].source if result.messages else ""
    return TaskEnded("approved" if result.stop_reason == APPROVE else "stopped", by)
