"""The journal: what it was given is on disk when it returns; a store that fails is said once and nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from history.journal import HistoryJournal
from history.records import Attempt, Message, ModelCall, StoredFile, StoredSession
from history.redact import HIDDEN, hider
from history.search import search_sessions
from history.store import Store
from tests.histories import START, info, no_notice


def stored(path: Path, session: str = "a") -> StoredSession:
    with closing(Store.read_only(path)) as store:
        return store.read(session)


def texts(path: Path, session: str) -> list[str]:
    return [message.content for message in stored(path, session).messages]


async def test_everything_is_on_disk_when_the_journal_returns(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    said: list[str] = []
    journal = HistoryJournal(lambda: Store.open(path, said.append), info("a", owner="me"), said.append)
    assert not path.exists()
    await journal.wrote([Message("user", "one", "1")])
    assert texts(path, "a") == ["one"]
    await journal.wrote([Message("user", "one", "1"), Message("user", "two", "2")])
    assert texts(path, "a") == ["one", "two"]
    attempt = await journal.started(Attempt(0, 0, "python", "print(1)", START))
    assert (attempt.number, attempt.message) == (1, 2)
    assert stored(path).unknown == attempt
    await journal.finished(Attempt(1, 2, "python", "print(1)", START, START + 1, "ok", 0, 1.0, "1\n"))
    await journal.add([StoredFile("a.csv", "0" * 64, 3, 1)])
    await journal.called(ModelCall(1, START, "m", 10, 2))
    await journal.set(status="approved", name="first try")
    session = stored(path)
    assert (session.attempts[0].output, session.files[0].name, session.info.prompt_tokens) == ("1\n", "a.csv", 10)
    assert (session.info.status, session.info.name, session.info.owner) == ("approved", "first try", "me")
    await journal.close()
    assert stored(path).info.owner == ""
    assert said == []


async def test_a_session_without_a_message_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    journal = HistoryJournal(lambda: Store.open(path, no_notice), info("a"), no_notice)
    await journal.set(name="nothing")
    await journal.close()
    assert not path.exists()


async def test_files_that_are_added_before_the_first_task_are_kept_with_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    said: list[str] = []
    journal = HistoryJournal(lambda: Store.open(path, said.append), info("a"), said.append)
    await journal.add([StoredFile("a.csv", "0" * 64, 3, 0, added=True)])
    assert not path.exists()
    await journal.wrote([Message("user", "one", "1")])
    session = stored(path)
    assert ([file.name for file in session.files], texts(path, "a")) == (["a.csv"], ["one"])
    await journal.close()
    assert said == []


async def test_a_resumed_session_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    first = HistoryJournal(lambda: Store.open(path, no_notice), info("a", owner="first"), no_notice)
    await first.wrote([Message("user", "one", "1")])
    await first.started(Attempt(0, 0, "python", "", START))
    await first.close()
    so_far = stored(path)
    second = HistoryJournal(lambda: Store.open(path, no_notice), info("a", owner="second", model="other"), no_notice, so_far)
    await second.wrote([Message("user", "one", "1"), Message("user", "two", "2")])
    assert (await second.started(Attempt(0, 0, "python", "", START))).number == 2
    session = stored(path)
    assert [message.content for message in session.messages] == ["one", "two"]
    assert (session.info.owner, session.info.model, session.info.started) == ("second", "other", START)
    await second.close()


async def test_a_locked_database_is_said_once_and_everything_follows_when_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    said: list[str] = []
    journal = HistoryJournal(lambda: Store.open(path, said.append, busy=0.05), info("a"), said.append)
    await journal.wrote([Message("user", "before", "0")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(1, 4):
        await journal.wrote([Message("user", str(number), str(number))])
    assert len(said) == 1
    assert "locked by another program" in said[0]
    other.execute("COMMIT")
    other.close()
    await journal.wrote([Message("user", "after", "9")])
    assert said[1:] == ["The history is being kept again; nothing is missing."]
    assert texts(path, "a") == ["before", "1", "2", "3", "after"]
    await journal.close()


async def test_a_long_wait_is_said_while_it_lasts(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    Store.open(path, no_notice).close()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Event()

    def notice(text: str) -> None:
        assert text.startswith("Waiting for the history")
        waiting.set()
        other.execute("COMMIT")

    journal = HistoryJournal(lambda: Store.open(path, notice, busy=60), info("a"), notice)
    await journal.wrote([Message("user", "hello", "1")])
    assert waiting.is_set()
    assert texts(path, "a") == ["hello"]
    await journal.close()
    other.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_is_said_at_once_and_nothing_that_was_there_is_lost(small_disk: Path) -> None:
    path = small_disk / "history.db"
    said: list[str] = []
    journal = HistoryJournal(lambda: Store.open(path, said.append), info("a"), said.append)
    await journal.wrote([Message("user", "before", "0")])
    (small_disk / "filler").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - 8192))
    await journal.wrote([Message("user", "y" * 60_000, "1")])
    await journal.wrote([Message("user", "z", "2")])
    assert len(said) == 1
    assert "The history is not being kept" in said[0]
    assert texts(path, "a") == ["before"]
    (small_disk / "filler").unlink()
    await journal.wrote([Message("user", "after", "3")])
    assert texts(path, "a") == ["before", "y" * 60_000, "z", "after"]
    await journal.close()


async def test_a_folder_that_cannot_be_written_is_said_and_the_session_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "history.db"
    said: list[str] = []
    journal = HistoryJournal(lambda: Store.open(path, said.append), info("a"), said.append)
    await journal.wrote([Message("user", "one", "1")])
    await journal.wrote([Message("user", "two", "2")])
    await journal.close()
    assert len(said) == 1
    assert "cannot be written" in said[0]
    assert "WORKSPACE" in said[0]


_READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
from history.journal import HistoryJournal
from history.records import Message
from history.store import Store
from tests.histories import info
Path(sys.argv[1]).as_uri()  # imports what the other user may not be allowed to read
os.setgid(65534); os.setuid(65534)
journal = HistoryJournal(lambda: Store.open(Path(sys.argv[1]), print), info("a"), print)
async def main():
    await journal.wrote([Message("user", "one", "1")])
    await journal.close()
asyncio.run(main())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("there", [False, True])
def test_a_read_only_folder_is_said(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o755)
    path = folder / "history.db"
    if there:
        Store.open(path, no_notice).close()
        path.chmod(0o644)
    for parent in [folder, *folder.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    ended = subprocess.run([sys.executable, "-c", _READ_ONLY, str(path)], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "cannot be written" in ended.stdout


# --- Secrets --------------------------------------------------------------------------------------------------------------------------

CANARIES = {
    "OPENAI_API_KEY": "canary-one-1234567890",
    "AZURE_OPENAI_API_KEY": "canary/two+1234567890==",
    "GITHUB_TOKEN": "canary-three-xyz",
    "MY_PASSWORD": 'päss\'wort "mit" zeichen',
    "PIP_INDEX_URL": "https://jo:canary-four@pypi.example/simple",
}
SHAPES = [
    "sk-proj-" + "aB3" * 12,
    "ghp_" + "a1" * 18,
    "AKIA" + "ABCD1234" * 2,
    "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----",
]


def values() -> list[str]:
    return [*(value for name, value in CANARIES.items() if "URL" not in name), "canary-four", *SHAPES]


async def test_no_secret_reaches_any_table_or_file(tmp_path: Path) -> None:
    hide = hider({**CANARIES, "HOME": "/srv/jo", "MODEL": "gpt-4.1", "KEYBOARD": "qwerty-layout", "EMPTY_KEY": "", "SHORT_KEY": "true"})
    path = tmp_path / "history.db"
    everything = " | ".join(values())
    secrets = {"facts": {everything: [everything, {"deep": everything}]}}
    journal = HistoryJournal(
        lambda: Store.open(path, no_notice, hide), info("a", task=everything, model=everything, name=everything, **secrets), no_notice
    )
    await journal.wrote([Message("user", f"control-value {everything}", "1", metadata={"error": everything})])
    await journal.started(Attempt(0, 0, "python", everything, START))
    await journal.finished(Attempt(1, 1, "python", everything, START, START, "ok", 0, 0, everything, file_name=everything))
    await journal.add([StoredFile(everything, "0", 1)])
    await journal.called(ModelCall(1, START, everything))
    await journal.set(name=everything)
    await journal.close()
    with closing(Store.read_only(path)) as store:
        assert [found.info.id for found in search_sessions(store, ["control-value"])] == ["a"]
        assert HIDDEN in store.read("a").attempts[0].output
        dump = "\n".join(store.connection.iterdump())
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert "control-value" in dump
    assert b"control-value" in written
    for value in (*values(), "canary"):
        assert value not in dump, value
        assert value.encode() not in written, value


def test_ordinary_text_is_left_as_it_is() -> None:
    hide = hider({"SHORT_KEY": "true", "MONKEY": "banana-split", "SSH_KEY": "/srv/jo/.ssh/id", "OPENAI_API_KEY": "k3y-0f-mine"})
    text = "true /srv/jo/.ssh/id banana-split task-sk-1 sk-short ghp_short AKIA risk-assessment-of-everything"
    assert hide(text) == text
    assert hide("my k3y-0f-mine!") == f"my {HIDDEN}!"
    assert hider({})(text) == text
