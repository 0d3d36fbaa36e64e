"""Pictures in the terminal itself, if it says that it can show them."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from cli.output.screen import Screen
from cli.output.sixel import png_size, sixels
from utils.platform import ask_terminal

_LARGEST = 4 * 1024 * 1024  # bytes
_PNG, _OTHERS = b"\x89PNG", (b"\xff\xd8\xff", b"GIF8")
_CHUNK = 4096  # characters: more at once is not allowed by the protocol
_CELL = 8  # pixels: a guess at the width of a character
_QUESTION = "\x1b[c"
_ANSWER = re.compile(rb"\x1b\[\?([\d;]*)c")
_SIXEL = b"4"
_PATIENCE = 1.0  # seconds; every terminal answers this question, most at once


def protocol(environment: Mapping[str, str]) -> Literal["kitty", "iterm2", ""]:
    """Return how pictures are sent, by what the terminal says of itself in the environment; "" if it says nothing."""
    term = environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("tmux", "screen")):
        return ""  # what runs outside is not what shows it
    if term in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    return "iterm2" if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm") else ""


async def show_picture(screen: Screen, path: Path) -> bool:
    """Show a picture in the terminal; False, with nothing written, if it is none or if the terminal does not say that it can."""
    if not screen.control_codes or not path.is_file() or path.stat().st_size > _LARGEST:
        return False
    data = path.read_bytes()
    if not data.startswith((_PNG, *_OTHERS)):
        return False
    sequence = await _sequence(data, screen)
    if sequence:
        screen.picture(sequence)
    return bool(sequence)


async def _sequence(data: bytes, screen: Screen) -> str:
    way = protocol(os.environ)
    if way == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(data)}:{base64.b64encode(data).decode()}\x07"
    if not data.startswith(_PNG):
        return ""
    if way == "kitty":
        return _kitty(data, screen.width - 1)
    if sys.stdin.isatty() and says_sixel(sys.stdin.fileno(), screen):
        return await asyncio.to_thread(sixels, data, (screen.width - 1) * _CELL) or ""
    return ""


def _kitty(png: bytes, columns: int) -> str:
    """Return the picture in kitty's protocol, which answers nothing that could pass for typed text (q=2)."""
    try:
        width, _ = png_size(png)
    except ValueError:
        return ""
    fits = f",c={columns}" if width > columns * _CELL else ""
    text = base64.b64encode(png).decode()
    pieces = [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
    first = f"a=T,f=100,q=2{fits},"
    return "".join(
        f"\x1b_G{first if number == 0 else ''}m={int(number + 1 < len(pieces))};{piece}\x1b\\" for number, piece in enumerate(pieces)
    )


def says_sixel(descriptor: int, screen: Screen) -> bool:
    """Ask the terminal what it is, and return whether sixels are among its answer; not if something typed is waiting to be read."""
    answer = ask_terminal(descriptor, lambda: screen.send(_QUESTION), _ANSWER, _PATIENCE)
    return answer is not None and _SIXEL in answer[1].split(b";")[1:]
