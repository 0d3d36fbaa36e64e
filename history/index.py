"""The page of a batch: a table of its tasks, each with a link to the report of its session."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from history.records import HistoryError
from history.report import render_report, template
from history.store import DATABASE, Store
from utils.text import counted, one_line

INDEX = "index.html"
_SESSION = re.compile(r"[\w-]{1,80}")
_LONGEST_TASK = 200  # characters


@dataclass(frozen=True)
class Row:
    """One task as the table shows it; `page` is the name of its report's file, empty if there is none."""

    id: str
    task: str
    status: str
    attempts: int
    seconds: str
    tokens: str
    error: str
    page: str


def write_index(read: Callable[[], Iterable[Mapping[str, Any]]], folder: Path, workspace: Path) -> Path:
    """Write the table and a report for each result into the folder, one after the other; return the table's path. Raises OSError.

    `read` gives the results, and is called twice. A result whose session is not in the history, for it ran on another machine, has a
    row and no report.
    """
    folder.mkdir(parents=True, exist_ok=True)
    statuses = Counter(str(result["status"]) for result in read())
    with ExitStack() as stack:
        store = None
        with suppress(HistoryError):
            store = stack.enter_context(closing(Store.read_only(workspace / DATABASE)))
        stream = template("index.html.j2").stream(
            title=counted(statuses.total(), "task"),
            date=time.strftime("%d %B %Y, %H:%M"),
            statuses=sorted(statuses.items()),
            rows=_rows(read(), folder, store, workspace / "sessions"),
        )
        page = stack.enter_context((folder / INDEX).open("w", encoding="utf-8", errors="replace"))
        page.writelines(stream)
    return folder / INDEX


def _rows(results: Iterable[Mapping[str, Any]], folder: Path, store: Store | None, sessions: Path) -> Iterator[Row]:
    for result in results:
        usage, error = result.get("usage") or {}, result.get("error") or {}
        yield Row(
            str(result["id"]),
            one_line(str(result.get("task")), _LONGEST_TASK),
            str(result["status"]),
            len(result.get("attempts") or ()),
            f"{result.get('seconds') or 0:.1f}",
            f"{usage.get('prompt_tokens', 0) + usage.get('completion_tokens', 0):,}",
            str(error.get("message") or ""),
            _write_report(str(result.get("session") or ""), folder, store, sessions),
        )


def _write_report(session: str, folder: Path, store: Store | None, sessions: Path) -> str:
    name = f"{session}.html"
    if store is None or not _SESSION.fullmatch(session):
        return ""
    if (folder / name).exists():
        return name
    try:
        stored = store.read(session)
    except HistoryError:
        return ""
    (folder / name).write_text(render_report(stored, sessions / session), "utf-8", errors="replace")
    return name
