"""Sessions as lines: how old, how they ended, what they cost, and what they were about."""

from __future__ import annotations

import time
from collections.abc import Sequence

from history.search import Found

_SIGNS = {"approved": "✔", "stopped": "■", "open": "…", "interrupted": "■"}
_NUMBERS = (1, 3, 4)  # columns that are aligned to the right
_TASK = 60  # characters of a task
_SPANS = (("y", 365 * 86400), ("mo", 30 * 86400), ("w", 7 * 86400), ("d", 86400), ("h", 3600), ("min", 60))


def session_lines(found: Sequence[Found], now: float | None = None) -> list[str]:
    """Return a line for each session, and one below it for the words that were found in it."""
    now = time.time() if now is None else now
    rows = [_row(each, now) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] if rows else []
    lines = []
    for row, each in zip(rows, found, strict=True):
        aligned = zip(row, widths, strict=False)
        cells = [f"{cell:{'>' if column in _NUMBERS else '<'}{width}}" for column, (cell, width) in enumerate(aligned)]
        lines.append("  ".join([*cells, row[-1]]).rstrip())
        if each.snippet:
            lines.append(f"{' ' * (widths[0] + 2)}{each.snippet}")
    return lines


def _row(found: Found, now: float) -> list[str]:
    info = found.info
    programs = f"{info.attempts} program{'' if info.attempts == 1 else 's'}"
    spent = f"${info.cost:.4f}" if info.cost is not None else f"{info.prompt_tokens + info.completion_tokens:,} tokens"
    task = " ".join(info.task.split())
    task = task if len(task) <= _TASK else f"{task[: _TASK - 1]}…"
    about = f"{info.name}: {task}" if info.name else task
    return [info.id, age(now - info.updated), f"{_SIGNS.get(info.status, '✘')} {info.status}", programs, spent, about]


def age(seconds: float) -> str:
    """Write how long ago something was, in one unit."""
    for unit, length in _SPANS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "just now"
