"""Multi-Agent Code Generation and Execution: initializes the team and starts the interaction."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from cli.entry import run_command
from cli.startup import hold_garbage_collection, import_parts, leave, use_own_environment
from cli.streams import open_streams
from cli.wiring import Wiring
from utils.settings import Settings

if TYPE_CHECKING:
    from agents.events import Journal
    from agents.models.client import Model
    from history.records import StoredSession
    from sandbox.sandbox import Sandbox
    from teams.session import Session


@asynccontextmanager
async def open_session(settings: Settings, notify: Callable[[str], None], resumed: StoredSession | None) -> AsyncIterator[Session]:
    """Wire a session, or one that is resumed: engine, model, history, agents, team. The container lives as long as it is open."""
    import asyncio

    opening = await asyncio.to_thread(import_module, "sandbox.opening")
    importing = asyncio.ensure_future(import_parts(settings))
    async with opening.open_sandbox(settings, notify, resumed.info.id if resumed else "") as sandbox:
        await importing  # it went on while the engine started the container
        from agents.models.client import describe_model, open_model
        from history.opening import open_recording, take_up
        from teams.tracing import tracing

        recording = open_recording(settings, sandbox, describe_model(settings), resumed)
        with tracing(os.environ, notify):
            async with open_model(settings) as model, recording as journal:
                session = open_team(settings, sandbox, model, journal)
                if resumed is not None:
                    await take_up(session, resumed)
                yield session


@asynccontextmanager
async def open_sessions(
    settings: Settings, jobs: int, notify: Callable[[str], None]
) -> AsyncIterator[Callable[[], AbstractAsyncContextManager[Session]]]:
    """Wire many sessions, so many of them side by side: their containers are started ahead, and they share the model's connections."""
    await import_parts(settings)
    from agents.models.client import describe_model
    from agents.models.shared import SharedModel
    from history.opening import open_recording
    from sandbox.pool import open_pool

    model = SharedModel(settings)
    try:
        async with open_pool(settings, jobs, notify) as pool:

            @asynccontextmanager
            async def open_next() -> AsyncIterator[Session]:
                async with (
                    pool.take() as sandbox,
                    model.take() as client,
                    open_recording(settings, sandbox, describe_model(settings)) as journal,
                ):
                    yield open_team(settings, sandbox, client, journal)

            yield open_next
    finally:
        await model.close()


def open_team(settings: Settings, sandbox: Sandbox, model: Model, journal: Journal | None = None) -> Session:
    """Make the agents and register them, in the order of their turns."""
    from agents.code_executor_agent import create_code_executor
    from agents.code_generator_agent import create_code_generator
    from agents.events import Answers
    from agents.models.client import switch_model
    from agents.user_proxy_agent import create_user_proxy
    from teams.recovery import Recovery
    from teams.session import Session
    from teams.software_development_team import SoftwareDevelopmentTeam, quiet_autogen

    if not settings.traceback:
        quiet_autogen()
    answers, recovery = Answers(), Recovery(settings.max_retries)
    generator = create_code_generator(model, settings)
    executor = create_code_executor(sandbox, answers, confirms=settings.confirm, any_package=settings.packages == "any", journal=journal)
    user = create_user_proxy(answers, recovery.decide)
    team = SoftwareDevelopmentTeam([generator, executor, user], recovery, journal)
    return Session(team, model, executor, sandbox, answers, partial(switch_model, model, settings), journal)


def check_model(settings: Settings) -> str:
    """Return the model's name, or raise ModelError if there is none to use."""
    from agents.models.choice import choose_model
    from agents.models.client import describe_model

    if not settings.demo:
        choose_model(settings)
    return describe_model(settings)[1]


async def ask_model(settings: Settings) -> str:
    """Ask the model for one word and return what it says; raises AppError."""
    from autogen_core.models import UserMessage

    from agents.models.client import open_model
    from teams.session import explain_failure

    async with open_model(settings) as model:
        try:
            answer = await model.create([UserMessage(content="Reply with the word OK and nothing else.", source="user")])
        except Exception as error:  # the client leaves the reason behind, as for a session
            raise explain_failure(error, model.last_error) from error
    return str(answer.content)


def demo_scenes() -> Sequence[Sequence[str]]:
    """Return what a user types in the demo, scene by scene."""
    from agents.models.demo_scenes import SCENES

    return [(scene.task, *scene.replies) for scene in SCENES]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    hold_garbage_collection()
    return run_command(Wiring(open_session, check_model, demo_scenes, ask_model, open_sessions), argv)


if __name__ == "__main__":
    open_streams()
    use_own_environment(Path(__file__))
    leave(main())
