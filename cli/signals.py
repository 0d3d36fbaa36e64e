"""Ctrl-C and requests to end, as an event that a command waits for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def interruptible() -> Iterator[asyncio.Event]:
    """Set the event on Ctrl-C and on a request to end."""
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    numbers: Sequence[Any] = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    on_signal: Callable[[], None] = interrupted.set
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield interrupted
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
