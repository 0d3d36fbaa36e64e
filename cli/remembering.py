"""The slash commands about the history: this session's name, copies of it, its export, and the list of all sessions."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cli.state import ChatState
from history.records import HistoryError
from utils.text import sanitize

if TYPE_CHECKING:
    from history.recording import Recording

_LISTED = 15  # sessions
_NOTHING = "This session is still empty. Type a task first."


async def _rename(state: ChatState, argument: str) -> None:
    """NAME: give this session a name to find it by"""
    recording = _recording(state)
    if recording is not None:
        if argument:
            await recording.journal.set(name=argument)
            state.call_session(argument)
            state.notice(f"This session is now called {argument}.")
        else:
            state.notice("What should it be called? /rename NAME")


async def _fork(state: ChatState, argument: str) -> None:
    """[NAME]: keep a copy of this session as it is now, to go on from later"""
    from history.forking import fork_session
    from history.resuming import resume_line

    recording = _recording(state)
    if recording is not None:
        try:
            copy = await asyncio.to_thread(lambda: fork_session(state.settings, recording.stored(), argument))
            state.notice(f"Copied. To go on with the copy: {resume_line(copy.info.id)}")
        except HistoryError as error:
            state.notice(f"Not copied: {error.message}")


async def _export(state: ChatState, argument: str) -> None:
    """[FILE]: write this session to a file: .html (the default), .md, .ipynb or .json"""
    from history.export import FORMATS, export_text, free_name

    recording = _recording(state)
    if recording is None:
        return
    kind = Path(argument).suffix.lstrip(".") if argument else "html"
    if kind not in FORMATS:
        *first, last = FORMATS.values()
        state.notice(f"The file's name has to end in {', '.join(first)} or {last}.")
        return
    try:
        session = await asyncio.to_thread(recording.stored)
        path = Path(argument).expanduser() if argument else free_name(session.info, kind)
        # "x" never overwrites a file, and never follows a link to one.
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(await asyncio.to_thread(export_text, session, state.settings.workspace, kind))
        state.notice(f"Written to {path}.")
    except (HistoryError, OSError, RuntimeError) as error:
        state.notice(f"Not exported: {getattr(error, 'strerror', None) or error}. Name another file.")


async def _show_history(state: ChatState, argument: str) -> None:
    """[WORDS]: list the newest sessions, or those that contain the words"""
    from cli.output.sessions import nothing_found, session_lines
    from history.search import Found, search_sessions
    from history.store import DATABASE, Store

    def found() -> list[Found]:
        with closing(Store.read_only(state.settings.workspace / DATABASE)) as store:
            return search_sessions(store, argument.split(), _LISTED)

    try:
        lines = session_lines(await asyncio.to_thread(found), width=state.screen.width - 1 if state.screen.is_terminal else None)
    except HistoryError as error:
        state.show_error(error)
        return
    for line in lines or [nothing_found(argument.split())]:
        state.screen.print(sanitize(line))


def _recording(state: ChatState) -> Recording | None:
    """Return what keeps this session, or None, with a notice, if nothing is kept of it yet."""
    from history.recording import Recording

    journal = state.session.journal if state.session else None
    if isinstance(journal, Recording) and journal.journal.messages:
        return journal
    state.notice(_NOTHING)
    return None


HISTORY_COMMANDS = {"rename": _rename, "fork": _fork, "export": _export, "history": _show_history}
