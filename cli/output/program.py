"""A running program on the screen: the head of its output as it comes, the tail at the end, and below it how long it has run."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection

from rich.text import Text

from cli.output.screen import EXECUTOR_STYLE, QUIET_STYLE, Screen
from utils.text import last_states, sanitize

HEAD_LINES = 60
TAIL_LINES = 20
MOST_CHARACTERS = 4000
"""How much of one line is shown."""
BAR = Text.assemble(("│ ", EXECUTOR_STYLE))


class ProgramView:
    """Shows the output of one program after another: HEAD_LINES of it, then TAIL_LINES, and how many lines are between them."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen to show on."""
        self._screen = screen
        self._start_over(0)
        self._running = False

    def _start_over(self, limit: int) -> None:
        self._running = True
        self._since = time.monotonic()
        self._limit = limit
        self._waits_for = ""
        self._lines = 0
        self._pending = ""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._is_whole = True

    def start(self, limit: int) -> None:
        """Start showing a program that may run for `limit` seconds."""
        self._start_over(limit)
        self.tick()

    def prepare(self, what: str) -> None:
        """Show that something is made ready first, or with "" that the program begins only now."""
        self._waits_for = what
        self._since = time.monotonic()
        self.tick()

    def feed(self, piece: str) -> None:
        """Show a piece of output."""
        *complete, self._pending = last_states(self._pending + piece).split("\n")
        self._add(complete)
        self.tick()

    def leave_out(self, count: int) -> None:
        """Note that so many further characters did not come, so that only the whole output knows how it ends."""
        self._is_whole &= not count

    def finish(self, whole: str = "") -> bool:
        """Show how the output ends, as its pieces or `whole` say; return whether anything was left out."""
        if not self._running:
            return False
        self._running = False
        self._screen.show()
        rest = [self._pending] if self._pending.rstrip("\r") else []
        if whole and not self._is_whole:
            self._lines = min(self._lines, HEAD_LINES)  # those that are on the screen
            rest = last_states(whole).removesuffix("\n").split("\n")[self._lines :]
            self._tail.clear()
        self._add(rest)
        between = self._lines - HEAD_LINES - len(self._tail)
        if between > 0:
            self._screen.print(BAR + Text(f"… {between:,} more line{'s' * (between > 1)}: /output", style=QUIET_STYLE))
        self._print(self._tail)
        return between > 0 or not self._is_whole

    def tick(self) -> None:
        """Show the row that is still being written, and the running time."""
        if not self._running:
            return
        seconds = time.monotonic() - self._since
        lines = f" · {self._lines:,} lines" if self._lines > HEAD_LINES else ""
        doing = f"preparing {self._waits_for} … {seconds:.0f} s" if self._waits_for else f"running {seconds:.0f} s of {self._limit} s"
        status = Text.assemble(BAR, (f"{doing}{lines} · Ctrl-C to stop", QUIET_STYLE))
        newest = self._pending or (self._tail[-1] if self._tail else "")
        self._screen.show(*([BAR + Text(_shown(newest))] if newest else []), status)

    def _add(self, lines: list[str]) -> None:
        room = max(0, HEAD_LINES - self._lines)
        self._lines += len(lines)
        self._print(lines[:room])
        self._tail.extend(lines[room:])

    def _print(self, lines: Collection[str]) -> None:
        if lines:
            self._screen.bar(BAR, *map(_shown, lines))


def _shown(line: str) -> str:
    line = line.rstrip("\r")
    more = len(line) - MOST_CHARACTERS
    return sanitize(line if more <= 0 else f"{line[:MOST_CHARACTERS]} … {more:,} more characters")
