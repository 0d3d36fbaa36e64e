"""Keeps one container going: runs programs in it, replaces it when it is lost or cannot be emptied, and removes it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import docker

from sandbox.container import NotEmptied, SandboxContainer
from sandbox.engine.find import connect_engine
from sandbox.exec_stream import Command
from sandbox.files.added import Selection
from sandbox.files.transfer import LeftOut
from sandbox.monitor import Counters
from sandbox.newer import name_newer_syntax
from sandbox.program import ARGV, Denied, Job, NotStarted, not_run, run_program
from sandbox.toolchain_cache import bring_cache
from sandbox.verdicts import Ended, ProducedFile, ProgramRun, Verdict, not_compiled, tell_disk
from sandbox.workspace import Workspace
from utils.docker_utils import ENGINE_FAILURES, SHELL, ContainerRequest, Limits
from utils.errors import ContainerLost, EngineError

STATE_LOST = "the container had to be replaced, so files and packages from before are gone in it"
NOT_EMPTIED = f"what an earlier program left running could not be ended: {STATE_LOST}"
ROOM_GIVEN_BACK = "the container was replaced to give the room back, so files and packages from before are gone in it"
Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)
_INIT = (SHELL, "-c", 'exec timeout -k 2 "$2" /bin/sh -c "$1" </dev/null 2>&1', "sh")
_STARTS = 3  # how often a program's start is tried: at once, once more, and in a new container


class Runner:
    """One container after another; every method blocks, and may be called from any thread, `stop` at any time.

    Whatever is started in a container is started once its main process has seen that nothing of a program is left in it.
    """

    def __init__(
        self, request: ContainerRequest, workspace: Workspace, client: docker.APIClient | None = None, init_command: str = ""
    ) -> None:
        """Take what container to make, the folder for files, an engine (connected when needed, if None), and what to run first."""
        self.number = 0  # of the container: 1 for the first, one more for each that took its place
        self.workspace = workspace
        self._request = request
        self._given_client = client
        self._client: docker.APIClient | None = None
        self._init_command = init_command
        self._cached: set[tuple[int, str]] = set()  # containers, by their numbers, and languages whose caches they have
        self._container: SandboxContainer | None = None
        self._busy = threading.RLock()  # one program, listing or replacement at a time
        self._stopped = threading.Event()

    def start(self) -> Counters:
        """Start a container, in place of the one before if there is one; EngineError when that fails."""
        with self._busy:
            self.drop()
            if self._client is None:
                self._client = self._given_client or connect_engine()
            self._container = container = SandboxContainer(self._client, self._request)
            self.number += 1
            self.workspace.move_to(container)
            self.workspace.take_state(container, self._request.limits)
            if self._init_command:
                self._run_init_command(container)
            counters = container.empty().counters
            container.get_ready(ARGV)
            return counters

    def stop(self) -> None:
        """Remove the container, or only halt it if the request says so; what runs in it ends with it."""
        self._stopped.set()
        container = self._container  # without the lock: a program that is running holds it, and ends now
        if container is not None:
            self._end(container)
        with self._busy:
            if self._container is not None and self._container is not container:
                self._end(self._container)
            self._container = None
            if self._client is not None and self._given_client is None:
                self._client.close()
            self._client = None

    def _end(self, container: SandboxContainer) -> None:
        if self._request.remove_when_stopped:
            container.remove()
        else:
            container.halt()

    def run(self, job: Job, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        """Build and run a program; in a new container, which is said, when the one before is gone. EngineError when none can be run."""
        with self._busy:
            notes = self.workspace.save(job)
            run = self._run_steps(job, stop, show)
            self.workspace.forget(job)
            return replace(run, notes=notes + run.notes)

    def _run_steps(self, job: Job, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        """Compile the program if its language does that, run it, and look whether one that failed is written in the language at all."""
        language, limits = job.language, self._request.limits
        compiling = replace(limits, timeout=language.build_seconds)
        while True:
            number = 0
            if language.build:
                self._bring_cache(job, stop)
                built = self._run_step(replace(job, step=language.build), compiling, stop, lambda text: None)
                if built.verdict is not Verdict.OK:
                    show(built.output)
                    return not_compiled(built, compiling, language.cannot)
                number = self.number
            run = self._run_step(job, limits, stop, show)
            if number in (0, self.number):
                break
            # The container was replaced in between, and what was compiled was gone with it: nothing has run.
        if run.verdict is Verdict.FAILED and language.check:
            with contextlib.suppress(EngineError):  # the image has nothing to check it with, or the container is gone: it has run
                checked = self._run_step(replace(job, step=language.check), compiling, stop, lambda text: None)
                if checked.verdict is Verdict.FAILED:
                    return name_newer_syntax(not_compiled(run, compiling, language.cannot), checked.output)
        return run

    def _bring_cache(self, job: Job, stop: threading.Event) -> None:
        """Let the container have what the language's toolchain would have to compile first, once."""
        language = job.language
        if not language.warm:
            return
        container, _, _ = self._emptied()
        if self._client is not None and (self.number, language.key) not in self._cached:
            job.prepares(language.name)
            bring_cache(self._client, container, self._request, language, stop)
            job.prepares("")
            if not stop.is_set():
                self._cached.add((self.number, language.key))

    def _run_step(self, job: Job, limits: Limits, stop: threading.Event, show: Callable[[str], None]) -> ProgramRun:
        notes: tuple[str, ...] = ()
        reason = ""
        for attempt in range(_STARTS):
            if stop.is_set() or self._stopped.is_set():
                return not_run(job, Verdict.CANCELLED, *notes)
            if attempt == _STARTS - 1:  # twice, a sandbox full of dying processes may refuse a new one; then it is broken
                self.drop()
            container, counters, note = self._emptied()
            notes += (note,) if note else ()
            try:
                run, outcome = run_program(container, job, limits, counters, stop, show)
            except Denied as error:
                return replace(not_run(job, Verdict.NOT_RUN, *notes), reason=str(error))
            except NotStarted as error:
                reason = str(error)
                continue
            if outcome.stuck or run.verdict is Verdict.DISK:
                self.drop()
                notes += (ROOM_GIVEN_BACK if run.verdict is Verdict.DISK else STATE_LOST,)
            return replace(run, notes=notes + run.notes)
        raise ContainerLost(f"the sandbox could not start the program: {reason}", "try again, or restart the container engine")

    def _emptied(self) -> tuple[SandboxContainer, Counters, str]:
        """Return a container in which nothing runs, what is counted in it so far, and a note if it is a new one."""
        note = STATE_LOST
        if self._container is not None:
            try:
                return self._container, self._container.empty().counters, ""
            except NotEmptied:
                note = NOT_EMPTIED
            except ContainerLost as error:
                _LOG.info("%s", error)
        counters = self.start()
        if self._container is None:
            raise ContainerLost("there is no container", "start again")
        return self._container, counters, note

    def use(self, work: Callable[[SandboxContainer], Result]) -> Result:
        """Do something else with the container while nothing runs in it; if that ends in ContainerLost, the container is removed."""
        with self._busy:
            container, _, _ = self._emptied()
            try:
                result = work(container)
                container.empty()
            except ContainerLost:
                self.drop()
                raise
            container.get_ready(ARGV)
            return result

    def drop(self) -> None:
        """Remove the container; the next program gets a new one, and its result says so."""
        with self._busy:
            if self._container is not None:
                container, self._container = self._container, None
                try:
                    container.remove()
                except ENGINE_FAILURES + (ContainerLost,) as error:
                    _LOG.info("%s", error)

    def add(self, selection: Selection) -> None:
        """Copy files in, and again into each container that takes this one's place."""

        def work(container: SandboxContainer) -> None:
            self.workspace.add(container, selection)
            self.workspace.take_state(container, self._request.limits)

        self.use(work)

    @property
    def limits(self) -> Limits:
        """What programs may use."""
        return self._request.limits

    def set_limits(self, limits: Limits) -> None:
        """Run the next programs, and make the next container, under other limits."""
        with self._busy:
            self._request = replace(self._request, limits=limits)

    def collect(self) -> list[ProducedFile]:
        """End what programs left running and mirror new and changed files; the workspace says what was not mirrored, and why."""
        with self._busy:
            self.workspace.left_out = ()
            container = self._container
            if container is None:
                return []
            try:
                container.empty()
                produced = self.workspace.collect(container, self._request.limits)
                container.empty()
            except NotEmptied as error:
                self.drop()  # the next run will tell that its files are lost
                return self.workspace.lose(str(error))
            except ContainerLost:
                return []  # the same
            too_much = self._holds_too_much(container)
            if too_much:
                self.workspace.left_out += (LeftOut("all other files", f"{too_much}: {ROOM_GIVEN_BACK}"),)
                self.drop()
            else:
                container.get_ready(ARGV)
            return produced

    def _holds_too_much(self, container: SandboxContainer) -> str:
        # A quick program ends before anybody has looked, and what it wrote is not the next one's fault.
        limits = self._request.limits
        with contextlib.suppress(*ENGINE_FAILURES):
            return tell_disk(container.watch_disk(limits.disk, self._stopped, limits.disk_files).too_much(), limits)
        return ""

    def _run_init_command(self, container: SandboxContainer) -> None:
        limits = self._request.limits
        argv = [*_INIT, self._init_command, str(limits.timeout)]
        outcome = container.run(Command(argv, output_limit=limits.output, seconds=limits.timeout + 5))
        if outcome.ended is not Ended.EXIT or outcome.exit_code != 0:
            self.drop()
            said = outcome.output.decode("utf-8", "replace").strip()[-500:]
            raise EngineError(f"the init command failed (exit code {outcome.exit_code}): {said}", "correct the init command")
        self.collect()
