"""Gives a program a file name that says what it does."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from sandbox.files.names import header_name
from sandbox.languages import find_language

_LONGEST = 40  # characters of a name without its ending
_MOST_WORDS = 3
# "tic-tac-toe" is one word, and an apostrophe is a part of its word.
_WORD = re.compile(r"(?<![a-z0-9])[a-z][a-z0-9]*(?:[-'][a-z][a-z0-9]*)*")
_DEFINED = re.compile(
    r"^[ \t]*(?:export\s+|pub\s+|public\s+|static\s+|async\s+|final\s+)*(?:def|class|fn|func|function|sub|struct|interface)\s+(\w+)",
    re.MULTILINE,
)
# Words that only hold a sentence together. They are few in kind, so all of them can stand here.
_GRAMMAR = """
    a about above across after again against ago all almost along alongside already also although always am amid among an and another any
    anybody anyone anything are around as at away back be because been before behind being below beneath beside besides between beyond
    both but by can cannot could despite did do does doing done down during each either else enough even ever every everybody everyone
    everything except few for from further had has have having he her here hers herself him himself his how however i if in inside
    instead into is it its itself just least less like many may me might mine more moreover most much must my myself near need neither
    never next no nobody nor not nothing now of off often on once one only onto or other others otherwise ought our ours ourselves out
    outside over own past per perhaps plus quite rather really same shall she should since so some somebody someone something sometimes
    soon still such than that the their theirs them themselves then there therefore these they this those though through throughout till
    to together too toward towards twice under underneath unless unlike until up upon us using very via was we well were what whatever
    when whenever where wherever whether which while who whoever whole whom whose why will with within without would yes yet you your
    yours yourself
"""
# What a task says about the asking, and not about the program. A word that is left names the program.
_ASKED = """
    add app application ascii bash build calculate class code compute create define demo determine develop display draw example fenced
    find first following function functions game generate get give given go happen help implement include input java javascript kotlin
    large let line lines list long make method model module new nice number numbers output perl php please print printed prints produce
    program programs prompt provide python random read return returns ruby run rust script shell short show shows simple single small
    snippet source standard sure take takes task test tests tool two typescript use user uses utility value values want word words work
    write
"""
_ASKING = frozenset((*_GRAMMAR.split(), *_ASKED.split()))
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
    wanted = [word for word in _words(task) if word not in _ASKING and 1 < len(word) <= _LONGEST]
    return (_defined_name(wanted, program) or _cut("_".join(wanted[:_MOST_WORDS])) or "program") + ending


def _defined_name(wanted: list[str], program: str) -> str:
    """Return the name that the program defines and that says most of what the task says, or "" if none says any of it."""
    stems = {_stem(part) for word in wanted for part in word.split("_")}
    best, most = "", 0
    for name in _DEFINED.findall(program):
        words = _words(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " "))
        shared = sum(_stem(word) in stems for word in words)
        plain = "_".join(words)
        if shared > most and plain not in _PLAIN_NAMES and len(plain) <= _LONGEST:
            best, most = plain, shared
    return best


def _words(text: str) -> list[str]:
    """Return the words of a text in plain small letters, each once; the parts of a compound are joined by "_"."""
    plain = unicodedata.normalize("NFKD", text[:2000].replace("\u2019", "'")).encode("ascii", "ignore").decode().lower()
    words = [word.removesuffix("'s").replace("-", "_") for word in _WORD.findall(plain)]
    return list(dict.fromkeys(word for word in words if "'" not in word))  # what is left are words such as "don't"


def _stem(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _cut(re.sub(r"[^a-z0-9_]+", "-", plain))


def _cut(name: str) -> str:
    if len(name) > _LONGEST:
        name = name[: _LONGEST + 1].rpartition("_")[0] or name[:_LONGEST]
    return name.strip("-_")
