"""What you can do about an error, in the words of the place where you read it: at a prompt, in a shell, or in the doctor's list.

The layers below say what helps anywhere (`hint`) and what kind of error it is; what there is to type is known here alone.
"""

from __future__ import annotations

from typing import Literal

from utils.errors import AppError

Place = Literal["prompt", "shell", "doctor"]
_AGAIN = ("rate-limit", "server", "unreachable", "stalled", "cut", "malformed", "html", "empty", "tools", "thinking", "endless", "unknown")
_PROMPT = {
    **dict.fromkeys(_AGAIN, "/retry asks again."),
    "rate-limit": "Wait a little, then /retry.",
    "server": "Wait a little, then /retry.",
    "empty": "/retry asks again; or say the task in other words.",
    "filtered": "Say the task in other words.",
    "thinking": "/retry asks again; another model may do better.",
    "endless": "/retry asks again; another model may do better.",
    "too-long": "/new starts a fresh conversation; the files stay.",
}
_SHELL = {
    **dict.fromkeys(_AGAIN, "Then run it again."),
    "rate-limit": "Wait a little, then run it again.",
    "server": "Wait a little, then run it again.",
    "stalled": "Or run it again.",
    "empty": "Run it again, or say the task in other words.",
    "tools": "Run it again, or choose another model: --model.",
    "filtered": "Say the task in other words.",
    "thinking": "Run it again, or choose another model: --model.",
    "endless": "Run it again, or choose another model: --model.",
    "unknown": "Run it again with --traceback to see more.",
    "too-long": "Start a fresh conversation, or choose a model that takes more: --model.",
    "no-key": "To look around without a model: --demo.",
    "engine-stopped": "`python main.py doctor` shows where an engine was looked for",
}
_WORDS: dict[Place, dict[str, str]] = {"prompt": _PROMPT, "shell": _SHELL, "doctor": {"no-key": _SHELL["no-key"]}}


def remedy(error: AppError, place: Place = "shell") -> str:
    """Return what to do about the error, for the place where it is read; "" if nothing is known to help."""
    words = _WORDS[place].get(error.kind, "")
    if not (error.hint and words):
        return error.hint or words
    return f"{error.hint} {words}" if error.hint.endswith(".") else f"{error.hint}; {words}"
