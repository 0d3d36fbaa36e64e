"""The conversation on the screen: the one place that turns events into lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from rich.text import Text

from agents import code_executor_agent, code_generator_agent, user_proxy_agent
from agents.events import (
    RECOVERY_SOURCE,
    TASK_SOURCE,
    BlocksSkipped,
    Event,
    FilesProduced,
    InstallStarted,
    Notice,
    PackagesInstalled,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    SentBack,
)
from cli.output.answer import AnswerView
from cli.output.changes import newest_changes
from cli.output.files import MOST_LINES, file_lines, left_out_lines
from cli.output.packages import NETWORK_OFFER, result_lines
from cli.output.program import ProgramView
from cli.output.screen import BAD_STYLE, GOOD_STYLE, NAME_STYLE, QUIET_STYLE, Screen
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict
from teams.record import Record
from utils.text import sanitize

_MOST_CHANGES = 40


class Transcript:
    """Shows the events of a session in order; the record must have taken each event before it is shown."""

    def __init__(self, screen: Screen, record: Record, *, quiet: bool = False) -> None:
        """Take the screen, the session's record, and whether to leave out progress and notices."""
        self._screen = screen
        self._quiet = quiet
        self._record = record
        self._answer = AnswerView(screen)
        self._program = ProgramView(screen)
        self._clock: asyncio.Task[None] | None = None
        self._waiting_since = 0.0
        self._streamed = False
        self._network_offered = False
        self._changes_shown: list[Text] = []  # at the gate, so as not to show them again when the program starts
        self._shown_by: dict[type, Callable[[Any], None]] = {
            ModelClientStreamingChunkEvent: self._show_piece,
            ProgramStarted: self._show_start,
            ProgramOutput: self._show_output,
            ProgramFinished: self._finish_program,
            FilesProduced: self._list_files,
            BlocksSkipped: self._show_skipped,
            Question: self._stop_waiting,
            Notice: self._show_notice,
            SentBack: self._show_sent_back,
            InstallStarted: self._show_install,
            PackagesInstalled: self._show_installed,
            TextMessage: self._show_message,
        }

    @contextmanager
    def live(self, *, waits_for_model: bool) -> Iterator[None]:
        """Keep the clock running while events are shown; at the end, finish whatever is half shown."""
        outer = self._clock
        if outer is None:
            self._clock = asyncio.ensure_future(self._tick())
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
        """Go on after the user has answered."""
        self._waiting_since = time.monotonic() if waits_for_model else 0.0

    def show_ending(self) -> None:
        """Show how the task ended."""
        if self._record.approved:
            self._screen.print("", *closing_lines(self._record.last_run))
            if self._record.kept is not None:
                self._screen.print(Text(f"  saved in {sanitize(str(self._record.kept))}", style=QUIET_STYLE))
            return
        by = self._record.ended.by if self._record.ended else ""
        ending = "Stopped." if by == user_proxy_agent.NAME else f"{by} ended the task: there is nothing left to run."
        self._screen.say("", Text(ending, style=QUIET_STYLE))

    def show(self, event: Event) -> None:
        """Show one event."""
        show = self._shown_by.get(type(event))
        if show is not None:
            show(event)

    def _stop_waiting(self, event: Question) -> None:
        self._waiting_since = 0.0
        self._screen.show()
        if event.kind == "run" and len(event.programs) == 1:
            self._show_changes()

    def _show_notice(self, event: Notice) -> None:
        if self._quiet:
            return
        self._answer.finish()
        self._screen.show()
        self._screen.say(Text(event.content, style=QUIET_STYLE))

    def _show_sent_back(self, event: SentBack) -> None:
        if not self._quiet:
            self._screen.say(Text(f"↻ {event.failure} – attempt {event.attempt} of {event.attempts}", style="yellow"))
        self._waiting_since = time.monotonic()

    def _show_start(self, event: ProgramStarted) -> None:
        self._waiting_since = 0.0
        self._show_changes()
        self._heading(code_executor_agent.NAME, f"{event.language} · limit {event.timeout} s" + _count(event))
        self._program.start(event.timeout)

    def _show_install(self, event: InstallStarted) -> None:
        self._waiting_since = 0.0
        self._heading(code_executor_agent.NAME, f"{event.why} · network open for pip only")
        self._screen.print(*(Text(f"  {command}", style=QUIET_STYLE) for command in event.commands))
        self._program.start(event.timeout)

    def _show_installed(self, event: PackagesInstalled) -> None:
        self._program.finish()
        self._screen.say(*result_lines(event))

    def _show_output(self, event: ProgramOutput) -> None:
        self._program.feed(event.content)
        self._program.leave_out(event.more)

    def _show_changes(self) -> None:
        """Show what has changed, from the second attempt on."""
        last_run, newest = self._record.last_run, self._record.newest
        if last_run is None or newest is None:
            return
        changes = newest_changes(self._record)
        if changes == self._changes_shown:
            return
        self._changes_shown = changes
        if not changes or last_run.code == newest.code:
            return
        heading = "Changes since the last attempt:"
        if len(changes) == 1:
            self._screen.print("", Text(f"{heading} {changes[0].plain}", style=QUIET_STYLE))
            return
        self._screen.print("", Text(heading, style=QUIET_STYLE), *changes[:_MOST_CHANGES])
        if len(changes) > _MOST_CHANGES:
            self._screen.print(Text(f"… {len(changes) - _MOST_CHANGES} more lines: /diff", style=QUIET_STYLE))

    def _show_skipped(self, event: BlocksSkipped) -> None:
        self._screen.say(*(Text(f"  not run: the block at line {b.line}: {b.reason}", style="yellow") for b in event.blocks))

    def _show_piece(self, event: ModelClientStreamingChunkEvent) -> None:
        if not self._answer.began:
            self._waiting_since = 0.0
            self._heading(event.source)
        self._streamed = True
        self._answer.feed(event.content)

    def _show_message(self, message: TextMessage) -> None:
        if message.source in (user_proxy_agent.NAME, TASK_SOURCE, RECOVERY_SOURCE):
            return
        if not self._streamed:
            self._heading(message.source)
            self._answer.feed(message.content)
        self._answer.finish()
        self._streamed = False

    def _finish_program(self, event: ProgramFinished) -> None:
        self._program.finish()
        good = event.run.verdict is Verdict.OK
        self._screen.say(Text(f"{'✔' if good else '✘'} {event.summary}", style=GOOD_STYLE if good else BAD_STYLE))
        if TRIED_NETWORK in event.run.notes and not self._network_offered:
            self._network_offered = True
            self._screen.say(Text(NETWORK_OFFER, style="yellow"))

    def _list_files(self, event: FilesProduced) -> None:
        self._screen.print(*file_lines(event.files, MOST_LINES), *left_out_lines(event.left_out))

    def _heading(self, name: str, detail: str = "") -> None:
        self._screen.show()
        self._screen.say("", Text.assemble((name, NAME_STYLE), (f" · {detail}" if detail else "", QUIET_STYLE)))

    async def _tick(self) -> None:
        while True:
            if self._waiting_since:
                seconds = time.monotonic() - self._waiting_since
                self._screen.show(Text(f"{code_generator_agent.NAME} … {seconds:.0f} s · Ctrl-C to stop", style=QUIET_STYLE))
            self._program.tick()
            self._answer.tick()
            await asyncio.sleep(0.25)


def closing_lines(run: ProgramRun | None) -> list[Text]:
    """Return the four lines that end an approved task; one that is not true is marked as such and says so."""
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
