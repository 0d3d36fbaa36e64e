"""A terminal without control codes: the kernel edits the line, and input is read only for a question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from cli.input.keyboard import PROMPT, OpenQuestion
from cli.output.screen import Screen
from utils.platform import LineInput


class PlainTerminalKeyboard:
    """Lines as the kernel hands them over.

    The terminal is read only while a question is open: an editor that runs in between has it to itself, and what was typed before a
    question is still in the kernel when the question comes, so it is known to be older.
    """

    is_terminal = True

    def __init__(self, stream: TextIO, screen: Screen) -> None:
        """Take the stream to read, and the screen for the prompt."""
        self._encoding = stream.encoding or "utf-8"
        self._input = LineInput(stream)
        self._screen = screen
        self._begun = b""  # a line whose end has not come yet
        self._question = OpenQuestion()
        self._ended = False  # while no question was open

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        """Return the next line without its end, or None at the end of input."""
        shown.set()
        self._screen.raw(f"[{suggestion}] {PROMPT}" if suggestion else PROMPT)
        line = await self._next_line()
        return None if line is None else line.rstrip("\r\n") or suggestion

    def interrupt(self) -> bool:
        """End the open question with InterruptedAtPrompt; False if there is none."""
        return self._question.interrupt()

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Do nothing: the terminal itself echoes what is typed."""
        yield

    def set_aside(self) -> None:
        """Drop the lines typed so far, and say so."""
        while self._input.is_ready():
            line = self._take()
            if line is None:
                continue
            if not line:
                self._ended = True
                return
            if line.strip():
                self._screen.print(f"(typed before the question, not used: {line.rstrip()})")

    async def _next_line(self) -> str | None:
        while not self._ended:
            try:
                await self._question.wait(self._input.wait())
            except (OSError, ValueError):  # the stream is closed
                return None
            line = self._take()
            if line is not None:
                return line or None
        self._ended = False
        return None

    def _take(self) -> str | None:
        """Return the line that is ready, "" at the end of input, or None if the line has not ended yet."""
        try:
            piece = self._input.take()
        except OSError:  # the terminal is gone
            piece = b""
        self._begun += piece
        if piece and not self._begun.endswith(b"\n"):
            return None
        line, self._begun = self._begun, b""
        return line.decode(self._encoding, errors="replace")
