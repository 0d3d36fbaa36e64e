"""Sessions that go on: in a terminal, after a kill, with the program's own container, and what the user is asked first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from history.records import HistoryError
from history.resuming import short_id
from history.store import Store
from tests.endpoint import Answer, ModelEndpoint
from tests.fakes import program
from tests.program import model_environment
from tests.terminal import CTRL_D, ROOT, Terminal
from utils.docker_utils import LABEL

SLOW = program("import time\nprint('slept', flush=True)\ntime.sleep(30)")
QUICK = program("print('factorial(5) = 120')")


def wait_until_kept(workspace: Path, messages: int, attempts: int = 0, seconds: float = 60.0) -> str:
    """Wait until so much is in the store, and return the session's ID."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (workspace / "history.db").exists():
            try:
                store = Store.read_only(workspace / "history.db")
                rows = store.connection.execute("SELECT id, turns, attempts FROM session").fetchall()
                store.close()
            except HistoryError:  # it is being made
                rows = []
            if rows and rows[0][1] >= messages and rows[0][2] >= attempts:
                return str(rows[0][0])
        time.sleep(0.05)
    raise AssertionError("it was not kept in time")


@pytest.mark.engine
def test_a_killed_session_is_chosen_from_the_list_and_goes_on_where_it_was(tmp_path: Path, image: str, engine: docker.APIClient) -> None:
    with ModelEndpoint([Answer(QUICK), Answer(QUICK)], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        with Terminal(["chat", "Compute the factorial of five."], environment, tmp_path, columns=110) as terminal:
            terminal.wait_for("Type APPROVE to accept", 60)
            session = wait_until_kept(tmp_path / "workspace", 3, 1)
            os.kill(terminal.process.pid, signal.SIGKILL)
        with Terminal(["resume"], environment, tmp_path, columns=110) as terminal:
            terminal.wait_for("Enter resume", 30)
            assert short_id(session) in terminal.text()
            terminal.type(" ")
            terminal.wait_for("Generator: Wrote program 1")
            terminal.type("\r")
            terminal.wait_for("Restored: 3 messages, program 1", 30)
            terminal.wait_for("Type APPROVE to accept", 60)
            assert len(endpoint.requests) == 1, "the model is not asked again for what it has said"
            terminal.line("APPROVE")
            terminal.wait_for("User approves result", 60)
            terminal.wait_for("approved/01-factorial")
            terminal.wait_for("01-factorial_five: ✔ same result", 60)
            terminal.wait_for_prompt()
            terminal.type(CTRL_D)
            terminal.wait_for(f"python main.py resume {session.rpartition('-')[2]}", 30)
            assert terminal.wait_for_exit(30) == 0
    assert engine.containers(all=True, filters={"label": f"{LABEL}.session={session}"}) == []


@pytest.mark.engine
def test_a_program_that_was_running_runs_again_only_on_the_users_word(tmp_path: Path, image: str) -> None:
    with ModelEndpoint([Answer(SLOW)], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        with Terminal(["chat", "Sleep."], environment, tmp_path, columns=110) as terminal:
            terminal.wait_for("│ slept", 60)
            session = wait_until_kept(tmp_path / "workspace", 2, 1)
            os.kill(terminal.process.pid, signal.SIGKILL)
        with Terminal(["resume", "last"], environment, tmp_path, columns=110) as terminal:
            terminal.wait_for("its result is unknown. Run it again? y/N", 60)
            terminal.wait_for_prompt()
            terminal.line("n")
            terminal.wait_for("It was not run.", 30)
            terminal.wait_for_prompt()
            terminal.type(CTRL_D)
            assert terminal.wait_for_exit(30) == 0
        store = Store.read_only(tmp_path / "workspace/history.db")
        stored = store.read(session)
        store.close()
        assert [attempt.finished for attempt in stored.attempts] == [None]
        with Terminal(["resume", session[:-2]], environment, tmp_path, columns=110) as terminal:
            terminal.wait_for("Run it again? y/N", 60)
            terminal.wait_for_prompt()
            terminal.line("y")
            terminal.wait_for("│ slept", 60)


@pytest.mark.engine
def test_without_a_terminal_the_newest_session_goes_on_and_lines_answer(tmp_path: Path, image: str) -> None:
    with ModelEndpoint([Answer(QUICK)], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image)
        command = [sys.executable, str(ROOT / "main.py")]
        first = subprocess.run(
            command, input="Compute it.\nAPPROVE\n", text=True, capture_output=True, cwd=tmp_path, env=environment, timeout=120
        )
        assert first.returncode == 0, first.stderr
        again = subprocess.run(
            [*command, "resume"], input="Once more.\nAPPROVE\n", text=True, capture_output=True, cwd=tmp_path, env=environment, timeout=120
        )
        assert again.returncode == 0, again.stderr
        assert "Restored: 4 messages, program 1" in again.stdout
        assert endpoint.requests[1].texts[1] == "Compute it."
        assert endpoint.requests[1].texts[-1] == "Once more."
