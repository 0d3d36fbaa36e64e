"""Sessions as files: JSON (everything), Markdown (to read), a notebook (to run) or a page; and a name that is free."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from history.records import SessionInfo, StoredSession
from history.report import data_of, render_report
from history.steps import WORKED, Ran, Step, steps_of
from sandbox.languages import find_language
from utils.free_path import free_path
from utils.text import counted, duration, fenced, sanitize, shorten

FORMATS = {"html": ".html", "md": ".md", "ipynb": ".ipynb", "json": ".json"}
_MOST_OUTPUT = 20_000  # characters of one output in a text to read


def export_text(session: StoredSession, workspace: Path, kind: str) -> str:
    """Return the session in the format, one of FORMATS; pictures and tables come from the session's folder in the workspace."""
    folder = workspace / "sessions" / session.info.id
    if kind == "html":
        from history.handover import plan, run_lines  # these import the engine's client, and the list of sessions does not wait for it

        planned = plan(session, folder) if session.approvals else None
        lines = run_lines(session, planned, Path(session.approvals[-1].folder).name) if planned else []
        again = [("Again, in a fresh container and without a model", f"python main.py replay {session.info.id}")] if lines else []
        return render_report(session, folder, [*lines, *again])
    if kind == "ipynb":
        return as_notebook(session, folder)
    return as_json(session) if kind == "json" else as_markdown(session)


def free_name(info: SessionInfo, kind: str) -> Path:
    """Return a name in the current folder that nothing has yet, made of the session's name or ID."""
    stem = re.sub(r"[^\w.-]+", "-", info.name).strip("-.") or info.id
    return free_path(Path(f"{stem}{FORMATS[kind]}"))


def list_json(infos: list[SessionInfo]) -> list[dict[str, Any]]:
    """Describe sessions as the list shows them."""
    return [
        {
            "id": info.id,
            "name": info.name,
            "started": info.started,
            "updated": info.updated,
            "task": info.task,
            "status": info.status,
            "attempts": info.attempts,
            "messages": info.turns,
            "tokens": info.prompt_tokens + info.completion_tokens,
            "cost": info.cost,
            "model": info.model,
        }
        for info in infos
    ]


def session_json(session: StoredSession) -> dict[str, Any]:
    """Describe everything that is kept of a session; `id`, `task`, `status` and the like stand at the top, as in the list."""
    parts = asdict(session)
    info = parts.pop("info")
    listed = list_json([session.info])[0]
    return {**listed, "session": info, **{name: list(rows) for name, rows in parts.items()}}


def as_json(session: StoredSession) -> str:
    """Write everything that is kept of a session; in ASCII, so that nothing in it can steer a terminal."""
    return json.dumps(session_json(session), indent=2) + "\n"


def as_markdown(session: StoredSession) -> str:
    """Write the conversation to be read; nothing in it can steer a terminal."""
    info = session.info
    programs = counted(info.attempts, "program")
    facts = [info.status, programs, f"{info.prompt_tokens + info.completion_tokens:,} tokens", info.model, info.image]
    parts = [f"# {_first_line(info.task)}", f"Session {info.id} · " + " · ".join(filter(None, facts))]
    for step in steps_of(session):
        parts += [f"## {step.number}. {step.name}: {step.title}", *_step_parts(step)]
    return sanitize("\n\n".join(part for part in parts if part) + "\n")


def as_notebook(session: StoredSession, folder: Path) -> str:
    """Write the conversation as a notebook (nbformat 4.5) whose cells are the programs; `folder` holds the session's files."""
    cells: list[dict[str, Any]] = [_words(f"# {_first_line(session.info.task)}\n\nSession {session.info.id} · {session.info.status}")]
    for step in steps_of(session):
        words = f"**{step.name}**: {step.title}" + (f"\n\n{_quoted(step)}" if step.text else "")
        cells.append(_words(words))
        cells += [_program(ran, folder) for ran in step.ran]
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _first_line(task: str) -> str:
    first = next((line.strip() for line in task.splitlines() if line.strip()), "(no task)")
    return shorten(first, 200).replace("\n", " ")


def _step_parts(step: Step) -> Iterator[str]:
    yield _quoted(step)
    for ran in step.ran:
        sign = "✔" if ran.worked else "?" if ran.worked is None else "✘"
        yield f"Program {ran.attempt.number}: {sign} {ran.verdict}, {duration(ran.attempt.seconds)}"
        yield fenced(ran.attempt.code, ran.attempt.language)
        yield fenced(shorten(ran.attempt.output, _MOST_OUTPUT), "text") if ran.attempt.output.strip() else ""
        yield "Files: " + ", ".join(f"`{file.name}`" for file in ran.files) if ran.files else ""


def _quoted(step: Step) -> str:
    # What is not ours is quoted, so that a heading or a fence in it does not become one of ours.
    return "\n".join(f"> {line}".rstrip() for line in step.text.splitlines())


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": sanitize(text)}


def _program(ran: Ran, folder: Path) -> dict[str, Any]:
    attempt = ran.attempt
    language = find_language(attempt.language)
    if language is None or language.build is not None:
        return _words(fenced(attempt.code, attempt.language))
    source = attempt.code if language.name == "python" else f"%%script {language.run.tools[0]}\n{attempt.code}"
    outputs: list[dict[str, Any]] = []
    if attempt.output:
        outputs.append({"output_type": "stream", "name": "stdout", "text": sanitize(shorten(attempt.output, _MOST_OUTPUT))})
    if attempt.verdict != WORKED:
        outputs.append({"output_type": "stream", "name": "stderr", "text": f"{ran.verdict}\n"})
    for file in ran.files:
        picture = data_of(folder, file) if file.name.lower().endswith((".png", ".jpg", ".jpeg")) else ("", "")
        if picture[0]:
            outputs.append({"output_type": "display_data", "data": {picture[0]: picture[1]}, "metadata": {}})
    tags = {} if attempt.verdict == WORKED else {"tags": ["raises-exception"]}
    return {"cell_type": "code", "id": "", "metadata": tags, "source": source, "execution_count": attempt.number, "outputs": outputs}
