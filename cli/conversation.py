"""One session's conversation with the person: the task, the questions, and how each task ended."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from cli.input.editor import edit_program
from cli.input.prompt import Prompt
from cli.output.packages import question_lines
from cli.output.screen import QUIET_STYLE, Screen
from cli.programs import changes
from cli.session import Session, Token
from cli.slash import run_command
from cli.talk import RETRY, Talk
from utils.errors import AppError, ExitStatus
from utils.settings import Settings
from utils.text import sanitize
from utils.words import APPROVE, STOP, mentioned_words, spoken_word

if TYPE_CHECKING:
    from cli.output.transcript import Transcript
    from utils.code_blocks import CodeBlock

_QUESTION = "APPROVE accepts, STOP ends the task, anything else says what to change."
_NOTICE_DELAY = 0.05  # seconds
_GATE = "Enter runs it, e edits it first, STOP ends the task, anything else tells the model why not."
_NOT_APPROVED = "APPROVE is for the result. Enter runs the program."


class Conversation:
    """Asks the person and shows the team's run; it is the Interaction that the wiring gets."""

    def __init__(self, settings: Settings, screen: Screen, prompt: Prompt, talk: Talk) -> None:
        """Take where to show, where to read, and what the slash commands work on."""
        self._settings = settings
        self._screen = screen
        self._prompt = prompt
        self._talk = talk
        self._loop = asyncio.get_running_loop()
        self._unfinished = False
        self._said_at_gate: str | None = None

    def status(self) -> ExitStatus:
        """Return the exit status of the session so far: a terminal session is done when left, else the last task decides."""
        if self._prompt.interrupted:
            return ExitStatus.INTERRUPTED
        return ExitStatus.NOT_DONE if self._unfinished and not self._prompt.is_terminal else ExitStatus.DONE

    # The session's course

    async def next_task(self, opening: asyncio.Future[Session]) -> str | None:
        """Return the next task (RETRY asks the model again), or None where the person leaves; raises what `opening` raises."""
        while not self._prompt.leaving:
            typed = await self._read_text(until=None if opening.done() else opening)
            if typed is None:
                continue
            word = spoken_word(typed)
            if word:
                self._talk.notice(f"There is no task to {word} yet. Type a task, or /exit to leave.")
                continue
            return typed
        return None

    async def wait_for(self, opening: asyncio.Future[Session]) -> Session | None:
        """Wait until the session is ready, showing what is waited for; None where the person stops waiting."""
        waiting = asyncio.ensure_future(asyncio.wait({opening}))
        with self._prompt.step(waiting.cancel):
            try:
                while not waiting.done():
                    self._screen.show(Text(f"{self._talk.progress} · Ctrl-C stops waiting", style=QUIET_STYLE))
                    await asyncio.wait({waiting}, timeout=0.2)
            finally:
                waiting.cancel()
                self._screen.show()
        if not opening.done():
            self._talk.notice("Stopped. The container goes on starting.")
            return None
        return opening.result()

    async def converse(self, session: Session, task: str) -> None:
        """Give the task to the team and show all that follows, until a word ends it, the person stops it, or the model fails."""
        if task == RETRY and not session.team.messages():
            self._talk.notice("There is nothing to retry yet. Type a task.")
            return
        self._tell_concerns(session)
        transcript = self._talk.transcript()
        token = session.new_token()
        self._unfinished = True
        self._said_at_gate = None
        message = None if task == RETRY else self._talk.with_notes(task)
        if message is not None:
            self._talk.programs.start_task()
        try:
            with self._prompt.step(token.cancel), transcript.live(waits_for_model=True):
                async for event in session.team.run_stream(message, token):
                    transcript.show(event)
            self._unfinished = not transcript.show_ending()
        except asyncio.CancelledError:
            if not token.is_cancelled():
                raise
            self._after_stop()
        except Exception as error:
            self._tell(session.explain(error))

    def _tell_concerns(self, session: Session) -> None:
        # Not as they come up: that is in the background, while the person types.
        concerns, session.sandbox.concerns = session.sandbox.concerns, []
        for concern in concerns:
            self._talk.notice(concern)

    def _after_stop(self) -> None:
        if self._prompt.leaving:
            self._talk.notice("Stopped.")
            return
        self._talk.notice("Stopped. What was said is kept: say what to do instead, or /retry.")
        if not self._prompt.is_terminal:
            self._prompt.interrupted = self._prompt.leaving = True

    # Interaction: what the agents need of the person

    async def ask(self, prompt: str, cancellation_token: Token | None) -> str:
        """Ask for approval or feedback once all that was said is on the screen; leaving counts as STOP."""
        transcript = await self._caught_up()
        if self._said_at_gate is not None:
            said, self._said_at_gate = self._said_at_gate, None
            transcript.question_answered()
            return said if spoken_word(said) else self._talk.with_notes(said)
        why = self._talk.why_asked()
        if self._prompt.is_terminal:
            self._screen.say("", *why, Text(_QUESTION, style=QUIET_STYLE))
        elif why:
            self._screen.say("", *why)
        while not self._prompt.leaving:
            typed = await self._answer(cancellation_token)
            meant = await run_command(self._talk, typed) if typed and typed.strip() else None
            answer = None if meant is None else await self._meant(meant, cancellation_token)
            if answer is None:
                continue
            if answer == RETRY:
                self._talk.notice("The model has answered; there is nothing to retry. Say what to change.")
                continue
            transcript.question_answered()
            return answer if spoken_word(answer) else self._talk.with_notes(answer)
        return STOP

    async def confirm(self, programs: Sequence[CodeBlock], cancellation_token: Token) -> Sequence[CodeBlock] | str:
        """Ask before the programs run, where the person wants that; return them, perhaps edited, or why they are not run."""
        if not self._talk.confirms:
            return programs
        transcript = await self._caught_up()
        transcript.show_proposed(programs)
        self._screen.say("", Text(f"To run in the container: {self._talk.contract()}", style="yellow"))
        if self._prompt.is_terminal:
            self._screen.say(Text(_GATE, style=QUIET_STYLE))
        self._talk.at_gate = programs
        try:
            said = await self._at_gate(programs, cancellation_token)
        finally:
            self._talk.at_gate = ()
        transcript.question_answered(waits_for_model=False)
        if not isinstance(said, str):
            return said
        # The person's turn comes next: there this is their answer, and a STOP ends the task.
        self._said_at_gate = said
        return ""

    async def _at_gate(self, programs: Sequence[CodeBlock], token: Token) -> Sequence[CodeBlock] | str:
        """Return the programs that may run, STOP, or why they may not."""
        while not self._prompt.leaving:
            typed = await self._answer(token, suggests=False)
            if typed is None:
                continue
            if not typed.strip():
                return programs
            if typed.strip().lower() == "e" and self._prompt.is_terminal:
                programs = [await self._edited(program) for program in programs]
                self._talk.at_gate = programs
                self._screen.say(Text(_GATE, style=QUIET_STYLE))
                continue
            answer = await run_command(self._talk, typed)
            answer = None if answer is None else await self._meant(answer, token)
            word = spoken_word(answer) if answer else None
            if word == APPROVE or answer == RETRY:
                self._talk.notice(_NOT_APPROVED)
            elif answer is not None:
                return word or answer.strip()
        return STOP

    async def ask_yes(self, question: str, cancellation_token: Token) -> bool | None:
        """Ask a question that only the person's yes answers, once all that was said is on the screen; a pipe cannot be asked."""
        if not self._prompt.is_terminal:
            return None
        transcript = await self._caught_up()
        self._screen.say("", *question_lines(question))
        typed = None
        self._talk.asked_about = transcript.proposed
        try:
            while typed is None and not self._prompt.leaving:
                typed = await self._answer(cancellation_token, suggests=False)
                # A command, such as /code, may be needed to answer.
                typed = await run_command(self._talk, typed) if typed is not None else None
        finally:
            self._talk.asked_about = ()
        transcript.question_answered(waits_for_model=False)
        if self._prompt.leaving:
            # A "no" would let the program run without its packages, fail, and go back to the model: one more request that nobody reads.
            cancellation_token.cancel()
        return (typed or "").strip().lower() in ("y", "yes") and not self._prompt.leaving

    def notify(self, text: str) -> None:
        """Tell what is being waited for: in the status row of a terminal, else as a line on standard error."""
        if threading.current_thread() is not threading.main_thread():
            self._loop.call_soon_threadsafe(self.notify, text)  # an image is pulled in a thread
            return
        if self._talk.session is not None:
            # Pieces of the answer that came before the notice are still on their way through AutoGen's queues.
            self._loop.call_later(_NOTICE_DELAY, self._talk.transcript().notice, text)
            return
        if text == self._talk.progress:
            return
        self._talk.progress = text
        if not self._screen.control_codes and not self._settings.quiet:
            sys.stderr.write(f"{sanitize(text)}\n")

    async def _caught_up(self) -> Transcript:
        transcript = self._talk.transcript()
        await transcript.caught_up.wait()
        self._prompt.set_aside()
        return transcript

    async def _edited(self, program: CodeBlock) -> CodeBlock:
        """Return the program as the person left it, and show what that changed; an editor that fails changes nothing."""
        code = await edit_program(program, self._talk.notice)
        if code is None:
            return program
        told = changes(program.code, code)
        self._screen.print(Text("your changes:" if told else "The program is unchanged.", style=QUIET_STYLE), *told)
        return replace(program, code=code)

    async def _meant(self, typed: str, token: Token | None) -> str | None:
        """Return the typed text as feedback or as the word it is; asks back where it holds a word among others."""
        word = spoken_word(typed)
        words = mentioned_words(typed)
        if word is not None or not words or not self._prompt.is_terminal:
            return word or typed
        choices = " or ".join(words)
        self._talk.notice(f"Is that {choices}, or feedback? Type {choices} alone, or press Enter to send it as feedback.")
        again = await self._answer(token, suggests=False)
        if again is None:
            return None
        return spoken_word(again) or (again if again.strip() else typed)

    async def _answer(self, token: Token | None, *, suggests: bool = True) -> str | None:
        """Read the answer to a question that is on the screen by now: nothing that was typed before it, or before a notice, is one."""
        self._prompt.set_aside()
        return await self._prompt.read(token=token, suggests=suggests)

    async def _read_text(self, *, until: asyncio.Future[Session] | None = None) -> str | None:
        """Return a line that is no slash command, or what a command stands for; None where there is nothing to go on with."""
        typed = await self._prompt.read(until=until)
        if typed is None or not typed.strip():
            return None
        return await run_command(self._talk, typed)

    def _tell(self, error: AppError) -> None:
        """Show an error and go on where a person sits there; else end with it."""
        if not self._prompt.is_terminal:
            if error.hint.startswith(RETRY) or f", then {RETRY}" in error.hint:
                # Nobody sits there who could type a command.
                error.hint = error.hint.replace(f", then {RETRY}", ", then run it again").replace(RETRY, "run it again")
            raise error
        self._talk.tell_error(error)
