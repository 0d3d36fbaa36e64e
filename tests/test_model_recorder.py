from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agents.models.recorder import LONGEST_ANSWER, BrokenAnswer, Recorder, Seen


class Stream:
    """A stream of events that notes whether it was closed, and breaks at an event that is an error."""

    def __init__(self, *events: Any) -> None:
        self.events = events
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[Any]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    async def close(self) -> None:
        self.closed += 1


def read(event: tuple[str, str], seen: Seen) -> str | None:
    """Read an event of (text, why it ends); nothing is handed on for an end."""
    text, finish = event
    seen.end(finish)
    return seen.add(text, "") or None


async def follow(stream: Stream) -> list[str]:
    return [event async for event in Recorder().follow(stream, read)]


async def test_the_events_are_handed_on_and_the_stream_is_closed() -> None:
    stream = Stream(("a", ""), ("b", ""), ("", "stop"))
    assert await follow(stream) == ["a", "b"]
    assert stream.closed == 1


@pytest.mark.parametrize(
    ("events", "kind"),
    [
        ([], "empty"),
        ([(" ", "stop")], "empty"),
        ([("a", "")], "cut"),
        ([("a", "content_filter")], "filtered"),
        ([("a", "refusal")], "filtered"),
        ([("a" * (LONGEST_ANSWER + 1), "stop")], "endless"),
    ],
)
async def test_what_cannot_be_handed_on_is_broken(events: list[tuple[str, str]], kind: str) -> None:
    stream = Stream(*events)
    with pytest.raises(BrokenAnswer) as broken:
        await follow(stream)
    assert (broken.value.kind, stream.closed) == (kind, 1)


async def test_an_error_before_the_finish_is_passed_on_and_one_after_it_is_not() -> None:
    stream = Stream(("a", ""), OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await follow(stream)
    assert stream.closed == 1
    assert await follow(Stream(("a", "stop"), OSError("gone"))) == ["a"]


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
