"""What main.py hands to the commands: how to open a session, and what can be asked before one is open."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utils.settings import Settings

if TYPE_CHECKING:  # AutoGen takes most of a second to import, and the prompt does not wait for it
    from history.records import StoredSession
    from teams.session import Session

OpenSession = Callable[[Settings, Callable[[str], None], "StoredSession | None"], AbstractAsyncContextManager["Session"]]
"""Open a session and close it at the end, container and all: a new one, or one of an earlier process, which is the third argument.

The second argument is called with what is being waited for meanwhile.

Entering it raises AppError if a part cannot be had.
"""

OpenSessions = Callable[
    [Settings, int, Callable[[str], None]], AbstractAsyncContextManager[Callable[[], AbstractAsyncContextManager["Session"]]]
]
"""Make what opens sessions, so many of them side by side: entering each raises AppError if no further one can be had."""


@dataclass(frozen=True)
class Wiring:
    """The parts of the program that main.py hands to the commands."""

    open_session: OpenSession
    check_model: Callable[[Settings], str]
    """Return the model's name as it is shown, or raise AppError if it cannot be used; quick, and without the network."""
    demo_scenes: Callable[[], Sequence[Sequence[str]]]
    """Return what a user types in the demo, scene by scene, line by line."""
    ask_model: Callable[[Settings], Coroutine[Any, Any, str]]
    """Ask the model for one word and return what it says, or raise AppError."""
    open_sessions: OpenSessions
