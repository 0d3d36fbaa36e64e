"""--add and /add: what the user reads, what the generator reads, and that the programs get the files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cli.adding import add_files
from cli.arguments import parse_arguments
from sandbox.files.added import Selection
from sandbox.files.transfer import LeftOut
from teams.session import Session
from tests.terminal import ROOT, program_environment


class Sandbox:
    """A session's sandbox that takes what it is given."""

    def __init__(self, selection: Selection) -> None:
        self.sandbox = self
        self.selection = selection

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        return self.selection


async def lines_of(selection: Selection) -> tuple[list[str], list[str]]:
    notes: list[str] = []
    session: Any = Sandbox(selection)
    return await add_files(cast(Session, session), [Path("x")], notes), notes


async def test_the_user_reads_what_was_added_and_what_was_not_and_the_generator_only_what_was_added() -> None:
    left_out = [
        LeftOut(".env", "it may hold a secret"),
        LeftOut("b.pem", "it may hold a secret"),
        LeftOut("x\x1b[2J", "a link that is not followed"),
    ]
    told, notes = await lines_of(Selection([("a.csv", Path("a.csv"), 1200)], left_out))
    assert told == [
        "Added to the programs' folder: a.csv (1.2 KB).",
        "Not added, it may hold a secret: .env, b.pem.",
        r"Not added, a link that is not followed: x\x1b[2J.",
    ]
    assert len(notes) == 1
    assert "a.csv" in notes[0]
    assert ".env" not in notes[0]


async def test_many_names_are_counted() -> None:
    told, _ = await lines_of(Selection([(f"{number}.txt", Path("x"), 1) for number in range(25)]))
    assert told[0].endswith("19.txt (1 bytes) and 5 more.")
    assert (await lines_of(Selection()))[0] == ["There is nothing to add."]


def test_the_flag_may_be_said_often_and_before_and_after_the_command() -> None:
    assert parse_arguments([]).add == []
    assert parse_arguments(["--add", "a", "chat", "--add", "b", "--add", "c"]).add == ["a", "b", "c"]


@pytest.mark.engine
def test_the_whole_program_takes_files_along(tmp_path: Path, image: str) -> None:
    (tmp_path / "data.csv").write_text("1,2\n")
    (tmp_path / ".env").write_text("OTHER=canary\n")
    argv = [sys.executable, str(ROOT / "main.py"), "--demo", "--add", "data.csv", "--add", ".env"]
    environment = program_environment(SANDBOX_IMAGE=image)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Added to the programs' folder: data.csv" in done.stdout
    assert "Not added, it may hold a secret: .env" in done.stdout
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.engine
def test_a_file_that_is_not_there_is_one_line_and_status_2(tmp_path: Path, image: str) -> None:
    argv = [sys.executable, str(ROOT / "main.py"), "--demo", "--add", "nosuch"]
    environment = program_environment(SANDBOX_IMAGE=image)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--add nosuch: there is no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr
