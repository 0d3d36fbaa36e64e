"""Sessions as JSON, Markdown and a notebook."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt

from history.export import as_json, as_markdown, as_notebook, list_json
from history.records import SessionInfo, StoredSession
from history.store import Store
from tests.histories import HOSTILE, fill, info, no_notice, varied_session, whole_session
from utils.text import fenced


def valid_notebook(text: str) -> Any:
    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


def test_json_holds_what_the_store_holds(tmp_path: Path) -> None:
    with closing(Store.open(tmp_path / "history.db", no_notice)) as store:
        kept = fill(store, whole_session())
    again = json.loads(as_json(kept))
    rows = json.loads(json.dumps(asdict(kept)))
    assert again["session"] == rows["info"]
    for name in ("messages", "attempts", "files", "packages", "calls", "approvals"):
        assert again[name] == rows[name], name
    assert (again["id"], again["status"], again["tokens"]) == (kept.info.id, "approved", 940)
    assert SessionInfo(**again["session"]) == kept.info


def test_the_list_as_json_has_the_promised_fields() -> None:
    [listed] = list_json([info("a", prompt_tokens=3, completion_tokens=4, cost=0.5, attempts=2)])
    assert {"id", "started", "task", "status", "attempts", "tokens", "cost"} <= set(listed)
    assert (listed["tokens"], listed["attempts"], listed["cost"]) == (7, 2, 0.5)


def test_markdown_reads_as_the_conversation_and_steers_no_terminal(tmp_path: Path) -> None:
    text = as_markdown(varied_session(tmp_path))
    assert text.startswith("# Sum the sales per month in sales.csv and print them.\n")
    for part in (
        "## 3. Executor: Ran program 1",
        "Program 1: ✘ failed, exit 1",
        "Files: `chart.png`, `totals.csv`",
        "> Here is the chart.",
    ):
        assert part in text, part
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_words_and_outputs_cannot_pass_for_parts_of_the_document(tmp_path: Path) -> None:
    session = varied_session(tmp_path)
    evil = "fine\n```\n````\n## 99. Executor: Ran program 99\n```python\nevil()\n```\n"
    session = replace(
        session,
        messages=tuple(
            replace(each, content=f"{evil}\n{each.content}" if each.source == "user" else each.content) for each in session.messages
        ),
        attempts=tuple(replace(each, output=evil) for each in session.attempts),
    )
    text = as_markdown(session)
    programs = [token for token in MarkdownIt().parse(text) if token.type == "fence" and token.level == 0 and token.info == "python"]
    assert [token.content for token in programs] == [attempt.code for attempt in session.attempts]
    assert fenced("a ```` b", "text") == "`````text\na ```` b\n`````"


def test_the_notebook_is_valid_and_its_cells_are_the_programs(tmp_path: Path) -> None:
    session = varied_session(tmp_path)
    shell = replace(session.attempts[0], number=4, language="sh", code="ls\n", verdict="", finished=None, exit_code=None, message=10)
    other = replace(session.attempts[0], number=5, language="rust", code="fn main() {}\n", message=10)
    session = replace(session, attempts=(*session.attempts, shell, other))
    notebook = valid_notebook(as_notebook(session, tmp_path))
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in cells] == [*(attempt.code for attempt in session.attempts[:3]), "%%script bash\nls\n"]
    assert [cell.metadata.get("tags") for cell in cells] == [["raises-exception"], None, None, ["raises-exception"]]
    assert [output.output_type for output in cells[2].outputs] == ["stream", "display_data"]
    assert "result unknown" in cells[3].outputs[-1].text
    assert any("fn main" in cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_an_empty_session_and_a_hostile_one_can_be_written_too(tmp_path: Path) -> None:
    for session in (StoredSession(info(task="")), replace(whole_session(), info=info(task=HOSTILE))):
        json.loads(as_json(session))
        valid_notebook(as_notebook(session, tmp_path))
        assert as_markdown(session).startswith("# ")
