"""What a model is sent: joined, mended, and without what its template does not know."""

from __future__ import annotations

import pytest
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

from agents.events import RECOVERY_SOURCE
from agents.models.requests import BETWEEN_JOINED, prepare, size_of
from tests.asking import client_of
from tests.endpoint import ModelEndpoint


def user(text: str, source: str = "user") -> UserMessage:
    return UserMessage(content=text, source=source)


def answer(text: str) -> AssistantMessage:
    return AssistantMessage(content=text, source="Writer")


def roles_and_texts(messages: list[dict[str, str]]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


async def test_neighbours_of_one_role_are_one_message_in_the_request() -> None:
    said: list[LLMMessage] = [SystemMessage(content="Be brief."), user("a"), user("b", "Executor"), answer("c"), user("d"), user("e")]
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_of(endpoint) as client:
            await client.create(said)
    assert roles_and_texts(endpoint.requests[0].body["messages"]) == [
        ("system", "Be brief."),
        ("user", f"a{BETWEEN_JOINED}b"),
        ("assistant", "c"),
        ("user", f"d{BETWEEN_JOINED}e"),
    ]
    assert [message.content for message in said] == ["Be brief.", "a", "b", "c", "d", "e"]  # the conversation itself stays as it is


@pytest.mark.parametrize("report", ["printed", "printed\n", "printed \n\n"])
def test_a_blank_line_parts_a_report_from_what_is_said_about_it(report: str) -> None:
    said: list[LLMMessage] = [user("a"), answer("b"), user(report, "Executor"), user("Fix it.", RECOVERY_SOURCE)]
    assert [message.content for message in prepare(said)] == ["a", "b", "printed\n\nFix it."]


def test_results_of_tools_are_never_joined() -> None:
    result = FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="4", name="x", call_id="1", is_error=False)])
    assert prepare([result, result, user("a")]) == [result, result, user("a")]


def test_without_a_system_role_its_text_begins_the_first_message() -> None:
    assert prepare([SystemMessage(content="Be brief."), user("a"), answer("b")], system_role=False) == [
        user(f"Be brief.{BETWEEN_JOINED}a"),
        answer("b"),
    ]


@pytest.mark.parametrize(("text", "sent"), [("a\ud800b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("é😀", "é😀"), ("\udcff", "\ufffd")])
async def test_what_is_no_unicode_never_reaches_a_request(text: str, sent: str) -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_of(endpoint) as client:
            await client.create([SystemMessage(content=text), user(text), answer(text), user("go on")])
    assert [message["content"] for message in endpoint.requests[0].body["messages"]] == [sent, sent, sent, "go on"]


def test_the_size_is_that_of_the_texts() -> None:
    assert size_of([user("abc"), answer("de")]) == 5
