"""What the prompt completes."""

from __future__ import annotations

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from cli.input.completion import CommandCompleter
from cli.slash import COMMANDS, command_table


def completed(text: str) -> dict[str, str]:
    """Return what the line becomes by each completion, and what is said of it."""
    found = CommandCompleter(command_table()).get_completions(Document(text), CompleteEvent())
    return {text[: len(text) + c.start_position] + c.text: c.display_meta_text for c in found}


def test_a_slash_offers_every_command_with_its_help() -> None:
    offered = completed("/")
    assert set(offered) == {f"/{name}" for name in COMMANDS}
    assert all(offered.values())


@pytest.mark.parametrize(("text", "expected"), [("/he", {"/help"}), ("/app", {"/approve"}), ("/x", set()), ("/help", {"/help"})])
def test_the_beginning_of_a_command_is_completed(text: str, expected: set[str]) -> None:
    assert set(completed(text)) == expected


@pytest.mark.parametrize("text", ["", "he", "count /he", "first line\n/he", "/help x", "/tmp/"])
def test_nothing_else_is_completed(text: str) -> None:
    assert completed(text) == {}


@pytest.mark.parametrize("command", ["/save", "/add"])
def test_a_path_is_completed_after_the_commands_that_take_one(command: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    assert set(completed(f"{command} {tmp_path}/no")) == {f"{command} {tmp_path}/notes.txt"}
