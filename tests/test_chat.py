"""The interactive session from the first prompt to the exit status, on a pipe, without a container."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.commands.chat import chat
from cli.wiring import OpenSession, Wiring
from sandbox.verdicts import ProgramRun
from tests.endpoint import ModelEndpoint, Script, wrong_key
from tests.fakes import program, ran, unused
from tests.talks import opens
from utils.errors import EngineError, ExitStatus, ModelError, UsageError
from utils.settings import Settings, load_settings

FIRST, SECOND = program("print(1)"), program("print(2)")


async def nobody(settings: Settings) -> str:
    raise AssertionError("the chat asks no single word")


class Pipe:
    """Runs sessions whose lines come from a pipe, and keeps what the model was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        self._folder = folder
        self._monkeypatch = monkeypatch

    async def run(
        self,
        typed: str,
        answers: Sequence[Script] = (),
        *runs: ProgramRun,
        first_task: str | None = None,
        failure: Exception | None = None,
        scenes: Sequence[Sequence[str]] = (),
        **switches: bool,
    ) -> ExitStatus:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        settings = load_settings({"workspace": str(self._folder), "max_retries": "0"}, {}, None, **switches)
        with ModelEndpoint(answers) as endpoint:
            opening: OpenSession = opens(endpoint, *runs, failure=failure)
            try:
                return await chat(settings, Wiring(opening, lambda settings: "test-model", lambda: scenes, nobody, unused), first_task)
            finally:
                self.asked = [request.texts[1:] for request in endpoint.requests]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipe:
    return Pipe(tmp_path, monkeypatch)


async def test_the_lines_of_a_pipe_are_task_answer_task_answer(session: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    status = await session.run("count\nAPPROVE\nmore\nAPPROVE\n", [FIRST, SECOND], ran("one\n"), ran("two\n"))
    assert status is ExitStatus.DONE
    assert [told[-1] for told in session.asked] == ["count", "more"]
    assert capsys.readouterr().out.count("✔ User approves result") == 2


@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ("", ExitStatus.DONE),
        ("\n\n", ExitStatus.DONE),
        ("/exit\ncount\n", ExitStatus.DONE),
        ("count\nAPPROVE\n", ExitStatus.DONE),
        ("count\nSTOP\n", ExitStatus.NOT_DONE),
        ("count\n", ExitStatus.NOT_DONE),
        ("count\n/exit\n", ExitStatus.NOT_DONE),
        ("count\nSTOP\ncount\nAPPROVE\n", ExitStatus.DONE),
        ("count\nAPPROVE\ncount\nSTOP\n", ExitStatus.NOT_DONE),
    ],
)
async def test_the_exit_status_of_a_pipe_is_that_of_the_last_task(typed: str, status: ExitStatus, session: Pipe) -> None:
    assert await session.run(typed, [FIRST, FIRST]) is status


async def test_the_first_task_may_come_with_the_command_and_is_shown_as_if_it_were_typed(
    session: Pipe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await session.run("APPROVE\n", [FIRST], first_task="count") is ExitStatus.DONE
    assert session.asked == [["count"]]
    assert capsys.readouterr().out.startswith("\n› count\n")


async def test_a_pipe_gets_no_greeting_but_what_was_said(session: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    await session.run("count\nAPPROVE\n", [FIRST], ran("one\n"))
    said = capsys.readouterr()
    assert said.out.startswith("\n› count\n\nCodeGeneratorAgent\n▏ Here it is:\n")
    assert "\n› APPROVE\n\n✔" in said.out
    assert "\x1b" not in said.out + said.err


async def test_a_command_that_needs_the_container_waits_for_it(session: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    await session.run("/model other\ncount\nAPPROVE\n", [FIRST], ran("one\n"))
    before_the_task = capsys.readouterr().out.partition("› count")[0]
    assert "there is no key for a model" in before_the_task  # it was tried, and not put off
    assert "still starting" not in before_the_task


@pytest.mark.parametrize("failure", [EngineError("no engine", "start it"), UsageError("wrong"), ModelError("no key")])
async def test_what_cannot_be_opened_ends_the_session(failure: Exception, session: Pipe) -> None:
    with pytest.raises(type(failure)):
        await session.run("count\nAPPROVE\n", failure=failure)


async def test_a_models_failure_in_a_pipe_ends_the_session(session: Pipe) -> None:
    with pytest.raises(ModelError):
        await session.run("count\nmore\n", [wrong_key("not-a-real-key")])
    assert len(session.asked) == 1


async def test_a_model_that_cannot_be_used_is_an_error_before_anything_is_opened(tmp_path: Path) -> None:
    def check(settings: Settings) -> str:
        raise ModelError("no key")

    opened = opens(ModelEndpoint([]), failure=AssertionError("opened"))
    with pytest.raises(ModelError, match="no key"):
        await chat(load_settings({"workspace": str(tmp_path)}, {}), Wiring(opened, check, lambda: [], nobody, unused), None)


async def test_the_demo_without_a_terminal_plays_itself(session: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = [["first", "APPROVE"], ["second", "change it", "APPROVE"]]
    status = await session.run("never read\n", [FIRST, FIRST, SECOND], scenes=scenes, demo=True)
    assert status is ExitStatus.DONE
    assert [told[-1] for told in session.asked] == ["first", "second", "change it"]
    said = capsys.readouterr().out
    assert said.startswith("This is a demo: the model is scripted.")
    assert said.count("✔ User approves result") == 2
    assert "› second\n" in said
    assert "That was the demo." in said


async def test_quiet_leaves_out_what_is_said_around_it(session: Pipe, capsys: pytest.CaptureFixture[str]) -> None:
    await session.run("", [FIRST], scenes=[["first", "APPROVE"]], demo=True, quiet=True)
    said = capsys.readouterr().out
    assert "demo" not in said
    assert "✔ User approves result" in said
