"""Completion at the prompt: slash commands, and paths after those that take one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

_TAKE_PATHS = ("/save", "/add")


class CommandCompleter(Completer):
    """Completes a slash command at the start of a line, and the path after /save and /add."""

    def __init__(self, commands: Sequence[tuple[str, str]]) -> None:
        """Take for each command how it is typed and what it does."""
        self._paths = PathCompleter(expanduser=True)
        self._commands = [(usage.partition(" ")[0], meaning) for usage, meaning in commands]

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions of what is before the cursor."""
        text = document.text_before_cursor
        if not text.startswith("/") or "\n" in text:
            return
        word, space, argument = text.partition(" ")
        if not space:
            for command, meaning in self._commands:
                if command.startswith(word):
                    yield Completion(command, start_position=-len(word), display_meta=meaning)
        elif word in _TAKE_PATHS:
            yield from self._paths.get_completions(Document(argument, len(argument)), complete_event)
