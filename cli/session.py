"""What the wiring in main.py hands to the commands: a session that is ready to take tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from utils.errors import AppError
from utils.settings import Settings

if TYPE_CHECKING:  # AutoGen takes most of a second to import, and the prompt does not wait for it
    from autogen_core import CancellationToken

    from teams.software_development_team import SoftwareDevelopmentTeam


@dataclass(frozen=True)
class Session:
    """A team whose model, engine and container are ready."""

    team: SoftwareDevelopmentTeam
    explain: Callable[[BaseException], AppError]
    """Turn what a run raised into the one line and the remedy that the person sees."""


def explain_failure(error: BaseException, known: AppError | None) -> AppError:
    """Return why a run failed: the error that a model or the sandbox left behind, or else the exception itself as our own fault."""
    if known is not None:
        return known
    lines = [line for line in str(error).splitlines() if line.strip()]
    # AutoGen hands an agent's exception on as text with its whole traceback; the last line says what it was.
    reason = lines[-1].strip() if lines else type(error).__name__
    return AppError(f"internal error: {reason}", "run it again with --traceback and report what it prints", kind="internal")


class Interaction(Protocol):
    """How the agents reach the person."""

    async def ask(self, prompt: str, cancellation_token: CancellationToken | None) -> str:
        """Ask for approval or feedback, and return what the person says."""

    def notify(self, text: str) -> None:
        """Tell the person what is being waited for; a later notice replaces it."""


class OpenSession(Protocol):
    """The wiring: makes a session ready and closes it, container and all."""

    def __call__(self, settings: Settings, interaction: Interaction) -> AbstractAsyncContextManager[Session]:
        """Return the session's context manager; entering it raises AppError where a part cannot be had."""


@dataclass(frozen=True)
class Program:
    """The parts of the program that main.py hands to the commands."""

    open_session: OpenSession
    check_model: Callable[[Settings], str]
    """Return the model's name as shown to the person, or raise AppError where it cannot be asked; quick, and without the network."""
    demo_scenes: Callable[[], Sequence[Sequence[str]]]
    """Return what a person types in the demo, scene by scene, line by line."""
