"""The model's prose as rows: Markdown's lines with their marks turned into styles, each row behind a mark of the model's own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from cli.output.inline import Inline
from cli.output.screen import QUIET_STYLE
from cli.output.wrapping import BreakSearch, columns, wrap

HEADING_STYLE = "bold"
_QUOTE = re.compile(r" {0,3}> ?")
_ITEM = re.compile(r"( *)(?:[-*+]|(\d{1,9}[.)]))( +)(?=\S)")
_HEADING = re.compile(r" {0,3}#{1,6}(?: +|$)")
_RULE = re.compile(r" {0,3}([-*_])(?: *\1){2,} *")
_DIVIDER = re.compile(r"\|?(?: *:?-+:? *\|)* *:?-+:? *\|? *")
_CELL = re.compile(r"(?<!\\)\|")
_NARROWEST = 6  # columns of a table's cell
_LONGEST_RULE = 60  # columns
_BETWEEN = "  "


class ProseLine:
    """A line of prose that grows into rows."""

    def __init__(self, source: str, mark: Text, room: int, style: str = "") -> None:
        """Take the beginning of the line, long enough to see its kind, the mark before each row, and the columns of a row."""
        first, others, kind, content = _kind(source)
        self._first, self._others = mark + first, mark + others
        self._room = room
        self._style = Style.parse(style) + Style.parse(kind)
        self._begun = False
        self._inline = Inline()
        self._search = self._next_search()
        self._inline.feed(content)

    def _next_search(self) -> BreakSearch:
        prefix = self._others if self._begun else self._first
        return BreakSearch(max(4, self._room - columns(prefix.plain)))

    def feed(self, piece: str) -> list[Text]:
        """Take the next characters of the line; return the rows that are full."""
        self._inline.feed(piece)
        return self._full_rows()

    def finish(self) -> list[Text]:
        """Return what is left of the line, in rows."""
        self._inline.feed("", final=True)
        self._inline.text.rstrip()
        rows = self._full_rows()
        return [*rows, self._row(self._inline.text)]

    def preview(self) -> list[Text]:
        """Return the rows of what has not been returned yet, as if the line ended here."""
        room = self._search.room
        begun = self._begun
        rows = [self._row(row) for row in wrap(self._inline.preview(), room, 0)]
        self._begun = begun
        return rows

    def _full_rows(self) -> list[Text]:
        rows: list[Text] = []
        text = self._inline.text
        while (end := self._search.end(text.plain)) < len(text):
            ends = [end]
            first, text = text.divide(ends)
            first.rstrip()
            rows.append(self._row(first))
            self._search = self._next_search()
        self._inline.text = text
        return rows

    def _row(self, text: Text) -> Text:
        prefix, self._begun = (self._others if self._begun else self._first), True
        shown = Text(style=self._style).append_text(text)
        row = prefix + shown
        row.rstrip()
        return row


def _kind(source: str) -> tuple[Text, Text, str, str]:
    """Return what is before the line's first row and before the others, its style, and its content."""
    first, others, rest = Text(), Text(), source
    while quote := _QUOTE.match(rest):
        rest = rest[quote.end() :]
        first.append("┃ ", style=QUIET_STYLE)
        others.append("┃ ", style=QUIET_STYLE)
    if heading := _HEADING.match(rest):
        return first, others, HEADING_STYLE, rest[heading.end() :]
    if item := _ITEM.match(rest):
        bullet = f"{item[1]}{item[2] or '•'} "
        return first.append(bullet), others.append(" " * len(bullet)), "", rest[item.end() :]
    content = rest.lstrip(" ")
    indent = " " * min(len(rest) - len(content), 20)
    return first.append(indent), others.append(indent), "", content


def is_rule(line: str) -> bool:
    """Whether the line divides what is before it from what is behind it."""
    return _RULE.fullmatch(line) is not None


def rule(room: int) -> Text:
    """Return a line across the rows, or across a part of them if they are wide."""
    return Text("─" * min(room, _LONGEST_RULE), style=QUIET_STYLE)


def table_rows(lines: Sequence[str], room: int) -> list[Text] | None:
    """Return the rows of a table; None if the lines are none, or if there is no room for it."""
    if len(lines) < 2 or "-" not in lines[1] or not _DIVIDER.fullmatch(lines[1].strip()):
        return None
    head, divider, *body = [_cells(line) for line in lines]
    if len(head) != len(divider):
        return None
    cells = [[_inline(cell) for cell in (row + [""] * len(head))[: len(head)]] for row in (head, *body)]
    widths = [max(columns(row[number].plain) for row in cells) for number in range(len(head))]
    while sum(widths) + len(_BETWEEN) * (len(widths) - 1) > room:
        widest = widths.index(max(widths))
        if widths[widest] <= _NARROWEST:
            return None
        widths[widest] -= 1
    rows = [row for line in cells for row in _table_row(line, widths, divider)]
    height = len(_table_row(cells[0], widths, divider))
    for row in rows[:height]:
        row.stylize(HEADING_STYLE)
    return [*rows[:height], Text(_BETWEEN.join("─" * width for width in widths), style=QUIET_STYLE), *rows[height:]]


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner if inner.endswith("\\|") else inner.removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(inner)]


def _inline(source: str) -> Text:
    inline = Inline()
    inline.feed(source, final=True)
    return inline.text


def _table_row(cells: Sequence[Text], widths: Sequence[int], divider: Sequence[str]) -> list[Text]:
    wrapped = [wrap(cell, width, 0) for cell, width in zip(cells, widths, strict=True)]
    rows = []
    for number in range(max(map(len, wrapped))):
        row = Text()
        for parts, width, dashes in zip(wrapped, widths, divider, strict=True):
            part = parts[number] if number < len(parts) else Text()
            room = width - columns(part.plain)
            left = room if dashes.endswith(":") and not dashes.startswith(":") else room // 2 if dashes.endswith(":") else 0
            row.append(" " * left).append_text(part).append(" " * (room - left) + _BETWEEN)
        row.rstrip()
        rows.append(row)
    return rows
