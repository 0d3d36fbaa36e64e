"""The results of a batch: one line of JSON a task, each on disk before the next task is taken, whole whatever happens."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import AppError, UsageError
from utils.platform import BINARY, OPEN_FILES_STAY, lock, wait_writable

_PIECE = 4096  # bytes; a pipe that can be written takes so many without waiting


@dataclass(frozen=True)
class Done:
    """The newest result of one task in the file."""

    status: str
    task: int
    """The hash of the task's text."""


@dataclass
class Found:
    """What a file of results holds."""

    results: dict[int, Done] = field(default_factory=dict)
    """By the hash of the id."""
    unreadable: list[int] = field(default_factory=list)
    """Numbers of the lines that are no results."""
    torn: int = 0
    """Bytes of a last line that was not written to its end."""
    repeated: bool = False
    """Whether a task has more than one line; the last one counts."""


class Results:
    """Where results are written: a file of its own, or an open descriptor such as standard output."""

    def __init__(self, path: Path | None = None, descriptor: int = -1) -> None:
        """Take the file, which is opened and kept from other batches, or the descriptor. Raises UsageError."""
        self.path = path
        self.stop = threading.Event()
        """Set to wait no longer for whoever reads a pipe."""
        self._descriptor = descriptor if path is None else _open(path)
        self._is_file = stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def __enter__(self) -> Results:
        """Keep the file open until the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        if self.path is not None:
            os.close(self._descriptor)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written to the file."""
        return not self._is_file or os.fstat(self._descriptor).st_size == 0

    def append(self, result: Mapping[str, Any]) -> None:
        """Write one result as a whole line and wait until it is on disk; raises AppError, and then nothing of it is in the file."""
        line = json.dumps(result, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        size = os.fstat(self._descriptor).st_size
        try:
            if not self._is_file:
                self._send(line)
                return
            if os.write(self._descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except OSError as error:
            if self._is_file:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, size)
            place = str(self.path or "standard output")
            raise AppError(
                f"{place} cannot be written: {error.strerror}", "make room, or write elsewhere; --resume does the rest", kind="output"
            ) from error

    def _send(self, line: bytes) -> None:
        for start in range(0, len(line), _PIECE):
            while not wait_writable(self._descriptor, 0.2):
                if self.stop.is_set():
                    return
            piece = line[start : start + _PIECE]
            while piece:
                piece = piece[os.write(self._descriptor, piece) :]

    # --- A file that holds results from before

    def repair(self) -> Found:
        """Cut a torn last line, move what is no result to a file beside it, and say what is there. Raises UsageError."""
        found = self.scan()
        if found.torn:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - found.torn)
        if found.unreadable or found.repeated:
            self.settle()
        return found

    def scan(self) -> Found:
        """Read what the file holds, the newest result of each task."""
        found = Found()
        for number, line in self._lines():
            if not line.endswith(b"\n"):
                found.torn = len(line)
                continue
            result = _result(line)
            if result is None:
                found.unreadable.append(number)
                continue
            key = hash(result["id"])
            found.repeated = found.repeated or key in found.results
            found.results[key] = Done(result["status"], hash(result.get("task")))
        return found

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield every result in the file, in order."""
        return filter(None, (_result(line) for _, line in self._lines() if line.endswith(b"\n")))

    def settle(self) -> None:
        """Keep the newest result of each task only, and move what is no result to a file beside this one. Raises AppError."""
        assert self.path is not None
        newest: dict[int, int] = {}
        for number, line in self._lines():
            result = _result(line)
            if result is not None:
                newest[hash(result["id"])] = number
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            self._rewrite(fresh, newest)
            if OPEN_FILES_STAY:
                os.close(self._descriptor)
                self._descriptor = -1
            fresh.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                fresh.unlink()
            if self._descriptor < 0:
                self._descriptor = _open(self.path)
            raise AppError(
                f"{fresh} cannot be written: {error.strerror}", "make room; the results are as they were", kind="output"
            ) from error
        left, self._descriptor = self._descriptor, _open(self.path)
        if left >= 0:
            os.close(left)

    @property
    def aside(self) -> Path:
        """The file for lines that are no results."""
        assert self.path is not None
        return self.path.with_name(f"{self.path.name}.unreadable")

    def _rewrite(self, fresh: Path, newest: Mapping[int, int]) -> None:
        assert self.path is not None
        mode = stat.S_IMODE(os.fstat(self._descriptor).st_mode)
        with fresh.open("wb") as kept, contextlib.ExitStack() as stack:
            aside = None
            for number, line in self._lines():
                result = _result(line)
                if result is None:
                    aside = aside or stack.enter_context(self.aside.open("ab"))
                    aside.write(line)
                elif newest[hash(result["id"])] == number:
                    kept.write(line)
            for stream in filter(None, (aside, kept)):
                stream.flush()
                os.fsync(stream.fileno())
        fresh.chmod(mode)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        if self.path is None or not self._is_file:
            return
        with self.path.open("rb") as source:
            yield from enumerate(source, 1)


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | BINARY, 0o666)
    except OSError as error:
        raise UsageError(f"--output {path}: {error.strerror}", "name a file that can be written", kind="usage") from error
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        try:
            lock(descriptor)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UsageError(f"--output {path}: another batch is writing it", "wait for it, or name another file", kind="usage") from error
        except OSError:  # a network folder without locks
            pass
    return descriptor


def _result(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and isinstance(found.get("id"), str) and isinstance(found.get("status"), str)
    return found if whole else None
