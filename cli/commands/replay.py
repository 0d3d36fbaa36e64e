"""Approved programs run again in a fresh container, without a model or a key, and compared with what they did."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from cli.streams import print_out, tell
from history.records import Approval, HistoryError, StoredSession
from history.search import find_session, list_sessions
from history.store import DATABASE, Store
from utils.errors import AppError, ExitStatus, UsageError
from utils.settings import Settings


def replay(settings: Settings, words: Sequence[str], *, every: bool, as_json: bool) -> ExitStatus:
    """Run the approved programs of a session, or of all, again; NOT_DONE if one of them did something else. Raises AppError."""
    with closing(Store.read_only(settings.workspace / DATABASE)) as store:
        if not every and not words:
            raise UsageError("which session? replay ID, or replay --all", "`python main.py history` lists them", kind="usage")
        infos = list_sessions(store) if every else [find_session(store, " ".join(words))]
        sessions = [store.read(info.id) for info in infos]
    work = [(session, approval) for session in sessions for approval in session.approvals]
    if not work and not every:
        raise AppError("this session has no approved program", "a program is kept once you type APPROVE", kind="history")
    results = asyncio.run(_replay_all(settings, work, quiet=as_json))
    if as_json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return ExitStatus.DONE if all(result["reproduced"] for result in results) else ExitStatus.NOT_DONE


async def _replay_all(settings: Settings, work: Sequence[tuple[StoredSession, Approval]], *, quiet: bool) -> list[dict[str, Any]]:
    from history.replay import check_approval, keep_result

    results = []
    for session, approval in work:
        found: dict[str, Any]
        try:
            checked = await check_approval(settings, session, approval, tell)
            found = dict(checked.result)
            keep_result(settings, session.info.id, checked)
        except HistoryError as error:
            found = {"reproduced": False, "differences": [error.message]}
        results.append({"session": session.info.id, "program": approval.folder, **found})
        if not quiet:
            _print(results[-1])
    return results


def _print(result: dict[str, Any]) -> None:
    sign = "✔" if result["reproduced"] else "✘"
    said = "reproduced" if result["reproduced"] else "not the same as when it was approved:"
    print_out(f"{sign} {result['session']} {result['program'].rpartition('/')[2]}: {said}")
    for difference in result["differences"]:
        print_out(f"    {difference}")
