"""AutoGen's Docker executor with a sandbox behind it: no mount, no privilege, no secret, limits, and an end to everything it starts."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import docker
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, FunctionWithRequirements
from autogen_ext.code_executors._common import CommandLineCodeResult, build_python_functions_file
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.code_executors.docker._docker_code_executor import DockerCommandLineCodeExecutorConfig
from typing_extensions import Self

from sandbox.engine.limit_check import Fact, check_limits
from sandbox.files.added import Selection, Texts, known_files, put_texts, select
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import header_name
from sandbox.files.transfer import LeftOut
from sandbox.languages import ALIASES, BY_NAME, find_language
from sandbox.network import STRICT, network_switch
from sandbox.packages.install import Installation, PipRequest, install_packages, names_present, read_text
from sandbox.program import Job
from sandbox.runner import Runner
from sandbox.session_runner import SessionRunner
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict, autogen_text
from sandbox.workspace import Workspace
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import EngineError

Result = TypeVar("Result")
OnOutput = Callable[[str], None] | None
_THREADS = 4  # one reads a program's output, the others kill, list and remove meanwhile


class SandboxExecutorConfig(DockerCommandLineCodeExecutorConfig):
    """What a stored executor is made from again."""

    limits: Limits = Limits()
    session: str = ""


class SandboxExecutor(DockerCommandLineCodeExecutor):
    """Runs programs in a container that has no mount and no way out, and mirrors the files they make to `work_dir`.

    The base class's parameters keep their meaning, with these differences: `work_dir` is not mounted, so what lies in it on the host is not
    seen by programs; `timeout` is the one of `limits` where it is not given; a `container_name` that a container which is not ours bears is
    an EngineError, not a removal. `restart()` starts with a new, empty container. Unless `stop_container` is False, the container ends
    with this process, however that ends.
    """

    component_config_schema = SandboxExecutorConfig
    component_provider_override = "sandbox.docker_executor.SandboxExecutor"
    SUPPORTED_LANGUAGES = list(ALIASES)

    def __init__(
        self,
        image: str = "python:3-slim",
        container_name: str | None = None,
        *,
        timeout: int | None = None,
        limits: Limits | None = None,
        client: docker.APIClient | None = None,
        session: str = "",
        strict: bool = False,
        runtime: str = "",
        certificates: bytes = b"",
        index_url: str = "",
        **base: Any,
    ) -> None:
        """Take the limits, an engine that is connected already (not closed by us), the session's name, and the base class's parameters.

        `certificates` are the authorities to trust in the container (PEM); `index_url` is where pip looks, known to pip alone;
        `runtime` is the container runtime, if it is not to be the engine's choice.
        """
        limits = limits or Limits()
        self.limits = limits if timeout is None else replace(limits, timeout=timeout)
        super().__init__(image, container_name or unique_name(), timeout=self.limits.timeout, **base)
        self.session = session
        self.strict = strict
        self._runtime = runtime
        self._certificates = certificates
        self._index_url = index_url
        self._client = client
        self._runner: Runner | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._stops: set[threading.Event] = set()
        self.image_digest = ""
        """The name by which exactly this image can be run again; "" if nobody has asked the engine."""
        self.concerns: list[str] = []
        """What the person has to be told about this sandbox, once each: whoever tells it takes it out."""
        self.images: Mapping[str, str] = {}
        """Images of single languages, by the languages' keys."""
        self.kept_out: tuple[Path, ...] = ()
        """Folders of our own that are not copied in with a folder that holds them."""
        self._functions_in = 0  # the number of the container that has the functions

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What the last collect_files did not mirror, and why."""
        return () if self._runner is None else self._runner.workspace.left_out

    # --- AutoGen's contract ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect to the engine and start the container; nothing happens when it is started. EngineError when that fails."""
        if self._running:
            return
        if self._work_dir is None and self._temp_dir is None:
            self._temp_dir = tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox")
        mirror = Workspace(lambda: HostFolder(self.work_dir))
        self._runner = SessionRunner(self._request(), mirror, self._client, self._init_command or "", self.images)
        self._running = True
        try:
            await self._in_thread(self._runner.start)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Kill what runs and remove the container; nothing happens when it is stopped or gone already."""
        if not self._running or self._runner is None:
            return
        self._running = False
        for stop in tuple(self._stops):
            stop.set()
        try:
            await self._in_thread(self._runner.stop)
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False)
            self._threads = None
            if self._temp_dir is not None:
                self._temp_dir.cleanup()
                self._temp_dir = None

    async def restart(self) -> None:
        """Replace the container by a new one: processes, files and packages in it are gone; what was mirrored stays."""
        await self._in_thread(self._current().start)

    async def execute_code_blocks(self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken) -> CommandLineCodeResult:
        """Run the blocks in order up to the first that fails, and mirror the files they made to `work_dir`."""
        runner = self._current()
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        outputs: list[str] = []
        code_file: str | None = None
        for block in code_blocks:
            run = await self.run_block(block, cancellation_token)
            outputs.append(autogen_text(run, self.limits))
            name = runner.workspace.host_name(run.file_name) if run.file_name else None
            code_file = code_file or (str(self.work_dir / name) if name else None)
            code = 0 if run.verdict is Verdict.OK else run.exit_code or 1
            if code:
                break
        await self.collect_files()
        return CommandLineCodeResult(exit_code=code, output="".join(outputs), code_file=code_file)

    # --- What our own agent uses ----------------------------------------------------------------------------------------------

    async def run_block(
        self, block: CodeBlock, cancellation_token: CancellationToken, on_output: OnOutput = None, *, name: str = "", files: Texts = ()
    ) -> ProgramRun:
        """Run one block and judge it; `on_output` gets its output, decoded, on the event loop as it comes.

        It is stored as `name`, if its own first line does not say otherwise; names and texts in `files` are stored beside it first.
        A program that fails is a result. EngineError means that nothing could be run.
        """
        if self._functions and self._functions_in != self._current().number:
            await self._setup_functions(cancellation_token)
        try:
            job = self._job(block, name, files)
        except ValueError as error:
            return ProgramRun(block.language, block.code, "", Verdict.NOT_RUN, None, 0.0, "", reason=str(error))
        return await self._run_job(job, cancellation_token, on_output)

    async def store(self, files: Texts) -> None:
        """Store texts under their names in the programs' folder; EngineError if that fails, ValueError for a name outside of it."""
        await self._in_thread(lambda: self._current().use(lambda _, container: put_texts(container, files)))

    async def collect_files(self) -> list[ProducedFile]:
        """Kill what still runs, and mirror the files that are new or changed since the last call; see `left_out` for the others.

        It never raises for what the engine does: what could not be had is in `left_out`.
        """
        produced = await self._in_thread(self._current().collect)
        tests = [file.name for file in produced if file.name.rpartition("/")[2] == "conftest.py"]
        if tests:
            self.concerns.append(f"pytest runs {', '.join(tests)} by itself: read it before you start pytest there.")
        return produced

    async def add_files(self, paths: Sequence[Path]) -> Selection:
        """Copy files and folders of the person's into the programs' folder; the selection says what was left out, and why.

        UsageError where one is not there or cannot be read, EngineError where they cannot be stored.
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
        runner = self._current()
        return await self._in_thread(lambda: runner.use(lambda _, container: check_limits(container, self.limits, strict=self.strict)))

    # --- Packages and the network ---------------------------------------------------------------------------------------------

    async def install(
        self, requests: Sequence[PipRequest], cancellation_token: CancellationToken, on_output: OnOutput = None
    ) -> Installation:
        """Run pip for each request in order; `on_output` gets what pip prints. EngineError if nothing can be installed here."""
        if self.strict:
            raise EngineError(STRICT, "start without --strict", kind="network")
        runner, network, disk = self._current(), self.limits.network, self.limits.disk

        def work(stop: threading.Event, show: Callable[[str], None]) -> Installation:
            return runner.use(
                lambda client, container: install_packages(
                    client, container, requests, network=network, index_url=self._index_url, disk=disk, stop=stop, on_text=show
                )
            )

        done = await self._stoppable(work, cancellation_token, on_output)
        if done.verdict is Verdict.DISK:
            await self._in_thread(runner.drop)  # pip may have left something there that takes the room
        return done

    async def set_network(self, network: str) -> None:
        """Attach the network for the session ("on"), or detach it ("install", "off"); what runs is killed. EngineError when that fails."""
        runner = self._current()
        change = network_switch(network, strict=self.strict)
        if (network == "on") != (self.limits.network == "on"):
            await self._in_thread(lambda: runner.use(change))
        self.limits = replace(self.limits, network=network)
        runner.set_limits(self.limits)

    async def read_text(self, name: str) -> str | None:
        """Return the first 64 KiB of a file in the programs' folder; None where there is none."""
        return await self._in_thread(lambda: self._current().use(lambda _, container: read_text(container, name)))

    async def names_present(self, modules: Sequence[str]) -> set[str]:
        """Return which of the modules are files or folders of the program's own."""
        return await self._in_thread(lambda: self._current().use(lambda _, container: names_present(container, modules)))

    # --- From the event loop to a thread --------------------------------------------------------------------------------------

    def _current(self) -> Runner:
        if not self._running or self._runner is None:
            raise ValueError("the executor is not running: start it, or use it as a context manager")
        return self._runner

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._threads is None:
            raise ValueError("the executor is not running: start it, or use it as a context manager")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _run_job(self, job: Job, token: CancellationToken, on_output: OnOutput = None) -> ProgramRun:
        return await self._stoppable(lambda stop, show: self._current().run(job, stop, show), token, on_output)

    async def _stoppable(
        self, work: Callable[[threading.Event, Callable[[str], None]], Result], token: CancellationToken, on_output: OnOutput
    ) -> Result:
        stop = threading.Event()
        self._stops.add(stop)
        token.add_callback(stop.set)
        loop = asyncio.get_running_loop()

        def show(text: str) -> None:
            if on_output is not None and text:
                loop.call_soon_threadsafe(on_output, text)

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

    # --- Jobs, AutoGen's functions, and its stored configuration --------------------------------------------------------------

    def _job(self, block: CodeBlock, name: str = "", files: Texts = ()) -> Job:
        language = find_language(block.language)
        if language is None:
            raise ValueError(f"The language {block.language!r} is not supported; supported are: {', '.join(BY_NAME)}")
        name = language.named(block.code, header_name(block.code) or name)
        return Job(language, block.code, name, not self._delete_tmp_files, tuple(files))

    def _request(self) -> ContainerRequest:
        return ContainerRequest(
            image=self._image,
            name=self.container_name,
            limits=self.limits,
            session=self.session,
            binds=self._extra_volumes,
            hosts=self._extra_hosts,
            devices=self._device_requests or (),
            remove_when_stopped=self._auto_remove,
            tied_to_us=self._stop_container,
            strict=self.strict,
            runtime=self._runtime,
            certificates=self._certificates,
        )

    async def _setup_functions(self, cancellation_token: CancellationToken) -> None:
        packages = sorted({name for each in self._functions if isinstance(each, FunctionWithRequirements) for name in each.python_packages})
        code = build_python_functions_file(self._functions)
        if packages:
            done = await self.install([PipRequest(tuple(packages))], cancellation_token)
            if done.verdict is not Verdict.OK:
                raise ValueError(f"Functions failed to load: {done.last_lines}")
        # Running the module shows at once whether it can be imported.
        run = await self._run_job(Job(BY_NAME["python"], code, f"{self._functions_module}.py"), cancellation_token)
        if run.verdict is not Verdict.OK:
            raise ValueError(f"Functions failed to load: {autogen_text(run, self.limits)}")
        self._functions_in = self._current().number

    def _to_config(self) -> SandboxExecutorConfig:
        base = super()._to_config().model_dump()
        return SandboxExecutorConfig(**{**base, "limits": self.limits, "session": self.session})

    @classmethod
    def _from_config(cls, config: DockerCommandLineCodeExecutorConfig) -> Self:
        """Make an executor from its stored configuration; functions and devices are not part of it."""
        return cls(**config.model_dump(exclude={"limits"}), limits=getattr(config, "limits", None))
