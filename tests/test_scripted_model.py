"""The model of the demo: which answer it gives, and how."""

from __future__ import annotations

import time

import pytest
from autogen_core.models import AssistantMessage, CreateResult, LLMMessage, SystemMessage, UserMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

from agents.models.demo_scenes import Scene
from agents.models.scripted import ScriptedModel

SCENES = (Scene("count", ("more", "APPROVE"), ("one\n\n  two  \n", "three")), Scene("sing", ("APPROVE",), ("la",)))
SYSTEM = SystemMessage(content="You write programs.")


def user(text: str) -> UserMessage:
    return UserMessage(content=text, source="user")


def said(text: str) -> AssistantMessage:
    return AssistantMessage(content=text, source="CodeGeneratorAgent")


def test_it_is_autogens_replay_client() -> None:
    assert issubclass(ScriptedModel, ReplayChatCompletionClient)


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        ([SYSTEM, user("count")], "one\n\n  two  \n"),
        ([SYSTEM, user("count"), said("one"), user("result"), user("more")], "three"),
        ([SYSTEM, user("count"), said("one"), user("result"), user("APPROVE"), user("sing")], "la"),
        # A scene that was left and is begun again begins with its first answer.
        ([SYSTEM, user("count"), said("one"), user("STOP"), user("count")], "one\n\n  two  \n"),
    ],
)
async def test_the_conversation_tells_which_answer_is_due(messages: list[LLMMessage], answer: str) -> None:
    result = await ScriptedModel(SCENES).create(messages)
    assert result.content == answer
    assert result.finish_reason == "stop"


@pytest.mark.parametrize(
    "messages", [[SYSTEM, user("something else")], [SYSTEM, user("sing"), said("la"), user("again")], [SYSTEM]], ids=["task", "end", "none"]
)
async def test_off_the_script_it_says_so(messages: list[LLMMessage]) -> None:
    result = await ScriptedModel(SCENES).create(messages)
    assert str(result.content).startswith("(scripted)")
    assert "STOP" in str(result.content)


async def test_the_pieces_make_up_the_answer_exactly() -> None:
    items = [item async for item in ScriptedModel(SCENES).create_stream([user("count")])]
    whole = items.pop()
    assert isinstance(whole, CreateResult)
    assert "".join(str(item) for item in items) == whole.content == "one\n\n  two  \n"
    assert len(items) > 1


async def test_it_answers_as_often_as_it_is_asked_and_counts_tokens() -> None:
    model = ScriptedModel(SCENES)
    for _ in range(3):
        await model.create([user("sing")])
    assert len(model.create_calls) == 3
    assert model.total_usage().completion_tokens > 0


async def test_the_pace_is_kept() -> None:
    began = time.monotonic()
    pieces = [item async for item in ScriptedModel(SCENES, seconds_per_piece=0.02).create_stream([user("count")])]
    assert time.monotonic() - began >= 0.02 * (len(pieces) - 1)
