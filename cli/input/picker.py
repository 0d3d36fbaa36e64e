"""Chooses a session in a terminal: arrows move, Space previews, / searches, Enter takes, Esc leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from prompt_toolkit import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, ConditionalContainer, FormattedTextControl, HSplit, Layout, VSplit, Window

from cli.output.sessions import fitted, session_lines
from history.records import HistoryError, StoredSession
from history.resuming import story
from history.search import Found
from utils.text import sanitize

_ROWS = 12
_WIDEST = 400  # columns of a line, before it is cut to those of the window
_HELP = "↑↓ · Enter resume · Space preview · / search · Esc quit"


class Picker:
    """The list, the search and the preview; `chosen` is the ID of the session that was taken."""

    def __init__(self, found: Sequence[Found], read: Callable[[str], StoredSession]) -> None:
        """Take the sessions, the newest first, and what reads one of them."""
        self._all = list(found)
        self._lines = [sanitize(line) for line in session_lines([Found(each.info) for each in self._all], width=_WIDEST)]
        self._read = read
        self._at = 0
        self._preview: list[str] = []
        self._searching = False
        self._search = Buffer(on_text_changed=lambda _: self._moved(0))

    def application(self, **options: Any) -> Application[str | None]:
        """Make what shows the list and takes the keys; it returns the ID of the session, or None."""
        rows = Window(FormattedTextControl(self._rows), height=min(_ROWS, max(1, len(self._all))), wrap_lines=False)
        prompt = VSplit([Window(FormattedTextControl("/ "), width=2), Window(BufferControl(self._search), height=1)])
        searching = Condition(lambda: self._searching)
        preview = ConditionalContainer(
            Window(FormattedTextControl(self._preview_text), wrap_lines=True), Condition(lambda: bool(self._preview))
        )
        body = HSplit(
            [
                rows,
                ConditionalContainer(prompt, searching | Condition(lambda: bool(self._search.text))),
                preview,
                Window(FormattedTextControl([("class:hint", _HELP)]), height=1),
            ]
        )
        return Application(Layout(body, focused_element=self._search), key_bindings=self._keys(searching), erase_when_done=True, **options)

    def _keys(self, searching: Condition) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("up")
        @keys.add("c-p")
        def _up(event: KeyPressEvent) -> None:
            self._moved(-1)

        @keys.add("down")
        @keys.add("c-n")
        def _down(event: KeyPressEvent) -> None:
            self._moved(1)

        @keys.add("enter")
        def _take(event: KeyPressEvent) -> None:
            matching = self._matching()
            event.app.exit(result=self._all[matching[self._at]].info.id if matching else None)

        @keys.add("c-c")
        @keys.add("c-d")
        @keys.add("escape", eager=True)
        def _leave(event: KeyPressEvent) -> None:
            event.app.exit(result=None)

        @keys.add("/", filter=~searching)
        def _begin_search(event: KeyPressEvent) -> None:
            self._searching = True

        @keys.add(" ", filter=~searching)
        def _show(event: KeyPressEvent) -> None:
            self._preview = [] if self._preview else self._previewed()

        @keys.add("<any>", filter=~searching)
        def _ignore(event: KeyPressEvent) -> None:
            """Keys mean nothing here unless a search has begun."""

        return keys

    def _matching(self) -> list[int]:
        words = self._search.text.casefold().split()
        return [place for place, line in enumerate(self._lines) if all(word in line.casefold() for word in words)]

    def _moved(self, by: int) -> None:
        self._at = max(0, min(self._at + by, len(self._matching()) - 1)) if by else 0
        self._preview = self._previewed() if self._preview else []

    def _previewed(self) -> list[str]:
        matching = self._matching()
        if not matching:
            return []
        try:
            return [sanitize(line) for line in story(self._read(self._all[matching[self._at]].info.id))]
        except HistoryError as error:
            return [sanitize(error.message)]

    def _rows(self) -> StyleAndTextTuples:
        matching = self._matching()
        if not matching:
            return [("", "No session contains these words.")]
        first = max(0, min(self._at - _ROWS // 2, len(matching) - _ROWS))
        width = shutil.get_terminal_size().columns - 3
        rows: StyleAndTextTuples = []
        for number, place in enumerate(matching[first : first + _ROWS], first):
            chosen = number == self._at
            rows.append(("reverse" if chosen else "", f"{'›' if chosen else ' '} {fitted(self._lines[place], width)}"))
            rows.append(("", "\n"))
        return rows[:-1]

    def _preview_text(self) -> StyleAndTextTuples:
        return [("", "\n" + "\n".join(self._preview))]


def pick(found: Sequence[Found], read: Callable[[str], StoredSession]) -> str | None:
    """Let the user choose a session; None if the user chooses none."""
    if not found:
        raise HistoryError("there is no session to resume", "start one with `python main.py`")
    return Picker(found, read).application().run()
