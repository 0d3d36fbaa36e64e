"""Finds sessions: the list, words in tasks, prose, programs and outputs, and what an ID may be shortened to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from history.records import UNREADABLE, HistoryError, SessionInfo
from history.store import Store

_BATCH = 1000  # rows that are indexed in one transaction
_LIST = "SELECT {columns} FROM session {where} ORDER BY updated DESC, id DESC LIMIT :most"
_COLUMNS = (
    *("id", "started", "task", "updated", "status", "name", "parent", "model", "owner", "turns", "attempts"),
    *("prompt_tokens", "completion_tokens", "cost"),
)
_TEXTS = """SELECT number * 2 AS id, session, content AS text FROM message UNION ALL
    SELECT row * 2 + 1, session, code || char(10) || output FROM attempt WHERE finished IS NOT NULL"""
# FTS5 takes a run of these scripts for one word, so that a part of it is found only by LIKE.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
_AROUND = 40  # characters of a snippet on each side of the word


@dataclass(frozen=True)
class Found:
    """A session that holds all words, and a line around the first of them."""

    info: SessionInfo
    snippet: str = ""


def list_sessions(store: Store, most: int = -1, *, before: float | None = None) -> list[SessionInfo]:
    """Return the sessions, the newest first: at most so many, if `most` is not negative, and only those untouched since `before`."""
    where = "WHERE updated < :before" if before is not None else ""
    return _rows(store, where, {"most": most, "before": before})


def search_sessions(store: Store, words: Sequence[str], most: int = 20) -> list[Found]:
    """Return the newest sessions that hold all of the words, in any place and in any order."""
    wanted = [word for word in words if word.strip()]
    if not wanted:
        return [Found(info) for info in list_sessions(store, most)]
    sessions: set[str] | None = None
    for word in wanted:
        found = _sessions_with(store.connection, word)
        sessions = found if sessions is None else sessions & found
    infos = [info for info in list_sessions(store) if info.id in (sessions or ())][:most]
    return [Found(info, _snippet(store.connection, info.id, wanted[0])) for info in infos]


def find_session(store: Store, name: str) -> SessionInfo:
    """Return the session with the ID (which may be shortened), with the name, or the newest for "last"; HistoryError if not exactly one."""
    infos = list_sessions(store)
    if name == "last" and infos:
        return infos[0]
    for matching in (
        [info for info in infos if info.id == name],
        [info for info in infos if info.name and info.name.casefold() == name.casefold()],
        [info for info in infos if name and (info.id.startswith(name) or info.id.rpartition("-")[2].startswith(name))],
    ):
        if len(matching) == 1:
            return matching[0]
        if matching:
            several = ", ".join(info.id for info in matching[:5])
            raise HistoryError(f"{name} could be any of {len(matching)} sessions: {several}", "add more of the ID")
    raise HistoryError(f"there is no session {name}", "`python main.py history` lists them")


def index(store: Store, batches: int = 10) -> None:
    """Bring the search index up to date, so many batches at most; without FTS5 there is none, and search looks at every row."""
    with suppress(HistoryError), store.transaction() as connection:
        connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='', tokenize='unicode61')")
    for _ in range(batches):
        try:
            with store.transaction() as connection:
                rows = connection.execute(f"SELECT id, text FROM ({_unindexed(_BATCH)})").fetchall()
                connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", rows)
                connection.execute(f"DELETE FROM unindexed WHERE id IN (SELECT id FROM unindexed ORDER BY id LIMIT {_BATCH})")
        except HistoryError:  # no FTS5, or no room: the rows stay on the list of those to be looked at
            return
        if len(rows) < _BATCH:
            return


def delete_session(store: Store, session: str) -> None:
    """Delete the session's rows, and its words from the search index; nothing of them stays in the file."""
    with store.transaction() as connection:
        if _has_index(connection):
            rows = connection.execute(
                f"SELECT id, text FROM ({_TEXTS}) WHERE session = ? AND id NOT IN (SELECT id FROM unindexed)", (session,)
            ).fetchall()
            connection.executemany("INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", rows)
            if rows:
                connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        connection.execute(f"DELETE FROM unindexed WHERE id IN (SELECT id FROM ({_TEXTS}) WHERE session = ?)", (session,))
        connection.execute("DELETE FROM session WHERE id = ?", (session,))


def _rows(store: Store, where: str, values: dict[str, object]) -> list[SessionInfo]:
    select = _LIST.format(columns=", ".join(_COLUMNS), where=where)
    try:
        rows = store.connection.execute(select, values).fetchall()
    except sqlite3.Error as error:
        return _rows_one_by_one(store, error)
    return [SessionInfo(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _rows_one_by_one(store: Store, error: sqlite3.Error) -> list[SessionInfo]:
    """Return what can be read if a part of the file is damaged: one bad session does not hide the others."""
    try:
        ids = [str(row[0]) for row in store.connection.execute("SELECT id FROM session ORDER BY updated DESC")]
    except sqlite3.Error:
        try:
            ids = [str(row[0]) for row in store.connection.execute("SELECT id FROM session INDEXED BY sqlite_autoindex_session_1")]
        except sqlite3.Error:
            raise HistoryError(f"{store.path} is damaged: {error}", "restore it from a backup") from error
    infos = []
    for each in ids:
        try:
            row = store.connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM session WHERE id = ?", (each,)).fetchone()
            infos.append(SessionInfo(**dict(zip(_COLUMNS, row, strict=True))))
        except (sqlite3.Error, TypeError):
            infos.append(SessionInfo(each, 0.0, "", status=UNREADABLE))
    return infos


def _sessions_with(connection: sqlite3.Connection, word: str) -> set[str]:
    like = _like(word)
    if not re.search(r"\w", word) or _UNSPACED.search(word) or not _has_index(connection):
        rows = connection.execute(f"SELECT DISTINCT session FROM ({_TEXTS}) WHERE text LIKE ? ESCAPE '\\'", (like,))
        return {session for (session,) in rows}
    quoted = '"' + word.replace('"', '""') + '"*'
    rows = connection.execute(
        f"""SELECT session FROM message WHERE number IN (SELECT rowid / 2 FROM words WHERE words MATCH :quoted AND rowid % 2 = 0)
        UNION SELECT session FROM attempt WHERE row IN (SELECT rowid / 2 FROM words WHERE words MATCH :quoted AND rowid % 2 = 1)
        UNION SELECT session FROM ({_unindexed()}) WHERE text LIKE :like ESCAPE '\\'""",
        {"quoted": quoted, "like": like},
    )
    return {session for (session,) in rows}


def _unindexed(most: int = -1) -> str:
    these = f"SELECT id FROM unindexed ORDER BY id LIMIT {most}"
    return f"""SELECT number * 2 AS id, session, content AS text FROM message
        WHERE number IN (SELECT id / 2 FROM ({these}) WHERE id % 2 = 0)
        UNION ALL SELECT row * 2 + 1, session, code || char(10) || output FROM attempt
        WHERE row IN (SELECT id / 2 FROM ({these}) WHERE id % 2 = 1)"""


def _has_index(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT rowid FROM words LIMIT 0")
    except sqlite3.Error:
        return False
    return True


def _snippet(connection: sqlite3.Connection, session: str, word: str) -> str:
    rows = connection.execute(f"SELECT text FROM ({_TEXTS}) WHERE session = ? AND text LIKE ? ESCAPE '\\' LIMIT 1", (session, _like(word)))
    text = next((str(row[0]) for row in rows), "")
    at = text.lower().find(word.lower())
    if at < 0:
        return ""
    end = at + len(word)
    before, after = text[max(0, at - _AROUND) : at], text[end : end + _AROUND]
    if at > _AROUND:  # no word is cut, unless it alone fills the line
        before = "…" + (before.partition(" ")[2] or before)
    if len(text) > end + _AROUND:
        after = (after.rpartition(" ")[0] or after) + "…"
    return " ".join(f"{before}{text[at:end]}{after}".split())


def _like(word: str) -> str:
    return "%" + re.sub(r"([%_\\])", r"\\\1", word) + "%"
