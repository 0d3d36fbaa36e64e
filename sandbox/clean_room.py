"""A sandbox of its own for a program that was handed over: nothing of any session is in it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.engine.find import find_engine
from sandbox.engine.images import ensure_image
from sandbox.opening import make_sandbox
from sandbox.packages.install import Installation, PipRequest
from sandbox.packages.npm import NpmRequest
from sandbox.sandbox import Sandbox
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from utils.errors import EngineError
from utils.settings import Settings


@dataclass
class CleanRoom:
    """A fresh container and what may be done in it."""

    sandbox: Sandbox

    async def install(self, lock: str, hashed: bool) -> None:
        """Install the packages of a file of requirements, and no others; EngineError if that fails."""
        options = ("--no-deps", "--require-hashes") if hashed else ("--no-deps",)
        _check(await self.sandbox.install([PipRequest((), options, lock)], CancellationToken()))

    async def install_from_npm(self, versions: Mapping[str, str], language: str) -> None:
        """Install these packages of npm for a language's programs; EngineError if that fails."""
        request = NpmRequest(tuple(f"{name}@{version}" for name, version in versions.items()), language)
        _check(await self.sandbox.install_from_npm(request, CancellationToken()))

    async def put(self, files: Mapping[str, Path]) -> None:
        """Copy files in, by name."""
        if files:
            await self.sandbox.put_files(files)

    async def run(self, language: str, code: str, name: str) -> ProgramRun:
        """Run a program under its name."""
        return await self.sandbox.run_block(CodeBlock(code=code, language=language), CancellationToken(), name=name)

    async def files(self) -> Sequence[ProducedFile]:
        """Return the files that the programs made."""
        return await self.sandbox.collect_files()


def _check(done: Installation) -> None:
    if done.verdict is not Verdict.OK:
        raise EngineError(f"the packages cannot be installed: {done.last_lines[-500:]}", "check the network and the package index")


@asynccontextmanager
async def open_clean_room(settings: Settings, notify: Callable[[str], None]) -> AsyncIterator[CleanRoom]:
    """Start a container from the settings' image, which may be a digest, and remove it afterwards. Raises EngineError."""
    found = await asyncio.to_thread(find_engine)
    try:
        await asyncio.to_thread(ensure_image, found.client, settings.image, notify)
        with tempfile.TemporaryDirectory(prefix="clean-room-") as folder:
            async with make_sandbox(settings, found.client, Path(folder)) as sandbox:
                yield CleanRoom(sandbox)
    finally:
        found.client.close()
