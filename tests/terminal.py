"""A pseudo-terminal that runs the whole program and shows what a user would see, rendered by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

ROOT = Path(__file__).parent.parent
ENTER = "\r"
CTRL_C = "\x03"
CTRL_D = "\x04"


def program_environment(**changes: str) -> dict[str, str]:
    """Return an environment for the program: this one without keys and model settings, and with the changes."""
    dropped = ("OPENAI", "ANTHROPIC", "AZURE", "MODEL", "NO_COLOR", "SANDBOX_TIMEOUT", "MAX_RETRIES", "CONFIRM_RUN")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": "", "LINES": "", **changes}


class Terminal:
    """The program on a pseudo-terminal of so many columns and rows; use it as a context manager."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, *, columns: int = 80, rows: int = 40) -> None:
        self.bytes = b""
        self.started = self.read_at = time.monotonic()  # read_at: when the newest bytes were read
        self.history = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self._emulator = pyte.ByteStream(self.history)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        clean = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=clean,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C on it is a SIGINT
        )
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def line(self, text: str) -> None:
        self.type(text + ENTER)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window wider or narrower; the kernel tells the program."""
        self.history.resize(rows, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def pump(self, seconds: float) -> bool:
        """Read what comes within the time; False at the end of the program's output."""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.read_at = time.monotonic()
        if not data:
            return False
        self.bytes += data
        self._emulator.feed(data)
        if b"\x1b[6n" in data:  # prompt_toolkit asks where the cursor is; a terminal answers
            self.type(f"\x1b[{self.history.cursor.y + 1};{self.history.cursor.x + 1}R")
        return True

    def text(self) -> str:
        """Return everything that was shown, the scrollback first, without trailing blanks."""
        columns = range(self.history.columns)
        above = ["".join(row[column].data for column in columns).rstrip() for row in self.history.history.top]
        return "\n".join([*above, *(line.rstrip() for line in self.history.display)]).rstrip()

    def wait_for(self, text: str, seconds: float = 20.0, *, times: int = 1) -> float:
        """Wait until the text is shown so many times; return the seconds since the start. Fails with the screen."""
        deadline = time.monotonic() + seconds
        while self.text().count(text) < times:
            if time.monotonic() > deadline or not self.pump(0.05):
                raise AssertionError(f"{text!r} was not shown {times} times; the screen:\n{self.text()}")
        return time.monotonic() - self.started

    def at_prompt(self) -> bool:
        """Whether the cursor stands behind an empty prompt."""
        line = self.history.display[self.history.cursor.y]
        return line.startswith("› ") and self.history.cursor.x == 2

    def wait_for_prompt(self, seconds: float = 20.0) -> None:
        """Wait until the program asks for a line. Fails with the screen."""
        deadline = time.monotonic() + seconds
        while not self.at_prompt():
            if time.monotonic() > deadline or not self.pump(0.05):
                raise AssertionError(f"there is no prompt; the screen:\n{self.text()}")

    def seconds_to_prompt(self, keys: str) -> float:
        """Type the keys while something runs, and return the seconds until the prompt is back."""
        assert not self.at_prompt()
        began = time.monotonic()
        self.type(keys)
        self.wait_for_prompt()
        return time.monotonic() - began

    def wait_for_exit(self, seconds: float = 10.0) -> int:
        """Wait until the program has left; return its exit status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.pump(0.05) and self.process.poll() is None:
            pass
        while self.pump(0.0) and select.select([self._master], [], [], 0.0)[0]:
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))
