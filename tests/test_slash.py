"""The slash commands, each of them before anything ran and after a run."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from pathlib import Path

import pytest

from cli.by_hand import run_by_hand
from cli.slash import COMMANDS, command_table, run_slash_command
from cli.state import RETRY
from history.records import SessionInfo
from sandbox.verdicts import Verdict
from tests.fakes import ListedRuns, WaitForCancel, program, ran
from tests.talks import Rehearsal, produced, rehearsal
from tests.views import HOSTILE, assert_plain
from utils.docker_utils import Limits
from utils.errors import EngineError
from utils.words import APPROVE, STOP

FIRST, SECOND = program("a = 1\nprint(a)"), program("a = 2\nprint(a)")
ONE = "a = 1\nprint(a)\n"
INSTALL_ONLY = "Programs have no network; only pip and npm do. To change that: /network off, /network install, or /network on"
NO_PROGRAM = "There is no program yet.\n"


async def type_into(session: Rehearsal, line: str) -> tuple[str | None, str]:
    """Type a command; return what it stands for, and what the user saw."""
    began = session.paper.tell()
    meant = await run_slash_command(session.state, line)
    return meant, session.paper.getvalue()[began:]


@pytest.mark.parametrize(
    ("line", "meant", "seen"),
    [
        ("/approve", APPROVE, ""),
        ("/stop", STOP, ""),
        ("/retry", RETRY, ""),
        ("/run", None, NO_PROGRAM),
        ("/code", None, NO_PROGRAM),
        ("/edit", None, NO_PROGRAM),
        ("/save x.py", None, NO_PROGRAM),
        ("/files", None, "No program has made a file yet.\n"),
        ("/open a", None, "No program has made a file yet.\n"),
        ("/diff", None, "No changes to show.\n"),
        ("/confirm", None, "Programs run without asking; you approve the result. /confirm on changes that.\n"),
        ("/confirm off", None, "Programs run without asking; you approve the result.\n"),
        ("/confirm on", None, "You will be asked before each run.\n"),
        ("/confirm perhaps", None, "Type /confirm on or /confirm off.\n"),
        ("/network perhaps", None, f"There is no mode perhaps. {INSTALL_ONLY}\n"),
        ("/network", None, f"{INSTALL_ONLY}\n"),
        ("/cost", None, "No tokens have been used yet.\n"),
        ("/new", None, "A fresh conversation. The container and its files stay.\n"),
        ("/exit", None, ""),
        ("  /HELP  ", None, None),
        ("/hlep", None, "There is no command /hlep. Did you mean /help?\n"),
        ("/aprove", None, "There is no command /aprove. Did you mean /approve?\n"),
        ("/zzz", None, "There is no command /zzz. /help lists the commands.\n"),
    ],
)
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "opening"])
async def test_before_anything_ran(line: str, meant: str | None, seen: str | None, is_open: bool) -> None:
    async with rehearsal([]) as session:
        if not is_open:
            session.state.session = None
        found, told = await type_into(session, line)
        assert found == meant
        assert seen is None or told == seen


@pytest.mark.parametrize("name", COMMANDS)
async def test_no_command_fails_while_the_session_opens(name: str) -> None:
    async with rehearsal([]) as session:
        session.state.session = None
        for line in (f"/{name}", f"/{name} x", f"/{name} on"):
            await type_into(session, line)


@pytest.mark.parametrize("usage", [usage for usage, _ in command_table() if " " not in usage])
async def test_a_command_without_an_argument_does_nothing_if_one_follows(usage: str) -> None:
    async with rehearsal([FIRST], ran("1\n"), typed=["APPROVE"]) as session:
        await session.converse("count")
        meant, seen = await type_into(session, f"{usage} but rename it")
        assert meant is None
        assert seen == f"{usage} takes nothing after it, so nothing was done. Type it alone, or leave out the slash to say something.\n"
        assert not session.state.prompt.leaving
        assert (await type_into(session, f"{usage}  "))[1] != seen


@pytest.mark.parametrize("text", ["/help", "?", "/", " Help "])
async def test_help_is_shown_however_it_is_asked_for(text: str) -> None:
    async with rehearsal([]) as session:
        typed, seen = await type_into(session, text)
        assert typed is None
        assert "/help " in seen


@pytest.mark.parametrize("text", ["/tmp/x should be used", "/etc/passwd", "/2", "no /help", "/help\nmore", "count"])
async def test_what_is_no_command_is_text(text: str) -> None:
    async with rehearsal([]) as session:
        assert await type_into(session, text) == (text, "")


async def test_help_names_every_command_with_its_docstring() -> None:
    async with rehearsal([]) as session:
        _, seen = await type_into(session, "/help")
        for usage, meaning in command_table():
            first, rest = (f"  {usage:<18} ", "") if len(usage) <= 18 else (f"  {usage}\n", " " * 21)
            assert f"{first}{rest}{meaning}\n" in seen
        assert {usage.split(" ")[0] for usage, _ in command_table()} == {f"/{name}" for name in COMMANDS}


async def test_copy_hands_the_program_to_a_terminal_that_takes_control_codes() -> None:
    async with rehearsal([FIRST], ran("1\n"), typed=["APPROVE"]) as session:
        await session.converse("count")
        assert "/save PATH" in (await type_into(session, "/copy"))[1]
        session.state.screen.control_codes = True
        _, seen = await type_into(session, "/copy")
        assert f"\x1b]52;c;{base64.b64encode(ONE.encode()).decode()}\x07" in seen
        assert "Copied" in seen


async def test_the_commands_after_a_run(tmp_path: Path) -> None:
    files = [produced(tmp_path, "table.txt")]
    async with rehearsal([FIRST, SECOND], ran("1\n"), ran("2\n"), ran("3\n"), typed=["again", "APPROVE"], files=files) as session:
        await session.converse("count")
        assert (await type_into(session, "/code"))[1] == "a = 2\nprint(a)\n"
        assert (await type_into(session, "/diff"))[1] == "\nChanges since the last attempt:\n@@ -1,2 +1,2 @@\n-a = 1\n+a = 2\n print(a)\n"
        assert (await type_into(session, "/files"))[1] == f"  new: table.txt (12 bytes) → {tmp_path}/table.txt\n"
        assert (await type_into(session, "/open nothing"))[1] == "No program has made a file nothing. Files: table.txt\n"
        assert (await type_into(session, "/cost"))[
            1
        ] == "22 tokens sent, 14 received · for the cost, set MODEL_PRICE_IN and MODEL_PRICE_OUT\n"
        session.state.resumed = SessionInfo("s", 0.0, "count")
        assert "22 tokens sent, 14 received in the whole session · for" in (await type_into(session, "/cost"))[1]
        seen = (await type_into(session, "/run"))[1]
        assert "│ 3\n✔ Finished" in seen
        assert session.ran[-1] == "a = 2\nprint(a)\n"
        assert len(session.asked) == 2  # the model is not asked for it


async def test_save_writes_the_program_and_never_over_a_file(tmp_path: Path) -> None:
    async with rehearsal([FIRST], typed=["APPROVE"]) as session:
        await session.converse("count")
        target = tmp_path / "kept program.py"
        assert (await type_into(session, f"/save {target}"))[1] == f"Saved as {target}.\n"
        assert target.read_text() == ONE
        target.write_text("mine")
        (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
        for refused in (target, tmp_path / "dangling", tmp_path, tmp_path / "no" / "folder"):
            seen = (await type_into(session, f"/save {refused}"))[1]
            assert seen.startswith(f"Not saved as {refused}: ")
        for impossible in ("~nobody-of-that-name/x", "a\x00b"):
            assert "Not saved as " in (await type_into(session, f"/save {impossible}"))[1]
        assert target.read_text() == "mine"
        assert not (tmp_path / "nowhere").exists()
        assert "/save PATH" in (await type_into(session, "/save"))[1]


async def test_edit_runs_the_changed_program_and_the_model_sees_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/1/7/")
    typed = ["/edit", "go on", "STOP"]
    async with rehearsal([FIRST, SECOND], ran("1\n"), ran("7\n"), typed=typed) as session:
        seen = await session.converse("count")
        assert session.ran[1] == "a = 7\nprint(a)\n"
        assert "│ 7\n✔ Finished" in seen
        note = session.asked[1][-1]
        assert note.endswith("\n\ngo on")
        assert "It ran: ok, exit code 0." in note
        assert "```python\na = 7\nprint(a)\n```" in note


async def test_undo_goes_back_one_program_after_the_other_and_the_model_learns_it() -> None:
    third = program("a = 3\nprint(a)")
    typed = ["more", "more", "/undo", "/undo", "/undo", "go on", "STOP"]
    async with rehearsal([FIRST, SECOND, third, FIRST], typed=typed) as session:
        seen = await session.converse("count")
        two = "a = 2\nprint(a)\n"
        assert session.ran[:5] == [ONE, two, "a = 3\nprint(a)\n", two, ONE]
        assert seen.count("This is the newest program again.") == 2
        assert seen.count("There is no earlier program in this task.") == 1
        note = session.asked[3][-1]
        assert "I went back to an earlier program; this is now the newest one. It ran: ok, exit code 0.\n```python\na = 1" in note
        assert note.endswith("\n\ngo on")


async def test_undo_without_an_earlier_program_runs_nothing() -> None:
    async with rehearsal([FIRST], typed=["/undo", "STOP"]) as session:
        assert "There is no earlier program in this task." in await session.converse("count")
        assert session.ran == [ONE]


async def test_the_model_learns_that_an_edited_program_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/1/7/")
    unrun = replace(ran("", Verdict.NOT_RUN, None), reason="six could not be installed")
    async with rehearsal([FIRST, SECOND], ran("1\n"), unrun, typed=["/edit", "go on", "STOP"]) as session:
        await session.converse("count")
        assert "It did not run: six could not be installed." in session.asked[1][-1]


async def test_an_edit_that_changes_nothing_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    async with rehearsal([FIRST], typed=["/edit", "STOP"]) as session:
        assert "The program is unchanged." in await session.converse("count")
        assert session.ran == [ONE]


async def test_a_run_by_hand_can_be_stopped_and_the_question_stays_open() -> None:
    async with rehearsal([FIRST], ran("1\n"), WaitForCancel(), typed=["/run", "APPROVE"]) as session:
        running = asyncio.ensure_future(session.converse("count"))
        while "still running" not in session.paper.getvalue():
            await asyncio.sleep(0.01)
        session.state.prompt._on_interrupt()
        seen = await asyncio.wait_for(running, 2)
        assert "Cancelled" in seen or "Stopped." in seen
        assert "✔ User approves result" in seen


async def test_after_a_run_by_hand_the_task_can_still_be_stopped() -> None:
    async with rehearsal([FIRST, SECOND], ran("1\n"), ran("1\n"), WaitForCancel(), typed=["/run", "again", "APPROVE"]) as session:
        running = asyncio.ensure_future(session.converse("count"))
        while "still running" not in session.paper.getvalue():
            await asyncio.sleep(0.01)
        session.state.prompt._on_interrupt()
        stops = session.session.is_stopped
        if not stops:
            running.cancel()
        assert stops
        assert "Stopped." in await asyncio.wait_for(running, 10)


async def test_a_run_by_hand_that_fails_is_the_last_run() -> None:
    async with rehearsal([FIRST], ran("1\n"), ran("no\n", Verdict.FAILED, 1), typed=["/run", "APPROVE"]) as session:
        assert "✘ Code executed in Docker, but it failed with exit code 1" in await session.converse("count")


async def test_new_forgets_the_conversation_but_not_inside_a_task() -> None:
    async with rehearsal([FIRST, SECOND], typed=["/new", "APPROVE", "APPROVE"]) as session:
        assert "End this task first: APPROVE or STOP." in await session.converse("count")
        session.session.notes.append("a note")
        await type_into(session, "/new")
        await session.converse("another")
        assert session.asked == [["count"], ["another"]]


async def test_exit_in_the_question_leaves_unapproved() -> None:
    async with rehearsal([FIRST], typed=["/exit"]) as session:
        seen = await session.converse("count")
        assert seen.endswith("Stopped.\n")
        assert session.state.prompt.leaving


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_nothing_that_is_typed_or_named_steers_the_terminal(hostile: str, tmp_path: Path) -> None:
    async with rehearsal([program(f"# {hostile}")], typed=["APPROVE"], files=[produced(tmp_path, hostile)]) as session:
        await session.converse("count")
        for line in ("/code", "/files", f"/open {hostile}", "/open x", f"/save {tmp_path}/no/{hostile}", f"/confirm {hostile}", "/diff"):
            await type_into(session, line)
        assert_plain(session.paper.getvalue())


async def test_a_run_by_hand_without_an_engine_shows_the_error() -> None:
    async with rehearsal([FIRST], ran("1\n"), EngineError("the engine is gone", "start it"), typed=["APPROVE"]) as session:
        await session.converse("count")
        began = session.paper.tell()
        assert session.session.record.newest is not None
        await run_by_hand(session.state, session.session.record.newest)
        assert session.paper.getvalue()[began:].endswith("error: the engine is gone\n  → start it\n")


class SwitchedNetwork(ListedRuns):
    """A container whose network is switched, or cannot be."""

    failure: Exception | None = None

    async def set_network(self, network: str) -> None:
        if self.failure is not None:
            raise self.failure
        self.limits = Limits(network=network)


async def test_the_network_is_switched_with_a_warning_and_the_model_learns_it() -> None:
    async with rehearsal([]) as session:
        sandbox = SwitchedNetwork()
        session.session.sandbox = sandbox
        for mode, seen, told, contract in (
            ("on", "local network", "may use", " · network on"),
            ("install", "only pip and npm do", "pip install", " · network for packages only"),
            ("off", "no network", "no network", " · no network"),
        ):
            began = session.paper.tell()
            assert await run_slash_command(session.state, f"/network {mode}") is None
            assert seen in session.paper.getvalue()[began:]
            assert told in session.session.notes[-1]
            assert (sandbox.limits.network, session.state.settings.network) == (mode, mode)
            assert session.state.contract().endswith(contract)


async def test_a_network_that_cannot_be_switched_stays_as_it_is() -> None:
    async with rehearsal([]) as session:
        sandbox = SwitchedNetwork()
        sandbox.failure = EngineError("attaching the network failed")
        session.session.sandbox = sandbox
        for typed in ("/network on", "/network", "/network maybe"):
            await run_slash_command(session.state, typed)
        assert "attaching the network failed" in session.paper.getvalue()
        assert session.paper.getvalue().count("To change that: /network off") == 2
        assert (session.state.settings.network, session.session.notes) == ("install", [])


async def test_the_settings_say_what_was_switched_at_the_prompt() -> None:
    async with rehearsal([], memory="1g") as session:
        session.session.sandbox = SwitchedNetwork()
        for typed in ("/network off", "/confirm on"):
            await type_into(session, typed)
        lines = (await type_into(session, "/settings"))[1].splitlines()
        assert "SANDBOX_NETWORK=off  (switched in this session)" in lines
        assert "CONFIRM_RUN=True  (switched in this session)" in lines
        assert any(line.startswith("SANDBOX_MEMORY=") for line in lines)
