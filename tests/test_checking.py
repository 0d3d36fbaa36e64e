"""The check in the background of the prompt: its status, what it says, and that nothing runs with --no-verify."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

from cli.checking import Checks
from history.recording import Recording
from tests.fakes import program, ran
from tests.test_recording import kept, live, opened
from utils.settings import load_settings


async def ended(checks: Checks) -> None:
    while checks.status.startswith("testing"):
        await asyncio.sleep(0.01)


async def test_a_check_that_cannot_be_made_is_said_and_leaves_the_approval_unchecked(tmp_path: Path) -> None:
    settings = load_settings({"workspace": str(tmp_path)}, {})
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        await live(session, "Print the answer.", "APPROVE")
        recording = session.journal
        assert isinstance(recording, Recording)
        assert recording.approval is not None
        shutil.rmtree(recording.folder / recording.approval.folder)
        checks = Checks(settings)
        checks.start(session)
        await asyncio.sleep(0)
        assert checks.status == "testing 01-answer in a fresh container …"
        await ended(checks)
        await checks.close()
    assert checks.lines[0].startswith("01-answer was not checked: ")
    assert "no longer there" in checks.lines[0]
    assert kept(tmp_path).approvals[0].checked is None


async def test_nothing_runs_with_no_verify_or_before_anything_was_approved(tmp_path: Path) -> None:
    settings = load_settings({"workspace": str(tmp_path)}, {})
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        recording = session.journal
        assert isinstance(recording, Recording)
        checks = Checks(settings)
        checks.start(session)
        assert checks.status == ""
        await live(session, "Print the answer.", "APPROVE")
        checks = Checks(replace(settings, no_verify=True))
        checks.start(session)
        await checks.close()
        assert (checks.status, checks.lines) == ("", [])


async def test_a_check_that_is_stopped_leaves_nothing_to_say(tmp_path: Path) -> None:
    settings = load_settings({"workspace": str(tmp_path)}, {})
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        await live(session, "Print the answer.", "APPROVE")
        assert isinstance(session.journal, Recording)
        checks = Checks(settings)
        checks.start(session)
        await asyncio.sleep(0)
        await checks.close()
        assert (checks.status, checks.lines) == ("", [])
