"""Who ends the talk, and with which words, and that the journal is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from autogen_agentchat.base import TerminatedException
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents.code_generator_agent import word_of_the_generator
from agents.events import MemoryJournal, Notice, RunResult
from teams.termination import JournalCondition, SpokenWordTermination
from utils.words import spoken_word

USER, GENERATOR, EXECUTOR = "UserProxyAgent", "CodeGeneratorAgent", "CodeExecutorAgent"


async def ended_by(source: str, content: str) -> str | None:
    """Return the word that ends the talk when the source says the content."""
    condition = SpokenWordTermination("APPROVE", {USER: spoken_word}) | SpokenWordTermination(
        "STOP", {USER: spoken_word, GENERATOR: word_of_the_generator}
    )
    stop = await condition([TextMessage(source=source, content=content)])
    return stop.content if stop else None


def test_it_is_text_mention_termination() -> None:
    assert issubclass(SpokenWordTermination, TextMentionTermination)


@pytest.mark.parametrize(
    ("source", "content", "word"),
    [
        (USER, "APPROVE", "APPROVE"),
        (USER, "approve!", "APPROVE"),
        (USER, "stop", "STOP"),
        (USER, "do NOT APPROVE this", None),
        (USER, "APPROVE but rename it", None),
        (USER, "please don't STOP on errors", None),
        (EXECUTOR, "APPROVE", None),
        (EXECUTOR, "STOP", None),
        ("Recovery", "APPROVE", None),
        ("Recovery", "STOP", None),
        ("user", "STOP", None),
        ("user", "Write a STOP-watch", None),
        (GENERATOR, "APPROVE", None),
        (GENERATOR, "All is well.\n\nSTOP", "STOP"),
        (GENERATOR, "STOP", "STOP"),
        (GENERATOR, "All is well.\n\n**STOP**", "STOP"),
        (GENERATOR, "STOP.", "STOP"),
        (GENERATOR, "> STOP", None),
        (GENERATOR, "- STOP", None),
        (GENERATOR, "# STOP", None),
        (GENERATOR, "<!-- STOP -->", None),
        (GENERATOR, '"STOP"', None),
        (GENERATOR, "stop", None),
        (GENERATOR, "I cannot STOP here", None),
        (GENERATOR, "STOP\nbut first a question", None),
        (GENERATOR, "```python\nprint(1)\n```\nSTOP", None),
        (GENERATOR, "```python\nSTOPWORDS = ['a']\n```", None),
        (GENERATOR, "```python\nprint(1)\nSTOP", None),
        (GENERATOR, "```text\nSTOP\n```", None),
        (GENERATOR, "<think>STOP</think>\nNot yet.", None),
    ],
)
async def test_words(source: str, content: str, word: str | None) -> None:
    assert await ended_by(source, content) == word


@pytest.mark.parametrize("source", [USER, GENERATOR])
async def test_a_result_never_ends_the_talk_whoever_it_comes_from(source: str) -> None:
    condition = SpokenWordTermination("STOP", {USER: spoken_word, GENERATOR: word_of_the_generator})
    assert await condition([RunResult(source=source, content="STOP", verdict="ok")]) is None
    assert await condition([TextMessage(source=source, content="STOP")]) is not None


async def test_the_condition_is_spent_until_reset() -> None:
    condition = SpokenWordTermination("STOP", {USER: spoken_word})
    message = TextMessage(source=USER, content="STOP")
    assert await condition([message]) is not None
    assert condition.terminated
    with pytest.raises(TerminatedException):
        await condition([message])
    await condition.reset()
    assert await condition([message]) is not None


async def test_the_journal_takes_every_message_and_ends_nothing() -> None:
    said: list[BaseChatMessage] = [
        TextMessage(source="user", content="count"),
        TextMessage(source=GENERATOR, content="STOP"),
        RunResult(source=EXECUTOR, content="APPROVE", verdict="ok"),
        TextMessage(source=USER, content="APPROVE"),
    ]
    journal = MemoryJournal()
    kept: list[BaseChatMessage] = []
    condition = JournalCondition(journal, kept)
    assert await condition(said[:1]) is None
    assert await condition([Notice(source=GENERATOR, content="The model is busy."), *said[1:]]) is None
    assert journal.messages == kept == said
    await condition.reset()
    assert not condition.terminated


async def test_the_journal_is_awaited_beside_a_condition_that_ends_the_talk() -> None:
    class Slow(MemoryJournal):
        async def wrote(self, messages: Sequence[BaseChatMessage]) -> None:
            await asyncio.sleep(0.01)
            await super().wrote(messages)

    journal, word = Slow(), TextMessage(source=USER, content="APPROVE")
    stop = await (JournalCondition(journal, []) | SpokenWordTermination("APPROVE", {USER: spoken_word}))([word])
    assert stop is not None
    assert (stop.content, journal.messages) == ("APPROVE", [word])
