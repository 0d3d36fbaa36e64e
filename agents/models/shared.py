"""One model for many conversations side by side: its connections are kept from one to the next, and its waits are shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from agents.models.client import build_model_client, open_model
from agents.models.gate import Gate
from utils.settings import Settings

if TYPE_CHECKING:
    from agents.models.client import Model
    from agents.models.resilient import ResilientClient


class SharedModel:
    """Lends a client to each conversation; building one takes longer than a quick program runs."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings that name the model."""
        self._settings = settings
        self._gate = Gate()
        self._idle: list[ResilientClient] = []

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Model]:
        """Lend a client that has not asked anything yet. Raises ModelError if none can be built."""
        if self._settings.demo:
            async with open_model(self._settings) as model:
                yield model
            return
        if self._idle:
            client = self._idle.pop()
        else:
            client = await asyncio.to_thread(build_model_client, self._settings, gate=self._gate)
        try:
            yield client.again()
        finally:
            self._idle.append(client)

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            await self._idle.pop().close()
