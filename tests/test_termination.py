"""Who ends the talk, and with which words."""

import pytest
from autogen_agentchat.base import TerminatedException
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import TextMessage

from agents.code_generator_agent import word_of_the_generator
from teams.termination import SpokenWordTermination
from utils.words import spoken_word

PERSON, GENERATOR, EXECUTOR = "UserProxyAgent", "CodeGeneratorAgent", "CodeExecutorAgent"


async def ended_by(source: str, content: str, **metadata: str) -> str | None:
    """Return the word that ends the talk when the source says the content."""
    condition = SpokenWordTermination("APPROVE", {PERSON: spoken_word}) | SpokenWordTermination(
        "STOP", {PERSON: spoken_word, GENERATOR: word_of_the_generator}
    )
    stop = await condition([TextMessage(source=source, content=content, metadata=metadata)])
    return stop.content if stop else None


def test_it_is_text_mention_termination() -> None:
    assert issubclass(SpokenWordTermination, TextMentionTermination)


@pytest.mark.parametrize(
    ("source", "content", "word"),
    [
        (PERSON, "APPROVE", "APPROVE"),
        (PERSON, "approve!", "APPROVE"),
        (PERSON, "stop", "STOP"),
        (PERSON, "do NOT APPROVE this", None),
        (PERSON, "APPROVE but rename it", None),
        (PERSON, "please don't STOP on errors", None),
        (EXECUTOR, "APPROVE", None),
        (EXECUTOR, "STOP", None),
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


async def test_a_message_that_was_not_typed_by_the_person_never_ends_the_talk() -> None:
    assert await ended_by(PERSON, "APPROVE", automatic="exit code 1") is None


async def test_the_condition_is_spent_until_reset() -> None:
    condition = SpokenWordTermination("STOP", {PERSON: spoken_word})
    message = TextMessage(source=PERSON, content="STOP")
    assert await condition([message]) is not None
    assert condition.terminated
    with pytest.raises(TerminatedException):
        await condition([message])
    await condition.reset()
    assert await condition([message]) is not None
