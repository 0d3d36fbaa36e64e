"""The agent that stands for the person: when it asks, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, UserInputRequestedEvent
from autogen_core import CancellationToken

from agents.user_proxy_agent import AskPerson, create_user_proxy

RESULT = TextMessage(source="CodeExecutorAgent", content="ValueError")
BACK = TextMessage(source="UserProxyAgent", content="Mend it.", metadata={"automatic": "ValueError"})


def asked(messages: Sequence[BaseChatMessage]) -> TextMessage | None:
    return None


async def answers(prompt: str, token: CancellationToken | None) -> str:
    return "do NOT approve\nthis"


async def is_never_asked(prompt: str, token: CancellationToken | None) -> str:
    raise AssertionError("the person was asked")


async def turn(ask: AskPerson, back: TextMessage | None, token: CancellationToken | None = None) -> list[BaseAgentEvent | BaseChatMessage]:
    """Let the agent take one turn; return its events and, last, its message to the team."""
    agent = create_user_proxy(ask, lambda messages: back)
    items = [item async for item in agent.on_messages_stream([RESULT], token or CancellationToken())]
    response = items.pop()
    assert isinstance(response, Response)
    return [*(item for item in items if not isinstance(item, Response)), response.chat_message]


def test_it_is_autogens_agent() -> None:
    agent = create_user_proxy(answers, asked)
    assert isinstance(agent, UserProxyAgent)
    assert agent.name == "UserProxyAgent"


async def test_the_person_is_asked_and_their_words_are_handed_on_as_they_are() -> None:
    *events, message = await turn(answers, None)
    assert [type(event) for event in events] == [UserInputRequestedEvent]
    assert isinstance(message, TextMessage)
    assert (message.source, message.content) == ("UserProxyAgent", "do NOT approve\nthis")
    assert "automatic" not in message.metadata


async def test_a_failed_run_goes_back_without_a_question() -> None:
    assert await turn(is_never_asked, BACK) == [BACK]


async def test_it_is_decided_by_what_was_said_since_the_last_turn() -> None:
    seen: list[Sequence[BaseChatMessage]] = []

    def decide(messages: Sequence[BaseChatMessage]) -> TextMessage | None:
        seen.append(list(messages))
        return BACK

    agent = create_user_proxy(is_never_asked, decide)
    _ = [item async for item in agent.on_messages_stream([RESULT], CancellationToken())]
    assert seen == [[RESULT]]


async def test_a_cancelled_question_ends_the_turn() -> None:
    token = CancellationToken()

    async def waits(prompt: str, cancellation_token: CancellationToken | None) -> str:
        silence: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        assert cancellation_token is not None
        cancellation_token.link_future(silence)
        asyncio.get_running_loop().call_soon(token.cancel)
        return await silence

    with pytest.raises(asyncio.CancelledError):
        await turn(waits, None, token)
