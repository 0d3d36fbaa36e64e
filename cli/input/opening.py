"""Where the user's lines come from."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

from cli.input.keyboard import Keyboard, LineKeyboard, TerminalKeyboard
from cli.input.plain_terminal import PlainTerminalKeyboard
from cli.output.screen import Screen


def open_keyboard(
    screen: Screen,
    history: Path,
    commands: Sequence[tuple[str, str]] = (),
    demo_lines: Sequence[str] | None = None,
    *,
    vi: bool = False,
) -> Keyboard:
    """Choose where lines come from: a prompt in a terminal, else the demo's own script, else standard input line by line.

    `commands` are those that the prompt completes: how each is typed and what it does.
    """
    if not sys.stdin.isatty():
        return LineKeyboard(sys.stdin if demo_lines is None else io.StringIO("\n".join(demo_lines)))
    if screen.control_codes:
        return TerminalKeyboard(history, commands, vi=vi, colors=screen.colors)
    return PlainTerminalKeyboard(sys.stdin, screen)
