"""Watches how much a running program takes of the engine's disk: most engines cannot limit that themselves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

import docker

from sandbox.engine.room import Room
from sandbox.idle_watch import Either
from sandbox.verdicts import TOO_MUCH
from utils.docker_utils import ENGINE_FAILURES

_ROOM_SECONDS = 0.2  # between two looks at the free room, which cost next to nothing
_SIZE_SECONDS = 2.0  # between two looks at the size of the container's layer, each of which takes milliseconds where there are few files
_MANY_SECONDS = 0.2  # a look that takes longer met many files, or a busy engine: then they are counted, which costs a second
_COUNTED = b'"Path"'


class DiskWatch:
    """While it is entered, `stop` is set as soon as the container takes too much of the disk, or the given event is set."""

    def __init__(
        self,
        client: docker.APIClient,
        container: str,
        limit: int,
        stop: threading.Event,
        *,
        files: int = 10**9,
        room: Callable[[], Room | None] = lambda: None,
        seconds: float = _SIZE_SECONDS,
        many: float = _MANY_SECONDS,
    ) -> None:
        """Take the container, the limits (bytes and files), the event that stops the program otherwise, and what tells the free room."""
        self.stop = Either(stop)
        self.why = ""
        """Which of TOO_MUCH stopped the program; nothing if it did not."""
        self._client = client
        self._container = container
        self._limit = limit
        self._files = files
        self._room = room
        self._seconds = seconds
        self._many = many
        self._over = threading.Event()

    @property
    def full(self) -> bool:
        """Whether it stopped the program."""
        return bool(self.why)

    def __enter__(self) -> DiskWatch:
        """Begin to look."""
        threading.Thread(target=self._look, name="disk-watch", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Look no more; a look that is under way is not waited for."""
        self._over.set()

    def _look(self) -> None:
        room = self._room()
        floor = room.floor() if room is not None else None
        due = time.monotonic() + self._seconds
        while not self._over.wait(min(_ROOM_SECONDS, self._seconds)):
            why = ""
            room = self._room() if floor is not None else None
            if floor is not None and room is not None and room.is_under(floor):
                why = TOO_MUCH["room"]
            elif time.monotonic() >= due:
                began = time.monotonic()
                with suppress(*ENGINE_FAILURES):
                    why = self.too_much()
                due = time.monotonic() + max(self._seconds, 3 * (time.monotonic() - began))
            if why and not self._over.is_set():
                self.why = why
                self.stop.set()
                return

    def too_much(self) -> str:
        """Look once at the container's layer, and return which of TOO_MUCH it holds; nothing if it does not. One of ENGINE_FAILURES."""
        began = time.monotonic()
        seen = self._client.containers(all=True, filters={"id": self._container}, size=True)
        # A removal meanwhile leaves the list empty; an empty layer has no number.
        if seen and int(seen[0].get("SizeRw") or 0) > self._limit:
            return TOO_MUCH["bytes"]
        if time.monotonic() - began >= self._many and self._count() > self._files:
            return TOO_MUCH["files"]
        return ""

    def _count(self) -> int:
        """Count what the container has changed, as the engine's list of it arrives, up to the limit."""
        address = f"{self._client.base_url}/v{self._client.api_version}/containers/{self._container}/changes"
        count, rest = 0, b""
        with self._client.get(address, stream=True, timeout=60) as answer:
            for piece in answer.iter_content(65536):
                count += (rest + piece).count(_COUNTED)
                rest = piece[1 - len(_COUNTED) :]
                if count > self._files:
                    break
        return count
