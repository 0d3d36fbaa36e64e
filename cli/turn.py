"""Signs to a user who looks elsewhere: the window's title, and a bell or a notification when it is their turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.output.screen import Screen
from utils.text import sanitize

LONG_STEP = 10.0
"""Seconds after which a step is long enough for the user to have looked away."""
_SAVE_TITLE, _RESTORE_TITLE = "\x1b[22;2t", "\x1b[23;2t"  # the terminal keeps a stack of titles
_SIGNS = {"bell": "\x07", "osc9": "\x1b]9;It is your turn.\x07"}


@contextmanager
def own_title(screen: Screen) -> Iterator[None]:
    """Give the terminal its own title back at the end."""
    screen.send(_SAVE_TITLE)
    try:
        yield
    finally:
        screen.send(_RESTORE_TITLE)


def show_title(screen: Screen, text: str) -> None:
    """Make the text the title of the terminal's window, without anything in it that could steer the terminal."""
    screen.send(f"\x1b]2;{sanitize(text)}\x07")


def call_user(screen: Screen, notify: str) -> None:
    """Ring the terminal's bell, or ask it for a notification (OSC 9), as the setting NOTIFY says."""
    if notify in _SIGNS:
        screen.send(_SIGNS[notify])
