"""The files that programs made, on the screen and in the user's own viewer."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.screen import QUIET_STYLE
from utils.text import sanitize

if TYPE_CHECKING:  # sandbox/ imports the engine's client, and the prompt does not wait for it
    from sandbox.files.transfer import LeftOut
    from sandbox.verdicts import ProducedFile

MOST_LINES = 20
"""How many files are named after a run: of those that were made, and of those left out for each reason."""


def file_lines(files: Iterable[ProducedFile], most: int = sys.maxsize) -> list[Text]:
    """Return a line for each of at most `most` files: new or changed, name, size, and where it is."""
    lines = [
        Text(
            f"  {'new' if file.new else 'changed'}: {sanitize(file.name)} ({size_text(file.size)}) → {sanitize(str(file.path))}",
            style=QUIET_STYLE,
        )
        for file in files
    ]
    more = len(lines) - most
    return [*lines[:most], Text(f"  and {more} more: /files", style=QUIET_STYLE)] if more > 0 else lines


def left_out_lines(left_out: Iterable[LeftOut]) -> list[Text]:
    """Return a line for each reason why files were left out, naming the first of them."""
    names: dict[str, list[str]] = {}
    for each in left_out:
        names.setdefault(each.reason, []).append(sanitize(each.name))
    lines = []
    for reason, named in names.items():
        more = len(named) - MOST_LINES
        listed = ", ".join(named[:MOST_LINES]) + (f" and {more} more" if more > 0 else "")
        lines.append(Text(f"  left out: {listed}: {sanitize(reason)}", style="yellow"))
    return lines


def size_text(size: int) -> str:
    """Return a size in bytes as people write it."""
    if size < 1000:
        return f"{size} bytes"
    number = float(size)
    for unit in ("KB", "MB", "GB"):
        number /= 1000
        if number < 1000 or unit == "GB":
            break
    return f"{number:.1f} {unit}"


def open_file(path: Path) -> str:
    """Open a file with the desktop's viewer for its kind, and return what to tell the user.

    A program is never opened this way: the desktop might run it.
    """
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    if path.suffix.lower() not in _SHOWN or shutil.which(opener) is None:
        return f"It is here: {path}"
    viewer = subprocess.Popen(
        [opener, str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    threading.Thread(target=viewer.wait, daemon=True).start()  # so that it leaves no zombie
    return f"Opened {path}"


_SHOWN = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".txt", ".csv", ".md", ".json", ".pdf"}
