"""Sessions as files: the text of each format, and a name that is free."""

from __future__ import annotations

import re
from pathlib import Path

from history.export import FORMATS, as_json, as_markdown, as_notebook
from history.handover import plan, run_lines
from history.records import SessionInfo, StoredSession
from history.report import render_report


def export_text(session: StoredSession, workspace: Path, kind: str) -> str:
    """Return the session in the format, one of FORMATS; pictures and tables come from the session's folder in the workspace."""
    folder = workspace / "sessions" / session.info.id
    if kind == "html":
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
    path = Path(f"{stem}{FORMATS[kind]}")
    number = 1
    while path.exists() or path.is_symlink():
        number += 1
        path = Path(f"{stem}-{number}{FORMATS[kind]}")
    return path
