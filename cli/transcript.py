"""The conversation on the screen: the one place that turns AutoGen's messages into lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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
from agents.code_executor_agent import BlocksSkipped, FilesProduced, ProgramFinished, ProgramOutput, ProgramStarted
from cli.answer_view import AnswerView
from cli.program_view import ProgramView
from cli.screen import BAD_STYLE, GOOD_STYLE, NAME_STYLE, QUIET_STYLE, Screen
from sandbox.verdicts import ProgramRun, Verdict
from utils.text import sanitize
from utils.words import APPROVE


class Transcript:
    """Shows every message and event of a run in order, and tells when it has shown all that comes before a question."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen."""
        self.caught_up = asyncio.Event()
        """Set while everything up to a question to the person is on the screen."""
        self.last_run: ProgramRun | None = None
        self._screen = screen
        self._answer = AnswerView(screen)
        self._program = ProgramView(screen)
        self._clock: asyncio.Task[None] | None = None
        self._waiting_since = 0.0
        self._streamed = False
        self._result: TaskResult | None = None
        self._shown_by: dict[type, Callable[[Any], None]] = {
            TaskResult: self._keep_result,
            ModelClientStreamingChunkEvent: self._show_piece,
            ProgramStarted: self._show_start,
            ProgramOutput: self._show_output,
            ProgramFinished: self._finish_program,
            FilesProduced: self._list_files,
            BlocksSkipped: self._show_skipped,
            UserInputRequestedEvent: self._show_question,
            TextMessage: self._show_message,
        }

    def begin(self) -> None:
        """Start showing a run: the model is asked first."""
        self.caught_up.clear()
        self._result = None
        self.last_run = None
        self._wait_for_model()
        self._clock = asyncio.ensure_future(self._tick())

    def end(self) -> None:
        """Stop showing a run, whatever it stands in the middle of."""
        self._waiting_since = 0.0
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._answer.finish()
        self._program.finish()
        self._streamed = False
        self._screen.show()

    def question_answered(self) -> None:
        """The person has spoken: what is shown next is the model's answer."""
        self.caught_up.clear()
        self._wait_for_model()

    def show_ending(self) -> bool:
        """Show how the task ended; return whether the person approved."""
        word = self._result.stop_reason if self._result else None
        if word == APPROVE:
            self._screen.print("", *closing_lines(self.last_run))
            return True
        said_by = self._result.messages[-1].source if self._result and self._result.messages else ""
        ending = "Stopped." if said_by == user_proxy_agent.NAME else f"{said_by} ended the task: nothing is left to run."
        self._screen.print("", Text(ending, style=QUIET_STYLE))
        return False

    def show(self, event: BaseAgentEvent | BaseChatMessage | TaskResult) -> None:
        """Show one message or event of the run."""
        show = self._shown_by.get(type(event))
        if show is not None:
            show(event)

    def _show_question(self, event: UserInputRequestedEvent) -> None:
        self._waiting_since = 0.0
        self._screen.show()
        self.caught_up.set()

    def _show_start(self, event: ProgramStarted) -> None:
        self._waiting_since = 0.0
        self._heading(code_executor_agent.NAME, f"{event.language} · limit {event.timeout} s" + _count(event))
        self._program.start(event.timeout)

    def _show_output(self, event: ProgramOutput) -> None:
        self._program.feed(event.content)

    def _show_skipped(self, event: BlocksSkipped) -> None:
        self._screen.print(*(Text(f"  not run: the block at line {b.line}: {sanitize(b.reason)}", style="yellow") for b in event.blocks))

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
                self._screen.print(Text(f"↻ {message.metadata['automatic']} – attempt {attempt} of {attempts}", style="yellow"))
                self._wait_for_model()
        elif message.source == code_executor_agent.NAME:
            if message.metadata.get("verdict") == code_executor_agent.NO_CODE and "cut off" in message.content:
                self._screen.print(Text("  nothing was run: the answer was cut off", style="yellow"))
        elif message.source not in ("user",):
            if not self._streamed:
                self._heading(message.source)
                self._answer.feed(message.content)
            self._answer.finish()
            self._streamed = False

    def _finish_program(self, event: ProgramFinished) -> None:
        self._program.finish()
        self.last_run = event.run
        good = event.run.verdict is Verdict.OK
        self._screen.print(Text(f"{'✔' if good else '✘'} {event.summary}", style=GOOD_STYLE if good else BAD_STYLE))

    def _list_files(self, event: FilesProduced) -> None:
        for file in event.files:
            self._screen.print(
                Text(f"  {'new' if file.new else 'changed'}: {file.name} ({_size(file.size)}) → {file.path}", style=QUIET_STYLE)
            )

    def _heading(self, name: str, detail: str = "") -> None:
        self._screen.show()
        self._screen.print("", Text.assemble((name, NAME_STYLE), (f" · {detail}" if detail else "", QUIET_STYLE)))

    def _wait_for_model(self) -> None:
        self._waiting_since = time.monotonic()

    async def _tick(self) -> None:
        while True:
            if self._waiting_since:
                seconds = time.monotonic() - self._waiting_since
                self._screen.show(Text(f"{code_generator_agent.NAME} … {seconds:.0f} s · Ctrl-C stops", style=QUIET_STYLE))
            self._program.tick()
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
    lines = [line.strip() for line in run.output.splitlines() if line.strip()]
    output = lines[-1] if lines else "(none)"
    executed = "✔ Code executed in Docker"
    style = GOOD_STYLE
    if run.verdict is not Verdict.OK:
        executed, style = f"✘ Code executed in Docker, and failed ({run.verdict.value})", BAD_STYLE
    return [
        Text(f"✔ Code generated by {code_generator_agent.NAME}", style=GOOD_STYLE),
        Text(executed, style=style),
        Text(f"✔ Output: {sanitize(output)}" + (f" (last of {len(lines)} lines)" if len(lines) > 1 else ""), style=GOOD_STYLE),
        Text("✔ User approves result", style=GOOD_STYLE),
    ]


def _count(event: ProgramStarted) -> str:
    return f" · {event.number} of {event.total}" if event.total > 1 else ""


def _size(size: int) -> str:
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:.1f} GB"
