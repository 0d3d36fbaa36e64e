"""`history`, `replay` and what `resume` chooses, from the command line to what is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from cli.commands.history import days_of
from cli.entry import run_command
from cli.output.sessions import age, session_lines
from cli.wiring import Wiring
from history.records import HistoryError, StoredSession
from history.search import Found
from history.store import Store
from tests.histories import HOSTILE, fill, info, no_notice, varied_session, whole_session
from utils.errors import UsageError
from utils.owner import owner
from utils.platform import process_start

Run = Callable[..., tuple[int, str, str]]


def unused(*arguments: Any) -> Any:
    raise AssertionError("not needed for this command")


def another_process() -> str:
    """Name the process that started this one, as the owner of a session."""
    return ":".join([*owner().rsplit(":", 2)[:1], str(os.getppid()), process_start(os.getppid()) or "0"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder; returns the exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> tuple[int, str, str]:
        status = run_command(Wiring(unused, unused, unused, unused, unused), [*words, "--workspace", str(tmp_path / "w")])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


@pytest.fixture
def kept(tmp_path: Path) -> StoredSession:
    """Two sessions, the second the newer."""
    store = Store.open(tmp_path / "w/history.db", no_notice)
    fill(store, whole_session("20260901-120000-abcd"))
    session = fill(store, varied_session(tmp_path / "w/sessions/20260901-140200-7f3a"))
    store.close()
    return session


def test_the_list_is_newest_first_with_outcome_cost_and_first_words(run: Run, kept: StoredSession) -> None:
    status, out, _ = run("history")
    lines = out.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == ["20260901-140200-7f3a", "20260901-120000-abcd"]
    assert "✔ approved" in lines[0]
    assert "3 programs" in lines[0]
    assert lines[0].endswith("sales report: Sum the sales per month in sales.csv and print them.")


def test_words_search_and_the_place_is_shown(run: Run, kept: StoredSession) -> None:
    _, out, _ = run("history", "two", "decimals")
    assert [line for line in out.splitlines() if line.startswith("2026")][0].startswith("20260901-140200-7f3a")
    assert "Two decimals please" in out
    assert run("history", "no", "such", "words")[1] == "No session contains no and such and words.\n"


def test_json_is_a_list_of_objects(run: Run, kept: StoredSession) -> None:
    listed = json.loads(run("history", "--json")[1])
    assert [each["id"] for each in listed] == ["20260901-140200-7f3a", "20260901-120000-abcd"]
    assert {"id", "started", "task", "status", "attempts", "tokens", "cost"} <= set(listed[0])
    assert json.loads(run("history", "decimals", "--json")[1])[0]["name"] == "sales report"
    assert json.loads(run("history", "show", "last", "--json")[1])["messages"][0]["source"] == "user"


def test_without_any_history_it_says_so(run: Run) -> None:
    status, out, err = run("history")
    assert (status, out) == (1, "")
    assert "there is no history yet" in err
    assert run("history", "--json") == (0, "[]\n", "")


def test_a_session_is_shown_by_its_short_id_its_name_and_last(run: Run, kept: StoredSession) -> None:
    for word in ("7f3a", "sales report", "last", "20260901-14"):
        assert run("history", "show", *word.split())[1].startswith("# Sum the sales per month"), word
    status, _, err = run("history", "show", "2026")
    assert status == 1
    assert "could be any of 2 sessions" in err
    assert "\x1b" not in run("history", "show", "7f3a")[1]


def test_a_session_is_exported_to_a_file_named_after_it(run: Run, kept: StoredSession, tmp_path: Path) -> None:
    assert run("history", "export", "last")[1] == "sales-report.html\n"
    assert run("history", "export", "last")[1] == "sales-report-2.html\n"
    assert (tmp_path / "sales-report.html").read_text("utf-8").startswith("<!doctype html>")
    assert "Run it yourself" in (tmp_path / "sales-report.html").read_text("utf-8")
    assert run("history", "export", "abcd", "--md")[1] == "20260901-120000-abcd.md\n"
    assert run("history", "export", "--ipynb", "last", "-o", "mine.ipynb")[1] == "mine.ipynb\n"
    nbformat.validate(nbformat.read(tmp_path / "mine.ipynb", as_version=4))  # type: ignore[no-untyped-call]
    assert run("history", "export", "last", "-o", "by-ending.md")[1] == "by-ending.md\n"
    assert (tmp_path / "by-ending.md").read_text("utf-8").startswith("# Sum the sales")
    assert json.loads(run("history", "export", "last", "--json", "-o", "-")[1])["id"] == kept.info.id
    assert run("history", "export", "last", "-o", "nowhere/x.html")[0] == 2


def test_deleting_asks_and_takes_the_files_along(run: Run, kept: StoredSession, tmp_path: Path) -> None:
    folder = tmp_path / "w/sessions/20260901-140200-7f3a"
    status, _, err = run("history", "delete", "7f3a")
    assert status == 2
    assert "add --yes" in err
    assert folder.is_dir()
    assert run("history", "delete", "7f3a", "--yes")[0] == 0
    assert not folder.exists()
    assert [line.split()[0] for line in run("history")[1].splitlines()] == ["20260901-120000-abcd"]


def test_old_sessions_are_listed_and_deleted_together_but_not_one_that_is_open(run: Run, kept: StoredSession, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "w/history.db", no_notice)
    store.connection.execute("UPDATE session SET updated = 1000")
    store.begin(info("new-0001"))
    store.add_messages("new-0001", 0, [])
    store.connection.execute("UPDATE session SET owner = ? WHERE id LIKE '%abcd'", (another_process(),))
    store.close()
    assert len(run("history", "--older", "30d")[1].splitlines()) == 2
    _, _, err = run("history", "delete", "--older", "30d", "--yes")
    assert "abcd is open in another process" in err
    assert [line.split()[0] for line in run("history")[1].splitlines()] == ["new-0001", "20260901-120000-abcd"]


@pytest.mark.parametrize(("text", "days"), [("30d", 30), ("12h", 0.5), ("2w", 14), ("1Y", 365)])
def test_spans_of_time(text: str, days: float) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize("text", ["", "30", "d", "-3d", "3 days ago"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        days_of(text)


def test_lines_are_aligned_and_cut() -> None:
    sessions = [
        info("a", updated=0.0, cost=0.5, attempts=1, status="approved"),
        info("long-id", updated=0.0, prompt_tokens=12_345, task="x" * 99),
    ]
    first, second = session_lines([Found(each) for each in sessions], now=7200.0)
    assert first.split("  ")[0] == "a"
    assert "2 h ago" in first
    assert "$0.5000" in first
    assert "12,345 tokens" in second
    assert second.endswith("x" * 59 + "…")
    assert first.index("✔") == second.index("…")
    short = session_lines([Found(each) for each in sessions], now=7200.0, width=50)
    assert [len(line) <= 50 for line in short] == [True, True]
    assert short[1].startswith("id ")
    assert short[1].endswith("x…")
    assert [age(seconds) for seconds in (5, 90, 86400 * 3, 86400 * 400)] == ["just now", "1 min ago", "3 d ago", "1 y ago"]


def test_nothing_of_a_session_steers_the_terminal(run: Run, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "w/history.db", no_notice)
    store.begin(info("evil-1", task=HOSTILE, name=HOSTILE))
    store.close()
    assert "\\x1b[31m" in run("history")[1]
    for command in (
        ("history",),
        ("history", "red"),
        ("history", "--json"),
        ("history", "show", "last"),
        ("history", "show", "last", "--json"),
    ):
        out = run(*command)[1]
        assert [character for character in out if not character.isprintable() and character != "\n"] == [], command


def test_replay_without_an_approved_program_says_so(run: Run, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "w/history.db", no_notice)
    store.begin(info("plain-1"))
    store.close()
    assert "no approved program" in run("replay", "plain-1")[2]
    assert run("replay", "--all", "--json") == (0, "[]\n", "")
    assert run("replay")[0] == 2


def test_a_session_that_is_open_elsewhere_is_not_resumed(run: Run, kept: StoredSession, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "w/history.db", no_notice)
    store.set(kept.info.id, owner=another_process())
    store.close()
    status, _, err = run("resume", "7f3a")
    assert status == 1
    assert "is open in another process" in err
    assert "--fork" in err


def test_a_damaged_history_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w/history.db").write_bytes(b"no database" * 100)
    for command in ("history", "resume", "replay --all"):
        status, _, err = run(*command.split())
        assert status == 1
        assert "is damaged" in err
    with pytest.raises(HistoryError):
        Store.read_only(tmp_path / "w/history.db")
