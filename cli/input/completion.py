"""Completion at the prompt: slash commands, paths after those that take one, and paths after @."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

_TAKE_PATHS = ("/save", "/add")


_MENTION = re.compile(r"(?:^|\s)@(\S*)$")


def opens_menu(text: str) -> bool:
    """Tell whether completions are shown as the user types: at a slash command, and at a path after @."""
    return (text.startswith("/") and not any(c.isspace() for c in text)) or _MENTION.search(text) is not None


class CommandCompleter(Completer):
    """Completes a slash command at the start of a line, the path after /save and /add, and a path after @ anywhere."""

    def __init__(self, commands: Sequence[tuple[str, str]]) -> None:
        """Take for each command how it is typed and what it does."""
        self._paths = PathCompleter(expanduser=True)
        self._commands = [(usage.partition(" ")[0], meaning) for usage, meaning in commands]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions of what is before the cursor."""
        text = document.text_before_cursor
        mention = _MENTION.search(text)
        if mention is not None:
            yield from self._paths.get_completions(Document(mention[1], len(mention[1])), complete_event)
        if not text.startswith("/") or "\n" in text:
            return
        word, space, argument = text.partition(" ")
        if not space:
            for command, meaning in self._commands:
                if command.startswith(word):
                    yield Completion(command, start_position=-len(word), display_meta=meaning)
        elif word in _TAKE_PATHS:
            yield from self._paths.get_completions(Document(argument, len(argument)), complete_event)
