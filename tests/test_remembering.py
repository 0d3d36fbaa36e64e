"""The slash commands about the history, in a session that is kept."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from cli.commands.chat import Chat
from cli.input.prompt import Prompt
from cli.output.screen import Screen
from cli.slash import run_slash_command
from cli.state import ChatState
from history.store import Store
from tests.fakes import program, ran
from tests.talks import Typist
from tests.test_recording import kept, live, opened
from utils.settings import load_settings


@asynccontextmanager
async def session_of(tmp_path: Path) -> AsyncIterator[tuple[ChatState, io.StringIO]]:
    """Open a session that is kept, with a state for the commands, and what the user sees."""
    paper = io.StringIO()
    screen = Screen(paper, control_codes=False)
    settings = load_settings({"workspace": str(tmp_path / "w")}, {})
    prompt = Prompt(Typist(), screen, str)
    state = ChatState(settings, screen, prompt, confirms=False, model="test-model")
    Chat(state)
    async with opened(tmp_path / "w", [program("one")], ran("1\n")) as (session, _):
        state.opened(session)
        yield state, paper


async def said(state: ChatState, paper: io.StringIO, line: str) -> str:
    began = paper.tell()
    assert await run_slash_command(state, line) is None
    return paper.getvalue()[began:]


async def test_before_the_first_task_there_is_nothing_to_keep(tmp_path: Path) -> None:
    async with session_of(tmp_path) as (state, paper):
        for command in ("/rename x", "/fork", "/export"):
            assert await said(state, paper, command) == "This session is still empty. Type a task first.\n"
        assert "there is no history yet" in await said(state, paper, "/history")


async def test_rename_fork_export_and_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with session_of(tmp_path) as (state, paper):
        assert state.session is not None
        await live(state.session, "Print the answer.", "APPROVE")
        assert await said(state, paper, "/rename the answer") == "This session is now called the answer.\n"
        assert await said(state, paper, "/rename") == "What should it be called? /rename NAME\n"
        forked = await said(state, paper, "/fork second try")
        assert forked.startswith("Copied. To go on with the copy: python main.py resume ")
        assert await said(state, paper, "/export") == "Written to the-answer.html.\n"
        assert await said(state, paper, "/export notes.md") == "Written to notes.md.\n"
        assert "Not exported: File exists" in await said(state, paper, "/export notes.md")
        assert await said(state, paper, "/export notes.txt") == "The file's name has to end in .html, .md, .ipynb or .json.\n"
        listed = await said(state, paper, "/history answer")
        assert "the answer: Print the answer." in listed
        assert "second try: Print the answer." in listed
        assert await said(state, paper, "/history nowhere") == "No session contains nowhere.\n"
    assert (tmp_path / "the-answer.html").read_text("utf-8").startswith("<!doctype html>")
    copy = forked.split()[-1]
    with closing(Store.read_only(tmp_path / "w/history.db")) as store:
        [(name,)] = store.connection.execute("SELECT id FROM session WHERE id LIKE ?", (f"%{copy}",)).fetchall()
    assert kept(tmp_path / "w", name).messages == kept(tmp_path / "w").messages
    assert kept(tmp_path / "w", name).info.parent == "20260901-120000-abcd"
