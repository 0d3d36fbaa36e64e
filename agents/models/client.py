"""The model behind the agents, from the settings: AutoGen's client for the provider, wrapped so that it survives what services do.

Nothing here imports AutoGen before `build_model_client` is called.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agents.models.choice import choose_model, find_model, find_provider
from agents.models.local import LocalServer
from utils.errors import ModelError
from utils.settings import Settings

if TYPE_CHECKING:
    from agents.models.gate import Gate
    from agents.models.resilient import ResilientClient
    from agents.models.scripted import ScriptedModel

    Model = ResilientClient | ScriptedModel

_DEMO_PACE = 0.015  # seconds between two words: quick to read along, and nobody waits for it


def _silent(notice: str) -> None:
    """Drop a notice."""


@asynccontextmanager
async def open_model(settings: Settings, notify: Callable[[str], None] = _silent) -> AsyncIterator[Model]:
    """Build the model of the settings, the scripted one for the demo, and close its connections at the end."""
    from agents.models.scripted import ScriptedModel

    # In a thread: the import of an SDK takes half a second, in which the prompt has to take keys.
    demo = settings.demo
    model = ScriptedModel(seconds_per_piece=_DEMO_PACE) if demo else await asyncio.to_thread(build_model_client, settings, notify)
    loading = asyncio.ensure_future(_load(model))
    try:
        yield model
    finally:
        loading.cancel()
        await asyncio.wait({loading})
        await model.close()


async def _load(model: ResilientClient | ScriptedModel) -> None:
    """Load a model file while the user types; the first request reports what goes wrong with that."""
    from agents.models.resilient import ResilientClient

    if isinstance(model, ResilientClient):
        with contextlib.suppress(ModelError):
            await model.make_ready()


def build_model_client(
    settings: Settings,
    notify: Callable[[str], None] = _silent,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    gate: Gate | None = None,
) -> ResilientClient:
    """Build the client for the provider and model that the settings name, without asking the service anything yet.

    `notify` is called with one sentence for each wait and each repeated request. Raises ModelError with the remedy for a
    missing key, address or package.
    """
    choice = choose_model(settings)
    from agents.models.budget import budget_of
    from agents.models.providers import BUILDERS
    from agents.models.recorder import Recorder
    from agents.models.resilient import ResilientClient

    recorder = Recorder()
    if choice.file is not None:
        recorder.server = LocalServer.borrow(choice.file)
    inner = BUILDERS[choice.provider](choice, settings, recorder)
    client = ResilientClient(inner, recorder, choice, notify, timeout=settings.model_timeout, sleep=sleep, gate=gate)
    client.set_budget(budget_of(settings))
    return client


async def switch_model(client: Model, settings: Settings, model: str) -> str:
    """Let the client ask another model of the same provider from now on; return its name. Raises ModelError."""
    from agents.models.resilient import ResilientClient

    if not isinstance(client, ResilientClient):
        raise ModelError(
            "the demo has only its scripted model", "leave the demo, and start the program with a model of your choice", kind="demo"
        )
    await client.take_over(build_model_client(replace(settings, model=model), client.notify))
    return client.choice.model


def describe_model(settings: Settings) -> tuple[str, str]:
    """Name the provider and the model that would be asked; ("", "") if no provider can be found."""
    if settings.demo:
        return "demo", "scripted"
    provider = find_provider(settings)
    model = find_model(provider, settings) if provider else ""
    return provider, Path(model).name if provider == "local" else model
