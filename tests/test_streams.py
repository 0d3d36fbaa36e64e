"""The edges of the host: streams that are closed, full or read by nobody, a folder that is gone, and odd environments."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from history.store import Store
from tests.histories import info, no_notice
from tests.terminal import ROOT, program_environment
from utils.errors import ExitStatus

NO_HISTORY = "error: there is no history yet"
GONE = "error: the current folder no longer exists"
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
        ("mkdir gone; cd gone; rmdir ../gone; PROGRAM doctor", ExitStatus.USAGE, GONE),
        ("mkdir gone; cd gone; rmdir ../gone; PROGRAM run 'Count to 3'", ExitStatus.USAGE, GONE),
        ("mkdir gone; cd gone; rmdir ../gone; PROGRAM --help", ExitStatus.DONE, ""),
        ("env -u HOME PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
        ("LANG=C LC_ALL=C PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
        ("ulimit -n 64; PROGRAM history", ExitStatus.NOT_DONE, NO_HISTORY),
    ],
)
def test_the_status_is_right_and_at_most_one_sentence_is_said(command: str, status: ExitStatus, said: str, tmp_path: Path) -> None:
    check(run(command, tmp_path), status, said)


def test_a_history_longer_than_its_reader_wants_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    with closing(Store.open(tmp_path / "workspace" / "history.db", no_notice)) as store:
        for number in range(1500):  # more than an ordinary pipe holds
            store.begin(info(f"20260901-120000-{number:04x}"))
    whole = run("PROGRAM history --all", tmp_path)
    check(whole, ExitStatus.DONE, "")
    assert len(whole.stdout) > 100_000
    cut = run("PROGRAM history --all | head -n 1", tmp_path)
    # How much fits into a pipe is the system's affair, and with it whether the program sees that its reader has gone.
    assert cut.returncode in (ExitStatus.DONE, ExitStatus.NOT_DONE)
    assert cut.stderr == ""
    assert cut.stdout == whole.stdout.splitlines(keepends=True)[0]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("umask", "environment"),
    [("022", ""), ("077", ""), ("000", ""), ("000", "env -u HOME"), ("027", "LANG=C LC_ALL=C")],
)
def test_no_other_user_can_read_or_change_what_a_session_keeps(umask: str, environment: str, tmp_path: Path, image: str) -> None:
    check(run(f"umask {umask}; touch control; {environment} PROGRAM --demo", tmp_path, SANDBOX_IMAGE=image), ExitStatus.DONE, "")
    assert stat.S_IMODE((tmp_path / "control").stat().st_mode) == 0o666 & ~int(umask, 8)  # the shell did as we said
    workspace = tmp_path / "workspace"
    kept = [path for path in workspace.rglob("*") if path.is_file()]
    assert {"history.db", "program.py", "README.md"} <= {path.name for path in kept}
    assert [path for path in kept if not _is_private(path, workspace)] == []


def _is_private(file: Path, top: Path) -> bool:
    """Whether the rights of the file, or of a folder on the way to it, keep everybody else out."""
    way = [file, *(folder for folder in file.parents if folder.is_relative_to(top))]
    return any(not stat.S_IMODE(each.stat().st_mode) & 0o077 for each in way)


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


@pytest.mark.engine
@pytest.mark.parametrize("umask", ["000", "077"])
def test_nobody_else_reads_a_session_or_the_history_and_head_ends_its_list(umask: str, tmp_path: Path, image: str) -> None:
    check(run(f"umask {umask}; PROGRAM --demo", tmp_path, SANDBOX_IMAGE=image), ExitStatus.DONE, "")
    workspace = tmp_path / "workspace"
    (session,) = (workspace / "sessions").iterdir()
    assert stat.S_IMODE((workspace / "history.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(session.stat().st_mode) == 0o700
    for folder in (workspace, session.parent):  # nobody else can put another session in its place
        assert stat.S_IMODE(folder.stat().st_mode) & 0o022 == 0
    listed = run("PROGRAM history | head -n 1", tmp_path)
    check(listed, ExitStatus.DONE, "")
    assert session.name in listed.stdout
