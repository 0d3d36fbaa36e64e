"""What the model is sent of a long conversation: what stays whole, what is folded, and that it does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from dataclasses import replace

import pytest
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)

from agents.conversation_context import KEPT_OLD, LONGEST_REPORT, MOST_OLD, ConversationContext, short_answer
from agents.events import STARTS_OVER, RunResult
from agents.user_proxy_agent import SendBack
from sandbox.verdicts import MODEL_CHARACTERS, Verdict, tell_model
from teams.missing_program import NO_FILE, NUDGE, NUDGE_IN, PRINT, PRINT_FOR, SEND_CODE
from teams.recovery import FIX, Recovery
from tests import bench_context
from tests.fakes import program, ran, team_of
from utils.docker_utils import Limits

GENERATOR, EXECUTOR, USER, REVIEWER = "CodeGeneratorAgent", "CodeExecutorAgent", "UserProxyAgent", "Reviewer"


def task(text: str) -> UserMessage:
    return UserMessage(content=text, source="user")


def feedback(text: str) -> UserMessage:
    return UserMessage(content=text, source=USER)


def sent_back(text: str = FIX) -> UserMessage:
    """Return what goes back to the generator automatically."""
    return UserMessage(content=text, source="Recovery")


def answer(text: str) -> AssistantMessage:
    return AssistantMessage(content=text, source=GENERATOR)


def version(number: int, lines: int = 30) -> AssistantMessage:
    """Return an answer whose program is told from every other by its number."""
    return answer(f"This is version {number}.\n\n" + program("\n".join(f"x = {number * 1000 + line}" for line in range(lines))))


def result(number: int, output: str = "", verdict: Verdict = Verdict.FAILED) -> UserMessage:
    """Return what the executor says about a program with much output, in the real one's words."""
    output = output or f"start {number}\n" + "some output\n" * 3000 + f"ValueError: number {number}\n"
    return UserMessage(content=tell_model(ran(output, verdict, 1), Limits()), source=EXECUTOR)


def noted(note: str) -> UserMessage:
    """Return what the executor says about a program that ended well with a note."""
    return UserMessage(content=tell_model(replace(ran("", Verdict.OK, 1), notes=(note,)), Limits()), source=EXECUTOR)


def review(number: int, size: int = 3000) -> UserMessage:
    return UserMessage(content=f"Review {number}: " + "it is good. " * (size // 12), source=REVIEWER)


def rounds(count: int) -> list[LLMMessage]:
    """Return a task and that many rounds of program, long result and feedback."""
    messages: list[LLMMessage] = [task("the task")]
    for number in range(1, count + 1):
        messages += [version(number), result(number), feedback(f"feedback {number}")]
    return messages


async def view(messages: list[LLMMessage]) -> list[LLMMessage]:
    return await ConversationContext(messages).get_messages()


def texts(messages: list[LLMMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def size(messages: list[LLMMessage]) -> int:
    return sum(map(len, texts(messages)))


async def test_a_short_conversation_is_sent_as_it_is() -> None:
    messages: list[LLMMessage] = [
        task("the task"),
        version(1),
        result(1, "Error: a\n"),
        sent_back(),
        version(2),
        result(2, "2\n", Verdict.OK),
    ]
    assert size(messages) < MOST_OLD
    assert await view(messages) == messages


async def test_superseded_programs_and_old_results_are_folded() -> None:
    seen = texts(await view(rounds(6)))
    assert seen[1] == "This is version 1.\n\nHere it is:\n\n[an earlier program of 30 lines stood here; it was replaced]"
    assert "failed with exit code 1" in seen[2]  # the fact
    assert "ValueError: number 1" in seen[2]  # the error
    assert re.search(r"\d+ characters cut", seen[2])
    assert len(seen[2]) <= 800
    assert seen[-3:] == texts(rounds(6))[-3:]


async def test_folding_begins_with_the_oldest_and_only_where_there_is_much() -> None:
    messages = rounds(2)  # the first round alone is old, and a result is less than what makes folding begin
    assert await view(messages) == messages
    messages = [task("t"), *[message for number in range(1, 40) for message in (version(number), feedback("go on"))]]
    seen = await view(messages)
    folded = [number for number, (before, after) in enumerate(zip(messages, seen, strict=True)) if before != after]
    assert folded == list(range(1, 2 * len(folded), 2))
    assert KEPT_OLD / 2 < size(seen) < MOST_OLD + 1000


async def test_the_newest_program_stays_whole_behind_later_talk() -> None:
    changed = "[sandbox] The user changed the program before it ran. This is what ran:\n" + program("changed()" + "\n#" * 400)
    report = UserMessage(content=changed + str(result(7).content), source=EXECUTOR)
    talk: list[LLMMessage] = []
    for number in range(30):
        talk += [feedback(f"why {number}?"), answer("Because. " * 300), UserMessage(content="[sandbox] Nothing was run.", source=EXECUTOR)]
    seen = texts(await view([*rounds(6), version(7), report, *talk]))
    assert version(7).content in seen
    assert report.content in seen
    assert str(version(6).content) not in seen
    assert seen[-3:] == texts(talk)[-3:]
    assert sum(map(len, seen)) < MOST_OLD + len(changed) + MODEL_CHARACTERS + 10_000


async def test_an_answer_that_was_cut_replaces_no_program() -> None:
    cut = answer("Here is more:\n\n```python\nx = 1\n")
    seen = texts(await view([*rounds(4), cut, UserMessage(content="[sandbox] Nothing was run.", source=EXECUTOR), sent_back(SEND_CODE)]))
    assert version(4).content in seen
    assert cut.content in seen


async def test_the_users_words_are_never_cut() -> None:
    pasted = "Here are my data: " + "0123456789" * 20_000
    # If the user types the very words of an automatic message, they are the user's.
    words = [task(pasted), feedback("x" * 50_000), task(FIX), feedback(FIX), feedback("APPROVE but larger"), feedback("größer, 更大 🙂")]
    messages: list[LLMMessage] = [SystemMessage(content="remember"), words[0], *rounds(60)[1:]]
    messages[30:30] = words[1:]
    seen = await view(messages)
    kept = [message for message in messages if getattr(message, "source", "user") in ("user", USER)]
    assert [message for message in seen if message in kept] == kept


async def test_a_huge_task_leaves_the_rest_its_room() -> None:
    messages = [task("0123456789" * 20_000), *rounds(2)[1:]]
    assert await view(messages) == messages


async def test_automatic_messages_of_old_rounds_give_way() -> None:
    messages: list[LLMMessage] = [task("the task")]
    for number in range(1, 7):
        messages += [version(number), result(number), sent_back()]
    seen = texts(await view(messages))
    assert seen[3] == "[sent back automatically]"
    assert seen[-1] == FIX  # not answered yet
    assert 1 <= seen.count(FIX) < 6


@pytest.mark.parametrize("verdict", ["failed", "time", "no code"])
async def test_whatever_recovery_says_is_known_as_automatic(verdict: str) -> None:
    said = Recovery(3).decide(
        [
            TextMessage(source="user", content="Print 1."),
            TextMessage(source=GENERATOR, content="```cobol\nx\n```"),
            RunResult(source=EXECUTOR, content="…", verdict=verdict, error="E: a"),
        ]
    )
    assert isinstance(said, SendBack)
    messages = [task("t"), version(1), result(1), sent_back(said.message), *rounds(5)[1:]]
    assert texts(await view(messages))[3] == "[sent back automatically]"


async def test_it_does_not_grow_with_the_number_of_rounds() -> None:
    messages, words = rounds(120), sum(len(f"feedback {number}") for number in range(120))
    held = len(str(version(120).content)) + len(str(result(120).content))
    context, sizes = ConversationContext(), []
    for message in messages:
        if isinstance(message, AssistantMessage):
            sizes.append(size(await context.get_messages()))
        await context.add_message(message)
    notes = 120 * len("[2 earlier messages are left out here]")  # one stands between two words of the user
    assert max(sizes) < held + MOST_OLD + words + notes
    last = texts(await view(messages))
    assert [text for text in last if text.startswith("feedback")] == [f"feedback {number}" for number in range(1, 121)]
    assert "[2 earlier messages are left out here]" in last
    assert last.count(str(version(120).content)) == 1


async def test_what_is_left_out_is_counted() -> None:
    messages: list[LLMMessage] = [task("t")]
    for number in range(200):
        messages += [version(number), result(number), sent_back()]
    seen = await view(messages)
    notes = [int(found[1]) for text in texts(seen) if (found := re.fullmatch(r"\[(\d+) earlier messages are left out here\]", text))]
    assert len(notes) == 1
    assert notes[0] + len(seen) - 1 == len(messages)


async def test_the_beginning_stays_the_same_from_call_to_call() -> None:
    messages: list[LLMMessage] = [task("t")]
    for number in range(100):
        messages += [version(number, 20), result(number, "a short output\n", Verdict.OK), feedback("go on")]
    context, before, changes = ConversationContext(), [""], 0
    for message in messages:
        if isinstance(message, AssistantMessage):
            seen = texts(await context.get_messages())
            # The newest program's round is whole until the next one: what stood before it is what a cache holds.
            changes += seen[: len(before) - 4] != before[: len(before) - 4]
            before = seen
        await context.add_message(message)
    assert 0 < changes < 10


async def test_no_more_is_left_out_than_is_needed() -> None:
    messages: list[LLMMessage] = [task("t")]
    for number in range(30):  # a program with what was said about it, then so much talk that what stood before it is left out
        messages += [version(number), review(number), result(number)]
        messages += [answer(f"So it is, {number} {part}. " * 60) for part in range(60)]
    seen = await view(messages)
    assert any("left out" in text for text in texts(seen))
    assert size(seen) > size(newest(messages)) + KEPT_OLD / 2


async def test_another_agents_messages_are_folded_like_results() -> None:
    messages: list[LLMMessage] = [task("t")]
    for number in range(12):
        messages += [version(number), review(number), result(number), feedback(f"feedback {number}")]
    seen = texts(await view(messages))
    assert str(review(11).content) in seen
    assert str(review(3).content) not in seen
    assert any(text.startswith("Review 3:") and "characters cut" in text for text in seen)
    assert str(version(11).content) in seen
    assert str(result(11).content) in seen


async def test_a_report_on_many_programs_is_cut() -> None:
    report = UserMessage(content="first fact\n" + "é" * 300_000 + "\nlast error", source=EXECUTOR)
    seen = texts(await view([task("t"), version(1), report]))
    assert len(seen[2]) <= LONGEST_REPORT
    assert seen[2].startswith("first fact")
    assert seen[2].endswith("last error")


def turn(chance: random.Random, number: int) -> list[LLMMessage]:
    """Return an answer of any kind, and what may be said to it."""
    if chance.random() < 0.3:
        call = FunctionCall(id=f"call{number}", name="look", arguments="{}")
        found = FunctionExecutionResult(content="x" * chance.choice([10, 3000, 40_000]), name="look", call_id=f"call{number}")
        return [AssistantMessage(content=[call], source=GENERATOR), FunctionExecutionResultMessage(content=[found])]
    said: list[LLMMessage] = [chance.choice([version(number, chance.choice([1, 50, 1000])), answer("So. " * chance.choice([9, 900]))])]
    if chance.random() < 0.5:
        said.append(review(number, chance.choice([100, 5000])))
    if chance.random() < 0.8:
        said.append(result(number, "y\n" * chance.choice([1, 200, 9000])))
    return [*said, chance.choice([sent_back(), sent_back(SEND_CODE), feedback(f"feedback {number}")])]


def newest(messages: list[LLMMessage]) -> list[LLMMessage]:
    """Return what has to be in the view of these messages as it is: what the docstring says, the slow way."""
    answers = [place for place, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    programs = [place for place in answers if "```python" in messages[place].content]
    kept = {*answers[-1:], *programs[-1:], *range(answers[-1] if answers else 0, len(messages))}
    rounds = [range(programs[-1], next((place for place in answers if place > programs[-1]), len(messages)))] if programs else []
    for source in (EXECUTOR, REVIEWER):
        for places in [range(len(messages)), *rounds]:
            kept |= {*[place for place in places if getattr(messages[place], "source", "") == source][-1:]}
    own = {place for place, message in enumerate(messages) if isinstance(message, UserMessage) and message.source in ("user", USER)}
    return [message for place, message in enumerate(messages) if place in kept | own]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_said_the_view_is_valid_bounded_and_holds_what_it_must(seed: int) -> None:
    chance = random.Random(seed)
    messages: list[LLMMessage] = [task("t")]
    context = ConversationContext(messages)
    for number in range(80):
        for message in turn(chance, number):
            if isinstance(message, AssistantMessage):
                seen, whole = await context.get_messages(), newest(messages)
                remaining = iter(seen)
                assert all(message in remaining for message in whole), "something is not there, or not in order"
                assert size(seen) < size(whole) + MOST_OLD + 40 * len(whole)
                assert isinstance(seen[0], UserMessage)
                for before, after in zip(seen, seen[1:], strict=False):
                    called = isinstance(before, AssistantMessage) and not isinstance(before.content, str)
                    assert called == isinstance(after, FunctionExecutionResultMessage)
                    assert before.content
            messages.append(message)
            await context.add_message(message)


async def test_messages_and_views_of_before_are_not_changed() -> None:
    messages = rounds(20)
    copies = [message.model_copy(deep=True) for message in messages]
    context = ConversationContext(messages)
    first = await context.get_messages()
    assert await context.get_messages() == first == await view(messages)
    assert messages == copies


async def test_a_conversation_without_code_is_bounded_too() -> None:
    messages: list[LLMMessage] = []
    for number in range(300):
        messages += [task(f"question {number}"), answer("Это долгий ответ 🙂. " * 100)]
    seen = await view([*messages, task("the last question")])
    assert size(seen) < MOST_OLD + 300 * 60 + 2000
    assert seen[-2] == messages[-1]
    json.dumps(texts(seen), ensure_ascii=False).encode()  # no character was cut in half


async def test_thousands_of_small_messages_take_no_time() -> None:
    messages: list[LLMMessage] = [task("t")]
    for number in range(2000):
        messages += [answer(f"```python\nprint({number})\n```"), UserMessage(content=f"{number}", source=EXECUTOR), feedback("ok")]
    context = ConversationContext(messages)
    await context.get_messages()  # each answer is read once
    began = time.perf_counter()
    for _ in range(5):
        await context.get_messages()
    assert (time.perf_counter() - began) / 5 < 0.5


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (program("x\n" * 50), "Here it is:\n\n[an earlier program of 51 lines stood here; it was replaced]"),
        (
            "```python\n# filename: tools/helper.py\n" + "x\n" * 50 + "```",
            "[an earlier program of 51 lines stood here; it was stored as tools/helper.py]",
        ),
        ("```python\n# filename: ../../x\n" + "x\n" * 50 + "```", "[an earlier program of 51 lines stood here; it was replaced]"),
        (
            "~~~sh\r\n" + "ls\r\n" * 50 + "~~~\r\nThat is all.",
            "[an earlier program of 50 lines stood here; it was replaced]\n\nThat is all.",
        ),
        ("```\n" + "shown\n" * 50 + "```", "[a block that was not run stood here]"),
        ("<think>\n" + "hm\n" * 50 + "</think>\nIt is so.", "It is so."),
        ("<think>\n" + "hm\n" * 50, "[an earlier answer stood here]"),
        ("```python\nprint(1)\n```", "```python\nprint(1)\n```"),
        ("In a few words.", "In a few words."),
        ("1. First:\n   ```py\n   " + "x\n   " * 50 + "\n   ```\n2. Second.", None),
    ],
)
def test_an_answer_in_short(text: str, short: str | None) -> None:
    assert short_answer(text) == (short or "1. First:\n\n[an earlier program of 51 lines stood here; it was replaced]\n\n2. Second.")


def test_long_prose_is_cut_and_programs_of_it_are_not_forgotten() -> None:
    short = short_answer("At first. " * 500 + "\n\n" + program("x\n" * 50) + "And then. " * 500)
    assert short.startswith("At first. ")
    assert short.rstrip().endswith("And then.")
    assert "[an earlier program of 51 lines stood here; it was replaced]" in short
    assert short.count("characters cut") == 2
    assert len(short_answer(program("x\n" * 50) * 200)) <= 1500


async def test_everything_is_saved_and_loaded() -> None:
    context = ConversationContext(rounds(20))
    state = await context.save_state()
    assert list(state) == ["messages"]
    assert [message["content"] for message in state["messages"]] == texts(rounds(20))
    other = ConversationContext()
    await other.load_state(json.loads(json.dumps(state)))
    assert await other.get_messages() == await context.get_messages()
    await other.add_message(version(21))
    await other.clear()
    assert await other.get_messages() == []


async def test_a_stopped_step_loses_nothing_and_says_nothing_twice() -> None:
    output = "line\n" * 20_000
    answers = [str(version(number).content) for number in range(1, 8)]
    replies = [f"feedback {number}" for number in range(1, 5)]
    async with team_of(answers, *[ran(output)] * 7, replies=replies) as rig:
        await rig.say("the task")  # five rounds, then APPROVE
        token = CancellationToken()
        with contextlib.suppress(asyncio.CancelledError):
            async for event in rig.team.run_stream("one more", token):
                if isinstance(event, ModelClientStreamingChunkEvent):
                    token.cancel()
        assert token.is_cancelled()
        await rig.say("and now?")
        asked = rig.endpoint.requests[-1].texts[1:]
        words = [text for text in asked if not text.startswith(("[sandbox]", "This is version"))]
        over = f"- the task | {' | '.join(replies)} (approved)"
        finished = f"[Finished tasks of this conversation, oldest first]\n{over}"
        assert words == [finished, "[Finished tasks of this conversation, oldest first]\n- one more (stopped)", "and now?"]
        assert asked.count(answers[4]) == 1
        assert answers[0] not in asked  # it is folded, and yet kept
        assert sum(map(len, asked)) < 2 * MOST_OLD
        assert len(rig.endpoint.requests) == 7
        kept = [message["content"] for message in rig.team.messages() if message["source"] == GENERATOR]
        assert kept == [*answers[1:5], answers[6]]  # the newest


async def test_much_output_in_many_rounds_costs_a_tenth_of_what_plain_autogen_sends() -> None:
    plain, ours = await bench_context.measure_plain(), await bench_context.measure_ours()
    assert len(plain.sizes) == len(ours.sizes) == bench_context.ROUNDS + 1
    assert plain.sizes[-1] > bench_context.ROUNDS * len(bench_context.OUTPUT)  # the plain one does send it all
    assert ours.tokens <= plain.tokens / 10
    # Folding, and not only the sandbox's cut of each output: the last request is smaller than all the cut results.
    assert max(ours.sizes) < 3 * MOST_OLD
    assert ours.last[1] == bench_context.TASK
    assert [text for text in ours.last if text.startswith("Feedback")] == bench_context.FEEDBACK
    assert ours.last.count(bench_context.ANSWERS[bench_context.ROUNDS - 1]) == 1
    assert bench_context.ANSWERS[bench_context.ROUNDS - 3] not in ours.last


def test_the_benchmark_says_both_numbers() -> None:
    said = bench_context.report(bench_context.Sent((40_000, 80_000), ()), bench_context.Sent((4_000, 4_000), ()))
    assert re.search(r"plain AutoGen +30,000 in 2 requests, at most 20,000 in one", said)
    assert re.search(r"this program +2,000 in 2 requests, at most 1,000 in one", said)
    assert "6.7% of plain AutoGen" in said


# --- A program that came twice ---------------------------------------------------------------------------------------------------


async def test_after_a_program_that_came_twice_its_copies_are_not_shown_again() -> None:
    again = sent_back(f"{STARTS_OVER}:\nE: a\nWrite it differently.")
    before: list[LLMMessage] = [task("one"), version(1), result(1, "1\n", Verdict.OK), feedback("APPROVE"), task("two"), feedback("in C")]
    tries: list[LLMMessage] = [version(2), result(2, "E: a\n"), sent_back(), version(2), result(2, "E: a\n")]
    assert await view([*before, *tries]) == [*before, *tries]
    assert await view([*before, *tries, again]) == [*before, again]
    assert await view([*before, *tries, again, version(3), result(3)]) == [*before, again, version(3), result(3)]


async def test_the_users_words_do_not_start_over() -> None:
    messages: list[LLMMessage] = [task("one"), version(1), result(1, "E: a\n"), feedback(f"{STARTS_OVER}, why?")]
    assert await view(messages) == messages


# A small model copies what it is told: after "the answer holds no program" its next program printed these words.
@pytest.mark.parametrize(
    "asked",
    [
        NUDGE,
        NUDGE_IN.format(language="Python"),
        PRINT,
        PRINT_FOR.format(task="one"),
        NO_FILE.format(fact="a.txt is not there", files="a.txt"),
    ],
)
async def test_what_did_not_come_about_is_asked_for_in_place_of_the_report(asked: str) -> None:
    nothing = result(1, "35\n", Verdict.OK)
    messages: list[LLMMessage] = [task("one"), version(1), nothing, sent_back(asked)]
    assert texts(await view(messages)) == texts([messages[0], messages[1], messages[3]])
    later = [*messages, version(2), result(2, "E: a\n")]
    assert texts(await view(later)) == texts([messages[0], messages[1], *later[3:]])


@pytest.mark.parametrize(
    ("report", "asked"),
    [
        (result(1, "could not open a.txt\n", Verdict.OK), NO_FILE.format(fact="a.txt is not there", files="a.txt")),
        (result(1, "Warning: no data\n", Verdict.OK), PRINT),
        (result(1, "E: a\n"), FIX),
        (result(1, "35\n", Verdict.OK), SEND_CODE),
        (noted("it left files elsewhere: /tmp/a.txt"), NO_FILE.format(fact="a.txt is not there", files="a.txt")),
        (feedback("Use print() for the result."), PRINT),
        (review(1), PRINT),
    ],
)
async def test_what_the_model_needs_to_do_better_stays(report: LLMMessage, asked: str) -> None:
    messages: list[LLMMessage] = [task("one"), version(1), report, sent_back(asked)]
    assert texts(await view(messages)) == texts(messages)


def silent(verdict: Verdict = Verdict.OK) -> UserMessage:
    return UserMessage(content=tell_model(ran("", verdict, 1), Limits()), source=EXECUTOR)


async def test_of_a_program_that_printed_nothing_only_the_users_words_are_sent() -> None:
    messages: list[LLMMessage] = [task("write a.txt"), version(1), silent(), feedback("in capitals")]
    assert texts(await view(messages)) == texts([*messages[:2], messages[3]])
    assert texts(await view(messages[:3])) == texts(messages[:3])


@pytest.mark.parametrize(
    "report",
    [silent(Verdict.FAILED), silent(Verdict.TIME), noted("it left files elsewhere: /tmp/a.txt"), result(1, "1\n", Verdict.OK), review(1)],
)
async def test_what_the_user_may_speak_about_stays(report: LLMMessage) -> None:
    messages: list[LLMMessage] = [task("write a.txt"), version(1), report, feedback("in capitals")]
    assert texts(await view(messages)) == texts(messages)
