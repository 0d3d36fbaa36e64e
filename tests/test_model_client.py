"""The model client against an endpoint on loopback, which answers or misbehaves; its request log judges how often it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from autogen_core.models import CreateResult, UserMessage

from agents.model_client import build_model_client
from agents.resilient_client import ResilientClient
from tests.endpoint import Answer, ModelEndpoint
from utils.settings import load_settings

KEY = "sk-test-0123456789"
HELLO = [UserMessage(content="Say hello.", source="user")]
PROGRAM = "Here it is:\n\n```python\nprint('hello')\n```\n"


async def _no_sleep(seconds: float) -> None:
    """Wait for nothing."""


@asynccontextmanager
async def client_of(
    endpoint: ModelEndpoint, notices: list[str] | None = None, sleep: Callable[[float], Awaitable[None]] = _no_sleep, **environment: str
) -> AsyncIterator[ResilientClient]:
    """Build the client as the program does, for an OpenAI-compatible endpoint, and close it at the end."""
    settings = load_settings({}, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url, **environment})
    client = build_model_client(settings, notices.append if notices is not None else lambda notice: None, sleep=sleep)
    try:
        yield client
    finally:
        await client.close()


async def ask(client: ResilientClient) -> tuple[list[str], CreateResult]:
    """Ask once; return the pieces and the whole."""
    items = [item async for item in client.create_stream(HELLO)]
    whole = items.pop()
    assert isinstance(whole, CreateResult)
    return [str(item) for item in items], whole


async def test_streams_in_pieces_with_true_token_counts() -> None:
    with ModelEndpoint([Answer(PROGRAM, usage=(31, 9))]) as endpoint:
        async with client_of(endpoint) as client:
            pieces, whole = await ask(client)
            assert len(pieces) > 3
            assert "".join(pieces) == whole.content == PROGRAM
            assert (whole.finish_reason, client.last_finish, client.calls) == ("stop", "stop", 1)
            assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (31, 9)
            assert client.total_usage() == whole.usage
    assert len(endpoint.requests) == 1
