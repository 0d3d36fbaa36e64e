"""Blocks whose label or form is not quite what their content is: read as what they can only be, and the user is told so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agents.answers.python_code import MOST_CHARACTERS, NOTEBOOK_LINE, read_python
from agents.answers.shell_code import read_shell
from agents.answers.signs import outside_strings, unescaped, with_plain_signs, with_plain_spaces, without_strings
from sandbox.files.names import safe_name
from sandbox.languages import LANGUAGES
from sandbox.packages.pip_lines import find_pip_lines
from utils.labels import canonical

_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?([\w.]+)")
_CELL = re.compile(r"\s*%%(?P<magic>\w+|!)(?P<rest>[^\n]*)\n")
_CAUGHT = re.compile(r"^([ \t]*\w+[ \t]*=[ \t]*)!([^\n\"]+)$", re.MULTILINE)
_SHELLS = ("bash", "sh", "script", "!")
_NUMBERED = re.compile(r"[ \t]*(\d{1,6})(?:[.:|)]| ) ?(.*)")
_IS_PYTHON = re.compile(
    r"^[ \t]*(?:(?:(?:async )?def \w+\([^\n]*|class \w[^\n{]*|elif\b[^\n]*|except\b[^\n]*):[ \t]*(?:#|$)"
    r"|from [\w.]+ import\b|print\(f?[\"'][^\n]*\)[ \t]*$)",
    re.MULTILINE,
)
_MOST_SENTENCES = 5


@dataclass(frozen=True)
class Content:
    """What a block holds: the language in which it can be run, its code, a note for the user ("" for none), and its file's name."""

    language: str
    text: str
    note: str = ""
    name: str = ""


def read_content(language: str, text: str, aliases: Mapping[str, str]) -> Content:
    """Return what a block with the label of a language that is run holds; the label is believed if nothing speaks against it."""
    python, shell = aliases.get("python", ""), aliases.get("sh", "")
    as_labelled = Content(language, text)
    if len(text) > MOST_CHARACTERS:
        return as_labelled
    if language == shell and python and not text.lstrip().startswith("#!"):
        code = read_python(text)
        return Content(python, text, "run as Python: that is what the block holds") if code and code.is_program else as_labelled
    if language != python:
        return as_labelled
    return _in_python(text, python, shell, aliases) or as_labelled


def _in_python(text: str, python: str, shell: str, aliases: Mapping[str, str]) -> Content | None:
    cell = _CELL.match(text)
    if cell:
        return _cell(cell, text[cell.end() :], python, shell)
    code = read_python(text)
    if code is not None:
        lines = _without_magics(text) if code.source != text else text
        return Content(python, lines, NOTEBOOK) if lines != text else None
    for mend, note in _WAYS:
        found = mend(text)
        mended = read_python(found) if found and found != text else None
        if mended is not None and mended.is_program:
            return Content(python, found, note)
    commands = read_shell(text) if shell else None
    if commands and (commands.is_instruction or not commands.anything_else):
        return Content(shell, text)
    other = language_by_sign(text, aliases)
    return Content(other, text, f"run as {other}: that is what the block holds") if other else None


def language_by_shebang(text: str, aliases: Mapping[str, str]) -> str:
    """Return the language that the first line names as `#!/usr/bin/env python3` does; "" if it names none that is run here."""
    found = _SHEBANG.match(text.lstrip())
    return canonical(found[1].lower(), aliases) if found else ""


def language_by_sign(text: str, aliases: Mapping[str, str]) -> str:
    """Return the language of which the text can only be a program; "" if it is none that is run here."""
    if len(text) > MOST_CHARACTERS or text.strip().count("\n") == 0:
        return ""
    if _IS_PYTHON.search(text):
        return ""  # even if Python cannot read it
    runnable = set(aliases.values())
    text = without_strings(text)
    # C++ comes before C, whose headers it has, too.
    found = (each for each in reversed(LANGUAGES) if each.sign and each.name in runnable and re.search(each.sign, text, re.MULTILINE))
    return next((each.name for each in found if not each.is_part(text)), "")


def _cell(cell: re.Match[str], rest: str, python: str, shell: str) -> Content | None:
    if cell["magic"] in _SHELLS:
        return Content(shell, rest) if shell else None
    if cell["magic"] == "writefile":
        name = safe_name(cell["rest"].strip().split(" ")[-1])
        return Content(python if name and name.endswith(".py") else "", rest, name=name) if name else None
    return Content(python, _without_magics(rest), NOTEBOOK) if read_python(rest) else None


def _without_magics(text: str) -> str:
    """Write a notebook's own lines as Python, but those that ask for packages: they are found later."""

    def write(line: re.Match[str]) -> str:
        indent, command = line[1], line[0].strip()
        if find_pip_lines("python", line[0]).commands:
            return line[0]
        return f'{indent}__import__("os").system({command[1:].strip()!r})' if command.startswith("!") else f"{indent}pass  # {command}"

    return NOTEBOOK_LINE.sub(write, _CAUGHT.sub(r'\1__import__("subprocess").getoutput(r"""\2""").splitlines()', text))


# --- Forms that Python does not read ---------------------------------------------------------------------------------------------


def _without_numbers(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    found = [_NUMBERED.fullmatch(line) for line in lines]
    if len(lines) < 2 or not all(found):
        return ""
    first = int(found[0][1]) if found[0] else 0
    if [int(each[1]) for each in found if each] != list(range(first, first + len(lines))):
        return ""
    return "\n".join(each[2] for each in found if each) + "\n"


def _without_sentences(text: str) -> str:
    """Leave out the sentences before and behind the code."""
    lines = text.strip("\n").split("\n")
    left = _MOST_SENTENCES
    while lines and left and (_is_sentence(lines[0]) or not lines[0].strip()):
        del lines[0]
        left -= 1
    while lines and left and (_is_sentence(lines[-1]) or not lines[-1].strip()):
        del lines[-1]
        left -= 1
    return "\n".join(lines) + "\n"


def _is_sentence(line: str) -> bool:
    return len(line.split()) > 2 and line.rstrip().endswith((".", ":", "!")) and line[:1].isupper() and not set("=;{}") & set(line)


NOTEBOOK = "run without what only a notebook understands"
UNESCAPED = "run with HTML's `&lt;` and the like read as signs"
PLAIN_SIGNS = "run with straight quotation marks and plain spaces"
_WAYS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_without_magics, NOTEBOOK),
    (outside_strings(unescaped), UNESCAPED),
    (unescaped, UNESCAPED),
    (_without_numbers, "run without the numbers of its lines"),
    (outside_strings(with_plain_spaces), PLAIN_SIGNS),
    (outside_strings(with_plain_signs), PLAIN_SIGNS),
    (with_plain_signs, PLAIN_SIGNS),
    (_without_sentences, "run without the sentences beside the code"),
)


def is_elided(code: str) -> bool:
    """Whether the code says that it leaves parts of a program out."""
    return _ELIDED.search(code) is not None


# A comment on a line of its own that stands for code: "# ...", "// ... existing code ...", "# The rest of the class is unchanged".
_ELIDED = re.compile(
    r"^[ \t]*(?:#|//|--|/\*)[ \t]*(?:(?:\.\.\.|…)[^\n]{0,80}|(?:the |your |all )?(?:"
    r"(?:rest of (?:the |your )?(?:code|function|program|class|script|file)|existing (?:code|methods?|functions?|imports?)|previous code)"
    r"(?: (?:is|are|stays?|remains?|goes|here|unchanged|omitted|as before|the same)\b[^\n]{0,40})?"
    r"|same as (?:before|above))[ \t.]*(?:\*/)?)$",
    re.IGNORECASE | re.MULTILINE,
)


def label_inside(text: str, aliases: Mapping[str, str]) -> tuple[str, str]:
    """Return the language that the first line of a block without a label names, and the rest; two "" if it names none."""
    first, _, rest = text.lstrip("\n").partition("\n")
    language = aliases.get(first.strip().lower(), "") if len(first.strip()) > 1 else ""
    if not language or not rest.strip():
        return "", ""
    return language, rest.removeprefix("Copy code\n").removeprefix("Copy\n")
