"""What the tests of the model client share: a client built as the program builds it, and a question."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from autogen_core import CancellationToken
from autogen_core.models import CreateResult, UserMessage

from agents.models.client import build_model_client
from agents.models.resilient import ResilientClient
from tests.endpoint import ModelEndpoint
from utils.settings import load_settings

KEY = "not-a-real-key-0123456789"
HELLO = [UserMessage(content="Say hello.", source="user")]
PROGRAM = "Here it is:\n\n```python\nprint('hello')\nprint('and goodbye')\n```\n"


class Waits:
    """Takes the place of asyncio.sleep: notes the seconds and waits for nothing."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def client_at(
    environment: dict[str, str], notices: list[str] | None = None, sleep: Callable[[float], Awaitable[None]] | None = None
) -> AsyncIterator[ResilientClient]:
    """Build a client from settings as the program does, and close it at the end."""
    notify = notices.append if notices is not None else lambda notice: None
    client = build_model_client(load_settings({}, environment), notify, sleep=sleep or Waits())
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def client_of(
    endpoint: ModelEndpoint, notices: list[str] | None = None, sleep: Callable[[float], Awaitable[None]] | None = None, **more: str
) -> AsyncIterator[ResilientClient]:
    """Build a client for an endpoint that speaks OpenAI's protocol."""
    async with client_at({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url, **more}, notices, sleep) as client:
        yield client


async def ask(client: ResilientClient, token: CancellationToken | None = None) -> tuple[str, CreateResult]:
    """Ask once; return what was streamed, and the whole answer."""
    items = [item async for item in client.create_stream(HELLO, cancellation_token=token)]
    whole = items.pop()
    assert isinstance(whole, CreateResult)
    assert all(isinstance(item, str) for item in items)
    return "".join(str(item) for item in items), whole
