"""Watches for a server that only waits: nobody can reach it, so waiting out its time limit shows nothing more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from sandbox.monitor import Seen

IDLE_SECONDS = 15.0
"""How long a program has to listen, without a connection, output or work, before it is stopped: servers that are shown for a while and then
end by themselves are shown for 5 or 10 seconds."""
_BETWEEN = 1.0  # seconds between two looks
_WORK = 0.1  # of one processor: what servers use to look whether they should end


class IdleWatch:
    """While it is entered, `stop` is set once the program only waits for connections, or the given event is set."""

    def __init__(
        self,
        look: Callable[[], Seen | None],
        stop: threading.Event,
        *,
        patience: float = IDLE_SECONDS,
        between: float = _BETWEEN,
    ) -> None:
        """Take what looks at the container, and the event that stops the program otherwise."""
        self.stop = Either(stop)
        self.found = False
        """Whether it stopped the program."""
        self._look_once = look
        self._patience = patience
        self._between = between
        self._woke = True
        self._over = threading.Event()

    def wake(self) -> None:
        """Take note that the program has printed something."""
        self._woke = True

    def __enter__(self) -> IdleWatch:
        """Begin to look."""
        threading.Thread(target=self._look, name="idle-watch", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Look no more; a look that is under way is not waited for."""
        self._over.set()

    def _look(self) -> None:
        since, used = 0.0, 0.0
        while not self._over.wait(self._between):
            seen, now = self._look_once(), time.monotonic()
            if seen is None or seen.cpu is None:
                return
            if self._woke or not seen.listens or seen.cpu - used > _WORK * self._patience:
                since, used, self._woke = now, seen.cpu, False
            elif now - since >= self._patience and not self._over.is_set():
                self.found = True
                self.stop.set()
                return


class Either(threading.Event):
    """Set when it, or the other event, is set."""

    def __init__(self, other: threading.Event) -> None:
        """Take the other event."""
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Whether one of them is set."""
        return super().is_set() or self._other.is_set()
