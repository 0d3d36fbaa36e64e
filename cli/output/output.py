"""All that a program printed: kept beside its files if the screen did not show all of it, and shown page by page."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cli.output.screen import Screen
from utils.platform import PAGERS, split_command
from utils.text import last_states, sanitize

if TYPE_CHECKING:  # sandbox/ imports the engine's client, and the prompt does not wait for it
    from sandbox.verdicts import ProgramRun


def keep_output(folder: Path, run: ProgramRun, text: str) -> Path | None:
    """Store what a run printed in the session's folder, under the name of its program; None if that fails."""
    from sandbox.files.host_folder import HostFolder
    from sandbox.files.names import safe_name

    name = f"{PurePosixPath(run.file_name).name}.output.txt"
    try:
        # Through HostFolder: a program's link of that name is replaced and not followed.
        return HostFolder(folder).write(safe_name(name) or name, text.encode("utf-8", "replace"))
    except (OSError, ValueError):
        return None


async def show_output(text: str, screen: Screen) -> None:
    """Show a text in the user's pager, or print it if there is none or no terminal; nothing in it steers the terminal."""
    shown = sanitize(last_states(text)).rstrip("\n")
    pager = _pager()
    if not screen.control_codes or not sys.stdin.isatty() or not pager or shown.count("\n") < os.get_terminal_size().lines - 1:
        screen.print(*shown.split("\n"))
        return
    process = await asyncio.create_subprocess_exec(*pager, stdin=subprocess.PIPE)
    try:
        await process.communicate(shown.encode("utf-8", "replace") + b"\n")
    except (BrokenPipeError, ConnectionResetError):  # left before all of it was read
        await process.wait()


def _pager() -> list[str]:
    try:
        command = split_command(os.environ.get("PAGER", ""))
    except ValueError:
        command = []
    for name, *arguments in [*([command] if command else []), *([name] for name in PAGERS)]:
        if found := shutil.which(name):
            return [found, *arguments]
    return []
