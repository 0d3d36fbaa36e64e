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
_LONGEST_STATEMENT = 400  # characters
_LONGEST_DECLARATION = 60  # words and signs
_DECLARES = frozenset(
    """
    const let var my our local function def class fn func struct type interface enum trait for foreach catch lambda sub read
    """.split()  # noqa: SIM905  # lines of quotes say no more
)
_DECLARATIONS = re.compile(r"^(?:export[ \t]+)?(?:const|let|var|my|our|local)[ \t]+([^=;\n]*)", re.MULTILINE)
# What ends a program at its outermost level; a shell's `exit` at any.
_ENDS = {
    False: re.compile(r"^(?:exit\b|quit\b|q\(|__END__|__DATA__|process\.exit|throw\b|die\b|abort\b|os\.exit)", re.MULTILINE),
    True: re.compile(r"\b(?:exit|exec)\b"),
}
# What changes how all of a program is read or run.
_RULES = re.compile(
    r"""^[ \t]*(['"]use strict['"]|use strict\b|set -\w+|namespace\b[^\n]*|declare\s*\([^\n]*|# frozen_string_literal[^\n]*)""",
    re.MULTILINE,
)
_ESM = re.compile(r"^(?:import\b[^(]|export\b)", re.MULTILINE)
_REQUIRES = re.compile(r"\brequire\s*\(|\bmodule\.exports\b")
_FIRST_IN_C = re.compile(r"#include\b|using namespace\b")


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
    def binds(self) -> frozenset[str]:
        """The names that it gives a meaning of its own at any depth: what it declares and assigns, parameters, keys."""
        tokens = self._tokens
        found: set[str] = set()
        for at, token in enumerate(tokens):
            after, before = tokens[at + 1 : at + 3], tokens[at - 1] if at else ""
            if token in _DECLARES:
                found.update(_declared(tokens, at + 1))
            elif _WORD.fullmatch(token) and _is_bound(before, after):
                found.add(token)
        return frozenset(found | self.defines_anywhere)

    @cached_property
    def defines_anywhere(self) -> frozenset[str]:
        """The names that it defines at any depth, such as methods and inner classes."""
        flat = "\n".join(map(str.lstrip, self.text.split("\n")))
        return self.defines | (OtherCode(self.language, flat).defines if flat != self.text else frozenset())

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that it uses and does not bind: no members, nothing in a text or a comment."""
        return frozenset(self._used()) - self.binds

    def _used(self) -> Iterator[str]:
        before = ""
        for token in self._tokens:
            if token[0] in '"`':
                yield from (word for found in _INTERPOLATED.finditer(token) for word in _WORD.findall(found[0]))
            elif before != "." and _WORD.fullmatch(token):
                yield token
            before = token[-1:] if token != ">" or before != "-" else "."  # `->` is PHP's and C's dot

    @cached_property
    def top_names(self) -> frozenset[str]:
        """The names of its outermost level that must not come twice in one program."""
        lines = (found[1] for found in _DECLARATIONS.finditer(self.text))
        return self.defines | {word for line in lines for word in _WORD.findall(line)}

    def can_go_on_from(self, other: OtherCode) -> bool:
        """Whether it would do behind the other what it does by itself: nothing there ends the program or changes the rules."""
        if _ENDS[self.language.name == _SHELL].search(other.text) or self.top_names & other.top_names:
            return False
        if {each.strip() for each in _RULES.findall(self.text)} != {each.strip() for each in _RULES.findall(other.text)}:
            return False
        kinds = {bool(_ESM.search(code.text)) for code in (self, other) if _ESM.search(code.text) or _REQUIRES.search(code.text)}
        return len(kinds) < 2

    @cached_property
    def taken(self) -> dict[str, frozenset[str]]:
        """The files that it names as its modules, with their endings, and the plain names that it may want of each."""
        found: dict[str, frozenset[str]] = {}
        for each in re.finditer(self.language.takes, self.text, re.MULTILINE) if self.language.takes else ():
            path = each[1]
            name = path if "." in path.rpartition("/")[2] else path + self.language.ending
            statement = re.split(r"[;\n](?![^{]*\})", self.text[max(0, each.start() - _LONGEST_STATEMENT) : each.start()])[-1]
            words = [*_WORD.findall(statement), posixpath.splitext(posixpath.basename(name))[0]]
            found[name] = found.get(name, frozenset()) | {plain_name(word) for word in words}
        return found

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
    def brings_in(self) -> bool:
        """Whether one of its lines brings in something from elsewhere."""
        return any(map(_BRINGS_IN.match, self.text.split("\n")))

    @property
    def only_brings_in(self) -> bool:
        """Whether all of its lines do."""
        return all(_BRINGS_IN.match(line) for line in self.text.split("\n") if line.strip())

    @property
    def is_unopened(self) -> bool:
        """Whether it is PHP without the `<?php` that makes it a program; a page may do without one."""
        return self.language.name == "php" and "<?" not in self.text and not self.text.lstrip().startswith("<")

    @property
    def is_piece(self) -> bool:
        """Whether it is no program of its own, but a part of one."""
        return self.language.is_part(self.text)

    def is_part_of(self, other: OtherCode) -> bool:
        """Whether it occurs in the other; a shell's commands may be meant to run twice, unless it is the whole."""
        mine, others = (" \0 ".join(["", *code._tokens, ""]) for code in (self, other))
        return bool(self._tokens) and (mine == others if self.language.name == _SHELL else mine in others)


def plain_name(name: str) -> str:
    """Return a name as it is the same in every style: `user_store` and `UserStore` alike."""
    return name.replace("_", "").replace("-", "").lower()


def read_other(language: str, text: str) -> OtherCode | None:
    """Return what is known about code in the language; None for Python and for languages that are not run here."""
    known = BY_NAME.get(language)
    return None if known is None or language == "python" else OtherCode(known, text)


def join_texts(language: str, texts: Sequence[str]) -> str:
    """Join programs of one language into one that runs them in order; what brings in the same thing again is left out."""
    seen: set[str] = set()
    parts: list[str] = []
    for number, text in enumerate(texts):
        if language == "php":
            text = re.sub(r"\?>\s*\Z", "", text if number == 0 else re.sub(r"\A\s*<\?php\b", "", text))
        elif language == "lua" and number < len(texts) - 1:
            text = re.sub(r"^return[ \t]+\w+\s*\Z", "", text, flags=re.MULTILINE)  # what it would hand to who requires it
        kept = [line for line in text.strip("\n").split("\n") if not (line.strip() in seen and _brings_in(line))]
        seen |= {line.strip() for line in kept}
        parts.append("\n".join(kept).strip("\n"))
    if language in ("c", "c++"):
        lines = [line for part in parts for line in part.split("\n")]
        first = list(dict.fromkeys(line for line in lines if _FIRST_IN_C.match(line)))
        parts = ["\n".join(first), *("\n".join(line for line in part.split("\n") if line not in first).strip("\n") for part in parts)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _brings_in(line: str) -> bool:
    return _BRINGS_IN.match(line) is not None and all(line.count(left) == line.count(right) for left, right in ("{}", "()"))


def _is_bound(before: str, after: Sequence[str]) -> bool:
    """Whether a word between these signs is assigned, a parameter or a key."""
    if tuple(after) in ((":", "="), ("<", "-")) or (before == "|" and after[:1] in (("|",), (",",))) or (before, *after[:1]) == (",", "|"):
        return True
    if after[:1] == ("=",):
        return after[1:] not in (("=",), ("~",)) and before not in ("=", "!", ".")
    return after[:1] == (":",) and after[1:] != (":",) and before in ("{", ",", "(")


def _declared(tokens: Sequence[str], at: int) -> Iterator[str]:
    """Yield the words of a declaration, up to what it is set to or to its body."""
    depth = 0
    for token in tokens[at : at + _LONGEST_DECLARATION]:
        depth += (token in "([{") - (token in ")]}")
        if token in ("=", ";", "in", "of") or depth < 0 or (token == "{" and at and tokens[at] != "{"):
            return
        if _WORD.fullmatch(token):
            yield token
        if depth == 0 and token in ")}":
            return
