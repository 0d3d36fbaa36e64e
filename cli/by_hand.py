"""Programs that the user runs outside of the team's turns: the newest again, one changed by hand, or one from before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cli.output.files import put_back_lines
from cli.state import ChatState
from utils.errors import AppError
from utils.text import fenced

if TYPE_CHECKING:
    from sandbox.verdicts import ProgramRun
    from teams.record import Attempt
    from utils.code_blocks import CodeBlock


async def run_by_hand(state: ChatState, program: CodeBlock) -> ProgramRun | None:
    """Run a program outside the team's turns, shown like any other run; Ctrl-C stops it. Return its run if it finished."""
    session = state.session
    assert session is not None  # a program has run, so the session is open
    runs = len(session.record.attempts)
    try:
        with state.prompt.step(session.stop), state.transcript().live(waits_for_model=False):
            await state.follow(session.run_programs([program]))
    except AppError as error:
        state.show_error(error)
    attempts = session.record.attempts[runs:]
    return attempts[-1].run if attempts else None


async def run_and_tell(state: ChatState, program: CodeBlock, what: str) -> None:
    """Run a program that becomes the newest by the user's hand, and let the model know with the next message."""
    run = await run_by_hand(state, program)
    assert state.session is not None
    result = f"It ran: {run.verdict.value}, exit code {run.exit_code}." if run else "Its run did not finish."
    result = f"It did not run: {run.reason}." if run and run.reason else result
    state.session.notes.append(f"{what}; this is now the newest one. {result}\n{fenced(program.code, program.language)}")


async def go_back(state: ChatState, earlier: Attempt, later: Attempt) -> None:
    """Run an earlier program again, on the files that it had then; afterwards the files are what they were before the later one ran."""
    assert state.session is not None
    sandbox = state.session.sandbox
    try:
        done = await sandbox.put_back(later.state)
        if done is not None:
            await sandbox.put_back(earlier.state)
        await run_and_tell(state, earlier.program, "I went back to an earlier program")
        again = await sandbox.put_back(later.state) if later.state != earlier.state else done
    except AppError as error:
        state.show_error(error)
        return
    state.notice("This is the newest program again. The model will see this.")
    if done is None or again is None:
        state.notice("Files that the later one made or changed are still there: no copy of how they were is kept.")
        return
    state.session.record.drop_files([*done.removed, *again.removed])
    for line in put_back_lines(replace(done, left_out=again.left_out)):
        state.notice(line)
