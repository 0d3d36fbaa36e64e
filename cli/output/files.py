"""The files that programs made, on the screen and in the user's own viewer."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rich.style import Style
from rich.text import Text

from cli.output.screen import QUIET_STYLE, WARNING_STYLE
from utils.platform import has_desktop, start_viewer
from utils.text import names_listed, sanitize, size_text

if TYPE_CHECKING:  # sandbox/ imports the engine's client, and the prompt does not wait for it
    from sandbox.files.states import PutBack
    from sandbox.files.transfer import LeftOut
    from sandbox.verdicts import ProducedFile

MOST_LINES = 20
"""How many files are named after a run: of those that were made, and of those left out for each reason."""


def file_lines(files: Iterable[ProducedFile], most: int = sys.maxsize) -> list[Text]:
    """Return a line for each of at most `most` files: new or changed, name, size, and where it is."""
    lines = [
        Text(f"  {'new' if file.new else 'changed'}: {sanitize(file.name)} ({size_text(file.size)}) → ", style=QUIET_STYLE).append_text(
            place(file.path)
        )
        for file in files
    ]
    more = len(lines) - most
    return [*lines[:most], Text(f"  and {more} more: /files", style=QUIET_STYLE)] if more > 0 else lines


def place(path: Path) -> Text:
    """Return where a file is, as a link in terminals that are known to show links."""
    style = Style(link=_address(path)) if shows_links(os.environ) else Style.null()
    return Text.assemble((sanitize(str(path)), Style.parse(QUIET_STYLE) + style))


def put_back_lines(done: PutBack) -> list[str]:
    """Say what going back has done to the files, and which files are not what they were."""
    parts = [f"{verb} {named(names)}" for verb, names in (("put back", done.stored), ("removed", done.removed)) if names]
    if not parts and not done.left_out:
        return ["Files are as it left them; none had changed."]
    lines = [f"Files are as it left them: {'; '.join(parts)}."] if parts and not done.left_out else []
    if done.left_out:
        missing = "; ".join(f"{names} ({reason})" for reason, names in by_reason(done.left_out).items())
        lines.append(f"Files: {'; '.join([*parts, f'not put back: {missing}'])}.")
    return lines


def named(names: Iterable[str]) -> str:
    """List the first of the names, which are somebody else's."""
    return names_listed([sanitize(name) for name in names], MOST_LINES)


def by_reason(left_out: Iterable[LeftOut]) -> dict[str, str]:
    """Return for each reason why files were left out the names of the first of them."""
    names: dict[str, list[str]] = {}
    for each in left_out:
        names.setdefault(sanitize(each.reason), []).append(each.name)
    return {reason: named(these) for reason, these in names.items()}


def left_out_lines(left_out: Iterable[LeftOut]) -> list[Text]:
    """Return a line for each reason why files were left out."""
    return [Text(f"  left out: {names}: {reason}", style=WARNING_STYLE) for reason, names in by_reason(left_out).items()]


def shows_links(environment: Mapping[str, str]) -> bool:
    """Whether the terminal shows OSC 8 links, by what it says of itself; others might print the address as garbage."""
    if environment.get("TERM", "").startswith(_LINKING_TERMS) or environment.get("TERM_PROGRAM") in _LINKING_PROGRAMS:
        return True
    version = environment.get("VTE_VERSION", "")
    return bool(environment.get("WT_SESSION") or environment.get("KONSOLE_VERSION")) or (version.isdecimal() and int(version) >= _VTE)


def _address(path: Path) -> str:
    # With the host's name, so that a terminal elsewhere does not look on its own disk.
    return path.absolute().as_uri().replace("://", f"://{quote(socket.gethostname())}", 1)


async def open_file(path: Path) -> Text:
    """Open a file with the desktop's viewer for its kind, and return what to say to the user.

    A program is never opened this way: the desktop might run it.
    """
    here = Text("It is here: ", style=QUIET_STYLE).append_text(place(path))
    if path.suffix.lower() not in _SHOWN or not has_desktop(os.environ):
        return here
    viewer = start_viewer(path)
    if viewer is not None:
        threading.Thread(target=viewer.wait, daemon=True).start()  # so that it leaves no zombie, and outlives us if it wants to
        until = time.monotonic() + _PATIENCE
        while viewer.returncode is None and time.monotonic() < until:
            await asyncio.sleep(0.02)
    if viewer is not None and viewer.returncode:
        return Text(f"{viewer.args[0]} could not open it (status {viewer.returncode}). ", style=WARNING_STYLE).append_text(here)
    return Text("Opened ", style=QUIET_STYLE).append_text(place(path))


_SHOWN = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".txt", ".csv", ".md", ".json", ".pdf"}
_PATIENCE = 3.0  # seconds in which an opener says that it failed; one that goes on is the viewer itself
_LINKING_TERMS = ("xterm-kitty", "xterm-ghostty", "foot", "alacritty", "wezterm")
_LINKING_PROGRAMS = {"iTerm.app", "WezTerm", "ghostty", "vscode", "Hyper", "rio", "Tabby"}
_VTE = 5000  # the first version of GNOME's terminal widget whose links work
