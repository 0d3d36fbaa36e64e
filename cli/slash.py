"""The slash commands, which work at every prompt: one function each, whose docstring is its help."""

from __future__ import annotations

import base64
import difflib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.adding import add_files, agree_to_copy
from cli.by_hand import go_back, run_and_tell, run_by_hand
from cli.input.editor import edit_program
from cli.input.prompt import command_in
from cli.output.changes import newest_changes, show_changes
from cli.output.code import highlight_program
from cli.output.files import file_lines, open_file
from cli.output.output import show_output
from cli.output.pictures import show_picture
from cli.output.screen import QUIET_STYLE
from cli.remembering import HISTORY_COMMANDS
from cli.state import RETRY, STARTING, ChatState
from cli.switching import SWITCHING_COMMANDS
from utils.errors import AppError
from utils.words import APPROVE, STOP

if TYPE_CHECKING:
    from sandbox.verdicts import ProducedFile
    from utils.code_blocks import CodeBlock

Command = Callable[[ChatState, str], Awaitable[str | None]]
_MOST_COPIED = 100_000  # characters of base64; terminals that take more are rare
_USAGE_COLUMNS = 18
_HEADINGS = {"/approve": "Results", "/run": "Programs", "/add": "Files", "/model": "Settings and cost", "/new": "Sessions"}
"""What stands above a command in the help, and is about the commands from there on."""
_GENERAL = (
    "Type APPROVE to accept the result or STOP to give up: the word on its own, in upper or lower case.",
    "Anything else is a new task, or says what to change.",
    "@PATH in a task, or in what you say about a result, copies that file into the sandbox, like /add.",
    "Enter sends, Alt+Enter starts a new line, Ctrl-R searches what you typed before.",
    "Ctrl-C stops the current step; press it twice at the prompt to quit.",
)


async def _help(state: ChatState, argument: str) -> None:
    """show this help"""
    state.screen.say(*_GENERAL, "")
    for usage, text in command_table():
        if heading := _HEADINGS.get(usage.partition(" ")[0]):
            state.screen.say(Text(heading, style="bold"))
        state.screen.say(f"  {usage:<{_USAGE_COLUMNS}} {text}")


async def _approve(state: ChatState, argument: str) -> str | None:
    """accept the result, like the word APPROVE"""
    return APPROVE


async def _stop(state: ChatState, argument: str) -> str | None:
    """give up the task, like the word STOP"""
    return STOP


async def _retry(state: ChatState, argument: str) -> str | None:
    """ask the model again after a step failed or was stopped"""
    return RETRY


async def _run(state: ChatState, argument: str) -> None:
    """run the newest program again"""
    program = _newest_to_run(state)
    if program is not None:
        await run_by_hand(state, program)


async def _code(state: ChatState, argument: str) -> None:
    """show the newest program"""
    newest = None if state.waiting else _newest(state)
    for program in state.waiting or ([newest] if newest else []):
        state.screen.print(*highlight_program(program.code.rstrip("\n"), program.language))


async def _edit(state: ChatState, argument: str) -> None:
    """change the newest program in $EDITOR and run it; the model will see the change"""
    program = _newest_to_run(state)
    if program is None:
        return
    if not state.prompt.is_terminal:
        state.notice("An editor needs a terminal.")
        return
    code = await edit_program(program, state.notice)
    state.prompt.set_aside()
    if code is None:
        return
    if code == program.code:
        state.notice("The program is unchanged.")
        return
    await run_and_tell(state, replace(program, code=code), "I changed the program by hand")
    state.notice("The model will see your change with your next message.")


async def _undo(state: ChatState, argument: str) -> None:
    """go back to the program before the newest, files too, and run it"""
    if _newest_to_run(state) is None:
        return
    attempts = state.record.attempts if state.record else []
    codes = [attempt.program.code for attempt in attempts]
    place = codes.index(codes[-1]) if codes else 0  # the newest may have been gone back to already
    if place == 0:
        state.notice("There is no earlier program in this task.")
        return
    await go_back(state, attempts[place - 1], attempts[place])


async def _save(state: ChatState, argument: str) -> None:
    """PATH: save the newest program as one of your files"""
    program = _newest(state)
    if program is None:
        return
    if not argument:
        state.notice("Save where? /save PATH")
        return
    try:
        path = Path(argument).expanduser()
        # "x" never overwrites a file, and never follows a link to one.
        with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(program.code)
    except (OSError, RuntimeError, ValueError) as error:  # an unknown user in ~user, a NUL in the name
        state.notice(f"Not saved as {argument}: {getattr(error, 'strerror', None) or error}. Name another path.")
        return
    state.notice(f"Saved as {path}.")


async def _files(state: ChatState, argument: str) -> None:
    """list the files that programs made"""
    state.screen.say(*file_lines(_files_made(state).values()) or [Text("No program has made a file yet.", style=QUIET_STYLE)])


async def _output(state: ChatState, argument: str) -> None:
    """show all that the newest program printed"""
    whole = state.session.whole_output if state.session else ""
    if whole:
        await show_output(whole, state.screen)
    else:
        state.notice("There is no output yet.")


async def _open(state: ChatState, argument: str) -> None:
    """NAME: open a file that a program made"""
    file = _files_made(state).get(argument)
    if file is None:
        names = ", ".join(_files_made(state))
        which = f"No program has made a file {argument}." if argument else "Open which file? /open NAME."
        state.notice(f"{which} Files: {names}" if names else "No program has made a file yet.")
        return
    if not await show_picture(state.screen, file.path):
        state.screen.say(await open_file(file.path))


async def _add(state: ChatState, argument: str) -> None:
    """PATH: copy a file or folder into the sandbox (no keys, no .git; see .sandboxignore)"""
    if not argument:
        state.notice("Which file or folder? /add PATH")
        return
    if state.session is None:
        state.notice(STARTING)
        return
    try:
        agree = partial(agree_to_copy, state) if state.prompt.is_terminal else None
        for line in await add_files(state.session, [Path(argument)], agree):
            state.notice(line)
    except AppError as error:
        state.show_error(error)


async def _diff(state: ChatState, argument: str) -> None:
    """show what changed from the last program to the newest"""
    if lines := newest_changes(state.record):
        show_changes(state.screen, "Changes since the last attempt:", lines)
    else:
        state.notice("No changes to show.")


async def _copy(state: ChatState, argument: str) -> None:
    """copy the newest program to the clipboard, if the terminal allows that"""
    program = _newest(state)
    if program is None:
        return
    data = base64.b64encode(program.code.encode("utf-8", "replace")).decode()
    if not state.screen.control_codes or len(data) > _MOST_COPIED:
        state.notice("This terminal cannot be asked to copy. /save PATH writes the program to a file.")
        return
    state.screen.send(f"\x1b]52;c;{data}\x07")  # OSC 52; terminals that do not know it ignore it
    state.notice("Copied, if your terminal allows it (OSC 52).")


async def _new(state: ChatState, argument: str) -> None:
    """start a fresh conversation; the container and its files stay"""
    if state.prompt.in_step:
        state.notice("End this task first: APPROVE or STOP.")
        return
    if state.session is not None:
        state.session.forget()
        state.session.notes.clear()
    state.notice("A fresh conversation. The container and its files stay.")


async def _exit(state: ChatState, argument: str) -> None:
    """quit (also Ctrl-D)"""
    state.prompt.leaving = True


COMMANDS: dict[str, Command] = {
    "help": _help,
    "approve": _approve,
    "stop": _stop,
    "retry": _retry,
    "run": _run,
    "code": _code,
    "edit": _edit,
    "undo": _undo,
    "diff": _diff,
    "save": _save,
    "copy": _copy,
    "output": _output,
    "add": _add,
    "files": _files,
    "open": _open,
    **SWITCHING_COMMANDS,
    "new": _new,
    **HISTORY_COMMANDS,
    "exit": _exit,
}


def command_table() -> list[tuple[str, str]]:
    """Return how each command is typed and what it does, from the docstrings."""
    table = []
    for name, function in COMMANDS.items():
        text = inspect.getdoc(function) or ""
        argument, _, meaning = text.partition(": ")
        table.append((f"/{name} {argument}", meaning) if _takes_argument(function) else (f"/{name}", text))
    return table


def _takes_argument(command: Command) -> bool:
    argument, separator, _ = (inspect.getdoc(command) or "").partition(": ")
    return bool(separator) and (argument.isupper() or argument.startswith("["))


async def run_slash_command(state: ChatState, typed: str) -> str | None:
    """Run a slash command and return the word it means, if any; text that is not a command is returned unchanged."""
    word, _, argument = command_in(typed).partition(" ")
    if not word:
        return typed
    command = COMMANDS.get(word[1:].lower())
    if command is not None and argument.strip() and not _takes_argument(command):
        state.notice(f"{word} takes nothing after it, so nothing was done. Type it alone, or leave out the slash to say something.")
        return None
    if command is not None:
        return await command(state, argument.strip())
    near = difflib.get_close_matches(word[1:].lower(), COMMANDS, n=1)
    state.notice(f"There is no command {word}. " + (f"Did you mean /{near[0]}?" if near else "/help lists the commands."))
    return None


def _files_made(state: ChatState) -> dict[str, ProducedFile]:
    return state.record.files if state.record else {}


def _newest(state: ChatState) -> CodeBlock | None:
    if state.waiting:
        return state.waiting[-1]
    newest = state.record.newest if state.record else None
    if newest is None:
        state.notice("There is no program yet.")
    return newest


def _newest_to_run(state: ChatState) -> CodeBlock | None:
    if state.waiting_for == "run":
        state.notice("The program is waiting: press Enter to run it, or e to edit it first.")
        return None
    if state.waiting_for == "packages":
        state.notice("The program is waiting for your answer about its packages.")
        return None
    return _newest(state)
