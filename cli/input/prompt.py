"""The prompt: what the user types, Ctrl-C and the end of input, and the signals that stop a step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.text import Text

from cli.input.demo_lines import DemoLines
from cli.input.keyboard import PROMPT, InterruptedAtPrompt, Keyboard
from cli.output.screen import QUIET_STYLE, Screen
from utils.platform import signals
from utils.text import whole_characters

_MEANT = {**dict.fromkeys(("?", "/", "/?", "help"), "/help"), **dict.fromkeys(("q", "quit", "exit", "bye"), "/exit")}


def command_in(typed: str) -> str:
    """Return the slash command that is typed, or that is meant by words for help or to leave; "" for text.

    Only a slash followed by letters is a command: "/tmp/x should be used" is feedback.
    """
    line = _MEANT.get(typed.strip().lower(), typed.strip())
    word = line.partition(" ")[0]
    return line if word.startswith("/") and word[1:].isalpha() and "\n" not in line else ""


class Prompt:
    """Reads what the user types, and knows whether the user is leaving or has interrupted."""

    def __init__(self, keyboard: Keyboard, screen: Screen, status: Callable[[], str], demo: DemoLines | None = None) -> None:
        """Take where lines come from, the screen, the text of the row below the prompt, and the demo's lines if this is a demo."""
        self.leaving = False
        self.interrupted = False
        self.shown = asyncio.Event()
        """Set once the first prompt is visible."""
        self.echoes = False
        """Whether what is read is shown, if it comes from a pipe or a script: a terminal shows it as it is typed."""
        self.answered = asyncio.get_running_loop().time()
        """When the user last typed something, by the loop's clock."""
        self._keyboard = keyboard
        self._screen = screen
        self._status = status
        self._demo = demo
        self._loop = asyncio.get_running_loop()
        self._cancel_step: Callable[[], object] | None = None
        self._pressed = False

    @property
    def is_terminal(self) -> bool:
        """Whether there is a user who can be asked back."""
        return self._keyboard.is_terminal

    @property
    def in_step(self) -> bool:
        """Whether a step runs that Ctrl-C would stop."""
        return self._cancel_step is not None

    async def read(self, *, until: asyncio.Future[Any] | None = None, suggests: bool = True) -> str | None:
        """Return what is typed, or None if nothing was: at Ctrl-C, or at the end of input, which sets `leaving`.

        If `until` fails first, its exception is raised.
        """
        suggestion = self._demo.suggestion() if self._demo and suggests else ""
        if self.is_terminal:
            self._screen.print("")  # so that what the user says is found again
        reading = asyncio.ensure_future(self._keyboard.read(self._status, suggestion, self.shown))
        try:
            await _first_of(reading, until)
            typed = await reading
        except InterruptedAtPrompt as interrupt:
            self._pressed &= not interrupt.typed
            if self.leaving or not interrupt.cleared:
                self._on_interrupt_at_prompt()
            return None
        finally:
            reading.cancel()
            self.answered = self._loop.time()
        self._pressed = False
        typed = None if typed is None else whole_characters(typed)
        if typed is None:
            self.leaving = True
        elif self._demo and suggests and typed.strip() and not command_in(typed):
            self._demo.taken()
        if typed is not None and self.echoes and not self.is_terminal:
            self.echo(typed)
        return typed

    def echo(self, text: str) -> None:
        """Show what the user said if no terminal has shown it as it was typed."""
        self._screen.print("")
        self._screen.bar(Text.assemble((PROMPT, "bold green")), text)

    def set_aside(self) -> None:
        """Keep anything typed so far from answering the next question."""
        self._keyboard.set_aside()

    def signals(self) -> AbstractContextManager[None]:
        """Take Ctrl-C as "stop this step", and a request to end as "stop and leave"."""
        return signals(self._on_interrupt, self._on_terminate)

    @contextmanager
    def step(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Run a step that Ctrl-C stops by calling `cancel`."""
        outer, self._cancel_step = self._cancel_step, cancel
        try:
            yield
        finally:
            self._cancel_step = outer
            self.set_aside()

    def _on_interrupt_at_prompt(self) -> None:
        if self._pressed or self.leaving or not self.is_terminal:
            self.interrupted = self.leaving = True
            return
        self._pressed = True
        self._screen.print(Text("Press Ctrl-C again to quit.", style=QUIET_STYLE))

    def _on_interrupt(self) -> None:
        # A question is asked inside a step, and Ctrl-C there is for the question.
        if not self._keyboard.interrupt() and self._cancel_step is not None:
            self._cancel_step()

    def _on_terminate(self) -> None:
        self.interrupted = self.leaving = True
        self._on_interrupt()


async def _first_of(reading: asyncio.Future[str | None], until: asyncio.Future[Any] | None) -> None:
    """Wait for the line; raise the other future's exception if it fails first."""
    if until is None:
        return
    either: set[asyncio.Future[Any]] = {reading, until}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if until.done() and until.exception() is not None:
        reading.cancel()
        await asyncio.wait({reading})
        until.result()
