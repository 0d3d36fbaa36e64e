"""What code in a language other than Python defines, uses, takes from other files and repeats: by its tokens, never by running it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from sandbox.languages import BY_NAME, Language

MOST_CHARACTERS = 50_000
"""Longer code is not looked into: it is run as it is labelled."""

_WORD = re.compile(r"[A-Za-z_]\w*")
_INTERPOLATED = re.compile(r"[$#]\{([^}]*)\}|\$(\w+)")
# What is never closed goes to the end of its line, or of the text: so the time grows with the length only.
_TOKEN = r"(?P<comment>{comment}|/\*(?:.*?\*/|.*))|\"(?:\\.|[^\"\\\n])*\"?|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?|\w+|[^\w\s]"
_COMMENTS = {"#": r"(?<!\S)#[^\n]*", "//": r"//[^\n]*", "--": r"--(?:\[\[(?:.*?\]\]|.*)|[^\n]*)"}
_TOKENS = {sign: re.compile(_TOKEN.replace("{comment}", comment), re.DOTALL) for sign, comment in _COMMENTS.items()}
_BRINGS_IN = re.compile(
    r"\s*(?:import\b|use\s|using\s|require\b|require_relative\b|library\(|#include\b|const\s.*=\s*require\(|package\s|<\?php\s*$)"
)
_IMPORT = re.compile(r"""(?P<start>\b(?:from|import\(?)\s*(?P<quote>["']))(?P<dots>(?:\.{1,2}/)+)(?P<path>[\w/-]+)(?P=quote)""")
_SHELL = "sh"


@dataclass(frozen=True)
class OtherCode:
    """A block of code in one of the languages that are run here, other than Python."""

    language: Language
    text: str

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        """Return its words, signs and texts in quotation marks, without comments; none if it is too long."""
        if len(self.text) > MOST_CHARACTERS:
            return ()
        return tuple(found[0] for found in _TOKENS[self.language.comment].finditer(self.text) if not found["comment"])

    @cached_property
    def defines(self) -> frozenset[str]:
        """The names that its outermost level defines, as far as they stand at the margin."""
        if not self.language.defines or len(self.text) > MOST_CHARACTERS:
            return frozenset()
        return frozenset(name for found in re.finditer(self.language.defines, self.text, re.MULTILINE) for name in found.groups() if name)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The words that may be names which it uses and does not define: no members, nothing in a text or a comment."""
        return frozenset(self._used()) - self.defines

    def _used(self) -> Iterator[str]:
        before = ""
        for token in self._tokens:
            if token[0] in '"`':
                yield from (word for found in _INTERPOLATED.finditer(token) for word in _WORD.findall(found[0]))
            elif before != "." and _WORD.fullmatch(token):
                yield token
            before = token[-1:] if token != ">" or before != "-" else "."  # `->` is PHP's and C's dot

    @property
    def has_star_import(self) -> bool:
        """Whether it imports names that it does not list; never, as far as it is asked here."""
        return False

    @cached_property
    def taken(self) -> tuple[str, ...]:
        """The files of the answer that it names as its modules, with their endings."""
        found = re.findall(self.language.takes, self.text, re.MULTILINE) if self.language.takes else []
        return tuple(name if "." in name.rpartition("/")[2] else name + self.language.ending for name in found)

    def with_endings(self, files: Collection[str]) -> str:
        """Return the text with the endings of the answer's files where it leaves them out in an `import`: Node wants them."""
        if self.language.name not in ("javascript", "typescript"):
            return self.text
        ending = self.language.ending

        def add(found: re.Match[str]) -> str:
            whole = posixpath.normpath(found["path"]) + ending in {*files, *map(posixpath.basename, files)}
            return f"{found['start']}{found['dots']}{found['path']}{ending if whole else ''}{found['quote']}"

        return _IMPORT.sub(add, self.text)

    @property
    def is_piece(self) -> bool:
        """Whether it is no program of its own, but a part of one."""
        return self.language.is_part(self.text)

    def is_part_of(self, other: OtherCode) -> bool:
        """Whether it occurs in the other; a shell's commands may be meant to run twice, unless it is the whole."""
        mine, others = (" \0 ".join(["", *code._tokens, ""]) for code in (self, other))
        return bool(self._tokens) and (mine == others if self.language.name == _SHELL else mine in others)


def read_other(language: str, text: str) -> OtherCode | None:
    """Return what is known about code in the language; None for Python and for languages that are not run here."""
    known = BY_NAME.get(language)
    return None if known is None or language == "python" else OtherCode(known, text)


def join_texts(language: str, texts: Sequence[str]) -> str:
    """Join programs of one language into one that runs them in order; what brings in the same thing again is left out."""
    seen: set[str] = set()
    defined: set[str] = set()
    parts: list[str] = []
    for text in texts:
        kept = [line for line in text.strip("\n").split("\n") if not (line.strip() in seen and _BRINGS_IN.match(line))]
        seen |= {line.strip() for line in kept}
        part = "\n".join(kept).strip("\n")
        code = read_other(language, part)
        names = code.defines if code else frozenset()
        # JavaScript knows a name only once in a scope.
        clashes = language in ("javascript", "typescript") and names & defined and not re.search(r"^(?:im|ex)port\b", part, re.MULTILINE)
        parts.append(f"{{\n{part}\n}}" if clashes else part)
        defined |= names
    return "\n\n".join(parts) + "\n"
