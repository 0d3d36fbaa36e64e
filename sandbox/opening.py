"""A sandbox for one session: the engine reached, the image there, the container running, and the folder for what programs make."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import docker

from sandbox.engine.find import FoundEngine, find_engine, other_places
from sandbox.engine.images import digest_of, ensure_image
from sandbox.engine.start_checks import check_memory, engine_info, looked_after
from sandbox.files.host_folder import remove_stale
from sandbox.sandbox import Sandbox
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import UsageError
from utils.settings import Settings

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----")


@asynccontextmanager
async def open_sandbox(settings: Settings, notify: Callable[[str], None], session: str = "") -> AsyncIterator[Sandbox]:
    """Start the session's container and remove it at the end; a folder that stayed empty goes with it.

    `session` is one of an earlier process, whose folder is used again.
    `notify` is called from a thread while an image is pulled. Raises EngineError, and UsageError where the workspace cannot be written.
    """
    found = await asyncio.to_thread(find_engine)
    engine = found.client
    info = asyncio.ensure_future(asyncio.to_thread(engine_info, engine))  # it takes as long as the rest of what comes before the start
    tidying = asyncio.ensure_future(asyncio.to_thread(remove_stale, settings.workspace / "sessions"))
    try:
        image = await asyncio.to_thread(ensure_image, engine, settings.image, notify)
        folder = make_session_folder(settings.workspace, session)
        try:
            async with make_sandbox(settings, engine, folder) as sandbox:
                sandbox.image_digest = digest_of(image)
                sandbox.concerns += [*other_engines(found), *filter(None, [check_memory(sandbox.limits, await info)])]
                async with looked_after(sandbox, engine):
                    yield sandbox
        finally:
            with suppress(OSError):
                folder.rmdir()
    finally:
        await asyncio.wait([info, tidying])
        engine.close()


def make_sandbox(settings: Settings, engine: docker.APIClient, folder: Path) -> Sandbox:
    """Make, but do not start, the sandbox that the settings ask for; files arrive in the folder, whose name is the session's."""
    request = ContainerRequest(
        image=settings.image,
        name=unique_name(),
        limits=limits_of(settings),
        session=folder.name,
        strict=settings.strict,
        runtime=settings.runtime,
        caches=settings.workspace / "cache",
        certificates=_certificates(settings.ca_bundle) if settings.ca_bundle else b"",
    )
    sandbox = Sandbox(request, lambda: folder, client=engine, index_url=settings.index_url, registry_url=settings.registry_url)
    sandbox.images = settings.images
    sandbox.kept_out = (settings.workspace, settings.workspace / "sessions")
    return sandbox


def _certificates(bundle: Path) -> bytes:
    # Nothing else that is in the file: some bundles hold a private key, too, and programs can read what is copied.
    return b"".join(found + b"\n" for found in _CERTIFICATE.findall(bundle.read_bytes()))


def other_engines(found: FoundEngine) -> list[str]:
    """Say that another engine than the current context's was taken, if it was."""
    others = other_places(found)
    return [f"Using {found.place.name} ({found.place.address}); not taken: {'; '.join(others)}."] if others else []


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings ask for."""
    return Limits(timeout=settings.timeout, memory=settings.memory, cpus=settings.cpus, pids=settings.pids, network=settings.network)


def make_session_folder(workspace: Path, session: str = "") -> Path:
    """Make the folder of a new session, named by the time and a few random digits, for this user only; or that of an earlier one."""
    folder = workspace / "sessions" / (session or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
    try:
        for parent in (workspace, folder.parent):  # whatever the umask: who may write there can put another folder in a session's place
            if not parent.exists():
                parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700, exist_ok=bool(session))
        except FileExistsError:
            if session or not folder.is_dir():
                raise
            return make_session_folder(workspace)  # of the many sessions of a batch, two drew the same digits in the same second
    except OSError as error:
        raise UsageError(
            f"WORKSPACE is {str(workspace)!r}, and nothing can be written there: {error.strerror}", "name another folder"
        ) from error
    return folder
