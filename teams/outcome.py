"""One task as JSON: what was asked, tried and reached, and what it used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sandbox.verdicts import Verdict
from teams.record import Attempt, Record
from utils.docker_utils import Limits
from utils.errors import AppError
from utils.settings import Settings

Status = Literal["approved", "stopped", "failed", "error"]


def status_of(record: Record) -> Status:
    """Name how the present task ended; a task that was given up on after a failed run, or without any run, has failed."""
    ended = record.ended
    if ended is None or ended.status == "error":
        return "error"
    if ended.status == "approved":
        return "approved"
    last = record.last_run
    return "stopped" if ended.status == "interrupted" or (last is not None and last.verdict is Verdict.OK) else "failed"


def task_json(
    record: Record,
    settings: Settings,
    *,
    key: str,
    session: str,
    model: str,
    limits: Limits,
    seconds: float,
    output: str = "",
) -> dict[str, Any]:
    """Describe the task that has ended; `output` is what the approved program printed, `seconds` are of the whole task."""
    tokens = record.tokens
    used = (tokens.prompt_tokens, tokens.completion_tokens, tokens.calls) if tokens else (0, 0, 0)
    approved = record.approved
    return {
        "id": key,
        "session": session,
        "task": record.task,
        "status": status_of(record),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "output": output if approved else "",
        "files": [str(file.path) for file in record.files.values()],
        "packages": [str(package) for package in record.packages],
        "usage": dict(zip(("prompt_tokens", "completion_tokens", "model_calls"), used, strict=True)),
        "cost": settings.cost(*used[:2]),
        "seconds": round(seconds, 3),
        "model": model,
        "image": settings.image,
        "limits": limits_json(limits),
        "error": error_json(record.ended.error if record.ended else None),
    }


def error_json(error: AppError | None) -> Mapping[str, str] | None:
    """Describe an error."""
    return None if error is None else {"kind": error.kind, "message": error.message, "hint": error.hint}


def limits_json(limits: Limits) -> Mapping[str, Any]:
    """Describe the limits of one program: seconds, bytes, and numbers."""
    return {
        "timeout": limits.timeout,
        "memory": limits.memory,
        "cpus": limits.cpus,
        "pids": limits.pids,
        "network": limits.network,
        "output": limits.output,
        "disk": limits.disk,
    }


def _attempt(attempt: Attempt) -> Mapping[str, Any]:
    run = attempt.run
    program = {"language": attempt.program.language, "code": attempt.program.code}
    if run is None:
        return {**program, "exit_code": None, "verdict": "unknown", "seconds": None, "output": ""}
    return {
        **program,
        "exit_code": run.exit_code,
        "verdict": run.verdict.value,
        "seconds": round(run.seconds, 3),
        "output": run.output,
    }
