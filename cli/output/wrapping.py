"""Wrapping: where a text breaks into rows, and how many columns it takes at most."""

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


def fitting(text: str, room: int) -> int:
    """Return how many characters of a text that is too long fit into so many columns, with one for the mark that it is cut."""
    end = used = 0
    while (used := used + columns(text[end])) < room:
        end += 1
    return end


def hanging_indent(line: str) -> int:
    """Return how many columns the following rows of a line are indented: as far as the text after a list's mark."""
    match = _INDENT.match(line)
    return columns(match[0]) if match else 0


class BreakSearch:
    """Finds the end of a row in a growing text without looking at any character twice.

    A row ends before the last word that begins within the room; a word that is longer than the room is broken, behind a slash if it holds
    one, so that the terminal never breaks a row by itself. Wide characters need no space between them.
    """

    def __init__(self, room: int, begin: int = 0) -> None:
        """Take the number of columns in the row, and where in the text it begins."""
        self.room = room
        self._begin = self._seen = begin  # characters
        self._used = self._solid = self._best = self._slash = 0

    def end(self, text: str) -> int:
        """Return where the row ends, or len(text) if it is not full; the text must begin with the one given before."""
        for number in range(self._seen, len(text)):
            character = text[number]
            if self._solid and _may_break(text[number - 1], character):
                self._best = number
            elif self._solid and text[number - 1] == "/":
                self._slash = number
            self._used += _columns(character)
            self._seen = number + 1
            if character == " ":
                continue
            if self._used > self.room and number > self._begin:
                return self._best or self._slash or number
            self._solid = self._used
        return len(text)


def _may_break(before: str, after: str) -> bool:
    if before == " ":
        return after != " "
    if before.isascii():
        return False
    joins = after == " " or _columns(after) == 0 or after == _EMOJI_STYLE or ord(after) in _SKIN_TONES
    return not joins and ord(before) not in _FLAG_LETTERS and _columns(before) == 2 and after not in "、。，．）」』！？：；"


def wrap(line: Text, room: int, indent: int | None = None) -> list[Text]:
    """Return the rows of a sentence; those after the first are indented by `indent` columns, or as far as the text after a list's mark."""
    if "\n" in line.plain:  # somebody else's, in a name or a message: it begins no line of ours
        first, *others = line.split("\n", allow_blank=True)
        return [*wrap(first, room, indent), *(row for part in others for row in wrap(Text("  ") + part, room, indent))]
    line = _without_tabs(line)
    plain = line.plain
    indent = hanging_indent(plain) if indent is None else indent
    indent *= indent < room // 2
    ends: list[int] = []
    while (end := BreakSearch(room - indent * bool(ends), ends[-1] if ends else 0).end(plain)) < len(plain):
        ends.append(end)
    first, *others = line.divide(ends)
    rows = [first, *(Text(" " * indent, style=line.style).append_text(row) for row in others)]
    for row in rows:
        row.rstrip()
    return rows


def fold(line: Text, room: int) -> list[Text]:
    """Return the rows of a line that is broken wherever it reaches the edge: blanks count, so that no column moves."""
    line = _without_tabs(line)
    plain = line.plain
    if len(plain) <= room // 2:
        return [line]
    if plain.isascii():
        return list(line.divide(range(room, len(plain), room)))
    ends, used = [], 0
    for number, character in enumerate(plain):
        used += _columns(character)
        if used > room:
            ends.append(number)
            used = _columns(character)
    return list(line.divide(ends))


def _without_tabs(line: Text) -> Text:
    if "\t" in line.plain:
        line = line.copy()
        line.expand_tabs(8)
    return line
