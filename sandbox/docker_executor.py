"""AutoGen's Docker executor with a sandbox behind it: no mount, no privilege, no secret, limits, and an end to everything it starts."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import docker
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, FunctionWithRequirements
from autogen_ext.code_executors._common import CommandLineCodeResult, build_python_functions_file
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.code_executors.docker._docker_code_executor import DockerCommandLineCodeExecutorConfig
from typing_extensions import Self

from sandbox.languages import ALIASES
from sandbox.packages.install import PipRequest
from sandbox.sandbox import Sandbox
from sandbox.verdicts import Verdict, autogen_text
from utils.docker_utils import ContainerRequest, Limits, unique_name


class SandboxExecutorConfig(DockerCommandLineCodeExecutorConfig):
    """What a stored executor is made from again."""

    limits: Limits = Limits()
    session: str = ""


class SandboxExecutor(DockerCommandLineCodeExecutor):
    """Runs programs in a container that has no mount and no way out, and mirrors the files they make to `work_dir`.

    The base class's parameters keep their meaning, with these differences: `work_dir` is not mounted, so programs do not see what is in it
    on the host; `timeout` is that of `limits` if it is not given; if a foreign container already has `container_name`, EngineError is
    raised and nothing is removed. `restart()` starts with a new, empty container. Unless `stop_container` is False, the container ends
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
        sandbox: Sandbox | None = None,
        **base: Any,
    ) -> None:
        """Take the limits, an engine that is connected already (not closed by us), the session's name, and the base class's parameters.

        `certificates` are the authorities to trust in the container (PEM); `index_url` is where pip looks, known to pip alone;
        `runtime` is the container runtime, if it is not to be the engine's choice. A `sandbox` takes the place of all of these.
        """
        limits = sandbox.limits if sandbox is not None else limits or Limits()
        limits = limits if timeout is None else replace(limits, timeout=timeout)
        super().__init__(image, container_name or unique_name(), timeout=limits.timeout, **base)
        container = {"session": session, "strict": strict, "runtime": runtime, "certificates": certificates}
        self.sandbox = sandbox or self._make_sandbox(image, limits, client, index_url, container)
        """What runs the programs."""
        self._functions_in = 0  # the number of the container that has the functions

    def _make_sandbox(
        self, image: str, limits: Limits, client: docker.APIClient | None, index_url: str, container: Mapping[str, Any]
    ) -> Sandbox:
        request = ContainerRequest(
            image=image,
            name=self.container_name,
            limits=limits,
            binds=self._extra_volumes,
            hosts=self._extra_hosts,
            devices=self._device_requests or (),
            remove_when_stopped=self._auto_remove,
            tied_to_us=self._stop_container,
            **container,
        )
        return Sandbox(
            request,
            lambda: self.work_dir,
            client=client,
            index_url=index_url,
            init_command=self._init_command or "",
            keep_programs=not self._delete_tmp_files,
        )

    async def start(self) -> None:
        """Connect to the engine and start the container; nothing happens when it is started. EngineError when that fails."""
        if self._work_dir is None and self._temp_dir is None:
            self._temp_dir = tempfile.TemporaryDirectory(prefix="sandbox-", ignore_cleanup_errors=True)
        self._running = True
        try:
            await self.sandbox.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Kill what runs and remove the container; nothing happens when it is stopped or gone already."""
        self._running = False
        try:
            await self.sandbox.stop()
        finally:
            if self._temp_dir is not None:
                self._temp_dir.cleanup()
                self._temp_dir = None

    async def restart(self) -> None:
        """Replace the container by a new one: processes, files and packages in it are gone; what was mirrored stays."""
        await self.sandbox.restart()

    async def execute_code_blocks(self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken) -> CommandLineCodeResult:
        """Run the blocks in order up to the first that fails, and mirror the files they made to `work_dir`."""
        number = self.sandbox.number
        if not code_blocks:
            raise ValueError("No code blocks to execute.")
        if self._functions and self._functions_in != number:
            await self._setup_functions(cancellation_token)
        outputs: list[str] = []
        code_file: str | None = None
        code = 0
        for block in code_blocks:
            run = await self.sandbox.run_block(block, cancellation_token)
            outputs.append(autogen_text(run, self.sandbox.limits))
            stored = self.sandbox.host_file(run)
            code_file = code_file or (str(stored) if stored else None)
            code = 0 if run.verdict is Verdict.OK else run.exit_code or 1
            if code:
                break
        await self.sandbox.collect_files()
        return CommandLineCodeResult(exit_code=code, output="".join(outputs), code_file=code_file)

    async def _setup_functions(self, cancellation_token: CancellationToken) -> None:
        packages = sorted({name for each in self._functions if isinstance(each, FunctionWithRequirements) for name in each.python_packages})
        if packages:
            done = await self.sandbox.install([PipRequest(tuple(packages))], cancellation_token)
            if done.verdict is not Verdict.OK:
                raise ValueError(f"Functions failed to load: {done.last_lines}")
        # Running the module shows at once whether it can be imported.
        module = CodeBlock(code=build_python_functions_file(self._functions), language="python")
        run = await self.sandbox.run_block(module, cancellation_token, name=f"{self._functions_module}.py")
        if run.verdict is not Verdict.OK:
            raise ValueError(f"Functions failed to load: {autogen_text(run, self.sandbox.limits)}")
        self._functions_in = self.sandbox.number

    def _to_config(self) -> SandboxExecutorConfig:
        base = super()._to_config().model_dump()
        return SandboxExecutorConfig(**{**base, "limits": self.sandbox.limits, "session": self.sandbox.session})

    @classmethod
    def _from_config(cls, config: DockerCommandLineCodeExecutorConfig) -> Self:
        """Make an executor from its stored configuration; functions and devices are not part of it."""
        return cls(**config.model_dump(exclude={"limits"}), limits=getattr(config, "limits", None))
