"""What the tests of cli/ share: a terminal and what it shows, sentences to look for, and texts that steer terminals."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios
import unicodedata
from collections.abc import Iterator

import pyte
from pyte.modes import LNM

from cli.output.screen import Screen

QUESTION = "Type APPROVE to"
GATE = "Enter to run it, e to edit it first"
CONTRACT = "Run this?"
PACKAGES = "y to install"
OURS = re.compile(r"\x1b\[[0-9;]*m|\r?\x1b\[2K|\x1b\[1A|\r\n")
PALETTE = {0, 1, 2, 3, 4, 9, 22, 23, 24, 29, 39, 49, *range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)}
HOSTILE = [
    "\x1b[38;5;196mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;ZWNobw==\x07",
    "\x1bPq#0\x1b\\",
    "\x1b[2J\x1b[H\x1b[3J",
    "\x1b[?1049h\x1b[6n\x1bc",
    "\x9b31m\x9d0;title\x9c",
    "\x00\x05\x07\x08\x0b\x0c\x0e\x0f\x7f\x84\x85",
    "a\r\nb\rc",
    "\u202eexe.txt\u202c \u2066x\u2069 \u200f",
    "\u200b\u200d\ufeff\u2028\u2029\ufe0f\U000e0041",
    "\ud83d\udc80",
]


class TerminalStream(io.StringIO):
    """Keeps what is written, and has the size of a terminal."""

    def __init__(self, columns: int = 80) -> None:
        super().__init__()
        self._master, self._slave = pty.openpty()
        self.resize(columns)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def fileno(self) -> int:
        return self._slave

    def isatty(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            os.close(self._master)
            os.close(self._slave)
        super().close()

    def __del__(self) -> None:
        self.close()


def terminal(columns: int = 80) -> tuple[Screen, TerminalStream]:
    stream = TerminalStream(columns)
    return Screen(stream, control_codes=True), stream


def pipe() -> tuple[Screen, io.StringIO]:
    stream = io.StringIO()
    return Screen(stream, control_codes=False), stream


def shown(written: str, columns: int = 80, rows: int = 24) -> list[str]:
    """Return what a terminal shows of what was written, the scrollback first, without blanks at the ends of lines."""
    history = pyte.HistoryScreen(columns, rows, history=10000)
    history.set_mode(LNM)
    # The emulator drops what follows a joiner; without joiners it shows each emoji by itself, as the simplest terminals do.
    pyte.Stream(history).feed(re.sub("[\u200d\ufe0f]", "", written))
    above = ["".join(row[column].data for column in range(columns)).rstrip() for row in history.history.top]
    lines = [*above, *(line.rstrip() for line in history.display)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def steers(text: str) -> list[str]:
    """Return the characters of the text that control a terminal, hide, or turn text around."""
    kept = set("\n\t") | set("\ufe0f\u200d")
    return [c for c in text if c not in kept and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def assert_only_ours(written: str) -> None:
    """Check that nothing but our own sequences, in the sixteen colours of the palette, reaches the terminal."""
    assert steers(OURS.sub("", written)) == []
    assert_palette(written)


def assert_palette(written: str) -> None:
    """Check that all colours are of the sixteen that a light and a dark terminal show readably alike."""
    for parameters in re.findall(r"\x1b\[([0-9;]*)m", written):
        assert {int(number or 0) for number in parameters.split(";")} <= PALETTE


def assert_plain(written: str) -> None:
    """Check that no control code is in it at all."""
    assert steers(written) == []


def splits(text: str) -> Iterator[list[str]]:
    """Yield the text in two pieces, split at every point, and character by character."""
    yield list(text)
    yield from ([text[:at], text[at:]] for at in range(len(text) + 1))


def folded(line: str, columns: int) -> list[str]:
    """Return the rows into which a terminal breaks a line of ASCII."""
    return [line[start : start + columns].rstrip() for start in range(0, len(line), columns)] or [""]
