"""The screen: lines that stay in the scrollback, and below them at most a few rows that come and go."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from utils.text import sanitize

NAME_STYLE = "bold"
QUIET_STYLE = "dim"
GOOD_STYLE = "green"
BAD_STYLE = "red"


class Screen:
    """Writes to the terminal, or without any control code where there is none.

    What was said is printed once and stays in the scrollback: nothing is redrawn, so nothing flickers or is lost when it is taller than
    the window. The rows that change (the line being written, a status) stand below it and are erased before the next line is printed.
    """

    def __init__(self, stream: TextIO, *, control_codes: bool) -> None:
        """Take the stream, and whether it is a terminal that may get control codes."""
        self.control_codes = control_codes
        self._stream = stream
        self._rows = 0
        self._transient: Sequence[Text] = ()

    @property
    def width(self) -> int:
        """Columns of the terminal, at least 20; 80 where it is not known."""
        if not self.control_codes:
            return 80
        try:
            return max(20, os.get_terminal_size(self._stream.fileno()).columns)
        except (OSError, ValueError):
            return 80

    def print(self, *lines: Text | str) -> None:
        """Print the lines for good; plain strings are sanitized first."""
        self._write("".join(self._rendered(line) for line in lines))

    def show(self, *rows: Text | str) -> None:
        """Show the rows below everything printed, in place of those shown before; without control codes nothing is shown."""
        self._transient = [row if isinstance(row, Text) else Text(sanitize(row)) for row in rows]
        if self.control_codes:
            self._write("")

    def raw(self, text: str) -> None:
        """Write sanitized text as it is, for screens without control codes."""
        self._stream.write(text)
        self._stream.flush()

    def _write(self, text: str) -> None:
        if not self.control_codes:
            self._stream.write(text)
            self._stream.flush()
            return
        erase = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (self._rows - 1) if self._rows else ""
        rows = [self._rendered(row, fit=True).rstrip("\n") for row in self._transient]
        self._rows = len(rows)
        # One write, so that the terminal never shows the state in between.
        self._stream.write(erase + text + "\r\n".join(rows))
        self._stream.flush()

    def _rendered(self, line: Text | str, *, fit: bool = False) -> str:
        text = line if isinstance(line, Text) else Text(sanitize(line))
        if not self.control_codes:
            return text.plain + "\n"
        width = self.width
        if fit:
            text = text.copy()
            text.truncate(width - 1, overflow="ellipsis")
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            force_terminal=True,
            width=width,
            color_system="standard",
            highlight=False,
            emoji=False,
            markup=False,
            legacy_windows=False,
        )
        console.print(text, soft_wrap=not fit, no_wrap=fit, crop=False)
        return buffer.getvalue()


def open_screen(*, no_color: bool) -> Screen:
    """Make the screen on standard output; control codes only for a terminal that takes them and a person who wants them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale that cannot say ✔ must not end the session.
            stream.reconfigure(errors="replace")
    refused = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
    return Screen(sys.stdout, control_codes=sys.stdout.isatty() and not refused)
