"""The conversation on the screen: the one place that turns events into lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
    Preparing,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    SentBack,
)
from cli.output.answer import AnswerView
from cli.output.changes import newest_changes, show_changes
from cli.output.closing import closing_lines
from cli.output.files import MOST_LINES, file_lines, left_out_lines, place
from cli.output.output import keep_output
from cli.output.packages import NETWORK_OFFER, show_result
from cli.output.program import ProgramView
from cli.output.screen import (
    BAD_STYLE,
    EXECUTOR_STYLE,
    GENERATOR_STYLE,
    GOOD_STYLE,
    NAME_STYLE,
    OTHER_STYLE,
    QUIET_STYLE,
    WARNING_STYLE,
    Screen,
)
from sandbox.verdicts import TRIED_NETWORK, Verdict
from teams.record import Record

_MOST_CHANGES = 40
_HUES = {code_generator_agent.NAME: GENERATOR_STYLE, code_executor_agent.NAME: EXECUTOR_STYLE}


class Transcript:
    """Shows the events of a session in order; the record must have taken each event before it is shown."""

    def __init__(
        self,
        screen: Screen,
        record: Record,
        *,
        quiet: bool = False,
        whole_output: Callable[[], str] = str,
        folder: Callable[[], Path] | None = None,
    ) -> None:
        """Take the screen, the session's record, and whether to leave out progress and notices.

        `whole_output` returns all that the newest program printed, of which the events hold only the beginning; `folder` returns where it
        is kept if the screen does not show all of it.
        """
        self._screen = screen
        self._quiet = quiet
        self._whole_output = whole_output
        self._folder = folder
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
            Preparing: lambda event: self._program.prepare(event.what),
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
        """Show how the task ended, and where its program is kept."""
        if self._record.approved:
            record = self._record
            self._screen.say("", *closing_lines(record.last_run, record.kept, stored=record.stored, made=record.made))
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
            attempt = f"attempt {event.attempt} of {event.attempts}"
            self._screen.say(Text(f"↻ Back to the model, {attempt}: {event.failure}", style=WARNING_STYLE))
        self._waiting_since = time.monotonic()

    def _show_start(self, event: ProgramStarted) -> None:
        self._waiting_since = 0.0
        self._show_changes()
        self._heading(code_executor_agent.NAME, f"{event.language} · limit {event.timeout} s" + _count(event))
        self._program.start(event.timeout)

    def _show_install(self, event: InstallStarted) -> None:
        self._waiting_since = 0.0
        if not self._quiet:
            self._heading(code_executor_agent.NAME, f"{event.why} · network open for packages only")
            self._screen.say(*(Text(f"  {command}", style=QUIET_STYLE) for command in event.commands))
        self._program.start(event.timeout)

    def _show_installed(self, event: PackagesInstalled) -> None:
        self._program.finish()
        if not self._quiet or event.verdict is not Verdict.OK or event.refused:
            show_result(self._screen, event)

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
        if changes and last_run.code != newest.code and not self._quiet:
            show_changes(self._screen, "Changes since the last attempt:", changes, _MOST_CHANGES)

    def _show_skipped(self, event: BlocksSkipped) -> None:
        self._screen.say(*(Text(f"  not run: the block at line {b.line}: {b.reason}", style=WARNING_STYLE) for b in event.blocks))

    def _show_piece(self, event: ModelClientStreamingChunkEvent) -> None:
        if not self._answer.began:
            self._start_answer(event.source)
        self._streamed = True
        self._answer.feed(event.content)

    def _show_message(self, message: TextMessage) -> None:
        if message.source in (user_proxy_agent.NAME, TASK_SOURCE, RECOVERY_SOURCE):
            return
        if not self._streamed:
            self._start_answer(message.source)
            self._answer.feed(message.content)
        self._answer.finish()
        self._streamed = False

    def _start_answer(self, name: str) -> None:
        self._waiting_since = 0.0
        self._heading(name)
        self._answer.start(_HUES.get(name, OTHER_STYLE))

    def _finish_program(self, event: ProgramFinished) -> None:
        run = event.run
        whole = "" if run.verdict is Verdict.NOT_RUN else self._whole_output() or run.output
        kept = self._program.finish(whole) and self._folder and keep_output(self._folder(), run, whole)
        if kept:
            self._screen.say(Text.assemble(("  all of the output → ", QUIET_STYLE), place(kept)))
        self._screen.say(verdict_line(event), *(Text(f"  note: {note}", style=WARNING_STYLE) for note in run.notes))
        if TRIED_NETWORK in run.notes and not self._network_offered and not self._quiet:
            self._network_offered = True
            self._screen.say(Text(NETWORK_OFFER, style=WARNING_STYLE))

    def _list_files(self, event: FilesProduced) -> None:
        self._program.finish()  # of a program that was stopped, nothing else says that it has ended
        self._screen.say(*file_lines(event.files, MOST_LINES), *left_out_lines(event.left_out))

    def _heading(self, name: str, detail: str = "") -> None:
        self._screen.show()
        self._screen.say(
            "", Text.assemble((name, f"{NAME_STYLE} {_HUES.get(name, OTHER_STYLE)}"), (f" · {detail}" if detail else "", QUIET_STYLE))
        )

    async def _tick(self) -> None:
        while True:
            if self._waiting_since and not self._quiet:
                seconds = time.monotonic() - self._waiting_since
                self._screen.show(Text(f"{code_generator_agent.NAME} … {seconds:.0f} s · Ctrl-C to stop", style=QUIET_STYLE))
            self._program.tick()
            self._answer.tick()
            await asyncio.sleep(0.25)


def verdict_line(event: ProgramFinished) -> Text:
    """Return how a program ended, in one line."""
    if event.run.verdict is not Verdict.OK:
        return Text(f"✘ {event.summary}", style=BAD_STYLE)
    if event.run.output.strip():
        return Text(f"✔ {event.summary}", style=GOOD_STYLE)
    return Text(f"✔ {event.summary.removesuffix('.')}, printed nothing.", style=WARNING_STYLE)


def _count(event: ProgramStarted) -> str:
    return f" · {event.number} of {event.total}" if event.total > 1 else ""
