"""A team built from the messages alone goes on exactly as the one that was never killed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import ChatAgent
from autogen_agentchat.messages import BaseChatMessage
from autogen_core.models import ChatCompletionClient

from sandbox.verdicts import ProgramRun, Verdict
from teams.restoring import dump_message, load_message, outcome_of
from tests.endpoint import Answer
from tests.fakes import program, ran, team_of

TASK = "Print the answer."
FAILED = ran("Traceback\nValueError: one\n", Verdict.FAILED, 1)
OTHER = ran("Traceback\nKeyError: two\n", Verdict.FAILED, 1)
# Each line is a conversation: the model's answers, the runs, what the user says, and how often failures go back.
CONVERSATIONS: dict[str, tuple[list[str], list[ProgramRun], list[str], int]] = {
    "approved at once": ([program("print(1)")], [ran("1\n")], ["APPROVE"], 3),
    "feedback twice": (
        [program("print(1)"), program("print(2)"), program("print(3)")],
        [ran("1\n"), ran("2\n"), ran("3\n")],
        ["make it two", "make it three", "APPROVE"],
        3,
    ),
    "two failures go back": (
        [program("one"), program("two"), program("three"), program("four")],
        [FAILED, OTHER, ran("3\n"), ran("4\n")],
        ["again please", "APPROVE"],
        3,
    ),
    "the same failure twice starts over, then asks": (
        [program("one"), program("two"), program("three"), program("four")],
        [FAILED, FAILED, FAILED, ran("ok\n")],
        ["go on", "STOP"],
        3,
    ),
    "all attempts used up": ([program("one"), program("two"), program("x")], [FAILED, OTHER, ran("x\n")], ["try harder", "APPROVE"], 1),
    "prose twice, then a program": (
        ["What do you mean?", "Which answer?", program("print(1)")],
        [ran("1\n")],
        ["the number one", "APPROVE"],
        3,
    ),
    "the generator stops": ([program("print(1)"), "All is well.\n\nSTOP"], [ran("1\n")], ["thank you"], 3),
}


@dataclass
class Life:
    """What a whole conversation was: its messages, and what the model was sent, as bytes."""

    messages: list[BaseChatMessage]
    requests: list[str]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(json.dumps(dump_message(message))) for message in self.messages]


def reviewer(model: ChatCompletionClient) -> ChatAgent:
    return AssistantAgent("Reviewer", model, system_message="Name a fault.")


async def live(
    answers: Sequence[str],
    runs: Sequence[ProgramRun],
    replies: Sequence[str],
    retries: int,
    rows: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> Life:
    """Live a conversation from its task, or from messages of an earlier process, to its end."""
    async with team_of([Answer(text) for text in answers], *runs, replies=replies, max_retries=retries, **more) as rig:
        if rows:
            await rig.team.restore([load_message(row) for row in rows])
        await rig.say(None if rows else TASK)
        messages = [event for event in rig.events if isinstance(event, BaseChatMessage)]
        return Life(messages, [json.dumps(request.body, sort_keys=True) for request in rig.endpoint.requests])


@pytest.mark.parametrize(("name", "reviewed"), [*((name, False) for name in CONVERSATIONS), ("two failures go back", True)])
async def test_killed_after_each_message_it_goes_on_with_the_same_speakers_and_model_input(name: str, reviewed: bool) -> None:
    answers, runs, replies, retries = CONVERSATIONS[name]
    more: dict[str, Any] = {"fourth": reviewer} if reviewed else {}
    if reviewed:
        answers = [text for answer in answers for text in (answer, "A fault." if "STOP" not in answer else "")][: 2 * len(answers)]
    whole = await live(answers, runs, replies, retries, **more)
    assert outcome_of(whole.messages)
    for kept in range(1, len(whole.messages)):
        rows = whole.rows[:kept]
        said = [row["source"] for row in rows]
        asked = said.count("CodeGeneratorAgent") + said.count("Reviewer")
        rest = await live(
            answers[asked:],
            runs[said.count("CodeExecutorAgent") - sum(row.get("verdict") == "no code" for row in rows) :],
            replies[said.count("UserProxyAgent") :],
            retries,
            rows,
            **more,
        )
        assert [(m.source, m.to_text()) for m in rest.messages] == [(m.source, m.to_text()) for m in whole.messages[kept:]], kept
        assert rest.requests == whole.requests[asked:], kept


async def test_an_ended_conversation_waits_for_the_next_task_with_everything_that_was_said() -> None:
    answers, runs, replies, retries = CONVERSATIONS["feedback twice"]
    whole = await live(answers, runs, replies, retries)
    async with team_of([program("print(4)")], ran("4\n")) as rig:
        await rig.team.restore([load_message(row) for row in whole.rows])
        assert rig.team.next_speaker == "CodeGeneratorAgent"
        await rig.say("and now four")
        assert rig.turns == ["user", "CodeGeneratorAgent", "CodeExecutorAgent", "UserProxyAgent"]
        assert rig.asked[0][0] == TASK
        assert rig.asked[0][-1] == "and now four"
        assert len(rig.asked[0]) == len(whole.messages) + 1


async def test_what_the_user_says_before_a_program_that_was_due_goes_to_the_generator() -> None:
    whole = await live([program("print(1)")], [ran("1\n")], ["APPROVE"], 3)
    async with team_of([program("print(2)")], ran("2\n")) as rig:
        await rig.team.restore([load_message(row) for row in whole.rows[:2]])
        assert rig.team.next_speaker == "CodeExecutorAgent"
        await rig.say("do not run it: print two")
        assert rig.turns[:2] == ["user", "CodeGeneratorAgent"]
        assert [block.code.strip() for block in rig.executor.blocks] == ["print(2)"]


async def test_a_step_that_was_stopped_is_said_to_the_model_as_in_one_process() -> None:
    whole = await live([program("print(1)")], [ran("1\n")], ["APPROVE"], 3)
    async with team_of([program("print(2)")], ran("2\n")) as rig:
        await rig.team.restore([load_message(row) for row in whole.rows[:1]], was_stopped=True)
        await rig.say("something else")
        assert rig.asked[0] == [f"[Finished tasks of this conversation, oldest first]\n- {TASK} (stopped)", "something else"]


def test_a_message_of_no_team_is_refused() -> None:
    with pytest.raises(ValueError, match="StopMessage"):
        load_message({"type": "StopMessage", "source": "user", "content": "x"})
