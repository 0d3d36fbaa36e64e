"""The start of the next program, begun before there is a program: starting a process in a container is what takes time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from sandbox.exec_stream import OpenExec
from utils.docker_utils import ENGINE_FAILURES


class ExecAhead:
    """Holds at most one command that has been started and waits for its input.

    It may only begin in a container in which nothing else runs, and it is dropped as soon as anything else is started there. It is a
    matter of speed alone: whatever becomes of it, the command can be started again.
    """

    def __init__(self, open_exec: Callable[[Sequence[str]], OpenExec]) -> None:
        """Take what starts a command; it raises one of ENGINE_FAILURES."""
        self._open = open_exec
        self._argv: Sequence[str] = ()
        self._waiting: Future[OpenExec | None] | None = None

    @property
    def waits(self) -> bool:
        """Whether a command was begun and is neither taken nor dropped."""
        return self._waiting is not None

    def begin(self, argv: Sequence[str]) -> None:
        """Start the command in the background, if none waits."""
        if self._waiting is None:
            self._argv, self._waiting = argv, Future()
            threading.Thread(target=self._begin, args=(argv, self._waiting), name="exec-ahead", daemon=True).start()

    def _begin(self, argv: Sequence[str], waiting: Future[OpenExec | None]) -> None:
        try:
            waiting.set_result(self._open(argv))
        except ENGINE_FAILURES:
            waiting.set_result(None)

    def take(self, argv: Sequence[str]) -> OpenExec | None:
        """Return the command that waits if it is this one; any other is dropped."""
        if self._argv != argv:
            self.drop()
        waiting, self._waiting = self._waiting, None
        return waiting.result() if waiting is not None else None

    def drop(self) -> None:
        """End what waits, which then reads the end of its input."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.add_done_callback(_close)


def _close(waiting: Future[OpenExec | None]) -> None:
    opened = waiting.result()
    if opened is not None:
        opened.connection.close()
