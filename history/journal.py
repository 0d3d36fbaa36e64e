"""Writes a session down as it happens, on a thread of its own; a store that fails is said once and does not stop the session."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from history.records import Approval, Attempt, HistoryError, Message, ModelCall, SessionInfo, StoredFile, StoredPackage, StoredSession
from history.search import index
from history.store import Store

_SHOW_AFTER = 1.0  # seconds after which the user sees what the program waits for
_BUSY_AGAIN = 0.5  # seconds to wait for a lock that has been waited for in vain before
_INDEXED_AT_END = 3  # batches


class HistoryJournal:
    """Keeps one session. Each method returns once what it was given is on disk, or once it is known that it cannot be now.

    What could not be written is kept in memory, in order, and written with the next success.
    """

    def __init__(
        self, open_store: Callable[[], Store], info: SessionInfo, notice: Callable[[str], None], so_far: StoredSession | None = None
    ) -> None:
        """Take what opens the store (called in the thread), the session's row, where sentences go, and what a resumed session holds."""
        self._open_store = open_store
        self._notice = notice
        self._info = info
        self._store: Store | None = None
        self._pending: deque[Callable[[Store], None]] = deque()
        self._early: list[Callable[[Store], None]] = []
        self._begun = False
        self._failure = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seen = {message.id for message in so_far.messages if message.id} if so_far else set()
        self.messages = len(so_far.messages) if so_far else 0
        """How many messages there are."""
        self.attempts = so_far.attempts[-1].number if so_far and so_far.attempts else 0
        """The number of the newest program."""
        if so_far:
            self._begin(info)

    @property
    def session(self) -> str:
        """Return the session's ID."""
        return self._info.id

    def _begin(self, info: SessionInfo) -> None:
        self._begun = True
        self._pending += [lambda store: store.begin(info), *self._early]
        self._early.clear()

    async def wrote(self, messages: Sequence[Message]) -> None:
        """Keep messages that are not kept yet; a session begins to exist with its first."""
        new = [message for message in messages if not message.id or message.id not in self._seen]
        if not new:
            await self._write()  # whoever gave them first may still be waiting for the disk
            return
        self._seen |= {message.id for message in new}
        position, self.messages = self.messages, self.messages + len(new)
        if not self._begun:
            self._begin(replace(self._info, task=self._info.task or new[-1].own_words))
        await self._write(lambda store: store.add_messages(self.session, position, new))

    async def started(self, attempt: Attempt) -> Attempt:
        """Keep that a program is about to run, before it does; returns it with its number and place."""
        self.attempts += 1
        placed = replace(attempt, number=self.attempts, message=self.messages)
        await self._write(lambda store: store.start_attempt(self.session, placed))
        return placed

    async def finished(self, attempt: Attempt) -> None:
        """Keep a program's result."""
        await self._write(lambda store: store.finish_attempt(self.session, attempt))

    async def add(self, rows: Iterable[StoredFile | StoredPackage | Approval]) -> None:
        """Keep files, packages or approvals; what comes before the first message waits for it, which makes the session exist."""
        kept = tuple(rows)
        if not kept:
            return
        if self._begun:
            await self._write(lambda store: store.add(self.session, kept))
        else:
            self._early.append(lambda store: store.add(self.session, kept))

    async def called(self, call: ModelCall) -> None:
        """Keep what an answer of the model cost."""
        await self._write(lambda store: store.add_call(self.session, call))

    async def set(self, **values: str) -> None:
        """Set the session's `status` or `name`."""
        if self._begun:
            await self._write(lambda store: store.set(self.session, **values))

    async def prove(self, limits: Sequence[str]) -> None:
        """Keep which limits were seen in force."""
        self._info = replace(self._info, facts={**self._info.facts, "proven": list(limits)})
        await self._write(lambda store: store.set(self.session, facts=self._info.facts))

    async def close(self) -> None:
        """Write what is left, bring the search index up to date, and let go of the database."""
        if self._begun:
            await self._write(lambda store: store.set(self.session, owner=""))
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown()

    async def _write(self, *work: Callable[[Store], None]) -> None:
        self._pending.extend(work)
        self._loop = asyncio.get_running_loop()
        writing = self._loop.run_in_executor(self._thread, self._flush)
        done, _ = await asyncio.wait([writing], timeout=_SHOW_AFTER)
        if not done and not self._failure:
            self._notice("Waiting for the history's database, which another program is using.")
        failure = await asyncio.shield(writing)
        if failure != self._failure:
            self._tell(failure)

    def _tell(self, failure: str) -> None:
        if failure:
            self._notice(f"The history is not being kept: {failure}")
        else:
            self._notice("The history is being kept again; nothing is missing.")
        self._failure = failure

    def _flush(self) -> str:
        """Write everything that is waiting; returns why it cannot be, or ""."""
        try:
            if self._store is None:
                self._store = self._open_store()
            while self._pending:
                self._pending[0](self._store)
                self._pending.popleft()
        except HistoryError as error:
            if self._store is not None:
                self._store.wait_at_most(_BUSY_AGAIN)
            return f"{error.message} → {error.hint}" if error.hint else error.message
        return ""

    def _end(self) -> None:
        if self._store is not None:
            if not self._pending:
                index(self._store, _INDEXED_AT_END)
            self._store.close()
