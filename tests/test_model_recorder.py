from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import pytest

from agents.models.recorder import LONGEST_ANSWER, Recorder, Seen
from agents.models.wire import BrokenAnswer


class Response:
    """A response that notes how often it was closed, and breaks at a piece that is an error."""

    def __init__(self, *events: Any, framed: bool = True) -> None:
        self.events = events
        self.headers = {"content-length": "1"} if framed else {}
        self.closed = 0

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield json.dumps(event).encode() + b"\n"

    async def aclose(self) -> None:
        self.closed += 1


def said(text: str, finish: str = "") -> dict[str, str]:
    return {"text": text, "finish": finish}


def read(event: dict[str, Any], seen: Seen) -> Iterator[str]:
    """Read an event of a text and why it ends."""
    shown = seen.add(event["text"], "")
    seen.end(event["finish"])
    if shown:
        yield shown


async def follow(response: Response) -> list[str]:
    return [event async for event in Recorder().follow(response, read, tools_offered=False)]


async def test_the_events_are_handed_on_and_the_response_is_closed() -> None:
    response = Response(said("a"), said("b"), said("", "stop"))
    assert await follow(response) == ["a", "b"]
    assert response.closed == 1


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([said(" ", "stop")], "empty"),
        ([said("a", "content_filter")], "filtered"),
        ([said("a", "refusal")], "filtered"),
        ([said("a" * (LONGEST_ANSWER + 1), "stop")], "endless"),
    ],
)
async def test_what_cannot_be_handed_on_is_broken(events: list[dict[str, str]], kind: str, framed: bool) -> None:
    response = Response(*events, framed=framed)
    with pytest.raises(BrokenAnswer) as broken:
        await follow(response)
    assert (broken.value.kind, response.closed) == (kind, 1)


async def test_without_a_finish_reason_only_a_body_without_an_end_of_its_own_is_cut() -> None:
    assert await follow(Response(said("a"))) == ["a"]
    with pytest.raises(BrokenAnswer) as broken:
        await follow(Response(said("a"), framed=False))
    assert broken.value.kind == "cut"


async def test_a_stopped_answer_that_is_cleared_away_late_takes_nothing_from_the_next_one() -> None:
    recorder = Recorder()
    stopped, newer = (Response(said("one"), said("two", "stop")) for _ in range(2))
    left = recorder.begin()
    old = recorder.follow(stopped, read, tools_offered=False)
    assert await anext(old) == "one"
    recorder.begin()
    new = recorder.follow(newer, read, tools_offered=False)
    assert await anext(new) == "one"
    assert isinstance(old, AsyncGenerator)
    await old.aclose()
    await left.close()
    assert (stopped.closed, newer.closed) == (1, 0)
    assert "".join(left.seen.text) == "one"
    assert [shown async for shown in new] == ["two"]
    assert (newer.closed, "".join(recorder.seen.text)) == (1, "onetwo")


async def test_an_error_before_the_finish_is_passed_on_and_one_after_it_is_not() -> None:
    response = Response(said("a"), OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await follow(response)
    assert response.closed == 1
    assert await follow(Response(said("a", "stop"), OSError("gone"))) == ["a"]


async def test_a_character_whose_halves_come_apart_is_put_together() -> None:
    assert await follow(Response(said("a\ud83d"), said("\ude00 b\udc00", "stop"))) == ["a", "\U0001f600 b\ufffd"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("LENGTH", "length"),
        ("tool_use", "function_calls"),
        ("eos", "stop"),
    ],
)
def test_the_providers_words_for_the_end_are_one(reason: str, finish: str) -> None:
    seen = Seen()
    seen.end(reason)
    assert seen.finish == finish


def test_a_thought_is_marked_for_the_screen_once() -> None:
    seen = Seen()
    shown = [seen.add("", "I "), seen.add("", "think"), seen.add("so", ""), seen.add(" it is", ""), seen.add("", "again")]
    assert shown == ["<think>I ", "think", "</think>\nso", " it is", "<think>again"]
    assert (seen.text, seen.thought) == (["so", " it is"], ["I ", "think", "again"])
