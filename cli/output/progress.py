"""Progress of a task that nobody attends, one line an event on standard error; and the same events as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import singledispatchmethod
from typing import Any, TextIO

from autogen_agentchat.messages import TextMessage

from agents.code_generator_agent import NAME as GENERATOR
from agents.events import (
    BlocksSkipped,
    Event,
    FilesProduced,
    InstallStarted,
    Notice,
    PackagesInstalled,
    Preparing,
    ProgramFinished,
    ProgramStarted,
    SentBack,
    TaskEnded,
)
from sandbox.verdicts import Verdict
from teams.outcome import error_json
from utils.text import sanitize


class Progress:
    """Writes what happens, in a line or a few for each event."""

    def __init__(self, stream: TextIO) -> None:
        """Take the stream to write to."""
        self._stream = stream

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(f"{sanitize(text)}\n")
        self._stream.flush()

    def show(self, event: Event) -> None:
        """Write what an event means for somebody who waits."""
        self._show(event)

    @singledispatchmethod
    def _show(self, event: object) -> None:
        """Write nothing for an event that only a transcript needs."""

    @_show.register
    def _(self, event: TextMessage) -> None:
        if event.source == GENERATOR:
            self.say(f"{GENERATOR} has answered ({len(event.content):,} characters).")

    @_show.register
    def _(self, event: BlocksSkipped) -> None:
        for block in event.blocks:
            self.say(f"  not run: the block at line {block.line}: {block.reason}")

    @_show.register
    def _(self, event: ProgramStarted) -> None:
        count = f" {event.number} of {event.total}" if event.total > 1 else ""
        self.say(f"Running the program{count} ({event.language}, limit {event.timeout} s) …")

    @_show.register
    def _(self, event: Preparing) -> None:
        if event.what:
            self.say(f"Preparing {event.what} …")

    @_show.register
    def _(self, event: ProgramFinished) -> None:
        self.say(f"{'✔' if event.run.verdict is Verdict.OK else '✘'} {event.summary}")
        for note in event.run.notes:
            self.say(f"  note: {note}")

    @_show.register
    def _(self, event: InstallStarted) -> None:
        for command in event.commands:
            self.say(f"Installing packages: {command}")

    @_show.register
    def _(self, event: PackagesInstalled) -> None:
        self.say(event.to_text())

    @_show.register
    def _(self, event: FilesProduced) -> None:
        for file in event.files[:20]:
            self.say(f"  file: {file.path}")

    @_show.register
    def _(self, event: SentBack) -> None:
        self.say(f"↻ Back to the model, attempt {event.attempt} of {event.attempts}: {event.failure}")

    @_show.register
    def _(self, event: Notice) -> None:
        self.say(event.content)


def event_json(event: Event) -> str:
    """Return an event as one line of JSON, with its type."""
    if isinstance(event, TaskEnded):
        fields: dict[str, Any] = {"type": "TaskEnded", **asdict(event), "error": error_json(event.error)}
        return json.dumps(fields, ensure_ascii=False)
    fields = event.model_dump(mode="json", exclude={"metadata", "models_usage"})
    return json.dumps({"type": type(event).__name__, **fields}, ensure_ascii=False)
