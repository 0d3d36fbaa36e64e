"""One sandbox for the programs of a session: what the agents and the rest of the program use, on an event loop.

Runner and Workspace do the work, in threads: this is their door to the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import docker
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from typing_extensions import Self

from sandbox.container import SandboxContainer
from sandbox.engine.limit_check import Fact, check_limits
from sandbox.files.added import Selection, Texts, known_files, put_texts, select
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import header_name
from sandbox.files.states import PutBack, States
from sandbox.files.transfer import LeftOut
from sandbox.languages import BY_NAME, find_language
from sandbox.network import NOT_STRICT, STRICT, network_switch
from sandbox.packages.install import Installation, PipRequest, install_packages, names_present, read_text
from sandbox.packages.npm import NpmRequest, install_from_npm, missing_packages
from sandbox.program import Job
from sandbox.runner import Runner
from sandbox.session_runner import SessionRunner
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict
from sandbox.workspace import Workspace
from utils.docker_utils import ContainerRequest
from utils.errors import EngineError

Result = TypeVar("Result")
OnOutput = Callable[[str], None] | None
_THREADS = 4  # one reads a program's output, the others kill, list and remove meanwhile
_NOT_RUNNING = "the sandbox is not running: start it, or use it as a context manager"


class Sandbox:
    """Runs programs in a container that has no mount and no way out, and mirrors the files they make to a folder.

    Use it as a context manager, or start and stop it.
    """

    def __init__(
        self,
        request: ContainerRequest,
        folder: Callable[[], Path],
        *,
        client: docker.APIClient | None = None,
        index_url: str = "",
        registry_url: str = "",
        init_command: str = "",
        keep_programs: bool = True,
    ) -> None:
        """Take what container to make, and what tells the folder for files, which must exist once something is written.

        `client` is an engine that is connected already, and not closed by us; `index_url` is where pip looks, and `registry_url` where
        npm does; `init_command` is run in each new container; without `keep_programs`, the programs themselves are not left in the folder.
        """
        self.request = request
        """What container was asked for at first; `limits` may have changed since."""
        self.limits = request.limits
        self.session = request.session
        self.strict = request.strict
        self.image_digest = ""
        """The name by which exactly this image can be run again; "" if nobody has asked the engine."""
        self.concerns: list[str] = []
        """What the user has to know about this sandbox, once each: whoever shows one removes it."""
        self.prepares: OnOutput = None
        """Gets, on the event loop, the language for which something is made ready before its program runs, and "" once it is."""
        self.images: Mapping[str, str] = {}
        """Images of single languages, by the languages' keys."""
        self.kept_out: tuple[Path, ...] = ()
        """Folders of our own that are not copied in with a folder that holds them."""
        self._folder = folder
        self._client = client
        self._index_url = index_url
        self._registry_url = registry_url
        self._init_command = init_command
        self._keep_programs = keep_programs
        self._runner: SessionRunner | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._stops: set[threading.Event] = set()

    @property
    def work_dir(self) -> Path:
        """The folder of this machine to which files are mirrored."""
        return self._folder()

    @property
    def number(self) -> int:
        """The number of the container: 1 for the first, one more for each that took its place."""
        return self._current().number

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the last collect_files did not mirror, and why."""
        return () if self._runner is None else self._runner.workspace.left_out

    def holds(self, file_name: str) -> bool:
        """Tell whether the programs' folder held this file at the last collect_files."""
        return self._runner is not None and self._runner.workspace.holds(file_name)

    def found(self, base_name: str) -> list[str]:
        """Return the files of that name in any folder below the programs', as of the last collect_files."""
        return [] if self._runner is None else self._runner.workspace.found(base_name)

    # --- Its life -------------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        await self.stop()

    async def start(self) -> None:
        """Connect to the engine and start the container; nothing happens when it is started. EngineError when that fails."""
        if self._threads is not None:
            return
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox")
        request = replace(self.request, limits=self.limits)
        mirror = Workspace(lambda: HostFolder(self._folder()))
        self._runner = SessionRunner(request, mirror, self._client, self._init_command, self.images)
        try:
            await self._in_thread(self._runner.start)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Kill what runs and remove the container; nothing happens when it is stopped or gone already."""
        threads, runner, self._threads = self._threads, self._runner, None
        if threads is None or runner is None:
            return
        for stop in tuple(self._stops):
            stop.set()
        try:
            await asyncio.get_running_loop().run_in_executor(threads, runner.stop)
        finally:
            if runner.workspace.states is not None:
                runner.workspace.states.close()
            threads.shutdown(wait=False)

    async def restart(self) -> None:
        """Replace the container by a new one: processes, files and packages in it are gone; what was mirrored stays."""
        await self._in_thread(self._current().start)

    # --- Programs and files ---------------------------------------------------------------------------------------------------

    async def run_block(
        self, block: CodeBlock, cancellation_token: CancellationToken, on_output: OnOutput = None, *, name: str = "", files: Texts = ()
    ) -> ProgramRun:
        """Run one block and judge it; `on_output` gets its output, decoded, on the event loop as it comes.

        It is stored as `name`, if its own first line does not say otherwise; names and texts in `files` are stored beside it first.
        A program that fails is a result. EngineError means that nothing could be run.
        """
        runner = self._current()
        try:
            job = replace(self._job(block, name, files), prepares=_on_this_loop(self.prepares))
        except ValueError as error:
            return ProgramRun(block.language, block.code, "", Verdict.NOT_RUN, None, 0.0, "", reason=str(error))
        return await self._stoppable(lambda stop, show: runner.run(job, stop, show), cancellation_token, on_output)

    def _job(self, block: CodeBlock, name: str, files: Texts) -> Job:
        language = find_language(block.language)
        if language is None:
            raise ValueError(f"The language {block.language!r} is not supported; supported are: {', '.join(BY_NAME)}")
        name = language.named(block.code, header_name(block.code) or name)
        return Job(language, block.code, name, self._keep_programs, tuple(files))

    def host_file(self, run: ProgramRun) -> Path | None:
        """Return where a program is stored on this machine; None if it is not."""
        name = self._current().workspace.host_name(run.file_name) if run.file_name else None
        return self._folder() / name if name else None

    async def store(self, files: Texts) -> None:
        """Store texts under their names in the programs' folder; EngineError if that fails, ValueError for a name outside of it."""
        await self._inside(lambda container: put_texts(container, files))

    async def collect_files(self) -> list[ProducedFile]:
        """Kill what still runs, and mirror the files that are new or changed since the last call; see `left_out` for the others.

        It never raises for what the engine does: what could not be had is in `left_out`.
        """
        produced = await self._in_thread(self._current().collect)
        tests = [file.name for file in produced if file.name.rpartition("/")[2] == "conftest.py"]
        if tests:
            self.concerns.append(f"pytest runs {', '.join(tests)} by itself: read it before you start pytest there.")
        return produced

    @property
    def state(self) -> str:
        """The key of what the programs' folder held when it was last looked at; "" if that is not kept."""
        states = None if self._runner is None else self._runner.workspace.states
        return "" if states is None else states.newest

    async def keep_states(self) -> None:
        """Keep from now on what the programs' folder holds after each run, for put_back; ContainerLost when it cannot be listed."""
        workspace = self._current().workspace
        workspace.states = States()
        await self._inside(lambda container: workspace.take_state(container, self.limits))

    async def put_back(self, state: str) -> PutBack | None:
        """Make the programs' folder and its copy here what they were in a state; None if it is not kept. EngineError if that fails."""
        if not state:
            return None
        workspace = self._current().workspace
        return await self._inside(lambda container: workspace.put_back(container, state, self.limits))

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        """Copy files and folders of the user's into the programs' folder; the selection says what was left out, and why.

        UsageError if one is not there or cannot be read, EngineError if they cannot be stored.
        """
        runner = self._current()
        selection = await self._in_thread(lambda: select(paths, self.kept_out))
        await self._in_thread(lambda: runner.add(selection))
        return selection

    async def put_files(self, files: Mapping[str, Path]) -> Selection:
        """Copy files that were in a sandbox before, by their names in the programs' folder; see add_files."""
        runner = self._current()
        selection = known_files(files)
        await self._in_thread(lambda: runner.add(selection))
        return selection

    async def check_limits(self) -> tuple[Fact, ...]:
        """Look from inside which limits are in force; ContainerLost when that cannot be done."""
        return await self._inside(lambda container: check_limits(container, self.limits, strict=self.strict))

    # --- Packages and the network ---------------------------------------------------------------------------------------------

    async def install(self, requests: Sequence[PipRequest], cancellation_token: CancellationToken) -> Installation:
        """Run pip for each request in order. EngineError if nothing can be installed here."""
        self._allow_installing()
        work = partial(install_packages, requests=requests, index_url=self._index_url)
        return await self._install(self._current(), work, cancellation_token)

    async def install_from_npm(self, request: NpmRequest, cancellation_token: CancellationToken) -> Installation:
        """Run npm where programs of the request's language run; see install."""
        self._allow_installing()
        runner = await self._in_thread(lambda: self._current().runner_for(BY_NAME[request.language]))
        work = partial(install_from_npm, request=request, registry_url=self._registry_url)
        return await self._install(runner, work, cancellation_token)

    def _allow_installing(self) -> None:
        if self.strict:
            raise EngineError(STRICT, NOT_STRICT, kind="network")

    async def _install(self, runner: Runner, work: Callable[..., Installation], token: CancellationToken) -> Installation:
        limited = partial(work, network=self.limits.network, disk=self.limits.disk)
        done = await self._stoppable(lambda stop, _: runner.use(partial(limited, stop=stop)), token, None)
        if done.verdict is Verdict.DISK:
            await self._in_thread(runner.drop)  # the installer may have left something there that takes the room
        return done

    async def missing_from_npm(self, language: str, file: str, names: Sequence[str]) -> list[str]:
        """Return which of these packages a program in the file would not find."""

        def work() -> list[str]:
            return self._current().runner_for(BY_NAME[language]).use(lambda container: missing_packages(container, file, names))

        return await self._in_thread(work)

    async def set_network(self, network: str) -> None:
        """Attach the network for the session ("on"), or detach it ("install", "off"); what runs is killed. EngineError when that fails."""
        runner = self._current()
        change = network_switch(network, strict=self.strict)
        if (network == "on") != (self.limits.network == "on"):
            await self._inside(change)
        self.limits = replace(self.limits, network=network)
        runner.set_limits(self.limits)

    async def read_text(self, name: str) -> str | None:
        """Return the first 64 KiB of a file in the programs' folder; None where there is none."""
        return await self._inside(lambda container: read_text(container, name))

    async def names_present(self, modules: Sequence[str]) -> set[str]:
        """Return which of the modules are files or folders of the program's own."""
        return await self._inside(lambda container: names_present(container, modules))

    # --- From the event loop to a thread --------------------------------------------------------------------------------------

    def _current(self) -> SessionRunner:
        if self._threads is None or self._runner is None:
            raise ValueError(_NOT_RUNNING)
        return self._runner

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._threads is None:
            raise ValueError(_NOT_RUNNING)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _inside(self, work: Callable[[SandboxContainer], Result]) -> Result:
        runner = self._current()
        return await self._in_thread(lambda: runner.use(work))

    async def _stoppable(
        self,
        work: Callable[[threading.Event, Callable[[str], None]], Result],
        token: CancellationToken,
        on_output: OnOutput,
    ) -> Result:
        stop = threading.Event()
        self._stops.add(stop)
        token.add_callback(stop.set)
        show = _on_this_loop(on_output)
        running = asyncio.ensure_future(self._in_thread(lambda: work(stop, show)))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # Our own task was cancelled: the program has to be dead before the caller goes on.
            stop.set()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # seen: the cancellation is what the caller gets
            raise
        finally:
            self._stops.discard(stop)


def _on_this_loop(take: OnOutput) -> Callable[[str], None]:
    """Return a function for any thread that hands its text to `take` on the event loop that runs now."""
    loop = asyncio.get_running_loop()

    def hand_on(text: str) -> None:
        if take is not None:
            loop.call_soon_threadsafe(take, text)

    return hand_on
