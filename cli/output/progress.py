"""Progress of a task that nobody attends, one line an event on standard error; and the same events as lines of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import singledispatch
from typing import Any

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
from cli.streams import tell
from sandbox.verdicts import Verdict
from teams.outcome import error_json


@singledispatch
def show_progress(event: object) -> None:
    """Write a line or a few about what an event means for somebody who waits; nothing for one that only a transcript needs."""


@show_progress.register
def _(event: TextMessage) -> None:
    if event.source == GENERATOR:
        tell(f"{GENERATOR} has answered ({len(event.content):,} characters).")


@show_progress.register
def _(event: BlocksSkipped) -> None:
    for block in event.blocks:
        tell(f"  not run: the block at line {block.line}: {block.reason}")


@show_progress.register
def _(event: ProgramStarted) -> None:
    count = f" {event.number} of {event.total}" if event.total > 1 else ""
    tell(f"Running the program{count} ({event.language}, limit {event.timeout} s) …")


@show_progress.register
def _(event: Preparing) -> None:
    if event.what:
        tell(f"Preparing {event.what} …")


@show_progress.register
def _(event: ProgramFinished) -> None:
    tell(f"{'✔' if event.run.verdict is Verdict.OK else '✘'} {event.summary}")
    for note in event.run.notes:
        tell(f"  note: {note}")


@show_progress.register
def _(event: InstallStarted) -> None:
    for command in event.commands:
        tell(f"Installing packages: {command}")


@show_progress.register
def _(event: PackagesInstalled) -> None:
    tell(event.to_text())


@show_progress.register
def _(event: FilesProduced) -> None:
    for file in event.files[:20]:
        tell(f"  file: {file.path}")


@show_progress.register
def _(event: SentBack) -> None:
    tell(f"↻ Back to the model, attempt {event.attempt} of {event.attempts}: {event.failure}")


@show_progress.register
def _(event: Notice) -> None:
    tell(event.content)


def event_json(event: Event) -> str:
    """Return an event as one line of JSON, with its type."""
    if isinstance(event, TaskEnded):
        fields: dict[str, Any] = {"type": "TaskEnded", **asdict(event), "error": error_json(event.error)}
        return json.dumps(fields, ensure_ascii=False)
    fields = event.model_dump(mode="json", exclude={"metadata", "models_usage"})
    return json.dumps({"type": type(event).__name__, **fields}, ensure_ascii=False)
