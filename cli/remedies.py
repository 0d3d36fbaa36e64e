"""What you can do about an error, in the words of the place where you read it: at a prompt, in a shell, or in the doctor's list.

The layers below say what helps anywhere (`hint`) and what kind of error it is; what there is to type is known here alone.
"""

from __future__ import annotations

from typing import Literal

from utils.errors import AppError

Place = Literal["prompt", "shell", "doctor"]
_AGAIN = (
    *("rate-limit", "server", "unreachable", "certificate", "stalled", "silent", "hung-up", "cut", "malformed", "html"),
    *("empty", "tools", "thinking", "endless", "unknown"),
)
_PROMPT = {
    **dict.fromkeys(_AGAIN, "Type /retry to try again."),
    "rate-limit": "Wait a moment, then type /retry.",
    "server": "Wait a moment, then type /retry.",
    "empty": "Type /retry, or put the task in other words.",
    "filtered": "Put the task in other words.",
    "thinking": "Type /retry; another model may do better.",
    "endless": "Type /retry; another model may do better.",
    "too-long": "/new starts a new conversation and keeps the files.",
    "unknown-model": "Here, /model lists the names and /model NAME switches; then type /retry.",
}
_SHELL = {
    **dict.fromkeys(_AGAIN, "Then run the command again."),
    "rate-limit": "Wait a moment, then run the command again.",
    "server": "Wait a moment, then run the command again.",
    **dict.fromkeys(("stalled", "silent"), "Or run the command again."),
    "empty": "Run the command again, or put the task in other words.",
    "tools": "Run the command again, or choose another model with --model.",
    "filtered": "Put the task in other words.",
    "thinking": "Run the command again, or choose another model with --model.",
    "endless": "Run the command again, or choose another model with --model.",
    "unknown": "Run the command again with --traceback for details.",
    "too-long": "Start a new conversation, or choose a model with a larger context: --model.",
    "no-key": "To try the program without a model, use --demo.",
    "engine-stopped": "`python main.py doctor` shows where an engine was looked for",
}
_WORDS: dict[Place, dict[str, str]] = {"prompt": _PROMPT, "shell": _SHELL, "doctor": {"no-key": _SHELL["no-key"]}}


def remedy(error: AppError, place: Place = "shell") -> str:
    """Return what to do about the error, for the place where it is read; "" if nothing is known to help."""
    words = _WORDS[place].get(error.kind, "")
    if not (error.hint and words):
        return error.hint or words
    return f"{error.hint} {words}" if error.hint.endswith(".") else f"{error.hint}; {words}"
