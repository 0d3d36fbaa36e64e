"""One task without questions: what stands on each stream, the exit status, the JSON, and that it decides as a user would."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.commands.run import RunOptions, read_task, run
from cli.wiring import Wiring
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from teams.record import Attempt, Record
from teams.session import Session
from tests.asking import KEY
from tests.endpoint import ModelEndpoint, Script, wrong_key
from tests.fakes import program, ran, unused
from tests.talks import opens, rehearsal
from utils.errors import AppError, ExitStatus, UsageError
from utils.settings import Settings, load_settings

ONE, TWO = program("print(1)"), program("print(2)")
FAILED = ran("ValueError: no\n", Verdict.FAILED, 1)


class Ran:
    """What a run left: its status and the session it used."""

    def __init__(self, status: ExitStatus, sessions: Sequence[Session], endpoint: ModelEndpoint) -> None:
        self.status = status
        self.record: Record = sessions[0].record
        self.requests = len(endpoint.requests)


def unattended(
    answers: Sequence[Script], *runs: ProgramRun | Exception, task: str = "count", files: Sequence[ProducedFile] = (), **options: object
) -> Ran:
    settings = options.pop("settings", None) or load_settings({"workspace": "unused"}, {})
    assert isinstance(settings, Settings)
    sessions: list[Session] = []
    with ModelEndpoint(answers) as endpoint:
        open_session = opens(endpoint, *runs, files=files, opened=sessions.append)
        wiring = Wiring(open_session, lambda settings: "test-model", list, unused, unused)
        status = run(settings, wiring, RunOptions(task, **options))  # type: ignore[arg-type]
        return Ran(status, sessions, endpoint)


def test_stdout_is_the_output_of_the_approved_program_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    done = unattended([ONE], ran("a,b\n1,2\n"))
    out, err = capfd.readouterr()
    assert (done.status, out) == (ExitStatus.DONE, "a,b\n1,2\n")
    assert "Running the program (python" in err


def test_a_long_output_arrives_whole(capfd: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"row {number}\n" for number in range(60_000))
    unattended([ONE], ran(text))
    assert capfd.readouterr().out == text


def test_quiet_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    unattended([ONE], ran("1\n"), settings=load_settings({"workspace": "unused"}, {}, quiet=True))
    assert capfd.readouterr() == ("1\n", "")


def test_a_failed_program_goes_back_and_its_output_is_not_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    done = unattended([ONE, TWO], FAILED, ran("2\n"))
    out, err = capfd.readouterr()
    assert (done.status, out, done.requests) == (ExitStatus.DONE, "2\n", 2)
    assert "attempt 2 of 4: ValueError: no" in err


def test_a_task_that_stays_failing_prints_nothing_on_stdout_and_ends_with_1(capfd: pytest.CaptureFixture[str]) -> None:
    runs = [ran(f"ValueError: {number}\n", Verdict.FAILED, 1) for number in range(4)]
    done = unattended([ONE] * 4, *runs)
    out, err = capfd.readouterr()
    assert (done.status, out, done.requests) == (ExitStatus.NOT_DONE, "", 4)
    assert "ValueError: 3" in err
    assert err.splitlines()[-1] == "not approved: no program succeeded"


def test_packages_that_nobody_can_allow_are_not_installed(capfd: pytest.CaptureFixture[str]) -> None:
    done = unattended([program("pip install acme-unheard-of", "sh")] * 3)
    assert done.status is ExitStatus.NOT_DONE
    assert done.record.packages == []
    assert "acme-unheard-of" in capfd.readouterr().err


def test_a_task_whose_second_answer_holds_no_program_either_fails(capfd: pytest.CaptureFixture[str]) -> None:
    done = unattended(["It is 35.", "As I said: 35."])
    assert done.status is ExitStatus.NOT_DONE
    assert done.record.attempts == []
    assert "no program in the answer" in capfd.readouterr().err
    assert unattended(["It is 35.", ONE], ran("35\n")).status is ExitStatus.DONE


def test_an_answer_that_is_the_file_of_the_task_is_a_result(capfd: pytest.CaptureFixture[str]) -> None:
    page = "```html\n<h1>Bees</h1>\n```"
    done = unattended([page], task="Write a web page bees.html.")
    assert (done.status, done.requests) == (ExitStatus.DONE, 1)
    assert capfd.readouterr().out == ""
    assert unattended([page, page], task="Write a page about bees in C.").status is ExitStatus.NOT_DONE  # no file that it could be


def test_confirm_needs_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    assert unattended([ONE], ran("1\n"), settings=load_settings({"workspace": "unused", "confirm": "true"}, {})).status is ExitStatus.DONE


def test_a_model_that_refuses_the_key_is_an_error_with_its_own_status(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AppError) as error:
        unattended([wrong_key(KEY)])
    assert error.value.status is ExitStatus.MODEL
    assert capfd.readouterr().out == ""


def test_json_is_one_object(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = ProducedFile(tmp_path / "sum.csv", "sum.csv", 12, True)
    unattended([ONE, TWO], FAILED, ran("2\n"), json=True, files=[made])
    found = json.loads(capfd.readouterr().out)
    assert [(a["verdict"], a["exit_code"], a["code"]) for a in found["attempts"]] == [("failed", 1, "print(1)\n"), ("ok", 0, "print(2)\n")]
    assert (found["status"], found["task"], found["output"], found["error"]) == ("approved", "count", "2\n", None)
    assert found["files"] == [str(made.path)]
    assert found["usage"]["model_calls"] == 2
    assert found["limits"]["timeout"] == 60
    assert {"id", "session", "seconds", "model", "image", "packages", "cost"} <= found.keys()


def test_json_of_an_error_says_what_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AppError):
        unattended([wrong_key(KEY)], json=True)
    found = json.loads(capfd.readouterr().out)
    assert (found["status"], found["error"]["kind"], found["output"]) == ("error", "wrong-key", "")


def test_cost_is_there_if_prices_are_set(capfd: pytest.CaptureFixture[str]) -> None:
    prices = {"MODEL_PRICE_IN": "1", "MODEL_PRICE_OUT": "2"}
    unattended([ONE], json=True, settings=load_settings({"workspace": "unused"}, prices))
    found = json.loads(capfd.readouterr().out)
    used = found["usage"]
    assert found["cost"] == pytest.approx((used["prompt_tokens"] + 2 * used["completion_tokens"]) / 1e6)


def test_events_are_lines_of_json_in_the_order_they_happen(capfd: pytest.CaptureFixture[str]) -> None:
    unattended([ONE], ran("1\n"), events=True)
    kinds = [json.loads(line)["type"] for line in capfd.readouterr().out.splitlines()]
    told = [kind for kind in kinds if kind not in ("ModelClientStreamingChunkEvent", "UserInputRequestedEvent", "TokensUsed")]
    started, ended = told.index("ProgramStarted"), told.index("ProgramFinished")
    assert started < ended < told.index("RunResult") < told.index("Question")
    assert told[-1] == "TaskEnded"


def test_output_saves_the_program_and_its_files_and_writes_nothing_over(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made = ProducedFile(tmp_path / "made" / "sum.csv", "sum.csv", 2, True)
    made.path.write_text("1\n")
    folder = tmp_path / "out"
    for _ in range(2):
        unattended([program("def primes(): pass")], files=[made], task="print the primes", output=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["primes-2.py", "primes.py", "sum-2.csv", "sum.csv"]
    assert (folder / "primes.py").read_text() == "def primes(): pass\n"


def test_a_full_stdout_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        with pytest.raises(AppError, match="standard output cannot be written"):
            unattended([ONE], ran("1\n"))


def test_a_reader_that_goes_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        with pytest.raises(AppError, match="closed it before the end"):
            unattended([ONE], ran("1\n"))


# What the task is


def test_text_that_is_piped_in_beside_a_task_is_its_context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("```\nboom\n")
    with log.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        task = read_task(RunOptions("why did it fail?"))
    assert task.startswith("why did it fail?\n")
    assert task.endswith("````text\n```\nboom\n````")


def test_the_task_may_come_from_stdin_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "task.txt"
    file.write_text("count to 3\n")
    with file.open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert read_task(RunOptions("-")) == "count to 3"
    assert read_task(RunOptions(file=file)) == "count to 3"


@pytest.mark.parametrize(
    "options", [RunOptions(), RunOptions("  "), RunOptions(file=Path("nowhere")), RunOptions("x", file=Path("y"))], ids=str
)
def test_a_task_that_is_not_there_is_named(options: RunOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UsageError):
        read_task(options)


# It decides as a user at the prompt would


@pytest.mark.parametrize(
    ("answers", "runs", "typed"),
    [
        ([ONE], [ran("1\n")], ["APPROVE"]),
        ([ONE, TWO], [FAILED, ran("2\n")], ["APPROVE"]),
        ([ONE] * 3, [FAILED] * 3, ["STOP"]),
        ([program("import time") + program("print(2)")], [ran(""), ran("2\n")], ["APPROVE"]),
    ],
    ids=["good", "fixed", "failing", "two programs"],
)
def test_run_and_chat_have_the_same_record(answers: list[Script], runs: list[ProgramRun], typed: list[str]) -> None:
    async def attend() -> Record:
        async with rehearsal(answers, *runs, typed=typed, max_retries="3") as session:
            await session.converse("count")
            return session.session.record

    attended, record = asyncio.run(attend()), unattended(answers, *runs).record
    assert [_facts(attempt) for attempt in record.attempts] == [_facts(attempt) for attempt in attended.attempts]
    assert (record.approved, record.files, record.packages) == (attended.approved, attended.files, attended.packages)


def _facts(attempt: Attempt) -> tuple[str, Verdict, str]:
    assert attempt.run is not None
    return attempt.program.code, attempt.run.verdict, attempt.run.output
