"""Gives a program a file name that says what it does."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from sandbox.files.names import header_name
from sandbox.languages import find_language

_LONGEST = 40  # characters of a name without its ending
_MOST_WORDS = 3
_WORD = re.compile(r"[a-z][a-z0-9]*")
_DEFINED = re.compile(
    r"^[ \t]*(?:export\s+|pub\s+|public\s+|static\s+|async\s+|final\s+)*(?:def|class|fn|func|function|sub|struct|interface)\s+(\w+)",
    re.MULTILINE,
)
# What a task says about the asking, and not about the program. A word that is left names the program.
_ASKED = """
    a about add all an and any app application are as ascii at bash be both build by c calculate can class code compute could
    create define demo determine develop display do does down each every example fenced find first following for from function
    functions game generate get give given go happen has have help here how i if implement in include input into is it its java
    javascript just kotlin large let like line lines list make me method model module my need new nice no not now number numbers
    of on one only or our out output over own perl php please print printed prints produce program programs prompt provide python
    r random read return returns ruby run rust script shell should show shows simple single small snippet so some source standard
    such sure take takes task test tests than that the their them then there these they this those to tool two typescript up us
    use user uses using utility value values very via want was we what when where which will with without word words work would
    write you your
"""
_ASKING = frozenset(_ASKED.split())
_PLAIN_NAMES = frozenset(("main", "run", "solution", "solve", "test", "tests", "program", "script", "demo", "example", "helper"))


def fitting_name(task: str, program: str, language: str = "python") -> str:
    """Return a file name for the program, such as "factorial.py": the name it asks for, else one made of what it defines and of the task.

    The name has no folder, holds only a-z, 0-9, "_", "-" and its ending, and is "program" with an ending where nothing fits.
    """
    found = find_language(language)
    ending = found.ending if found else ""
    try:
        asked = header_name(program)
    except ValueError:
        asked = None
    if asked:
        path = PurePosixPath(asked)
        return (_plain(path.stem) or "program") + (path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ending)
    wanted = [word for word in _words(task) if word not in _ASKING]
    return (_defined_name(wanted, program) or _cut("_".join(wanted[:_MOST_WORDS])) or "program") + ending


def _defined_name(wanted: list[str], program: str) -> str:
    """Return the name that the program defines and that says most of what the task says, or "" if none says any of it."""
    stems = {_stem(word) for word in wanted}
    best, most = "", 0
    for name in _DEFINED.findall(program):
        words = _words(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " "))
        shared = sum(_stem(word) in stems for word in words)
        plain = "_".join(words)
        if shared > most and plain not in _PLAIN_NAMES and len(plain) <= _LONGEST:
            best, most = plain, shared
    return best


def _words(text: str) -> list[str]:
    """Return the words of a text in plain small letters, each once."""
    plain = unicodedata.normalize("NFKD", text[:2000]).encode("ascii", "ignore").decode().lower()
    return list(dict.fromkeys(_WORD.findall(plain)))


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _cut(re.sub(r"[^a-z0-9_]+", "-", plain))


def _cut(name: str) -> str:
    if len(name) > _LONGEST:
        name = name[: _LONGEST + 1].rpartition("_")[0] or name[:_LONGEST]
    return name.strip("-_")
