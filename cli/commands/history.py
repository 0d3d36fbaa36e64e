"""The sessions that are kept: listed, searched, shown, exported, deleted."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from cli.output.sessions import nothing_found, session_lines, terminal_width
from cli.streams import print_out, tell
from history.export import FORMATS, as_json, as_markdown, export_text, free_name, list_json
from history.records import HistoryError, SessionInfo
from history.search import Found, find_session, index, list_sessions, search_sessions
from history.store import DATABASE, Store
from utils.errors import ExitStatus, UsageError
from utils.settings import Settings
from utils.words import says_yes

_SHOWN = 30  # sessions in a list
_SPAN = re.compile(r"(\d+)\s*([hdwmy])")
_DAYS = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.0, "y": 365.0}


@dataclass(frozen=True)
class HistoryOptions:
    """What the command line says after `history`."""

    words: Sequence[str] = ()
    json: bool = False
    format: str = ""
    output: str = ""
    older: str = ""
    all: bool = False
    yes: bool = False


def history(settings: Settings, options: HistoryOptions) -> ExitStatus:
    """List, show, export or delete sessions; raises AppError."""
    actions: dict[str, Callable[[Store, Settings, HistoryOptions, Sequence[str]], None]]
    actions = {"show": _show, "export": _export, "delete": _delete}
    first = options.words[0] if options.words else ""
    work, words = (actions[first], options.words[1:]) if first in actions else (_list, options.words)
    try:
        with closing(Store.read_only(settings.workspace / DATABASE)) as store:
            _index_many(store)
            work(store, settings, options, words)
    except HistoryError as error:
        if not (work is _list and options.json and "no history yet" in error.message):
            raise
        print_out(json.dumps([]))
    return ExitStatus.DONE


def days_of(text: str) -> float:
    """Read a span such as 30d, 12h, 4w, 6m or 1y as days; UsageError if it is none."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"--older {text}: this is not a span of time", "use a number and h, d, w, m or y, such as 30d", kind="usage")
    return int(match[1]) * _DAYS[match[2]]


def _list(store: Store, settings: Settings, options: HistoryOptions, words: Sequence[str]) -> None:
    most = -1 if options.all or options.json else _SHOWN
    if words:
        found = search_sessions(store, words, most if most >= 0 else sys.maxsize)
    else:
        found = [Found(info) for info in list_sessions(store, most, before=_before(options))]
    if options.json:
        sys.stdout.write(json.dumps(list_json([each.info for each in found]), indent=2) + "\n")
        return
    if not found:
        print_out("There is no session to list." if options.older else nothing_found(words))
        return
    print_out("\n".join(session_lines(found, width=terminal_width())))
    if len(found) == most:
        print_out(f"The newest {most} are shown; --all shows all.")


def _before(options: HistoryOptions) -> float | None:
    return time.time() - days_of(options.older) * 86400 if options.older else None


def _show(store: Store, settings: Settings, options: HistoryOptions, words: Sequence[str]) -> None:
    session = store.read(_the_one(store, words, "show").id)
    sys.stdout.write(as_json(session) if options.json else as_markdown(session))


def _export(store: Store, settings: Settings, options: HistoryOptions, words: Sequence[str]) -> None:
    info = _the_one(store, words, "export")
    kind = options.format or ("json" if options.json else Path(options.output).suffix.lstrip(".") or "html")
    if kind not in FORMATS:
        raise UsageError(f"there is no format {kind!r}", f"formats are {', '.join(FORMATS)}", kind="usage")
    text = export_text(store.read(info.id), settings.workspace, kind)
    if options.output == "-":
        sys.stdout.write(text)
        return
    path = Path(options.output).expanduser() if options.output else free_name(info, kind)
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "name another file with -o, or -o - for standard output") from error
    print_out(str(path))


def _delete(store: Store, settings: Settings, options: HistoryOptions, words: Sequence[str]) -> None:
    from history.removal import remove_session

    chosen = list_sessions(store, before=_before(options)) if options.older and not words else [_the_one(store, words, "delete")]
    if not chosen:
        print_out("There is nothing to delete.")
        return
    print_out("\n".join(session_lines([Found(info) for info in chosen], width=terminal_width())))
    what = "this session and its files" if len(chosen) == 1 else f"these {len(chosen)} sessions and their files"
    if not options.yes and not _agreed(f"Delete {what}? y/N "):
        print_out("Nothing was deleted.")
        return
    with closing(Store.open(store.path, tell)) as writing:
        for info in chosen:
            try:
                remove_session(writing, settings.workspace, info.id)
            except HistoryError as error:
                tell(f"Not deleted: {error.message}.")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal in which to ask before sessions are deleted", "add --yes", kind="usage")
    sys.stdout.write(question)
    sys.stdout.flush()
    return says_yes(sys.stdin.readline())


def _the_one(store: Store, words: Sequence[str], action: str) -> SessionInfo:
    if not words:
        raise UsageError(f"which session? history {action} ID", "`python main.py history` lists them; `last` is the newest", kind="usage")
    return find_session(store, " ".join(words))


def _index_many(store: Store) -> None:
    unindexed = store.connection.execute("SELECT COUNT(*) FROM unindexed").fetchone()[0]
    if unindexed > _SHOWN:
        # Without it, search looks at what is not indexed.
        with suppress(HistoryError), closing(Store.open(store.path, busy=0.1)) as writing:
            index(writing, 2)
