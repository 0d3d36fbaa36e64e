"""Which blocks are files although their label is that of a language that is run: a `.env` in a shell's colours, a React component."""

from __future__ import annotations

import json
import posixpath
import re

from agents.answers.python_code import read_python
from agents.answers.shell_code import read_shell

_NODE = ("javascript", "typescript")
# JavaScript without what JSX can be in by chance.
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?", re.DOTALL)
_JSX = re.compile(r"(?:\breturn|=>|[=(,?:&])\s*<(?:>|[A-Za-z][\w.]*(?:\s|/?>))")
_COMPONENTS = (".jsx", ".tsx", ".vue", ".svelte")  # what a build tool makes JavaScript of
_OF_OTHER_SHELLS = (".bat", ".cmd", ".ps1")
_SETTINGS = (".env", ".txt", ".conf", ".cfg", ".ini", ".yml", ".yaml", ".toml", ".json", ".properties", ".service", ".csv", ".tsv")
_WITHOUT_ENDING = ("dockerfile", "makefile", "procfile")


def is_file_of(name: str, language: str, text: str) -> bool:
    """Whether a block that is labelled as the language is the file of this name, whose ending is not the language's."""
    base = posixpath.basename(name).lower()
    ending = posixpath.splitext(base)[1] or base
    if language in _NODE:
        return ending in _COMPONENTS or (ending == ".json" and is_json(text))
    if language == "sh" and ending in _OF_OTHER_SHELLS:
        return True
    if not (ending in _SETTINGS or base.startswith(".") or base in _WITHOUT_ENDING):
        return False
    if language == "sh":
        code = read_shell(text)
        return base not in text.lower() and not (code.is_instruction or code.packages or code.does_something)
    code_here = read_python(text) if language == "python" else None
    return language == "python" and (
        code_here is None or code_here.is_only_shown or (base.startswith(".env") and not code_here.does_something)
    )


def has_jsx(language: str, text: str) -> bool:
    """Whether a block is JavaScript that only a build tool makes a program of; in TypeScript's `.ts` files, the like is a cast."""
    return language == "javascript" and "<" in text and _JSX.search(_NOT_CODE.sub('""', text)) is not None


def is_json(text: str) -> bool:
    """Whether the text is a whole JSON document."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
