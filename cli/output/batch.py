"""How a batch goes, on standard error: a table that moves in a terminal, a line for each task elsewhere, and the sum at the end."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.output.screen import BAD_STYLE, GOOD_STYLE, QUIET_STYLE
from cli.streams import tell
from teams.batch.loop import State, Summary
from teams.batch.tasks import BatchTask
from utils.platform import takes_control_codes
from utils.settings import Settings
from utils.text import counted, duration, one_line, sanitize

_LONGEST_NAME = 40  # characters
_MOST_ROWS = 20  # tasks that are under way
_REFRESHES = 4  # a second


@dataclass
class Row:
    """A task that is under way."""

    name: str
    began: float = field(default_factory=time.monotonic)
    state: State = field(default_factory=lambda: State("starting"))


class Lines:
    """A line for each task that has ended."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        """Take how many tasks there are, and whether to write nothing at all."""
        self.total = total
        self.ended_count = 0
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Write a sentence."""
        if not self._quiet:
            tell(text)

    def started(self, task: BatchTask) -> None:
        """Write nothing yet."""

    def changed(self, task: BatchTask, state: State) -> None:
        """Write nothing yet."""

    def ended(self, task: BatchTask, result: Mapping[str, Any]) -> None:
        """Write the line."""
        self.ended_count += 1
        self.say(result_line(task, result, f"{self.ended_count}/{self.total}"))


class LiveTable:
    """A table of the tasks that are under way, below a line for each that has ended."""

    def __init__(self, total: int, console: Console) -> None:
        """Take how many tasks there are and the terminal."""
        self.total = total
        self.ended_count = 0
        self.console = console
        self._rows: dict[str, Row] = {}
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """Print a sentence above the table."""
        self.console.print(Text(sanitize(text)))

    def started(self, task: BatchTask) -> None:
        """Add a row."""
        self._rows[task.key] = Row(name_of(task))

    def changed(self, task: BatchTask, state: State) -> None:
        """Change the row."""
        self._rows[task.key].state = state

    def ended(self, task: BatchTask, result: Mapping[str, Any]) -> None:
        """Print the task's line above the table, in place of its row."""
        self._rows.pop(task.key, None)
        self.ended_count += 1
        style = GOOD_STYLE if result["status"] == "approved" else BAD_STYLE
        self.console.print(Text(result_line(task, result, f"{self.ended_count}/{self.total}"), style=style), soft_wrap=True)

    def render(self) -> Group:
        """Return the table as it is now, and the line below it."""
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=QUIET_STYLE)
        for name, justify in (("task", "left"), ("state", "left"), ("attempts", "right"), ("seconds", "right"), ("tokens", "right")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        now = time.monotonic()
        rows = list(self._rows.values())
        for row in rows[:_MOST_ROWS]:
            state = row.state
            table.add_row(Text(row.name), state.doing, str(state.attempts), f"{now - row.began:.0f}", f"{state.tokens:,}")
        more = f" and {len(rows) - _MOST_ROWS} more" if len(rows) > _MOST_ROWS else ""
        return Group(table, Text(f"{self.progress(now)}{more}", style=QUIET_STYLE))

    def progress(self, now: float) -> str:
        """Say how far it is, how fast it goes, and how long it will take at that rate."""
        passed = now - self._began
        told = f"{self.ended_count} of {self.total}"
        if not self.ended_count or passed <= 0:
            return told
        rate = self.ended_count / passed
        shown = f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"
        return f"{told} · {shown} · about {duration((self.total - self.ended_count) / rate)} left"


Display = Lines | LiveTable
"""What shows a batch."""


@contextmanager
def open_display(total: int, settings: Settings, *, results_here: bool) -> Iterator[Display]:
    """Show a batch of so many tasks in the way that fits; `results_here` says that results go to the same terminal."""
    plain = settings.no_color or bool(os.environ.get("NO_COLOR")) or not takes_control_codes(sys.stderr)
    if settings.quiet or plain or results_here:
        yield Lines(total, quiet=settings.quiet)
        return
    table = LiveTable(total, Console(stderr=True, highlight=False, emoji=False, markup=False))
    with Live(console=table.console, get_renderable=table.render, refresh_per_second=_REFRESHES, transient=True):
        yield table


def name_of(task: BatchTask) -> str:
    """Return what to call a task on the screen: its id, or else its first words."""
    name = task.key if task.key != str(task.line) else f"{task.key} {task.task}"
    return one_line(sanitize(name), _LONGEST_NAME)


def result_line(task: BatchTask, result: Mapping[str, Any], number: str) -> str:
    """Say in one line how a task ended."""
    usage = result.get("usage") or {}
    tokens = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
    tried = counted(len(result.get("attempts") or ()), "attempt")
    error = result.get("error") or {}
    reason = f" · {sanitize(str(error['message'])).splitlines()[0]}" if error.get("message") else ""
    mark = "✔" if result["status"] == "approved" else "✘"
    return f"{mark} {number} {name_of(task)} · {result['status']} · {tried} · {duration(result['seconds'])} · {tokens:,} tokens{reason}"


def summary_lines(summary: Summary, seconds: float, before: Counter[str], left: int) -> list[str]:
    """Sum a batch up: how tasks ended, errors by kind, what it used, what was done before, and what is left."""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(summary.statuses.items())) or "nothing was done"
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(summary.errors.items()))
    cost = f" · cost {summary.cost:.4f}" if summary.cost is not None else ""
    used = f"{summary.prompt_tokens + summary.completion_tokens:,} tokens{cost} · {duration(seconds)}"
    lines = [f"{counts}{f' (errors: {kinds})' if kinds else ''} · {used}"]
    if before:
        lines.append(f"done before: {', '.join(f'{count} {status}' for status, count in sorted(before.items()))}")
    if left:
        stopped = f"; stopped, because {summary.stopped}" if summary.stopped else ""
        lines.append(f"not done: {left}{stopped}; with --output and --resume, the same command goes on")
    return lines
