"""The prompt: what was typed, leaving, Ctrl-C, and the signals that stop a step."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from cli.input.demo_lines import DemoLines
from cli.input.keyboard import InterruptedAtPrompt
from cli.input.prompt import Prompt
from tests.talks import CTRL_C, Typist
from tests.views import pipe


class Silent(Typist):
    """A user who types nothing."""

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        shown.set()
        line: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await line


def prompt_of(keyboard: Typist, demo: DemoLines | None = None) -> Prompt:
    return Prompt(keyboard, pipe()[0], lambda: "the row below", demo)


async def test_the_end_of_input_is_leaving() -> None:
    prompt = prompt_of(Typist("one"))
    assert await prompt.read() == "one"
    assert not prompt.leaving
    assert await prompt.read() is None
    assert (prompt.leaving, prompt.interrupted) == (True, False)


async def test_there_is_air_above_what_the_user_says_and_lines_that_nobody_types_are_shown() -> None:
    typist = Typist("one", "two")
    for typist.is_terminal, shown in ((True, "\n"), (False, "\n› two\n")):
        screen, paper = pipe()
        prompt = Prompt(typist, screen, str)
        prompt.echoes = True
        await prompt.read()
        assert paper.getvalue() == shown


async def test_ctrl_c_twice_in_a_row_leaves_and_a_line_between_starts_the_count_again() -> None:
    prompt = prompt_of(Typist(CTRL_C, "one", CTRL_C, CTRL_C))
    assert [await prompt.read() for _ in range(3)] == [None, "one", None]
    assert not prompt.leaving
    await prompt.read()
    assert (prompt.leaving, prompt.interrupted) == (True, True)


class Presses(Typist):
    """A user who presses Ctrl-C, each time with (typed, cleared)."""

    def __init__(self, *presses: tuple[bool, bool]) -> None:
        super().__init__()
        self._presses = list(presses)

    async def read(self, status: Callable[[], str], suggestion: str, shown: asyncio.Event) -> str | None:
        typed, cleared = self._presses.pop(0)
        raise InterruptedAtPrompt(typed=typed, cleared=cleared)


async def test_ctrl_c_that_clears_a_line_does_not_count_and_typing_starts_the_count_again() -> None:
    cleared, typed, plain = (True, True), (True, False), (False, False)
    prompt = prompt_of(Presses(plain, cleared, plain, typed, plain))
    left = []
    for _ in range(5):
        await prompt.read()
        left.append(prompt.leaving)
    assert left == [False, False, False, False, True]


async def test_ctrl_c_in_a_pipe_leaves_at_once() -> None:
    prompt = prompt_of(Typist(CTRL_C, is_terminal=False))
    await prompt.read()
    assert prompt.interrupted


async def test_what_fails_meanwhile_ends_the_question_and_what_succeeds_does_not() -> None:
    failing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    reading = asyncio.ensure_future(prompt_of(Silent()).read(until=failing))
    await asyncio.sleep(0)
    failing.set_exception(RuntimeError("no engine"))
    with pytest.raises(RuntimeError, match="no engine"):
        await asyncio.wait_for(reading, 1)
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ready.set_result(None)
    assert await prompt_of(Typist("one")).read(until=ready) == "one"


async def test_the_demo_goes_on_with_each_line_but_not_with_a_command() -> None:
    demo = DemoLines([["task", "change it"]])
    demo.start_scene()
    keyboard = Typist("/help", "", "?", "quit", "task", "anything", "last")
    prompt = prompt_of(keyboard, demo)
    for _ in range(6):
        await prompt.read()
    await prompt.read(suggests=False)
    assert keyboard.suggestions == [*["task"] * 5, "change it", ""]
    assert keyboard.statuses == ["the row below"] * 7


async def test_a_signal_stops_the_innermost_step_only() -> None:
    prompt, stopped = prompt_of(Typist()), list[str]()
    with prompt.signals():
        with prompt.step(lambda: stopped.append("outer")):
            with prompt.step(lambda: stopped.append("inner")):
                await deliver(signal.SIGINT)
            assert prompt.in_step
            assert stopped == ["inner"]
            await deliver(signal.SIGINT)
        assert not prompt.in_step
        await deliver(signal.SIGINT)  # nothing runs, so nothing is stopped
    assert stopped == ["inner", "outer"]
    assert not prompt.leaving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_request_to_end_stops_the_step_and_leaves(number: signal.Signals) -> None:
    prompt, stopped = prompt_of(Typist()), list[str]()
    with prompt.signals(), prompt.step(lambda: stopped.append("step")):
        await deliver(number)
    assert stopped == ["step"]
    assert (prompt.leaving, prompt.interrupted) == (True, True)


async def test_the_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with prompt_of(Typist()).signals():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


async def deliver(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(0.05)


async def test_what_is_typed_or_pasted_can_be_sent() -> None:
    assert await prompt_of(Typist("caf\udce9 \ud83d\ude00")).read() == "caf\ufffd \U0001f600"
