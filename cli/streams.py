"""The standard streams as the shell hands them over: each may be closed, full, or read by nobody."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


class _Forgiving(io.FileIO):
    """A stream that drops what it cannot write."""

    def write(self, data: Any, /) -> int:
        """Write the bytes, or drop them if that fails."""
        try:
            return super().write(data) or 0
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
    stream = io.BufferedWriter(_Forgiving(2, "w", closefd=False))
    sys.stderr = io.TextIOWrapper(stream, encoding=encoding, errors="backslashreplace", line_buffering=True)
