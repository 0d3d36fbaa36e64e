"""Wrapping: where a sentence breaks into rows, and how many columns a text takes at most."""

from __future__ import annotations

import re

from rich.cells import get_character_cell_size
from rich.text import Text

# What the following rows align with: the text after a list's mark, or after a slash command in a table of them.
_INDENT = re.compile(r" *(?:(?:[-*+•→↻✔✘]|\d{1,3}[.)]|/[a-z]+(?: [A-Z[]\S*)? ) +)?")
# Some terminals join these to the character before, others show each in columns of its own.
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)
_EMOJI_STYLE = "\ufe0f"


def columns(text: str) -> int:
    """Return how many columns the text takes at most: terminals differ in which emoji they join into one."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if character == _EMOJI_STYLE:
        return 1
    if ord(character) in _FLAG_LETTERS or ord(character) in _SKIN_TONES:
        return 2
    return get_character_cell_size(character)


def hanging_indent(line: str) -> int:
    """Return how many columns the following rows of a line are indented: as far as the text after a list's mark."""
    match = _INDENT.match(line)
    return columns(match[0]) if match else 0


class BreakSearch:
    """Finds the end of the first row in a growing text without looking at any character twice."""

    def __init__(self, room: int) -> None:
        """Take the number of columns in a row."""
        self.room = room
        self._seen = 0  # characters
        self._used = self._solid = self._best = 0

    def end(self, text: str) -> int:
        """Return where the first row of the text ends; the text must begin with the one given before."""
        for number in range(self._seen, len(text)):
            character = text[number]
            if self._solid and _may_break(text[number - 1], character) and (self._solid <= self.room or not self._best):
                self._best = number
            self._used += _columns(character)
            if character != " ":
                self._solid = self._used
            self._seen = number + 1
            if self._solid > self.room and self._best:
                return self._best
        return len(text)


def break_at(text: str, room: int) -> int:
    """Return where the first row ends: before the last word that begins within the room, or len(text) if nothing has to break.

    A word that is longer than the room (an address, say) is never broken; wide characters need no space between them.
    """
    return BreakSearch(room).end(text)


def _may_break(before: str, after: str) -> bool:
    if before == " ":
        return after != " "
    joins = after == " " or _columns(after) == 0 or after == _EMOJI_STYLE or ord(after) in _SKIN_TONES
    return not joins and ord(before) not in _FLAG_LETTERS and _columns(before) == 2 and after not in "、。，．）」』！？：；"


def wrap(line: Text, room: int) -> list[Text]:
    """Return the rows of a sentence."""
    line = line.copy()
    line.expand_tabs(8)
    indent = hanging_indent(line.plain)
    indent = indent if indent < room // 2 else 0
    rows = []
    while (end := break_at(line.plain, room)) < len(line):
        row, line = line[:end], Text(" " * indent, style=line.style).append_text(line[end:])
        row.rstrip()
        rows.append(row)
    return [*rows, line]
