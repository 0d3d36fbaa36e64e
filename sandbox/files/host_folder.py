"""Writes files into one folder of the host, never through a link and never half."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


_PASSING = re.compile(r"\.[0-9a-f]{32}\.part")
_STALE_SECONDS = 3600  # a file is written within a minute or two; one that is older belongs to a process that was killed


@dataclass
class PendingFile:
    """A file being written under a passing name."""

    passing_name: str
    stream: BinaryIO


class HostFolder:
    """One folder of the host. The folder itself may be a link that the user made; no link below it is followed."""

    def __init__(self, root: Path) -> None:
        """Take the folder; it must exist when something is written."""
        self.root = root

    def write(self, name: str, data: bytes) -> Path:
        """Store the data under the relative name, replacing what has that name; OSError if that is not possible."""
        pending = self.begin()
        try:
            pending.stream.write(data)
            return self.commit(pending, name)
        except OSError:
            self.discard(pending)
            raise

    def begin(self) -> PendingFile:
        """Open a new file under a passing name."""
        passing_name = f".{uuid4().hex}.part"
        with self._open_root() as root:
            file = os.open(passing_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=root)
        return PendingFile(passing_name, os.fdopen(file, "wb"))

    def commit(self, pending: PendingFile, name: str) -> Path:
        """Give the file its relative name, making the folders on the way; a link or a pipe of that name is replaced, not followed."""
        pending.stream.close()
        *folders, last = name.split("/")
        with self._open_root() as root, self._walk(root, folders) as folder:
            os.rename(pending.passing_name, last, src_dir_fd=root, dst_dir_fd=folder)
        return self.root / name

    def discard(self, pending: PendingFile) -> None:
        """Forget a file that was begun."""
        with contextlib.suppress(OSError):
            pending.stream.close()
        self.remove(pending.passing_name)

    def remove(self, name: str) -> None:
        """Remove the file of that relative name, if there is one."""
        *folders, last = name.split("/")
        with contextlib.suppress(OSError), self._open_root() as root, self._walk(root, folders, make=False) as folder:
            os.unlink(last, dir_fd=folder)

    @contextlib.contextmanager
    def _open_root(self) -> Iterator[int]:
        root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield root
        finally:
            os.close(root)

    @contextlib.contextmanager
    def _walk(self, root: int, folders: list[str], make: bool = True) -> Iterator[int]:
        here = os.dup(root)
        try:
            for name in folders:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o755, dir_fd=here)
                deeper = os.open(name, _FOLDER, dir_fd=here)
                os.close(here)
                here = deeper
            yield here
        finally:
            os.close(here)


def remove_stale(sessions: Path) -> int:
    """Remove the half-written files that killed processes left in the folders of sessions; return how many. Never raises."""
    removed = 0
    with contextlib.suppress(OSError):
        for folder in sessions.iterdir():
            for file in folder.glob(".*.part") if folder.is_dir() and not folder.is_symlink() else ():
                with contextlib.suppress(OSError):
                    seen = file.lstat()
                    if _PASSING.fullmatch(file.name) and stat.S_ISREG(seen.st_mode) and time.time() - seen.st_mtime > _STALE_SECONDS:
                        file.unlink()
                        removed += 1
    return removed
