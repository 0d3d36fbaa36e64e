"""Renders a session as one HTML page: no script, nothing fetched, readable on a phone, in the dark and on paper."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from history.markup import changes, coloured, visible
from history.records import StoredFile, StoredSession
from history.steps import Ran, Step, steps_of
from utils.text import duration, one_line, size_text

SHOWN_LINES = 40
"""Lines of output that are shown; the others are folded."""

_MOST_OUTPUT = 20_000  # characters of one output on the page
_MOST_DIFF = 200  # lines of one difference
_MOST_PICTURE = 2 * 1024 * 1024  # bytes of one picture
_MOST_PICTURES = 20 * 1024 * 1024  # bytes of all of them
_TABLE_ROWS, _TABLE_COLUMNS, _MOST_TABLE = 20, 10, 20_000
_WAIT, _GAP, _LEAST = 6.0, 1.0, 0.3  # seconds: how wide a wait for the user, a pause and the shortest step are drawn
_PICTURES = {
    ".png": ("image/png", b"\x89PNG"),
    ".jpg": ("image/jpeg", b"\xff\xd8\xff"),
    ".jpeg": ("image/jpeg", b"\xff\xd8\xff"),
    ".gif": ("image/gif", b"GIF8"),
    ".webp": ("image/webp", b"RIFF"),
    ".svg": ("image/svg+xml", b""),
}
_LANES = (("generator", "Generator"), ("executor", "Executor"), ("other", "Others"), ("you", "You"))


@dataclass(frozen=True)
class Bar:
    """One step in the picture of the lanes; places are in per cent of its width."""

    step: Step
    left: float
    width: float
    wait: bool


@dataclass(frozen=True)
class Output:
    """What a program printed, as it is shown: its first lines, the folded others, and what is left out."""

    shown: str
    folded: str
    lines: int  # that are folded
    cut: int  # characters that are not on the page


def render_report(session: StoredSession, folder: Path, run_lines: Sequence[tuple[str, str]] = ()) -> str:
    """Return the page; `folder` holds the session's files, `run_lines` are what each command to run the program is for, and it."""
    steps = steps_of(session)
    pictures = _Pictures(folder)
    return template("report.html.j2").render(
        session=session,
        info=session.info,
        title=_title(session),
        date=time.strftime("%d %B %Y, %H:%M", time.localtime(session.info.started)),
        steps=steps,
        lanes=lanes_of(steps),
        work=sum(step.seconds for step in steps if step.who != "you"),
        wait=sum(step.seconds for step in steps if step.who == "you"),
        most_tokens=max((step.prompt_tokens + step.completion_tokens for step in steps), default=0),
        run_lines=run_lines,
        code=lambda ran: coloured(ran.attempt.code, ran.attempt.language),
        diff=_diff,
        output=output_of,
        picture=pictures.source,
        table=lambda file: read_table(folder, file),
        long=lambda text: text.count("\n") >= SHOWN_LINES,
    )


def template(name: str) -> Template:
    """Load a page's template, with the style sheet of all pages."""
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(here), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(visible=visible, duration=duration, size=size_text)
    return environment.get_template(name, globals={"css": Markup((here / "report.css").read_text("utf-8"))})


def lanes_of(steps: Sequence[Step]) -> list[tuple[str, str, list[Bar]]]:
    """Return the lanes that are used, each with its bars: time is their width, but waits for the user and pauses are drawn short."""
    drawn = [min(max(step.seconds, _LEAST), _WAIT) if step.who == "you" else max(step.seconds, _LEAST) for step in steps]
    gaps = [0.0] + [min(max(0.0, step.start - before.end), _GAP) for before, step in zip(steps, steps[1:], strict=False)]
    total = sum(drawn) + sum(gaps) or 1.0
    bars: dict[str, list[Bar]] = {who: [] for who, _ in _LANES}
    at = 0.0
    for step, width, gap in zip(steps, drawn, gaps, strict=False):
        at += gap
        bars[step.who].append(Bar(step, 100 * at / total, 100 * width / total, step.who == "you" and step.seconds > _LEAST))
        at += width
    return [(who, name, bars[who]) for who, name in _LANES if bars[who] or who != "other"]


def output_of(ran: Ran) -> Output:
    """Cut and fold what a program printed."""
    text = ran.attempt.output
    cut = ran.attempt.cut + max(0, len(text) - _MOST_OUTPUT)
    lines = text[:_MOST_OUTPUT].splitlines()
    return Output("\n".join(lines[:SHOWN_LINES]), "\n".join(lines[SHOWN_LINES:]), max(0, len(lines) - SHOWN_LINES), cut)


def read_table(folder: Path, file: StoredFile) -> list[list[str]]:
    """Return the cells of a small table in a file, its head first; nothing if it is none, or not small."""
    separator = {".csv": ",", ".tsv": "\t"}.get(Path(file.name).suffix.lower())
    data = _read(folder, file, _MOST_TABLE) if separator else None
    if data is None or separator is None:
        return []
    try:
        rows = list(csv.reader(io.StringIO(data.decode()), delimiter=separator))
    except (csv.Error, UnicodeDecodeError):
        return []
    small = 2 <= len(rows) <= _TABLE_ROWS and len({len(row) for row in rows}) == 1 and len(rows[0]) <= _TABLE_COLUMNS
    return rows if small else []


def data_of(folder: Path, file: StoredFile, most: int = _MOST_PICTURE) -> tuple[str, str]:
    """Return the media type of a picture and its data in base64; two empty texts if the file is none, has changed, or is too large."""
    kind, start = _PICTURES.get(Path(file.name).suffix.lower(), ("", b""))
    data = _read(folder, file, most) if kind else None
    return (kind, base64.b64encode(data).decode()) if data and data.startswith(start) else ("", "")


class _Pictures:
    """Hands out the pictures that programs made, as data, up to a total size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._left = _MOST_PICTURES

    def source(self, file: StoredFile) -> str:
        """Return the address of a picture, which holds all of it, or "" if it cannot be shown."""
        kind, data = data_of(self._folder, file, min(_MOST_PICTURE, self._left))
        self._left -= len(data)
        return f"data:{kind};base64,{data}" if kind else ""


def _read(folder: Path, file: StoredFile, most: int) -> bytes | None:
    """Return a file of the session as it was when it was kept; None if it is no longer there, is another one, or is too large."""
    path = folder / file.name
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > most:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == file.sha256 else None


def _diff(ran: Ran) -> Markup:
    lines = ran.diff()
    more = len(lines) - _MOST_DIFF
    return changes([*lines[:_MOST_DIFF], *([f"… {more} more lines …"] if more > 0 else [])])


def _title(session: StoredSession) -> str:
    first = next((line for line in session.info.task.splitlines() if line.strip()), "") or session.info.id
    return one_line(first, 120)
