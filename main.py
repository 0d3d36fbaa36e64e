"""Multi-Agent Code Generation and Execution: initializes the team and starts the interaction."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from cli.entry import leave, run_program
from cli.session import Interaction, Program, Session, explain_failure
from utils.settings import Settings

if TYPE_CHECKING:
    from sandbox.docker_executor import SandboxExecutor


@asynccontextmanager
async def open_session(settings: Settings, interaction: Interaction) -> AsyncIterator[Session]:
    """Wire a session: model, engine, agents, team. The container lives as long as the session is open."""
    sandbox = await asyncio.to_thread(import_module, "sandbox.opening")
    importing = asyncio.ensure_future(asyncio.to_thread(_import_parts, settings.demo))
    async with sandbox.open_sandbox(settings, interaction.notify) as executor:
        await importing  # went on while the engine started the container
        gc.freeze()
        gc.enable()
        async with _open_team(settings, interaction, executor) as session:
            yield session


@asynccontextmanager
async def _open_team(settings: Settings, interaction: Interaction, executor: SandboxExecutor) -> AsyncIterator[Session]:
    from autogen_core import CancellationToken

    from agents.code_executor_agent import create_code_executor
    from agents.code_generator_agent import create_code_generator
    from agents.models.client import open_model, switch_model
    from agents.user_proxy_agent import create_user_proxy
    from teams.recovery import Recovery
    from teams.software_development_team import SoftwareDevelopmentTeam, quiet_autogen

    if not settings.traceback:
        quiet_autogen()
    async with open_model(settings, interaction.notify) as model:
        recovery = Recovery(settings.max_retries)
        generator = create_code_generator(model, settings)
        code_executor = create_code_executor(executor, interaction.confirm, interaction.ask_yes, any_package=settings.packages == "any")
        person = create_user_proxy(interaction.ask, recovery.decide)
        team = SoftwareDevelopmentTeam([generator, code_executor, person], recovery)
        yield Session(
            team,
            model,
            executor,
            code_executor.run_programs,
            partial(switch_model, model, settings),
            CancellationToken,
            lambda error: explain_failure(error, model.last_error or code_executor.last_error),
        )


def _import_parts(demo: bool) -> None:
    """Import what takes most of a second, in a thread, while the person types."""
    model = "agents.models.scripted" if demo else "autogen_ext.models.openai"
    for name in (model, "agents.models.resilient", "cli.output.transcript", "teams.software_development_team"):
        import_module(name)


def check_model(settings: Settings) -> str:
    """Return the model's name, or raise ModelError where there is none to ask."""
    from agents.models.client import describe_model
    from agents.models.providers import choose_model

    if not settings.demo:
        choose_model(settings)
    return describe_model(settings)[1]


async def ask_model(settings: Settings) -> str:
    """Ask the model for one word and return what it says; raises AppError."""
    from autogen_core.models import UserMessage

    from agents.models.client import open_model

    async with open_model(settings) as model:
        try:
            answer = await model.create([UserMessage(content="Reply with the word OK and nothing else.", source="user")])
        except Exception as error:  # the client leaves the reason behind, as for a session
            raise explain_failure(error, model.last_error) from error
    return str(answer.content)


def demo_scenes() -> Sequence[Sequence[str]]:
    """Return what a person types in the demo, scene by scene."""
    from agents.models.demo_scenes import SCENES

    return [(scene.task, *scene.replies) for scene in SCENES]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    gc.disable()  # until all is imported: the collector would go through thousands of new classes again and again, and find nothing
    return run_program(Program(open_session, check_model, demo_scenes, ask_model), argv)


if __name__ == "__main__":
    leave(main())
