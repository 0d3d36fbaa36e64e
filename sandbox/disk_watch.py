"""Watches how much a running program has written to disk: most engines cannot limit that themselves."""

from __future__ import annotations

import threading
from contextlib import suppress
from types import TracebackType

import docker

from utils.docker_utils import ENGINE_FAILURES

_SECONDS = 2.0  # between two looks, each of which takes milliseconds, or a second where there are a million files


class DiskWatch:
    """While it is entered, `stop` is set as soon as the container's layer holds more than the limit, or the given event is set."""

    def __init__(self, client: docker.APIClient, container: str, limit: int, stop: threading.Event, seconds: float = _SECONDS) -> None:
        """Take the container, the limit in bytes, and the event that stops the program otherwise."""
        self.stop = _Either(stop)
        self.full = False
        """Whether the limit was passed."""
        self._client = client
        self._container = container
        self._limit = limit
        self._seconds = seconds
        self._over = threading.Event()

    def __enter__(self) -> DiskWatch:
        """Begin to look."""
        threading.Thread(target=self._look, name="disk-watch", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Look no more; a look that is under way is not waited for."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(self._seconds):
            with suppress(*ENGINE_FAILURES):
                seen = self._client.containers(all=True, filters={"id": self._container}, size=True)
                # A removal meanwhile leaves the list empty; an empty layer has no number.
                if seen and int(seen[0].get("SizeRw") or 0) > self._limit and not self._over.is_set():
                    self.full = True
                    self.stop.set()
                    return


class _Either(threading.Event):
    """Set when it, or the other event, is set."""

    def __init__(self, other: threading.Event) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        return super().is_set() or self._other.is_set()
