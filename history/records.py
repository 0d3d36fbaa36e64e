"""What a session leaves behind, as plain rows: nothing here knows how they are stored, shown or run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.packages.npm_names import NPM
from utils.errors import AppError
from utils.words import BACK_TO, own_words

OPEN = "open"  # the newest task has no outcome yet
APPROVED = "approved"
UNREADABLE = "cannot be read"
FRESH = "Fresh"
"""The source of a row that says that nothing before it is part of the conversation any more."""


class HistoryError(AppError):
    """The history cannot be read or written."""

    def __init__(self, message: str, hint: str = "") -> None:
        """Take the sentence and the remedy."""
        super().__init__(message, hint, kind="history")


@dataclass(frozen=True)
class SessionInfo:
    """One row of the list of sessions; times are seconds since the epoch."""

    id: str
    started: float
    task: str  # the first one
    updated: float = 0.0
    status: str = OPEN
    name: str = ""
    parent: str = ""  # the session that this one is a fork of
    provider: str = ""
    model: str = ""
    image: str = ""
    image_digest: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)  # limits, platform and whatever else a reader wants to know
    owner: str = ""  # the process that has the session open, or had it when it died
    turns: int = 0  # messages
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None  # None: no price is known


@dataclass(frozen=True)
class Message:
    """One message of the conversation, as the team saw it."""

    source: str
    content: str
    id: str = ""
    at: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own_words(self) -> str:
        """Return what the user typed, if this is a task, without the notes that went to the model before it."""
        return own_words(self.content, self.metadata.get("metadata") or {})


@dataclass(frozen=True)
class Attempt:
    """One program that was started; without `finished`, its result is unknown."""

    number: int  # 1 for the first of the session
    message: int  # how many messages there were when it was started: the newest of them holds it, unless it was edited by hand
    language: str
    code: str
    started: float
    finished: float | None = None
    verdict: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    output: str = ""
    cut: int = 0  # characters of output that are not kept
    file_name: str = ""
    given: tuple[tuple[str, str], ...] = ()  # name and text of the files that were stored beside it
    said: Mapping[str, Any] = field(default_factory=dict)  # reason, notes and advice that came with the verdict, and the image


@dataclass(frozen=True)
class StoredFile:
    """A file in the session's folder, made by a program or added by the user."""

    name: str  # relative
    sha256: str
    size: int  # bytes
    attempt: int = 0  # the newest one that had run; 0: none
    added: bool = False


@dataclass(frozen=True)
class StoredPackage:
    """A package that was installed, with the hash of the very archive that it came from ("" if pip gave none, or it is one of npm's)."""

    name: str  # one of npm's begins with "npm:"
    version: str
    sha256: str = ""
    requested: bool = True  # False: another package needs it
    attempt: int = 0


@dataclass(frozen=True)
class ModelCall:
    """What one answer of the model cost."""

    message: int  # how many messages there were when it was asked
    at: float
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Approval:
    """An approved program in its own folder, and what its check said."""

    number: int  # 1 for the first of the session
    folder: str  # relative to the session's folder
    attempts: tuple[int, ...]  # numbers of the programs that were approved, in the order they run
    at: float
    checked: float | None = None
    result: Mapping[str, Any] = field(default_factory=dict)  # of the newest check


@dataclass(frozen=True)
class StoredSession:
    """Everything that is kept of one session."""

    info: SessionInfo
    messages: tuple[Message, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    files: tuple[StoredFile, ...] = ()
    packages: tuple[StoredPackage, ...] = ()
    calls: tuple[ModelCall, ...] = ()
    approvals: tuple[Approval, ...] = ()

    @property
    def conversation(self) -> int:
        """Return the place of the first message that is still part of the conversation."""
        return max((place for place, message in enumerate(self.messages, 1) if message.source == FRESH), default=0)

    @property
    def judged(self) -> tuple[Attempt, ...]:
        """Return the programs that a word at the end of the session is about: all, or those before the step that it goes back over."""
        said = self.messages[-1].metadata.get("metadata") or {} if self.messages else {}
        first = next((place for place, message in enumerate(self.messages) if message.id == said.get(BACK_TO)), None)
        return self.attempts if first is None else tuple(attempt for attempt in self.attempts if attempt.message <= first)

    @property
    def unknown(self) -> Attempt | None:
        """Return the program that was running when the session died, if nothing was said since."""
        last = self.attempts[-1] if self.attempts else None
        return last if last is not None and last.finished is None and last.message == len(self.messages) else None


def python_packages(packages: Iterable[StoredPackage]) -> tuple[StoredPackage, ...]:
    """Return those that are Python's."""
    return tuple(each for each in packages if not each.name.startswith(NPM))


def requirements_of(packages: Iterable[StoredPackage]) -> str:
    """Return the file of requirements for Python's packages, with hashes if they are known for all; "" if there are none."""
    ours = python_packages(packages)
    hashed = all(each.sha256 for each in ours)
    return "".join(f"{each.name}=={each.version}{f' --hash=sha256:{each.sha256}' if hashed else ''}\n" for each in ours)


def npm_versions(packages: Iterable[StoredPackage]) -> dict[str, str]:
    """Return the versions of those of npm that a program asked for, by their names there."""
    return {each.name.removeprefix(NPM): each.version for each in packages if each.name.startswith(NPM) and each.requested}
