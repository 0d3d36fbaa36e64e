"""A terminal without control codes: nothing is read but for a question, and what was typed before it does not answer it."""

from __future__ import annotations

import asyncio
import io
import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.input.keyboard import InterruptedAtPrompt
from cli.input.plain_terminal import PlainTerminalKeyboard
from tests.test_keyboard import CTRL_D, answer, read
from tests.views import pipe


@contextmanager
def plain_terminal() -> Iterator[tuple[PlainTerminalKeyboard, int, io.StringIO]]:
    master, slave = pty.openpty()
    screen, paper = pipe()
    with os.fdopen(slave, encoding="utf-8") as stream:
        yield PlainTerminalKeyboard(stream, screen), master, paper
    os.close(master)


async def test_a_plain_terminal_gets_a_plain_prompt_and_takes_the_suggestion() -> None:
    with plain_terminal() as (keyboard, master, paper):
        assert keyboard.is_terminal
        assert await answer(keyboard, master, "\n", "APPROVE") == "APPROVE"
        assert await answer(keyboard, master, "other\n", "APPROVE") == "other"
        assert paper.getvalue() == "[APPROVE] › " * 2
        assert await answer(keyboard, master, CTRL_D) is None


async def test_in_a_plain_terminal_what_was_typed_before_a_question_does_not_answer_it() -> None:
    with plain_terminal() as (keyboard, master, paper), keyboard.hushed():
        os.write(master, b"APPROVE\n\n\n")
        await asyncio.sleep(0.1)
        keyboard.set_aside()
        assert await answer(keyboard, master, "no\n") == "no"
        assert paper.getvalue() == "(typed before the question, not used: APPROVE)\n› "


async def test_a_plain_terminal_is_not_read_while_no_question_stands() -> None:
    with plain_terminal() as (keyboard, master, _), keyboard.hushed():
        assert await answer(keyboard, master, "one\ntwo\n") == "one"
        # An editor that runs now gets what is typed.
        assert os.read(keyboard._input._stream.fileno(), 100) == b"two\n"
        os.write(master, b"to the editor\n")
        await asyncio.sleep(0.05)
        assert os.read(keyboard._input._stream.fileno(), 100) == b"to the editor\n"


async def test_in_a_plain_terminal_lines_sent_in_one_go_answer_one_question() -> None:
    with plain_terminal() as (keyboard, master, paper), keyboard.hushed():
        assert await answer(keyboard, master, "APPROVE\n\nyes\n") == "APPROVE"
        keyboard.set_aside()
        assert await answer(keyboard, master, "no\n") == "no"
        assert paper.getvalue() == "› (typed before the question, not used: yes)\n› "


async def test_in_a_plain_terminal_the_end_and_an_interrupt_are_known() -> None:
    with plain_terminal() as (keyboard, master, _):
        assert not keyboard.interrupt()
        question = asyncio.ensure_future(read(keyboard))
        await asyncio.sleep(0.05)
        assert keyboard.interrupt()
        with pytest.raises(InterruptedAtPrompt):
            await question
        assert await answer(keyboard, master, "one\n") == "one"
        os.write(master, CTRL_D.encode())
        await asyncio.sleep(0.05)
        keyboard.set_aside()
        assert await read(keyboard) is None  # typed before the question, the end is the end all the same
        assert await answer(keyboard, master, "two\n") == "two"
