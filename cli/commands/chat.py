"""The interactive session: tasks in, the conversation out, and the person's word at the end of each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from rich.text import Text

from cli.add_files import add_files
from cli.arguments import VERSION
from cli.conversation import Conversation
from cli.input.demo_lines import DemoLines
from cli.input.keyboard import open_keyboard
from cli.input.prompt import Prompt
from cli.output.packages import NETWORK_ON
from cli.output.screen import NAME_STYLE, QUIET_STYLE, open_screen
from cli.session import Program, Session
from cli.talk import Talk
from utils.errors import AppError, ExitStatus
from utils.settings import Settings

_DEMO = "This is a demo: the model is scripted. The agents, the container and the programs that run in it are real."
_DEMO_OVER = "That was the demo. With a key in .env (see README.md), `python main.py` takes tasks of your own."


async def chat(settings: Settings, program: Program, first_task: str | None, added: Sequence[Path] = ()) -> ExitStatus:
    """Run an interactive session and return its exit status; raises AppError where a part of it cannot be had."""
    model = program.check_model(settings)
    screen = open_screen(no_color=settings.no_color)
    demo = DemoLines(program.demo_scenes()) if settings.demo else None
    keyboard = open_keyboard(screen, settings.workspace / "prompt-history", demo.all() if demo else None)
    prompt = Prompt(keyboard, screen, lambda: talk.status_line(), demo)
    talk = Talk(settings, screen, prompt, confirms=settings.confirm, model=model)
    conversation = Conversation(settings, screen, prompt, talk)
    _greet(talk)
    with prompt.signals(), keyboard.hushed():
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(_open(stack, program, talk, conversation, added))
            if first_task is not None:
                prompt.shown.set()
            try:
                await _take_tasks(conversation, talk, opening, first_task, demo)
            finally:
                await _settle(opening)
    if demo is not None and conversation.status() is ExitStatus.DONE and not settings.quiet:
        screen.say(*([] if prompt.is_terminal else [""]), Text(_DEMO_OVER, style=QUIET_STYLE))
    return conversation.status()


async def _open(stack: AsyncExitStack, program: Program, talk: Talk, conversation: Conversation, added: Sequence[Path]) -> Session:
    # The prompt comes first: importing AutoGen and starting the container happen while the person reads and types.
    await talk.prompt.shown.wait()
    session = await stack.enter_async_context(program.open_session(talk.settings, conversation))
    if added:
        session.sandbox.concerns += await add_files(session, added, talk.notes)
    talk.session = session
    talk.progress = ""
    return talk.session


async def _take_tasks(
    conversation: Conversation, talk: Talk, opening: asyncio.Future[Session], first_task: str | None, demo: DemoLines | None
) -> None:
    task = first_task
    while not talk.prompt.leaving:
        if task is None:
            if demo is not None and not demo.start_scene():
                return
            task = await conversation.next_task(opening)
        session = None if task is None else await conversation.wait_for(opening)
        if session is not None and task is not None:
            await conversation.converse(session, task)
            if talk.prompt.is_terminal and not talk.prompt.leaving:
                talk.screen.print("")
        task = None


async def _settle(opening: asyncio.Future[Session]) -> None:
    """Let the wiring finish or give up, so that nothing of it is left behind."""
    opening.cancel()
    # Its error was raised to the person already, or nobody waits for it any more.
    with suppress(asyncio.CancelledError, AppError):
        await opening


def _greet(talk: Talk) -> None:
    settings, screen = talk.settings, talk.screen
    if settings.quiet:
        return
    if not talk.prompt.is_terminal:
        if settings.network == "on":
            sys.stderr.write(f"{NETWORK_ON}\n")
        if settings.demo:
            screen.print(_DEMO)
        return
    screen.print(Text.assemble(("Multi-Agent Code Generation and Execution", NAME_STYLE), (f" {VERSION}", QUIET_STYLE)))
    if settings.demo:
        screen.say(Text(_DEMO, style="yellow"))
        screen.say(Text("Press Enter to take the suggested line, or type your own. Ctrl-D leaves.", style=QUIET_STYLE))
    else:
        screen.say(Text(f"{talk.model} · {talk.contract()}", style=QUIET_STYLE))
        screen.say(Text("What shall be written? /help helps, Ctrl-D leaves.", style=QUIET_STYLE))
    if settings.network == "on":
        screen.say(Text(NETWORK_ON, style="yellow"))
