"""The agent that runs the generator's code in Docker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from autogen_core import CancellationToken
from autogen_core import code_executor as autogen_code

from agents import code_generator_agent
from agents.answers.file_names import missing_files
from agents.answers.reading import bounded, read_answer
from agents.events import (
    NO_CODE,
    REFUSED,
    TASK_SOURCE,
    Answers,
    FilesProduced,
    Journal,
    MemoryJournal,
    Notice,
    ProgramFinished,
    ProgramStarted,
    Question,
    RunResult,
)
from agents.live_run import run_live
from agents.package_steps import PackageSteps, Prepared
from agents.run_report import NOTHING_LEFT, events_of_answer, missing_text, notes_of_answer, notes_of_event, tell_runs, why_nothing_ran
from agents.user_proxy_agent import NAME as USER
from sandbox.docker_executor import SandboxExecutor
from sandbox.languages import ALIASES
from sandbox.packages.install import PipRequest
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProgramRun, Verdict, keep_short, tell_person
from utils.code_blocks import Answer, CodeBlock
from utils.errors import AppError

NAME = "CodeExecutorAgent"


class SandboxCodeExecutorAgent(CodeExecutorAgent):
    """A CodeExecutorAgent that runs only the generator's newest answer, live, and reports every run's true verdict in a RunResult."""

    def __init__(
        self,
        sandbox: Sandbox,
        answers: Answers | None = None,
        *,
        confirms: bool = False,
        any_package: bool = False,
        journal: Journal | None = None,
    ) -> None:
        """Take the sandbox, where replies arrive, whether to ask before each run and to install any package, and the journal."""

        async def approve(request: ApprovalRequest) -> ApprovalResponse:
            return ApprovalResponse(approved=True, reason="the question about the run was answered before")

        super().__init__(
            NAME,
            SandboxExecutor(sandbox=sandbox),
            description="Runs the program in Docker and reports what it printed.",
            sources=[code_generator_agent.NAME],
            supported_languages=list(ALIASES),
            approval_func=approve,
        )
        self.last_error: AppError | None = None
        """Why the newest turn failed: AutoGen turns exceptions into RuntimeError(str), so the session reads it here."""
        self.confirms = confirms
        """Whether each run is asked about first; may change at any time."""
        self.whole_output = ""
        """What the newest program printed, up to the sandbox's limit; its events and results carry less."""
        self._sandbox = sandbox
        self._answers = answers or Answers()
        self._journal = journal or MemoryJournal()
        self._waits: list[str] = []  # what is made ready before a program runs, and "" once it is
        sandbox.prepares = self._waits.append
        self._done: dict[tuple[str, str], ProgramRun] = {}
        self._wish = ""  # what the user said last
        self._packages = PackageSteps(NAME, sandbox, self._answers, any_package)

    def take_up(self, packages: PipRequest | None, versions: Mapping[str, str], done: Sequence[ProgramRun]) -> None:
        """Install these packages before the next program runs, and do not run those again that were done in the turn that is due.

        `versions` are those of npm's packages.
        """
        self._packages.first, self._packages.versions = packages, versions
        self._done = {(run.language, run.code): run for run in done}

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Run the programs of the generator's newest answer, in order, up to the first that fails."""
        self.last_error = None
        self._wish = next((each.to_text() for each in reversed(messages) if each.source in (TASK_SOURCE, USER)), self._wish)
        answer = self._newest_answer(messages)
        for event in events_of_answer(self.name, answer):
            yield event
        try:
            async for item in self._run(answer, cancellation_token) if answer.blocks else self._store(answer):
                yield item
        except AppError as error:
            self.last_error = error
            raise

    async def _run(self, answer: Answer, token: CancellationToken) -> AsyncGenerator[BaseAgentEvent | Response, None]:
        blocks: Sequence[CodeBlock] = answer.blocks
        if self.confirms:
            question = Question(source=self.name, key=self._answers.open(), kind="run", programs=answer.blocks)
            yield question
            reply = await self._answers.wait(question.key, token)
            if not reply.programs:
                words = "[sandbox] Not run: the user refused."
                yield Response(chat_message=RunResult(source=self.name, content=words, verdict=REFUSED, said=reply.text))
                return
            blocks = reply.programs
        notes = notes_of_answer(answer, blocks)
        runs, made = dict[int, ProgramRun](), False
        async for event in self.run_programs(blocks, token):
            if isinstance(event, ProgramFinished):
                runs[event.number] = event.run
            made |= isinstance(event, FilesProduced)
            notes += notes_of_event(event)
            yield event
        self._done.clear()
        result = self._report(list(runs.values()), len(blocks), notes, made)
        if result.missing:
            yield Notice(source=self.name, content=f"{missing_text(result.missing, result.elsewhere)}.")
        yield Response(chat_message=result)

    async def extract_code_blocks_from_messages(self, messages: Sequence[BaseChatMessage]) -> list[autogen_code.CodeBlock]:
        """Return the programs of the generator's newest answer, for callers that use AutoGen's own interface."""
        return [autogen_code.CodeBlock(code=block.code, language=block.language) for block in self._newest_answer(messages).blocks]

    def _newest_answer(self, messages: Sequence[BaseChatMessage]) -> Answer:
        # After a cancelled turn the messages hold the cancelled program, too: only the newest answer is what is meant to run.
        for message in reversed(messages):
            if message.source == code_generator_agent.NAME and isinstance(message, TextMessage):
                return bounded(read_answer(message.content, ALIASES, self._wish))
        return read_answer("", ALIASES)

    async def run_programs(self, blocks: Sequence[CodeBlock], token: CancellationToken) -> AsyncGenerator[BaseAgentEvent, None]:
        """Run the programs up to the first that fails, and yield how it goes; the files come last, unless the token is cancelled."""
        for number, block in enumerate(blocks, 1):
            verdict = Verdict.OK
            async for event in self._run_program(block, number, len(blocks), token):
                if isinstance(event, ProgramFinished):
                    verdict = event.run.verdict
                yield event
            if verdict is not Verdict.OK:
                break
        if not token.is_cancelled():
            async for event in self.collect():
                yield event

    async def _store(self, answer: Answer) -> AsyncGenerator[BaseAgentEvent | Response, None]:
        """Store the files of an answer that holds no program; they reach the user as files do that a program makes."""
        if answer.files:
            await self._sandbox.store([(file.name, file.text) for file in answer.files])
            async for event in self.collect():
                yield event
        error = "the answer was cut off" if answer.cut else ""
        words = why_nothing_ran(answer)
        yield Response(chat_message=RunResult(source=self.name, content=words, verdict=NO_CODE, error=error, stored=bool(answer.files)))

    async def collect(self) -> AsyncGenerator[BaseAgentEvent, None]:
        """Yield the files that programs have made or changed since the last time, if there are any."""
        files = await self._sandbox.collect_files()
        if files or self._sandbox.left_out:
            yield FilesProduced(source=self.name, files=tuple(files), left_out=self._sandbox.left_out)

    async def _run_program(
        self, block: CodeBlock, number: int, total: int, token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent, None]:
        """Install what the program asks for, run it, and run it again where a package that it lacked could be installed."""
        prepared = Prepared(block.code)
        async for step in self._packages.before(block, token):
            if isinstance(step, Prepared):
                prepared = step
            else:
                yield step
        if prepared.instead is not None:
            yield self._finished(prepared.instead, number)
            return
        started = ProgramStarted(
            source=self.name,
            language=block.language,
            code=block.code,
            number=number,
            total=total,
            timeout=self._sandbox.limits.timeout,
            name=block.name,
            files=block.files,
            state=self._sandbox.state,
        )
        again = True
        while again:
            again = False
            async for event in self._run_once(started, block, prepared.code, token):
                yield event
                if isinstance(event, ProgramFinished):
                    async for repair in self._packages.after(event.run, token):
                        yield repair
                    again = self._packages.repaired

    async def _run_once(
        self, started: ProgramStarted, block: CodeBlock, code: str, token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent, None]:
        done = self._done.pop((block.language, block.code), None)
        if done is not None:  # in an earlier process, which ended before it could report
            self.whole_output = done.output
            yield started
            yield self._finished(keep_short(done), started.number)
            return
        await self._journal.started(started)
        yield started
        async for item in run_live(self.name, self._sandbox, replace(block, code=code), self._waits, token):
            if not isinstance(item, ProgramRun):
                yield item
                continue
            self.whole_output = item.output
            finished = self._finished(keep_short(replace(item, code=block.code)), started.number)
            await self._journal.finished(finished, item.output)
            yield finished

    def _finished(self, run: ProgramRun, number: int) -> ProgramFinished:
        return ProgramFinished(source=self.name, run=run, summary=tell_person(replace(run, notes=()), self._sandbox.limits), number=number)

    def _report(self, runs: Sequence[ProgramRun], total: int, notes: Sequence[str], made: bool) -> RunResult:
        good = (last := runs[-1]).verdict is Verdict.OK
        missing = missing_files(self._wish, self._sandbox.holds) if good else ()
        found: dict[str, Any] = {"exit_code": last.exit_code, "advice": last.advice, "missing": missing}
        found["elsewhere"] = tuple(path for name in missing for path in self._sandbox.found(name.rpartition("/")[2]))
        found["silent"] = good and not made and not any(run.plain_output.strip() for run in runs)
        if not good:
            found |= {"error": last.reason or last.last_words, "remedy": self._packages.remedy}
        left = [NOTHING_LEFT] if good and not missing and not found["silent"] else []
        # The output stands last, to the end of the message: nothing that a program prints can be taken for what we say after it.
        parts = [*left, *(f"[sandbox] {note}" for note in notes), *tell_runs(runs, total, self._sandbox.limits)]
        return RunResult(source=self.name, content="\n\n".join(parts), verdict=last.verdict.value, **found)


def create_code_executor(
    sandbox: Sandbox,
    answers: Answers | None = None,
    *,
    confirms: bool = False,
    any_package: bool = False,
    journal: Journal | None = None,
) -> SandboxCodeExecutorAgent:
    """Make the agent that runs code."""
    return SandboxCodeExecutorAgent(sandbox, answers, confirms=confirms, any_package=any_package, journal=journal)
