"""What the tests of batches share: a whole batch with real agents, a model on loopback and listed runs, and results made by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.commands.batch import BatchOptions, batch
from cli.wiring import Wiring
from sandbox.verdicts import ProgramRun
from teams.batch.loop import State
from teams.batch.tasks import BatchTask
from teams.session import Session
from tests.endpoint import ModelEndpoint
from tests.fakes import WaitForCancel, unused
from tests.talks import opens
from utils.errors import ExitStatus
from utils.settings import Settings, load_settings


def result(key: str, status: str = "approved", task: str = "count", **more: Any) -> dict[str, Any]:
    """Make a result by hand."""
    error = {"kind": "server", "message": "it failed", "hint": ""} if status == "error" else None
    return {"id": key, "status": status, "task": task, "error": error, "usage": {}, "cost": None, "seconds": 0.0, "attempts": [], **more}


@dataclass
class Seen:
    """A watch that notes what it is shown."""

    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def started(self, task: BatchTask) -> None:
        self.begun.append(task.key)

    def changed(self, task: BatchTask, state: State) -> None:
        pass

    def ended(self, task: BatchTask, result: Mapping[str, Any]) -> None:
        self.done.append(task.key)


def settings_for(folder: Path, **environment: str) -> Settings:
    return load_settings({"workspace": str(folder / "workspace"), "max_retries": "0"}, environment)


def run_batch(
    folder: Path,
    lines: str,
    endpoint: ModelEndpoint,
    *runs: ProgramRun | Exception | WaitForCancel,
    name: str = "tasks.txt",
    settings: Settings | None = None,
    opened: Callable[[Session], None] = lambda session: None,
    **options: Any,
) -> ExitStatus:
    """Run a batch of these lines; each session's programs end as listed. Results are in `out.jsonl`."""
    (folder / name).write_text(lines, "utf-8")

    @asynccontextmanager
    async def open_sessions(
        settings: Settings, jobs: int, notify: Callable[[str], None]
    ) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Session]]]:
        yield lambda: opens(endpoint, *runs, opened=opened)(settings, notify, None)

    wiring = Wiring(unused, lambda settings: "test-model", list, unused, open_sessions)
    chosen = BatchOptions(str(folder / name), **{"output": folder / "out.jsonl", **options})
    return batch(settings or settings_for(folder), wiring, chosen)


def results_of(folder: Path, name: str = "out.jsonl") -> list[dict[str, Any]]:
    """Read the results; every line has to be whole."""
    text = (folder / name).read_text("utf-8")
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def write_results(folder: Path, results: Sequence[Mapping[str, Any]], tail: str = "") -> None:
    """Write a file of results as an earlier batch left it."""
    (folder / "out.jsonl").write_text("".join(json.dumps(each) + "\n" for each in results) + tail, "utf-8")
