"""Files in: copies what the user adds into the programs' folder, says what was left out, and lets the generator know."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.files import by_reason, named
from cli.state import ChatState
from utils.errors import AppError
from utils.text import size_text
from utils.words import says_yes

if TYPE_CHECKING:
    from teams.session import Session

_MENTION = re.compile(r"(?:^|\s)@(\S+)")

Agree = Callable[[str], Awaitable[bool]]
"""Ask the user whether files with these names are to be copied although they may hold secrets."""


async def add_files(session: Session, paths: Sequence[Path], agree: Agree | None = None) -> list[str]:
    """Copy the files and folders in, note it for the model, and return the lines to show. Raises AppError.

    Files that may hold secrets are copied if `agree`, which gets their names, says so; without it they are not.
    """
    selection = await session.add_files(paths)
    if selection.doubtful and agree is not None and await agree(named(selection.doubtful)):
        selection = await session.add_doubtful(selection)
    lines = []
    if selection.files:
        names = named([f"{name} ({size_text(length)})" for name, _, length in selection.files])
        lines.append(f"Added to the sandbox: {names}.")
        session.notes.append(f"These files of mine are in the working folder: {names}. Open them by these names.")
    lines += [f"Skipped ({reason}): {names}." for reason, names in by_reason(selection.left_out).items()]
    if selection.doubtful:
        lines.append(f"Skipped (may hold secrets; /add in a session asks you): {named(selection.doubtful)}.")
    return lines or ["There is nothing to add."]


async def add_mentioned(state: ChatState, text: str) -> None:
    """Copy in the files and folders that the user's words name as @path; an @word that is no path is left alone.

    Only in a terminal: the text of a pipe may be somebody else's.
    """
    paths = [path for word in _MENTION.findall(text) if (path := _path_of(word)) is not None]
    if not paths or state.session is None or not state.prompt.is_terminal:
        return
    try:
        for line in await add_files(state.session, list(dict.fromkeys(paths)), partial(agree_to_copy, state)):
            state.notice(line)
    except AppError as error:
        state.show_error(error)


def _path_of(word: str) -> Path | None:
    for text in (word, word.rstrip(".,;:!?)\"'")):
        try:
            path = Path(text).expanduser()
            if path.name and path.exists():
                return path
        except (OSError, RuntimeError, ValueError):  # too long, an unknown user in ~user, a NUL
            continue
    return None


async def agree_to_copy(state: ChatState, names: str) -> bool:
    """Ask the user in the terminal; only yes copies."""
    state.prompt.set_aside()
    state.screen.say(Text(f"These may hold secrets, which programs could then read and print: {names}. Copy them? y/N", style="yellow"))
    typed = await state.prompt.read(suggests=False)
    return says_yes(typed)
