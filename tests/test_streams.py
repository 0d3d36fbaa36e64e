"""The edges of the host: streams that are closed, full or read by nobody, a folder that is gone, and odd environments."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import ROOT, program_environment
from utils.errors import ExitStatus

NO_HISTORY = "error: There is no history yet."
GONE = "error: the current folder does not exist any more"
FULL = "error: the output could not be written: No space left on device"


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the shell's command, in which PROGRAM is ours; the status is that of the first part of a pipe."""
    line = command.replace("PROGRAM", f"{sys.executable} {ROOT / 'main.py'}") + "; exit ${PIPESTATUS[0]}"
    variables = program_environment(**environment)
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False
    )


def check(done: subprocess.CompletedProcess[str], status: ExitStatus, said: str) -> None:
    """Fail unless the status is right, and standard error is the one sentence with its remedy, or empty."""
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stdout + done.stderr
    assert done.returncode == status, done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == ([said] if said else [])


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
        ("PROGRAM history >&-", ExitStatus.NOT_DONE, NO_HISTORY),
        ("PROGRAM history <&-", ExitStatus.NOT_DONE, NO_HISTORY),
        ("PROGRAM history 2>&-", ExitStatus.NOT_DONE, ""),
        ("PROGRAM history <&- >&- 2>&-", ExitStatus.NOT_DONE, ""),
        ("PROGRAM history 2>/dev/full", ExitStatus.NOT_DONE, ""),
        ("PROGRAM --nonsense 2>&-", ExitStatus.USAGE, ""),
        ("PROGRAM --nonsense 2>/dev/full", ExitStatus.USAGE, ""),
        ("PROGRAM history --json >/dev/full", ExitStatus.NOT_DONE, FULL),
        ("PROGRAM --help | head -n 1", ExitStatus.DONE, ""),
        ("mkdir gone; cd gone; rmdir ../gone; PROGRAM history", ExitStatus.USAGE, GONE),
        ("mkdir gone; cd gone; rmdir ../gone; PROGRAM --demo", ExitStatus.USAGE, GONE),
        ("env -u HOME PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
        ("LANG=C LC_ALL=C PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
        ("ulimit -n 64; PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
    ],
)
def test_the_status_is_right_and_at_most_one_sentence_is_said(command: str, status: ExitStatus, said: str, tmp_path: Path) -> None:
    check(run(command, tmp_path), status, said)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("PROGRAM --demo <&-", ExitStatus.DONE, ""),
        ("PROGRAM --demo >&-", ExitStatus.DONE, ""),
        ("PROGRAM --demo 2>&-", ExitStatus.DONE, ""),
        ("PROGRAM --demo >/dev/full", ExitStatus.NOT_DONE, FULL),
        ("PROGRAM --demo | head -n 1", ExitStatus.NOT_DONE, ""),
        ("PROGRAM doctor | head -n 1", ExitStatus.NOT_DONE, ""),
        ("LANG=C LC_ALL=C PROGRAM --demo", ExitStatus.DONE, ""),
        ("env -u HOME PROGRAM --demo", ExitStatus.DONE, ""),
        ("umask 077; PROGRAM --demo", ExitStatus.DONE, ""),
        ("umask 000; PROGRAM --demo", ExitStatus.DONE, ""),
        ("ulimit -n 64; PROGRAM --demo", ExitStatus.DONE, ""),
    ],
)
def test_a_whole_session_ends_with_the_right_status(command: str, status: ExitStatus, said: str, tmp_path: Path, image: str) -> None:
    assert shutil.which("bash")
    check(run(command, tmp_path, SANDBOX_IMAGE=image), status, said)
