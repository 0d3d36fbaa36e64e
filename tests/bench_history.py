"""Measures the store with 10,000 sessions: a message, the list, a search: `python -m tests.bench_history`."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from history.journal import HistoryJournal
from history.records import Message
from history.schema import open_database
from history.search import index, list_sessions, search_sessions
from history.store import Store
from tests.histories import fill, info, whole_session

SESSIONS = 10_000
ROUNDS = 7
TARGETS = {"a message": 0.005, "history": 0.15, "search": 0.3}  # seconds
WORDS = (["xylophone"], ["factorial"], ["function", "forgot"], ["print("])


class _OneTransaction(Store):
    """A store whose writes are all part of one transaction, begun and ended by its owner."""

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        yield self.connection


def fill_database(path: Path) -> None:
    """Make a database of 10,000 sessions, each of seven messages and two programs, with the search index up to date."""
    store: Store = _OneTransaction(open_database(path, print), path)
    store.connection.execute("BEGIN IMMEDIATE")
    kept = fill(store, whole_session("20000101-000000-0000"))
    for number in range(SESSIONS - 1):
        session = f"20260101-{number:06}-{number:04x}"
        word = "xylophone" if number == 4711 else "ordinary"
        messages = [replace(message, content=f"{message.content} {word} {number}\n" + "words of prose. " * 60) for message in kept.messages]
        store.begin(info(session, started=float(number), task=f"{word} task {number}"))
        store.add_messages(session, 0, messages)
        for attempt in kept.attempts:
            store.start_attempt(session, attempt)
            store.finish_attempt(session, attempt)
        for call in kept.calls:
            store.add_call(session, call)
    store.connection.execute("COMMIT")
    store.close()
    store = Store.open(path, print)
    index(store, SESSIONS)
    store.close()


def measure(work: Callable[[], object]) -> float:
    """Return the median of some rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


async def measure_messages(path: Path) -> float:
    """Return what a message of 2 kB costs the session that waits for it, in seconds."""
    journal = HistoryJournal(lambda: Store.open(path, print), info("bench"), print)
    times = []
    for number in range(200):
        start = time.perf_counter()
        await journal.wrote([Message("user", "x" * 2000, str(number))])
        times.append(time.perf_counter() - start)
    await journal.close()
    return statistics.median(times)


def main() -> int:
    """Print the figures; 1 if a target is missed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.db"
        fill_database(path)
        print(f"{SESSIONS} sessions, {path.stat().st_size / 1e6:.0f} MB (medians)\n")
        figures = {"a message": asyncio.run(measure_messages(path)), "history": measure(lambda: _list(path))}
        for words in WORDS:
            figures[f"search {' '.join(words)}"] = measure(lambda words=words: _search(path, words))  # type: ignore[misc]
    missed = 0
    for name, seconds in figures.items():
        target = next(limit for start, limit in TARGETS.items() if name.startswith(start))
        missed += seconds > target
        print(f"{name:<28}{seconds * 1000:8.1f} ms of {target * 1000:.0f}")
    return 1 if missed else 0


def _list(path: Path) -> None:
    store = Store.read_only(path)
    list_sessions(store)
    store.close()


def _search(path: Path, words: list[str]) -> None:
    store = Store.read_only(path)
    search_sessions(store, words)
    store.close()


if __name__ == "__main__":
    sys.exit(main())
