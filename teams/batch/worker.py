"""What a Dask worker does for a batch: one task in a child process, so that nothing a task does ends the worker."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from utils.platform import apart, python_with_us

ROOT = Path(__file__).parents[2]
_POLL_SECONDS = 0.5
_PATIENCE = 30.0  # seconds that a child has to remove its container when it is asked to end
_MOST_SAID = 4000  # characters of what a child writes about itself that are kept
_LAYERS = ("agents", "cli", "history", "sandbox", "teams", "utils")


@cache
def fingerprint() -> str:
    """Return a few characters that are the same if the program is the same."""
    digest = hashlib.sha256()
    for file in sorted([ROOT / "main.py", *(file for name in _LAYERS for file in (ROOT / name).glob("**/*.py"))]):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def run_task(task: str, arguments: Sequence[str], changes: Mapping[str, str], signals: str, *, first: bool, known: str) -> dict[str, Any]:
    """Run a task on this machine, with this machine's engine and key, and return `result`, or `unfit`: why no task can run here.

    `changes` are settings, by the names of their variables; `signals` names the events by which a batch is stopped and hears that the
    first task was answered; `known` is the fingerprint of the program that asks.
    """
    from distributed import Event, get_client, get_worker

    here = str(get_worker().address)
    if known != fingerprint():
        why = _error("version", "the program there is another version", f"update it in {ROOT} on that machine, and restart the worker")
        return {"worker": here, "unfit": why}
    client = get_client()
    stop, answered = Event(f"{signals}-stop", client=client), Event(f"{signals}-answered", client=client)
    child = _start([*arguments, *(["--events"] if first else [])], changes)
    with child, _ended_at(stop, child):
        said: list[bytes] = []
        reading = threading.Thread(target=_read, args=(child, said))
        reading.start()
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(task.encode("utf-8", "replace"))
            child.stdin.close()
        result = None
        for event in _events(child):
            if "type" not in event:
                result = event
            elif first and event["type"] == "TextMessage" and event.get("source") == "CodeGeneratorAgent":
                answered.set()
        reading.join()
        status = child.wait()
    return _outcome(here, result, status, b"".join(said).decode("utf-8", "replace"))


def _start(arguments: Sequence[str], changes: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # The child dies with the worker's thread that started it, where the system sees to it, and its container with the child.
    command = [*python_with_us(), str(ROOT / "main.py"), "run", "-", "--json", "--quiet", *arguments]
    pipe = subprocess.PIPE
    environment = {**os.environ, **changes}
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, env=environment, **apart())


def _outcome(here: str, result: Mapping[str, Any] | None, status: int, said: str) -> dict[str, Any]:
    if result is not None:
        return {"worker": here, "result": result}
    lines = said.strip()[-_MOST_SAID:].splitlines() or [f"the program ended with status {status} and said nothing"]
    message = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[-1])
    hint = next((line.removeprefix("  → ") for line in lines if line.startswith("  → ")), "")
    if status in (2, 3, 4):  # a setting, a key or an engine is not as it has to be on this machine
        return {"worker": here, "unfit": _error({2: "setting", 3: "model", 4: "engine"}[status], message, hint)}
    return {"worker": here, "error": _error("child", message, hint)}


def _error(kind: str, message: str, hint: str) -> dict[str, str]:
    return {"kind": kind, "message": message, "hint": hint}


def _events(child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert child.stdout is not None
    for line in child.stdout:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                yield event


def _read(child: subprocess.Popen[bytes], said: list[bytes]) -> None:
    assert child.stderr is not None
    for line in child.stderr:
        said.append(line[:_MOST_SAID])
        del said[:-20]


@contextlib.contextmanager
def _ended_at(stop: Any, child: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the child as soon as the batch is stopped, or the scheduler is gone."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_POLL_SECONDS):
            try:
                stopped = bool(stop.is_set())
            except Exception:  # whatever the library raises when nobody answers
                stopped = True
            if stopped:
                child.terminate()
                try:
                    child.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    child.kill()
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
