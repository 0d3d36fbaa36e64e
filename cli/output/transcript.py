"""The conversation on the screen: the one place that turns AutoGen's messages into lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
    UserInputRequestedEvent,
)
from rich.text import Text

from agents import code_executor_agent, code_generator_agent, user_proxy_agent
from agents.code_executor_agent import BlocksSkipped, FilesProduced, ProgramFinished, ProgramOutput, ProgramStarted, RunProposed
from agents.package_steps import InstallStarted, PackagesInstalled, QuestionAhead
from cli.output.answer import AnswerView
from cli.output.files import MOST_LINES, file_lines, left_out_lines
from cli.output.packages import NETWORK_OFFER, result_lines
from cli.output.program import ProgramView
from cli.output.screen import BAD_STYLE, GOOD_STYLE, NAME_STYLE, QUIET_STYLE, Screen
from cli.programs import Programs
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict
from utils.code_blocks import CodeBlock
from utils.text import sanitize
from utils.words import APPROVE

_MOST_CHANGES = 40


class Transcript:
    """Shows every message and event of a run in order, and tells when it has shown all that comes before a question."""

    def __init__(self, screen: Screen, programs: Programs, *, quiet: bool = False) -> None:
        """Take the screen, where to keep what was run, and whether progress and notices are left out."""
        self.caught_up = asyncio.Event()
        """Set while everything up to a question to the person is on the screen."""
        self.proposed: Sequence[CodeBlock] = ()
        """The programs of the newest answer, from before they run."""
        self._screen = screen
        self._quiet = quiet
        self._programs = programs
        self._answer = AnswerView(screen)
        self._program = ProgramView(screen)
        self._clock: asyncio.Task[None] | None = None
        self._waiting_since = 0.0
        self._streamed = False
        self._result: TaskResult | None = None
        self._network_offered = False
        self._changes_shown: list[Text] = []  # at the gate, so that they are not shown again when the program starts
        self._shown_by: dict[type, Callable[[Any], None]] = {
            TaskResult: self._keep_result,
            ModelClientStreamingChunkEvent: self._show_piece,
            ProgramStarted: self._show_start,
            ProgramOutput: self._show_output,
            ProgramFinished: self._finish_program,
            FilesProduced: self._list_files,
            BlocksSkipped: self._show_skipped,
            UserInputRequestedEvent: self._show_question,
            RunProposed: self._show_question,
            QuestionAhead: self._show_question,
            InstallStarted: self._show_install,
            PackagesInstalled: self._show_installed,
            TextMessage: self._show_message,
        }

    @contextmanager
    def live(self, *, waits_for_model: bool) -> Iterator[None]:
        """Show a run while it goes on; whatever it stands in the middle of at the end is finished."""
        outer = self._clock
        if outer is None:
            self._clock = asyncio.ensure_future(self._tick())
        self.caught_up.clear()
        self._result = None
        self._waiting_since = time.monotonic() if waits_for_model else 0.0
        try:
            yield
        finally:
            self._waiting_since = 0.0
            if outer is None and self._clock is not None:
                self._clock.cancel()
            self._clock = outer
            self._answer.finish()
            self._program.finish()
            self._streamed = False
            self._screen.show()

    def question_answered(self, *, waits_for_model: bool = True) -> None:
        """Go on after the person has spoken."""
        self.caught_up.clear()
        self._waiting_since = time.monotonic() if waits_for_model else 0.0

    def notice(self, text: str) -> None:
        """Say in the middle of a run what is being waited for."""
        if self._quiet:
            return
        self._answer.finish()
        self._screen.show()
        self._screen.say(Text(text, style=QUIET_STYLE))

    def show_proposed(self, programs: Sequence[CodeBlock]) -> None:
        """Show what is new in a program before the person says whether it may run."""
        if len(programs) == 1:
            self._programs.started(programs[0].language, programs[0].code)
            self._show_changes()

    def show_ending(self) -> bool:
        """Show how the task ended; return whether the person approved."""
        word = self._result.stop_reason if self._result else None
        if word == APPROVE:
            self._screen.print("", *closing_lines(self._programs.last_run))
            return True
        said_by = self._result.messages[-1].source if self._result and self._result.messages else ""
        ending = "Stopped." if said_by == user_proxy_agent.NAME else f"{said_by} ended the task: nothing is left to run."
        self._screen.say("", Text(ending, style=QUIET_STYLE))
        return False

    def show(self, event: BaseAgentEvent | BaseChatMessage | TaskResult) -> None:
        """Show one message or event of the run."""
        show = self._shown_by.get(type(event))
        if show is not None:
            show(event)

    def _show_question(self, event: UserInputRequestedEvent | RunProposed | QuestionAhead) -> None:
        if isinstance(event, RunProposed):
            self.proposed = event.programs
        self._waiting_since = 0.0
        self._screen.show()
        self.caught_up.set()

    def _show_start(self, event: ProgramStarted) -> None:
        self._waiting_since = 0.0
        self.caught_up.clear()
        self._programs.started(event.language, event.code)
        self._show_changes()
        self._heading(code_executor_agent.NAME, f"{event.language} · limit {event.timeout} s" + _count(event))
        self._program.start(event.timeout)

    def _show_install(self, event: InstallStarted) -> None:
        self._waiting_since = 0.0
        self.caught_up.clear()
        self._heading(code_executor_agent.NAME, f"{event.why} · the network is open for pip alone")
        self._screen.print(*(Text(f"  {command}", style=QUIET_STYLE) for command in event.commands))
        self._program.start(event.timeout)

    def _show_installed(self, event: PackagesInstalled) -> None:
        self._program.finish()
        self.caught_up.clear()
        self._screen.say(*result_lines(event))

    def _show_output(self, event: ProgramOutput) -> None:
        self._program.feed(event.content)
        self._program.leave_out(event.more)

    def _show_changes(self) -> None:
        """Show from the second attempt on what is new in it."""
        if self._programs.last_run is None:
            return
        changes = self._programs.diff()
        if changes == self._changes_shown:
            return
        self._changes_shown = changes
        if not changes or self._programs.last_run.code == (self._programs.newest.code if self._programs.newest else ""):
            return
        told = "changes to the attempt before:"
        if len(changes) == 1:
            self._screen.print("", Text(f"{told} {changes[0].plain}", style=QUIET_STYLE))
            return
        self._screen.print("", Text(told, style=QUIET_STYLE), *changes[:_MOST_CHANGES])
        if len(changes) > _MOST_CHANGES:
            self._screen.print(Text(f"… {len(changes) - _MOST_CHANGES} lines more: /diff", style=QUIET_STYLE))

    def _show_skipped(self, event: BlocksSkipped) -> None:
        self._screen.say(*(Text(f"  not run: the block at line {b.line}: {b.reason}", style="yellow") for b in event.blocks))

    def _keep_result(self, result: TaskResult) -> None:
        self._result = result

    def _show_piece(self, event: ModelClientStreamingChunkEvent) -> None:
        if not self._answer.began:
            self._waiting_since = 0.0
            self._heading(event.source)
        self._streamed = True
        self._answer.feed(event.content)

    def _show_message(self, message: TextMessage) -> None:
        if message.source == user_proxy_agent.NAME:
            if "automatic" in message.metadata:
                attempt, attempts = message.metadata["attempt"], message.metadata["attempts"]
                if not self._quiet:
                    self._screen.say(Text(f"↻ {message.metadata['automatic']} – attempt {attempt} of {attempts}", style="yellow"))
                self._waiting_since = time.monotonic()
        elif message.source not in (user_proxy_agent.TASK_SOURCE, code_executor_agent.NAME):
            if not self._streamed:
                self._heading(message.source)
                self._answer.feed(message.content)
            self._answer.finish()
            self._streamed = False

    def _finish_program(self, event: ProgramFinished) -> None:
        self._program.finish()
        self._programs.last_run = event.run
        good = event.run.verdict is Verdict.OK
        self._screen.say(Text(f"{'✔' if good else '✘'} {event.summary}", style=GOOD_STYLE if good else BAD_STYLE))
        if TRIED_NETWORK in event.run.notes and not self._network_offered:
            self._network_offered = True
            self._screen.say(Text(NETWORK_OFFER, style="yellow"))

    def _list_files(self, event: FilesProduced) -> None:
        for file in event.files:
            self._programs.files[file.name] = file
        self._screen.print(*file_lines(event.files, MOST_LINES), *left_out_lines(event.left_out))

    def _heading(self, name: str, detail: str = "") -> None:
        self._screen.show()
        self._screen.say("", Text.assemble((name, NAME_STYLE), (f" · {detail}" if detail else "", QUIET_STYLE)))

    async def _tick(self) -> None:
        while True:
            if self._waiting_since:
                seconds = time.monotonic() - self._waiting_since
                self._screen.show(Text(f"{code_generator_agent.NAME} … {seconds:.0f} s · Ctrl-C stops", style=QUIET_STYLE))
            self._program.tick()
            self._answer.tick()
            await asyncio.sleep(0.25)


def closing_lines(run: ProgramRun | None) -> list[Text]:
    """Return the four lines that end an approved task; a line that is not true is marked and says so."""
    if run is None:
        return [
            Text(f"✘ No code was generated by {code_generator_agent.NAME}", style=BAD_STYLE),
            Text("✘ No code was executed", style=BAD_STYLE),
            Text("✘ Output: none", style=BAD_STYLE),
            Text("✔ User approves result", style=GOOD_STYLE),
        ]
    executed = "✔ Code executed in Docker"
    style = GOOD_STYLE
    if run.verdict is Verdict.NOT_RUN:
        executed, style = f"✘ Code was not executed: {sanitize(run.reason)}", BAD_STYLE
    elif run.verdict is not Verdict.OK:
        executed, style = f"✘ Code executed in Docker, and failed ({run.verdict.value})", BAD_STYLE
    return [
        Text(f"✔ Code generated by {code_generator_agent.NAME}", style=GOOD_STYLE),
        Text(executed, style=style),
        _last_output(run),
        Text("✔ User approves result", style=GOOD_STYLE),
    ]


def _last_output(run: ProgramRun) -> Text:
    if run.verdict is Verdict.NOT_RUN:
        return Text("✘ Output: none", style=BAD_STYLE)
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    count = len(lines) if run.lines is None else run.lines
    output = lines[-1] if lines else "(none)"
    return Text(f"✔ Output: {sanitize(output)}" + (f" (last of {count} lines)" if count > 1 else ""), style=GOOD_STYLE)


def _count(event: ProgramStarted) -> str:
    return f" · {event.number} of {event.total}" if event.total > 1 else ""
