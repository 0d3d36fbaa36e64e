"""The questions that wait for a reply, and that every event can be stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken

from agents.events import (
    AGENT_EVENTS,
    Answers,
    BlocksSkipped,
    FilesProduced,
    InstallStarted,
    Notice,
    PackagesInstalled,
    Preparing,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    Refusal,
    Reply,
    RunResult,
    SentBack,
    TokensUsed,
)
from sandbox.files.transfer import LeftOut
from sandbox.packages.names import Package
from sandbox.verdicts import ProducedFile, Verdict
from tests.fakes import ran
from utils.code_blocks import CodeBlock, SkippedBlock

PROGRAM = CodeBlock("python", "print(1)\n", 3)
EVENTS: list[BaseAgentEvent | BaseChatMessage] = [
    BlocksSkipped(source="a", blocks=(SkippedBlock("cobol", 7, "cannot be run"),)),
    ProgramStarted(source="a", language="python", code="x", number=1, total=2, timeout=3),
    Preparing(source="a", what="go"),
    ProgramOutput(source="a", content="x", more=5),
    ProgramFinished(source="a", run=ran("one\n"), summary="done", number=2),
    FilesProduced(source="a", files=(ProducedFile(Path("out/t.txt"), "t.txt", 12, new=True),), left_out=(LeftOut("pipe", "a pipe"),)),
    InstallStarted(source="a", commands=("pip install six",), why="the answer asks for them", timeout=3),
    PackagesInstalled(
        source="a",
        why="the answer asks for them",
        installed=(Package("six", "1.17.0"),),
        refused=(Refusal("x", "why"),),
        verdict=Verdict.OK,
        summary="Installed.",
        output="",
        seconds=1.0,
    ),
    SentBack(source="a", failure="ValueError", attempt=2, attempts=4),
    TokensUsed(source="a", prompt_tokens=1, completion_tokens=2, calls=3),
    Notice(source="a", content="The model is busy."),
    Question(source="a", key="7", kind="packages", programs=(PROGRAM,), packages=("acme-tools",), because="b", tried=("c",), ran=False),
    RunResult(source="a", content="x", verdict="failed", exit_code=1, error="ValueError", said="no"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_event_can_be_stored_and_read_again(event: BaseAgentEvent | BaseChatMessage) -> None:
    assert type(event).load(event.dump()) == event
    assert event.to_text()


def test_autogen_is_given_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(AGENT_EVENTS)


# --- Answers ----------------------------------------------------------------------------------------------------------------------


async def test_a_reply_is_waited_for() -> None:
    answers = Answers()
    key = answers.open()
    waiting = asyncio.ensure_future(answers.wait(key, CancellationToken()))
    await asyncio.sleep(0)
    assert not waiting.done()
    answers.give(key, Reply(text="yes"))
    assert await waiting == Reply(text="yes")


async def test_a_reply_may_come_before_the_wait() -> None:
    answers = Answers()
    key = answers.open()
    answers.give(key, Reply(yes=True))
    assert await answers.wait(key, CancellationToken()) == Reply(yes=True)


async def test_only_the_first_reply_counts() -> None:
    answers = Answers()
    key = answers.open()
    answers.give(key, Reply(text="first"))
    answers.give(key, Reply(text="second"))
    assert (await answers.wait(key, None)).text == "first"
    answers.give(key, Reply(text="third"))  # the question is closed: nobody waits, and nothing is raised


async def test_two_open_questions_each_get_their_own_reply() -> None:
    answers = Answers()
    first, second = answers.open(), answers.open()
    assert first != second
    waiting = [asyncio.ensure_future(answers.wait(key, None)) for key in (first, second)]
    answers.give(second, Reply(text="two"))
    assert (await waiting[1]).text == "two"
    assert not waiting[0].done()
    answers.give(first, Reply(text="one"))
    assert (await waiting[0]).text == "one"


async def test_no_key_is_used_twice() -> None:
    answers, keys = Answers(), []
    for _ in range(3):
        keys.append(answers.open())
        answers.give(keys[-1], Reply())
        await answers.wait(keys[-1], None)
    assert len(set(keys)) == 3


async def test_a_cancel_ends_the_wait_and_a_reply_after_it_is_dropped() -> None:
    answers, token = Answers(), CancellationToken()
    key = answers.open()
    waiting = asyncio.ensure_future(answers.wait(key, token))
    await asyncio.sleep(0)
    token.cancel()
    answers.give(key, Reply(text="too late"))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    answers.give(key, Reply(text="much too late"))


@pytest.mark.parametrize("replies_first", [True, False])
async def test_a_cancel_before_the_wait_counts_more_than_a_reply(replies_first: bool) -> None:
    answers, token = Answers(), CancellationToken()
    key = answers.open()
    if replies_first:
        answers.give(key, Reply(text="yes"))
    token.cancel()
    if not replies_first:
        answers.give(key, Reply(text="yes"))
    with pytest.raises(asyncio.CancelledError):
        await answers.wait(key, token)


async def test_a_cancel_leaves_other_questions_open() -> None:
    answers, token = Answers(), CancellationToken()
    first, second = answers.open(), answers.open()
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answers.wait(first, token)
    answers.give(second, Reply(text="two"))
    assert (await answers.wait(second, CancellationToken())).text == "two"
