"""A sandbox for one session: the engine reached, the image there, the container running, and the folder for what programs make."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sandbox.docker_executor import SandboxExecutor
from sandbox.engine import connect_engine
from sandbox.images import ensure_image
from utils.docker_utils import Limits
from utils.errors import UsageError
from utils.settings import Settings


@asynccontextmanager
async def open_sandbox(settings: Settings, notify: Callable[[str], None]) -> AsyncIterator[SandboxExecutor]:
    """Start the session's container and remove it at the end; a folder that stayed empty goes with it.

    `notify` is called from a thread while an image is pulled. Raises EngineError, and UsageError where the workspace cannot be written.
    """
    engine = await asyncio.to_thread(connect_engine)
    try:
        await asyncio.to_thread(ensure_image, engine, settings.image, notify)
        folder = make_session_folder(settings.workspace)
        try:
            limits = limits_of(settings)
            async with SandboxExecutor(settings.image, work_dir=folder, limits=limits, client=engine, session=folder.name) as executor:
                yield executor
        finally:
            with suppress(OSError):
                folder.rmdir()
    finally:
        engine.close()


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(timeout=settings.timeout, memory=settings.memory, cpus=settings.cpus, pids=settings.pids, network=settings.network)


def make_session_folder(workspace: Path) -> Path:
    """Make the folder of a new session, named by the time and a few random digits, for this user only."""
    folder = workspace / "sessions" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"WORKSPACE is {str(workspace)!r}, and nothing can be written there: {error.strerror}", "name another folder"
        ) from error
    return folder
