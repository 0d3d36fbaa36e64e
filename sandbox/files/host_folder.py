"""Writes files into one folder of the host, never through a link and never half."""

from __future__ import annotations

import contextlib
import errno
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from sandbox.files.names import safe_name
from utils.platform import Folder

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
        with contextlib.closing(Folder.open(self.root)) as root:
            return PendingFile(passing_name, root.create(passing_name))

    def commit(self, pending: PendingFile, name: str) -> Path:
        """Give the file its relative name, making the folders on the way; a link or a pipe of that name is replaced, not followed."""
        pending.stream.close()
        if safe_name(name) != name:
            raise OSError(errno.EINVAL, "its name is not allowed", name)
        *folders, last = name.split("/")
        with contextlib.closing(Folder.open(self.root)) as root, _walk(root, folders, make=True) as folder:
            root.move(pending.passing_name, folder, last)
        return self.root / name

    def discard(self, pending: PendingFile) -> None:
        """Forget a file that was begun."""
        with contextlib.suppress(OSError):
            pending.stream.close()
        self.remove(pending.passing_name)

    def remove(self, name: str) -> None:
        """Remove the file of that relative name, if there is one."""
        *folders, last = name.split("/")
        with (
            contextlib.suppress(OSError),
            contextlib.closing(Folder.open(self.root)) as root,
            _walk(root, folders, make=False) as folder,
        ):
            folder.remove(last)


@contextlib.contextmanager
def _walk(root: Folder, folders: list[str], *, make: bool) -> Iterator[Folder]:
    here = root
    try:
        for name in folders:
            above, here = here, here.inner(name, make=make)
            if above is not root:
                above.close()
        yield here
    finally:
        if here is not root:
            here.close()


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
