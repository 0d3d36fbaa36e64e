"""Signs of Python code that were changed on the way to us: escaped for HTML, or made pretty; and what of a text is not in strings."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

# What is never closed goes to the end of its line, or of the text: so the time grows with the length only.
_NOT_CODE = re.compile(
    r"""(?:\"""(?:\\.|[^\\])*?(?:\"""|\\?\Z)|'''(?:\\.|[^\\])*?(?:'''|\\?\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|(?<!&)#[^\n]*)""",
    re.DOTALL,
)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#\d{1,6});")
_SPACES = str.maketrans({"\u00a0": " ", "\u200b": "", "\ufeff": ""})
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})


def outside_strings(change: Callable[[str], str]) -> Callable[[str], str]:
    """Return what makes the change in all of a Python program but its strings and comments."""

    def make(text: str) -> str:
        pieces: list[str] = []
        position = 0
        for found in _NOT_CODE.finditer(text):
            pieces += [change(text[position : found.start()]), found[0]]
            position = found.end()
        return "".join([*pieces, change(text[position:])])

    return make


def without_strings(text: str) -> str:
    """Return a program with its strings empty."""
    return _NOT_CODE.sub(lambda found: found[0] if found[0][0] == "#" else '""', text)


def unescaped(text: str) -> str:
    """Return the text with HTML's `&lt;` and the like as the signs that they stand for."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def with_plain_spaces(text: str) -> str:
    """Return the text without the spaces that no programming language knows."""
    return text.translate(_SPACES)


def with_plain_signs(text: str) -> str:
    """Return the text with spaces and quotation marks that Python knows."""
    return with_plain_spaces(text).translate(_QUOTES)
