"""The slash commands that may be typed at any prompt: one function each, whose docstring is its help."""

from __future__ import annotations

import asyncio
import difflib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.add_files import add_files
from cli.input.editor import edit_program
from cli.output.answer import highlight_program
from cli.output.files import file_lines, open_file
from cli.output.packages import NETWORK_ON
from cli.output.screen import QUIET_STYLE
from cli.talk import RETRY, Talk
from utils.errors import AppError
from utils.settings import NETWORKS
from utils.words import APPROVE, STOP

if TYPE_CHECKING:
    from utils.code_blocks import CodeBlock

Command = Callable[[Talk, str], Awaitable[str | None]]
_NETWORK_FOR_MODEL = {
    "off": "no network, and no packages can be installed.",
    "install": "no network while programs run; packages that a ```sh block asks for with `pip install` are installed before.",
    "on": "programs may use the network.",
}
_ON_OFF = {"": None, "on": True, "off": False}
_USAGE_COLUMNS = 18
_GENERAL = (
    "APPROVE accepts the result, STOP ends the task: the word alone, in any case. Anything else is a task, or says what to change.",
    "Enter sends, Alt+Enter starts a new line, Ctrl-R searches what was typed.",
    "Ctrl-C stops the current step; twice at the prompt it leaves.",
)


async def _help(talk: Talk, argument: str) -> str | None:
    """show this help"""
    talk.screen.say(*_GENERAL, "")
    for usage, text in command_table():
        row = f"  {usage:<{_USAGE_COLUMNS}} "
        talk.screen.say(*([row.rstrip(), " " * (_USAGE_COLUMNS + 3) + text] if len(usage) > _USAGE_COLUMNS else [row + text]))
    return None


async def _approve(talk: Talk, argument: str) -> str | None:
    """accept the result, as the word APPROVE does"""
    return APPROVE


async def _stop(talk: Talk, argument: str) -> str | None:
    """end the task, as the word STOP does"""
    return STOP


async def _retry(talk: Talk, argument: str) -> str | None:
    """ask the model again after a step was stopped or failed"""
    return RETRY


async def _run(talk: Talk, argument: str) -> str | None:
    """run the newest program again"""
    program = _newest_to_run(talk)
    if program is not None:
        await run_by_hand(talk, program)
    return None


async def _code(talk: Talk, argument: str) -> str | None:
    """show the newest program"""
    newest = None if talk.at_gate or talk.asked_about else _newest(talk)
    for program in talk.at_gate or talk.asked_about or ([newest] if newest else []):
        talk.screen.print(*highlight_program(program.code.rstrip("\n"), program.language))
    return None


async def _edit(talk: Talk, argument: str) -> str | None:
    """change the newest program in $EDITOR, run it, and tell the generator"""
    program = _newest_to_run(talk)
    if program is None:
        return None
    if not talk.prompt.is_terminal:
        talk.notice("An editor needs a terminal.")
        return None
    code = await edit_program(program, talk.notice)
    talk.prompt.set_aside()
    if code is None:
        return None
    if code == program.code:
        talk.notice("The program is unchanged.")
        return None
    changed = replace(program, code=code)
    await run_by_hand(talk, changed)
    run = talk.programs.last_run
    result = f"It was run: {run.verdict.value}, exit code {run.exit_code}." if run else "It was not run to its end."
    result = f"It was not run: {run.reason}." if run and run.reason else result
    fence = f"```{changed.language}\n{code.rstrip()}\n```"
    talk.notes.append(f"I changed the program by hand; this is now the newest one. {result}\n{fence}")
    talk.notice("The generator is told with your next message.")
    return None


async def _save(talk: Talk, argument: str) -> str | None:
    """PATH: write the newest program to a file of yours"""
    program = _newest(talk)
    if program is None:
        return None
    if not argument:
        talk.notice("Where to? /save PATH")
        return None
    try:
        path = Path(argument).expanduser()
        # "x" never writes over a file, and never through a link to one.
        with path.open("x", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(program.code)
    except (OSError, RuntimeError, ValueError) as error:  # no such user in ~user, a NUL in the name
        talk.notice(f"{argument} was not written: {getattr(error, 'strerror', None) or error}. Name another path.")
        return None
    talk.notice(f"Saved as {path}.")
    return None


async def _files(talk: Talk, argument: str) -> str | None:
    """list the files that programs made"""
    talk.screen.print(*file_lines(talk.programs.files.values()) or [Text("No files yet.", style=QUIET_STYLE)])
    return None


async def _open(talk: Talk, argument: str) -> str | None:
    """NAME: open a file that a program made"""
    file = talk.programs.files.get(argument)
    if file is None:
        names = ", ".join(talk.programs.files) or "none yet"
        talk.notice(f"Which file? /open NAME; there are: {names}")
        return None
    talk.notice(open_file(file.path))
    return None


async def _add(talk: Talk, argument: str) -> str | None:
    """PATH: copy a file or folder of yours to the programs, without keys, .git and what .sandboxignore lists"""
    if not argument or talk.session is None:
        talk.notice("What? /add PATH" if not argument else "The container is still starting. Try again in a moment.")
        return None
    try:
        told = await add_files(talk.session, [Path(argument)], talk.notes)
    except AppError as error:
        told = [f"error: {error.message}", f"  → {error.hint}"]
    for line in told:
        talk.notice(line)
    return None


async def _diff(talk: Talk, argument: str) -> str | None:
    """show what changed from the program before to the newest"""
    talk.screen.print(*talk.programs.diff() or [Text("There is no change to show.", style=QUIET_STYLE)])
    return None


async def _model(talk: Talk, argument: str) -> str | None:
    """[NAME]: show the model, or ask another one of the same provider from now on"""
    if not argument:
        talk.notice(f"The model is {talk.model}.")
    elif talk.session is None:
        talk.notice("The session is still starting; try again in a moment.")
    else:
        try:
            talk.model = await talk.session.switch_model(argument)
            talk.notice(f"From now on {talk.model} is asked.")
        except AppError as error:
            talk.tell_error(error)
    return None


async def _confirm(talk: Talk, argument: str) -> str | None:
    """[on|off]: ask before each run, too"""
    if argument not in _ON_OFF:
        talk.notice("/confirm on, or /confirm off")
        return None
    wanted = _ON_OFF[argument]
    talk.confirms = not talk.confirms if wanted is None else wanted
    talk.notice("You are asked before each run." if talk.confirms else "Programs run without a question; you approve the result.")
    return None


async def _network(talk: Talk, argument: str) -> str | None:
    """[off|install|on]: whether programs have the network; install opens it for pip alone"""
    if argument not in NETWORKS:
        talk.notice(f"The network is {talk.settings.network}. /network off, /network install, or /network on")
        return None
    if talk.session is None:
        talk.notice("The container is still starting. Try again in a moment.")
        return None
    try:
        await talk.session.sandbox.set_network(argument)
    except AppError as error:
        talk.tell_error(error)
        return None
    talk.settings = replace(talk.settings, network=argument)
    if argument == "on":
        talk.screen.say(Text(NETWORK_ON, style="yellow"))
    else:
        talk.notice("Programs have no network." if argument == "off" else "The network is open only while packages are installed.")
    talk.notes.append(f"The network setting is now: {_NETWORK_FOR_MODEL[argument]}")
    return None


async def _cost(talk: Talk, argument: str) -> str | None:
    """show the tokens used so far, and what they cost"""
    talk.notice(" · ".join(talk.spent()) or "No tokens have been used yet.")
    return None


async def _new(talk: Talk, argument: str) -> str | None:
    """start a fresh conversation; the container and its files stay"""
    if talk.prompt.in_step:
        talk.notice("End this task first: APPROVE or STOP.")
        return None
    if talk.session is not None:
        talk.session.team.forget()
    talk.notes.clear()
    talk.programs.start_task()
    talk.notice("A fresh conversation. The container and its files stay.")
    return None


async def _exit(talk: Talk, argument: str) -> str | None:
    """leave the session (also Ctrl-D)"""
    talk.prompt.leaving = True
    return None


COMMANDS: dict[str, Command] = {
    "help": _help,
    "approve": _approve,
    "stop": _stop,
    "retry": _retry,
    "run": _run,
    "code": _code,
    "edit": _edit,
    "diff": _diff,
    "save": _save,
    "add": _add,
    "files": _files,
    "open": _open,
    "model": _model,
    "confirm": _confirm,
    "network": _network,
    "cost": _cost,
    "new": _new,
    "exit": _exit,
}


def command_table() -> list[tuple[str, str]]:
    """Return for each command how it is typed and what it does, from the docstrings."""
    table = []
    for name, function in COMMANDS.items():
        text = inspect.getdoc(function) or ""
        argument, separator, meaning = text.partition(": ")
        takes_argument = bool(separator) and (argument.isupper() or argument.startswith("["))
        table.append((f"/{name} {argument}" if takes_argument else f"/{name}", meaning if takes_argument else text))
    return table


async def run_command(talk: Talk, typed: str) -> str | None:
    """Carry out a slash command and return what it stands for, if anything; a text that is no command is returned as it is.

    Only a first word that is a slash and letters is read as a command: "/tmp/x should be used" is feedback.
    """
    word, _, argument = typed.strip().partition(" ")
    if not word.startswith("/") or not word[1:].isalpha() or "\n" in typed.strip():
        return typed
    command = COMMANDS.get(word[1:].lower())
    if command is not None:
        return await command(talk, argument.strip())
    near = difflib.get_close_matches(word[1:].lower(), COMMANDS, n=1)
    talk.notice(f"There is no command {word}. " + (f"Did you mean /{near[0]}?" if near else "/help lists the commands."))
    return None


def _newest(talk: Talk) -> CodeBlock | None:
    if talk.at_gate or talk.asked_about:
        return (talk.at_gate or talk.asked_about)[-1]
    if talk.programs.newest is None:
        talk.notice("There is no program yet.")
    return talk.programs.newest


def _newest_to_run(talk: Talk) -> CodeBlock | None:
    if talk.at_gate:
        talk.notice("The program waits for you: Enter runs it, e edits it first.")
        return None
    if talk.asked_about:
        talk.notice("The program waits for your answer about its packages.")
        return None
    return _newest(talk)


async def run_by_hand(talk: Talk, program: CodeBlock) -> None:
    """Run a program outside the team's turns, shown as any other run; Ctrl-C stops it."""
    session = talk.session
    assert session is not None  # a program has run, so the session is open
    token = session.new_token()
    try:
        with talk.prompt.step(token.cancel), talk.transcript().live(waits_for_model=False):
            async for event in session.run_programs([program], token):
                talk.transcript().show(event)
    except AppError as error:
        talk.tell_error(error)
    except asyncio.CancelledError:
        if not token.is_cancelled():
            raise
        talk.notice("Stopped.")
