"""The model client and answers that arrive: pieces, token counts, thoughts, continuation."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.messages import ThoughtEvent
from autogen_core.tools import FunctionTool

from agents.models.client import describe_model, open_model
from tests.asking import HELLO, KEY, PROGRAM, ask, client_at, client_of
from tests.endpoint import Answer, ModelEndpoint
from utils.errors import ModelError
from utils.settings import load_settings

HALF = "```python\nprint('hel"
REST = "lo')\n```\n"


async def test_streams_in_pieces_with_true_token_counts() -> None:
    with ModelEndpoint([Answer(PROGRAM, usage=(31, 9)), Answer(PROGRAM, usage=(40, 8))]) as endpoint:
        async with client_of(endpoint) as client:
            pieces = [item async for item in client.create_stream(HELLO) if isinstance(item, str)]
            assert len(pieces) > 3
            assert "".join(pieces) == PROGRAM
            _, whole = await ask(client)
            assert (whole.content, whole.finish_reason, client.last_finish) == (PROGRAM, "stop", "stop")
            assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (40, 8)
            assert (client.total_usage().prompt_tokens, client.total_usage().completion_tokens, client.calls) == (71, 17, 2)
    assert len(endpoint.requests) == 2


async def test_the_request_holds_what_it_should_and_no_more() -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_of(endpoint) as client:
            await ask(client)
    (request,) = endpoint.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "messages": [{"role": "user", "content": "Say hello."}],
        "model": "gpt-4.1",
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize("model", ["gpt-5.1", "claude-opus-9", "gemini-7-pro", "Llama-5", "my-own:latest", "o9"])
async def test_any_name_of_a_model_goes_to_the_address_that_is_set(model: str) -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_of(endpoint, MODEL=model) as client:
            assert (await ask(client))[1].content == "hello"
    assert [request.body["model"] for request in endpoint.requests] == [model]


@pytest.mark.parametrize(("store", "sent"), [("true", True), ("false", None), ("", None)])
async def test_completions_are_stored_elsewhere_only_when_asked_for(store: str, sent: bool | None) -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_of(endpoint, OPENAI_STORE=store) as client:
            await ask(client)
    assert endpoint.requests[0].body.get("store") is sent


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
async def test_a_thought_is_shown_but_is_no_part_of_the_answer(key: str) -> None:
    thought = "think hint: I kept it\n```python\nprint('only a thought')\n```"
    with ModelEndpoint([Answer(PROGRAM, thought=thought, thought_key=key)]) as endpoint:
        async with client_of(endpoint) as client:
            shown, whole = await ask(client)
    assert shown == f"<think>{thought}</think>\n{PROGRAM}"
    assert (whole.content, whole.thought) == (PROGRAM, thought)


async def test_a_thought_inside_the_answer_is_taken_out_of_it() -> None:
    with ModelEndpoint([f"<think>\nprint it\n</think>\n\n{PROGRAM}"]) as endpoint:
        async with client_of(endpoint) as client:
            _, whole = await ask(client)
    assert (whole.content, whole.thought) == (PROGRAM, "print it")


async def test_autogens_agent_passes_the_thought_on_undamaged() -> None:
    with ModelEndpoint([Answer("hello", thought="think hint: kept<")]) as endpoint:
        async with client_of(endpoint) as client:
            agent = AssistantAgent("Writer", client, model_client_stream=True)
            events = [event async for event in agent.run_stream(task="Say hello.")]
    assert [event.content for event in events if isinstance(event, ThoughtEvent)] == ["think hint: kept<"]


async def test_tools_work_through_the_client() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "double", "arguments": '{"number": 21}'}}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"

    async def double(number: int) -> int:
        return 2 * number

    tool = FunctionTool(double, description="Doubles a number.")
    with ModelEndpoint([Answer(body=body, headers={"Content-Type": "text/event-stream"})]) as endpoint:
        async with client_of(endpoint) as client:
            agent = AssistantAgent("Counter", client, tools=[tool], model_client_stream=True)
            result = await agent.run(task="Double 21.")
    assert result.messages[-1].to_text() == "42"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(PROGRAM, comments=True),
        Answer(PROGRAM, usage_in_last_chunk=True),
        Answer(PROGRAM, chunked=False),
        Answer(PROGRAM, empty_chunks=30),
        Answer(PROGRAM, usage=None),
        Answer(PROGRAM, piece=1000),
        Answer(PROGRAM, finish="eos_token"),
    ],
)
async def test_the_dialects_of_other_servers_are_understood(answer: Answer) -> None:
    with ModelEndpoint([answer]) as endpoint:
        async with client_of(endpoint) as client:
            shown, whole = await ask(client)
    assert (shown, whole.content, whole.finish_reason) == (PROGRAM, PROGRAM, "stop")
    assert whole.usage.completion_tokens == (7 if answer.usage else 0)
    assert len(endpoint.requests) == 1


async def test_a_server_that_does_not_know_stream_options_is_asked_without() -> None:
    refusal = Answer(status=422, body='{"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}')
    with ModelEndpoint([refusal, "hello"]) as endpoint:
        async with client_of(endpoint) as client:
            assert (await ask(client))[1].content == "hello"
    assert ["stream_options" in request.body for request in endpoint.requests] == [True, False]


async def test_a_long_answer_is_asked_to_go_on_and_joined() -> None:
    notices: list[str] = []
    with ModelEndpoint([Answer(HALF, finish="length"), Answer(REST)]) as endpoint:
        async with client_of(endpoint, notices) as client:
            shown, whole = await ask(client)
    assert shown == whole.content == HALF + REST
    assert (whole.finish_reason, whole.usage.prompt_tokens, whole.usage.completion_tokens) == ("stop", 22, 14)
    assert notices == ["The answer reached the model's length limit. Asking the model to continue (1 of 3)."]
    assert [message["role"] for message in endpoint.requests[1].body["messages"]] == ["user", "assistant", "user"]
    assert endpoint.requests[1].texts[:2] == ["Say hello.", HALF]


async def test_a_fence_opened_anew_in_a_continuation_does_not_get_into_the_program() -> None:
    with ModelEndpoint([Answer(HALF, finish="length"), Answer(f"```python\n{REST}")]) as endpoint:
        async with client_of(endpoint) as client:
            assert (await ask(client))[1].content == HALF + REST


async def test_an_answer_without_end_is_continued_three_times_and_says_so() -> None:
    with ModelEndpoint([Answer("```python\nprint(1)\n", finish="length")], repeat=True) as endpoint:
        async with client_of(endpoint) as client:
            _, whole = await ask(client)
            assert client.last_finish == "length"
    assert (whole.finish_reason, len(endpoint.requests)) == ("length", 4)
    assert whole.content == "```python\nprint(1)\n" + 3 * "print(1)\n"


async def test_thinking_up_to_the_limit_is_an_error_not_an_answer() -> None:
    with ModelEndpoint([Answer(thought="hm " * 50, finish="length")]) as endpoint:
        async with client_of(endpoint) as client:
            with pytest.raises(ModelError) as failed:
                await ask(client)
    assert (failed.value.kind, len(endpoint.requests)) == ("thinking", 1)


async def test_ten_megabytes_are_read_no_further_than_makes_sense() -> None:
    with ModelEndpoint([Answer("".join(map(str, range(1_500_000))), piece=50_000)]) as endpoint:
        async with client_of(endpoint) as client:
            with pytest.raises(ModelError) as failed:
                await asyncio.wait_for(ask(client), 20)
    assert (failed.value.kind, len(endpoint.requests)) == ("endless", 1)


async def test_an_answer_that_is_not_streamed_to_the_caller_is_the_same() -> None:
    with ModelEndpoint([PROGRAM]) as endpoint:
        async with client_of(endpoint) as client:
            assert (await client.create(HELLO)).content == PROGRAM
    assert endpoint.requests[0].body["stream"] is True


async def test_leaving_the_stream_early_closes_the_connection() -> None:
    with ModelEndpoint([Answer(PROGRAM * 2000, delay=0.005)]) as endpoint:
        async with client_of(endpoint) as client:
            stream = client.create_stream(HELLO)
            await anext(stream)
            await stream.aclose()
            for _ in range(1000):
                if endpoint.hung_up:
                    break
                await asyncio.sleep(0.02)
    assert endpoint.hung_up == 1


@pytest.mark.parametrize(
    ("environment", "described"),
    [
        ({}, ("", "")),
        ({"OPENAI_API_KEY": KEY}, ("openai", "gpt-4.1")),
        ({"OPENAI_API_KEY": KEY, "MODEL": "o9"}, ("openai", "o9")),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, ("openai", "gpt-4.1")),
        ({"OPENAI_BASE_URL": "http://localhost:8000/v1"}, ("openai-compatible", "gpt-4.1")),
        ({"ANTHROPIC_API_KEY": KEY}, ("anthropic", "claude-sonnet-4-5")),
        ({"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_DEPLOYMENT": "mine"}, ("azure", "mine")),
        ({"MODEL_PROVIDER": "ollama"}, ("ollama", "qwen2.5-coder")),
        ({"MODEL_PROVIDER": "anthropic", "OPENAI_API_KEY": KEY}, ("anthropic", "claude-sonnet-4-5")),
    ],
)
def test_the_model_is_described_from_the_settings(environment: dict[str, str], described: tuple[str, str]) -> None:
    assert describe_model(load_settings({}, environment)) == described


async def test_a_model_is_opened_and_closed_again() -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with open_model(load_settings({}, {"OPENAI_BASE_URL": endpoint.url})) as client:
            assert (await client.create(HELLO)).content == "hello"
        with pytest.raises(ModelError):
            await client.create(HELLO)
    assert len(endpoint.requests) == 1


async def test_the_demo_opens_the_scripted_model_without_a_key() -> None:
    async with open_model(load_settings({}, {}, demo=True)) as client:
        assert (type(client).__name__, client.last_error) == ("ScriptedModel", None)


def test_the_demo_is_described_as_scripted() -> None:
    assert describe_model(load_settings({}, {"OPENAI_API_KEY": KEY}, demo=True)) == ("demo", "scripted")


def test_describing_a_model_imports_no_autogen() -> None:
    code = "import sys, agents.models.client; print([name for name in sys.modules if name.startswith(('autogen', 'openai'))])"
    root = Path(__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_the_client_is_made_and_closed_without_asking_anything() -> None:
    with ModelEndpoint([]) as endpoint:
        async with client_at({"OPENAI_BASE_URL": endpoint.url}) as client:
            assert (client.calls, client.last_error, client.model_info["function_calling"]) == (0, None, True)
            assert client.remaining_tokens(HELLO) < 128_000
    assert endpoint.requests == []
