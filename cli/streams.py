"""The standard streams as the shell hands them over: each may be closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

from utils.text import sanitize


def tell(text: str) -> None:
    """Write a line on standard error, away from what a reader of standard output takes; nothing in it steers the terminal."""
    sys.stderr.write(f"{sanitize(text)}\n")
    sys.stderr.flush()


def print_out(text: str) -> None:
    """Write a line on standard output; nothing in it steers the terminal."""
    sys.stdout.write(f"{sanitize(text)}\n")
    sys.stdout.flush()


class _Forgiving(io.RawIOBase):
    """A stream that drops what it cannot write."""

    def __init__(self, stream: io.RawIOBase) -> None:
        """Take the stream that is written to: a file, or a Windows console."""
        self._stream = stream

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def write(self, data: Any, /) -> int:
        """Write the bytes, or drop them if that fails."""
        try:
            return self._stream.write(data) or 0
        except OSError:
            return len(data)


def open_streams() -> None:
    """Open the null device in place of each stream that is closed, and let standard error drop what it cannot write.

    The next file that is opened would take the number of a closed stream, and get what is printed. What cannot be said on standard error
    changes neither what happens nor the exit status.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = sys.stdout or io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    encoding = sys.stderr.encoding if sys.stderr else "utf-8"
    raw = getattr(getattr(sys.stderr, "buffer", None), "raw", None) or io.FileIO(2, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(_Forgiving(raw)), encoding=encoding, errors="backslashreplace", line_buffering=True)
