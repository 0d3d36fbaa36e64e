"""The whole program with everything hidden that Windows lacks, and the engine reached over TCP: see tests/windows/hiding.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import APIError

from tests.endpoint import Answer, ModelEndpoint
from tests.engine_proxy import EngineProxy
from tests.fakes import program
from tests.program import CLOSING_LINES, FACTORIAL, TASK, model_environment, run_piped, running_in, start_piped, wait_until
from tests.terminal import CTRL_C, CTRL_D, ENTER, ROOT, Terminal, program_environment
from tests.views import QUESTION
from utils.docker_utils import LABEL

HIDING = str(ROOT / "tests" / "windows")
UP = "\x1b[A"
FOREVER = program("import time\nprint('it runs', flush=True)\nwhile True:\n    time.sleep(0.1)")
engine_test = pytest.mark.engine


@pytest.fixture(scope="module")
def as_on_windows(image: str) -> Iterator[Mapping[str, str]]:
    """Give what to change in a program's environment."""
    with EngineProxy(tcp=True) as proxy:
        yield {"PYTHONPATH": HIDING, "DOCKER_HOST": proxy.url, "SANDBOX_IMAGE": image}


def containers_of(engine: docker.APIClient, pid: int) -> list[str]:
    """List the containers that carry the label of the process, whose user has another number than here."""
    found = engine.containers(all=True, filters={"label": f"{LABEL}.owner"})
    return [container["Id"] for container in found if container["Labels"][f"{LABEL}.owner"].split(":")[-2] == str(pid)]


def runs_program(engine: docker.APIClient, pid: int) -> bool:
    """Whether a program runs in a container of the process; one that is being made or removed cannot say."""
    with suppress(APIError):
        return any("program.py" in running_in(engine, each) for each in containers_of(engine, pid))
    return False


@pytest.mark.parametrize(
    "statement",
    [
        *("import termios", "import fcntl", "import pwd", "import resource", "import tty"),
        *("from os import getuid", "import os; os.O_NOFOLLOW", "import os; os.O_DIRECTORY", "import signal; signal.SIGHUP"),
        "import os; os.open('.', 0, dir_fd=3)",
        "import select; select.select([0], [], [], 0)",
        "import asyncio, signal\nasync def f(): asyncio.get_running_loop().add_signal_handler(2, print)\nasyncio.run(f())",
        "import asyncio, os\nasync def f(): asyncio.get_running_loop().add_reader(os.pipe()[0], print)\nasyncio.run(f())",
        "import socket; socket.AF_UNIX",
    ],
)
def test_the_control_what_is_hidden_fails_in_our_modules_and_only_there(statement: str, tmp_path: Path) -> None:
    code = "import sys; exec(compile(sys.argv[1], sys.argv[2], 'exec'), {'__file__': sys.argv[2]})"
    environment = program_environment(PYTHONPATH=HIDING)
    failed = {}
    for file in (ROOT / "cli" / "entry.py", tmp_path / "library.py"):
        command = [sys.executable, "-c", code, statement, str(file)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        failed[file.name] = done.stderr.strip().rpartition("\n")[2].partition(":")[0]
    assert failed["entry.py"] in ("ModuleNotFoundError", "ImportError", "AttributeError", "NotImplementedError", "OSError")
    assert failed["library.py"] in ("", "NotADirectoryError", "OSError"), "dir_fd=3 is no folder"
    assert failed["library.py"] != failed["entry.py"]


def test_without_an_engine_it_starts_and_says_what_to_do(tmp_path: Path) -> None:
    environment = program_environment(PYTHONPATH=HIDING, HOME=str(tmp_path))
    environment.pop("DOCKER_HOST", None)
    done = run_piped("", ["--demo"], environment, tmp_path)
    assert done.status == 4
    assert "Traceback" not in done.out + done.err
    assert "error: no container engine is" in done.err
    assert "sudo" not in done.err
    assert "docker.sock" not in done.err


@engine_test
@pytest.mark.soak
def test_the_piped_demo(as_on_windows: Mapping[str, str], tmp_path: Path, engine: docker.APIClient) -> None:
    done = run_piped("", ["--demo"], program_environment(**as_on_windows), tmp_path)
    assert (done.status, done.err) == (0, "")
    assert all(line in done.out for line in CLOSING_LINES)
    assert done.out.count(CLOSING_LINES[-1]) == 3
    assert (next(tmp_path.glob("workspace/sessions/*/table.txt"))).read_bytes().count(b"\n") == 6
    assert containers_of(engine, done.pid) == []


@engine_test
def test_a_session_over_a_pipe_is_kept_and_resumed(as_on_windows: Mapping[str, str], tmp_path: Path) -> None:
    with ModelEndpoint([FACTORIAL, FACTORIAL]) as endpoint:
        environment = model_environment(endpoint, **as_on_windows)
        done = run_piped(f"{TASK}\nAPPROVE\n", [], environment, tmp_path)
        assert (done.status, done.err) == (0, "")
        again = run_piped("once more\nAPPROVE\n", ["resume"], environment, tmp_path)
        assert (again.status, again.err) == (0, "")
    assert TASK in endpoint.requests[1].texts
    shown = run_piped("", ["history", "--json"], environment, tmp_path)
    assert len(json.loads(shown.out)) == 1


@engine_test
def test_a_batch_is_written_line_by_line_and_settled(as_on_windows: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "tasks.txt").write_text("one\ntwo\n")
    with ModelEndpoint([FACTORIAL] * 4) as endpoint:
        environment = model_environment(endpoint, **as_on_windows)
        command = ["batch", "tasks.txt", "--output", "out.jsonl", "--quiet"]
        assert run_piped("", command, environment, tmp_path).status == 0
        lines = (tmp_path / "out.jsonl").read_bytes().splitlines(keepends=True)
        assert [json.loads(line)["status"] for line in lines] == ["approved"] * 2
        (tmp_path / "out.jsonl").write_bytes(lines[0] * 2 + b"no result\n")
        done = run_piped("", [*command, "--resume"], environment, tmp_path)
    assert (done.status, "moved to out.jsonl.unreadable" in done.err) == (0, True)
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 2
    assert (tmp_path / "out.jsonl.unreadable").read_bytes() == b"no result\n"


@engine_test
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(signal.SIGINT, id="ctrl-c"),
        pytest.param(signal.SIGTERM, id="terminate", marks=pytest.mark.soak),
        pytest.param(signal.SIGQUIT, id="ctrl-break's stand-in", marks=pytest.mark.soak),
    ],
)
def test_a_signal_ends_a_run_and_its_container(
    sent: signal.Signals, as_on_windows: Mapping[str, str], tmp_path: Path, engine: docker.APIClient
) -> None:
    with ModelEndpoint([FOREVER]) as endpoint:
        with start_piped(["run", "for ever"], model_environment(endpoint, **as_on_windows), tmp_path) as process:
            assert process.stdin is not None
            process.stdin.close()  # it would be read to its end
            process.stdin = None
            try:
                wait_until(lambda: runs_program(engine, process.pid), 60)
                process.send_signal(sent)
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == 130, said
        assert b"Traceback" not in said
        assert containers_of(engine, process.pid) == []


@engine_test
def test_the_demo_in_a_terminal_and_its_history(as_on_windows: Mapping[str, str], tmp_path: Path) -> None:
    with Terminal(["--demo"], program_environment(**as_on_windows), tmp_path) as terminal:
        terminal.wait_for(f"› {TASK}")
        terminal.type(ENTER)
        terminal.wait_for(QUESTION, 60)
        terminal.wait_for("APPROVE  (Enter takes it)")
        terminal.type(ENTER)
        for line in CLOSING_LINES:
            terminal.wait_for(line)
        terminal.wait_for_prompt()
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit(30) == 0
    assert b"\x1b[32m" in terminal.bytes, "in colour"
    with Terminal(["--demo"], program_environment(**as_on_windows), tmp_path) as terminal:
        terminal.wait_for(f"› {TASK}")
        terminal.type(UP)
        terminal.wait_for("› APPROVE")
        terminal.type(CTRL_C + CTRL_D)
        terminal.wait_for_exit(30)


@engine_test
def test_ctrl_c_in_a_terminal_stops_the_step_and_leaves_at_the_prompt(
    as_on_windows: Mapping[str, str], tmp_path: Path, engine: docker.APIClient
) -> None:
    with (
        ModelEndpoint([FOREVER, Answer(FACTORIAL)]) as endpoint,
        Terminal([], model_environment(endpoint, **as_on_windows), tmp_path) as terminal,
    ):
        terminal.wait_for_prompt()
        terminal.line("run for ever")
        terminal.wait_for("│ it runs", 60)
        terminal.type(CTRL_C)
        terminal.wait_for("Stopped. ")
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        terminal.wait_for("again to quit")
        terminal.wait_for_prompt()
        terminal.type(CTRL_C)
        assert terminal.wait_for_exit(30) == 130
    assert "Traceback" not in terminal.text()
    assert containers_of(engine, terminal.process.pid) == []


@engine_test
def test_a_terminal_without_control_codes(as_on_windows: Mapping[str, str], tmp_path: Path) -> None:
    with (
        ModelEndpoint([FACTORIAL]) as endpoint,
        Terminal([], {**model_environment(endpoint, **as_on_windows), "TERM": "dumb"}, tmp_path) as terminal,
    ):
        terminal.wait_for("›")
        terminal.line(TASK)
        terminal.wait_for(QUESTION, 60)
        terminal.wait_for("›", times=2)  # what is typed before that was typed before the question
        terminal.line("APPROVE")
        terminal.wait_for(CLOSING_LINES[-1])
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit(30) == 0
    assert b"\x1b" not in terminal.bytes


def test_the_help_needs_nothing_that_is_hidden(tmp_path: Path) -> None:
    done = run_piped("", ["--help"], program_environment(PYTHONPATH=HIDING), tmp_path)
    assert (done.status, done.err) == (0, "")
    assert os.name == "posix", "these tests are for Linux: on Windows the program is tested as it is"
