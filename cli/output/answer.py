"""The model's answer on the screen, as it is written: prose in wrapped rows, code in colours, thoughts dimmed."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String
from pygments.util import ClassNotFound
from rich.color import Color
from rich.style import Style
from rich.text import Text

from cli.output.screen import QUIET_STYLE, Screen
from cli.output.wrapping import BreakSearch, hanging_indent
from utils.text import StreamSanitizer

# Also inside a list or a quotation: utils/code_blocks.py decides what is code, here it only gets its colours.
_FENCE = re.compile(r"[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?(`{3,}(?=[^`]*$)|~{3,})\s*([^\s`]*)")
_MOST_KNOWN = 200  # lines
_LONGEST_COLORED = 2000  # characters of a line; colours take time, and such a line is data
_REDRAW_SECONDS = 0.04
# The sixteen colours of the terminal's own palette: readable on a light and on a dark background.
_COLORS: tuple[tuple[Any, Style], ...] = (
    (Comment, Style(dim=True, italic=True)),
    (Keyword, Style(color=Color.parse("blue"), bold=True)),
    (String, Style(color=Color.parse("green"))),
    (Number, Style(color=Color.parse("magenta"))),
    (Name.Function, Style(color=Color.parse("cyan"))),
    (Name.Class, Style(color=Color.parse("cyan"), bold=True)),
    (Name.Builtin, Style(color=Color.parse("cyan"))),
    (Name.Decorator, Style(color=Color.parse("magenta"))),
)


class AnswerView:
    """Shows an answer that comes in pieces; what is complete is printed for good, the rest is shown in a transient row."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen to show on."""
        self._screen = screen
        self._sanitizer = StreamSanitizer()
        self._pending = ""
        self._indent: int | None = None  # of the further rows of a line of prose; None before its second row
        self._fence = ""
        self._colors = Highlighter("")
        self._thinking = False
        self._search = BreakSearch(0)
        self._drawn = 0.0  # when the transient row was last drawn
        self.began = False

    def feed(self, piece: str) -> None:
        """Show a piece of the answer."""
        self.began = True
        text = self._sanitizer.feed(piece)
        if not self._screen.control_codes:
            self._screen.raw(text)
            self._pending = (self._pending + text).rpartition("\n")[2]
            return
        printed: list[Text] = []
        *complete, pending = (self._pending + text).split("\n")
        for line in complete:
            printed += self._rows(line)
            printed.append(self._line(self._pending))
            self._start_row("")
            self._indent = None
        printed += self._rows(pending)
        if printed:
            self._screen.show()
            self._screen.print(*printed)
        if printed or time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._draw()

    def tick(self) -> None:
        """Draw the row that is being written if its newest piece came too soon after the last drawing."""
        if self.began and self._screen.control_codes:
            self._draw()

    def finish(self) -> None:
        """Show what is left of the answer and clear the row below."""
        if not self.began:
            return
        rest, self._pending = self._pending + self._sanitizer.finish(), ""
        self.began = False
        if not self._screen.control_codes:
            self._screen.raw("\n" if rest else "")
        else:
            self._screen.show()
            if rest:
                self._screen.print(self._line(rest))
        self._start_row("")
        self._fence, self._indent, self._thinking = "", None, False
        self._sanitizer = StreamSanitizer()

    def _rows(self, text: str) -> list[Text]:
        """Return the rows of a line of prose that are full; the rest is left in `_pending`."""
        rows: list[Text] = []
        self._pending = text
        if self._fence:
            return rows
        room = self._screen.width - 1
        if room != self._search.room:
            self._search = BreakSearch(room)
        while not _FENCE.match(self._pending) and (end := self._search.end(self._pending)) < len(self._pending):
            if self._indent is None:
                self._indent = hanging_indent(self._pending)
                self._indent *= self._indent < room // 2
            rows.append(self._prose(self._pending[:end].rstrip()))
            self._start_row(" " * self._indent + self._pending[end:])
        return rows

    def _start_row(self, text: str) -> None:
        self._pending, self._search = text, BreakSearch(self._search.room)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        # A line of code may be very long, but only one row of it is drawn.
        self._screen.show(Text(self._pending[: self._screen.width * 4], style=QUIET_STYLE if self._thinking else ""))

    def _line(self, line: str) -> Text:
        match = _FENCE.match(line)
        if self._fence:
            if match and match[1].startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
                return Text(line, style=QUIET_STYLE)
            return self._colors.line(line)
        if match:
            self._fence, self._colors = match[1], Highlighter(match[2])
            return Text(line, style=QUIET_STYLE)
        return self._prose(line)

    def _prose(self, line: str) -> Text:
        if "<think>" in line:
            self._thinking = True
        style = QUIET_STYLE if self._thinking else ""
        if "</think>" in line:
            self._thinking = False
        return Text(line, style=style)


class Highlighter:
    """Colours the lines of a program one by one as they arrive."""

    def __init__(self, language: str) -> None:
        """Take the language as the fence names it."""
        self._lexer = _lexer(language)
        self._known: list[str] = []  # the lines that the next line's colours depend on: a string may have begun there

    def line(self, line: str) -> Text:
        """Return the next line in colours."""
        if self._lexer is None or len(line) > _LONGEST_COLORED:
            self._known = []
            return Text(line)
        self._known = [*self._known[-_MOST_KNOWN:], line]
        start = sum(len(known) + 1 for known in self._known[:-1])
        tokens = list(_tokens(self._lexer, "\n".join(self._known)))
        for before, (begin, token, value) in zip(tokens, tokens[1:], strict=False):
            if begin == start and value[:1].isalpha() and not _spans_lines(before[1]) and not _spans_lines(token):
                self._known = [line]  # a statement at the margin depends on nothing before it
        return _colored(tokens, start)


def highlight_program(code: str, language: str) -> list[Text]:
    """Return the lines of a program in colours."""
    lexer = _lexer(language)
    return list(_colored(_tokens(lexer, code), 0).split("\n", allow_blank=True)) if lexer else [Text(line) for line in code.split("\n")]


def _lexer(language: str) -> Lexer | None:
    try:
        return get_lexer_by_name(language or "text", stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def _tokens(lexer: Lexer, code: str) -> Iterator[tuple[int, Any, str]]:
    """Yield where each token begins, its kind, and its characters."""
    position = 0
    for token, value in lexer.get_tokens(code):
        yield position, token, value
        position += len(value)


def _spans_lines(token: Any) -> bool:
    return token in String or token in Comment


def _colored(tokens: Iterable[tuple[int, Any, str]], start: int) -> Text:
    """Return the code in colours, from the character `start` on."""
    text = Text()
    for begin, token, value in tokens:
        if begin + len(value) > start:
            text.append(value[max(0, start - begin) :], style=_style(token))
    return text


def _style(token: object) -> Style:
    return next((style for kind, style in _COLORS if token in kind), Style.null())
