"""Keyboards: what the user types at a terminal's prompt, or the lines of a pipe or of the demo's script."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeVar

from utils.platform import hushed

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.input import Input

PROMPT = "› "
T = TypeVar("T")
_END = "\x04"
_KEYS = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|.)?")  # keys that are not characters, and a terminal's own replies

# The menu has the terminal's own colours, which can be read in a light and in a dark theme.
_MENU = "fg:default bg:default noreverse"
_STYLES = {
    **{"user": "bold ansigreen", "placeholder": "dim", "bottom-toolbar": "noreverse dim"},
    **dict.fromkeys(("completion-menu", "completion-menu.completion", "scrollbar.background", "scrollbar.button"), _MENU),
    "completion-menu.meta.completion": f"{_MENU} dim",
    **dict.fromkeys(("completion-menu.completion.current", "completion-menu.meta.completion.current"), "fg:default bg:default reverse"),
}


class InterruptedAtPrompt(Exception):
    """The user pressed Ctrl-C at the prompt."""

    def __init__(self, *, typed: bool = False, cleared: bool = False) -> None:
        """Take whether anything was typed since the prompt appeared, and whether Ctrl-C cleared a half-typed line."""
        super().__init__()
        self.typed = typed
        self.cleared = cleared


class Keyboard(Protocol):
    """Where the user's lines come from."""

    is_terminal: bool
    """Whether there is a user who can be asked back."""

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        """Return what is typed next, or None at the end of input; raises InterruptedAtPrompt.

        `status` gives the row below the prompt, `suggestion` is what Enter alone takes, and `shown` is set once the prompt is visible.
        """

    def interrupt(self) -> bool:
        """End the open question with InterruptedAtPrompt; False if there is none."""

    def hushed(self) -> AbstractContextManager[None]:
        """Keep what is typed between two questions off the screen."""

    def set_aside(self) -> None:
        """Keep anything typed so far from answering the next question, which nobody has seen yet."""


class OpenQuestion:
    """The wait for an answer, which Ctrl-C may end."""

    def __init__(self) -> None:
        """Start while nothing is asked."""
        self._waiting: asyncio.Future[Any] | None = None
        self._interrupted = False

    async def wait(self, coming: Coroutine[Any, Any, T]) -> T:
        """Return what comes; raises InterruptedAtPrompt."""
        self._interrupted = False
        self._waiting = asyncio.ensure_future(coming)
        try:
            found: T = await self._waiting
        except asyncio.CancelledError:
            if self._interrupted:
                raise InterruptedAtPrompt from None
            raise
        finally:
            self._waiting = None
        return found

    def interrupt(self) -> bool:
        """End the wait with InterruptedAtPrompt; False if there is none."""
        if self._waiting is None:
            return False
        self._interrupted = True
        self._waiting.cancel()
        return True


class LineKeyboard:
    """Lines from a pipe.

    One daemon thread reads the stream, so nothing has to be joined at exit, a cancelled question loses no line, and the event loop never
    blocks.
    """

    is_terminal = False

    def __init__(self, stream: TextIO) -> None:
        """Take the stream to read."""
        self._stream = stream
        self._lines: asyncio.Queue[str | None] | None = None
        self._question = OpenQuestion()

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        """Return the next line without its end, or None at the end of input."""
        lines = self._started()
        shown.set()
        line = await self._question.wait(lines.get())
        if line is None:
            lines.put_nowait(None)  # the end stays the end, however often someone reads
            return None
        return line.rstrip("\r\n") or suggestion

    def interrupt(self) -> bool:
        """End the open question with InterruptedAtPrompt; False if there is none."""
        return self._question.interrupt()

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Do nothing: a pipe echoes nothing."""
        yield

    def set_aside(self) -> None:
        """Do nothing: the lines of a pipe answer questions that are still to come."""

    def _started(self) -> asyncio.Queue[str | None]:
        if self._lines is None:
            self._lines = asyncio.Queue()
            threading.Thread(target=self._pump, args=(asyncio.get_running_loop(), self._lines), daemon=True).start()
        return self._lines

    def _pump(self, loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None]) -> None:
        def put(line: str | None) -> None:
            # The loop may be closed while this thread still waits for a line.
            if not loop.is_closed():
                loop.call_soon_threadsafe(lines.put_nowait, line)

        try:
            for line in iter(self._stream.readline, ""):
                put(line)
        except (OSError, ValueError):
            pass
        put(None)


class TerminalKeyboard:
    """A prompt with line editing, history across sessions, and multi-line input by Alt+Enter or paste."""

    is_terminal = True

    def __init__(self, history: Path, commands: Sequence[tuple[str, str]] = (), *, vi: bool = False, colors: bool = True) -> None:
        """Take the file that keeps what was typed, the commands to complete, whether the keys are those of vi, and whether to use colours.

        If the file cannot be written, what was typed is kept for this session only.
        """
        self._vi = vi
        self._colors = colors
        self._history = history
        self._commands = commands
        self._prompts: PromptSession[str] | None = None
        self._suggestion = ""
        self._is_hushed = False
        self._ahead = ""
        self._typed = False  # anything since the prompt appeared
        self._shown = asyncio.Event()

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        """Return what is typed; Enter alone takes the suggestion."""
        from prompt_toolkit.formatted_text import FormattedText

        prompts = self._made()
        self._shown = shown
        self._suggestion = suggestion
        ahead, self._ahead = self._ahead, ""
        if ahead == _END:
            return None
        self._typed = False
        try:
            text = await prompts.prompt_async(
                [("class:user", PROMPT)],
                default=ahead,
                placeholder=lambda: FormattedText([("class:placeholder", _suggested(suggestion))]),
                bottom_toolbar=lambda: status() or None,
                refresh_interval=0.5,
                prompt_continuation=" " * len(PROMPT),
                handle_sigint=False,  # prompt_toolkit would take our handler away when the prompt ends
            )
        except EOFError:
            return None
        except KeyboardInterrupt:
            cleared = bool(prompts.default_buffer.text)
            raise InterruptedAtPrompt(typed=self._typed or cleared, cleared=cleared) from None
        return text.rstrip()

    def interrupt(self) -> bool:
        """End the open question with InterruptedAtPrompt (for a signal; the Ctrl-C key itself is read as a key); False if there is none."""
        if self._prompts is None or not self._prompts.app.is_running:
            return False
        self._prompts.app.exit(exception=KeyboardInterrupt())
        return True

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """Turn off the terminal's echo between questions; what is typed then goes into the next prompt without being sent."""
        with hushed(sys.stdin.fileno()):
            self._is_hushed = True
            try:
                yield
            finally:
                self._is_hushed = False

    def set_aside(self) -> None:
        """Keep what was typed so far for the next prompt, without the keys that would send it."""
        if self._is_hushed:
            typed = self._typed_ahead(self._made().app.input)
            before = "" if self._ahead == _END else self._ahead
            self._ahead = before + typed if before == "" or typed != _END else before

    def _made(self) -> PromptSession[str]:
        if self._prompts is None:
            self._prompts = self._make_prompts()
            self._prompts.app.after_render += lambda _: self._shown.set()
            self._prompts.default_buffer.on_text_changed += lambda _: setattr(self, "_typed", True)
        return self._prompts

    def _typed_ahead(self, keys: Input) -> str:
        """Return what was typed since the last question; _END if it is only Ctrl-D."""
        from prompt_toolkit.input.typeahead import get_typeahead

        pressed = get_typeahead(keys)
        while more := keys.read_keys():
            pressed += more
        text = _KEYS.sub("", "".join(key.data for key in [*pressed, *keys.flush_keys()])).replace("\r", "\n")
        typed = "".join(c for c in text if c.isprintable() or c == "\n").strip("\n")
        return _END if _END in text and not typed else typed

    def _make_prompts(self) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.application import get_app
        from prompt_toolkit.filters import Condition
        from prompt_toolkit.history import FileHistory, History, InMemoryHistory
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
        from prompt_toolkit.output import ColorDepth
        from prompt_toolkit.styles import Style

        from cli.input.completion import CommandCompleter, opens_menu

        keys = KeyBindings()
        takes_suggestion = Condition(lambda: bool(self._suggestion) and not get_app().current_buffer.text)

        @keys.add("enter", filter=takes_suggestion)
        def _take_suggestion(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text(self._suggestion)
            event.current_buffer.validate_and_handle()

        @keys.add("escape", "enter")
        def _new_line(event: KeyPressEvent) -> None:
            event.current_buffer.insert_text("\n")

        history: History
        try:
            self._history.parent.mkdir(parents=True, exist_ok=True)
            self._history.touch(mode=0o600)
            history = FileHistory(str(self._history))
        except OSError:
            history = InMemoryHistory()
        return PromptSession(
            history=history,
            completer=CommandCompleter(self._commands),
            complete_while_typing=Condition(lambda: opens_menu(get_app().current_buffer.document.text_before_cursor)),
            reserve_space_for_menu=6,
            vi_mode=self._vi,
            enable_open_in_editor=True,
            tempfile_suffix=".md",
            key_bindings=keys,
            color_depth=ColorDepth.DEPTH_4_BIT if self._colors else ColorDepth.DEPTH_1_BIT,
            style=Style.from_dict(_STYLES),
        )


def _suggested(suggestion: str) -> str:
    """Return the suggestion and, if there is room for it, how to take it."""
    hint = f"{suggestion}  (Enter takes it)" if suggestion else ""
    return hint if len(PROMPT + hint) < shutil.get_terminal_size().columns else suggestion
