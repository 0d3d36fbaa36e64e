"""AutoGen's Docker executor with a sandbox behind it: no mount, no privilege, no secret, limits, and an end to everything it starts."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import docker
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, FunctionWithRequirements, FunctionWithRequirementsStr
from autogen_ext.code_executors._common import CommandLineCodeResult, build_python_functions_file
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.code_executors.docker._docker_code_executor import DockerCommandLineCodeExecutorConfig
from docker.types import DeviceRequest
from typing_extensions import Self

from sandbox.container import Counters, SandboxContainer
from sandbox.exec_stream import Command
from sandbox.file_names import HostNames, header_name
from sandbox.file_transfer import LeftOut, Listing, choose, list_files, mirror
from sandbox.host_folder import HostFolder
from sandbox.languages import ALIASES, BY_NAME, find_language
from sandbox.program import Job, NotStarted, not_run, run_program
from sandbox.verdicts import Ended, ProducedFile, ProgramRun, Verdict, tell_person
from utils.docker_utils import ContainerRequest, Limits, connect_engine, unique_name
from utils.errors import ContainerLost, EngineError

Result = TypeVar("Result")
STATE_LOST = "the container had to be replaced: files and packages from before are gone in it"
_LOG = logging.getLogger(__name__)
_INIT = ("/bin/sh", "-c", 'exec timeout -k 2 "$2" /bin/sh -c "$1" </dev/null 2>&1', "sh")
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
        work_dir: Path | str | None = None,
        bind_dir: Path | str | None = None,
        auto_remove: bool = True,
        stop_container: bool = True,
        device_requests: list[DeviceRequest] | None = None,
        functions: Sequence[FunctionWithRequirements[Any, Any] | Callable[..., Any] | FunctionWithRequirementsStr] = (),
        functions_module: str = "functions",
        extra_volumes: dict[str, dict[str, str]] | None = None,
        extra_hosts: dict[str, str] | None = None,
        init_command: str | None = None,
        delete_tmp_files: bool = False,
        limits: Limits | None = None,
        client: docker.APIClient | None = None,
        session: str = "",
    ) -> None:
        """Take the base class's parameters, the limits, an engine that is connected already (not closed by us), and the session's name."""
        limits = limits or Limits()
        self.limits = limits if timeout is None else replace(limits, timeout=timeout)
        super().__init__(
            image,
            container_name or unique_name(),
            timeout=self.limits.timeout,
            work_dir=work_dir,
            bind_dir=bind_dir,
            auto_remove=auto_remove,
            stop_container=stop_container,
            device_requests=device_requests,
            functions=functions,
            functions_module=functions_module,
            extra_volumes=extra_volumes,
            extra_hosts=extra_hosts,
            init_command=init_command,
            delete_tmp_files=delete_tmp_files,
        )
        self.session = session
        self.left_out: tuple[LeftOut, ...] = ()  # by the last collect_files: what was not mirrored, and why
        self._named = container_name is not None
        self._given_client = client
        self._client: docker.APIClient | None = None
        self._sandbox: SandboxContainer | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._busy = threading.RLock()  # one program, listing or replacement of the container at a time, from whatever event loop
        self._stops: set[threading.Event] = set()
        self._names = HostNames()
        self._known = Listing({})

    # --- AutoGen's contract ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect to the engine and start the container; nothing happens when it is started. EngineError when that fails."""
        if self._running:
            return
        if self._work_dir is None and self._temp_dir is None:
            self._temp_dir = tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox")
        self._running = True
        try:
            await self._in_thread(self._start_container)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Kill what runs and remove the container; nothing happens when it is stopped or gone already."""
        if not self._running:
            return
        self._running = False
        for stop in tuple(self._stops):
            stop.set()
        try:
            await self._in_thread(self._stop_container_now)
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False)
            self._threads = None
            if self._temp_dir is not None:
                self._temp_dir.cleanup()
                self._temp_dir = None

    async def restart(self) -> None:
        """Replace the container by a new one: processes, files and packages in it are gone; what was mirrored stays."""
        self._check_running()
        await self._in_thread(self._replace_container)

    async def execute_code_blocks(self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken) -> CommandLineCodeResult:
        """Run the blocks in order up to the first that fails, and mirror the files they made to `work_dir`."""
        self._check_running()
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        outputs: list[str] = []
        code_file: str | None = None
        code = 0
        for block in code_blocks:
            run = await self.run_block(block, cancellation_token)
            outputs.append(_as_text(run, self.limits))
            code_file = code_file or self._code_file(run)
            code = 0 if run.verdict is Verdict.OK else run.exit_code or 1
            if code:
                break
        await self.collect_files()
        return CommandLineCodeResult(exit_code=code, output="".join(outputs), code_file=code_file)

    # --- What our own agent uses ----------------------------------------------------------------------------------------------

    async def run_block(
        self, block: CodeBlock, cancellation_token: CancellationToken, on_output: Callable[[str], None] | None = None
    ) -> ProgramRun:
        """Run one block and judge it; `on_output` gets its output, decoded, on the event loop as it comes.

        A program that fails is a result. EngineError means that nothing could be run.
        """
        self._check_running()
        if not self._setup_functions_complete:
            await self._setup_functions(cancellation_token)
        try:
            job = self._job(block)
        except ValueError as error:
            return ProgramRun(block.language, block.code, "", Verdict.FAILED, 1, 0.0, str(error))
        return await self._run_job(job, cancellation_token, on_output)

    async def collect_files(self) -> list[ProducedFile]:
        """Kill what still runs, and mirror the files that are new or changed since the last call; see `left_out` for the others.

        ContainerLost when the container is gone.
        """
        self._check_running()
        return await self._in_thread(self._collect)

    # --- From the event loop to a thread --------------------------------------------------------------------------------------

    def _check_running(self) -> None:
        if not self._running:
            raise ValueError("Container is not running. Must first be started with either start or a context manager.")

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._threads is None:
            raise ValueError("Container is not running. Must first be started with either start or a context manager.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _run_job(self, job: Job, token: CancellationToken, on_output: Callable[[str], None] | None = None) -> ProgramRun:
        stop = threading.Event()
        self._stops.add(stop)
        token.add_callback(stop.set)
        loop = asyncio.get_running_loop()

        def show(text: str) -> None:
            if on_output is not None and text:
                loop.call_soon_threadsafe(on_output, text)

        running = asyncio.ensure_future(self._in_thread(lambda: self._run(job, stop, show)))
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

    # --- In a thread ----------------------------------------------------------------------------------------------------------

    def _run(self, job: Job, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        with self._busy:
            self._save(job)
            notes: tuple[str, ...] = ()
            reason = ""
            for attempt in range(3):
                if stop.is_set():
                    return not_run(job, Verdict.CANCELLED, *notes)
                counters = self._alive()
                if counters is None:
                    notes = (STATE_LOST,)
                    counters = self._replace_container()
                try:
                    run, outcome = run_program(self._existing(), job, self.limits, counters, stop, show)
                except NotStarted as error:
                    reason = str(error)
                    if attempt == 1:  # once, a sandbox full of dying processes may refuse a new one; twice, it is broken
                        self._drop_container()
                    continue
                if outcome.stuck:
                    self._drop_container()
                    notes += (STATE_LOST,)
                return replace(run, notes=notes + run.notes)
            raise ContainerLost(f"the sandbox could not start the program: {reason}", "try again, or restart the container engine")

    def _alive(self) -> Counters | None:
        return None if self._sandbox is None else self._sandbox.counters()

    def _existing(self) -> SandboxContainer:
        if self._sandbox is None:
            raise ContainerLost("there is no container", "start the executor again")
        return self._sandbox

    def _start_container(self) -> Counters:
        with self._busy:
            if self._client is None:
                self._client = self._given_client or connect_engine()
            if not self._named:
                self.container_name = unique_name()
            self._sandbox = SandboxContainer(self._client, self._request())
            self._known = Listing({})
            if self._functions:
                self._setup_functions_complete = False
            if self._init_command:
                self._run_init_command(self._init_command)
            counters = self._sandbox.counters()
            if counters is None:
                raise ContainerLost("the container ended as soon as it was started", f"check the image {self._image}")
            return counters

    def _request(self) -> ContainerRequest:
        return ContainerRequest(
            image=self._image,
            name=self.container_name,
            command=(),
            limits=self.limits,
            session=self.session,
            binds=self._extra_volumes,
            hosts=self._extra_hosts,
            devices=self._device_requests or (),
            remove_when_stopped=self._auto_remove,
            tied_to_us=self._stop_container,
        )

    def _run_init_command(self, init_command: str) -> None:
        argv = [*_INIT, init_command, str(self.limits.timeout)]
        outcome = self._existing().run(Command(argv, output_limit=self.limits.output, seconds=self.limits.timeout + 5))
        if outcome.ended is not Ended.EXIT or outcome.exit_code != 0:
            said = outcome.output.decode("utf-8", "replace").strip()[-500:]
            raise EngineError(f"the init command failed (exit code {outcome.exit_code}): {said}", "correct init_command")
        self._collect()

    def _replace_container(self) -> Counters:
        with self._busy:
            self._drop_container()
            return self._start_container()

    def _drop_container(self) -> None:
        if self._sandbox is not None:
            sandbox, self._sandbox = self._sandbox, None
            try:
                sandbox.remove()
            except ContainerLost as error:
                _LOG.warning("%s", error)

    def _stop_container_now(self) -> None:
        # Without the lock: a program that is running ends with its container.
        sandbox, self._sandbox = self._sandbox, None
        try:
            if sandbox is not None:
                sandbox.remove() if self._auto_remove else sandbox.halt()
        finally:
            if self._client is not None and self._given_client is None:
                self._client.close()
            self._client = None

    def _collect(self) -> list[ProducedFile]:
        with self._busy:
            sandbox = self._existing()
            listing = list_files(sandbox)
            chosen, left_out = choose(listing, self._known, self.limits)
            entries = {name: listing.files[name] for name in chosen}
            produced, refused = mirror(sandbox, entries, self._known, HostFolder(self.work_dir), self._names)
            self._known = listing
            self.left_out = (*left_out, *refused)
            return produced

    # --- Files on the host, and AutoGen's functions ---------------------------------------------------------------------------

    def _job(self, block: CodeBlock) -> Job:
        language = find_language(block.language)
        if language is None:
            raise ValueError(f"The language {block.language!r} is not supported; supported are: {', '.join(BY_NAME)}")
        name = header_name(block.code) or language.file_name
        return Job(language, block.code, name, keep_file=not self._delete_tmp_files)

    def _save(self, job: Job) -> None:
        name = self._names.name(job.file_name)
        if not job.keep_file or name is None:
            return
        try:
            HostFolder(self.work_dir).write(name, job.code.encode("utf-8", "replace"))
        except OSError as error:
            _LOG.warning("%s could not be saved in %s: %s", name, self.work_dir, error.strerror)

    def _code_file(self, run: ProgramRun) -> str | None:
        name = self._names.name(run.file_name) if run.file_name else None
        return None if name is None else str(self.work_dir / name)

    async def _setup_functions(self, cancellation_token: CancellationToken) -> None:
        functions = [each for each in self._functions if isinstance(each, FunctionWithRequirements)]
        packages = sorted({package for each in functions for package in each.python_packages})
        code = build_python_functions_file(self._functions)
        jobs = [Job(BY_NAME["python"], code, f"{self._functions_module}.py")]
        if packages:
            install = f"python3 -m pip install --user {' '.join(packages)}"
            jobs.insert(0, Job(BY_NAME["sh"], install, "install_packages.sh"))
        for job in jobs:  # running the module shows at once whether it can be imported
            run = await self._run_job(job, cancellation_token)
            if run.verdict is not Verdict.OK:
                raise ValueError(f"Functions failed to load: {_as_text(run, self.limits)}")
        self._setup_functions_complete = True

    def _to_config(self) -> SandboxExecutorConfig:
        base = super()._to_config().model_dump()
        return SandboxExecutorConfig(**{**base, "limits": self.limits, "session": self.session})

    @classmethod
    def _from_config(cls, config: DockerCommandLineCodeExecutorConfig) -> Self:
        """Make an executor from its stored configuration; functions and devices are not part of it."""
        return cls(**config.model_dump(exclude={"limits"}), limits=getattr(config, "limits", None))


def _as_text(run: ProgramRun, limits: Limits) -> str:
    if run.verdict is Verdict.CANCELLED:
        return "Code execution was cancelled."
    if run.verdict is Verdict.TIME:
        return f"{run.output}\nTimeout: {tell_person(run, limits)}"
    if run.verdict in (Verdict.OK, Verdict.FAILED):
        return run.output
    return f"{run.output}\n{tell_person(run, limits)}"
