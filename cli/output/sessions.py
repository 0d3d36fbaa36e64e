"""Sessions as lines: how old, how they ended, what they cost, and what they were about."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence

from cli.output.wrapping import columns, fitting
from history.resuming import short_id
from history.search import Found
from utils.text import counted, one_line

_SIGNS = {"approved": "✔", "stopped": "■", "open": "…", "interrupted": "■"}
_NUMBERS = (1, 3, 4)  # columns that are aligned to the right
_TASK = 60  # characters of a task
_SPANS = (("y", 365 * 86400), ("mo", 30 * 86400), ("w", 7 * 86400), ("d", 86400), ("h", 3600), ("min", 60))


def terminal_width() -> int | None:
    """Return how many columns a line on standard output may take; None if it is no terminal."""
    return shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else None


def session_lines(found: Sequence[Found], now: float | None = None, width: int | None = None) -> list[str]:
    """Return a line for each session, and one below it for the words that were found in it.

    With a width in columns, no line is longer, and the ID has the short form that `resume` takes, to make room for the task.
    """
    now = time.time() if now is None else now
    rows = [_row(each, now, short=width is not None) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    lines = []
    for row, each in zip(rows, found, strict=True):
        aligned = zip(row, widths, strict=False)
        cells = [f"{cell:{'>' if column in _NUMBERS else '<'}{width}}" for column, (cell, width) in enumerate(aligned)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
        if each.snippet and each.snippet.strip("…") not in " ".join(each.info.task.split()):
            lines.append(f"{' ' * (widths[0] + 2)}{each.snippet}")
    return lines if width is None else [fitted(line, width) for line in lines]


def nothing_found(words: Sequence[str]) -> str:
    """Say that no session holds the words, or that there is none at all."""
    return f"No session contains {' and '.join(words)}." if words else "There are no sessions yet."


def fitted(line: str, width: int) -> str:
    """Return the line, cut to so many columns if it is longer."""
    return line if columns(line) <= width else f"{line[: fitting(line, width)]}…"


def _row(found: Found, now: float, *, short: bool) -> list[str]:
    info = found.info
    programs = [] if short else [counted(info.attempts, "program")]
    spent = f"${info.cost:.4f}" if info.cost is not None else f"{info.prompt_tokens + info.completion_tokens:,} tokens"
    task = one_line(info.task, sys.maxsize if short else _TASK)
    about = f"{info.name}: {task}" if info.name else task
    return [
        short_id(info.id) if short else info.id,
        age(now - info.updated),
        f"{_SIGNS.get(info.status, '✘')} {info.status}",
        *programs,
        spent,
        about,
    ]


def age(seconds: float) -> str:
    """Write how long ago something was, in one unit."""
    for unit, length in _SPANS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
