"""The interactive session: tasks in, the conversation out, and the user's word at the end of each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.adding import add_files, add_mentioned
from cli.checking import Checks
from cli.greeting import greet, say_goodbye, say_that_the_demo_is_over
from cli.input.demo_lines import DemoLines
from cli.input.opening import open_keyboard
from cli.input.prompt import Prompt
from cli.output.screen import QUIET_STYLE, open_screen
from cli.questions import StepStopped, answer, approving, nothing_for
from cli.slash import command_table, run_slash_command
from cli.state import RETRY, ChatState
from cli.streams import tell
from cli.turn import own_title
from cli.wiring import Wiring
from history.records import OPEN
from utils.errors import AppError, ExitStatus
from utils.settings import Settings
from utils.words import APPROVE, says_yes, spoken_word

if TYPE_CHECKING:
    from agents.events import Event
    from history.records import StoredSession
    from teams.session import Session
    from utils.code_blocks import CodeBlock

_WAITING = ("/add ", "/model ", "/network ")
"""Commands that have to wait for the container."""
_NOTHING_TO_RETRY = "There is nothing to retry: no step failed or was stopped. Type a task."


async def chat(
    settings: Settings, wiring: Wiring, first_task: str | None, added: Sequence[Path] = (), resumed: StoredSession | None = None
) -> ExitStatus:
    """Run an interactive session, or go on with one, and return its exit status; raises AppError if a part of it cannot be had."""
    model = wiring.check_model(settings)
    screen = open_screen(no_color=settings.no_color)
    demo = DemoLines(wiring.demo_scenes()) if settings.demo else None
    keyboard = open_keyboard(
        screen, settings.workspace / "prompt-history", command_table(), demo.all() if demo else None, vi=settings.editing_mode == "vi"
    )
    prompt = Prompt(keyboard, screen, lambda: state.status_line(), demo)
    prompt.echoes = not settings.quiet
    state = ChatState(settings, screen, prompt, confirms=settings.confirm, model=model)
    if resumed is not None:
        state.name, state.resumed = resumed.info.name, resumed.info
    state.checks = Checks(settings) if prompt.is_terminal else None
    session = Chat(state, resumed)
    greet(state, asks=first_task is None and resumed is None)
    if resumed is not None:
        session.tell_story(resumed)
    if first_task is not None and not settings.quiet:
        prompt.echo(first_task)
    with own_title(screen), prompt.signals(), keyboard.hushed():
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(_open(stack, wiring, session, added))
            if first_task is not None or (resumed is not None and resumed.info.status == "open"):
                prompt.shown.set()
            try:
                if resumed is not None:
                    first_task = await session.go_on(opening, resumed)
                await _take_tasks(session, opening, first_task, demo)
                session.tell_checks()
                say_goodbye(state)
            finally:
                await _settle(opening)
                if state.checks is not None:
                    await state.checks.close()
    if demo is not None and session.status() is ExitStatus.DONE and not settings.quiet:
        say_that_the_demo_is_over(state)
    return session.status()


async def _open(stack: AsyncExitStack, wiring: Wiring, chat: Chat, added: Sequence[Path]) -> Session:
    # The prompt comes first: importing AutoGen and starting the container happen while the user reads and types.
    state = chat.state
    await state.prompt.shown.wait()
    session = await stack.enter_async_context(wiring.open_session(state.settings, chat.show_progress, chat.resumed))
    if added:
        session.sandbox.concerns += await add_files(session, added)
    await session.sandbox.keep_states()
    state.opened(session)
    return session


async def _take_tasks(chat: Chat, opening: asyncio.Future[Session], first_task: str | None, demo: DemoLines | None) -> None:
    state = chat.state
    task = first_task
    is_over = True
    while not state.prompt.leaving:
        if task is None:
            if demo is not None and not demo.start_scene(again=not is_over):
                return
            task = await chat.next_task(opening)
            if demo is not None and task == RETRY:
                demo.taken()  # its line is the task, which is not typed again
        session = None if task is None else await chat.wait_for(opening)
        if session is not None and task is not None:
            await chat.converse(session, task)
        is_over = state.is_over
        task = None


async def _settle(opening: asyncio.Future[Session]) -> None:
    """Let the wiring finish or give up, so that nothing of it is left behind."""
    opening.cancel()
    # Its error was raised already, or nobody waits for it any more.
    with suppress(asyncio.CancelledError, AppError):
        await opening


class Chat:
    """Takes tasks from the prompt, shows each task's stream, and answers its questions with what the user types."""

    def __init__(self, state: ChatState, resumed: StoredSession | None = None) -> None:
        """Take the parts of the session, and what is kept of the one that goes on."""
        self.state = state
        self.resumed = resumed
        self._loop = asyncio.get_running_loop()
        self._unfinished = False
        state.follow = self._follow

    def status(self) -> ExitStatus:
        """Return the exit status of the session so far: a terminal session is done when left, else the last task decides."""
        prompt = self.state.prompt
        if prompt.interrupted:
            return ExitStatus.INTERRUPTED
        return ExitStatus.NOT_DONE if self._unfinished and not prompt.is_terminal else ExitStatus.DONE

    def tell_story(self, resumed: StoredSession) -> None:
        """Bring a session that is resumed back to mind."""
        from history.resuming import story

        self.state.screen.say("")
        for line in story(resumed):
            self.state.screen.say(Text(line, style=QUIET_STYLE))

    async def go_on(self, opening: asyncio.Future[Session], resumed: StoredSession) -> str | None:
        """Go on where a session ended in the middle of a task; return what the user says instead, if anything."""
        from history.resuming import question_about

        if resumed.info.status != OPEN:
            return None  # the user is due
        session = await self.wait_for(opening)
        if session is None or not session.goes_on:
            return None
        question = question_about(resumed)
        if question:
            self.state.screen.say(question)
            typed = (await self.state.prompt.read(suggests=False) or "").strip()
            if not says_yes(typed):
                session.wait_for_user()
                self.state.notice("It was not run. Say what to do instead, or /run.")
                return typed if typed.lower() not in ("", "n", "no") else None
        await self.converse(session, RETRY)
        return None

    def tell_checks(self) -> None:
        """Say what the check of the newest program has found."""
        checks = self.state.checks
        while checks is not None and checks.lines:
            self.state.notice(checks.lines.pop(0))
        if checks is not None:
            checks.seen()

    async def next_task(self, opening: asyncio.Future[Session]) -> str | None:
        """Return the next task (RETRY asks the model again), or None if the user leaves; raises what `opening` raises."""
        state = self.state
        while not state.prompt.leaving:
            typed = await state.prompt.read(until=None if opening.done() else opening)
            if state.session is None and (typed or "").startswith(_WAITING) and await self.wait_for(opening) is None:
                continue
            typed = await run_slash_command(state, typed) if typed and typed.strip() else None
            if typed is None:
                continue
            if typed == RETRY and state.is_over:
                state.notice(_NOTHING_TO_RETRY)
                continue
            word = spoken_word(typed)
            if not word:
                return typed
            if state.session is not None and (program := state.session.record.earlier) is not None:
                await self._end_earlier(state.session, word, program)
            else:
                state.notice(nothing_for(state, word))
        return None

    async def _end_earlier(self, session: Session, word: str, program: CodeBlock) -> None:
        if word == APPROVE:
            self.state.notice(approving(session.record.task, program))
        await self._follow(session.end(word))
        self._show_end(session)

    async def wait_for(self, opening: asyncio.Future[Session]) -> Session | None:
        """Wait until the session is ready, showing what is being waited for; None if the user stops waiting."""
        state = self.state
        waiting = asyncio.ensure_future(asyncio.wait({opening}))
        with state.prompt.step(waiting.cancel):
            try:
                while not waiting.done():
                    state.screen.show(Text(f"{state.progress} · Ctrl-C to stop waiting", style=QUIET_STYLE))
                    await asyncio.wait({waiting}, timeout=0.2)
            finally:
                waiting.cancel()
                state.screen.show()
        if not opening.done():
            state.notice("Stopped waiting. The container keeps starting in the background.")
            return None
        return opening.result()

    async def converse(self, session: Session, task: str) -> None:
        """Give the task to the team and show all that follows, until a word ends it, the user stops it, or the model fails."""
        state = self.state
        if task == RETRY and not session.has_talked:
            state.notice(_NOTHING_TO_RETRY)
            return
        self.tell_checks()
        # Concerns about the sandbox come up while it opens, in the background, when the user types.
        concerns, session.sandbox.concerns = session.sandbox.concerns, []
        for concern in concerns:
            state.notice(concern)
        transcript = state.transcript()
        self._unfinished = True
        await add_mentioned(state, task)
        with state.prompt.step(session.stop), transcript.live(waits_for_model=True):
            await self._follow(session.run(None if task == RETRY else task))
        self._show_end(session)

    async def _follow(self, events: AsyncIterator[Event]) -> None:
        from agents.events import Question

        state = self.state
        assert state.session is not None
        transcript = state.transcript()
        async for event in events:
            transcript.show(event)
            if isinstance(event, Question):
                with suppress(StepStopped):
                    reply = await answer(state, event)
                    transcript.question_answered(waits_for_model=event.kind == "approve")
                    state.session.answer(event.key, reply)

    def _show_end(self, session: Session) -> None:
        ended = session.record.ended
        assert ended is not None
        self.state.your_turn()
        if ended.error is not None:
            self._report(ended.error)
        elif ended.status == "interrupted":
            self._after_stop()
        else:
            self.state.transcript().show_ending()
            self._unfinished = not session.record.approved
            if self.state.checks is not None:
                self.state.checks.start(session)

    def _after_stop(self) -> None:
        prompt = self.state.prompt
        if prompt.leaving:
            self.state.notice("Stopped.")
            return
        self.state.screen.say("")
        self.state.notice("Stopped. The conversation is kept. Say what to do instead, or /retry.")
        self.state.offer_earlier()
        if not prompt.is_terminal:
            prompt.interrupted = prompt.leaving = True

    def _report(self, error: AppError) -> None:
        """Show an error and go on if a user is there; else end with it."""
        if not self.state.prompt.is_terminal:
            raise error
        self.state.screen.say("")
        self.state.show_error(error)
        self.state.offer_earlier()

    def show_progress(self, text: str) -> None:
        """Say what is being waited for while the session opens: in the status row of a terminal, else as a line on standard error."""
        state = self.state
        if threading.current_thread() is not threading.main_thread():
            self._loop.call_soon_threadsafe(self.show_progress, text)  # an image is pulled in a thread
            return
        if state.session is not None or text == state.progress:
            return
        state.progress = text
        if not state.screen.control_codes and not state.settings.quiet:
            tell(text)
