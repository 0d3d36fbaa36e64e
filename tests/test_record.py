"""What is known of a session, as its events come one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage

from agents.events import (
    Event,
    FilesProduced,
    PackagesInstalled,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    RunResult,
    TaskEnded,
    TokensUsed,
)
from agents.package_steps import ASKED_FOR
from sandbox.packages.names import Package
from sandbox.verdicts import ProducedFile, Verdict
from teams.record import Record
from tests.fakes import ran
from utils.code_blocks import CodeBlock
from utils.errors import EngineError
from utils.words import BACK_TO

EXECUTOR = "CodeExecutorAgent"
SIX = Package("six", "1.17.0")


def said(text: str, source: str = "user") -> TextMessage:
    return TextMessage(source=source, content=text)


def started(code: str, number: int = 1) -> ProgramStarted:
    return ProgramStarted(source=EXECUTOR, language="python", code=code, number=number, total=number, timeout=60)


def finished(code: str, verdict: Verdict = Verdict.OK, output: str = "") -> ProgramFinished:
    return ProgramFinished(source=EXECUTOR, run=replace(ran(output, verdict), code=code), summary="…")


def installed(*packages: Package, why: str = "the program imports six", verdict: Verdict = Verdict.OK) -> PackagesInstalled:
    return PackagesInstalled(source=EXECUTOR, why=why, installed=packages, refused=(), verdict=verdict, summary="…", output="", seconds=0.1)


def asks_to_run(*codes: str) -> Question:
    return Question(source=EXECUTOR, key="1", kind="run", programs=tuple(CodeBlock("python", code, 1) for code in codes))


def record_of(*events: Event) -> Record:
    record = Record()
    record.start_task()
    for event in events:
        record.take(event)
    return record


def attempts(record: Record) -> list[tuple[str, Verdict | None]]:
    return [(attempt.program.code, attempt.run.verdict if attempt.run else None) for attempt in record.attempts]


def newest(record: Record) -> tuple[str | None, str | None]:
    return record.before.code if record.before else None, record.newest.code if record.newest else None


def test_a_new_record_knows_nothing() -> None:
    record = Record()
    assert (record.task, newest(record), record.last_run, record.tokens, record.approved) == ("", (None, None), None, None, False)


def test_the_task_is_what_the_user_asked_for_at_its_beginning() -> None:
    assert record_of(said("count"), said("Here it is.", "CodeGeneratorAgent"), said("no", "UserProxyAgent")).task == "count"


def test_a_note_about_a_stopped_step_is_not_the_task() -> None:
    assert record_of(said("(I stopped the step before this message.)"), said("count")).task == "count"


def test_the_newest_program_and_the_one_before_it() -> None:
    assert newest(record_of(started("a"))) == (None, "a")
    assert newest(record_of(started("a"), started("b"))) == ("a", "b")
    assert newest(record_of(started("a"), started("a"), started("b"), started("b"))) == ("a", "b")
    assert newest(record_of(started("a"), started("b"), started("a"))) == ("b", "a")


def test_a_program_that_the_user_is_asked_about_is_the_newest() -> None:
    assert newest(record_of(started("a"), asks_to_run("b"))) == ("a", "b")
    assert newest(record_of(started("a"), asks_to_run("b"), started("b"))) == ("a", "b")
    # The user edited it: what it was before is what the model proposed.
    assert newest(record_of(started("a"), asks_to_run("b"), started("c"))) == ("b", "c")
    # Of several programs none is the newest before it runs.
    assert newest(record_of(started("a"), asks_to_run("b", "c"))) == (None, "a")


def test_each_program_that_runs_is_an_attempt() -> None:
    record = record_of(started("a"), finished("a", Verdict.FAILED), started("b"), ProgramOutput(source=EXECUTOR, content="x"))
    assert attempts(record) == [("a", Verdict.FAILED), ("b", None)]
    assert record.last_run is not None
    assert record.last_run.code == "a"
    record.take(finished("b"))
    assert attempts(record) == [("a", Verdict.FAILED), ("b", Verdict.OK)]
    assert record.last_run.code == "b"


def test_the_same_program_twice_is_two_attempts() -> None:
    failed = [started("a"), finished("a", Verdict.FAILED)]
    assert attempts(record_of(*failed, *failed)) == [("a", Verdict.FAILED)] * 2


def test_a_program_that_runs_again_with_its_packages_counts_once() -> None:
    repaired = [started("a"), finished("a", Verdict.FAILED), installed(SIX), started("a"), finished("a")]
    assert attempts(record_of(*repaired)) == [("a", Verdict.OK)]
    assert attempts(record_of(*repaired, started("a"), finished("a", Verdict.FAILED))) == [("a", Verdict.OK), ("a", Verdict.FAILED)]


@pytest.mark.parametrize(
    ("between", "code"),
    [
        (installed(verdict=Verdict.FAILED), "a"),  # nothing could be installed: the generator sent the same program again
        (installed(SIX, why=ASKED_FOR), "a"),  # its own pip lines were read, as they are at each start
        (installed(SIX), "b"),
    ],
    ids=["not installed", "pip lines", "another program"],
)
def test_another_attempt_after_an_installation(between: PackagesInstalled, code: str) -> None:
    record = record_of(started("a"), finished("a", Verdict.FAILED), between, started(code), finished(code))
    assert attempts(record) == [("a", Verdict.FAILED), (code, Verdict.OK)]


def test_a_program_whose_packages_could_not_be_had_is_an_attempt() -> None:
    record = record_of(started("a"), finished("a"), installed(why=ASKED_FOR, verdict=Verdict.FAILED), finished("b", Verdict.NOT_RUN))
    assert attempts(record) == [("a", Verdict.OK), ("b", Verdict.NOT_RUN)]
    assert attempts(record_of(finished("b", Verdict.NOT_RUN))) == [("b", Verdict.NOT_RUN)]


def test_a_program_that_was_interrupted_has_no_run_of_another() -> None:
    record = record_of(started("a"), TaskEnded("interrupted"), finished("b", Verdict.NOT_RUN))
    assert attempts(record) == [("a", None), ("b", Verdict.NOT_RUN)]


def test_files_are_known_by_name_as_they_were_last() -> None:
    old, new = (ProducedFile(Path("out/a"), "a", size, new=size == 1) for size in (1, 2))
    other = ProducedFile(Path("out/b"), "b", 3, new=True)
    record = record_of(FilesProduced(source=EXECUTOR, files=(old, other)), FilesProduced(source=EXECUTOR, files=(new,)))
    assert record.files == {"a": new, "b": other}
    assert record.made == ("a",)
    record.take(FilesProduced(source=EXECUTOR, files=(old,), put_back=True))
    assert not record.made
    record.take(FilesProduced(source=EXECUTOR, files=(new,)))
    record.take(started("a"))
    assert not record.made


def test_packages_are_known_once() -> None:
    toolz = Package("toolz", "1.0")
    record = record_of(installed(SIX), installed(SIX, toolz), installed(verdict=Verdict.FAILED))
    assert record.packages == [SIX, toolz]


def test_tokens_are_the_newest_numbers() -> None:
    first, second = (TokensUsed(source="g", prompt_tokens=n, completion_tokens=n, calls=n) for n in (1, 2))
    assert record_of(first, second).tokens is second


@pytest.mark.parametrize(
    "event",
    [
        ModelClientStreamingChunkEvent(source="g", content="x"),
        said("no", "UserProxyAgent"),
        RunResult(source=EXECUTOR, content="x", verdict="ok"),
        started("a"),
        TaskEnded("interrupted"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_question_is_over_with_the_next_event(event: Event) -> None:
    question = asks_to_run("a")
    record = record_of(question)
    assert record.question is question
    record.take(event)
    assert record.question is None


def test_a_question_after_a_question() -> None:
    second = Question(source=EXECUTOR, key="2", kind="approve")
    assert record_of(asks_to_run("a"), second).question is second


def test_only_the_approved_end_is_approved() -> None:
    assert record_of().ended is None
    assert record_of(TaskEnded("approved", "UserProxyAgent")).approved
    for ended in (TaskEnded("stopped"), TaskEnded("interrupted"), TaskEnded("error", error=EngineError("gone"))):
        record = record_of(ended)
        assert (record.ended, record.approved) == (ended, False)


def test_a_new_task_begins_with_nothing_of_its_own_and_keeps_what_is_the_sessions() -> None:
    file = ProducedFile(Path("out/a"), "a", 1, new=True)
    tokens = TokensUsed(source="g", prompt_tokens=1, completion_tokens=1, calls=1)
    record = record_of(
        *(said("count"), started("a"), finished("a"), FilesProduced(source=EXECUTOR, files=(file,)), installed(SIX), tokens),
        *(asks_to_run("b"), TaskEnded("approved")),
    )
    record.start_task()
    assert (record.task, record.attempts, record.last_run, record.question, record.ended, record.approved) == (
        "",
        [],
        None,
        None,
        None,
        False,
    )
    assert (newest(record), record.files, record.packages, record.tokens) == (("a", "b"), {"a": file}, [SIX], tokens)
    record.take(said("more"))
    assert record.task == "more"


def result(verdict: str = "ok", said: str = "") -> RunResult:
    return RunResult(source=EXECUTOR, content="…", verdict=verdict, said=said)


def run_of(code: str, verdict: Verdict = Verdict.OK) -> list[Event]:
    return [said("…", "CodeGeneratorAgent"), started(code), finished(code, verdict), result(verdict.value)]


FEEDBACK = said("make it two", "UserProxyAgent")
SENT_BACK = said("fix it", "Recovery")
INTERRUPTED = TaskEnded("interrupted")


@pytest.mark.parametrize(
    ("events", "earlier"),
    [
        ([*run_of("a"), FEEDBACK, INTERRUPTED], "a"),
        ([*run_of("a"), FEEDBACK, TaskEnded("error", error=EngineError("gone"))], "a"),
        ([*run_of("a"), FEEDBACK, *run_of("b", Verdict.FAILED), SENT_BACK, INTERRUPTED], "a"),
        ([*run_of("a"), FEEDBACK, *run_of("b"), said("three", "UserProxyAgent"), INTERRUPTED], "b"),
        ([*run_of("a"), FEEDBACK, said("…", "CodeGeneratorAgent"), started("b"), INTERRUPTED], "a"),
        ([*run_of("a"), FEEDBACK, result("no code"), said("say more", "UserProxyAgent"), INTERRUPTED], "a"),
        ([*run_of("a"), FEEDBACK, result("refused", "not so"), said("not so", "UserProxyAgent"), INTERRUPTED], "a"),
        ([*run_of("a"), FEEDBACK, *run_of("b", Verdict.FAILED), INTERRUPTED], "a"),
        ([*run_of("a"), INTERRUPTED], "a"),  # at the question, by Ctrl-C in an editor
        ([*run_of("a"), FEEDBACK, INTERRUPTED, started("a"), finished("a")], "a"),
        # No result of the task came to a question, or a word has ended the task, or another program was run by hand since.
        ([said("…", "CodeGeneratorAgent"), started("a"), INTERRUPTED], None),
        ([*run_of("a", Verdict.FAILED), SENT_BACK, INTERRUPTED], None),
        ([result("no code"), FEEDBACK, INTERRUPTED], None),
        ([*run_of("a"), said("STOP", "UserProxyAgent"), TaskEnded("stopped")], None),
        ([*run_of("a"), FEEDBACK, said("STOP", "CodeGeneratorAgent"), TaskEnded("stopped")], None),
        ([*run_of("a"), FEEDBACK, INTERRUPTED, started("c"), finished("c")], None),
    ],
)
def test_the_result_that_the_user_was_asked_about_last(events: list[Event], earlier: str | None) -> None:
    record = record_of(said("count"), *events)
    assert (record.earlier.code if record.earlier else None) == earlier
    record.start_task()
    assert record.earlier is None


def test_an_approval_that_goes_back_leaves_the_programs_before_it() -> None:
    record = record_of(*run_of("a"), FEEDBACK, *run_of("b", Verdict.FAILED), SENT_BACK, INTERRUPTED)
    assert record.back_to == FEEDBACK.id
    record.take(TextMessage(source="UserProxyAgent", content="APPROVE", metadata={BACK_TO: FEEDBACK.id}))
    assert ([each.program.code for each in record.attempts], newest(record), record.earlier) == (["a"], ("b", "a"), None)
    assert record.last_run is not None
    assert record.last_run.verdict is Verdict.OK
