"""The model's answer on the screen, as it is written: prose in wrapped rows, code in colours, thoughts dimmed."""

from __future__ import annotations

import re
from typing import Any

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String
from pygments.util import ClassNotFound
from rich.color import Color
from rich.style import Style
from rich.text import Text

from cli.screen import QUIET_STYLE, Screen
from utils.text import StreamSanitizer

_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})\s*([^\s`]*)")
_LONGEST_LEXED = 400
# The sixteen colours of the terminal's own palette: readable in a light and in a dark one alike.
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
    """Shows an answer that comes in pieces; what is complete is printed for good, the rest stands in a row that comes and goes."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen to show on."""
        self._screen = screen
        self._sanitizer = StreamSanitizer()
        self._pending = ""
        self._fence = ""
        self._language = ""
        self._code: list[str] = []
        self._thinking = False
        self.began = False

    def feed(self, piece: str) -> None:
        """Show a piece of the answer."""
        self.began = True
        text = self._sanitizer.feed(piece)
        if not self._screen.control_codes:
            self._screen.raw(text)
            self._pending = (self._pending + text).rpartition("\n")[2]
            return
        *complete, self._pending = (self._pending + text).split("\n")
        printed = [self._line(line) for line in complete]
        while not self._fence and len(self._pending) >= self._screen.width:
            row, self._pending = self._first_row(self._pending)
            printed.append(self._prose(row))
        if printed:
            self._screen.show()
            self._screen.print(*printed)
        self._screen.show(Text(self._pending, style=QUIET_STYLE if self._thinking else ""))

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
        self._fence = ""

    def _first_row(self, text: str) -> tuple[str, str]:
        cut = text.rfind(" ", 0, self._screen.width)
        cut = self._screen.width - 1 if cut <= 0 else cut
        return text[:cut], text[cut:].lstrip(" ")

    def _line(self, line: str) -> Text:
        match = _FENCE.match(line)
        if self._fence:
            if match and match[1].startswith(self._fence) and not line.strip().strip(self._fence[0]):
                self._fence = ""
                return Text(line, style=QUIET_STYLE)
            self._code.append(line)
            return highlight(self._code, self._language)
        if match:
            self._fence, self._language, self._code = match[1], match[2], []
            return Text(line, style=QUIET_STYLE)
        return self._prose(line)

    def _prose(self, line: str) -> Text:
        if "<think>" in line:
            self._thinking = True
        style = QUIET_STYLE if self._thinking else ""
        if "</think>" in line:
            self._thinking = False
        return Text(line, style=style)


def highlight(lines: list[str], language: str) -> Text:
    """Return the last of the lines of a program in colours; the lines before it tell what state it stands in."""
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False, ensurenl=False)
    except ClassNotFound:
        return Text(lines[-1])
    known = lines[-_LONGEST_LEXED:]
    start = sum(len(line) + 1 for line in known[:-1])
    text = Text()
    position = 0
    for token, value in lexer.get_tokens("\n".join(known)):
        begin, position = position, position + len(value)
        if position > start:
            text.append(value[max(0, start - begin) :], style=_style(token))
    return text


def _style(token: object) -> Style:
    return next((style for kind, style in _COLORS if token in kind), Style.null())
