"""A session: its sandbox, and the stream of a task as a front end sees it."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from autogen_agentchat.messages import BaseChatMessage, ModelClientStreamingChunkEvent, TextMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_core.models import CreateResult, LLMMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

from agents.code_executor_agent import create_code_executor
from agents.code_generator_agent import create_code_generator
from agents.events import (
    UNFINISHED,
    Answers,
    Event,
    FilesProduced,
    MemoryJournal,
    Notice,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    Reply,
    TaskEnded,
    TokensUsed,
)
from agents.models.budget import Budget
from agents.models.resilient import ResilientClient
from agents.user_proxy_agent import create_user_proxy
from sandbox.opening import limits_of, make_sandbox, make_session_folder, open_sandbox
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from teams.recovery import Recovery
from teams.session import Session, explain_failure
from teams.software_development_team import SoftwareDevelopmentTeam
from tests.asking import client_of
from tests.endpoint import Answer, ModelEndpoint, Script, busy, wrong_key
from tests.fakes import SETTINGS, ListedRuns, WaitForCancel, program, ran
from utils import code_blocks
from utils.docker_utils import LABEL
from utils.errors import EngineError, ModelError, UsageError
from utils.owner import owner
from utils.settings import Settings, load_settings


def settings_for(folder: Path, **changes: str) -> Settings:
    return load_settings({"workspace": str(folder), **changes}, {})


def silent(notice: str) -> None:
    """Drop a notice."""


# --- sandbox/opening.py -----------------------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    limits = limits_of(settings_for(tmp_path, timeout="7", memory="64m", network="off"))
    assert (limits.timeout, limits.memory, limits.network) == (7, 64 * 1024**2, "off")
    settings = load_settings({}, {"SANDBOX_CPUS": "0.5", "SANDBOX_PIDS": "32"})
    assert (limits_of(settings).cpus, limits_of(settings).pids) == (0.5, 32)


def test_each_session_has_a_folder_of_its_own_for_this_user_only(tmp_path: Path) -> None:
    folders = {make_session_folder(tmp_path / "kept") for _ in range(20)}
    assert len(folders) == 20
    for folder in folders:
        assert folder.parent == tmp_path / "kept" / "sessions"
        assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", folder.name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_workspace_that_cannot_be_written_is_told_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="WORKSPACE is .*file.*Not a directory") as caught:
        make_session_folder(tmp_path / "file")
    assert caught.value.hint


def test_of_a_bundle_only_the_certificates_are_copied(tmp_path: Path) -> None:
    first, second = (f"-----BEGIN CERTIFICATE-----\nMIIB{name}+/=\n-----END CERTIFICATE-----\n" for name in ("a", "b"))
    key = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    cut = "-----BEGIN CERTIFICATE-----\nMIIB\n"
    bundle = tmp_path / "bundle.crt"
    bundle.write_text(f"canary = 1\n{first}{key}{cut}{key}{second}canary\n")
    settings = load_settings({"workspace": str(tmp_path)}, {"SANDBOX_CA_BUNDLE": str(bundle)})
    sandbox = make_sandbox(settings, docker.APIClient(version="1.44"), tmp_path)
    assert sandbox.request.certificates.decode() == first + second
    assert sandbox.kept_out == (tmp_path, tmp_path / "sessions")


@pytest.mark.engine
async def test_the_container_and_the_folder_live_as_long_as_the_session(tmp_path: Path, image: str, engine: docker.APIClient) -> None:
    async with open_sandbox(settings_for(tmp_path, image=image), silent) as executor:
        (container,) = engine.containers(filters={"label": f"{LABEL}.owner={owner()}"})
        (folder,) = (tmp_path / "sessions").iterdir()
        assert container["Labels"][f"{LABEL}.session"] == folder.name
        run = await executor.run_block(CodeBlock(code="print(1)", language="python"), CancellationToken())
        assert (run.verdict, run.output) == (Verdict.OK, "1\n")
    assert engine.containers(all=True, filters={"id": container["Id"]}) == []
    assert [file.name for file in folder.iterdir()] == ["program.py"]


@pytest.mark.engine
async def test_a_session_in_which_nothing_ran_leaves_no_folder(tmp_path: Path, image: str) -> None:
    async with open_sandbox(settings_for(tmp_path, image=image), silent):
        assert len(list((tmp_path / "sessions").iterdir())) == 1
    assert list((tmp_path / "sessions").iterdir()) == []


@pytest.mark.engine
async def test_a_session_that_fails_leaves_no_container_and_no_folder(tmp_path: Path, image: str, engine: docker.APIClient) -> None:
    with pytest.raises(KeyError):
        async with open_sandbox(settings_for(tmp_path, image=image), silent):
            raise KeyError("ours")
    assert engine.containers(all=True, filters={"label": f"{LABEL}.owner={owner()}"}) == []
    assert list((tmp_path / "sessions").iterdir()) == []


@pytest.mark.engine
async def test_without_the_image_no_folder_is_made(tmp_path: Path) -> None:
    notices: list[str] = []
    with pytest.raises(EngineError, match="cannot be pulled"):
        async with open_sandbox(settings_for(tmp_path, image="127.0.0.1:1/nobody/nothing:1"), notices.append):
            pass
    assert notices[0] == "pulling 127.0.0.1:1/nobody/nothing:1"
    assert list(tmp_path.iterdir()) == []


# --- teams/session.py -------------------------------------------------------------------------------------------------------------

FIRST, SECOND = program("print(1)"), program("print(2)")
SILENCE = None


@dataclass
class Talk:
    """A session, its model's request log, and a user who gives the replies, then APPROVE; None is a user who says nothing."""

    session: Session
    endpoint: ModelEndpoint
    executor: ListedRuns
    replies: list[Reply | None]
    events: list[Event] = field(default_factory=list)
    asked_about: list[Question | None] = field(default_factory=list)
    """What the record said was open at each question, a moment after it was yielded."""

    async def say(self, task: str | None, then: Callable[[Event], object] = lambda event: None) -> TaskEnded:
        """Run a task, with something done at each event, and return how it ended."""
        self.events.clear()
        async for event in self.session.run(task):
            self.events.append(event)
            then(event)
            if isinstance(event, Question):
                await asyncio.sleep(0.01)
                self.asked_about.append(self.session.record.question)
                reply = self.replies.pop(0) if self.replies else Reply(text="APPROVE")
                if reply is not None:
                    self.session.answer(event.key, reply)
        ended = self.events[-1]
        assert isinstance(ended, TaskEnded)
        return ended

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.events]


@asynccontextmanager
async def talk_of(
    answers: Sequence[Script],
    *runs: ProgramRun | Exception | WaitForCancel,
    replies: Sequence[Reply | None] = (),
    confirms: bool = False,
    retries: int = 0,
    files: Sequence[ProducedFile] = (),
    journal: MemoryJournal | None = None,
    narrator: Narrator | None = None,
) -> AsyncIterator[Talk]:
    """Wire a session to an endpoint on loopback, or to the narrator, and to a list of runs."""
    executor, given, recovery = ListedRuns(*runs, files=files), Answers(), Recovery(retries)

    async def switch(name: str) -> str:
        return f"now {name}"

    with ModelEndpoint(answers) as endpoint:
        async with client_of(endpoint) as client:
            model = narrator or client
            code_executor = create_code_executor(executor, given, confirms=confirms, journal=journal)
            agents = [create_code_generator(model, SETTINGS), code_executor, create_user_proxy(given, recovery.decide)]
            team = SoftwareDevelopmentTeam(agents, recovery, journal)
            yield Talk(Session(team, model, code_executor, executor, given, switch), endpoint, executor, list(replies))


async def test_a_limit_ends_a_task_and_the_next_one_begins_from_nothing() -> None:
    answer = Answer(FIRST, usage=(700, 100))
    async with talk_of([answer] * 3, *[ran("one\n")] * 3, replies=[Reply(text="again"), Reply(text="APPROVE")]) as talk:
        model = talk.session._model
        assert isinstance(model, ResilientClient)
        model.set_budget(Budget(max_tokens=1000))
        ended = await talk.say("count")
        assert ended.error is not None
        assert (ended.status, ended.error.kind, len(talk.endpoint.requests)) == ("error", "budget", 1)
        assert (await talk.say("count to two")).status == "approved"
        assert len(talk.endpoint.requests) == 2


async def test_a_task_that_is_approved() -> None:
    async with talk_of([FIRST], ran("one\n")) as talk:
        ended = await talk.say("count")
        assert ended == TaskEnded("approved", "UserProxyAgent")
        record = talk.session.record
        assert record.approved
        assert (record.ended, record.task) == (ended, "count")
        assert [(attempt.program.code, attempt.run and attempt.run.verdict) for attempt in record.attempts] == [("print(1)\n", Verdict.OK)]
        tokens = talk.events[-2]
        assert isinstance(tokens, TokensUsed)
        assert (record.tokens, tokens.calls) == (tokens, 1)
        assert tokens.completion_tokens > 0
        # While the user is asked, the record knows the question.
        assert talk.asked_about == [event for event in talk.events if isinstance(event, Question)]
        assert record.question is None


@pytest.mark.parametrize(
    ("answers", "replies", "by"),
    [
        ([FIRST], [Reply(text="STOP")], "UserProxyAgent"),
        ([FIRST, "Nothing is left to do.\n\nSTOP"], [Reply(text="that is all")], "CodeGeneratorAgent"),
    ],
    ids=["user", "generator"],
)
async def test_a_task_that_is_stopped_by_a_word(answers: list[Script], replies: list[Reply], by: str) -> None:
    async with talk_of(answers, replies=replies) as talk:
        assert await talk.say("count") == TaskEnded("stopped", by)
        assert not talk.session.record.approved


ACME = program("pip install acme-tools", "sh")
YES = Reply(programs=[code_blocks.CodeBlock("python", "print(1)", 1)], yes=True)


@pytest.mark.parametrize(
    ("answer", "reply", "confirms", "stops_at", "programs_begun"),
    [
        (Answer(FIRST, stall_after=2), SILENCE, False, ModelClientStreamingChunkEvent, 0),
        (FIRST, SILENCE, False, ProgramOutput, 1),
        (FIRST, SILENCE, False, Question, 1),
        (FIRST, SILENCE, True, Question, 0),
        (ACME, SILENCE, False, Question, 0),
        # A reply that comes after the stop does not start what was stopped.
        (FIRST, YES, True, Question, 0),
        (ACME, YES, False, Question, 0),
    ],
    ids=["model", "program", "approve", "run", "packages", "run, then a reply", "packages, then a reply"],
)
async def test_a_stop_interrupts_the_task_wherever_it_is(
    answer: Script, reply: Reply | None, confirms: bool, stops_at: type[Event], programs_begun: int
) -> None:
    runs = [WaitForCancel()] if stops_at is ProgramOutput else []
    async with talk_of([answer, SECOND], *runs, replies=[reply] if stops_at is Question else [], confirms=confirms) as talk:
        tasks = asyncio.all_tasks()
        ended = await talk.say("count", lambda event: talk.session.stop() if isinstance(event, stops_at) else None)
        assert ended == talk.session.record.ended == TaskEnded("interrupted")
        assert asyncio.all_tasks() == tasks
        assert (len(talk.executor.blocks), len(talk.endpoint.requests)) == (programs_begun, 1)
        talk.session.stop()  # nothing runs: nothing happens
        talk.session.confirms = False
        assert await talk.say("go on") == TaskEnded("approved", "UserProxyAgent")
        assert talk.session.record.task == "go on"


STALLS = Answer(SECOND, stall_after=2)
BROKEN = ran("ValueError: two\n", Verdict.FAILED, 1)


@pytest.mark.parametrize(
    ("then", "runs", "stops_at"),
    [
        ([STALLS], [], ModelClientStreamingChunkEvent),
        ([lambda body: wrong_key("not-a-real-key")], [], None),
        ([SECOND], [WaitForCancel()], ProgramOutput),
        ([SECOND, STALLS], [BROKEN], ModelClientStreamingChunkEvent),
    ],
    ids=["model stopped", "model failed", "program stopped", "failure sent back"],
)
async def test_an_approval_after_a_step_that_did_not_finish_is_of_the_result_before_it(
    then: list[Script], runs: list[ProgramRun | WaitForCancel], stops_at: type[Event] | None
) -> None:
    async with talk_of([FIRST, *then, SECOND], ran("1\n"), *runs, replies=[Reply(text="make it two")], retries=3) as talk:
        session = talk.session

        def stop(event: Event) -> None:
            if stops_at is not None and isinstance(event, stops_at) and len(talk.endpoint.requests) == 1 + len(then):
                session.stop()

        assert (await talk.say("count", stop)).status in UNFINISHED
        assert session.record.earlier is not None
        assert session.record.earlier.code == "print(1)\n"
        events = [event async for event in session.end("APPROVE")]
        assert events[-1] == session.record.ended == TaskEnded("approved", "UserProxyAgent")
        assert [(each.program.code, each.run.output if each.run else "") for each in session.record.attempts] == [("print(1)\n", "1\n")]
        assert session.whole_output == "1\n"
        # The model sees the conversation as if nothing had been said between the result and the word.
        assert await talk.say("now three") == TaskEnded("approved", "UserProxyAgent")
        told = talk.endpoint.requests[-1].texts[1:]
        assert (told[:2], told[-2:], len(told)) == (["count", FIRST], ["APPROVE", "now three"], 5)


async def test_a_stop_after_a_step_that_did_not_finish_ends_the_task() -> None:
    async with talk_of([FIRST, STALLS, SECOND], replies=[Reply(text="make it two")]) as talk:
        await talk.say("count", lambda event: talk.session.stop() if len(talk.endpoint.requests) == 2 else None)
        events = [event async for event in talk.session.end("STOP")]
        assert events[-1] == TaskEnded("stopped", "UserProxyAgent")
        assert talk.session.record.earlier is None
        await talk.say("now three")
        assert talk.endpoint.requests[-1].texts[-3:] == ["make it two", "STOP", "now three"]


@pytest.mark.parametrize("by_hand", [False, True])
async def test_a_program_that_is_stopped_has_its_files_listed(by_hand: bool, tmp_path: Path) -> None:
    files = [ProducedFile(tmp_path / "half.txt", "half.txt", 4, True)]
    async with talk_of([FIRST], WaitForCancel(), files=files) as talk:
        session, events = talk.session, list[Event]()
        programs = [code_blocks.CodeBlock("python", "print(1)", 1)]
        async for event in session.run_programs(programs) if by_hand else session.run("count"):
            events.append(event)
            if isinstance(event, ProgramOutput):
                assert talk.executor.collected == 0
                session.stop()
        last = [ProgramFinished, FilesProduced] if by_hand else [FilesProduced, TaskEnded]
        assert [type(event) for event in events][-2:] == last
        assert list(session.record.files) == ["half.txt"]
        assert talk.executor.collected == 1


@pytest.mark.parametrize("confirms", [False, True], ids=["approve", "run"])
async def test_a_reader_that_is_cancelled_ends_the_step_and_stays_cancelled(confirms: bool) -> None:
    async with talk_of([FIRST, SECOND], replies=[SILENCE], confirms=confirms) as talk:
        asked = asyncio.Event()
        reading = asyncio.ensure_future(talk.say("count", lambda event: asked.set() if isinstance(event, Question) else None))
        await asyncio.wait_for(asked.wait(), 30)
        while talk.asked_about == []:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)  # now it waits for the event after the question
        reading.cancel()
        await asyncio.wait({reading}, timeout=30)
        assert reading.cancelled()
        assert (await talk.say("count")).status == "approved"


async def test_a_model_that_fails_ends_the_task_with_the_reason() -> None:
    async with talk_of([lambda body: wrong_key("not-a-real-key"), FIRST]) as talk:
        ended = await talk.say("count")
        assert (ended.status, talk.session.record.approved) == ("error", False)
        assert isinstance(ended.error, ModelError)
        assert "not-a-real-key" not in str(ended.error)
        assert await talk.say(None) == TaskEnded("approved", "UserProxyAgent")
        assert talk.session.record.task == "count"
        assert talk.endpoint.requests[1].texts[1:] == ["count"]


async def test_an_engine_that_fails_ends_the_task_with_the_reason() -> None:
    lost = EngineError("the engine is gone", "start it")
    async with talk_of([FIRST, SECOND], lost) as talk:
        ended = await talk.say("count")
        assert (ended.status, ended.error) == ("error", lost)
        assert await talk.say("again") == TaskEnded("approved", "UserProxyAgent")


@pytest.mark.parametrize("leaves_at", [ModelClientStreamingChunkEvent, ProgramOutput, Question])
async def test_a_reader_that_leaves_ends_the_task(leaves_at: type[Event]) -> None:
    runs = [WaitForCancel()] if leaves_at is ProgramOutput else []
    async with talk_of([FIRST, SECOND, FIRST], *runs) as talk:
        tasks = asyncio.all_tasks()
        async with aclosing(talk.session.run("count")) as events:
            async for event in events:
                if isinstance(event, leaves_at):
                    break
        assert asyncio.all_tasks() == tasks
        assert (await talk.say("go on")).status == "approved"


async def test_what_is_said_instead_of_a_run_is_the_users_turn() -> None:
    async with talk_of([FIRST, SECOND], replies=[Reply(text="It deletes files.")], confirms=True) as talk:
        talk.replies.append(Reply(programs=[code_blocks.CodeBlock("python", "print(2)\n", 1)]))
        assert (await talk.say("count")).status == "approved"
        assert talk.endpoint.requests[1].texts[1:] == ["count", FIRST, "[sandbox] Not run: the user refused.", "It deletes files."]
        assert [question.kind for question in talk.events if isinstance(question, Question)] == ["run", "run", "approve"]
        assert [block.code for block in talk.executor.blocks] == ["print(2)\n"]


async def test_programs_run_outside_the_talk() -> None:
    async with talk_of([FIRST, SECOND], ran("one\n"), ran("again\n"), WaitForCancel()) as talk:
        await talk.say("count")
        block = code_blocks.CodeBlock("python", "print(1)\n", 1)
        events = [event async for event in talk.session.run_programs([block])]
        assert [type(event) for event in events] == [ProgramStarted, ProgramOutput, ProgramFinished]
        assert talk.session.record.last_run is not None
        assert (talk.session.record.last_run.output, talk.session.whole_output) == ("again\n", "again\n")
        async for event in talk.session.run_programs([block]):
            if isinstance(event, ProgramOutput):
                talk.session.stop()
        assert talk.session.record.last_run.verdict is Verdict.CANCELLED
        await talk.say("more")
        assert talk.endpoint.requests[1].texts[1:] == ["count", FIRST, talk.endpoint.requests[1].texts[3], "APPROVE", "more"]


async def test_to_forget_begins_a_fresh_conversation() -> None:
    async with talk_of([FIRST, SECOND]) as talk:
        assert not talk.session.has_talked
        await talk.say("count")
        assert talk.session.has_talked
        talk.session.forget()
        assert (talk.session.has_talked, talk.session.record.attempts, talk.session.record.ended) == (False, [], None)
        assert talk.session.record.newest is not None  # what was written stays at hand
        await talk.say("more")
        assert talk.endpoint.requests[1].texts[1:] == ["more"]


async def test_the_model_can_be_switched() -> None:
    async with talk_of([]) as talk:
        assert await talk.session.switch_model("x") == "now x"


# --- notices ----------------------------------------------------------------------------------------------------------------------


async def test_a_wait_is_told_before_the_answer_that_it_brings() -> None:
    async with talk_of([busy(), FIRST]) as talk:
        await talk.say("count")
        kinds = talk.kinds()
        assert kinds[:3] == [TextMessage, Notice, ModelClientStreamingChunkEvent]
        assert kinds.count(Notice) == 1


class Narrator(ReplayChatCompletionClient):
    """A model client that says notices ("!...") among the pieces of its answer, with nothing to wait for in between, and may fail."""

    def __init__(self, *said: str) -> None:
        super().__init__([FIRST])
        self.notify: Callable[[str], None] = lambda notice: None
        self._said = said

    async def create_stream(self, messages: Sequence[LLMMessage], **options: Any) -> AsyncGenerator[str | CreateResult, None]:
        for piece in self._said:
            if piece.startswith("!"):
                self.notify(piece)
            elif piece == "fail":
                raise ModelError("The model failed.", "Try again.")
            else:
                yield piece
        async for item in super().create_stream(messages, **options):
            if isinstance(item, CreateResult):
                yield item


@pytest.mark.parametrize(
    "said",
    [
        ["!before", "a", "b", "!between", "c"],
        ["a", "!one", "!two", "!three", "b", "!last"],
        ["a", "!why", "fail"],
    ],
    ids=["around", "in a row", "before a failure"],
)
async def test_a_notice_comes_exactly_in_its_place_among_the_pieces(said: list[str]) -> None:
    async with talk_of([], narrator=Narrator(*said)) as talk:
        ended = await talk.say("count")
    assert ended.status == ("error" if "fail" in said else "approved")
    seen = [event.content for event in talk.events if isinstance(event, Notice | ModelClientStreamingChunkEvent)]
    assert seen == [piece for piece in said if piece != "fail"]


# --- the journal ------------------------------------------------------------------------------------------------------------------


class SlowJournal(MemoryJournal):
    """A journal that takes its time: whoever does not wait for it is ahead of it."""

    async def wrote(self, messages: Sequence[BaseChatMessage]) -> None:
        await asyncio.sleep(0.02)
        await super().wrote(messages)

    async def started(self, program: ProgramStarted) -> None:
        await asyncio.sleep(0.02)
        await super().started(program)

    async def finished(self, program: ProgramFinished, output: str) -> None:
        await asyncio.sleep(0.02)
        await super().finished(program, output)


async def test_when_the_user_is_asked_the_journal_holds_all_that_was_said_before() -> None:
    journal = SlowJournal()
    held: list[tuple[list[str], int]] = []

    def look(event: Event) -> None:
        if isinstance(event, Question):
            held.append(([message.source for message in journal.messages], len(journal.programs)))

    async with talk_of([FIRST, SECOND], ran("one\n"), ran("two\n"), replies=[Reply(text="two, please")], journal=journal) as talk:
        await talk.say("count", look)
        one_round = ["user", "CodeGeneratorAgent", "CodeExecutorAgent"]
        assert held == [(one_round, 2), ([*one_round, "UserProxyAgent", *one_round[1:]], 4)]
        # At the end it holds every message once, in order, and each run.
        assert journal.messages == [event for event in talk.events if isinstance(event, BaseChatMessage)]
        assert journal.programs == [event for event in talk.events if isinstance(event, ProgramStarted | ProgramFinished)]


async def test_the_journal_has_each_message_once_over_many_tasks_and_stops() -> None:
    journal = SlowJournal()
    async with talk_of([FIRST, SECOND, FIRST], replies=[Reply(text="APPROVE"), SILENCE], journal=journal) as talk:

        def stop_the_second(event: Event) -> None:
            if isinstance(event, Question) and talk.session.record.task == "two":
                talk.session.stop()

        said: list[BaseChatMessage] = []
        for task in ("one", "two", "three"):
            await talk.say(task, stop_the_second)
            said += [event for event in talk.events if isinstance(event, BaseChatMessage)]
        assert [message.source for message in said].count("UserProxyAgent") == 2
        assert journal.messages == said


async def test_no_program_runs_before_the_journal_has_its_start() -> None:
    begun: list[int] = []

    class Watching(SlowJournal):
        async def started(self, program: ProgramStarted) -> None:
            await super().started(program)
            begun.append(len(talk.executor.blocks))

    async with talk_of([FIRST], ran("one\n"), journal=Watching()) as talk:
        await talk.say("count")
        assert (begun, len(talk.executor.blocks)) == ([0], 1)


# --- what failed ------------------------------------------------------------------------------------------------------------------


def test_a_known_error_is_told_as_it_is() -> None:
    known = ModelError("The key was refused.", "Set OPENAI_API_KEY.")
    assert explain_failure(RuntimeError("AutoGen's long text"), known) is known
    assert explain_failure(known, None) is known


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("KeyError: 'x'\nTraceback:\n  File a\nKeyError: 'x'\n"), "internal error: KeyError: 'x'"),
        (ValueError(), "internal error: ValueError"),
    ],
)
def test_any_other_error_is_our_own_and_told_in_one_line(error: Exception, message: str) -> None:
    explained = explain_failure(error, None)
    assert explained.message == message
    assert "--traceback" in explained.hint
    assert "\n" not in explained.message
