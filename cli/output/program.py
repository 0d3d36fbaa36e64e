"""A running program on the screen: its output as it comes, and below it how long it has run."""

from __future__ import annotations

import time

from rich.text import Text

from cli.output.screen import QUIET_STYLE, Screen
from utils.text import StreamSanitizer

MOST_CHARACTERS = 65536
_BAR = "│ "


class ProgramView:
    """Shows the output of one program after another, each up to MOST_CHARACTERS, and says how much was left out."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen to show on."""
        self._screen = screen
        self._running = False
        self._since = 0.0
        self._limit = 0
        self._pending = ""
        self._shown = 0
        self._left_out = 0
        self._sanitizer = StreamSanitizer()

    def start(self, limit: int) -> None:
        """Start showing a program that may run for `limit` seconds."""
        self._running = True
        self._since = time.monotonic()
        self._limit = limit
        self._pending = ""
        self._shown = self._left_out = 0
        self._sanitizer = StreamSanitizer()
        self.tick()

    def feed(self, piece: str) -> None:
        """Show a piece of output."""
        self._add(self._sanitizer.feed(piece))

    def leave_out(self, count: int) -> None:
        """Count characters that are not shown."""
        self._left_out += count

    def finish(self) -> None:
        """Show the rest of the output, and how much was left out."""
        if not self._running:
            return
        self._add(self._sanitizer.finish())
        self._running = False
        self._screen.show()
        if self._pending:
            self._print([self._pending])
            self._pending = ""
        if self._left_out:
            self._screen.print(Text(f"{_BAR}… {self._left_out:,} more characters are not shown", style=QUIET_STYLE))

    def tick(self) -> None:
        """Show the row that is still being written, and the running time."""
        if not self._running:
            return
        seconds = time.monotonic() - self._since
        status = Text(f"{_BAR}running {seconds:.0f} s of {self._limit} s · Ctrl-C to stop", style=QUIET_STYLE)
        if self._pending:
            self._screen.show(Text(_BAR + self._pending), status)
        else:
            self._screen.show(status)

    def _add(self, text: str) -> None:
        room = MOST_CHARACTERS - self._shown
        self._shown += min(len(text), room)
        self._left_out += max(0, len(text) - room)
        *complete, self._pending = (self._pending + text[:room]).split("\n")
        if complete:
            self._print(complete)

    def _print(self, lines: list[str]) -> None:
        self._screen.print(*(Text.assemble((_BAR, QUIET_STYLE), line) for line in lines))
