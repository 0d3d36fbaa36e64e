"""The errors that a person sees, and the exit status that each one means.

AppError                 anything this program tells a person in one line, with a remedy
├── UsageError           wrong usage or a wrong setting                          (exit 2)
├── ModelError           no answer from the model: key, quota, network, name     (exit 3)
├── EngineError          no container engine, no image, no container             (exit 4)
│   └── ContainerLost    the container or the contact with the engine is gone
└── HistoryError         the history cannot be read or written: see history/records.py

A failing *program* is a result, not an error: see sandbox/verdicts.py.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process returns to the shell."""

    DONE = 0  # approved, or the session was left normally
    NOT_DONE = 1  # stopped, still failing, or a limit was reached
    USAGE = 2
    MODEL = 3
    ENGINE = 4
    INTERRUPTED = 130


class AppError(Exception):
    """A failure as the user sees it: what failed, and what to do next."""

    status = ExitStatus.NOT_DONE

    def __init__(self, message: str, hint: str = "", *, kind: str = "") -> None:
        """Take the sentence that names what failed, the remedy, and a short word for programs that read our JSON."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kind = kind or type(self).__name__


class UsageError(AppError):
    """Wrong usage, or a setting with a value that is not allowed."""

    status = ExitStatus.USAGE


class ModelError(AppError):
    """The model gave no answer."""

    status = ExitStatus.MODEL


class EngineError(AppError):
    """There is no engine, no image or no container to run programs in."""

    status = ExitStatus.ENGINE


class ContainerLost(EngineError):
    """The container, or the contact with its engine, was lost: the result of what ran in it is unknown."""
