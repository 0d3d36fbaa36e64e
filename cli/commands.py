"""The slash commands that may be typed at any prompt."""

from __future__ import annotations

import difflib

# One entry a command: its name and its help.
COMMANDS = {
    "help": "show this help",
    "exit": "leave the session (also Ctrl-D)",
}
_GENERAL = (
    "APPROVE   accept the result (the word alone, in any case)",
    "STOP      end the task",
    "Anything else is a task, or says what to change.",
    "Enter sends; Alt+Enter starts a new line. Ctrl-C stops the current step; twice at the prompt leaves.",
)


def help_lines() -> list[str]:
    """Return the help that is shown for /help."""
    return [*_GENERAL, *(f"/{name:<8} {text}" for name, text in COMMANDS.items())]


def read_command(typed: str) -> str | None:
    """Return the command's name, or a sentence where it is mistyped, or None where the text is no command.

    Only a text that is one word after a slash is read as a command: "/tmp/x should be used" is feedback.
    """
    word = typed.strip()
    if not word.startswith("/") or not word[1:].isalpha():
        return None
    name = word[1:].lower()
    if name in COMMANDS:
        return name
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    meant = f"Did you mean /{near[0]}?" if near else "/help lists the commands."
    return f"There is no command {word}. {meant}"
