"""The whole team with a model on loopback: who speaks when, what the model is told, and what ends the talk."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import NamedTuple

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage

from agents.events import ProgramOutput, Question, SentBack
from sandbox.verdicts import ProgramRun, Verdict
from teams.recovery import FIX
from tests.endpoint import Answer, Script, wrong_key
from tests.fakes import TeamEvent, WaitForCancel, program, ran, team_of
from utils.errors import EngineError

GENERATOR, EXECUTOR, USER = "CodeGeneratorAgent", "CodeExecutorAgent", "UserProxyAgent"
ONE_ROUND = ["user", GENERATOR, EXECUTOR, USER]
FIRST, SECOND = program("print(1)"), program("print(2)")
STOPPED = "(I stopped the step before this message; it did not finish.)"
MARK = "[Finished tasks of this conversation, oldest first]\n- {} (stopped)"


def told_once(texts: list[str], *expected: str) -> None:
    """Check that the model was told these things in this order, each once and nothing else; a result is known by its output."""
    assert len(texts) == len(expected), texts
    for text, part in zip(texts, expected, strict=True):
        assert text == part or (text.startswith("[sandbox]") and part in text), (text, part)


async def test_the_agents_take_turns_and_the_users_word_ends_the_talk() -> None:
    async with team_of([FIRST], ran("one\n")) as rig:
        result = await rig.say("count")
        assert rig.turns == ONE_ROUND
        assert result is not None
        assert result.stop_reason == "APPROVE"
        assert result.messages[-1].source == USER
        assert [block.code for block in rig.executor.blocks] == ["print(1)\n"]


async def test_feedback_goes_to_the_generator_with_the_result() -> None:
    async with team_of([FIRST, SECOND], ran("one\n"), ran("two\n"), replies=["two, please"]) as rig:
        await rig.say("count")
        assert rig.turns == ["user", *ONE_ROUND[1:], *ONE_ROUND[1:]]
        told_once(rig.asked[1], "count", FIRST, "one\n", "two, please")


async def test_a_failed_run_goes_back_automatically() -> None:
    async with team_of([FIRST, SECOND], ran("ValueError: no\n", Verdict.FAILED, 1), ran("two\n")) as rig:
        await rig.say("count")
        assert rig.user.asked == 1
        assert rig.turns == ["user", GENERATOR, EXECUTOR, "Recovery", *ONE_ROUND[1:]]
        told_once(rig.asked[1], "count", FIRST, f"ValueError: no\n\n{FIX}")
        (sent_back,) = [event for event in rig.events if isinstance(event, SentBack)]
        assert (sent_back.failure, sent_back.attempt, sent_back.attempts) == ("ValueError: no", 2, 4)


@pytest.mark.parametrize(
    ("word", "answers"),
    [("APPROVE", [FIRST, SECOND]), ("STOP", [FIRST, SECOND])],
)
async def test_a_new_task_after_the_users_word_begins_with_the_generator(word: str, answers: list[Script]) -> None:
    async with team_of(answers, ran("one\n"), ran("two\n"), replies=[word]) as rig:
        first = await rig.say("count")
        assert first is not None
        assert first.stop_reason == word
        await rig.say("go on")
        assert rig.turns == ONE_ROUND
        told_once(rig.asked[1], "count", FIRST, "one\n", word, "go on")


async def test_a_new_task_after_the_generators_stop_begins_with_the_generator() -> None:
    async with team_of([FIRST, "Nothing is left to do.\n\nSTOP", SECOND], ran("one\n"), ran("two\n"), replies=["that is all"]) as rig:
        first = await rig.say("count")
        assert first is not None
        assert (first.stop_reason, rig.turns[-1]) == ("STOP", GENERATOR)
        await rig.say("go on")
        assert rig.turns == ONE_ROUND
        told_once(rig.asked[2], "count", FIRST, "one\n", "that is all", "Nothing is left to do.\n\nSTOP", "go on")


async def test_context_is_kept_over_many_tasks() -> None:
    answers = [program(f"print({n})") for n in range(6)]
    async with team_of(list(answers), *(ran(f"out {n}\n") for n in range(6))) as rig:
        for n in range(6):
            await rig.say(f"task {n}")
        expected = [part for n in range(5) for part in (f"task {n}", answers[n], f"out {n}\n", "APPROVE")]
        told_once(rig.asked[5], *expected, "task 5")
        thread = [message["content"] for message in rig.team.messages()]
        # AutoGen's own thread, which is loaded for each task, stays short.
        assert len(thread) == 20
        assert [thread[0], thread[-4], thread[-1]] == ["task 1", "task 5", "APPROVE"]


def test_before_the_first_task_there_is_no_message() -> None:
    async def messages() -> None:
        async with team_of([]) as rig:
            assert rig.team.messages() == []

    asyncio.run(messages())


class Cancel(NamedTuple):
    """A step to be cancelled in: what leads there, the event at which it is cancelled, and what the model is told of it later."""

    answer: Script
    run: ProgramRun | WaitForCancel
    reply: str | WaitForCancel
    event: type[ModelClientStreamingChunkEvent | ProgramOutput | Question]
    known: list[str]

    def is_here(self, event: TeamEvent) -> bool:
        return isinstance(event, self.event)


CANCELS = {
    "model": Cancel(Answer(FIRST, stall_after=2), ran("one\n"), "APPROVE", ModelClientStreamingChunkEvent, []),
    "program": Cancel(FIRST, WaitForCancel(), "APPROVE", ProgramOutput, [FIRST, "cancelled by the user"]),
    "prompt": Cancel(FIRST, ran("one\n"), WaitForCancel(), Question, [FIRST, "one\n"]),
}


@pytest.mark.parametrize("where", CANCELS)
async def test_after_a_cancel_the_session_goes_on(where: str) -> None:
    here = CANCELS[where]
    runs = [here.run, ran("two\n")] if where != "model" else [ran("two\n")]
    async with team_of([here.answer, SECOND, FIRST], *runs, replies=[here.reply]) as rig:
        assert await rig.say("count", here.is_here) is None
        result = await rig.say("count differently")
        assert result is not None
        assert result.stop_reason == "APPROVE"
        told_once(rig.asked[1], MARK.format("count"), *here.known, "count differently")
        # The cancelled program is not run again.
        assert [block.code for block in rig.executor.blocks] == ["print(1)\n"] * (where != "model") + ["print(2)\n"]
        await rig.say("third")
        told_once(rig.asked[2], MARK.format("count"), *here.known, "count differently", SECOND, "two\n", "APPROVE", "third")
        thread = [str(message["content"]) for message in rig.team.messages()]
        told_once(thread[: 1 + len(here.known)], "count", *here.known)
        assert thread.count("count differently") == 1


@pytest.mark.parametrize("where", CANCELS)
async def test_a_cancel_twice_in_a_row_loses_and_repeats_nothing(where: str) -> None:
    here = CANCELS[where]
    runs = [] if where == "model" else [here.run, here.run]
    async with team_of([here.answer, here.answer, SECOND], *runs, replies=[here.reply, here.reply]) as rig:
        await rig.say("count", here.is_here)
        await rig.say("count", here.is_here)
        await rig.say("count")
        told_once(rig.asked[2], MARK.format("count"), *here.known, "- count (stopped)", *here.known, "count")


@pytest.mark.parametrize("where", CANCELS)
async def test_a_cancel_leaves_no_task_and_no_thread_behind(where: str) -> None:
    here = CANCELS[where]
    async with team_of([SECOND, here.answer], ran("two\n"), here.run, replies=["APPROVE", here.reply]) as rig:
        await rig.say("first")
        tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
        await rig.say("count", here.is_here)
        assert asyncio.all_tasks() == tasks
        assert set(threading.enumerate()) - threads - endpoint_threads() == set()


# Numbers of events, one for each kind of moment: while the answer is written, at its end, before, in and after the run, at the question.
@pytest.mark.parametrize("number", [0, 2, *range(4, 10), 11, 12, 14, 16, 18])
async def test_a_cancel_at_any_moment_loses_and_repeats_nothing(number: int) -> None:
    async with team_of([FIRST, "Well?", *[SECOND] * 3], *[ran("one\n")] * 4, replies=["so?", "APPROVE"]) as rig:
        seen = itertools.count()
        assert await rig.say("count", lambda event: next(seen) == number) is None
        before = len(rig.asked)
        kept = [str(message["content"]) for message in rig.team.messages()]
        await rig.say("go on")
        stopped = [*kept, STOPPED] if "so?" in kept else [MARK.format("count"), *kept[1:]]
        assert rig.asked[before] == [*stopped, "go on"]


async def test_a_normal_end_leaves_no_task_behind() -> None:
    async with team_of([FIRST]) as rig:
        tasks = asyncio.all_tasks()
        await rig.say("count")
        assert asyncio.all_tasks() == tasks


def endpoint_threads() -> set[threading.Thread]:
    """Return the threads of the endpoint on loopback, which serves each connection in one of its own."""
    return {thread for thread in threading.enumerate() if "process_request_thread" in thread.name}


def is_no_answer(body: dict[str, object]) -> Answer:
    return wrong_key("not-a-real-key")


@pytest.mark.parametrize("failure", [is_no_answer, Answer(FIRST, drop=True)], ids=["401", "hung up"])
async def test_after_a_model_error_the_same_message_is_asked_again(failure: Script) -> None:
    # A connection that is dropped is tried again by the client, so every try has to fail.
    failures = [failure] * 8
    async with team_of([*failures, SECOND], ran("two\n")) as rig:
        with pytest.raises(RuntimeError):
            await rig.say("count")
        rig.endpoint.answers = [*failures[: len(rig.asked)], SECOND, FIRST]
        await rig.say(None)
        told_once(rig.asked[-1], "count")
        assert rig.turns == ONE_ROUND[1:]
        await rig.say("go on")
        told_once(rig.asked[-1], "count", SECOND, "two\n", "APPROVE", "go on")


async def test_after_a_model_error_a_new_message_is_told_with_the_old_one_once() -> None:
    async with team_of([FIRST, is_no_answer, SECOND], ran("one\n"), ran("two\n")) as rig:
        await rig.say("count")
        with pytest.raises(RuntimeError):
            await rig.say("more")
        await rig.say("much more")
        told_once(rig.asked[2], "count", FIRST, "one\n", "APPROVE", MARK.format("more"), "much more")


async def test_after_an_executor_error_the_session_goes_on() -> None:
    lost = EngineError("the engine is gone", "start it")
    async with team_of([FIRST, SECOND], lost, ran("two\n")) as rig:
        tasks = asyncio.all_tasks()
        with pytest.raises(RuntimeError, match="the engine is gone"):
            await rig.say("count")
        assert asyncio.all_tasks() == tasks
        await rig.say("try again")
        told_once(rig.asked[1], MARK.format("count"), FIRST, "try again")
        assert [block.code for block in rig.executor.blocks] == ["print(1)\n", "print(2)\n"]


async def test_none_as_the_message_asks_the_generator_after_any_end() -> None:
    async with team_of([FIRST, SECOND], ran("one\n"), ran("two\n")) as rig:
        await rig.say("count")
        await rig.say(None)
        told_once(rig.asked[1], "count", FIRST, "one\n", "APPROVE")


async def test_a_fourth_agent_speaks_in_its_turn_and_its_code_is_not_run() -> None:
    review = program("print('from the reviewer')")

    def reviewer(model: object) -> AssistantAgent:
        return AssistantAgent("Reviewer", model, system_message="Review it.")  # type: ignore[arg-type]

    async with team_of([FIRST, review, SECOND, "Fine. APPROVE\n\nSTOP"], ran("one\n"), fourth=reviewer) as rig:
        await rig.say("count")
        assert rig.turns == ["user", GENERATOR, "Reviewer", EXECUTOR, USER]
        assert [block.code for block in rig.executor.blocks] == ["print(1)\n"]
        told_once(rig.asked[1], "count", FIRST)
        result = await rig.say("again")
        assert rig.turns == ["user", GENERATOR, "Reviewer", EXECUTOR, USER]
        assert result is not None
        assert result.messages[-1].source == USER
        told_once(rig.asked[2], "count", FIRST, review, "one\n", "APPROVE", "again")


@pytest.mark.parametrize("where", ["first", "second"])
async def test_a_cancel_in_a_team_of_four_tells_each_model_everything_once(where: str) -> None:
    def reviewer(model: object) -> AssistantAgent:
        return AssistantAgent("Reviewer", model, system_message="Review it.", model_client_stream=True)  # type: ignore[arg-type]

    stalled = Answer(FIRST, stall_after=2)
    answers: list[Script] = [stalled, SECOND, "Good."] if where == "first" else [FIRST, stalled, SECOND, "Good."]
    async with team_of(answers, fourth=reviewer) as rig:
        speaker = GENERATOR if where == "first" else "Reviewer"
        cancelled = await rig.say("count", lambda event: isinstance(event, ModelClientStreamingChunkEvent) and event.source == speaker)
        assert cancelled is None
        await rig.say("go on")
        known = [MARK.format("count")] if where == "first" else [MARK.format("count"), FIRST]
        told_once(rig.asked[-2], *known, "go on")
        told_once(rig.asked[-1], "count", *known[1:], STOPPED, "go on", SECOND)  # the reviewer's context leaves all as it is


TALK_GOES_ON = {
    # what is said: task, answers, output of the first program, the user's first reply
    "the user says: do NOT APPROVE this": ("count", [FIRST, SECOND], "one\n", "do NOT APPROVE this"),
    "the user says: APPROVE but rename it": ("count", [FIRST, SECOND], "one\n", "APPROVE but rename it"),
    "a program prints APPROVE": ("count", [FIRST, SECOND], "APPROVE\n", "no, once more"),
    "a program prints STOP": ("count", [FIRST, SECOND], "STOP\n", "no, once more"),
    "the code holds STOPWORDS": ("count", [program("STOPWORDS = {'a'}"), SECOND], "one\n", "once more"),
    "the task mentions STOP": ("Print STOP. STOP", [FIRST, SECOND], "one\n", "once more"),
    "the task is the word": ("APPROVE", [FIRST, SECOND], "one\n", "once more"),
    "an answer has code and STOP": ("count", [f"{FIRST}\n\nSTOP", SECOND], "one\n", "once more"),
    "the model says APPROVE": ("count", [f"I say APPROVE.\n\n{FIRST}", SECOND], "one\n", "once more"),
}


@pytest.mark.parametrize("said", TALK_GOES_ON)
async def test_no_word_ends_the_talk_by_accident(said: str) -> None:
    task, answers, output, reply = TALK_GOES_ON[said]
    async with team_of(answers, ran(output), ran("two\n"), replies=[reply]) as rig:
        result = await rig.say(task)
        assert len(rig.executor.blocks) == 2
        assert rig.user.asked == 2
        assert len(rig.asked) == 2
        assert result is not None
        assert (result.stop_reason, result.messages[-1].source) == ("APPROVE", USER)


async def test_what_goes_back_automatically_is_not_the_users_word() -> None:
    failures = [ran(f"{word}\n", Verdict.FAILED, 1) for word in ("APPROVE", "STOP")]
    async with team_of([FIRST, SECOND, FIRST], *failures, ran("one\n")) as rig:
        await rig.say("count")
        assert (len(rig.executor.blocks), rig.user.asked) == (3, 1)


async def test_events_and_messages_come_in_the_order_in_which_they_happen() -> None:
    async with team_of([FIRST], ran("one\n")) as rig:
        await rig.say("count")
        kinds: list[type[TeamEvent]] = [type(event) for event in rig.events]
        assert kinds.index(ModelClientStreamingChunkEvent) < kinds.index(ProgramOutput) < kinds.index(TaskResult)
        assert isinstance(rig.events[-2], TextMessage)
