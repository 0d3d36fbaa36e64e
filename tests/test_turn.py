"""The signs to a user who looks elsewhere: the window's title, and the bell or the notification."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest

from cli.output.screen import Screen
from cli.turn import LONG_STEP, own_title, show_title
from tests.asking import PROGRAM
from tests.talks import rehearsal
from utils.errors import AppError


async def signs(notify: str, waited: float, *, is_terminal: bool = True, control_codes: bool = True) -> str:
    """Return what is sent to the terminal's window in a talk whose step has taken so many seconds."""
    async with rehearsal([PROGRAM], typed=["APPROVE"], is_terminal=is_terminal, notify=notify) as talk:
        paper = io.StringIO()
        talk.state.screen = Screen(paper, control_codes=control_codes)
        talk.state.prompt.answered -= waited
        await talk.converse("say hello")
    return "".join(sign for sign in ("\x07", "\x1b]9;It is your turn.") if sign in paper.getvalue())


@pytest.mark.parametrize(
    ("notify", "sent"), [("off", ""), ("bell", "\x07"), ("osc9", "\x07\x1b]9;It is your turn.")], ids=["off", "bell", "osc9"]
)
async def test_after_a_long_step_the_user_is_called_as_the_setting_says(notify: str, sent: str) -> None:
    assert await signs(notify, LONG_STEP) == sent


async def test_nobody_is_called_after_a_short_step_in_a_pipe_or_without_control_codes() -> None:
    assert await signs("bell", -3600) == ""  # however busy the machine is
    assert await signs("bell", LONG_STEP, is_terminal=False) == ""
    assert await signs("bell", LONG_STEP, control_codes=False) == ""


async def test_the_title_is_the_sessions_name_and_goes_back_to_what_it_was() -> None:
    paper = io.StringIO()
    screen = Screen(paper, control_codes=True)
    with suppress(AppError), own_title(screen):
        show_title(screen, "waves\x1b]2;other\x07")
        raise AppError("the session ends with it")
    assert paper.getvalue() == "\x1b[22;2t\x1b]2;waves\\x1b]2;other\\x07\x07\x1b[23;2t"


async def test_a_new_name_is_the_new_title() -> None:
    async with rehearsal([]) as talk:
        paper = io.StringIO()
        talk.state.screen = Screen(paper, control_codes=True)
        talk.state.call_session("waves")
    assert paper.getvalue() == "\x1b]2;waves\x07"
