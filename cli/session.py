"""What the wiring in main.py hands to the commands: a session that is ready to take tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from utils.errors import AppError, ModelError
from utils.settings import Settings

if TYPE_CHECKING:  # AutoGen takes most of a second to import, and the prompt does not wait for it
    from sandbox.docker_executor import SandboxExecutor
    from teams.software_development_team import SoftwareDevelopmentTeam
    from utils.code_blocks import CodeBlock


class Token(Protocol):
    """What stops a step: AutoGen's CancellationToken, without its name all over cli/."""

    def cancel(self) -> None:
        """Stop the step."""

    def is_cancelled(self) -> bool:
        """Whether the step was stopped."""

    def link_future(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        """Let the future be cancelled with the step."""


class Usage(Protocol):
    """Tokens sent and received."""

    prompt_tokens: int
    completion_tokens: int


class Model(Protocol):
    """What the commands need of the model's client."""

    def total_usage(self) -> Usage:
        """Return the tokens sent and received so far."""


@dataclass(frozen=True)
class Session:
    """A team whose model, engine and container are ready."""

    team: SoftwareDevelopmentTeam
    model: Model
    sandbox: SandboxExecutor
    run_programs: Callable[[Sequence[CodeBlock], Any], AsyncGenerator[Any, None]]
    """Run programs outside the team's turns, and yield the same events."""
    switch_model: Callable[[str], Awaitable[str]]
    """Ask another model of the same provider from now on; returns its name."""
    new_token: Callable[[], Any]
    """Make a token that stops a step."""
    explain: Callable[[BaseException], AppError]
    """Turn what a run raised into the one line and the remedy that the person sees."""


def explain_failure(error: BaseException, known: AppError | None) -> AppError:
    """Return why a run failed: the error that a model or the sandbox left behind, or else the exception itself as our own fault."""
    if known is not None:
        return known
    if isinstance(error, AppError):
        return error
    lines = [line for line in str(error).splitlines() if line.strip()]
    # AutoGen hands an agent's exception on as text with its whole traceback; the last line says what it was.
    reason = lines[-1].strip() if lines else type(error).__name__
    return AppError(f"internal error: {reason}", "run it again with --traceback and report what it prints", kind="internal")


class Interaction(Protocol):
    """How the agents reach the person."""

    async def ask(self, prompt: str, cancellation_token: Token | None) -> str:
        """Ask for approval or feedback, and return what the person says."""

    async def confirm(self, programs: Sequence[CodeBlock], cancellation_token: Token) -> Sequence[CodeBlock] | str:
        """Return the programs that may run, or the reason why they may not."""

    async def ask_yes(self, question: str, cancellation_token: Token) -> bool | None:
        """Ask a question that only the person's yes answers; None where nobody sits there who can be asked."""

    def notify(self, text: str) -> None:
        """Tell the person what is being waited for; a later notice replaces it."""


class OpenSession(Protocol):
    """The wiring: makes a session ready and closes it, container and all."""

    def __call__(self, settings: Settings, interaction: Interaction) -> AbstractAsyncContextManager[Session]:
        """Return the session's context manager; entering it raises AppError where a part cannot be had."""


async def _nobody(settings: Settings) -> str:
    raise ModelError("there is no model to ask", "wire one in main.py")


@dataclass(frozen=True)
class Program:
    """The parts of the program that main.py hands to the commands."""

    open_session: OpenSession
    check_model: Callable[[Settings], str]
    """Return the model's name as shown to the person, or raise AppError where it cannot be asked; quick, and without the network."""
    demo_scenes: Callable[[], Sequence[Sequence[str]]]
    """Return what a person types in the demo, scene by scene, line by line."""
    ask_model: Callable[[Settings], Awaitable[str]] = _nobody
    """Ask the model for one word and return what it says, or raise AppError."""
