"""The agent that stands for the user: when it asks, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, UserInputRequestedEvent
from autogen_core import CancellationToken

from agents.events import REFUSED, Answers, Question, Reply, RunResult, SentBack
from agents.user_proxy_agent import AskUser, SendBack, create_user_proxy

RESULT = RunResult(source="CodeExecutorAgent", content="ValueError", verdict="failed", exit_code=1, error="ValueError")
BACK = SendBack("Fix it.", "ValueError", attempt=2, attempts=4)


def asks(messages: Sequence[BaseChatMessage]) -> AskUser:
    return AskUser()


def decides_nothing(messages: Sequence[BaseChatMessage]) -> AskUser:
    raise AssertionError("there is nothing to decide")


async def turn(
    decision: SendBack | AskUser, reply: str | None = None, token: CancellationToken | None = None
) -> tuple[list[BaseAgentEvent | BaseChatMessage], BaseChatMessage]:
    """Let the agent take one turn, and answer its question if there is a reply; return its events and its message to the team."""
    answers = Answers()
    agent = create_user_proxy(answers, lambda messages: decision)
    events: list[BaseAgentEvent | BaseChatMessage] = []
    async for item in agent.on_messages_stream([RESULT], token or CancellationToken()):
        if isinstance(item, Response):
            return events, item.chat_message
        events.append(item)
        if isinstance(item, Question) and reply is not None:
            answers.give(item.key, Reply(text=reply))
    raise AssertionError("the agent said nothing")


def test_it_is_autogens_agent() -> None:
    agent = create_user_proxy(Answers(), asks)
    assert isinstance(agent, UserProxyAgent)
    assert agent.name == "UserProxyAgent"


async def test_the_user_is_asked_and_their_words_are_handed_on_as_they_are() -> None:
    events, message = await turn(AskUser(), "do NOT approve\nthis")
    # The question comes last, right before the wait: nothing that follows it makes it look answered.
    assert [type(event) for event in events] == [UserInputRequestedEvent, Question]
    assert isinstance(message, TextMessage)
    assert (message.source, message.content) == ("UserProxyAgent", "do NOT approve\nthis")


async def test_the_question_says_why_it_is_asked() -> None:
    events, _ = await turn(AskUser("4 attempts failed", ("E: a", "E: b"), ran=False), "go on")
    question = events[-1]
    assert isinstance(question, Question)
    assert (question.kind, question.because, question.tried, question.ran) == ("approve", "4 attempts failed", ("E: a", "E: b"), False)


async def test_a_failed_run_goes_back_without_a_question() -> None:
    (event,), message = await turn(BACK)
    assert isinstance(event, SentBack)
    assert (event.failure, event.attempt, event.attempts) == ("ValueError", 2, 4)
    assert isinstance(message, TextMessage)
    assert (message.source, message.content) == ("Recovery", "Fix it.")


async def test_what_the_user_said_instead_of_letting_a_program_run_is_their_turn() -> None:
    agent = create_user_proxy(Answers(), decides_nothing)
    refused = RunResult(source="CodeExecutorAgent", content="Not run.", verdict=REFUSED, said="It deletes files.")
    (response,) = [item async for item in agent.on_messages_stream([RESULT, refused], CancellationToken())]
    assert isinstance(response, Response)
    assert isinstance(response.chat_message, TextMessage)
    assert (response.chat_message.source, response.chat_message.content) == ("UserProxyAgent", "It deletes files.")


async def test_what_was_said_before_a_newer_result_is_no_answer_to_it() -> None:
    refused = RunResult(source="CodeExecutorAgent", content="Not run.", verdict=REFUSED, said="It deletes files.")
    agent = create_user_proxy(Answers(), lambda messages: BACK)
    items = [item async for item in agent.on_messages_stream([refused, RESULT], CancellationToken())]
    assert isinstance(items[0], SentBack)


async def test_it_is_decided_by_what_was_said_since_the_last_turn() -> None:
    seen: list[Sequence[BaseChatMessage]] = []

    def decide(messages: Sequence[BaseChatMessage]) -> SendBack:
        seen.append(list(messages))
        return BACK

    agent = create_user_proxy(Answers(), decide)
    _ = [item async for item in agent.on_messages_stream([RESULT], CancellationToken())]
    assert seen == [[RESULT]]


async def test_a_cancelled_question_ends_the_turn() -> None:
    token = CancellationToken()
    asyncio.get_running_loop().call_later(0.01, token.cancel)
    with pytest.raises(asyncio.CancelledError):
        await turn(AskUser(), None, token)
