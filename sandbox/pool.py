"""Sandboxes that are started ahead of their use, for many tasks one after the other: each is used once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import docker

from sandbox.engine.find import find_engine
from sandbox.engine.images import digest_of, ensure_image
from sandbox.engine.start_checks import check_memory, engine_info, looked_after
from sandbox.opening import make_sandbox, make_session_folder, other_engines
from sandbox.sandbox import Sandbox
from utils.errors import EngineError
from utils.settings import Settings

_STARTS = 3  # how often a start is tried: a busy engine may refuse one


class SandboxPool:
    """Keeps one sandbox more than are in use, up to `size` altogether; use `open_pool` to make one."""

    def __init__(self, settings: Settings, engine: docker.APIClient, size: int, notify: Callable[[str], None]) -> None:
        """Take the settings, a connected engine, how many sandboxes may be there at once, and whom to tell of concerns."""
        self.image_digest = ""
        self._settings = settings
        self._engine = engine
        self._notify = notify
        self._room = asyncio.Semaphore(size)
        self._ready: asyncio.Queue[Sandbox | Exception] = asyncio.Queue()
        self._work: set[asyncio.Future[None]] = set()
        self._filling = asyncio.ensure_future(self._fill())

    @asynccontextmanager
    async def take(self) -> AsyncIterator[Sandbox]:
        """Lend a sandbox that nothing has run in; it is removed afterwards, in the background. Raises EngineError if none starts."""
        ready = await self._ready.get()
        if isinstance(ready, Exception):
            self._room.release()
            raise ready
        try:
            yield ready
        finally:
            self._in_background(self._end(ready))

    async def close(self) -> None:
        """Remove every sandbox that is there; what is being started is removed as soon as it has."""
        self._filling.cancel()
        await asyncio.wait({self._filling})
        while self._work:
            await asyncio.wait(self._work)
        while not self._ready.empty():
            ready = self._ready.get_nowait()
            if isinstance(ready, Sandbox):
                self._in_background(self._end(ready))
        while self._work:
            await asyncio.wait(self._work)

    async def _fill(self) -> None:
        first = True
        while True:
            await self._room.acquire()
            start = self._start(first)
            if first:
                await start  # the others wait until one has shown that it can be had
            else:
                self._in_background(start)
            first = False

    def _in_background(self, work: object) -> None:
        task: asyncio.Future[None] = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _start(self, first: bool) -> None:
        try:
            folder = make_session_folder(self._settings.workspace)
            sandbox = make_sandbox(self._settings, self._engine, folder)
            sandbox.image_digest = self.image_digest
            try:
                await _start(sandbox)
                if first:
                    await self._look_at(sandbox)
            except BaseException:
                await _remove(sandbox)
                raise
        except Exception as error:
            self._ready.put_nowait(error)
        else:
            self._ready.put_nowait(sandbox)

    async def _look_at(self, sandbox: Sandbox) -> None:
        """Check once, from inside, whether the limits are in force, and remove what dead sessions left behind."""
        async with looked_after(sandbox, self._engine):
            pass
        for concern in sandbox.concerns:
            self._notify(concern)

    async def _end(self, sandbox: Sandbox) -> None:
        try:
            await _remove(sandbox)
        finally:
            self._room.release()


async def _start(sandbox: Sandbox) -> None:
    for tried in range(1, _STARTS + 1):
        try:
            await sandbox.start()
            return
        except EngineError:
            if tried == _STARTS:
                raise
            await asyncio.sleep(tried)


async def _remove(sandbox: Sandbox) -> None:
    folder = sandbox.work_dir
    with suppress(EngineError):
        await sandbox.stop()
    with suppress(OSError):
        folder.rmdir()  # one that holds files stays


@asynccontextmanager
async def open_pool(settings: Settings, jobs: int, notify: Callable[[str], None]) -> AsyncIterator[SandboxPool]:
    """Connect to the engine, have the image there, and start sandboxes for so many tasks side by side; all are removed at the end.

    `notify` is called from a thread while an image is pulled. Raises EngineError, and UsageError if the memory limit is too large.
    """
    found = await asyncio.to_thread(find_engine)
    try:
        image = await asyncio.to_thread(ensure_image, found.client, settings.image, notify)
        probe = make_sandbox(settings, found.client, settings.workspace)
        concerns = [*other_engines(found), check_memory(probe.limits, await asyncio.to_thread(engine_info, found.client))]
        for concern in filter(None, concerns):
            notify(concern)
        pool = SandboxPool(settings, found.client, jobs + 1, notify)
        pool.image_digest = digest_of(image)
        try:
            yield pool
        finally:
            await pool.close()
    finally:
        found.client.close()
