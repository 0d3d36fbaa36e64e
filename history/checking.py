"""The check of an approved program in a real container, under the limits that it had."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing, suppress
from dataclasses import replace

from history.records import Approval, HistoryError, StoredSession
from history.redact import hider
from history.replay import Room, check
from history.store import DATABASE, Store
from sandbox.clean_room import open_clean_room
from utils.settings import Settings


async def check_approval(settings: Settings, session: StoredSession, approval: Approval, notify: Callable[[str], None]) -> Approval:
    """Run what was handed over in a fresh container of the same image, and return the approval with what was found.

    HistoryError if the files are gone, EngineError if there is no engine, image or package.
    """
    info = session.info
    network = str(info.facts.get("limits", {}).get("network", settings.network))
    there = replace(
        settings, image=info.image_digest or info.image, network="install" if network == "off" and session.packages else network
    )

    def open_room() -> AbstractAsyncContextManager[Room]:
        return open_clean_room(there, notify)

    return (await check(session, approval, settings.workspace / "sessions" / info.id, open_room))[0]


def keep_result(settings: Settings, session: str, approval: Approval) -> None:
    """Keep what a check has found, if the history can be written."""
    path, hide = settings.workspace / DATABASE, hider(settings.environment)
    with suppress(HistoryError), closing(Store.open(path, hide=hide)) as store:  # the result was shown
        store.add(session, [approval])
