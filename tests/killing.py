"""Sessions that are killed at every commit and at random moments, resumed, and compared with one that was not.

A session lives in a process of its own, forked from one that has everything imported. Its model is an endpoint in this process, which
answers by how much has been said, and its programs are listed runs that note that they ran.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from agents.events import Question, Reply
from history.opening import open_recording, take_up
from history.records import HistoryError, StoredSession
from history.store import Store
from main import open_team
from sandbox.verdicts import ProgramRun, Verdict
from teams.restoring import Spoken
from tests.asking import client_of
from tests.endpoint import Answer, ModelEndpoint
from tests.fakes import ListedRuns, program, ran
from utils.settings import load_settings

SESSION = "20260901-120000-dead"
TASK = "Print the answer."
ANSWERS = [program("one"), program("two"), "What do you mean by that?", program("three")]
RUNS = {"one": ran("ValueError: x\n", Verdict.FAILED, 1), "two": ran("2\n"), "three": ran("3\n")}
REPLIES = ["make it three", "the number", "APPROVE"]
_PARTS = ("autogen_ext.models.openai", "agents.models.resilient", "history.handover", "agents.models.client")
LONGEST = 120.0  # seconds until a session is given up


class NotedRuns(ListedRuns):
    """Runs that end as RUNS says, each noted in a file before and after."""

    def __init__(self, folder: Path, notes: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._work_dir = folder
        self.session = folder.name
        self._notes = notes

    async def run_block(
        self, block: CodeBlock, cancellation_token: CancellationToken, on_output: Any = None, *, name: str = "", files: Any = ()
    ) -> ProgramRun:
        code = block.code.strip()
        note(self._notes, f"start {code}")
        await asyncio.sleep(0.01)
        note(self._notes, f"end {code}")
        return replace(RUNS[code], language=block.language, code=block.code)


def note(path: Path, line: str) -> None:
    """Append a line that is there whatever happens to this process next."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def lines(path: Path) -> list[str]:
    """Return the lines of a file of notes."""
    return path.read_text().splitlines() if path.exists() else []


def live(url: str, workspace: Path, kill_at: int, before: bool) -> None:
    """Live the session to its end, or until it kills itself at a commit: number `kill_at`, just before or just after it."""
    commits = _die_at(kill_at, before)
    asyncio.run(_live(url, workspace))
    note(workspace / "commits", str(len(commits)))


def _die_at(kill_at: int, before: bool) -> list[float]:
    """Count the commits of this process, and end it at one of them."""
    original, done = Store.transaction, list[float]()

    @contextmanager
    def transaction(self: Store) -> Iterator[Any]:
        with original(self) as connection:
            yield connection
            done.append(time.time())
            if len(done) == kill_at and before:
                os.kill(os.getpid(), signal.SIGKILL)
        if len(done) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    Store.transaction = transaction  # type: ignore[method-assign]
    return done


async def _live(url: str, workspace: Path) -> None:
    settings = load_settings({"workspace": str(workspace)}, {})
    sandbox = NotedRuns(workspace / "sessions" / SESSION, workspace / "ran")
    stored = kept(workspace)
    async with client_of(SimpleNamespace(url=url)) as model, open_recording(settings, sandbox, ("p", "m"), stored) as journal:  # type: ignore[arg-type]
        session = open_team(settings, sandbox, model, journal)
        if stored is not None:
            await take_up(session, stored)
        if stored is not None and stored.unknown is not None:
            note(workspace / "words", stored.unknown.code.strip())  # the user's word: run it again
        replied = sum(message.source == "UserProxyAgent" for message in stored.messages) if stored else 0
        task = None if stored is not None and session.goes_on else TASK
        if stored is not None and stored.messages and not session.goes_on:
            return  # it had ended
        async for event in session.run(task):
            if isinstance(event, Spoken):
                note(workspace / "screen", event.id)
            if isinstance(event, Question):
                session.answer(event.key, Reply(text=REPLIES[replied]))
                replied += 1


def kept(workspace: Path) -> StoredSession | None:
    """Return what is kept of the session; None if nothing is."""
    try:
        store = Store.read_only(workspace / "history.db")
    except HistoryError:
        return None
    try:
        return store.read(SESSION)
    except HistoryError:
        return None
    finally:
        store.close()


@dataclass
class Killer:
    """Lets sessions live, kills them, and looks at what is left."""

    endpoint: ModelEndpoint
    reference: StoredSession | None = None
    requests: list[str] | None = None
    commits: int = 0

    def __post_init__(self) -> None:
        """Make the process that the sessions are forked from."""
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload([__name__, *_PARTS])

    def learn(self, folder: Path) -> None:
        """Live once without a kill: what is said, what the model is sent, and how many commits there are."""
        self._let_live(folder, 0, False, None)
        self.reference = kept(folder)
        self.requests = [json.dumps(request.body, sort_keys=True) for request in self.endpoint.requests]
        self.commits = int(lines(folder / "commits")[0])

    def kill_and_resume(self, folder: Path, kill_at: int = 0, before: bool = False, after_seconds: float | None = None) -> list[str]:
        """Kill a session, resume it until it has ended, and return what is wrong with it."""
        assert self.reference is not None
        assert self.requests is not None
        self.endpoint.requests.clear()
        self._let_live(folder, kill_at, before, after_seconds)
        stored = kept(folder)
        ids = {message.id for message in stored.messages} if stored else set()
        wrong = [f"seen and not kept: {each}" for each in lines(folder / "screen") if each not in ids]
        if self._let_live(folder, 0, False, None):
            return [*wrong, "the resumed session failed"]
        final = kept(folder)
        said = [(message.source, message.content) for message in final.messages] if final else []
        if said != [(message.source, message.content) for message in self.reference.messages]:
            wrong.append(f"said: {said}")
        for request in self.endpoint.requests:
            answered = sum(message["role"] == "assistant" for message in request.body["messages"])
            if json.dumps(request.body, sort_keys=True) != self.requests[answered]:
                wrong.append(f"the model was sent something else before answer {answered}")
        started = Counter(line.partition(" ")[2] for line in lines(folder / "ran") if line.startswith("start "))
        allowed = Counter(list(RUNS)) + Counter(lines(folder / "words"))
        wrong += [f"{code} ran {count} times" for code, count in started.items() if count > allowed[code]]
        wrong += [f"{code} never ran" for code in RUNS if not started[code]]
        if final is not None and final.info.status != "approved":
            wrong.append(f"status {final.info.status}")
        return wrong

    def _let_live(self, folder: Path, kill_at: int, before: bool, after_seconds: float | None) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        process = self._processes.Process(target=live, args=(self.endpoint.url, folder, kill_at, before))
        process.start()
        if after_seconds is not None:
            time.sleep(after_seconds)
            process.kill()
        process.join(LONGEST)
        if process.is_alive():
            process.kill()
            raise AssertionError("a session took too long")
        return process.exitcode or 0


def answer_due(body: dict[str, Any]) -> Answer:
    """Answer by how many answers the conversation holds already."""
    return Answer(ANSWERS[sum(message["role"] == "assistant" for message in body["messages"])])


def kill_many(folder: Path, count: int, say: Callable[[str], None] = lambda text: None, seed: int = 1) -> list[str]:
    """Kill so many sessions: at every commit, before and after it, and then at random moments; return what went wrong.

    Fewer than there are commits are spread over all of them.
    """
    random.seed(seed)
    wrong = []
    with ModelEndpoint([answer_due], repeat=True) as endpoint:
        killer = Killer(endpoint)
        killer.learn(folder / "reference")
        moments: list[dict[str, Any]] = [{"kill_at": number} for number in range(1, killer.commits + 1)]
        if count >= 3 * killer.commits:
            moments += [{"kill_at": number, "before": True} for number in range(1, killer.commits + 1)]
        moments += [{"after_seconds": random.uniform(0.0, 0.5)} for _ in range(count - len(moments))]
        moments = [moments[number * len(moments) // count] for number in range(count)]
        for number, moment in enumerate(moments, 1):
            found = killer.kill_and_resume(folder / f"killed-{number}", **moment)
            wrong += [f"{moment}: {each}" for each in found]
            if number % 20 == 0:
                say(f"{number} of {count} killed, {len(wrong)} wrong")
    return wrong


def main() -> int:
    """Kill 300 sessions, or as many as are asked for."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        wrong = kill_many(Path(folder), count, print)
    print(*(wrong or [f"{count} sessions killed: all were resumed as if nothing had happened"]), sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
