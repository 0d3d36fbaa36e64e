"""The store: what is written is read back, and no other program's file, damaged file or newer file is ever written over."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from history.records import Attempt, HistoryError, Message, SessionInfo
from history.schema import MIGRATIONS, open_database
from history.search import delete_session, find_session, index, list_sessions, search_sessions
from history.store import MOST_OUTPUT, Store
from tests.histories import START, TASK, fill, info, no_notice, version_1_file, whole_session


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "workspace" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    opened = Store.open(path, no_notice)
    yield opened
    opened.close()


def test_what_is_written_is_read_back(store: Store, path: Path) -> None:
    session = whole_session()
    kept = fill(store, session)
    assert (kept.messages, kept.attempts, kept.files) == (session.messages, session.attempts, session.files)
    assert (kept.packages, kept.calls, kept.approvals) == (session.packages, session.calls, session.approvals)
    assert (kept.info.turns, kept.info.attempts, kept.info.prompt_tokens, kept.info.completion_tokens) == (7, 2, 810, 130)
    assert kept.info.cost == pytest.approx(0.003)
    assert kept.info.facts == session.info.facts
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_the_output_of_a_program_is_kept_up_to_a_limit_and_the_rest_is_counted(store: Store) -> None:
    store.begin(info("a"))
    store.start_attempt("a", Attempt(1, 0, "python", "", START))
    store.finish_attempt("a", Attempt(1, 0, "python", "", START, START + 1, "ok", 0, 1.0, "x" * (MOST_OUTPUT + 7), cut=3))
    kept = store.read("a").attempts[0]
    assert (len(kept.output), kept.cut) == (MOST_OUTPUT, 10)


def test_a_program_that_never_finished_has_an_unknown_result_until_something_is_said(store: Store) -> None:
    store.begin(info("a"))
    store.add_messages("a", 0, [Message("user", "task"), Message("CodeGeneratorAgent", "```python\n```")])
    store.start_attempt("a", Attempt(1, 2, "python", "print()", START))
    unknown = store.read("a").unknown
    assert unknown is not None
    assert (unknown.code, unknown.finished) == ("print()", None)
    store.add_messages("a", 2, [Message("CodeExecutorAgent", "done")])
    assert store.read("a").unknown is None


def test_text_that_is_no_unicode_and_text_with_every_character_is_kept(store: Store) -> None:
    text = "".join(map(chr, range(0x2100))) + "\U0001f600\udcff\ud800"
    store.begin(info("a"))
    store.add_messages("a", 0, [Message("user", text, metadata={"k\udcff": text})])
    kept = store.read("a").messages[0]
    assert kept.content == text[:-2] + "??"
    assert kept.metadata == {"k?": kept.content}


def test_a_second_process_does_not_write_over_what_the_first_has_written(store: Store) -> None:
    store.begin(info("a"))
    store.add_messages("a", 0, [Message("user", "the first")])
    with pytest.raises(HistoryError, match="another process"):
        store.add_messages("a", 0, [Message("user", "the second")])
    assert [message.content for message in store.read("a").messages] == ["the first"]


def test_a_fork_has_the_same_messages_and_leaves_the_first_as_it_is(store: Store) -> None:
    first = fill(store, whole_session())
    store.fork(first.info.id, SessionInfo("fork", START + 100, "", name="again"))
    store.add_messages("fork", 7, [Message("user", "and now in C")])
    forked = store.read("fork")
    assert forked.messages[:7] == first.messages
    assert (forked.attempts, forked.info.parent, forked.info.name) == (first.attempts, first.info.id, "again")
    assert forked.approvals == ()
    assert store.read(first.info.id).messages == first.messages


# --- Files of other versions, damaged files, full disks -------------------------------------------------------------------------------


def test_a_file_of_version_1_is_copied_and_migrated_and_its_session_is_still_listed(path: Path) -> None:
    path.parent.mkdir()
    version_1_file(path)
    before = path.read_bytes()
    store = Store.open(path, no_notice)
    assert [(each.id, each.task, each.status) for each in list_sessions(store)] == [
        ("20260101-080000-0a1b", "Print the first ten primes.", "approved")
    ]
    session = store.read("20260101-080000-0a1b")
    assert (len(session.messages), session.attempts[0].exit_code, session.info.name) == (4, 0, "")
    assert [found.info.id for found in search_sessions(store, ["primes"])] == ["20260101-080000-0a1b"]
    store.close()
    copy = path.with_name("history.db.version-1")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert len(copy.read_bytes()) == len(before)


def test_migrations_that_were_released_never_change() -> None:
    digest = hashlib.sha256(repr(MIGRATIONS[:2]).encode()).hexdigest()
    assert digest == "2b37a83bd2f5d93a58465d6bdfef18cb0fe3f0898abe30b05beeb1198a0785a7", "add a migration to the end instead"


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    path.parent.mkdir()
    version_1_file(path)
    broken = [*MIGRATIONS, ["CREATE TABLE fine (x)", "THIS IS NO SQL"]]
    with pytest.raises(HistoryError):
        open_database(path, no_notice, broken)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_master WHERE name IN ('fine', 'approval')").fetchall() == []
    connection.close()


def test_only_one_of_two_processes_migrates(path: Path) -> None:
    path.parent.mkdir()
    version_1_file(path)
    failures: list[BaseException] = []

    def migrate() -> None:
        try:
            open_database(path, no_notice).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=migrate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [file.name for file in sorted(path.parent.iterdir())] == ["history.db", "history.db.version-1"]


def test_a_file_of_a_newer_version_is_left_alone_and_another_is_used(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE future (x); INSERT INTO future VALUES (1); PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    said: list[str] = []
    store = Store.open(path, said.append)
    fill(store, whole_session())
    store.close()
    assert path.read_bytes() == before
    assert said == [
        f"history.db was written by a newer version of this program and is left alone; using history-v{len(MIGRATIONS)}.db instead."
    ]
    with closing(Store.read_only(path)) as store:
        assert len(list_sessions(store)) == 1


@pytest.mark.parametrize("damage", ["no database", "short", "truncated", "half a page", "bad schema"])
def test_a_damaged_file_is_set_aside_whole_and_a_new_one_begins(path: Path, damage: str) -> None:
    fill(opened := Store.open(path, no_notice), whole_session())
    opened.close()
    data = path.read_bytes()
    path.write_bytes(
        {
            "no database": b"this is no database at all, but it is long enough to have been one" * 30,
            "short": b"xyz",
            "truncated": data[: len(data) // 2 // 4096 * 4096],
            "half a page": data[:2000],
            "bad schema": data[:100] + b"\xff" * 3996 + data[4096:],
        }[damage]
    )
    before = path.read_bytes()
    with pytest.raises(HistoryError, match="damaged"), closing(Store.read_only(path)) as store:
        list_sessions(store)
    said: list[str] = []
    store = Store.open(path, said.append)
    assert list_sessions(store) == []
    fill(store, whole_session())
    store.close()
    [aside] = path.parent.glob("history.db.damaged-*")
    assert aside.read_bytes() == before
    assert said == [f"history.db is damaged. It was renamed to {aside.name}, and a new history begins."]


def test_one_damaged_session_does_not_hide_the_others(path: Path) -> None:
    store = Store.open(path, no_notice)
    for number in range(300):
        store.begin(info(f"session-{number:03}", task=f"task {number} " + "x" * 300))
        store.add_messages(f"session-{number:03}", 0, [Message("user", "y" * 300)])
    place = store.connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'session'").fetchone()[0]
    store.close()
    data = bytearray(path.read_bytes())
    at = data.find(b"task 150 ") // 4096 * 4096
    assert at // 4096 + 1 != place
    data[at : at + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with closing(Store.read_only(path)) as store:
        listed = list_sessions(store)
        with pytest.raises(HistoryError, match="session-150 cannot be read"):
            store.read("session-150")
        assert store.read("session-001").messages[0].content == "y" * 300
    assert len(listed) == 300
    bad = [each.id for each in listed if each.status == "cannot be read"]
    assert "session-150" in bad
    assert len(bad) < 20


def test_a_full_disk_is_said_and_leaves_what_was_there(store: Store) -> None:
    fill(store, whole_session())
    pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
    store.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(HistoryError, match="the disk is full"):
        store.add_messages("20260901-120000-abcd", 7, [Message("user", "x" * 200_000)])
    assert len(store.read("20260901-120000-abcd").messages) == 7


def test_a_locked_database_is_waited_for(path: Path, store: Store) -> None:
    store.begin(info("a"))
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    store.wait_at_most(0.05)
    with pytest.raises(HistoryError, match="locked by another program"):
        store.add_messages("a", 0, [Message("user", "hello")])
    store.wait_at_most(30)
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    store.add_messages("a", 0, [Message("user", "hello")])
    timer.join()
    other.close()
    assert len(store.read("a").messages) == 1


_WRITER = """
import sys
from pathlib import Path
from history.records import Message
from history.store import Store
from tests.histories import info
store = Store.open(Path(sys.argv[1]), print)
store.begin(info(sys.argv[2]))
for number in range(40):
    store.add_messages(sys.argv[2], number, [Message("user", f"{sys.argv[2]} {number}")])
"""


def test_two_processes_write_at_the_same_time_and_both_are_whole(path: Path) -> None:
    names = ("one", "two", "three")
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name]) for name in names]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    with closing(Store.read_only(path)) as store:
        for name in names:
            assert [message.content for message in store.read(name).messages] == [f"{name} {number}" for number in range(40)]


_CUT_OFF = """
import os, signal, sys
from pathlib import Path
from history.records import Message
from history.store import Store
store = Store.open(Path(sys.argv[1]), print)
store.connection.execute("PRAGMA cache_spill = 1")
store.connection.execute("PRAGMA cache_size = 1")
with store.transaction() as connection:
    for number in range(2000):
        connection.execute("UPDATE session SET task = ?", (str(number) * 3000,))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_reads_what_was_there_before_a_process_was_killed_in_the_middle_of_a_write(path: Path) -> None:
    fill(opened := Store.open(path, no_notice), whole_session())
    opened.close()
    subprocess.run([sys.executable, "-c", _CUT_OFF, str(path)], check=False, timeout=120)
    assert path.with_name("history.db-journal").exists()
    with closing(Store.read_only(path)) as store:
        assert list_sessions(store)[0].task == TASK
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.connection.execute("DELETE FROM session")


# --- Finding --------------------------------------------------------------------------------------------------------------------------


def test_sessions_are_listed_newest_first_and_found_by_id_name_and_last(store: Store) -> None:
    for session, name in (("20260901-120000-abcd", "sales report"), ("20260901-130000-abff", ""), ("20260902-120000-1234", "")):
        store.begin(info(session, name=name))
        store.set(session, status="stopped")
    assert [each.id[-4:] for each in list_sessions(store)] == ["1234", "abff", "abcd"]
    assert [each.id[-4:] for each in list_sessions(store, 1)] == ["1234"]
    for word, found in (("last", "1234"), ("20260902", "1234"), ("abc", "abcd"), ("Sales Report", "abcd"), ("20260901-13", "abff")):
        assert find_session(store, word).id[-4:] == found
    for word, said in (("ab", "any of 2 sessions"), ("20260901", "any of 2"), ("nothing", "no session nothing"), ("", "no session")):
        with pytest.raises(HistoryError, match=said):
            find_session(store, word)


HARD_WORDS = ["foo-bar", "print(", "KeyError: 'month'", '"a', "*", "NEAR(", "50%", "a_b", "AND", "計算", "naïve", "-x", "col:"]


@pytest.mark.parametrize("indexed", [True, False])
def test_words_are_found_in_tasks_prose_programs_and_output(store: Store, indexed: bool) -> None:
    fill(store, whole_session("first-0001"))
    store.begin(info("second-0002", task="other"))
    store.add_messages("second-0002", 0, [Message("user", f"x {word} y 再帰で計算する") for word in HARD_WORDS])
    if indexed:
        index(store)
        assert store.connection.execute("SELECT COUNT(*) FROM unindexed").fetchone() == (0,)
    for words in (["factorial"], ["FORGOT", "function"], ["Traceback"], ["facto"], ["120", "numb"]):
        assert [found.info.id for found in search_sessions(store, words)] == ["first-0001"], words
    for word in HARD_WORDS:
        assert "second-0002" in [found.info.id for found in search_sessions(store, [word])], word
    assert search_sessions(store, ["factorial", "nowhere"]) == []
    assert search_sessions(store, ["to calculate"])[0].snippet == "Write a Python function to calculate the factorial of a number."
    assert len(search_sessions(store, [])) == 2


def test_a_deleted_session_leaves_nothing_in_the_file(store: Store, path: Path) -> None:
    for session, word in (("gone-1", "xylophone"), ("kept-2", "zeppelin")):
        store.begin(info(session, task=f"about a {word}"))
        store.add_messages(session, 0, [Message("user", f"about a {word}")])
        store.start_attempt(session, Attempt(1, 1, "python", f"print('{word}')", START))
        store.finish_attempt(session, Attempt(1, 1, "python", f"print('{word}')", START, START, "ok", 0, 0, word))
        index(store)
    assert b"xylophone" in path.read_bytes()
    delete_session(store, "gone-1")
    assert b"xylophone" not in path.read_bytes()
    assert b"zeppelin" in path.read_bytes()
    assert search_sessions(store, ["xylophone"]) == []
    assert [found.info.id for found in search_sessions(store, ["zeppelin"])] == ["kept-2"]
    assert [each.id for each in list_sessions(store)] == ["kept-2"]
