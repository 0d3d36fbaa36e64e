"""The interactive session: tasks in, the conversation out, and the person's word at the end of each."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from rich.text import Text

from cli.arguments import VERSION
from cli.conversation import Conversation
from cli.keyboard import open_keyboard
from cli.screen import NAME_STYLE, QUIET_STYLE, Screen, open_screen
from cli.session import Program, Session
from utils.errors import AppError, ExitStatus
from utils.settings import Settings

if TYPE_CHECKING:
    from cli.demo_lines import DemoLines

_DEMO = "This is a demo: the model is scripted. The agents, the container and the programs that run in it are real."
_DEMO_OVER = "That was the demo. With a key in .env (see README.md), `python main.py` takes tasks of your own."


async def chat(settings: Settings, program: Program, first_task: str | None) -> ExitStatus:
    """Run an interactive session and return its exit status; raises AppError where a part of it cannot be had."""
    from cli.demo_lines import DemoLines

    model = program.check_model(settings)
    screen = open_screen(no_color=settings.no_color)
    demo = DemoLines(program.demo_scenes()) if settings.demo else None
    keyboard = open_keyboard(screen, settings.workspace / "prompt-history", demo.all() if demo else None)
    conversation = Conversation(settings, screen, keyboard, model, demo)
    if keyboard.is_terminal and not settings.quiet:
        _greet(screen, model, settings)
    elif settings.demo and not settings.quiet:
        screen.print(_DEMO)
    with conversation.signals():
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(_open(stack, program, settings, conversation))
            if first_task is not None:
                conversation.ready_to_open.set()
            try:
                status = await _take_tasks(conversation, opening, first_task, demo)
            finally:
                await _settle(opening)
    if demo is not None and status is ExitStatus.DONE and not settings.quiet:
        screen.print("", Text(_DEMO_OVER, style=QUIET_STYLE))
    return status


async def _open(stack: AsyncExitStack, program: Program, settings: Settings, conversation: Conversation) -> Session:
    # The prompt comes first: importing AutoGen and starting the container happen while the person reads and types.
    await conversation.ready_to_open.wait()
    session = await stack.enter_async_context(program.open_session(settings, conversation))
    conversation.progress = ""
    return session


async def _take_tasks(
    conversation: Conversation, opening: asyncio.Future[Session], first_task: str | None, demo: DemoLines | None
) -> ExitStatus:
    task = first_task
    while not conversation.leaving:
        if task is None:
            if demo is not None and not demo.start_scene():
                break
            task = await conversation.next_task(opening)
        if task is None:
            break
        session = await conversation.wait_for(opening)
        if session is not None:
            await conversation.converse(session, task)
        task = None
    return conversation.status()


async def _settle(opening: asyncio.Future[Session]) -> None:
    """Let the wiring finish or give up, so that nothing of it is left behind."""
    opening.cancel()
    # Its error was raised to the person already, or nobody waits for it any more.
    with suppress(asyncio.CancelledError, AppError):
        await opening


def _greet(screen: Screen, model: str, settings: Settings) -> None:
    screen.print(Text.assemble(("Multi-Agent Code Generation and Execution", NAME_STYLE), (f" {VERSION}", QUIET_STYLE)))
    if settings.demo:
        screen.print(Text(_DEMO, style="yellow"))
        screen.print(Text("Press Enter to take the suggested line, or type your own. Ctrl-D leaves.", style=QUIET_STYLE))
    else:
        screen.print(Text(f"{model} · programs run in {settings.image} · /help helps, Ctrl-D leaves", style=QUIET_STYLE))
        screen.print(Text("What shall be written?", style=QUIET_STYLE))
