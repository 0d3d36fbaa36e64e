"""What the label of a fenced block means: the language, as near as models write it, or why the block is not run."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LANGUAGE = re.compile(r"[{\s.]*([^\s{}.,:;()\[\]=][^\s{},:;()\[\]=]*)")
_PYTHON_LABEL = re.compile(r"(?:i?python|py)[\d.]*|jupyter(?:-python)?")
_SHELL_LABEL = re.compile(r"zsh|ksh|dash|ash|bash-script|shell-?script")
# Labels that say no more than none does.
_NO_LABELS = ("code", "tool_code", "program", "script", "source", "snippet")
MARKDOWN = ("markdown", "md", "mdx")
_TRANSCRIPTS = ("pycon", "console", "output", "text", "txt", "plaintext", "plain", "stdout", "stderr", "log", "terminal", "doctest")
SHOWN = (*MARKDOWN, *_TRANSCRIPTS)
"""Labels of what is shown and no program."""

DATA = ("json", "jsonl", "csv", "tsv")
"""Labels of data, which a program is rather asked to make than to be."""


def language_of(info: str) -> str:
    """Take the language out of an info string such as `python title="x"`, `{.python}` or `python:file.py`, in lower case; "" for none."""
    match = _LANGUAGE.match(info)
    name = match[1].lower() if match else ""
    return "" if name in _NO_LABELS else re.sub(r"^lang(?:uage)?-", "", name)


def canonical(label: str, aliases: Mapping[str, str]) -> str:
    """Return the language that a label means, as near as models write it (`python3.12`, `main.py`); "" if it is not run here."""
    if label in aliases:
        return aliases[label]
    if _PYTHON_LABEL.fullmatch(label):
        return aliases.get("python", "")
    if _SHELL_LABEL.fullmatch(label):
        return aliases.get("sh", "")
    return aliases.get(label.rpartition(".")[2], "") if "." in label.strip(".") else ""


def why_not_run(label: str) -> str:
    """Say why a block with a label that names no language that is run here is not run."""
    if not label:
        return "no language is named"
    if label in _TRANSCRIPTS:
        return f"{label} is something shown, not a program"
    return "Markdown is a text, not a program" if label in MARKDOWN else f"{label} programs are not run here"
