"""The store: every session's messages, programs, files, packages and costs in one SQLite database."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from history.records import (
    Approval,
    Attempt,
    HistoryError,
    Message,
    ModelCall,
    SessionInfo,
    StoredFile,
    StoredPackage,
    StoredSession,
)
from history.schema import BUSY_SECONDS, cannot, open_database, read_database

DATABASE = "history.db"
"""The file of the store, in the workspace."""
MOST_OUTPUT = 1024 * 1024
"""Characters of one program's output that are kept."""

Row = TypeVar("Row", SessionInfo, Message, Attempt, StoredFile, StoredPackage, ModelCall, Approval)
_TABLES: Mapping[type, str] = {
    **{SessionInfo: "session", Message: "message", Attempt: "attempt", StoredFile: "file"},
    **{StoredPackage: "package", ModelCall: "call", Approval: "approval"},
}
_ORDER: Mapping[type, str] = {
    **{Message: "position", Attempt: "number", StoredFile: "name", StoredPackage: "name", ModelCall: "rowid", Approval: "number"},
}


class Store:
    """One connection to the database, for one thread; every method is one transaction, and raises HistoryError if it fails."""

    def __init__(self, connection: sqlite3.Connection, path: Path, hide: Callable[[str], str] = str) -> None:
        """Take a connection as history/schema.py opens it, and what takes secrets out of every text before it is stored."""
        self.connection = connection
        self.path = path
        self._hide = hide

    @classmethod
    def open(
        cls, path: Path, notice: Callable[[str], None] = lambda text: None, hide: Callable[[str], str] = str, busy: float = BUSY_SECONDS
    ) -> Store:
        """Open the store for writing; `notice` gets a sentence if the file had to be replaced."""
        return cls(open_database(path, notice, busy=busy), path, hide)

    @classmethod
    def read_only(cls, path: Path) -> Store:
        """Open the store for reading."""
        return cls(read_database(path), path)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than this for a database that another process has locked."""
        self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do everything inside, or nothing of it."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise cannot(self.path, error) from error

    # --- What a session writes ------------------------------------------------------------------------------------------------

    def begin(self, info: SessionInfo) -> None:
        """Add a session, or take over the row of one that is resumed."""
        with self.transaction():
            known = self.connection.execute("SELECT 1 FROM session WHERE id = ?", (info.id,)).fetchone()
            if known:
                names = ("owner", "model", "provider", "image", "image_digest", "facts")
                self._update(info.id, **{name: getattr(info, name) for name in names})
            else:
                self._insert(info)

    def add_messages(self, session: str, position: int, messages: Sequence[Message]) -> None:
        """Add messages, the first of them at the position (0 for the first of the session)."""
        with self.transaction():
            place = self.connection.execute("SELECT COUNT(*) FROM message WHERE session = ?", (session,)).fetchone()[0]
            if place != position:
                raise HistoryError(f"another process has written to the session {session}", "leave one of the two, and resume the session")
            self._insert_messages(session, position, messages)
            self._update(session, turns=position + len(messages))

    def start_attempt(self, session: str, attempt: Attempt) -> None:
        """Add a program that is about to run."""
        with self.transaction():
            self._insert(attempt, session=session)
            self._update(session, attempts=attempt.number)

    def finish_attempt(self, session: str, attempt: Attempt) -> None:
        """Keep the result of a program that was started, with at most MOST_OUTPUT characters of its output."""
        if len(attempt.output) > MOST_OUTPUT:
            cut = len(attempt.output) - MOST_OUTPUT
            attempt = replace(attempt, output=attempt.output[:MOST_OUTPUT], cut=attempt.cut + cut)
        values = {name: value for name, value in self._values(attempt).items() if name not in ("number", "message", "started")}
        with self.transaction():
            where = "session = :session AND number = :number"
            self.connection.execute(
                f"UPDATE attempt SET {', '.join(f'{name} = :{name}' for name in values)} WHERE {where}",
                {**values, "session": session, "number": attempt.number},
            )
            rows = self.connection.execute(f"SELECT row FROM attempt WHERE {where}", {"session": session, "number": attempt.number})
            self.connection.executemany("INSERT OR IGNORE INTO unindexed (id) VALUES (?)", [(row * 2 + 1,) for (row,) in rows])
            self._update(session)

    def add(self, session: str, rows: Iterable[StoredFile | StoredPackage | Approval]) -> None:
        """Add files, packages or approvals, each in place of the one of the same name or number."""
        with self.transaction():
            for row in rows:
                self._insert(row, verb="INSERT OR REPLACE", session=session)
            self._update(session)

    def add_call(self, session: str, call: ModelCall) -> None:
        """Add what an answer of the model cost."""
        with self.transaction():
            self._insert(call, session=session)
            self.connection.execute(
                """UPDATE session SET prompt_tokens = prompt_tokens + :sent, completion_tokens = completion_tokens + :received,
                cost = CASE WHEN :cost IS NULL THEN cost ELSE COALESCE(cost, 0) + :cost END WHERE id = :id""",
                {"sent": call.prompt_tokens, "received": call.completion_tokens, "cost": call.cost, "id": session},
            )
            self._update(session)

    def set(self, session: str, **values: object) -> None:
        """Set columns of a session's row: `status`, `name`, `owner` or `facts`."""
        with self.transaction():
            self._update(session, **values)

    def fork(self, session: str, new: SessionInfo) -> None:
        """Copy a session under the id, start and owner of the new one, which names the first as its parent."""
        old = self.read(session)
        info = replace(old.info, id=new.id, started=new.started, updated=new.started, owner=new.owner, name=new.name, parent=session)
        with self.transaction():
            self._insert(info)
            self._insert_messages(new.id, 0, old.messages)
            for part in (*old.attempts, *old.files, *old.packages, *old.calls):
                self._insert(part, session=new.id)

    # --- What a reader reads --------------------------------------------------------------------------------------------------

    def read(self, session: str) -> StoredSession:
        """Return everything that is kept of the session; HistoryError if there is no such session or it cannot be read."""
        try:
            info = next(self._select(SessionInfo, "WHERE id = ?", session), None)
            if info is None:
                raise HistoryError(f"there is no session {session}", "`python main.py history` lists them")
            return StoredSession(
                info,
                tuple(self._of(Message, session)),
                tuple(self._of(Attempt, session)),
                tuple(self._of(StoredFile, session)),
                tuple(self._of(StoredPackage, session)),
                tuple(self._of(ModelCall, session)),
                tuple(self._of(Approval, session)),
            )
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise HistoryError(f"the session {session} cannot be read: {error}", "the others can: `python main.py history`") from error

    def _of(self, kind: type[Row], session: str) -> Iterator[Row]:
        return self._select(kind, f"WHERE session = ? ORDER BY {_ORDER[kind]}", session)

    def _select(self, kind: type[Row], rest: str, *values: object) -> Iterator[Row]:
        names = [field.name for field in fields(kind)]
        rows = self.connection.execute(f"SELECT {', '.join(names)} FROM {_TABLES[kind]} {rest}", values)
        for row in rows:
            yield kind(**{name: _loaded(name, value) for name, value in zip(names, row, strict=True)})

    # --- Rows -----------------------------------------------------------------------------------------------------------------

    def _insert_messages(self, session: str, position: int, messages: Sequence[Message]) -> None:
        for place, message in enumerate(messages, position):
            row = self._insert(message, session=session, position=place)
            self.connection.execute("INSERT INTO unindexed (id) VALUES (?)", (row * 2,))

    def _insert(self, row: Any, verb: str = "INSERT", **more: object) -> int:
        values = {**self._values(row), **more}
        names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
        return self.connection.execute(f"{verb} INTO {_TABLES[type(row)]} ({names}) VALUES ({places})", values).lastrowid or 0

    def _update(self, session: str, **values: object) -> None:
        values = {"updated": time.time(), **{name: self._stored(value) for name, value in values.items()}}
        columns = ", ".join(f"{name} = :{name}" for name in values)
        self.connection.execute(f"UPDATE session SET {columns} WHERE id = :session", {**values, "session": session})

    def _values(self, row: Any) -> dict[str, Any]:
        return {field.name: self._stored(getattr(row, field.name)) for field in fields(row)}

    def _stored(self, value: Any) -> Any:
        if isinstance(value, str):
            # Half a surrogate pair cannot be stored.
            return self._hide(value).encode("utf-8", "replace").decode()
        return value if isinstance(value, int | float | None) else json.dumps(self._inside(value), ensure_ascii=False)

    def _inside(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(self._stored(str(name))): self._inside(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._inside(each) for each in value]
        return self._stored(value) if isinstance(value, str) else value


def _loaded(name: str, value: Any) -> Any:
    if name in ("facts", "metadata", "result", "said"):
        return json.loads(value)
    if name == "given":
        return tuple((str(each), str(text)) for each, text in json.loads(value))
    if name == "attempts" and isinstance(value, str):
        return tuple(json.loads(value))
    return bool(value) if name in ("added", "requested") else value
