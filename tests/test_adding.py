"""--add and /add: what the user reads, what the generator reads, and that the programs get the files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from cli.adding import Agree, add_files, agree_to_copy
from cli.arguments import parse_arguments
from sandbox.files.added import Selection
from sandbox.files.transfer import LeftOut
from teams.session import Session
from tests.asking import PROGRAM
from tests.talks import rehearsal
from tests.terminal import ROOT, program_environment


class Sandbox:
    """A session's sandbox that takes what it is given."""

    def __init__(self, selection: Selection) -> None:
        self.sandbox = self
        self.selection = selection
        self.notes: list[str] = []

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        return self.selection

    async def add_doubtful(self, selection: Selection) -> Selection:
        agreed = [(name, path, 3) for name, path in selection.doubtful.items()]
        return Selection([*selection.files, *agreed], selection.left_out)


async def lines_of(selection: Selection) -> tuple[list[str], list[str]]:
    session: Any = Sandbox(selection)
    return await add_files(cast(Session, session), [Path("x")]), session.notes


async def test_the_user_reads_what_was_added_and_what_was_not_and_the_generator_only_what_was_added() -> None:
    left_out = [
        LeftOut(".env", "may hold secrets"),
        LeftOut("b.pem", "may hold secrets"),
        LeftOut("x\x1b[2J", "links that lead elsewhere"),
    ]
    told, notes = await lines_of(Selection([("a.csv", Path("a.csv"), 1200)], left_out))
    assert told == [
        "Added to the sandbox: a.csv (1.2 KiB).",
        "Skipped (may hold secrets): .env and b.pem.",
        r"Skipped (links that lead elsewhere): x\x1b[2J.",
    ]
    assert len(notes) == 1
    assert "a.csv" in notes[0]
    assert ".env" not in notes[0]


async def test_what_may_hold_secrets_is_copied_after_a_yes_only() -> None:
    asked: list[str] = []

    def says(answer: bool) -> Agree:
        async def agree(names: str) -> bool:
            asked.append(names)
            return answer

        return agree

    selection = Selection([("a.csv", Path("a.csv"), 1)], [], {"tokens.json": Path("tokens.json")})
    for agree, added in ((None, False), (says(False), False), (says(True), True)):
        session: Any = Sandbox(selection)
        lines = await add_files(cast(Session, session), [Path("x")], agree)
        assert ("tokens.json" in lines[0], "tokens.json" in session.notes[0]) == (added, added)
        assert ("Skipped (may hold secrets; /add in a session asks you): tokens.json." in lines) is not added
    assert asked == ["tokens.json", "tokens.json"]


class Terminal:
    """A prompt and a screen in one, on which one line is typed."""

    def __init__(self, typed: str | None) -> None:
        self.prompt = self.screen = self
        self.typed = typed
        self.shown = ""

    def set_aside(self) -> None:
        """Nothing was typed before."""

    def say(self, line: object) -> None:
        self.shown += str(line)

    async def read(self, *, suggests: bool) -> str | None:
        return self.typed


@pytest.mark.parametrize(("typed", "agreed"), [("y", True), (" YES ", True), ("", False), ("n", False), ("APPROVE", False), (None, False)])
async def test_only_yes_copies_what_may_hold_secrets(typed: str | None, agreed: bool) -> None:
    state: Any = Terminal(typed)
    assert await agree_to_copy(state, "tokens.json") is agreed
    assert "tokens.json" in state.shown


async def test_a_path_after_an_at_sign_is_added_and_any_other_word_is_left_alone(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_text("1,2")
    task = f"Sum @{tmp_path}/a.csv, ask @nobody, me@example.com, @ and @/. But not {tmp_path}/c.csv"
    feedback = f"Take @{tmp_path}/b.csv."
    async with rehearsal([PROGRAM, PROGRAM], typed=[feedback, "APPROVE"]) as talk:
        shown = await talk.converse(task)
        told = [request[-1] for request in talk.asked]
    assert shown.count("Added to the sandbox") == 2
    assert "Added to the sandbox: a.csv (3 bytes)." in shown
    assert "Added to the sandbox: b.csv (3 bytes)." in shown
    assert "Skipped" not in shown
    assert ("a.csv (3 bytes)" in told[0], told[0].endswith(task)) == (True, True)
    assert ("b.csv (3 bytes)" in told[1], feedback in told[1]) == (True, True)


async def test_the_text_of_a_pipe_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    async with rehearsal([PROGRAM], typed=["APPROVE"], is_terminal=False) as talk:
        assert "Added" not in await talk.converse(f"Sum @{tmp_path}/a.csv")


async def test_a_mentioned_file_that_may_hold_secrets_is_asked_about_as_with_add(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{}")
    async with rehearsal([PROGRAM], typed=["n", "APPROVE"]) as talk:
        shown = await talk.converse(f"Read @{tmp_path}/tokens.json")
    assert "Copy them? y/N" in shown
    assert "Added" not in shown


async def test_many_names_are_counted() -> None:
    told, _ = await lines_of(Selection([(f"{number}.txt", Path("x"), 1) for number in range(25)]))
    assert told[0].endswith("19.txt (1 byte) and 5 more.")
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
    assert "Added to the sandbox: data.csv" in done.stdout
    assert "Skipped (may hold secrets): .env" in done.stdout
    assert "canary" not in done.stdout + done.stderr


@pytest.mark.engine
def test_a_file_that_is_not_there_is_one_line_and_status_2(tmp_path: Path, image: str) -> None:
    argv = [sys.executable, str(ROOT / "main.py"), "--demo", "--add", "nosuch"]
    environment = program_environment(SANDBOX_IMAGE=image)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--add nosuch: there is no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr
