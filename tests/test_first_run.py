"""The first start without a model: three plain choices, one request, and a key that is kept only on a yes."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dotenv import dotenv_values

from cli.first_run import keep
from tests.asking import KEY
from tests.endpoint import ModelEndpoint, wrong_key
from tests.terminal import CTRL_D, Terminal, program_environment
from utils.errors import ExitStatus

CLAUDE_KEY = "sk-ant-not-a-real-key"


def kept_in(tmp_path: Path) -> Path:
    return tmp_path / "config" / "multi-agent-codegen" / "env"


@contextmanager
def started(tmp_path: Path, **environment: str) -> Iterator[Terminal]:
    """Start the program where no model is set up."""
    changes = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path), "DOCKER_HOST": "unix:///nowhere.sock", **environment}
    with Terminal([], program_environment(**changes), tmp_path) as terminal:
        terminal.wait_for("1, 2 or 3:")
        yield terminal


def test_the_demo_is_one_of_the_choices_and_another_word_asks_again(tmp_path: Path) -> None:
    with started(tmp_path) as terminal:
        terminal.line("7")
        terminal.wait_for("Type 1, 2 or 3")
        terminal.wait_for("1, 2 or 3:", times=2)
        terminal.line("3")
        terminal.wait_for("This is a demo")
    assert not kept_in(tmp_path).exists()


@pytest.mark.parametrize(("answer", "kept"), [("y", True), ("", False)])
def test_a_pasted_key_is_tried_with_one_request_and_kept_only_on_a_yes(tmp_path: Path, answer: str, kept: bool) -> None:
    with ModelEndpoint(["OK"]) as endpoint, started(tmp_path, ANTHROPIC_BASE_URL=endpoint.root) as terminal:
        terminal.line("1")
        terminal.wait_for("Paste the key")
        terminal.line(CLAUDE_KEY)
        terminal.wait_for("[y/N]")
        assert len(endpoint.requests) == 1
        terminal.line(answer)
        terminal.wait_for("What should I build?")
        assert CLAUDE_KEY not in terminal.text()
    assert kept_in(tmp_path).exists() == kept
    if kept:
        assert dict(dotenv_values(kept_in(tmp_path))) == {"ANTHROPIC_API_KEY": CLAUDE_KEY}


def test_a_key_that_is_refused_is_not_kept_and_costs_one_request(tmp_path: Path) -> None:
    with ModelEndpoint([wrong_key(CLAUDE_KEY)]) as endpoint, started(tmp_path, ANTHROPIC_BASE_URL=endpoint.root) as terminal:
        terminal.line("1")
        terminal.wait_for("Paste the key")
        terminal.line(CLAUDE_KEY)
        terminal.wait_for("That did not work")
        terminal.wait_for("1, 2 or 3:", times=2)
        assert len(endpoint.requests) == 1
        assert CLAUDE_KEY not in terminal.text()
    assert not kept_in(tmp_path).exists()


def test_leaving_without_a_choice_says_what_is_missing(tmp_path: Path) -> None:
    with started(tmp_path) as terminal:
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit() == ExitStatus.MODEL
        assert "there is no key for a model" in terminal.text()


def test_what_is_kept_replaces_what_was_there_and_only_the_user_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "config" / "env"
    keep({"OPENAI_API_KEY": "old", "MODEL": "it's \\ odd"}, file)
    keep({"OPENAI_API_KEY": KEY}, file)
    assert dict(dotenv_values(file)) == {"OPENAI_API_KEY": KEY, "MODEL": "it's \\ odd"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
