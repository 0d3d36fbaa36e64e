"""Programs in colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String
from pygments.util import ClassNotFound
from rich.color import Color
from rich.style import Style
from rich.text import Text

_MOST_KNOWN = 200  # lines
_LONGEST_COLORED = 2000  # characters of a line; colours take time, and such a line is data
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
