"""Syntax that came with a newer Python than the image has: models write it, and its error does not say so.

Sources: "New Features" and "Other Language Changes" in the "What's New" pages of Python 3.10 to 3.14.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from sandbox.verdicts import ProgramRun
from utils.text import plain

NEEDS = "{} Python {}.{}, and the image has Python {}.{}"


class _Syntax(NamedTuple):
    """Where it came, what it is, how the line reads at which the compiler stops, what the compiler says of it, and what to do instead."""

    version: tuple[int, int]
    name: str
    line: re.Pattern[str]
    error: re.Pattern[str]
    remedy: str


_ANY = ".*"
_INVALID = "invalid syntax|expected"
# In Python 2, `except Exception, error:` named the error: classes begin with a capital, or follow the name of their module.
_CLASS = r"(?:[A-Z]\w*|\w+(?:\.\w+)+)"
_TYPED = r"\s*(?:(?:async\s+)?def|class)\s+\w+\s*\["
_FSTRING = r"\b[fF][rR]?|\b[rR][fF]"
# `»` is put where the compiler's caret begins.
_NEWER = tuple(
    _Syntax(version, name, re.compile(line), re.compile(error), remedy)
    for version, name, line, error, remedy in (
        (
            *((3, 14), "`except` with several exceptions and no parentheses needs"),
            *(rf"\s*except\*?\s+»?[\w.]+(?:\s*,\s*{_CLASS})+\s*:", "multiple exception types must be parenthesized"),
            "Put the exceptions in parentheses, as in `except (A, B):`.",
        ),
        (
            *((3, 14), "t-strings need", r".*(?<![\w\"'])(?:[tT][rR]?|[rR][tT])»[\"']|.*»(?:[tT][rR]?|[rR][tT])[\"']", _INVALID),
            "Use an f-string, or format() where the text is to be filled in later.",
        ),
        (
            *((3, 13), "type parameters with defaults need", rf"{_TYPED}[^\[\]]*[^\[\]=!<>]=[^=]", _ANY),
            "Use typing.TypeVar and typing.Generic, without defaults.",
        ),
        (
            *((3, 12), "type parameters in brackets need", rf"{_TYPED}[^\]]+\]\s*[(:]", _INVALID),
            "Use typing.TypeVar and typing.Generic.",
        ),
        (
            *((3, 12), "the `type` statement needs", r"\s*type\s+»?[A-Za-z_]\w*\s*(?:\[[^=]*\]\s*)?=[^=]", _INVALID),
            "Assign the type to a name, as in `Name = list[int]`.",
        ),
        (
            (3, 12),
            "a backslash in the braces of an f-string needs",
            rf".*(?:{_FSTRING})[\"'].*\{{[^{{}}]*\\",
            "f-string expression part .* backslash",
            "Give the text with the backslash a name before the f-string.",
        ),
        (
            (3, 12),
            "the quotation marks of an f-string inside its braces need",
            rf".*(?:{_FSTRING})(?:\"[^\"]*\{{[^{{}}\"]*\"[^{{}}\"]*\"[^{{}}\"]*\}}|'[^']*\{{[^{{}}']*'[^{{}}']*'[^{{}}']*\}})",
            "f-string: (?:unmatched|expecting)",
            "Use the other quotation marks inside the braces.",
        ),
        ((3, 11), "`except*` needs", r"\s*except\s*»?\*", _INVALID, "Use `except`, or another image."),
        (
            *((3, 10), "`match` needs", r"\s*match\s+»?[\w.(\[][^=]*:\s*(?:#.*)?\n\s*case\b", _INVALID),
            "Use `if` and `elif`.",
        ),
    )
)
_VERSION = re.compile(r"(\d+)\.(\d+)\n")
_STOPPED = re.compile(r'^  File "[^\n]*", line (\d+)\n    ([^\n]*)\n(?:(    [ \t]*)\^[^\n]*\n)?SyntaxError: ([^\n]*)\s*\Z', re.MULTILINE)


def name_newer_syntax(run: ProgramRun, checked: str) -> ProgramRun:
    """Return the run, with what is newer than the image's Python if the program does not compile for that.

    `checked` is what the check of the language printed: the image's version on the first line, then the compiler's error.
    """
    version, stopped = _VERSION.match(checked), _STOPPED.search(plain(checked))
    if version is None or stopped is None:
        return run
    has = int(version[1]), int(version[2])
    number, line, before, error = stopped.groups()
    column = len(before or "    ") - 4
    following = "".join(f"\n{each}" for each in run.code.splitlines()[int(number) : int(number) + 1])
    marked = f"{line[:column]}»{line[column:]}{following}"
    for each in _NEWER:
        if each.version > has and each.error.match(error) and (each.line.match(marked) or each.line.match(f"{line}{following}")):
            fact = NEEDS.format(each.name, *each.version, *has)
            return replace(run, notes=(*run.notes, fact), advice=(*run.advice, each.remedy))
    return run
