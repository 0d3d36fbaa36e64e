"""The user's own editor: $VISUAL or $EDITOR on a program in a temporary file."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.languages import find_language
from utils.platform import EDITORS, split_command

if TYPE_CHECKING:
    from utils.code_blocks import CodeBlock


async def edit_program(program: CodeBlock, notice: Callable[[str], None]) -> str | None:
    """Return the program as the user left it, or None, with a notice, if the editor could not be run or failed."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or next(filter(shutil.which, EDITORS), "")
    try:
        command = split_command(editor)  # "code --wait" is a command and its argument
    except ValueError:
        notice(f"EDITOR is not a valid command (a quotation mark is missing): {editor}")
        return None
    if not command:
        notice("No editor found. Set EDITOR.")
        return None
    with tempfile.TemporaryDirectory(prefix="edit-") as folder:
        language = find_language(program.language)
        path = Path(folder) / f"program{language.ending if language else '.txt'}"
        path.write_text(program.code, encoding="utf-8", newline="\n")
        try:
            with _ordinary_terminal():
                process = await asyncio.create_subprocess_exec(shutil.which(command[0]) or command[0], *command[1:], str(path))
                status = await process.wait()
        except OSError as error:
            notice(f"The editor {editor} could not be started ({error.strerror}). Set EDITOR.")
            return None
        if status != 0 or not path.is_file():
            notice(f"The editor ended with status {status}; the program is unchanged.")
            return None
        return path.read_text(encoding="utf-8", errors="replace")


def _ordinary_terminal() -> AbstractContextManager[None]:
    """Turn the terminal's echo back on while the editor has it."""
    if not sys.stdin.isatty():
        return nullcontext()
    from prompt_toolkit.input import create_input

    return create_input().cooked_mode()
