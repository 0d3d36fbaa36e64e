"""Programs that misbehave, one after the other in one session: each has its own true verdict, for the user and for the model."""

from __future__ import annotations

import os
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.advice import NO_KEYBOARD
from tests.endpoint import ModelEndpoint
from tests.fakes import program
from tests.program import model_environment, start_piped

pytestmark = pytest.mark.engine

TIMEOUT = 2  # seconds
MEMORY = 64  # MiB
MOST_GROWTH = 64 * 1024  # KiB

COUNT_DAEMONS = """
from pathlib import Path
def words(folder):
    try:
        return (folder / 'cmdline').read_bytes().split(b'\\0')
    except OSError:
        return []
def daemons():
    return sum(b'98765' in words(folder) for folder in Path('/proc').iterdir() if folder.name.isdigit())
"""
PROGRAMS = {
    "is well": "print('all is well')",
    "prints for ever": "while True:\n    print('flood ' * 100)",
    "ignores SIGTERM": """\
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('deaf', flush=True)
while True:
    time.sleep(1)""",
    "prints bytes": "import sys\nsys.stdout.buffer.write(b'caf\\xe9 \\xff\\xfe \\x1b[31mred\\x1b[0m \\xe2\\x82')",
    "forks a daemon": f"""\
import os, time
{COUNT_DAEMONS}
if os.fork() == 0:
    os.setsid()
    os.execvp('sleep', ['sleep', '98765'])
while not daemons():
    time.sleep(0.01)
print('daemons:', daemons())""",
    "looks for the daemon": f"{COUNT_DAEMONS}\nprint('daemons:', daemons())",
    "asks": "name = input('Your name? ')\nprint('hello', name)",
    "exits with 124": "import sys\nprint('my own status')\nsys.exit(124)",
    "needs too much memory": "kept = []\nwhile True:\n    kept.append(bytearray(4 * 1024 * 1024))",
    "is well again": "print('still well')",
}


@dataclass(frozen=True)
class Seen:
    """What one program led to."""

    screen: str
    model: str
    growth: int  # KiB of our own memory's peak


def peak(process: subprocess.Popen[bytes]) -> int:
    """Return the most memory that the process has had so far, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def say(process: subprocess.Popen[bytes], lines: str, until: str, seconds: float = 30) -> str:
    """Type the lines and return what is printed, up to the text."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(lines.encode())
    process.stdin.flush()
    shown, deadline = b"", time.monotonic() + seconds
    while until.encode() not in shown:
        ready, _, _ = select.select([process.stdout], [], [], 0.2)
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        shown += data
        assert time.monotonic() < deadline, shown[-2000:]
        assert data or process.poll() is None, shown[-2000:]
    return shown.decode()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    answers = [program(code) for code in PROGRAMS.values()]
    arguments = ["--timeout", str(TIMEOUT), "--memory", f"{MEMORY}m", "--max-retries", "0"]
    screens, growth = {}, {}
    with ModelEndpoint([*answers, "Nothing is left.\n\nSTOP"]) as endpoint:
        process = start_piped(arguments, model_environment(endpoint), tmp_path_factory.mktemp("verdicts"))
        try:
            for name in PROGRAMS:
                before = peak(process)
                screens[name] = say(process, f"It {name}.\nAPPROVE\n", "User approves result\n")
                growth[name] = peak(process) - before
            say(process, "Is that all?\n", "ended the task")
            _, complaints = process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
    assert (process.returncode, complaints) == (1, b"")
    told = [[text for text in request.texts if text.startswith("[sandbox]")][-1] for request in endpoint.requests[1:]]
    return {name: Seen(screens[name], result, growth[name]) for name, result in zip(PROGRAMS, told, strict=True)}


VERDICTS = [
    ("is well", "✔ Finished in", "ended normally"),
    ("prints for ever", "✘ Stopped after printing more than 1 MiB", "killed: it printed more than 1 MiB"),
    ("ignores SIGTERM", f"✘ Stopped after {TIMEOUT} s", f"killed: time limit {TIMEOUT} s"),
    ("prints bytes", "✔ Finished in", "ended normally"),
    ("forks a daemon", "✔ Finished in", "ended normally"),
    ("looks for the daemon", "✔ Finished in", "ended normally"),
    ("asks", "✘ Failed with exit code 1", "failed with exit code 1"),
    ("exits with 124", "✘ Failed with exit code 124", "failed with exit code 124"),
    ("needs too much memory", f"✘ Used more than {MEMORY} MiB of memory", f"killed: memory limit {MEMORY} MiB"),
    ("is well again", "✔ Finished in", "ended normally"),
]


def test_every_program_has_a_verdict_here() -> None:
    assert [name for name, _, _ in VERDICTS] == list(PROGRAMS)


@pytest.mark.parametrize(("name", "user", "model"), VERDICTS)
def test_the_verdict_is_true(seen: dict[str, Seen], name: str, user: str, model: str) -> None:
    verdicts = [line for line in seen[name].screen.splitlines() if line[:2] in ("✔ ", "✘ ")]
    assert verdicts[0].startswith(user), verdicts
    assert model in seen[name].model.split("follows, to the end")[0]


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("prints for ever", "flood flood"),
        ("ignores SIGTERM", "deaf"),
        ("prints bytes", "caf\ufffd \ufffd\ufffd "),
        ("forks a daemon", "daemons: 1"),
        ("looks for the daemon", "daemons: 0"),
        ("exits with 124", "my own status"),
        ("is well again", "still well"),
    ],
)
def test_what_it_printed_is_kept(seen: dict[str, Seen], name: str, printed: str) -> None:
    assert f"│ {printed}" in seen[name].screen
    assert printed in seen[name].model


def test_the_model_learns_that_there_is_no_keyboard(seen: dict[str, Seen]) -> None:
    assert NO_KEYBOARD.fact in seen["asks"].model


def test_a_program_cannot_write_control_codes_to_the_terminal(seen: dict[str, Seen]) -> None:
    assert "\x1b" not in seen["prints bytes"].screen
    assert "red" in seen["prints bytes"].screen


def test_our_memory_does_not_grow_with_the_flood(seen: dict[str, Seen]) -> None:
    assert seen["prints for ever"].growth < MOST_GROWTH
    assert len(seen["prints for ever"].screen) < 200_000
    assert len(seen["prints for ever"].model) < 20_000
