"""The boundary to the shell: what each failure says, and its exit status."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from cli.entry import run_command
from cli.wiring import Wiring
from tests.fakes import unused
from tests.terminal import ROOT, program_environment
from tests.views import assert_plain
from utils.errors import AppError, ContainerLost, EngineError, ExitStatus, ModelError, UsageError
from utils.settings import Settings


def never(settings: Settings, notify: Callable[[str], None], resumed: object) -> NoReturn:
    raise AssertionError("nothing is opened here")


async def nobody(settings: Settings) -> str:
    raise AssertionError("nobody is asked here")


def raising(error: BaseException) -> Wiring:
    def check(settings: Settings) -> str:
        raise error

    return Wiring(never, check, lambda: [], nobody, unused)


FAILURES = {
    UsageError: (UsageError("a flag is wrong", "fix it"), ExitStatus.USAGE),
    ModelError: (ModelError("no key", "set one"), ExitStatus.MODEL),
    EngineError: (EngineError("no engine", "start it"), ExitStatus.ENGINE),
    ContainerLost: (ContainerLost("it is gone", "start it"), ExitStatus.ENGINE),
    AppError: (AppError("it did not work", "try again"), ExitStatus.NOT_DONE),
}


@pytest.mark.parametrize("kind", FAILURES, ids=lambda kind: kind.__name__)
def test_each_error_of_ours_has_its_status_and_is_shown_with_its_remedy(
    kind: type[AppError], capsys: pytest.CaptureFixture[str], run: Callable[..., int]
) -> None:
    error, status = FAILURES[kind]
    assert run(raising(error)) == status
    said = capsys.readouterr()
    assert said.err == f"error: {error.message}\n  → {error.hint}\n"
    assert said.out == ""


def test_every_error_of_ours_is_tested() -> None:
    def below(kind: type[AppError]) -> set[type[AppError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    assert {kind for kind in below(AppError) if kind.__module__ == "utils.errors"} == set(FAILURES)


@pytest.mark.parametrize("error", [RuntimeError("boom"), ZeroDivisionError("by zero"), OSError(5, "no disk")])
def test_our_own_fault_is_called_that(error: Exception, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(raising(error)) == ExitStatus.NOT_DONE
    said = capsys.readouterr().err
    assert said.startswith(f"error: internal error: {type(error).__name__}")
    assert "--traceback" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_few_descriptors_are_no_fault_of_ours(number: int, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(raising(OSError(number, "Too many open files", "x.py"))) == ExitStatus.NOT_DONE
    assert capsys.readouterr().err.startswith("error: no more files can be opened\n")


@pytest.mark.parametrize("error", [RuntimeError("boom"), ModelError("no key", "set one")])
@pytest.mark.parametrize("argv", [["--traceback"], ["chat", "--traceback"]])
def test_a_traceback_is_shown_if_it_is_wanted(
    error: Exception, argv: Sequence[str], capsys: pytest.CaptureFixture[str], run: Callable[..., int]
) -> None:
    run(raising(error), argv)
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_interrupt_is_130(capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(raising(KeyboardInterrupt())) == ExitStatus.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


def test_a_missing_requirement_names_it_and_the_way_to_have_it(capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(raising(ModuleNotFoundError("no", name="rich.console")), []) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert said.startswith("error: a requirement is not installed here: rich\n")
    assert "make run" in said
    assert ". .venv/bin/activate" in said
    assert run(raising(ModuleNotFoundError("no", name="cli.nowhere")), []) == ExitStatus.NOT_DONE
    assert "internal error" in capsys.readouterr().err


def test_a_python_without_the_requirements_goes_on_with_the_projects_own(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes((ROOT / "main.py").read_bytes())
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "own: $*"\n')
    python.chmod(0o755)
    # -I and -S: an interpreter that sees no installed package.
    begins = f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['main.py', '--version']"
    starts = f"{begins}; runpy.run_path({str(tmp_path / 'main.py')!r}, run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-c", starts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == f"own: {tmp_path / 'main.py'} --version\n"


def test_no_error_steers_the_terminal(capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    run(raising(ModelError("\x1b[31mred\x07", "\x1b]0;title\x9c")))
    assert_plain(capsys.readouterr().err)


@pytest.mark.parametrize("error", [RuntimeError("boom \x1b[31m"), ModelError("\x1b]0;title\x07", "set one")])
def test_no_traceback_steers_the_terminal(error: Exception, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    run(raising(error), ["--traceback"])
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)\n"[:-1] in said
    assert "\\x1b" in said
    assert_plain(said)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--add", "no/such"], "--add no/such: there is no such file or folder"),
        (["chat", "task", "--add", "x" * 5000], "there is no such file or folder"),
        (["--nonsense"], "--nonsense"),
        (["--timeout", "soon"], "--timeout is 'soon'"),
        (["--memory", "1k"], "--memory is '1k'"),
        (["--provider", "nobody"], "--provider is 'nobody'"),
    ],
)
def test_wrong_usage_is_two(argv: Sequence[str], said: str, capsys: pytest.CaptureFixture[str], run: Callable[..., int]) -> None:
    assert run(raising(RuntimeError("never reached")), argv) == ExitStatus.USAGE
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hint.startswith("  → ")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a program in a folder of its own, without a .env."""
    monkeypatch.chdir(tmp_path)

    def run(wiring: Wiring, argv: Sequence[str] = ()) -> int:
        return run_command(wiring, argv)

    return run


def test_a_reader_that_is_gone_is_no_error_of_ours(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT / 'main.py'} --help | head -c 1"
    both = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, env=program_environment(), cwd=tmp_path)
    assert both.stderr == b""


def test_output_that_nobody_reads_ends_without_a_traceback(tmp_path: Path) -> None:
    script = "import sys; sys.path.insert(0, sys.argv[1]); from tests.test_entry import talkative; sys.exit(talkative())"
    command = f'{sys.executable} -c "{script}" {ROOT} | head -c 1; exit ${{PIPESTATUS[0]}}'
    left = subprocess.run(["bash", "-c", command], capture_output=True, env=program_environment(), cwd=tmp_path, timeout=30)
    assert left.stderr == b""
    assert left.returncode == ExitStatus.NOT_DONE


def talkative() -> int:
    """Run a program that prints more than a pipe holds."""

    def check(settings: Settings) -> str:
        for _ in range(10000):
            sys.stdout.write("x" * 100 + "\n")
        return ""

    return run_command(Wiring(never, check, lambda: [], nobody, unused), [])
