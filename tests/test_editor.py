"""The user's own editor."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.input.editor import edit_program
from utils.code_blocks import CodeBlock

PROGRAM = CodeBlock("python", "print(1)\n", 0)


def editor(folder: Path, script: str) -> str:
    """Write a shell script that plays the editor, $last is the file; return its path, quoted for the shell: it holds a blank."""
    path = folder / "my editor"
    path.write_text(f"#!/bin/sh\nfor last; do :; done\n{script}\n")
    path.chmod(0o700)
    return f"'{path}'"


async def edit(monkeypatch: pytest.MonkeyPatch, command: str, program: CodeBlock = PROGRAM) -> tuple[str | None, list[str]]:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", command)
    notices: list[str] = []
    return await edit_program(program, notices.append), notices


async def test_the_editor_gets_its_arguments_and_a_file_of_the_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f'echo "$@" > {tmp_path}/arguments; stat -c %a "$(dirname "$last")" >> {tmp_path}/arguments; echo "print(2)" >> "$last"'
    code, notices = await edit(monkeypatch, f"{editor(tmp_path, script)} --wait")
    assert (code, notices) == ("print(1)\nprint(2)\n", [])
    arguments, mode = (tmp_path / "arguments").read_text().splitlines()
    assert arguments.startswith("--wait ")
    assert arguments.endswith("/program.py")
    assert mode == "700"
    assert not Path(arguments.removeprefix("--wait ")).parent.exists()


async def test_visual_comes_before_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", editor(tmp_path, 'echo visual > "$last"'))
    monkeypatch.setenv("EDITOR", "false")
    assert await edit_program(PROGRAM, print) == "visual\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "The editor ended with status 1; the program is unchanged."),
        ("no-such-editor --wait", "The editor no-such-editor --wait could not be started (No such file or directory)."),
        ("'unclosed", "EDITOR is not a valid command"),
    ],
)
async def test_an_editor_that_fails_leaves_the_program_and_says_so(command: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code, notices = await edit(monkeypatch, command)
    assert code is None
    assert len(notices) == 1
    assert said in notices[0]


async def test_without_any_editor_the_user_learns_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, notices = await edit(monkeypatch, "")
    assert (code, notices) == (None, ["No editor found. Set EDITOR."])


async def test_an_editor_that_removes_the_file_leaves_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, notices = await edit(monkeypatch, editor(tmp_path, 'rm "$last"'))
    assert code is None
    assert len(notices) == 1


async def test_bytes_that_are_no_text_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = await edit(monkeypatch, editor(tmp_path, r'printf "\377\r\nx" > "$last"'))
    assert code == "\ufffd\nx"
