"""Blocks that show what a program prints, although their label names a language that is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from agents.answers.python_code import PythonCode
from agents.answers.shell_code import ShellCode

_SAYS_SO = {"output", "outputs", "result", "results", "print", "prints", "displays", "see", "log", "logs", "logged", "printed"}
_WORDS = frozenset(
    """
    and so then this it the a an its your you expected sample example program console terminal script code should will would may might
    be see get is gives produces prints print printed displays following looks like as when run running output outputs output result
    results to log logs logged something similar here what
    """.split()  # noqa: SIM905  # lines of quotes say no more
)
_CODE = re.compile(
    r"\b(?:const|let|var|function|return|require|import|puts|echo|def|console)\b|=>|;[ \t]*$|[+*/-]=|\w\.\w+\(", re.MULTILINE
)


def announces_output(lines: Sequence[str]) -> bool:
    """Whether the last line before a block says no more than that output follows: "Output:", "The program should print:"."""
    words = re.findall(r"\w+", next((line for line in reversed(lines) if line.strip()), "").lower())
    purpose = any(word == "to" and after in _SAYS_SO for word, after in zip(words, words[1:], strict=False))
    return bool(_SAYS_SO & set(words)) and set(words) <= _WORDS and not purpose


def is_no_code(text: str, python: PythonCode | None, shell: ShellCode | None) -> bool:
    """Whether a block of which that was said holds nothing that could be meant to run."""
    if shell:
        return not shell.does_something
    if python:
        return not python.defines and all(isinstance(node, ast.Expr) for node in python.tree.body) and "print" not in text
    return _CODE.search(text) is None
