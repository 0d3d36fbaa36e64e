"""Deletes sessions, rows and folders, but none that a process has open."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from history.records import HistoryError, StoredSession
from history.search import delete_session, list_sessions
from history.store import Store
from sandbox.engine.leftovers import is_dead
from utils.owner import owner


def open_elsewhere(stored: StoredSession) -> bool:
    """Whether another process that still runs has the session open."""
    return bool(stored.info.owner) and stored.info.owner != owner() and not is_dead(stored.info.owner)


def remove_session(store: Store, workspace: Path, session: str) -> None:
    """Delete a session and its folder; HistoryError if it is open."""
    stored = store.read(session)
    if open_elsewhere(stored):
        raise HistoryError(f"the session {session} is open in another process", "leave it there first")
    delete_session(store, session)
    folder = workspace / "sessions" / session
    if folder.parent == workspace / "sessions" and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)


def remove_older(store: Store, workspace: Path, days: float) -> list[str]:
    """Delete the sessions that nothing was written to for so many days; return their IDs."""
    old = list_sessions(store, before=time.time() - days * 86400)
    removed = []
    for info in old:
        try:
            remove_session(store, workspace, info.id)
        except HistoryError:
            continue  # it is open, or cannot be read
        removed.append(info.id)
    return removed
