"""The model client and services that fail: how often it asks, what it says meanwhile, and what it says in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from email.utils import formatdate

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from agents.models.resilient import ResilientClient
from cli.remedies import remedy
from tests.asking import HELLO, KEY, PROGRAM, Waits, ask, client_at, client_of
from tests.endpoint import HTML_PAGE, MALFORMED, NO_CHOICES, QUOTA, Answer, ModelEndpoint, busy, closed_url, wrong_key
from tests.program import wait_until
from utils.errors import ExitStatus, ModelError

JSON_ERROR = Answer(headers={"Content-Type": "application/json"}, body='{"error": {"message": "no worker"}}')
SSE = {"Content-Type": "text/event-stream"}
ERROR_EVENT = Answer(headers=SSE, body='data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n')
CUT = Answer(PROGRAM, cut_after=4)
CUT_UNCHUNKED = Answer(PROGRAM, cut_after=4, chunked=False)
UNFINISHED = Answer(PROGRAM, finish=None, chunked=False, usage=None, done=False)
TIMED_OUT = Answer(status=408, body="{}")

# What passes: the failures, the answers, and how often the endpoint is asked when the failure lasts.
PASSING = {
    "rate limit": (busy(), "rate-limit", 4),
    "overloaded": (busy(status=503), "server", 4),
    "bad gateway with a page": (Answer(status=502, body="<html>nginx</html>"), "server", 4),
    "anthropic's overloaded": (Answer(status=529, body="{}"), "server", 4),
    "request time-out": (TIMED_OUT, "server", 4),
    "error event": (ERROR_EVENT, "server", 4),
    "cut": (CUT, "cut", 4),
    "cut without chunks": (CUT_UNCHUNKED, "cut", 4),
    "no finish reason": (UNFINISHED, "cut", 4),
    "hung up": (Answer(drop=True), "hung-up", 4),
    "web page": (HTML_PAGE, "html", 2),
    "malformed": (MALFORMED, "malformed", 2),
    "error with status 200": (JSON_ERROR, "server", 4),
    "no choices": (NO_CHOICES, "empty", 2),
    "empty": (Answer(""), "empty", 2),
    "blank": (Answer(" \n\n "), "empty", 2),
}
# What does not pass: asked once.
LASTING = {
    "wrong key": (wrong_key(KEY), "wrong-key"),
    "forbidden": (Answer(status=403, body='{"error": {"message": "country not supported"}}'), "forbidden"),
    "quota": (QUOTA, "quota"),
    "payment": (Answer(status=402, body="{}"), "quota"),
    "unknown model": (
        Answer(status=404, body='{"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}'),
        "unknown-model",
    ),
    "unknown model by 400": (Answer(status=400, body='{"error": {"message": "x is not a valid model ID"}}'), "unknown-model"),
    "wrong path": (Answer(status=404, body='{"detail": "Not Found"}'), "wrong-url"),
    "wrong path with a page": (Answer(status=404, body="<html>not found</html>"), "wrong-url"),
    "too long": (
        Answer(status=400, body='{"error": {"message": "maximum context length is 8192", "code": "context_length_exceeded"}}'),
        "too-long",
    ),
    "bad request": (Answer(status=400, body='{"error": {"message": "temperature is not supported"}}'), "bad-request"),
    "prompt filtered": (Answer(status=400, body='{"error": {"message": "no", "code": "content_filter"}}'), "filtered"),
    "answer filtered": (Answer(PROGRAM, finish="content_filter"), "filtered"),
}


async def fail(endpoint: ModelEndpoint, notices: list[str], waits: Waits) -> ModelError:
    """Ask, expecting to fail; return the error."""
    async with client_of(endpoint, notices, waits) as client:
        with pytest.raises(ModelError) as failed:
            await ask(client)
        assert client.last_error is failed.value
        assert client.calls == len(endpoint.requests)
    return failed.value


@pytest.mark.parametrize("name", PASSING)
async def test_a_failure_that_passes_is_asked_again(name: str) -> None:
    notices: list[str] = []
    failure, _, _ = PASSING[name]
    with ModelEndpoint([failure, PROGRAM]) as endpoint:
        async with client_of(endpoint, notices) as client:
            _, whole = await ask(client)
            assert client.last_error is None
    assert (whole.content, whole.finish_reason, len(endpoint.requests), len(notices)) == (PROGRAM, "stop", 2, 1)
    assert endpoint.requests[0].body == endpoint.requests[1].body


@pytest.mark.parametrize("name", PASSING)
async def test_a_failure_that_lasts_is_asked_a_bounded_number_of_times(name: str) -> None:
    notices: list[str] = []
    waits = Waits()
    failure, kind, times = PASSING[name]
    with ModelEndpoint([failure], repeat=True) as endpoint:
        error = await fail(endpoint, notices, waits)
    assert (error.kind, len(endpoint.requests), len(notices), len(waits.seconds)) == (kind, times, times - 1, times - 1)
    assert (error.status, bool(remedy(error, "prompt"))) == (ExitStatus.MODEL, True)
    assert "\n" not in error.message


@pytest.mark.parametrize("name", LASTING)
async def test_a_failure_that_cannot_pass_is_asked_once(name: str) -> None:
    notices: list[str] = []
    failure, kind = LASTING[name]
    with ModelEndpoint([failure], repeat=True) as endpoint:
        error = await fail(endpoint, notices, Waits())
    assert (error.kind, len(endpoint.requests), notices) == (kind, 1, [])
    assert KEY not in error.message + error.hint + repr(error)
    assert "<html>" not in error.message


async def test_the_wait_is_announced_in_words() -> None:
    notices: list[str] = []
    with ModelEndpoint([busy("4"), busy("7", status=503), PROGRAM]) as endpoint:
        async with client_of(endpoint, notices) as client:
            await ask(client)
    assert notices == [
        "The model is busy (429). Trying again in 4 s (2 of 4).",
        "The model's server failed (503). Trying again in 7 s (3 of 4).",
    ]


@pytest.mark.parametrize(
    ("header", "lowest", "highest"),
    [
        (lambda: "4", 4, 4),
        (lambda: "0", 1.5, 2.5),
        (lambda: "180", 60, 60),
        (lambda: "-5", 1.5, 2.5),
        (lambda: formatdate(time.time() + 20, usegmt=True), 15, 20),
        (lambda: formatdate(time.time() - 20, usegmt=True), 1.5, 2.5),
        (lambda: "soon", 1.5, 2.5),
        (lambda: "nan", 1.5, 2.5),
    ],
)
async def test_retry_after_is_kept_within_bounds(header: Callable[[], str], lowest: float, highest: float) -> None:
    waits = Waits()
    with ModelEndpoint([busy(header()), PROGRAM]) as endpoint:
        async with client_of(endpoint, sleep=waits) as client:
            await ask(client)
    (seconds,) = waits.seconds
    assert lowest <= seconds <= highest


async def test_the_waits_grow() -> None:
    waits = Waits()
    with ModelEndpoint([busy()], repeat=True) as endpoint:
        await fail(endpoint, [], waits)
    assert [low <= wait <= high for wait, low, high in zip(waits.seconds, (1.5, 3, 6), (2.5, 5, 10), strict=True)] == [True] * 3


async def test_what_came_before_a_cut_is_no_part_of_the_answer() -> None:
    notices: list[str] = []
    with ModelEndpoint([Answer("```python\nprint('old')\nprint('older')", cut_after=2), PROGRAM]) as endpoint:
        async with client_of(endpoint, notices) as client:
            shown, whole = await ask(client)
    assert shown.startswith("```python\nprint('old")
    assert shown.endswith(PROGRAM)
    assert whole.content == PROGRAM
    assert notices[0].startswith("The answer broke off, and the part that arrived is dropped. Trying again in ")


async def test_a_cut_within_a_thought_closes_the_thought_on_the_screen() -> None:
    with ModelEndpoint([Answer("x", thought="let me see", cut_after=0), PROGRAM]) as endpoint:
        async with client_of(endpoint) as client:
            shown, whole = await ask(client)
    assert shown == f"<think>let me see</think>\n{PROGRAM}"
    assert (whole.content, whole.thought) == (PROGRAM, None)


async def _collect(stream: AsyncIterator[object], shown: list[str]) -> None:
    async for item in stream:
        shown.append(str(item))


async def test_a_thought_that_never_arrives_whole_is_closed_on_the_screen_each_time() -> None:
    with ModelEndpoint([Answer("x", thought="hm", cut_after=0)], repeat=True) as endpoint:
        async with client_of(endpoint) as client:
            shown: list[str] = []
            stream = client.create_stream(HELLO)
            with pytest.raises(ModelError):
                await _collect(stream, shown)
    assert "".join(shown) == "<think>hm</think>\n" * 4


async def test_a_cut_in_a_continuation_keeps_the_part_before() -> None:
    with ModelEndpoint([Answer("one, ", finish="length"), Answer("tw", cut_after=1), "two"]) as endpoint:
        async with client_of(endpoint) as client:
            assert (await ask(client))[1].content == "one, two"
    assert endpoint.requests[1].body == endpoint.requests[2].body


async def test_what_breaks_after_the_finish_reason_takes_nothing_from_the_answer() -> None:
    chunk = '{"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%s]}'
    events = [chunk % '{"index": 0, "delta": {"content": "hello"}}', chunk % '{"index": 0, "delta": {}, "finish_reason": "stop"}', "{oops"]
    with ModelEndpoint([Answer(headers=SSE, body="".join(f"data: {event}\n\n" for event in events))]) as endpoint:
        async with client_of(endpoint) as client:
            assert (await ask(client))[1].content == "hello"
    assert len(endpoint.requests) == 1


async def test_a_refusal_is_told_in_the_models_words() -> None:
    chunk = '{"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [%s]}'
    events = [chunk % '{"index": 0, "delta": {"refusal": "I cannot help."}}', chunk % '{"index": 0, "delta": {}, "finish_reason": "stop"}']
    with ModelEndpoint([Answer(headers=SSE, body="".join(f"data: {event}\n\n" for event in events))], repeat=True) as endpoint:
        error = await fail(endpoint, [], Waits())
    assert (error.kind, len(endpoint.requests)) == ("filtered", 1)
    assert "I cannot help." in error.message


async def test_a_refused_connection_names_the_address() -> None:
    url = closed_url()
    notices: list[str] = []
    async with client_at({"OPENAI_BASE_URL": url}, notices) as client:
        with pytest.raises(ModelError) as failed:
            await ask(client)
        assert (failed.value.kind, client.calls, len(notices)) == ("unreachable", 3, 2)
    assert url in failed.value.message


@pytest.mark.parametrize("after", [0, 3])
async def test_a_stall_is_noticed_and_asked_again_once(after: int) -> None:
    notices: list[str] = []
    with ModelEndpoint([Answer(PROGRAM, stall_after=after)], repeat=True) as endpoint:
        async with client_of(endpoint, notices, MODEL_TIMEOUT="1") as client:
            with pytest.raises(ModelError) as failed:
                await ask(client)
        wait_until(lambda: endpoint.hung_up == 2, 30)  # the server's threads notice it in their own time
    assert (failed.value.kind, len(endpoint.requests)) == ("stalled", 2)
    assert "1 s" in failed.value.message
    assert notices[0].startswith("The model sent nothing for 1 s. Trying again in ")


async def test_a_server_that_only_keeps_the_connection_open_is_given_up() -> None:
    with ModelEndpoint([Answer(PROGRAM, empty_chunks=1000, delay=0.5)]) as endpoint:
        async with client_of(endpoint, MODEL_TIMEOUT="1") as client:
            with pytest.raises(ModelError) as failed:
                await ask(client)
    assert (failed.value.kind, len(endpoint.requests)) == ("silent", 1)
    assert "no part of an answer for 5 s" in failed.value.message


async def test_slow_is_not_stalled() -> None:
    with ModelEndpoint([Answer(PROGRAM, delay=0.2)]) as endpoint:
        async with client_of(endpoint, MODEL_TIMEOUT="1") as client:
            assert (await ask(client))[1].content == PROGRAM
    assert len(endpoint.requests) == 1


async def test_the_words_of_a_server_are_made_safe_for_the_screen() -> None:
    said = f"bad \\u001b[2J{KEY}\\n and sk-proj-abcdefghijkl " + "x" * 1000
    with ModelEndpoint([Answer(status=400, body=f'{{"error": {{"message": "{said}"}}}}')]) as endpoint:
        error = await fail(endpoint, [], Waits())
    assert error.message.isprintable()
    assert "***" in error.message
    assert not [secret for secret in (KEY, "abcdefghijkl") if secret in error.message]
    assert len(error.message) < 500


async def _cancel_when(client: ResilientClient, ready: Callable[[], object]) -> float:
    """Ask, cancel once `ready`, and return how long the end took, in seconds."""
    token = CancellationToken()
    asking = asyncio.create_task(ask(client, token))
    for _ in range(500):
        if ready():
            break
        await asyncio.sleep(0.01)
    started = time.monotonic()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, 5)
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([busy("60")], 1),
        ([Answer(PROGRAM, stall_after=3)], 1),
        ([Answer(PROGRAM, stall_after=0)], 1),
        ([Answer(PROGRAM * 500, delay=0.02)], 1),
    ],
    ids=["waiting to try again", "stalled in the middle", "stalled at the start", "streaming"],
)
async def test_cancelling_ends_at_once_and_asks_nothing_more(answers: Sequence[Answer], requests: int) -> None:
    notices: list[str] = []
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    with ModelEndpoint(answers, repeat=True) as endpoint:
        async with client_of(endpoint, notices, sleep) as client:
            took = await _cancel_when(client, lambda: notices if answers[0].status == 429 else endpoint.requests)
            assert client.last_error is None
        await asyncio.sleep(0.1)
        assert len(endpoint.requests) == requests
    assert took < 1


async def test_after_a_cancel_the_same_client_answers() -> None:
    with ModelEndpoint([Answer(PROGRAM, stall_after=1), PROGRAM]) as endpoint:
        async with client_of(endpoint) as client:
            await _cancel_when(client, lambda: endpoint.requests)
            assert (await ask(client))[1].content == PROGRAM


async def test_in_a_team_the_reason_is_read_from_the_client_and_the_key_is_nowhere() -> None:
    with ModelEndpoint([wrong_key(KEY)]) as endpoint:
        async with client_of(endpoint) as client:
            team = RoundRobinGroupChat([AssistantAgent("Writer", client, model_client_stream=True)], max_turns=1)
            with pytest.raises(RuntimeError) as failed:
                await team.run(task="Say hello.")
            assert client.last_error is not None
            assert client.last_error.kind == "wrong-key"
            assert KEY not in str(failed.value)
            assert KEY not in repr(client.choice)


async def test_an_error_is_forgotten_with_the_next_answer() -> None:
    with ModelEndpoint([QUOTA, PROGRAM]) as endpoint:
        async with client_of(endpoint) as client:
            with pytest.raises(ModelError):
                await ask(client)
            async for _ in client.create_stream(HELLO):
                assert client.last_error is None
