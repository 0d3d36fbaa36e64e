"""A whole batch: what is written and said, how it goes on after an end, and what it leaves in the engine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from agents.models.client import build_model_client
from agents.models.gate import Gate
from sandbox.verdicts import Verdict
from teams.batch.expect import expectation_fails
from tests.asking import HELLO, KEY, Waits
from tests.batches import result, results_of, run_batch, settings_for, write_results
from tests.endpoint import Answer, ModelEndpoint, busy, wrong_key
from tests.fakes import program, ran
from tests.program import containers_of, model_environment, run_piped, start_piped, wait_until
from tests.terminal import ROOT, Terminal
from utils.errors import AppError, ExitStatus, UsageError
from utils.settings import load_settings

ONE = program("print(1)")
FAILED = ran("ValueError: no\n", Verdict.FAILED, 1)


def statuses(folder: Path) -> dict[str, str]:
    found = {each["id"]: each["status"] for each in results_of(folder)}
    assert len(found) == len(results_of(folder))
    return found


def test_each_task_gets_a_line_and_a_session_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        status = run_batch(tmp_path, "count\nsum\nsort\n", endpoint, ran("1\n"))
        assert sorted(request.texts[-1] for request in endpoint.requests) == ["count", "sort", "sum"]
    out, err = capfd.readouterr()
    found = results_of(tmp_path)
    assert status is ExitStatus.DONE
    assert {each["id"]: each["task"] for each in found} == {"1": "count", "2": "sum", "3": "sort"}
    assert {(each["output"], each["usage"]["model_calls"], each["model"]) for each in found} == {("1\n", 1, "test-model")}
    assert {"attempts", "files", "packages", "cost", "seconds", "image", "limits", "session", "error"} <= found[0].keys()
    assert out == ""
    assert "3/3" in err
    assert "3 approved" in err.splitlines()[-1]


def test_results_are_json_lines_on_standard_output(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        run_batch(tmp_path, "count\nsum\n", endpoint, ran("1\n"), output=None, settings=settings_for(tmp_path))
    out, _ = capfd.readouterr()
    assert sorted(json.loads(line)["task"] for line in out.splitlines()) == ["count", "sum"]


def test_failed_tasks_and_unexpected_output_are_told_apart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lines = '{"task": "a", "expect": "^1$"}\n{"task": "b", "expect": "^2+$"}\n'
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, lines, endpoint, ran("1\n"), name="t.jsonl") is ExitStatus.NOT_DONE
    first, second = sorted(results_of(tmp_path), key=lambda each: str(each["id"]))
    assert (first["status"], first["error"]) == ("approved", None)
    assert (second["status"], second["error"]["kind"], second["output"]) == ("failed", "expect", "1\n")
    assert "does not match '^2+$'" in capfd.readouterr().err


async def test_an_output_made_to_keep_the_search_busy_does_not_hold_up_the_others() -> None:
    assert await expectation_fails("(a+)+$", "a" * 30) == ""
    assert "could not be searched" in await expectation_fails("^(a+)+$", "a" * 60 + "b", seconds=1)


@pytest.mark.parametrize(
    "refusal", [wrong_key(KEY), Answer(status=307, headers={"Location": "http://moved.test/v1"}, body=""), Answer(status=407, body="who?")]
)
def test_a_wrong_key_or_address_costs_one_request(refusal: Answer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with ModelEndpoint([refusal], repeat=True) as endpoint:
        with pytest.raises(AppError) as error:
            run_batch(tmp_path, "count\n" * 50, endpoint, jobs=5)
        assert len(endpoint.requests) == 1
    assert error.value.status is ExitStatus.MODEL
    assert statuses(tmp_path) == {"1": "error"}
    assert "not done: 49" in capfd.readouterr().err


def test_nothing_is_asked_if_a_line_is_wrong(tmp_path: Path) -> None:
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        with pytest.raises(UsageError, match="line 2"):
            run_batch(tmp_path, '{"task": "a"}\n{"tusk": "b"}\n', endpoint, name="t.jsonl")
        assert endpoint.requests == []
    assert not (tmp_path / "out.jsonl").exists()


def test_results_are_not_written_over(tmp_path: Path) -> None:
    write_results(tmp_path, [result("1")])
    with ModelEndpoint([ONE]) as endpoint, pytest.raises(UsageError, match="holds results"):
        run_batch(tmp_path, "count\n", endpoint)
    assert statuses(tmp_path) == {"1": "approved"}


def test_resume_runs_what_has_no_result_and_what_ended_in_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_results(tmp_path, [result("1"), result("2", "failed"), result("3", "error")], '{"id": "4", "sta')
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, "count\n" * 5, endpoint, ran("1\n"), resume=True) is ExitStatus.NOT_DONE
        assert len(endpoint.requests) == 3
    assert statuses(tmp_path) == {"1": "approved", "2": "failed", "3": "approved", "4": "approved", "5": "approved"}
    err = capfd.readouterr().err
    assert "the last line was not whole" in err
    assert "done before: 1 approved, 1 failed" in err


def test_resume_runs_a_task_whose_text_has_changed(tmp_path: Path) -> None:
    write_results(tmp_path, [result("1"), result("2", task="another")])
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, "count\ncount\n", endpoint, ran("1\n"), resume=True) is ExitStatus.DONE
        assert len(endpoint.requests) == 1
    assert [each["task"] for each in results_of(tmp_path)] == ["count", "count"]


def test_only_the_failed_ones_run_again(tmp_path: Path) -> None:
    write_results(tmp_path, [result("1"), result("2", "failed"), result("3", "error")])
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, "count\n" * 3, endpoint, ran("1\n"), only="failed") is ExitStatus.NOT_DONE
        assert len(endpoint.requests) == 1
    assert statuses(tmp_path) == {"1": "approved", "2": "approved", "3": "error"}


def test_nothing_is_left_to_do(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_results(tmp_path, [result("1")])
    with ModelEndpoint([ONE]) as endpoint:
        assert run_batch(tmp_path, "count\n", endpoint, resume=True) is ExitStatus.DONE
        assert endpoint.requests == []


def test_a_file_that_grew_is_said_and_the_status_tells(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def grow(session: object) -> None:
        with (tmp_path / "tasks.txt").open("a") as stream:
            stream.write("another\n")

    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, "count\n", endpoint, ran("1\n"), opened=grow) is ExitStatus.NOT_DONE
    assert "has grown" in capfd.readouterr().err
    assert statuses(tmp_path) == {"1": "approved"}


def test_a_full_disk_ends_the_batch_and_says_so(tmp_path: Path) -> None:
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        with pytest.raises(AppError, match="/dev/full cannot be written") as error:
            run_batch(tmp_path, "count\n" * 9, endpoint, ran("1\n"), output=Path("/dev/full"), jobs=1)
        assert len(endpoint.requests) == 1
    assert error.value.status is ExitStatus.NOT_DONE


def test_pages_show_what_programs_say_as_inert_text_and_every_task_has_a_row(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>\x1b[31m\u202e"
    write_results(tmp_path, [result(hostile, "failed", hostile, session="../../x"), result("2", task="count")])
    with ModelEndpoint([ONE]) as endpoint:
        lines = json.dumps({"id": hostile, "task": hostile}) + '\n{"id": 2, "task": "count"}\n'
        status = run_batch(tmp_path, lines, endpoint, name="t.jsonl", resume=True, html=tmp_path / "pages")
    assert status is ExitStatus.NOT_DONE
    page = (tmp_path / "pages" / "index.html").read_text("utf-8")
    assert "<script" not in page
    assert "\x1b" not in page
    assert page.count("<tr>") == 3
    assert [file.name for file in (tmp_path / "pages").iterdir()] == ["index.html"]


def test_quiet_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    settings = load_settings({"workspace": str(tmp_path / "workspace")}, {}, quiet=True)
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        run_batch(tmp_path, "count\n", endpoint, ran("1\n"), settings=settings)
    assert capfd.readouterr() == ("", "")


def test_a_failed_program_is_a_result(tmp_path: Path) -> None:
    with ModelEndpoint([ONE], repeat=True) as endpoint:
        assert run_batch(tmp_path, "count\nsum\n", endpoint, FAILED) is ExitStatus.NOT_DONE
    assert set(statuses(tmp_path).values()) == {"failed"}


class Clock:
    """A clock that a sleep moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_clients_that_share_a_gate_wait_together_and_no_refusal_is_a_failure() -> None:
    clock = Clock()
    gate = Gate(clock.sleep, lambda: clock.now)
    with ModelEndpoint([*[busy("30")] * 6, "Hello."], repeat=True) as endpoint:
        settings = load_settings({}, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url})
        first = build_model_client(settings, sleep=Waits(), gate=gate)
        try:
            assert str((await first.create(HELLO)).content) == "Hello."
            assert len(endpoint.requests) == 7  # a client of its own gives up after four
            assert [round(seconds) for seconds in clock.slept] == [pytest.approx(30, abs=1)] * 6
            clock.slept.clear()
            gate.close(25)
            other = first.again()
            assert str((await other.create(HELLO)).content) == "Hello."
            assert clock.slept == [pytest.approx(25, abs=1)]  # it was not refused itself
            assert (other.calls, first.calls) == (1, 7)
        finally:
            await first.close()


# --- On a real engine ---------------------------------------------------------------------------------------------------------------


def sum_program(body: Mapping[str, Any]) -> str:
    """Answer with a program that prints the task."""
    return program(f"print({json.dumps(body['messages'][-1]['content'])}.upper())")


@pytest.mark.engine
def test_a_batch_on_a_real_engine(tmp_path: Path, engine: docker.APIClient, image: str) -> None:
    lines = "".join(json.dumps({"id": f"t{number}", "task": f"say {number}", "expect": f"SAY {number}$"}) + "\n" for number in range(8))
    with ModelEndpoint([sum_program], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        done = run_piped(lines, ["batch", "-", "--jobs", "2"], environment, tmp_path, seconds=180)
    assert (done.status, containers_of(engine, done.pid)) == (0, []), done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    assert {each["id"]: each["output"] for each in found} == {f"t{number}": f"SAY {number}\n" for number in range(8)}
    assert len({each["session"] for each in found}) == 8


@pytest.mark.engine
def test_the_commands_of_the_readme_run(tmp_path: Path, image: str) -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("### Many tasks")[2].partition("\n##")[0]
    commands, tasks = (text.partition(f"```{language}\n")[2].partition("```")[0] for language in ("bash", "json"))
    (tmp_path / "tasks.jsonl").write_text(tasks)
    (tmp_path / "sales.csv").write_text("price\n1\n")
    script = commands.replace("python main.py", f"{sys.executable} {ROOT / 'main.py'}")
    with ModelEndpoint(
        [program("print(open('sales.csv').read() if __import__('os').path.exists('sales.csv') else 29)")], repeat=True
    ) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        done = subprocess.run(["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert sorted((each["id"], each["output"]) for each in results_of(tmp_path, "results.jsonl")) == [
        ("2", "price\n1\n\n"),
        ("primes", "29\n"),
    ]
    assert [json.loads(line)["output"] for line in done.stdout.splitlines()] == ["29\n", "29\n"]


@pytest.mark.engine
def test_ctrl_c_ends_the_file_whole_and_resume_does_the_rest(tmp_path: Path, engine: docker.APIClient, image: str) -> None:
    (tmp_path / "tasks.txt").write_text("".join(f"task {number}\n" for number in range(6)))
    slow = program("import time\nprint('begun', flush=True)\ntime.sleep(600)")

    def answer(body: Mapping[str, Any]) -> str:
        return slow if "task 3" in body["messages"][-1]["content"] and not (tmp_path / "again").exists() else ONE

    with ModelEndpoint([answer], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        command = ["batch", "tasks.txt", "--output", "out.jsonl", "--jobs", "2"]
        process = start_piped(command, environment, tmp_path)
        try:
            wait_until(lambda: (tmp_path / "out.jsonl").exists() and len(results_of(tmp_path)) == 5, 120)
            assert 1 <= len(containers_of(engine, process.pid)) <= 3
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 130
        assert "not done: 1" in err.decode()
        assert containers_of(engine, process.pid) == []
        assert "4" not in statuses(tmp_path)
        (tmp_path / "again").touch()
        done = run_piped("", [*command, "--resume", "--html", "pages"], environment, tmp_path, seconds=120)
    assert done.status == 0, done.err
    index = (tmp_path / "pages" / "index.html").read_text("utf-8")
    links = re.findall(r'href="([\w.-]+)"', index)
    assert len(links) == len(set(links)) == 6
    assert all("Generator</b>" in (tmp_path / "pages" / link).read_text("utf-8") for link in links)
    assert sorted(statuses(tmp_path)) == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.engine
def test_a_terminal_shows_a_table_while_it_runs(tmp_path: Path, image: str) -> None:
    (tmp_path / "tasks.csv").write_text("id,task\nfirst,count\nsecond,sum\n")
    with ModelEndpoint([ONE, Answer(ONE, delay=0.4)], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        with Terminal(["batch", "tasks.csv", "--output", "out.jsonl", "--jobs", "1"], environment, tmp_path, columns=100) as terminal:
            terminal.wait_for("attempts", 60)
            terminal.wait_for("✔ 1/2 first", 60)
            terminal.wait_for("1 of 2", 60)
            terminal.wait_for("left", 60)
            terminal.wait_for("2 approved", 60)
            assert terminal.wait_for_exit(30) == 0
        assert "state" not in terminal.text()  # the table is gone
