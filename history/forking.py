"""Copies a session, rows and files, under an ID of its own."""

from __future__ import annotations

import shutil
import time
from contextlib import closing

from history.records import SessionInfo, StoredSession
from history.redact import hider
from history.store import DATABASE, Store
from sandbox.opening import make_session_folder
from utils.settings import Settings


def fork_session(settings: Settings, stored: StoredSession, name: str = "") -> StoredSession:
    """Return a copy of the session that can go on by itself; what was approved before stays with the first. Raises HistoryError."""
    folder = make_session_folder(settings.workspace)
    source = settings.workspace / "sessions" / stored.info.id
    for file in stored.files:
        for part in (file.name, f"added/{file.name}"):
            if (source / part).is_file() and not (source / part).is_symlink():
                (folder / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / part, folder / part)
    with closing(Store.open(settings.workspace / DATABASE, hide=hider(settings.environment))) as store:
        store.fork(stored.info.id, SessionInfo(folder.name, time.time(), stored.info.task, name=name))
        return store.read(folder.name)
