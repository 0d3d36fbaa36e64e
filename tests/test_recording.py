"""What happens in a session is what is kept of it, and a session that is taken up is as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.events import Event, Notice, ProgramKept, Question, Reply, SentBack, TaskEnded
from history.opening import open_recording, take_up
from history.records import Message, StoredPackage, StoredSession
from history.resuming import story, what_came_back
from history.search import list_sessions
from history.steps import WENT_BACK, steps_of
from history.store import Store
from main import open_team
from sandbox.files.states import PutBack
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from teams.restoring import Spoken
from teams.session import Session
from tests.asking import client_of
from tests.endpoint import Answer, ModelEndpoint, Script
from tests.fakes import ListedRuns, WaitForCancel, program, ran
from utils.docker_utils import Limits
from utils.settings import load_settings

MODEL = ("openai", "gpt-test")


class FolderRuns(ListedRuns):
    """Listed runs whose executor has a folder and a session, as an opened sandbox has."""

    def __init__(self, folder: Path, *runs: ProgramRun | Exception | WaitForCancel, files: Sequence[ProducedFile] = ()) -> None:
        super().__init__(*runs, files=files)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = lambda: folder
        self.session = folder.name
        self.put: dict[str, Path] = {}

    async def put_files(self, files: Any) -> Any:
        from sandbox.files.added import known_files

        self.put.update(files)
        return known_files(files)

    @property
    def state(self) -> str:
        return f"{len(self.blocks)} programs"

    async def put_back(self, state: str) -> PutBack | None:
        if state != "1 programs":
            assert state == ""
            return None
        (self.work_dir / "out.txt").write_text("as before")
        return PutBack(("out.txt",), ("new.txt",))


@asynccontextmanager
async def opened(
    workspace: Path,
    answers: Sequence[Script],
    *runs: ProgramRun | Exception | WaitForCancel,
    files: Sequence[ProducedFile] = (),
    resumed: StoredSession | None = None,
    name: str = "20260901-120000-abcd",
    days: int = 0,
) -> AsyncIterator[tuple[Session, ModelEndpoint]]:
    """Open a session as main.py does, with listed runs in place of a container."""
    settings = load_settings({"workspace": str(workspace)}, {"MODEL_PRICE_IN": "1", "MODEL_PRICE_OUT": "2", "HISTORY_DAYS": str(days)})
    sandbox = FolderRuns(workspace / "sessions" / name, *runs, files=files)
    with ModelEndpoint(answers) as endpoint:
        async with client_of(endpoint) as model, open_recording(settings, sandbox, MODEL, resumed) as journal:
            session = open_team(settings, sandbox, model, journal)
            if resumed is not None:
                await take_up(session, resumed)
            yield session, endpoint


async def live(session: Session, task: str | None, *replies: str) -> list[Event]:
    """Give a task, answer its questions, and return its events."""
    left, events = list(replies), []
    async for event in session.run(task):
        events.append(event)
        if isinstance(event, Question):
            session.answer(event.key, Reply(text=left.pop(0)))
    return events


def kept(workspace: Path, name: str = "20260901-120000-abcd") -> StoredSession:
    with closing(Store.read_only(workspace / "history.db")) as store:
        return store.read(name)


async def test_a_whole_task_is_kept(tmp_path: Path) -> None:
    made = tmp_path / "out.txt"
    made.write_text("made")
    files = [ProducedFile(made, "out.txt", 4, True)]
    answers = [Answer(program("one"), usage=(100, 10)), Answer(program("two"), usage=(200, 20))]
    runs = [ran("ValueError: x\n", Verdict.FAILED, 1), ran("y" * 50_000)]
    async with opened(tmp_path, answers, *runs, files=files) as (session, _):
        events = await live(session, "Print the answer.", "APPROVE")
        assert session.record.kept == tmp_path / "sessions/20260901-120000-abcd/approved/01-answer"
    assert [type(event) for event in events[-3:]][-1] is TaskEnded
    stored = kept(tmp_path)
    assert [message.source for message in stored.messages] == [
        *("user", "CodeGeneratorAgent", "CodeExecutorAgent", "Recovery", "CodeGeneratorAgent", "CodeExecutorAgent", "UserProxyAgent")
    ]
    assert [(each.number, each.message, each.code.strip(), each.verdict, each.exit_code) for each in stored.attempts] == [
        (1, 2, "one", "failed", 1),
        (2, 5, "two", "ok", 0),
    ]
    assert len(stored.attempts[1].output) == 50_000, "all of it, not what the model is shown"
    assert [(file.name, file.size, file.attempt) for file in stored.files] == [("out.txt", 4, 2)]
    assert [(call.message, call.prompt_tokens, call.completion_tokens) for call in stored.calls] == [(1, 100, 10), (4, 200, 20)]
    assert stored.info.cost == (300 + 60) / 1e6
    assert (stored.info.status, stored.info.task, stored.info.owner, stored.info.model) == ("approved", "Print the answer.", "", "gpt-test")
    assert [approval.attempts for approval in stored.approvals] == [(2,)]
    place = tmp_path / "sessions/20260901-120000-abcd/approved/01-answer"
    assert (place / "answer.py").is_file()
    assert f" --memory {Limits().memory} --pids-limit {Limits().pids} " in (place / "README.md").read_text()


async def test_every_message_is_on_disk_before_it_is_seen(tmp_path: Path) -> None:
    async with opened(tmp_path, [program("one"), program("two")], ran("1\n"), ran("2\n")) as (session, _):
        seen: list[str] = []
        replies = ["again", "APPROVE"]
        async for event in session.run("Print the answer."):
            if isinstance(event, Spoken):
                seen.append(event.id)
                assert [message.id for message in kept(tmp_path).messages] == seen
            if isinstance(event, Question):
                session.answer(event.key, Reply(text=replies.pop(0)))
        assert len(seen) == 7


async def test_a_stopped_program_has_no_unknown_result(tmp_path: Path) -> None:
    async with opened(tmp_path, [program("one")], WaitForCancel()) as (session, _):
        async for event in session.run("Print the answer."):
            if getattr(event, "content", "") == "still running\n":
                session.stop()
    stored = kept(tmp_path)
    assert (stored.info.status, stored.attempts[0].verdict) == ("interrupted", "cancelled")
    assert stored.unknown is None
    async with opened(tmp_path, [], resumed=stored) as (resumed, _):
        assert resumed.record.ended == session.record.ended == TaskEnded("interrupted")
        assert len(resumed.record.attempts) == 1


@pytest.mark.parametrize("when", ["at once", "after a resume", "killed before it was handed over"])
async def test_an_approval_after_a_stop_keeps_the_result_before_it(tmp_path: Path, when: str) -> None:
    folder = tmp_path / "sessions/20260901-120000-abcd"
    folder.mkdir(parents=True)
    (folder / "out.txt").write_text("made")
    (folder / "new.txt").write_text("made")
    files = [ProducedFile(folder / name, name, 4, True) for name in ("out.txt", "new.txt")]
    runs = [ran("1\n"), ran("ValueError: x\n", Verdict.FAILED, 1)]
    async with opened(tmp_path, [program("one"), program("two"), Answer("Late", stall_after=1)], *runs, files=files) as (session, _):
        async for event in session.run("Print the answer."):
            if isinstance(event, Question):
                session.answer(event.key, Reply(text="again"))
            elif isinstance(event, SentBack):
                session.stop()
        if when == "at once":
            assert [event async for event in session.end("APPROVE")][-1] == TaskEnded("approved", "UserProxyAgent")
            assert {name: file.size for name, file in session.record.files.items()} == {"out.txt": 9}
    if when != "at once":
        async with opened(tmp_path, [], resumed=kept(tmp_path)) as (session, _):
            assert session.record.earlier is not None
            async for _ in session.end("APPROVE"):
                if when.startswith("killed"):
                    break  # the word is on disk; the end of the task is not
    stored = kept(tmp_path)
    assert stored.info.status == ("open" if when.startswith("killed") else "approved")
    async with opened(tmp_path, [program("three")], resumed=stored) as (session, endpoint):
        assert (session.goes_on, session.record.earlier, session.record.approved) == (False, None, True)
        assert [each.program.code.strip() for each in session.record.attempts] == ["one"]
        stored = kept(tmp_path)
        assert (stored.info.status, [each.attempts for each in stored.approvals]) == ("approved", [(1,)])
        await live(session, "Now three.", "STOP")
    assert [message.content for message in stored.messages][-3:] == [*[m.content for m in stored.messages][-3:-1], "APPROVE"]
    assert len(stored.messages) == 8  # nothing that was said is lost
    assert len(endpoint.requests[0].texts) == 1 + 5  # but the model sees the task, the program, its result, the word and the new task
    place = folder / "approved/01-answer"
    assert (place / "answer.py").read_text().endswith("\none\n")
    assert (steps_of(stored)[-1].title, steps_of(stored)[-1].text) == ("APPROVE", WENT_BACK)
    readme = (place / "README.md").read_text()
    assert "`new.txt`, because a later program" in readme
    # What the files were is known only to the process in which the later program ran.
    assert ("`out.txt`, because a later program" in readme) == (when != "at once")
    assert (place / "results/out.txt").exists() == (when == "at once")
    assert when != "at once" or (place / "results/out.txt").read_text() == "as before"


async def test_a_resumed_session_counts_the_tokens_of_all_its_processes(tmp_path: Path) -> None:
    async with opened(tmp_path, [Answer(program("one"), usage=(100, 10))], ran("1\n")) as (session, _):
        await live(session, "Print one.", "APPROVE")
    async with opened(tmp_path, [Answer(program("two"), usage=(200, 20))], ran("2\n"), resumed=kept(tmp_path)) as (session, _):
        tokens = session.record.tokens
        assert tokens is not None
        assert (tokens.prompt_tokens, tokens.completion_tokens, tokens.calls) == (100, 10, 1)
        await live(session, "And now two.", "APPROVE")
        tokens = session.record.tokens
        assert tokens is not None
        assert (tokens.prompt_tokens, tokens.completion_tokens, tokens.calls) == (300, 30, 2)
    info = kept(tmp_path).info
    assert (info.prompt_tokens, info.completion_tokens) == (300, 30)


async def test_a_history_that_cannot_be_written_is_said_in_the_stream_and_the_task_goes_on(tmp_path: Path) -> None:
    (tmp_path / "history.db").mkdir()
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        events = await live(session, "Print the answer.", "APPROVE")
    said = [event.content for event in events if isinstance(event, Notice)]
    assert any("The history is not being kept" in text for text in said)
    assert not any(isinstance(event, ProgramKept) for event in events)
    assert session.record.approved


async def test_a_session_is_taken_up_with_its_record_its_files_and_its_packages(tmp_path: Path) -> None:
    folder = tmp_path / "sessions/20260901-120000-abcd"
    folder.mkdir(parents=True)
    for name in ("out.txt", "gone.txt"):
        (folder / name).write_text("made")
    files = [ProducedFile(folder / name, name, 4, True) for name in ("out.txt", "gone.txt")]
    async with opened(tmp_path, [program("one")], ran("1\n"), files=files) as (session, first):
        await live(session, "Print the answer.", "APPROVE")
    (folder / "gone.txt").unlink()
    stored = kept(tmp_path)
    told = story(stored)
    assert told.index("  │ 1") < told.index("  You: APPROVE")
    feedback = Message("UserProxyAgent", "Change this. " * 20, "x")
    longer = story(replace(stored, messages=(*stored.messages, *(replace(feedback, id=f"x{number}") for number in range(4)))))
    assert longer[-3:-1] == ["  Program 1 printed:", "  │ 1"]
    assert all(line.endswith("…") for line in longer if "Change this." in line)
    assert what_came_back(stored) == ("Restored: 4 messages, program 1, 2 files. What was in memory or running in the background is gone.")
    packages = (StoredPackage("six", "1.17.0"), StoredPackage("npm:left-pad", "1.3.0"), StoredPackage("npm:is-number", "7.0.0", "", False))
    assert "; 1 package will be installed at the next run; 1 package from npm will be installed once a program imports it. " in (
        what_came_back(replace(stored, packages=packages))
    )
    async with opened(tmp_path, [program("two")], ran("2\n"), resumed=stored) as (session, second):
        assert not session.goes_on
        assert session.record.newest is not None
        assert session.record.newest.code.strip() == "one"
        assert list(session.record.files) == ["out.txt", "gone.txt"] or set(session.record.files) == {"out.txt", "gone.txt"}
        assert session.sandbox.concerns == ["No longer there: gone.txt."]
        await live(session, "And now two.", "APPROVE")
    assert second.requests[0].texts[1:-1] == [*first.requests[0].texts[1:], *[m.content for m in stored.messages[1:]]]
    again = kept(tmp_path)
    assert [message.content for message in again.messages[:4]] == [message.content for message in stored.messages]
    assert [attempt.number for attempt in again.attempts] == [1, 2]
    assert [approval.folder for approval in again.approvals][0] == "approved/01-answer"
    assert len(again.approvals) == 2


async def test_what_the_user_adds_is_kept_for_a_later_container(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("a,b\n")
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        await live(session, "Print the answer.", "APPROVE")
        await session.journal.added({"data/mine.csv": mine})
    mine.unlink()
    stored = kept(tmp_path)
    assert [(file.name, file.added) for file in stored.files] == [("data/mine.csv", True)]
    async with opened(tmp_path, [], resumed=stored) as (session, _):
        assert isinstance(session.sandbox, FolderRuns)
        assert session.sandbox.put["data/mine.csv"].read_text() == "a,b\n"


async def test_what_the_user_adds_before_the_first_task_is_kept_and_handed_over(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("a,b\n")
    async with opened(tmp_path, [program("one")], ran("1\n")) as (session, _):
        await session.journal.added({"mine.csv": mine})
        session.notes.append("mine.csv is in the working folder.")
        await live(session, "Print the answer.", "APPROVE")
        assert session.journal.news() == []
        assert (session.record.task, session.notes) == ("Print the answer.", [])
    stored = kept(tmp_path)
    assert ([file.name for file in stored.files if file.added], len(stored.approvals)) == (["mine.csv"], 1)
    assert stored.messages[0].content == "mine.csv is in the working folder.\n\nPrint the answer."
    assert (stored.info.task, stored.approvals[0].folder) == ("Print the answer.", "approved/01-answer")


async def test_a_fresh_conversation_stays_fresh_when_the_session_is_taken_up(tmp_path: Path) -> None:
    async with opened(tmp_path, [program("one"), program("two")], ran("1\n"), ran("2\n")) as (session, _):
        await live(session, "Print one.", "APPROVE")
        session.forget()
        await live(session, "Print two.", "APPROVE")
    stored = kept(tmp_path)
    assert [message.source for message in stored.messages].count("Fresh") == 1
    async with opened(tmp_path, [program("three")], ran("3\n"), resumed=stored) as (session, endpoint):
        assert session.record.newest is not None
        assert session.record.newest.code.strip() == "two"
        await live(session, "Print three.", "APPROVE")
    assert endpoint.requests[0].texts[1] == "Print two."
    assert "Print one." not in str(endpoint.requests[0].texts)


async def test_old_sessions_are_deleted_when_a_session_opens_if_that_is_asked_for(tmp_path: Path) -> None:
    for name, days in (("20200101-000000-aaaa", 0), ("20260901-120000-abcd", 30)):
        async with opened(tmp_path, [program("one")], ran("1\n"), name=name, days=days) as (session, _):
            await live(session, "Print one.", "APPROVE")
        if not days:
            connection = sqlite3.connect(tmp_path / "history.db")
            connection.execute("UPDATE session SET updated = 1000")
            connection.commit()
            connection.close()
    with closing(Store.read_only(tmp_path / "history.db")) as store:
        assert [each.id for each in list_sessions(store)] == ["20260901-120000-abcd"]
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == ["20260901-120000-abcd"]
