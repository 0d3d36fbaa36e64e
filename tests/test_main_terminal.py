"""The whole program on a pseudo-terminal: the main job, Ctrl-C and Ctrl-D everywhere, and what is left when it dies."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from cli.input.keyboard import PROMPT
from tests.endpoint import Answer, ModelEndpoint, Script
from tests.fakes import program
from tests.program import CLOSING_LINES, FACTORIAL, TASK, containers_of, model_environment, running_in, wait_until
from tests.terminal import CTRL_C, CTRL_D, ENTER, Terminal
from tests.views import GATE, PACKAGES, QUESTION

pytestmark = pytest.mark.engine

FOREVER = program("import time\nprint('it runs', flush=True)\nwhile True:\n    time.sleep(0.1)")
STOPPED = "[Finished tasks of this conversation, oldest first]\n- {} (stopped)"


def session(endpoint: ModelEndpoint, folder: Path, *arguments: str, **environment: str) -> Terminal:
    return Terminal(arguments, model_environment(endpoint, **environment), folder)


def container_of(engine: docker.APIClient, terminal: Terminal) -> str:
    wait_until(lambda: bool(containers_of(engine, terminal.process.pid)), 10)
    (container,) = containers_of(engine, terminal.process.pid)
    return container


def start_forever(terminal: Terminal, engine: docker.APIClient) -> str:
    """Let the program that runs for ever begin; return its container."""
    terminal.wait_for_prompt()
    terminal.line("run for ever")
    terminal.wait_for("│ it runs")
    container = container_of(engine, terminal)
    assert "program.py" in running_in(engine, container)
    return container


def test_the_main_job_in_a_terminal(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([Answer(FACTORIAL, delay=0.01)]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for("│ factorial(5) = 120")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        terminal.line("APPROVE")
        for line in CLOSING_LINES:
            terminal.wait_for(line)
        terminal.wait_for_prompt()
        began = time.monotonic()
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit() == 0
        assert time.monotonic() - began < 5  # 0.5 s on a machine that does nothing else: see tests/bench.py
        shown = terminal.text()
    assert shown.count("def factorial(n):") == 1
    assert shown.index("def factorial") < shown.index("│ factorial(5) = 120") < shown.index(QUESTION) < shown.index(CLOSING_LINES[0])
    assert (terminal.bytes.count(b"\x1b[22;2t"), terminal.bytes.count(b"\x1b[23;2t")) == (1, 1)
    assert b"\x1b[" in terminal.bytes  # the positive control of the tests without control codes
    assert containers_of(engine, terminal.process.pid) == []


def test_ctrl_c_stops_the_step_and_the_session_goes_on(tmp_path: Path, engine: docker.APIClient) -> None:
    answers: list[Script] = [Answer("Let me think about it.\n\n" + FACTORIAL, stall_after=3), FOREVER, FACTORIAL]
    with ModelEndpoint(answers) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line("first task")
        terminal.wait_for("Let me think")
        assert terminal.seconds_to_prompt(CTRL_C) < 5
        wait_until(lambda: endpoint.hung_up == 1, 20)

        container = start_forever(terminal, engine)
        assert terminal.seconds_to_prompt(CTRL_C) < 5
        wait_until(lambda: "program.py" not in running_in(engine, container), 10)

        terminal.line(TASK)
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        terminal.wait_for("again to quit")
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        assert terminal.wait_for_exit() == 130
        shown = terminal.text()
    assert shown.count("Stopped. ") == 2
    assert "Traceback" not in shown
    told = endpoint.requests[2].texts[1:]
    assert [told.count(text) for text in (STOPPED.format("first task"), "- run for ever (stopped)", TASK)] == [1, 1, 1]
    assert any("it runs" in text and "cancelled by the" in text for text in told)
    assert containers_of(engine, terminal.process.pid) == []


def test_a_word_among_others_is_asked_back(tmp_path: Path) -> None:
    with ModelEndpoint([FACTORIAL, FACTORIAL]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        terminal.line("APPROVE but rename it")
        terminal.wait_for("Is that APPROVE, or feedback?")
        terminal.wait_for_prompt()
        assert "User approves result" not in terminal.text()
        terminal.line("")
        terminal.wait_for(QUESTION, times=2)
        assert endpoint.requests[1].texts[-1] == "APPROVE but rename it"
        terminal.wait_for_prompt()
        terminal.line("do NOT approve this")
        terminal.wait_for("refused the request")  # the endpoint has no third answer: the conversation went on
        assert endpoint.requests[2].texts[-1] == "do NOT approve this"
        terminal.wait_for_prompt()
        terminal.line("/exit")
        assert terminal.wait_for_exit() == 0


def test_sigkill_takes_the_container_with_it(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([FOREVER]) as endpoint, session(endpoint, tmp_path) as terminal:
        start_forever(terminal, engine)
        terminal.process.send_signal(signal.SIGKILL)
        terminal.process.wait()
        wait_until(lambda: containers_of(engine, terminal.process.pid) == [], 10)


def test_a_request_to_end_leaves_nothing_behind(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([FOREVER]) as endpoint, session(endpoint, tmp_path) as terminal:
        start_forever(terminal, engine)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_for_exit() == 130
        assert containers_of(engine, terminal.process.pid) == []


def test_leaving_before_anything_was_asked(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.type(CTRL_D)  # while the container is perhaps still being started
        assert terminal.wait_for_exit() == 0
        assert containers_of(engine, terminal.process.pid) == []


def test_the_prompt_comes_first(tmp_path: Path) -> None:
    def bare_start() -> float:
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        return time.monotonic() - began

    shown = []
    for _ in range(3):
        with ModelEndpoint([]) as endpoint, session(endpoint, tmp_path) as terminal:
            shown.append(terminal.wait_for(PROMPT.strip()))
            terminal.type(CTRL_D)
            assert terminal.wait_for_exit() == 0
    # Without load it takes 0.3 s at most (see tests/bench.py); the bare interpreter says how much slower the machine is just now.
    assert statistics.median(shown) < max(1.0, 20 * statistics.median(bare_start() for _ in range(3)))


def test_a_model_error_is_shown_and_the_session_goes_on(tmp_path: Path) -> None:
    refused = Answer(status=401, body='{"error": {"message": "no"}}')
    with ModelEndpoint([refused, FACTORIAL]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for("error:")
        terminal.wait_for_prompt()
        terminal.line("Try again.")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        assert endpoint.requests[1].texts[1:] == [STOPPED.format(TASK), "Try again."]
        assert "Traceback" not in terminal.text()


def test_a_container_that_is_gone_is_replaced(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([FACTORIAL, FACTORIAL]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        engine.remove_container(container_of(engine, terminal), force=True)
        terminal.wait_for_prompt()
        terminal.line("once more")
        terminal.wait_for("│ factorial(5) = 120", times=2)
        terminal.wait_for("the container had to be replaced")
        terminal.wait_for_prompt()
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit() == 0
        assert containers_of(engine, terminal.process.pid) == []


def test_keys_sent_in_one_go_pass_no_gate(tmp_path: Path) -> None:
    with ModelEndpoint([Answer(FACTORIAL)]) as endpoint, session(endpoint, tmp_path, "--confirm") as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for(GATE)
        terminal.wait_for_prompt()
        terminal.type("APPROVE\r\r")
        terminal.wait_for("APPROVE is for the result")
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        terminal.wait_for("Press Ctrl-C again")
        terminal.wait_for_prompt()
        assert "│ factorial" not in terminal.text()
        terminal.line("")
        terminal.wait_for("│ factorial(5) = 120")


def test_what_is_typed_before_ctrl_c_stops_the_step_is_in_the_next_prompt(tmp_path: Path) -> None:
    with ModelEndpoint([Answer(FACTORIAL, stall_after=3)]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        wait_until(lambda: bool(endpoint.requests), 30)
        terminal.type("use the math module" + CTRL_C)
        terminal.wait_for("The conversation is kept.", 60)
        terminal.wait_for(f"{PROMPT}use the math module", 60)
        terminal.type(CTRL_C)
        terminal.wait_for_prompt()
        assert len(endpoint.requests) == 1


def test_what_is_typed_before_the_first_prompt_answers_no_question(tmp_path: Path) -> None:
    with ModelEndpoint([Answer(FACTORIAL, delay=0.05)]) as endpoint, session(endpoint, tmp_path, "chat", TASK) as terminal:
        wait_until(lambda: bool(endpoint.requests), 60)
        terminal.wait_for(f"{PROMPT}{TASK}")
        assert "What should I build?" not in terminal.text()
        terminal.line("APPROVE")
        terminal.wait_for(QUESTION, 60)
        terminal.wait_for(f"{PROMPT}APPROVE", 60)
        assert CLOSING_LINES[0] not in terminal.text()
        terminal.type(ENTER)
        terminal.wait_for(CLOSING_LINES[0], 60)


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}])
def test_what_is_typed_beside_an_editor_approves_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    editor = "sh -c 'touch began; until [ -e go ]; do sleep 0.05; done'"
    with ModelEndpoint([Answer(FACTORIAL)]) as endpoint, session(endpoint, tmp_path, EDITOR=editor, VISUAL="", **environment) as terminal:
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        terminal.line("/edit")
        wait_until((tmp_path / "began").exists, 10)
        terminal.type("APPROVE\r")
        terminal.pump(0.2)
        (tmp_path / "go").touch()
        terminal.wait_for("The program is unchanged.")
        terminal.pump(0.3)
        terminal.type(CTRL_C)
        terminal.wait_for_prompt()
        assert "User approves" not in terminal.text()
        terminal.line("STOP")
        terminal.wait_for("Stopped.")


@pytest.mark.parametrize("keys", [CTRL_C * 2, ""], ids=["ctrl-c twice", "sigterm"])
def test_leaving_at_a_question_about_packages_asks_the_model_nothing_more(tmp_path: Path, keys: str) -> None:
    wants = program("pip install acme-tools-of-nobody\nacme", "sh")
    with ModelEndpoint([wants, wants, wants]) as endpoint, session(endpoint, tmp_path, SANDBOX_NETWORK="install") as terminal:
        terminal.wait_for_prompt()
        terminal.line("use the tools")
        terminal.wait_for(PACKAGES)
        terminal.wait_for_prompt()
        if not keys:
            terminal.process.send_signal(signal.SIGTERM)
        for key in keys:
            terminal.wait_for_prompt()
            terminal.type(key)
            terminal.wait_for("Press Ctrl-C again")
        terminal.wait_for_exit()
        assert len(endpoint.requests) == 1


def test_an_editor_that_fails_at_the_gate_runs_nothing(tmp_path: Path) -> None:
    with (
        ModelEndpoint([Answer(FACTORIAL)]) as endpoint,
        session(endpoint, tmp_path, "--confirm", EDITOR="false", VISUAL="") as terminal,
    ):
        terminal.wait_for_prompt()
        terminal.line(TASK)
        terminal.wait_for(GATE)
        terminal.wait_for_prompt()
        terminal.line("e")
        terminal.wait_for(GATE, times=2)
        terminal.wait_for_prompt()
        assert "The editor ended with status 1; the program is unchanged." in terminal.text()
        assert "CodeExecutorAgent" not in terminal.text()
        terminal.line("")
        terminal.wait_for("│ factorial(5) = 120")


def test_ctrl_c_on_a_half_typed_line_only_clears_it(tmp_path: Path) -> None:
    with ModelEndpoint([]) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        for typed in ("half a line", "another"):
            terminal.type(typed)
            terminal.wait_for(typed)
            terminal.type(CTRL_C)
            terminal.wait_for_prompt()
        assert "Press Ctrl-C again" not in terminal.text()
        terminal.type(CTRL_C)
        terminal.wait_for("Press Ctrl-C again")
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        assert terminal.wait_for_exit() == 130
