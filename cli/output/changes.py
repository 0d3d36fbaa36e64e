"""The changes from one program to the next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.screen import QUIET_STYLE, Screen
from utils.text import diff_lines, sanitize

if TYPE_CHECKING:
    from teams.record import Record

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def newest_changes(record: Record | None) -> list[Text]:
    """Return the changes from the program before to the newest, as coloured lines of a unified diff; empty if there are none."""
    if record is None or record.newest is None or record.before is None or record.newest.language != record.before.language:
        return []
    return changes(record.before.code, record.newest.code)


def changes(before: str, after: str) -> list[Text]:
    """Return the changes from one program to another, as coloured lines of a unified diff; empty if there are none."""
    if before == after:
        return []
    if not _statements(before) & _statements(after):
        return [Text("every line is new", style=QUIET_STYLE)]
    return [Text(sanitize(line), style=_STYLES.get(line[:1], QUIET_STYLE)) for line in diff_lines(before, after)]


def show_changes(screen: Screen, heading: str, lines: Sequence[Text], most: int = sys.maxsize) -> None:
    """Show at most `most` lines of changes below a heading."""
    if len(lines) == 1:
        screen.say("", Text(f"{heading} {lines[0].plain}", style=QUIET_STYLE))
        return
    screen.say("", Text(heading, style=QUIET_STYLE))
    for line in lines[:most]:
        # The sign is repeated before each row, so that no row of a program can pass for something else.
        screen.bar(line[:1], line[1:])
    if len(lines) > most:
        screen.say(Text(f"… {len(lines) - most} more lines: /diff", style=QUIET_STYLE))


def _statements(code: str) -> set[str]:
    return {line for line in code.splitlines() if line.strip()}
