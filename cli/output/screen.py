"""The screen: lines that stay in the scrollback, and below them a few transient rows."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from cli.output.wrapping import columns, fitting, fold, wrap
from utils.platform import takes_control_codes
from utils.text import sanitize

NAME_STYLE = "bold"
QUIET_STYLE = "dim"
GOOD_STYLE = "green"
BAD_STYLE = "red"
WARNING_STYLE = "yellow"
GENERATOR_STYLE = "blue"
EXECUTOR_STYLE = "magenta"
OTHER_STYLE = "cyan"
"""Of any further agent."""


class Screen:
    """Writes to a terminal, or without control codes to anything else.

    Every line is printed once and stays in the scrollback: nothing is redrawn, so nothing flickers or is lost if it is taller than the
    window. The rows that change (the line being written, a status) come below and are erased before the next line is printed.
    """

    def __init__(self, stream: TextIO, *, control_codes: bool, colors: bool = True) -> None:
        """Take the stream, whether it is a terminal that may get control codes, and whether colours may be among them."""
        self.control_codes = control_codes
        self.colors = control_codes and colors
        self._stream = stream
        self.is_terminal = control_codes or stream.isatty()
        """Whether rows have to be broken."""
        self._shown: list[int] = []  # columns of each transient row on the screen now
        self._transient: Sequence[Text] = ()
        self._console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="standard",
            no_color=not colors,
            highlight=False,
            emoji=False,
            markup=False,
            legacy_windows=False,
        )

    @property
    def width(self) -> int:
        """Columns of the terminal, at least 20; 80 if the width is unknown."""
        if not self.is_terminal:
            return 80
        try:
            return max(20, os.get_terminal_size(self._stream.fileno()).columns)
        except (OSError, ValueError):
            return 80

    def print(self, *lines: Text | str) -> None:
        """Print lines for good and unbroken, however long: what is meant to be copied."""
        self._write("".join(self._rendered(_safe(line)) for line in lines))

    def say(self, *lines: Text | str, indent: int | None = None) -> None:
        """Print sentences for good, broken between words on a terminal; `indent` is that of the rows after the first, see wrap()."""
        room = self._room()
        self.print(*(row for line in lines for row in wrap(_safe(line), room, indent)))

    def bar(self, mark: Text, *lines: Text | str) -> None:
        """Print lines of somebody else's for good, with a mark before each row, so that nothing in them can pass for a line of ours."""
        room = self._room() - columns(mark.plain)
        parts = [part for line in lines for part in _safe(line).split("\n", allow_blank=True)]
        rows = [mark + row for part in parts for row in (fold(part, room) if self.is_terminal else [part])]
        for row in rows if self.is_terminal else ():
            row.rstrip()
        self.print(*rows)

    def show(self, *rows: Text | str) -> None:
        """Replace the transient rows below everything printed; without control codes, show nothing."""
        self._transient = [_safe(row) for row in rows]
        if self.control_codes:
            self._write("")

    def send(self, sequence: str) -> None:
        """Send the terminal a sequence of ours that shows nothing; nothing is sent without control codes."""
        if self.control_codes:
            self.raw(sequence)

    def raw(self, text: str) -> None:
        """Write text unchanged."""
        self._stream.write(text)
        self._stream.flush()

    def picture(self, sequence: str) -> None:
        """Write a picture, as a sequence that the terminal has said it understands."""
        self._write(f"{sequence}\n")

    def _room(self) -> int:
        return self.width - 1 if self.is_terminal else sys.maxsize

    def _write(self, text: str) -> None:
        if not self.control_codes:
            self.raw(text)
            return
        width = self.width
        rows = [_one_row(row, width - 1) for row in self._transient]
        shown = "\r\n".join(self._rendered(row).rstrip("\n") for row in rows)
        erased = self._erased(width)
        self._shown = [columns(row.plain) for row in rows]
        self.raw(erased + text + shown)  # a single write, so that the terminal never shows the state in between

    def _erased(self, width: int) -> str:
        """Return what erases the transient rows; a window that became narrower has broken each into several."""
        rows = sum(max(1, -(-used // width)) for used in self._shown)
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (rows - 1) if rows else ""

    def _rendered(self, text: Text) -> str:
        if not self.control_codes:
            return text.plain + "\n"
        with self._console.capture() as rendered:
            self._console.print(text, soft_wrap=True, crop=False)
        return rendered.get()


def _safe(line: Text | str) -> Text:
    """Return the line as a text that cannot steer the terminal; a line that was clean already keeps its styles."""
    text = line if isinstance(line, Text) else Text(line)
    plain = sanitize(text.plain)
    return text if plain == text.plain else Text(plain, style=text.style)


def _one_row(row: Text, room: int) -> Text:
    """Return the row cut to the room, however the terminal shows its characters."""
    row = row[: max(1, room * 4)]  # nobody would see the rest, and measuring takes time
    row.expand_tabs(8)
    row.plain = row.plain.replace("\n", " ")
    return row if columns(row.plain) <= room else row[: fitting(row.plain, room)].append("…")


def open_screen(*, no_color: bool) -> Screen:
    """Make the screen on standard output; control codes only if it is a terminal that takes them, colours only if the user wants them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale that cannot say ✔ must not end the session.
            stream.reconfigure(errors="replace")
    return Screen(sys.stdout, control_codes=takes_control_codes(sys.stdout), colors=not (no_color or os.environ.get("NO_COLOR")))
