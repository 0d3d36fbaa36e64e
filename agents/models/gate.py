"""What many conversations with one service share: when it asks to slow down, all of them wait."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

_SPREAD = 0.5  # seconds over which those that waited come back


class Gate:
    """Passes requests until the service answers one of them that it is busy; then none passes before that time is over."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how to wait, and the clock (seconds)."""
        self._sleep = sleep
        self._clock = clock
        self._closed_until = 0.0

    def close(self, seconds: float) -> None:
        """Let no request pass for so long; a longer wait that another one asked for goes on."""
        self._closed_until = max(self._closed_until, self._clock() + seconds)

    async def wait(self) -> None:
        """Wait until requests may pass."""
        while (left := self._closed_until - self._clock()) > 0:
            await self._sleep(left + random.uniform(0, _SPREAD))
