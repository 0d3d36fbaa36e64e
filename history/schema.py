"""Opens the database, brings it to the newest form, and never writes over one that it cannot read."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from history.records import HistoryError
from utils.free_path import free_path

BUSY_SECONDS = 10.0
"""How long a locked database is waited for."""

_VERSION_1 = (
    """CREATE TABLE session (
        id TEXT PRIMARY KEY, started REAL NOT NULL, updated REAL NOT NULL, task TEXT NOT NULL, status TEXT NOT NULL,
        provider TEXT NOT NULL, model TEXT NOT NULL, image TEXT NOT NULL, image_digest TEXT NOT NULL, facts TEXT NOT NULL,
        owner TEXT NOT NULL, turns INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,
        prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0, cost REAL)""",
    "CREATE INDEX session_by_time ON session (updated)",
    # Numbers are never used twice, because the search index knows rows by them.
    """CREATE TABLE message (
        number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, position INTEGER NOT NULL,
        id TEXT NOT NULL, at REAL NOT NULL, source TEXT NOT NULL, content TEXT NOT NULL, metadata TEXT NOT NULL,
        UNIQUE (session, position))""",
    """CREATE TABLE attempt (
        row INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, number INTEGER NOT NULL,
        message INTEGER NOT NULL, language TEXT NOT NULL, code TEXT NOT NULL, started REAL NOT NULL, finished REAL,
        verdict TEXT NOT NULL, exit_code INTEGER, seconds REAL NOT NULL, output TEXT NOT NULL, cut INTEGER NOT NULL,
        file_name TEXT NOT NULL, UNIQUE (session, number))""",
    """CREATE TABLE file (
        session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL,
        attempt INTEGER NOT NULL, added INTEGER NOT NULL, PRIMARY KEY (session, name))""",
    """CREATE TABLE package (
        session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, name TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
        requested INTEGER NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (session, name))""",
    """CREATE TABLE call (
        session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, message INTEGER NOT NULL, at REAL NOT NULL, model TEXT NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost REAL, seconds REAL NOT NULL)""",
    "CREATE INDEX call_by_session ON call (session)",
    "CREATE TABLE unindexed (id INTEGER PRIMARY KEY)",  # rows that the search index does not hold yet: see history/search.py
)
_VERSION_2 = (
    "ALTER TABLE session ADD COLUMN name TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE session ADD COLUMN parent TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE attempt ADD COLUMN given TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE attempt ADD COLUMN said TEXT NOT NULL DEFAULT '{}'",
    """CREATE TABLE approval (
        session TEXT NOT NULL REFERENCES session ON DELETE CASCADE, number INTEGER NOT NULL, folder TEXT NOT NULL, attempts TEXT NOT NULL,
        at REAL NOT NULL, checked REAL, result TEXT NOT NULL, PRIMARY KEY (session, number))""",
)
MIGRATIONS: Sequence[Sequence[str]] = (_VERSION_1, _VERSION_2)
"""What brings a database from each version to the next. Add to the end; never change what is there."""


def open_database(
    path: Path, notice: Callable[[str], None], migrations: Sequence[Sequence[str]] = MIGRATIONS, busy: float = BUSY_SECONDS
) -> sqlite3.Connection:
    """Open the database for writing, making or migrating it; HistoryError if that cannot be done now.

    A damaged one is renamed, and one of a newer version is left alone: in both cases another file is used, with a notice.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            connection = _open(path, migrations, busy)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            _set_aside(path, notice)
            connection = _open(path, migrations, busy)
    except (sqlite3.Error, OSError) as error:
        raise cannot(path, error) from error
    if connection is not None:
        return connection
    ours = _ours(path)
    notice(f"{path.name} was written by a newer version of this program and is left alone; using {ours.name} instead.")
    return open_database(ours, notice, migrations, busy)


def read_database(path: Path, busy: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the newest database that this version can read, without changing anything; HistoryError if there is none or it is damaged."""
    path = _ours(path) if _ours(path).is_file() and not path.is_file() else path
    if not path.is_file():
        raise HistoryError("there is no history yet", "start a session with `python main.py`")
    try:
        connection = connect(path, busy, read_only=True)
        try:
            version = _version(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise cannot(path, error) from error
    if version == len(MIGRATIONS):
        return connection
    connection.close()
    if version < len(MIGRATIONS):
        return open_database(path, lambda text: None, busy=busy)
    if _ours(path).is_file():
        return read_database(_ours(path), busy)
    raise HistoryError(f"{path} was written by a newer version of this program", "update this program to read it")


def cannot(path: Path, error: Exception) -> HistoryError:
    """Return the error of SQLite or of the system as a sentence with a remedy."""
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return HistoryError(f"{path} is locked by another program", "close that program; messages are kept as soon as it lets go")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return HistoryError(f"{path} is damaged: {error}", "the next session sets it aside under another name; restore it from a backup")
    if "full" in text or getattr(error, "errno", None) == 28:
        return HistoryError(f"{path} cannot be written: the disk is full", "free some space; messages are kept as soon as there is room")
    if "readonly" in text or "unable to open" in text or isinstance(error, OSError):
        why = getattr(error, "strerror", None) or "the folder or the file is read-only"
        return HistoryError(f"{path} cannot be written: {why}", "set WORKSPACE to a folder that you can write to")
    return HistoryError(f"{path} cannot be used: {error}", "see `python main.py doctor`")


def connect(path: Path, busy: float = BUSY_SECONDS, *, read_only: bool = False) -> sqlite3.Connection:
    """Connect without looking at what the database holds; every transaction is begun by the caller."""
    if not read_only and not path.exists():
        # SQLite gives the journal beside it the same permissions. Only a new file is opened by us: closing one that this process
        # has open already would let go of SQLite's locks.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # A reader, too, must be able to undo what a process left half written when it was killed: it gives up writing only afterwards.
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    uri = f"{path.absolute().as_uri()}?mode={'rw' if writable or not read_only else 'ro'}"
    connection = sqlite3.connect(uri, timeout=busy, isolation_level=None, uri=True)
    try:
        # The default journal: WAL loses committed rows in versions before 3.51.3, and does not work on network folders.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _open(path: Path, migrations: Sequence[Sequence[str]], busy: float) -> sqlite3.Connection | None:
    """Open the database and bring it to the newest version; None if it is newer than that."""
    connection = connect(path, busy)
    try:
        version = _version(connection)
        if version < len(migrations):
            _migrate(connection, migrations)
        if version <= len(migrations):
            connection.execute("SELECT id FROM session LIMIT 1").fetchone()
            return connection
    except BaseException:
        connection.close()
        raise
    connection.close()
    return None


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """Bring the database to the newest version in one transaction, after a copy of it was made; whoever comes first does it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if 0 < version < len(migrations):
            _copy(connection, version)
        for steps in migrations[version:]:
            for step in steps:
                connection.execute(step)
        connection.execute(f"PRAGMA user_version = {max(version, len(migrations))}")
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _copy(connection: sqlite3.Connection, version: int) -> None:
    # By a second connection, never by opening the file: see connect.
    path = Path(str(connection.execute("PRAGMA database_list").fetchone()[2]))
    copy = free_path(path.with_name(f"{path.name}.version-{version}"))
    with closing(connect(path, read_only=True)) as source, closing(connect(copy)) as target:
        source.backup(target)


def _set_aside(path: Path, notice: Callable[[str], None]) -> None:
    aside = free_path(path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"))
    path.rename(aside)
    with suppress(FileNotFoundError):
        _journal(path).rename(_journal(aside))
    notice(f"{path.name} is damaged. It was renamed to {aside.name}, and a new history begins.")


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _ours(path: Path) -> Path:
    return path.with_name(f"{path.stem}-v{len(MIGRATIONS)}{path.suffix}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
