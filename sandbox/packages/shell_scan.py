"""Finds the simple commands of a shell script without running or expanding anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HERE = re.compile(r"<<-?[ \t]*(?:'([^'\n]*)'|\"([^\"\n]*)\"|\\?([^\s;&|<>()'\"]+))")
_BREAKS = ";|()\n"


@dataclass(frozen=True)
class Simple:
    """A simple command: where it is in the script, and whether the shell would replace a part of it before it runs."""

    start: int
    end: int
    expands: bool


def simple_commands(script: str) -> Iterator[Simple]:
    """Yield the simple commands in order. Texts of here-documents, comments and what is in $(...) or backticks hold none."""
    return _Scanner(script).scan()


def ends_in_here_document(script: str) -> bool:
    """Whether the script breaks off before the line that ends a here-document."""
    scanner = _Scanner(script)
    for _ in scanner.scan():
        pass
    return scanner.document_open


class _Scanner:
    def __init__(self, script: str) -> None:
        self.script = script
        self.at = 0
        self.begin = 0
        self.expands = False
        self.here: list[str] = []  # delimiters of the here-documents that begin at the next line
        self.document_open = False

    def scan(self) -> Iterator[Simple]:
        while self.at < len(self.script):
            char = self.script[self.at]
            if char == "#" and self._word_starts():
                yield from self._end()
                self.at = self._line_end()
                self.begin = self.at
            elif char in _BREAKS or (char == "&" and not self._redirects()):
                yield from self._end()
                self.at += 1
                if char == "\n":
                    self._skip_here_documents()
                self.begin = self.at
            else:
                self._step(char)
        yield from self._end()

    def _end(self) -> Iterator[Simple]:
        if self.script[self.begin : self.at].strip():
            yield Simple(self.begin, self.at, self.expands)
        self.expands = False

    def _step(self, char: str) -> None:
        """Go past one character, or past what belongs together with it."""
        if char == "\\":
            self.at += 2
        elif char == "'":
            self._past(self.script.find("'", self.at + 1))
        elif char == '"':
            self._double_quotes()
        elif char in "$`":
            self.expands = True
            self._expansion(char)
        elif char == "<" and self._here_document():
            pass
        else:
            self.at += 1

    def _past(self, found: int) -> None:
        # What is never closed goes on to the end: nothing behind it is a command.
        self.at = len(self.script) if found < 0 else found + 1

    def _double_quotes(self) -> None:
        self.at += 1
        while self.at < len(self.script):
            char = self.script[self.at]
            if char == '"':
                self.at += 1
                return
            if char == "\\":
                self.at += 2
            elif char in "$`":
                self.expands = True
                self._expansion(char)
            else:
                self.at += 1

    def _expansion(self, char: str) -> None:
        if char == "`":
            self._past(self.script.find("`", self.at + 1))
        elif self.script.startswith(("$(", "${"), self.at):
            opening, closing = self.script[self.at + 1], ")" if self.script[self.at + 1] == "(" else "}"
            self.at += 2
            depth = 1
            while self.at < len(self.script) and depth:
                depth += (self.script[self.at] == opening) - (self.script[self.at] == closing)
                self.at += 1
        elif self.script.startswith("$'", self.at):
            found = re.compile(r"(?:[^'\\]|\\.)*'", re.DOTALL).match(self.script, self.at + 2)
            self._past(found.end() - 1 if found else -1)
        else:
            self.at += 1

    def _here_document(self) -> bool:
        if self.script.startswith("<<<", self.at):
            self.at += 3
            return True
        match = _HERE.match(self.script, self.at)
        if match is None:
            return False
        self.here.append(next(group for group in match.groups() if group is not None))
        self.at = match.end()
        return True

    def _skip_here_documents(self) -> None:
        while self.here:
            delimiter = self.here.pop(0)
            self.document_open = True
            while self.at < len(self.script) and self.document_open:
                end = self._line_end()
                line = self.script[self.at : end]
                self.at = end + 1
                self.document_open = line.lstrip("\t") != delimiter

    def _word_starts(self) -> bool:
        return self.at == self.begin or self.script[self.at - 1] in " \t\n;&|("

    def _redirects(self) -> bool:
        return self.script[self.at - 1 : self.at] in (">", "<") or self.script.startswith("&>", self.at)

    def _line_end(self) -> int:
        end = self.script.find("\n", self.at)
        return len(self.script) if end < 0 else end
