"""One session's conversation with the person: the questions, the interruptions, and how each task ended."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.text import Text

from cli.commands import help_lines, read_command
from cli.demo_lines import DemoLines
from cli.keyboard import InterruptedAtPrompt, Keyboard
from cli.screen import BAD_STYLE, QUIET_STYLE, Screen
from cli.session import Session
from utils.errors import AppError, ExitStatus
from utils.settings import Settings
from utils.text import sanitize
from utils.words import STOP, mentioned_words, spoken_word

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_core import CancellationToken

    from cli.transcript import Transcript

_QUESTION = "APPROVE accepts, STOP ends the task, anything else says what to change."


class Conversation:
    """Asks the person, shows the team's run, and stops a step on Ctrl-C; it is the Interaction that the wiring gets."""

    def __init__(self, settings: Settings, screen: Screen, keyboard: Keyboard, model: str, demo: DemoLines | None = None) -> None:
        """Take where to show, where to read, the model's name for the status line, and the demo's lines if it is a demo."""
        self.leaving = False
        self.progress = "starting …"
        self.ready_to_open = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._screen = screen
        self._keyboard = keyboard
        self._model = model
        self._demo = demo
        self._transcript: Transcript | None = None
        self._cancel_step: Callable[[], object] | None = None
        self._pressed_at_prompt = False
        self._interrupted = False
        self._unfinished = False

    def status(self) -> ExitStatus:
        """Return the exit status of the session so far: a terminal session is done when left, else the last task decides."""
        if self._interrupted:
            return ExitStatus.INTERRUPTED
        return ExitStatus.NOT_DONE if self._unfinished and not self._keyboard.is_terminal else ExitStatus.DONE

    # The session's course

    async def next_task(self, opening: asyncio.Future[Session]) -> str | None:
        """Return the next task, or None where the person leaves; raises AppError when a part that is being opened fails."""
        self.progress = self.progress if not opening.done() else ""
        while not self.leaving:
            typed = await self._read(opening)
            if typed is None or not typed.strip():
                continue
            if spoken_word(typed):
                self._notice(f"There is no task to {spoken_word(typed)} yet. Type a task, or /exit to leave.")
                continue
            return typed
        return None

    async def wait_for(self, opening: asyncio.Future[Session]) -> Session | None:
        """Wait until the session is ready, showing what is waited for; None where the person stops waiting."""
        waiting = asyncio.ensure_future(asyncio.wait({opening}))
        with self._step(waiting.cancel):
            try:
                while not waiting.done():
                    self._screen.show(Text(f"{self.progress} · Ctrl-C stops waiting", style=QUIET_STYLE))
                    await asyncio.wait({waiting}, timeout=0.2)
            finally:
                waiting.cancel()
                self._screen.show()
        if not opening.done():
            self._notice("Stopped.")
            return None
        return opening.result()

    async def converse(self, session: Session, task: str) -> None:
        """Give the task to the team and show all that follows, until a word ends it, the person stops it, or the model fails."""
        from autogen_core import CancellationToken

        from cli.transcript import Transcript

        transcript = self._transcript = self._transcript or Transcript(self._screen)
        token = CancellationToken()
        self._unfinished = True
        transcript.begin()
        try:
            with self._step(token.cancel):
                async for event in session.team.run_stream(task, token):
                    transcript.show(event)
            transcript.end()
            self._unfinished = not transcript.show_ending()
        except asyncio.CancelledError:
            transcript.end()
            if not token.is_cancelled():
                raise
            self._notice("Stopped. The conversation so far is kept: say what to do instead.")
            self._interrupted = self._interrupted or not self._keyboard.is_terminal
            self.leaving = self.leaving or not self._keyboard.is_terminal
        except Exception as error:
            transcript.end()
            self._tell(session.explain(error))

    # Interaction: what the agents need of the person

    async def ask(self, prompt: str, cancellation_token: CancellationToken | None) -> str:
        """Ask for approval or feedback once all that was said is on the screen; leaving counts as STOP."""
        assert self._transcript is not None
        await self._transcript.caught_up.wait()
        if self._keyboard.is_terminal:
            self._screen.print("", Text(_QUESTION, style=QUIET_STYLE))
        while not self.leaving:
            typed = await self._read(cancellation_token=cancellation_token)
            if typed is None or not typed.strip():
                continue
            answer = await self._meant(typed, cancellation_token)
            if answer is not None:
                self._transcript.question_answered()
                return answer
        return STOP

    def notify(self, text: str) -> None:
        """Tell what is being waited for: in the status row of a terminal, else as a line on standard error."""
        if threading.current_thread() is not threading.main_thread():
            self._loop.call_soon_threadsafe(self.notify, text)  # an image is pulled in a thread
            return
        if text == self.progress:
            return
        self.progress = text
        if self._cancel_step is not None and self._screen.control_codes:
            self._screen.show(Text(sanitize(text), style=QUIET_STYLE))
        elif not self._screen.control_codes and not self._settings.quiet:
            sys.stderr.write(f"{sanitize(text)}\n")

    async def _meant(self, typed: str, token: CancellationToken | None) -> str | None:
        """Return the typed text as feedback or as the word it is; asks back where it holds a word among others."""
        word = spoken_word(typed)
        if word is not None:
            return word
        words = mentioned_words(typed)
        if not words or not self._keyboard.is_terminal:
            return typed
        choices = " or ".join(words)
        self._notice(f"Is that {choices}, or feedback? Type {choices} alone, or press Enter to send it as feedback.")
        again = await self._read(cancellation_token=token, empty="")
        if again is None:
            return None
        return spoken_word(again) or (again if again.strip() else typed)

    # Reading and interrupting

    async def _read(
        self,
        opening: asyncio.Future[Session] | None = None,
        cancellation_token: CancellationToken | None = None,
        empty: str | None = None,
    ) -> str | None:
        """Return one line typed, None where it was none (a command, Ctrl-C, the end); sets `leaving`."""
        suggestion = self._demo.suggestion() if self._demo and empty is None else ""
        reading = asyncio.ensure_future(self._keyboard.read(self._status_line, suggestion, self.ready_to_open))
        if cancellation_token is not None:
            cancellation_token.link_future(reading)
        try:
            await self._watch(reading, opening)
            typed = await reading
        except InterruptedAtPrompt:
            self._on_interrupt_at_prompt()
            return None
        finally:
            reading.cancel()
        self._pressed_at_prompt = False
        if typed is None:
            self.leaving = True
            return None
        if self._demo and typed.strip():
            self._demo.taken()
        return self._run_command(typed)

    async def _watch(self, reading: asyncio.Future[str | None], opening: asyncio.Future[Session] | None) -> None:
        """Wait for the line, but not longer than the parts that are being opened can still be had."""
        if opening is None or opening.done():
            return
        either: set[asyncio.Future[Any]] = {reading, opening}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if opening.done() and opening.exception() is not None:
            reading.cancel()
            await asyncio.wait({reading})
            opening.result()

    def _run_command(self, typed: str) -> str | None:
        command = read_command(typed)
        if command is None:
            return typed
        if command == "exit":
            self.leaving = True
        elif command == "help":
            self._screen.print(*help_lines())
        else:
            self._notice(command)
        return None

    def _on_interrupt_at_prompt(self) -> None:
        if self._pressed_at_prompt or not self._keyboard.is_terminal:
            self._interrupted = self.leaving = True
            return
        self._pressed_at_prompt = True
        self._notice("Press Ctrl-C again to leave.")

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Take Ctrl-C as "stop this step", and a request to end (SIGTERM, SIGHUP) as "stop and leave"."""
        handlers = {signal.SIGINT: self._on_interrupt, signal.SIGTERM: self._on_terminate, signal.SIGHUP: self._on_terminate}
        for number, handler in handlers.items():
            self._loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                self._loop.remove_signal_handler(number)

    @contextmanager
    def _step(self, cancel: Callable[[], object]) -> Iterator[None]:
        self._cancel_step = cancel
        try:
            yield
        finally:
            self._cancel_step = None

    def _on_interrupt(self) -> None:
        # A question stands inside a step: Ctrl-C there is for the question.
        if not self._keyboard.interrupt() and self._cancel_step is not None:
            self._cancel_step()

    def _on_terminate(self) -> None:
        self._interrupted = self.leaving = True
        if self._cancel_step is not None:
            self._cancel_step()
        else:
            self._keyboard.interrupt()

    # Saying

    def _status_line(self) -> str:
        return self.progress or f"{self._model} · {self._settings.image} · {self._settings.timeout} s · network {self._settings.network}"

    def _notice(self, text: str) -> None:
        self._screen.print(Text(text, style=QUIET_STYLE))

    def _tell(self, error: AppError) -> None:
        """Show an error and go on where a person sits there; else end with it."""
        if not self._keyboard.is_terminal:
            raise error
        self._screen.print(Text(f"error: {sanitize(error.message)}", style=BAD_STYLE))
        if error.hint:
            self._screen.print(Text(f"  → {sanitize(error.hint)}", style=QUIET_STYLE))
