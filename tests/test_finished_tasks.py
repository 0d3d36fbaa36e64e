"""Tasks that are over, in the conversation that the model is sent: one line each, in one message, however many there were."""

from __future__ import annotations

import json

import pytest
from autogen_core.models import AssistantMessage, LLMMessage, SystemMessage, UserMessage

from agents.conversation_context import ConversationContext
from agents.events import RECOVERY_SOURCE, TASK_SOURCE
from agents.finished_tasks import FOLD_FROM, MOST_LINES, SOURCE, fold_finished
from agents.user_proxy_agent import NAME as USER
from tests import bench_session
from tests.fakes import program
from utils.words import STOPPED_STEP

GENERATOR, EXECUTOR = "CodeGeneratorAgent", "CodeExecutorAgent"
LONG = "x = 1\n" * 1200


def task(text: str) -> UserMessage:
    return UserMessage(content=text, source=TASK_SOURCE)


def said(text: str) -> UserMessage:
    return UserMessage(content=text, source=USER)


def answer(text: str) -> AssistantMessage:
    return AssistantMessage(content=text, source=GENERATOR)


def stopped(text: str) -> UserMessage:
    return task(f"[Finished tasks of this conversation, oldest first]\n- {text} (stopped)")


def result(text: str) -> UserMessage:
    return UserMessage(content=text, source=EXECUTOR)


def done(name: str, *feedback: str, word: str = "APPROVE") -> list[LLMMessage]:
    """Return a finished task with a long program."""
    messages: list[LLMMessage] = [task(f"task {name}"), answer(program(f"{name} = 0\n{LONG}")), result(f"printed {name}")]
    for text in feedback:
        messages += [said(text), answer(program(f"{name} = 1\n{LONG}")), result(f"printed {name} again")]
    return [*messages, said(word)]


def folded(messages: list[LLMMessage]) -> list[LLMMessage]:
    return fold_finished(messages, lambda text: "```" in text)


def test_finished_tasks_are_one_message_and_the_newest_program_stays() -> None:
    at_hand: list[LLMMessage] = [task("task c"), answer("Which colour?"), said("Red, as I said: " + "r" * 5000)]
    summary, *rest = folded([*done("a"), *done("b", "make it blue", "and round", word="stop"), *at_hand])
    lines = [
        "[Finished tasks of this conversation, oldest first]",
        "- task a (approved)",
        "- task b | make it blue | and round (ended)",
    ]
    assert summary == UserMessage(content="\n".join(lines), source=SOURCE)
    assert rest == [answer(program(f"b = 1\n{LONG}")), result("printed b again"), *at_hand]


def test_a_few_short_tasks_stay_as_they_are() -> None:
    short: list[LLMMessage] = [task("add 1 and 1"), answer(program("print(2)")), result("2"), said("APPROVE"), task("and 3?")]
    assert folded(short) == short


@pytest.mark.parametrize("end", [said("STOP"), said("Approve!"), answer("Nothing is left to do.\n\nSTOP")])
def test_every_way_to_end_a_task_ends_it(end: LLMMessage) -> None:
    assert len(folded([*done("a")[:-1], end, task("next")])) == 4


@pytest.mark.parametrize(
    "end",
    [said("STOP printing the header"), said("do not APPROVE"), result("APPROVE"), task("STOP"), answer(program("STOP")), answer("STOP it")],
)
def test_nothing_else_ends_one(end: LLMMessage) -> None:
    first = folded([*done("a")[:-1], end, task("next")])[0]
    assert first in (task("task a"), stopped("task a"))


STOP_NOTE = task(STOPPED_STEP)


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([task("a"), STOP_NOTE, task("b")], [stopped("a"), task("b")]),
        ([task("a"), task("b")], [stopped("a"), task("b")]),  # the model failed
        ([task("a"), STOP_NOTE, task("b"), STOP_NOTE, task("c")], [stopped("a"), task("- b (stopped)"), task("c")]),
        (
            [task("a"), STOP_NOTE, task("b"), answer("one"), said("STOP"), task("c"), STOP_NOTE, task("d")],
            [stopped("a"), task("b"), answer("one"), said("STOP"), stopped("c"), task("d")],
        ),
        ([task("a"), answer("one"), result("1"), STOP_NOTE, task("b")], [stopped("a"), answer("one"), result("1"), task("b")]),
        ([task("a"), answer("one"), said("APPROVE"), task("b")], [task("a"), answer("one"), said("APPROVE"), task("b")]),
        ([task("a"), STOP_NOTE], [task("a"), STOP_NOTE]),  # asked again
    ],
)
def test_a_task_that_was_stopped_or_failed_says_so_once_another_follows(messages: list[LLMMessage], sent: list[LLMMessage]) -> None:
    assert folded(messages) == sent
    assert folded(sent) == sent


def test_what_follows_feedback_and_a_stop_may_be_feedback_too() -> None:
    messages: list[LLMMessage] = [task("a"), answer("one"), result("1"), said("in red"), STOP_NOTE, task("in blue")]
    assert folded(messages) == messages


def test_a_stopped_task_is_listed_once_a_later_one_is_finished() -> None:
    long = "draw " * 500
    lines = str(folded([task(long), STOP_NOTE, *done("b"), task("c")])[0].content).splitlines()
    assert lines[1:] == [f"- {long[:119]}… (stopped)", "- task b (approved)"]


def test_folding_what_is_folded_changes_nothing() -> None:
    once = folded([*done("a"), *done("b"), task("c")])
    assert folded(once) == once


def test_folding_step_by_step_comes_to_the_same_as_at_once() -> None:
    every: list[LLMMessage] = []
    step_by_step: list[LLMMessage] = []
    for number in range(40):
        every += done(f"t{number}", "change it")
        step_by_step = folded([*step_by_step, *done(f"t{number}", "change it")])
    assert step_by_step == folded(every)
    lines = str(step_by_step[0].content).splitlines()
    assert lines[0] == f"[Finished tasks of this conversation, oldest first; {40 - MOST_LINES} earlier ones are not listed]"
    assert (len(lines), lines[-1]) == (MOST_LINES + 1, "- task t39 | change it (approved)")


def test_long_words_of_finished_tasks_are_one_line_and_cut() -> None:
    text = "draw\na house " + "with windows " * 50
    (line,) = str(folded([task(text), answer(program(LONG)), said("APPROVE"), *done("b")])[0].content).splitlines()[1:2]
    assert line.startswith("- draw a house with windows ")
    assert line.endswith("… (approved)")
    assert len(line) < 260


def test_what_goes_back_automatically_is_nobodys_word() -> None:
    back = UserMessage(content="Fix it.", source=RECOVERY_SOURCE)
    messages: list[LLMMessage] = [
        task("a"),
        answer(program(LONG * 3)),
        result("failed"),
        back,
        answer(program(LONG)),
        result("ok"),
        said("APPROVE"),
    ]
    assert len(str(messages)) > FOLD_FROM
    assert "Fix it." not in str(folded(messages))


def test_what_a_memory_put_before_the_conversation_stays() -> None:
    memory = SystemMessage(content="The user likes metres.")
    assert folded([memory, *done("a"), *done("b"), task("c")])[0] == memory


async def test_a_loaded_conversation_is_folded_for_good() -> None:
    context = ConversationContext([*done("a"), *done("b"), *done("c"), task("d")])
    seen = await context.get_messages()
    other = ConversationContext()
    await other.load_state(json.loads(json.dumps(await context.save_state())))
    assert len((await other.save_state())["messages"]) == len(seen) < 13
    assert await other.get_messages() == seen


async def test_the_cost_of_a_task_does_not_grow_with_the_session() -> None:
    tasks = 3 * bench_session.WINDOW
    growth = await bench_session.measure(tasks)
    assert growth.tokens < 1.1
    assert growth.late.messages <= growth.early.messages + 1
    assert "times the tokens" in bench_session.report(growth, tasks)
