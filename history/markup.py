"""Turns text of programs and models into HTML that is inert, and in which nothing hides."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import groupby

from markupsafe import Markup, escape

from utils.text import escaped

_CODE_LIMIT = 100_000  # characters of a program that are coloured
_PLAIN = ""
# Families of emoji are joined by a character that is invisible by itself; anywhere else it is shown.
_JOINED = re.compile("(?<=[^\x00-\u2000])\u200d(?=[^\x00-\u2000])")
_STYLES = (
    ("Comment", "c"),
    ("Literal.String", "s"),
    ("String", "s"),
    ("Literal.Number", "m"),
    ("Number", "m"),
    ("Keyword", "k"),
    ("Operator.Word", "k"),
    ("Name.Function", "f"),
    ("Name.Class", "f"),
    ("Name.Namespace", "f"),
    ("Name.Decorator", "f"),
    ("Name.Builtin", "b"),
    ("Name.Exception", "b"),
)


def visible(text: str) -> Markup:
    """Return the text escaped for HTML, with every control, invisible, direction or unassigned character as a boxed code."""
    text = text.replace("\r\n", "\n")
    pieces = []
    start = 0
    joined = {match.start() for match in _JOINED.finditer(text)}
    for at, character in enumerate(text):
        if _is_hidden(character) and at not in joined:
            pieces += [escape(text[start:at]), Markup("<i class=esc>{}</i>").format(escaped(character))]
            start = at + 1
    return Markup("").join([*pieces, escape(text[start:])])


def coloured(code: str, language: str) -> Markup:
    """Return a program with its words in spans of a class for each kind."""
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return visible(code)
    pieces = []
    tokens = lexer.get_tokens(code[:_CODE_LIMIT])
    for style, group in groupby(((_style(str(kind)), text) for kind, text in tokens), key=lambda pair: pair[0]):
        text = visible("".join(text for _, text in group))
        pieces.append(Markup("<span class={}>{}</span>").format(style, text) if style else text)
    return Markup("").join([*pieces, visible(code[_CODE_LIMIT:])])


def changes(lines: Iterable[str]) -> Markup:
    """Return the lines of a unified diff, each in a span of its kind."""
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    spans = (
        Markup("<span class={}>{}</span>").format(kinds[line[0]], visible(line)) if line[:1] in kinds else visible(line + "\n")
        for line in lines
    )
    return Markup("").join(spans)


def _style(kind: str) -> str:
    name = kind.removeprefix("Token.")
    return next((style for start, style in _STYLES if name.startswith(start)), _PLAIN)


def _is_hidden(character: str) -> bool:
    if character.isascii():
        return not character.isprintable() and character not in "\n\t"
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")
