"""Where the user's lines come from: a pipe, a plain terminal, a prompt, and the demo's script."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import select
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TextIO

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.output import DummyOutput

from cli.input.keyboard import InterruptedAtPrompt, Keyboard, LineKeyboard, TerminalKeyboard
from cli.input.opening import open_keyboard
from cli.input.plain_terminal import PlainTerminalKeyboard
from tests.views import pipe, terminal

UP, DOWN, ALT_ENTER, CTRL_C, CTRL_D, CTRL_R = "\x1b[A", "\x1b[B", "\x1b\r", "\x03", "\x04", "\x12"


async def read(keyboard: Keyboard, suggestion: str = "") -> str | None:
    return await asyncio.wait_for(keyboard.read(lambda: "status", suggestion, asyncio.Event()), 60)


@contextmanager
def piped(text: bytes, *, closed: bool = True) -> Iterator[tuple[TextIO, int]]:
    reading, writing = os.pipe()
    os.write(writing, text)
    if closed:
        os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        try:
            yield stream, writing
        finally:  # first, also when a test fails: closing a stream waits for the thread that reads it
            if not closed:
                os.close(writing)


# A pipe


async def test_a_pipe_gives_its_lines_and_then_its_end_for_ever() -> None:
    with piped(b"one\r\n\n  two\nlast") as (stream, _):
        keyboard = LineKeyboard(stream)
        assert [await read(keyboard) for _ in range(6)] == ["one", "", "  two", "last", None, None]
        assert not keyboard.is_terminal


async def test_a_pipe_gets_no_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    with piped(b"one\n") as (stream, _):
        await read(LineKeyboard(stream))
    assert capsys.readouterr().out == ""


async def test_bytes_that_are_no_text_end_nothing() -> None:
    with piped(b"\xff\xfe one\nAPPROVE\n") as (stream, _):
        keyboard = LineKeyboard(stream)
        assert [await read(keyboard), await read(keyboard)] == ["\ufffd\ufffd one", "APPROVE"]


async def test_a_question_that_is_cancelled_eats_no_line() -> None:
    with piped(b"", closed=False) as (stream, writing):
        keyboard = LineKeyboard(stream)
        question = asyncio.ensure_future(read(keyboard))
        await asyncio.sleep(0.05)
        question.cancel()
        await asyncio.wait({question})
        os.write(writing, b"one\ntwo\n")
        assert [await read(keyboard), await read(keyboard)] == ["one", "two"]


async def test_an_interrupt_ends_a_question_that_waits_and_eats_no_line() -> None:
    with piped(b"", closed=False) as (stream, writing):
        keyboard = LineKeyboard(stream)
        assert not keyboard.interrupt()
        question = asyncio.ensure_future(read(keyboard))
        await asyncio.sleep(0.05)
        assert keyboard.interrupt()
        with pytest.raises(InterruptedAtPrompt):
            await question
        os.write(writing, b"one\n")
        assert await read(keyboard) == "one"


async def test_a_stream_that_is_closed_is_the_end_of_input() -> None:
    stream = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    keyboard = LineKeyboard(stream)
    stream.close()
    assert await read(keyboard) is None


async def answer(keyboard: Keyboard, master: int, typed: str, suggestion: str = "") -> str | None:
    """Ask, and type once the question is there."""
    question = asyncio.ensure_future(read(keyboard, suggestion))
    await asyncio.sleep(0.05)
    os.write(master, typed.encode())
    return await question


# The prompt


@asynccontextmanager
async def prompt(history: Path, *, vi: bool = False) -> AsyncIterator[tuple[TerminalKeyboard, PipeInput]]:
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield TerminalKeyboard(history, [("/help", "show this help")], vi=vi), keys


@pytest.mark.parametrize(("vi", "typed"), [(True, "a count"), (False, "countIa")])
async def test_the_keys_of_vi_are_a_choice(vi: bool, typed: str, tmp_path: Path) -> None:
    async with prompt(tmp_path / "history", vi=vi) as (keyboard, keys):
        question = asyncio.ensure_future(read(keyboard))
        keys.send_text("count\x1b")
        await asyncio.sleep(1)  # what follows an Escape at once is a key of the terminal, such as Alt+I
        keys.send_text("Ia \r")
        assert await question == typed


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("count\r", "count"),
        ("  one\x1b\rtwo  \r", "  one\ntwo"),
        ("\x1b[200~one\ntwo\r\nthree\x1b[201~\r", "one\ntwo\nthree"),
        ("count\x7f\x7f\r", "cou"),
        ("日本\r", "日本"),
        (CTRL_D, None),
    ],
    ids=["plain", "alt enter", "paste", "backspace", "wide", "end"],
)
async def test_what_is_typed(keys: str, typed: str | None, tmp_path: Path) -> None:
    async with prompt(tmp_path / "history") as (keyboard, pressed):
        pressed.send_text(keys)
        assert await read(keyboard) == typed


async def test_tab_completes_a_command(tmp_path: Path) -> None:
    async with prompt(tmp_path / "history") as (keyboard, pressed):
        question = asyncio.ensure_future(read(keyboard))
        pressed.send_text("/he")
        while not question.done() and (keyboard._prompts is None or keyboard._prompts.default_buffer.complete_state is None):
            await asyncio.sleep(0.01)  # the menu opens as one types
        pressed.send_text("\t")
        while not question.done() and (keyboard._prompts is None or keyboard._prompts.default_buffer.text != "/help"):
            await asyncio.sleep(0.01)
        pressed.send_text("\r")
        assert await question == "/help"


async def test_a_pasted_program_of_300_lines_is_whole(tmp_path: Path) -> None:
    text = "\n".join(f"line {number} {'x' * 60}" for number in range(300))
    async with prompt(tmp_path / "history") as (keyboard, pressed):
        pressed.send_text(f"\x1b[200~{text}\x1b[201~\r")
        assert await read(keyboard) == text


async def test_enter_alone_takes_the_suggestion_and_text_does_not(tmp_path: Path) -> None:
    async with prompt(tmp_path / "history") as (keyboard, pressed):
        pressed.send_text("\r")
        assert await read(keyboard, "APPROVE") == "APPROVE"
        pressed.send_text("no\r")
        assert await read(keyboard, "APPROVE") == "no"
        pressed.send_text("\r")
        assert await read(keyboard) == ""


async def test_ctrl_c_at_the_prompt(tmp_path: Path) -> None:
    async with prompt(tmp_path / "history") as (keyboard, pressed):
        for keys, typed, cleared in (("half a line", True, True), ("x\x7f", True, False), ("", False, False)):
            pressed.send_text(keys + CTRL_C)
            with pytest.raises(InterruptedAtPrompt) as interrupt:
                await read(keyboard)
            assert (interrupt.value.typed, interrupt.value.cleared) == (typed, cleared)
        pressed.send_text("next\r")
        assert await read(keyboard) == "next"


async def test_a_signal_ends_a_question_that_waits(tmp_path: Path) -> None:
    async with prompt(tmp_path / "history") as (keyboard, _):
        assert not keyboard.interrupt()
        shown = asyncio.Event()
        question = asyncio.ensure_future(keyboard.read(lambda: "", "", shown))
        await asyncio.wait_for(shown.wait(), 60)
        assert keyboard.interrupt()
        with pytest.raises(InterruptedAtPrompt):
            await asyncio.wait_for(question, 60)


async def test_history_is_kept_across_sessions_and_for_this_user_only(tmp_path: Path) -> None:
    history = tmp_path / "workspace" / "history"
    async with prompt(history) as (keyboard, pressed):
        for line in ("first", "one\ntwo"):
            pressed.send_text(f"\x1b[200~{line}\x1b[201~\r")
            await read(keyboard)
    assert history.stat().st_mode & 0o777 == 0o600
    async with prompt(history) as (keyboard, pressed):
        task = asyncio.ensure_future(read(keyboard))
        await asyncio.sleep(0.2)  # the history is read in a thread
        pressed.send_text(f"{UP}\r")
        assert await task == "one\ntwo"
        pressed.send_text(f"{CTRL_R}fir\r\r")
        assert await read(keyboard) == "first"


async def test_a_history_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with prompt(tmp_path / "file" / "history") as (keyboard, pressed):
        pressed.send_text("one\r")
        assert await read(keyboard) == "one"


@asynccontextmanager
async def prompt_on_terminal(history: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[TerminalKeyboard, int]]:
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as stream, create_app_session(input=Vt100Input(stream), output=DummyOutput()):
        monkeypatch.setattr(sys, "stdin", stream)
        yield TerminalKeyboard(history), master
    os.close(master)


async def test_what_is_typed_before_a_question_is_put_into_the_prompt_and_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with prompt_on_terminal(tmp_path / "history", monkeypatch) as (keyboard, master):
        with keyboard.hushed():
            assert await answer(keyboard, master, "first\r") == "first"
            os.write(master, f"\r\rAPPROVE{UP}\x1b[12;1R\r".encode())
            keyboard.set_aside()
            question = asyncio.ensure_future(read(keyboard))
            await asyncio.sleep(0.2)
            assert not question.done()
            os.write(master, b" not\r\r\rahead")
            assert await question == "APPROVE not"
            # The keys behind the one that sent the line were read with it; they are no answer either.
            keyboard.set_aside()
            question = asyncio.ensure_future(read(keyboard, "APPROVE"))
            await asyncio.sleep(0.2)
            assert not question.done()
            os.write(master, b" of it\r")
            assert await question == "ahead of it"


async def test_the_end_of_input_before_a_question_is_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with prompt_on_terminal(tmp_path / "history", monkeypatch) as (keyboard, master):
        with keyboard.hushed():
            assert await answer(keyboard, master, "first\r") == "first"
            os.write(master, CTRL_D.encode())
            keyboard.set_aside()
            assert await read(keyboard) is None


async def test_what_is_typed_once_the_question_is_asked_answers_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with prompt_on_terminal(tmp_path / "history", monkeypatch) as (keyboard, master):
        with keyboard.hushed():
            assert await answer(keyboard, master, "first\r") == "first"
            keyboard.set_aside()
            os.write(master, b"APPROVE\r")  # before the prompt is drawn
            assert await read(keyboard) == "APPROVE"


async def test_between_two_questions_the_terminal_shows_nothing_of_what_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with prompt_on_terminal(tmp_path / "history", monkeypatch) as (keyboard, master):
        before = termios.tcgetattr(sys.stdin.fileno())
        with keyboard.hushed():
            os.write(master, b"typed")
            assert select.select([master], [], [], 0.1)[0] == []
            assert termios.tcgetattr(sys.stdin.fileno())[3] & termios.ISIG
        assert termios.tcgetattr(sys.stdin.fileno()) == before


# The demo's script


async def test_the_script_types_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed"))
    keyboard = open_keyboard(pipe()[0], tmp_path / "history", (), ["one", "two"])
    assert [await read(keyboard) for _ in range(3)] == ["one", "two", None]
    assert not keyboard.interrupt()


# Which of them


@pytest.mark.parametrize(
    ("is_terminal", "codes", "demo", "kind"),
    [
        (True, True, False, TerminalKeyboard),
        (True, True, True, TerminalKeyboard),
        (True, False, False, PlainTerminalKeyboard),
        (True, False, True, PlainTerminalKeyboard),
        (False, True, False, LineKeyboard),
        (False, False, True, LineKeyboard),
    ],
)
def test_the_keyboard_fits_where_the_program_runs(
    is_terminal: bool, codes: bool, demo: bool, kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    master, slave = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(slave, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream if is_terminal else io.StringIO())
        screen = terminal()[0] if codes else pipe()[0]
        assert type(open_keyboard(screen, tmp_path / "history", (), ["line"] if demo else None)) is kind
    os.close(master)
