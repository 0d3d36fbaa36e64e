"""How a user in a terminal, or the lines of a pipe, answer the questions of the stream: approve, run, packages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from cli.adding import add_mentioned
from cli.input.editor import edit_program
from cli.output.changes import changes
from cli.output.packages import NETWORK_OFFER, question_lines
from cli.output.screen import QUIET_STYLE
from cli.slash import run_slash_command
from cli.state import RETRY, ChatState
from utils.text import sanitize, times
from utils.words import APPROVE, STOP, mentioned_words, resembled_word, says_yes, spoken_word

if TYPE_CHECKING:
    from agents.events import Question, Reply
    from utils.code_blocks import CodeBlock

_NO_PROGRAM = "No program in this answer: nothing was run."
_STORED = "No program in this answer: its files were stored, and nothing was run."
_NOT_RUN = "Nothing of this answer was run."
_GATE = "Enter to run it, e to edit it first, always to run it and not ask again, STOP to give up, or say what to change."
_ALWAYS = ("a", "always")
_NO = ("n", "no")
_NOT_APPROVED = "APPROVE is for the result. Press Enter to run the program."
_WHY_NOT = "Say what to change, or type STOP to give up."


class StepStopped(Exception):
    """The step that asked was stopped: its question needs no answer."""


async def answer(state: ChatState, question: Question) -> Reply:
    """Ask the user and return the reply; leaving counts as STOP. Raises StepStopped."""
    from agents.events import Reply

    # Nothing that was typed before the question was on the screen answers it.
    state.prompt.set_aside()
    state.your_turn()
    if question.kind == "approve":
        return Reply(text=await _approve(state, question))
    if question.kind in ("packages", "build"):
        return Reply(yes=await _allow(state, question))
    programs = await _gate(state, question.programs)
    return Reply(text=programs) if isinstance(programs, str) else Reply(programs=programs)


def approving(task: str, program: CodeBlock) -> str:
    """Say which program an APPROVE is about that comes after a step that did not finish."""
    from teams.naming import fitting_name

    name = fitting_name(task, program.code, program.language)
    return f"Approving {name}, the last result you were asked about. The step after it did not finish."


def nothing_for(state: ChatState, word: str) -> str:
    """Say what can be done if APPROVE or STOP is typed, and there is no task that it could end."""
    from agents.events import UNFINISHED

    ended = state.record.ended if state.record else None
    if ended is not None and ended.status in UNFINISHED:
        return f"Nothing waits for {word}: the last step did not finish. Say what to do instead, or /retry."
    return f"There is no task to {word} yet. Type a task, or /exit to quit."


async def _approve(state: ChatState, question: Question) -> str:
    why = _why_asked(state, question)
    if why:
        state.screen.say("", *why)
    _say_question(state, question)
    while not state.prompt.leaving:
        typed = await _read_answer(state)
        command = await run_slash_command(state, typed) if typed and typed.strip() else None
        if command is None and typed and typed.strip():
            _say_question(state, question)  # what the command has shown may have pushed it out of sight
        meant = None if command is None else await _meant(state, command)
        if meant is None:
            continue
        if meant == RETRY:
            state.notice("The model has answered; there is nothing to retry. Say what to change.")
            continue
        if spoken_word(meant):
            return meant
        await add_mentioned(state, meant)
        return state.with_notes(meant)
    return STOP


def _say_question(state: ChatState, question: Question) -> None:
    if state.prompt.is_terminal and not state.prompt.leaving:
        approve = f" {_what_approve_does(state, question)}, "
        words = ("Type ", ("APPROVE", "bold"), approve, ("STOP", "bold"), " to give up, or say what to change.")
        state.screen.say("", Text.assemble(*words))


def _what_approve_does(state: ChatState, question: Question) -> str:
    from sandbox.verdicts import Verdict

    if question.ran or question.stored:
        return "to accept"
    earlier = state.record.last_run if state.record else None
    return "to accept the result before this answer" if earlier and earlier.verdict is Verdict.OK else "to end the task"


def _why_asked(state: ChatState, question: Question) -> list[Text]:
    """Say why the user is asked if it is not for a result, and what was tried."""
    nothing = [] if question.ran else [Text(_nothing_ran(question), style="yellow")]
    if not question.because:
        return nothing
    in_a_row = [(failure, len(list(same))) for failure, same in groupby(question.tried)]
    failures = [f"{failure} ({times(count)})" if count > 1 else failure for failure, count in in_a_row]
    tried = [Text(f"  {number}. {sanitize(failure)}", style=QUIET_STYLE) for number, failure in enumerate(failures, 1)]
    offer = [Text(NETWORK_OFFER, style="yellow")] if _lacked_network(state) else []
    so_far, listed = (" Tried so far:", tried) if len(question.tried) > 1 else ("", [])
    return [Text(f"Your turn: {sanitize(question.because).rstrip('.')}.{so_far}", style="yellow"), *listed, *nothing, *offer]


def _nothing_ran(question: Question) -> str:
    from teams.recovery import NO_PROGRAM

    if question.stored:
        return _STORED
    return _NO_PROGRAM if question.tried[-1:] in ((), (NO_PROGRAM,)) else _NOT_RUN


def _lacked_network(state: ChatState) -> bool:
    from sandbox.verdicts import TRIED_NETWORK

    last_run = state.record.last_run if state.record else None
    return last_run is not None and TRIED_NETWORK in last_run.notes and state.settings.network != "on"


async def _gate(state: ChatState, programs: Sequence[CodeBlock]) -> Sequence[CodeBlock] | str:
    """Ask before the programs run; return them, perhaps edited, or what the user says instead."""
    state.screen.say("", Text(f"Run this? {state.contract()}", style="yellow"))
    if state.prompt.is_terminal:
        state.screen.say(Text(_GATE, style=QUIET_STYLE))
    with _waiting(state, programs, "run"):
        while not state.prompt.leaving:
            typed = await _read_answer(state, suggests=False)
            if typed is None:
                continue
            bare = typed.strip().lower()
            if bare in _ALWAYS:
                state.set_confirms(False)
                state.notice("Programs run without asking from now on. /confirm on asks again.")
            if not bare or says_yes(bare) or bare in _ALWAYS:
                return state.waiting
            if bare == "e" and state.prompt.is_terminal:
                state.waiting = await _all_edited(state, state.waiting)
                state.screen.say(Text(_GATE, style=QUIET_STYLE))
                continue
            said = await _said_at_gate(state, typed)
            if said is not None:
                return said
    return STOP


async def _said_at_gate(state: ChatState, typed: str) -> str | None:
    """Return STOP or why the programs may not run; None if the question is still open."""
    if state.prompt.is_terminal and (typed.strip().lower() in _NO or resembled_word(typed) == APPROVE):
        state.notice(_WHY_NOT if typed.strip().lower() in _NO else _NOT_APPROVED)
        return None
    command = await run_slash_command(state, typed)
    meant = None if command is None else await _meant(state, command)
    if meant is None:
        return None
    word = spoken_word(meant)
    if word == APPROVE or meant == RETRY:
        state.notice(_NOT_APPROVED)
        return None
    if word is None:
        await add_mentioned(state, meant)
    return word or state.with_notes(meant.strip())


async def _allow(state: ChatState, question: Question) -> bool | None:
    """Ask about packages, which only yes installs; None if nobody can be asked."""
    if not state.prompt.is_terminal:
        return None
    state.screen.say("", *question_lines(question))
    typed = None
    with _waiting(state, question.programs, "packages"):
        while typed is None and not state.prompt.leaving:
            typed = await _read_answer(state, suggests=False)
            # A command, such as /code, may help to answer.
            typed = await run_slash_command(state, typed) if typed is not None else None
    if state.prompt.leaving and state.session is not None:
        # A "no" would let the program run without its packages, fail, and go back to the model: one more request that nobody reads.
        state.session.stop()
    return says_yes(typed) and not state.prompt.leaving


@contextmanager
def _waiting(state: ChatState, programs: Sequence[CodeBlock], what: Literal["run", "packages"]) -> Iterator[None]:
    state.waiting, state.waiting_for = programs, what
    try:
        yield
    finally:
        state.waiting, state.waiting_for = (), ""


async def _all_edited(state: ChatState, programs: Sequence[CodeBlock]) -> Sequence[CodeBlock]:
    edited = []
    for number, program in enumerate(programs, 1):
        if len(programs) > 1:
            state.notice(f"Editing program {number} of {len(programs)} ({program.language}).")
        edited.append(await _edited(state, program))
    return edited


async def _edited(state: ChatState, program: CodeBlock) -> CodeBlock:
    """Return the program as the user left it, and show what that changed; an editor that fails changes nothing."""
    code = await edit_program(program, state.notice)
    if code is None:
        return program
    lines = changes(program.code, code)
    state.screen.print(Text("Your changes:" if lines else "The program is unchanged.", style=QUIET_STYLE), *lines)
    return replace(program, code=code)


async def _meant(state: ChatState, typed: str) -> str | None:
    """Return the typed text as feedback or as the word it is; asks back if it holds a word among others."""
    word = spoken_word(typed)
    words = mentioned_words(typed)
    if word is not None or not words or not state.prompt.is_terminal:
        return word or typed
    choices = " or ".join(words)
    state.notice(f"Is that {choices}, or feedback? Type {choices} alone, or press Enter to send it as feedback.")
    again = await _read_answer(state, suggests=False)
    if again is None:
        return None
    return spoken_word(again) or (again if again.strip() else typed)


async def _read_answer(state: ChatState, *, suggests: bool = True) -> str | None:
    """Read the answer to a question that is on the screen by now: nothing typed before it, or before a notice, is one."""
    state.prompt.set_aside()
    _see_that_it_goes_on(state)
    typed = await state.prompt.read(suggests=suggests)
    _see_that_it_goes_on(state)
    return typed


def _see_that_it_goes_on(state: ChatState) -> None:
    # Ctrl-C stops the step if it comes just before the prompt, or in an editor that leaves it to the whole terminal.
    if state.session is not None and state.session.is_stopped:
        raise StepStopped
