"""The agent that writes the code: what its model is told, and the word by which it ends the talk."""

from __future__ import annotations

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_core import CancellationToken

from agents.answers.reading import read_answer
from agents.code_generator_agent import create_code_generator, system_message, word_of_the_generator
from agents.events import STARTS_OVER
from sandbox.languages import ALIASES
from tests.asking import client_of
from tests.endpoint import ModelEndpoint
from tests.fakes import SETTINGS, program
from utils.settings import load_settings


@pytest.mark.parametrize("fact", ["one complete", "fenced block", "keyboard", "display", "/workspace"])
def test_the_model_is_told_what_it_has_to_know(fact: str) -> None:
    assert fact in system_message(SETTINGS)


@pytest.mark.parametrize("network", ["off", "install", "on"])
def test_the_system_message_is_short_and_ends_with_what_matters(network: str) -> None:
    message = system_message(load_settings({"network": network}, {}))
    # No tokenizer makes more tokens of English than one for four characters.
    assert len(message) / 4 <= 250
    assert message.rstrip().endswith("Never answer with the result itself.")


def test_the_network_follows_the_settings() -> None:
    said = {network: system_message(load_settings({"network": network}, {})) for network in ("off", "install", "on")}
    assert "nothing can be installed" in said["off"]
    assert "installed by themselves" in said["install"]
    assert "may use the network" in said["on"]
    assert len(set(said.values())) == 3


def test_the_system_message_itself_holds_no_program() -> None:
    assert read_answer(system_message(SETTINGS), ALIASES).blocks == ()


async def test_it_is_autogens_agent_and_it_streams() -> None:
    with ModelEndpoint([program("print(1)")]) as endpoint:
        async with client_of(endpoint) as model:
            agent = create_code_generator(model, SETTINGS)
            assert isinstance(agent, AssistantAgent)
            assert agent.name == "CodeGeneratorAgent"
            task = TextMessage(source="user", content="count")
            events = [event async for event in agent.on_messages_stream([task], CancellationToken())]
    pieces = [event.content for event in events if isinstance(event, ModelClientStreamingChunkEvent)]
    assert len(pieces) > 1
    assert "".join(pieces) == program("print(1)")
    assert endpoint.requests[0].texts == [system_message(SETTINGS), "count"]
    assert endpoint.requests[0].body["stream"] is True


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("STOP", "STOP"),
        ("All is well.\n\nSTOP", "STOP"),
        ("All is well.\n\n**STOP**\n", "STOP"),
        ("Fine.\r\nSTOP.\r\n", "STOP"),
        ("<think>Is it done?</think>\nSTOP", "STOP"),
        ("APPROVE", None),
        ("", None),
        ("Do not STOP", None),
        ("STOP\nI have a question first.", None),
        (program("print(1)") + "\nSTOP", None),
        ("```cobol\nSTOP RUN.\n```\nSTOP", None),
        ("```text\nSTOP\n```", None),
        ("```python\nprint(1)\nSTOP", None),
        ("~~~python\nprint(1)\n~~~\nSTOP", None),
        ("<think>STOP", None),
    ],
)
def test_the_word_of_the_generator(text: str, word: str | None) -> None:
    assert word_of_the_generator(text) == word


async def test_only_after_a_program_that_came_twice_a_different_answer_is_asked_for() -> None:
    said = [
        TextMessage(source="user", content="a"),
        TextMessage(source="Recovery", content=f"{STARTS_OVER}: E"),
        TextMessage(source="user", content=STARTS_OVER),
    ]
    with ModelEndpoint([program("print(1)")] * len(said)) as endpoint:
        async with client_of(endpoint) as client:
            agent = create_code_generator(client, SETTINGS)
            for message in said:
                _ = [item async for item in agent.on_messages_stream([message], CancellationToken())]
    assert ["temperature" in request.body for request in endpoint.requests] == [False, True, False]
