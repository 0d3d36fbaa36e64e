"""How much room is left on the disk of an engine that runs on this machine: programs must not fill it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import docker

from utils.docker_utils import ENGINE_FAILURES
from utils.platform import free_room, kernel_here

_FLOOR_BYTES = 2 * 1024**3
_FLOOR_FILES = 100_000


@dataclass(frozen=True)
class Room:
    """What is free on a file system."""

    bytes: int
    files: int  # how many more it can hold; a file system that does not count them says 0 at all times

    def floor(self) -> Room:
        """Return what a program must leave free that starts now: a fixed amount, or half of what is free if that is less."""
        return Room(min(_FLOOR_BYTES, self.bytes // 2), min(_FLOOR_FILES, self.files // 2))

    def is_under(self, floor: Room) -> bool:
        """Whether less is free than the floor."""
        return self.bytes < floor.bytes or self.files < floor.files


def engines_folder(client: docker.APIClient) -> Path | None:
    """Return the folder in which an engine of this machine keeps containers; None for an engine elsewhere, in a virtual machine, say."""
    try:
        info = client.info()
        folder = Path(info["DockerRootDir"])
        is_here = client.base_url.startswith("http+docker://local") and (info["Name"], info["KernelVersion"]) == kernel_here()
        return folder if is_here and look(folder) is not None else None
    except ENGINE_FAILURES + (KeyError,):
        return None


def look(folder: Path) -> Room | None:
    """Return what is free on the folder's file system; None if that cannot be seen."""
    try:
        seen = free_room(folder)
    except OSError:
        return None
    return Room(*seen) if seen else None
