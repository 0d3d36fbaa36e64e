"""Ctrl-C and requests to end, for commands that work without asking anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from utils.platform import signals


async def interrupted(work: asyncio.Future[None], stop: Callable[[asyncio.Future[None]], None]) -> bool:
    """Wait until the work has ended, and return whether Ctrl-C or a request to end came first, at which it is stopped."""
    came = False

    def interrupt() -> None:
        nonlocal came
        if not came and not work.done():
            came = True
            stop(work)

    with signals(interrupt, interrupt):
        await asyncio.gather(work, return_exceptions=True)
    return came
