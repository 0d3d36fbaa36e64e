"""Ctrl-C and requests to end, as an event that a command waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from utils.platform import signals


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """Set the event on Ctrl-C and on a request to end."""
    interrupted = asyncio.Event()
    with signals(interrupted.set, interrupted.set):
        yield interrupted
