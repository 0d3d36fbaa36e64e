"""A session of an earlier process goes on: chosen by its ID, its name or words, from a list, or the newest."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from cli.streams import tell
from cli.wiring import Wiring
from history.records import HistoryError, StoredSession
from history.search import find_session, search_sessions
from history.store import DATABASE, Store
from utils.errors import ExitStatus
from utils.setting_sources import Source
from utils.settings import Settings

_MOST = 200  # sessions in the picker


def resume(
    settings: Settings, wiring: Wiring, words: Sequence[str], choose_model: Callable[[], Settings], *, fork: bool = False
) -> ExitStatus:
    """Go on with a session and return the exit status; `choose_model` returns settings that name a model. Raises AppError."""
    stored = _chosen(settings, words)
    if stored is None:
        return ExitStatus.DONE
    # These import AutoGen and the engine's client: the list of sessions does not wait for that.
    from cli.commands.chat import chat
    from history.forking import fork_session
    from history.removal import open_elsewhere

    if fork:
        stored = fork_session(settings, stored)
    elif open_elsewhere(stored):
        raise HistoryError(f"the session {stored.info.id} is open in another process", "leave it there first, or add --fork")
    settings = choose_model()
    if settings.source("SANDBOX_IMAGE") is Source.DEFAULT and stored.info.image:
        settings = replace(settings, image=stored.info.image)
    return asyncio.run(chat(settings, wiring, None, resumed=stored))


def _chosen(settings: Settings, words: Sequence[str]) -> StoredSession | None:
    with closing(Store.read_only(settings.workspace / DATABASE)) as store:
        asked = " ".join(words)
        if not asked and sys.stdin.isatty() and sys.stdout.isatty():
            from cli.input.picker import pick

            picked = pick(search_sessions(store, [], _MOST), lambda session: store.read(session))
            return store.read(picked) if picked else None
        try:
            return store.read(find_session(store, asked or "last").id)
        except HistoryError as error:
            found = search_sessions(store, words) if words and "any of" not in error.message else []
            if not found:
                raise
            if len(found) > 1:
                tell(f"{len(found)} sessions contain these words; continuing the newest, {found[0].info.id}.")
            return store.read(found[0].info.id)
