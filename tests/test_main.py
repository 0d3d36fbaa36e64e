"""The whole program over a pipe: the main job, its exit status, and what a first run says when a part is missing."""

from __future__ import annotations

import stat
import statistics
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest

from tests.asking import KEY
from tests.endpoint import ModelEndpoint, closed_url, wrong_key
from tests.fakes import program
from tests.program import CLOSING_LINES, FACTORIAL, TASK, Finished, containers_of, model_environment, run_piped
from tests.terminal import ROOT, program_environment

engine_test = pytest.mark.engine


def no_traceback(finished: Finished) -> bool:
    return "Traceback" not in finished.out + finished.err.replace("--traceback", "")


def no_control_codes(finished: Finished) -> bool:
    return all(character.isprintable() or character == "\n" for character in finished.out + finished.err)


@engine_test
def test_the_main_job_over_a_pipe(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([FACTORIAL]) as endpoint:
        done = run_piped(f"{TASK}\nAPPROVE\n", [], model_environment(endpoint), tmp_path)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[-5:-1] == list(CLOSING_LINES)
    assert "def factorial(n):" in done.out
    assert done.out.index("def factorial") < done.out.index("│ factorial(5) = 120") < done.out.index(CLOSING_LINES[0])
    assert no_control_codes(done)
    assert done.out.startswith(f"\n› {TASK}\n")
    assert "\n› APPROVE\n" in done.out
    (request,) = endpoint.requests
    assert request.texts[1:] == [TASK]
    assert request.body["stream"] is True
    assert containers_of(engine, done.pid) == []


@engine_test
def test_feedback_several_tasks_and_the_end_of_input(tmp_path: Path) -> None:
    answers = [FACTORIAL, program("print('six:', 720)"), program("print('sum:', 3)"), "Nothing is left.\n\nSTOP"]
    typed = f"{TASK}\nOf six, and APPROVE nothing yet.\n\napprove.\n/help\nAdd 1 and 2.\nAPPROVE\nIs that all?\nLast one.\n"
    with ModelEndpoint([*answers, program("print('last')")]) as endpoint:
        done = run_piped(typed, [], model_environment(endpoint), tmp_path)
    assert done.err == ""
    assert done.status == 1, "the end of input is STOP, and the last task was not approved"
    assert done.out.count("✔ User approves result") == 2
    assert "✔ Output: six: 720" in done.out
    assert "✔ Output: sum: 3" in done.out
    assert endpoint.requests[1].texts[-1] == "Of six, and APPROVE nothing yet."
    asked = [request.texts[-1] for request in endpoint.requests]
    assert asked == [TASK, "Of six, and APPROVE nothing yet.", "Add 1 and 2.", "Is that all?", "Last one."]
    assert "CodeGeneratorAgent ended the task" in done.out
    assert "Stopped." in done.out
    assert no_traceback(done)


@engine_test
def test_the_first_task_may_be_an_argument(tmp_path: Path) -> None:
    with ModelEndpoint([FACTORIAL]) as endpoint:
        done = run_piped("APPROVE\n", ["chat", TASK, "--quiet"], model_environment(endpoint), tmp_path)
    assert done.status == 0
    assert done.out.splitlines()[-5:-1] == list(CLOSING_LINES)


@engine_test
def test_files_that_programs_make_belong_to_the_user(tmp_path: Path) -> None:
    with ModelEndpoint([program("open('made.txt', 'w').write('hello')\nprint('done')")]) as endpoint:
        done = run_piped(f"{TASK}\nAPPROVE\n", ["--workspace", "mine"], model_environment(endpoint), tmp_path)
    (made,) = (tmp_path / "mine" / "sessions").glob("*/made.txt")
    assert made.read_text() == "hello"
    assert "new: made.txt" in done.out


@engine_test
def test_the_demo_plays_itself_without_a_terminal_and_without_a_key(tmp_path: Path, engine: docker.APIClient) -> None:
    done = run_piped("", ["--demo"], program_environment(), tmp_path)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("✔ User approves result") == 3
    assert set(CLOSING_LINES) <= set(done.out.splitlines())
    assert "scripted" in done.out.splitlines()[0]
    assert "attempt 2 of 4: ZeroDivisionError: division by zero" in done.out
    assert no_control_codes(done)
    assert containers_of(engine, done.pid) == []


@engine_test
def test_a_model_that_refuses_the_key_ends_a_piped_run(tmp_path: Path, engine: docker.APIClient) -> None:
    with ModelEndpoint([lambda body: wrong_key(KEY)]) as endpoint:
        done = run_piped(f"{TASK}\nAPPROVE\n", [], model_environment(endpoint), tmp_path)
    assert done.status == 3
    assert done.err.count("\n") == 2, done.err
    assert "OPENAI_API_KEY" in done.err
    assert KEY not in done.out + done.err
    assert no_traceback(done)
    assert containers_of(engine, done.pid) == []


def test_a_reader_that_goes_away_gets_no_traceback(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=program_environment(),
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stream:
        assert b"Traceback" not in stream.read()
    process.wait(10)


# --- First run: what is missing, the remedy, and the exit status ----------------------------------------------------------------------


def first_run(tmp_path: Path, *arguments: str, **environment: str) -> Finished:
    """Run the program with a key and an endpoint at which nobody listens, changed by the environment given."""
    given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": closed_url(), "MODEL": "test-model", **environment}
    return run_piped(f"{TASK}\nAPPROVE\n", arguments, program_environment(**given), tmp_path)


def test_without_a_key(tmp_path: Path) -> None:
    done = run_piped(f"{TASK}\n", [], program_environment(OLLAMA_HOST=closed_url()), tmp_path)
    assert done.status == 3
    assert ".env" in done.err
    assert "--demo" in done.err
    assert done.out == ""
    assert no_traceback(done)
    assert done.seconds < 20


@pytest.mark.parametrize("host", ["unix:///nonexistent.sock", "tcp://127.0.0.1:1", "nonsense"])
def test_an_engine_that_cannot_be_reached(tmp_path: Path, host: str) -> None:
    done = first_run(tmp_path, DOCKER_HOST=host)
    assert done.status == 4
    assert done.err.startswith("error: ")
    assert "DOCKER_HOST" in done.err
    assert "→" in done.err
    assert no_traceback(done)
    assert done.seconds < 30


@engine_test
def test_an_image_that_is_not_here_and_cannot_be_pulled(tmp_path: Path, engine: docker.APIClient) -> None:
    done = first_run(tmp_path, "--image", "127.0.0.1:1/nobody/nothing:1")
    assert done.status == 4
    assert "127.0.0.1:1/nobody/nothing:1" in done.err
    assert "SANDBOX_IMAGE" in done.err
    assert no_traceback(done)
    assert containers_of(engine, done.pid) == []


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], {"SANDBOX_TIMEOUT": "soon"}, ("SANDBOX_TIMEOUT", "'soon'", "whole seconds from 1 to 86400")),
        (["--timeout", "0"], {}, ("--timeout", "'0'", "whole seconds from 1 to 86400")),
        (["--memory", "lots"], {}, ("--memory", "'lots'", "512m")),
        (["--network", "sometimes"], {}, ("--network", "'sometimes'", "off, install, on")),
        ([], {"MODEL_PROVIDER": "acme"}, ("MODEL_PROVIDER", "'acme'", "openai-compatible")),
        ([], {"MAX_RETRIES": "-1"}, ("MAX_RETRIES", "'-1'", "from 0 to 100")),
        (["--max-retry"], {}, ("--max-retry", "--help")),
        (["dance"], {}, ("dance", "--help")),
    ],
)
def test_wrong_usage_and_settings(tmp_path: Path, arguments: list[str], environment: dict[str, str], said: tuple[str, ...]) -> None:
    done = first_run(tmp_path, *arguments, **environment)
    assert done.status == 2
    assert [part for part in said if part not in done.err] == []
    assert done.err.count("\n") <= 2
    assert done.out == ""
    assert no_traceback(done)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage\x9f", b"OPENAI_API_KEY\n===\n'\"\n"], ids=["bytes", "lines"])
def test_a_garbage_env_file_is_no_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    done = run_piped(f"{TASK}\n", [], program_environment(OLLAMA_HOST=closed_url()), tmp_path)
    assert done.status in (2, 3)
    assert no_traceback(done)
    assert "error: " in done.err


@engine_test
def test_a_workspace_that_cannot_be_written(tmp_path: Path, engine: docker.APIClient) -> None:
    (tmp_path / "file").write_text("no folder")
    done = first_run(tmp_path, "--workspace", "file/inside")
    assert done.status == 2
    assert "WORKSPACE" in done.err
    assert "file/inside" in done.err
    assert no_traceback(done)
    assert containers_of(engine, done.pid) == []


def test_help_and_version_import_neither_autogen_nor_the_engine(tmp_path: Path) -> None:
    code = (
        "import sys, runpy\n"
        f"try: runpy.run_path({str(ROOT / 'main.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: print('status', end.code)\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('autogen_core', 'autogen_agentchat', 'docker', 'openai')])"
    )
    for flag in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code, flag], cwd=ROOT, capture_output=True, text=True, timeout=20, env=program_environment()
        )
        assert done.stdout.splitlines()[-2:] == ["status 0", "[]"], done


def test_help_is_quick(tmp_path: Path) -> None:
    def median(*command: str) -> float:
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, timeout=20, check=True)
            seconds.append(time.monotonic() - began)
        return statistics.median(seconds)

    assert median(str(ROOT / "main.py"), "--help") < max(0.3, 8 * median("-c", "pass"))


@engine_test
def test_the_sessions_folder_is_for_this_user_only(tmp_path: Path) -> None:
    with ModelEndpoint([program("open('a.txt', 'w').write('x')")]) as endpoint:
        run_piped(f"{TASK}\nAPPROVE\n", [], model_environment(endpoint), tmp_path)
    (folder,) = (tmp_path / "workspace" / "sessions").iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "a.txt").read_text() == "x"
