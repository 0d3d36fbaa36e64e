"""Keeps one container going: runs programs in it, replaces it when it is lost, mirrors what programs make, and removes it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import docker

from sandbox.container import Counters, SandboxContainer
from sandbox.engine.find import connect_engine
from sandbox.exec_stream import Command, OpenExec
from sandbox.files.added import Selection, put_files
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import HostNames
from sandbox.files.transfer import LeftOut, Listing, choose, list_files, mirror
from sandbox.languages import ALIASES
from sandbox.program import Denied, Job, NotStarted, not_run, prepare, run_program
from sandbox.verdicts import Ended, ProducedFile, ProgramRun, Verdict
from utils.docker_utils import ENGINE_FAILURES, ContainerRequest, Limits
from utils.errors import ContainerLost, EngineError

STATE_LOST = "the container had to be replaced, so files and packages from before are gone in it"
NOT_SAVED = "could not be saved on this machine"
Result = TypeVar("Result")
_LOG = logging.getLogger(__name__)
_INIT = ("/bin/sh", "-c", 'exec timeout -k 2 "$2" /bin/sh -c "$1" </dev/null 2>&1', "sh")
_STARTS = 3  # how often a program's start is tried: at once, once more, and in a new container


class Runner:
    """One container after another; every method blocks, and may be called from any thread, `stop` at any time."""

    def __init__(
        self, request: ContainerRequest, folder: Callable[[], HostFolder], client: docker.APIClient | None = None, init_command: str = ""
    ) -> None:
        """Take what container to make, the host's folder for files, an engine (connected when needed, if None), and what to run first."""
        self.left_out: tuple[LeftOut, ...] = ()
        self.number = 0  # of the container: 1 for the first, one more for each that took its place
        self._request = request
        self._folder = folder
        self._given_client = client
        self._client: docker.APIClient | None = None
        self._init_command = init_command
        self._container: SandboxContainer | None = None
        self._busy = threading.RLock()  # one program, listing or replacement at a time
        self._stopped = threading.Event()
        self._names = HostNames()
        self._known = Listing({})
        self._empty = False  # nothing of a program runs in the container
        self._prepared: OpenExec | None = None
        self._added: list[Selection] = []
        self._stored: dict[str, int] = {}  # programs and added files stored since the last listing, with their sizes in bytes
        self._shown: set[str] = set()  # programs that ran since then: what is stored of them here is what was shown before they ran

    def start(self) -> Counters:
        """Start a container, in place of the one before if there is one; EngineError when that fails."""
        with self._busy:
            self._drop()
            if self._client is None:
                self._client = self._given_client or connect_engine()
            self._container = SandboxContainer(self._client, self._request)
            self._empty = True
            self.number += 1
            self._known = Listing({})
            for selection in self._added:
                self._stored.update(put_files(self._container, selection))
            if self._init_command:
                self._run_init_command(self._container)
            counters = self._container.counters()
            if counters is None:
                raise ContainerLost("the container ended as soon as it was started", f"check the image {self._request.image}")
            return counters

    def stop(self) -> None:
        """Remove the container, or only halt it where the request says so; what runs in it ends with it."""
        self._stopped.set()
        container = self._container  # without the lock: a program that is running holds it, and ends now
        if container is not None:
            self._end(container)
        with self._busy:
            if self._container is not None and self._container is not container:
                self._end(self._container)
            self._unprepare()
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
        """Run a program; in a new container, which is said, when the one before is gone. EngineError when none can be run."""
        with self._busy:
            notes = self._save(job)
            reason = ""
            failures = 0
            while failures < _STARTS:
                if stop.is_set() or self._stopped.is_set():
                    return not_run(job, Verdict.CANCELLED, *notes)
                container, counters, lost = self._living()
                notes += (STATE_LOST,) if lost else ()
                prepared, self._prepared, self._empty = self._prepared, None, False
                try:
                    run, outcome = run_program(container, job, self._request.limits, counters, stop, show, prepared)
                except Denied as error:
                    return replace(not_run(job, Verdict.NOT_RUN, *notes), reason=str(error))
                except NotStarted as error:
                    reason = str(error)
                    failures += prepared is None
                    if failures == _STARTS - 1:  # once, a sandbox full of dying processes may refuse a new one; twice, it is broken
                        self._drop()
                    continue
                if outcome.stuck:
                    self._drop()
                    notes += (STATE_LOST,)
                self._forget(job)
                return replace(run, notes=notes + run.notes)
            raise ContainerLost(f"the sandbox could not start the program: {reason}", "try again, or restart the container engine")

    def _living(self) -> tuple[SandboxContainer, Counters, bool]:
        counters = self._container.counters() if self._container is not None else None
        lost = counters is None
        if counters is None:
            counters = self.start()
        if self._container is None:
            raise ContainerLost("there is no container", "start again")
        return self._container, counters, lost

    def use(self, work: Callable[[docker.APIClient, SandboxContainer], Result], *, leaves_nothing: bool = False) -> Result:
        """Do something else with the container while no program runs; where that ends in ContainerLost, the container is removed.

        `leaves_nothing` says that nothing of it runs on: the next program may be prepared for.
        """
        with self._busy:
            container, _, _ = self._living()
            empty = leaves_nothing and self._empty
            self._unprepare()
            if self._client is None:
                raise ContainerLost("there is no container", "start again")
            try:
                result = work(self._client, container)
            except ContainerLost:
                self._drop()
                raise
            self._empty = empty
            return result

    def add(self, selection: Selection) -> None:
        """Copy files in, and again into each container that takes this one's place; they do not count as files that programs made."""
        with self._busy:
            stored = self.use(lambda _, container: put_files(container, selection), leaves_nothing=True)
            self._stored.update(stored)
            self._added.append(selection)

    def set_limits(self, limits: Limits) -> None:
        """Run the next programs, and make the next container, under other limits."""
        with self._busy:
            self._request = replace(self._request, limits=limits)

    def prepare(self) -> None:
        """Start what the next program will need, where the sandbox is known to be empty: after a start, and after collecting."""
        with self._busy:
            container = self._container
            # Far away, a connection that stands idle may be cut without a sign; here it is not.
            local = self._client is not None and self._client.base_url.startswith("http+docker://local")
            if container is None or not local or not self._empty or self._prepared is not None or self._stopped.is_set():
                return
            with contextlib.suppress(*ENGINE_FAILURES):
                self._prepared = prepare(container)

    def _unprepare(self) -> None:
        self._empty = False
        if self._prepared is not None:
            self._prepared.connection.close()
            self._prepared = None

    def collect(self) -> list[ProducedFile]:
        """Kill what programs left running and mirror new and changed files; `left_out` says what was not mirrored, and why."""
        with self._busy:
            self.left_out = ()
            self._unprepare()  # the sweep ends what waits, too
            container = self._container
            if container is None or container.counters() is None:
                return []  # the next run will tell that its files are lost
            try:
                listing = list_files(container)
                changed = {name: entry for name, entry in listing.files.items() if self._changed(name, listing)}
                chosen, left_out = choose(changed, listing.complete, self._request.limits)
                produced, refused = mirror(container, chosen, self._known, self._folder(), self._names, self._shown)
            except (ContainerLost, OSError) as error:
                self.left_out = (LeftOut("all files", str(error)),)
                return []
            self._empty = True
            # What a listing that was cut does not name may still be there, and is not new when it is named again.
            self._known = listing if listing.complete else replace(listing, files={**self._known.files, **listing.files})
            self._stored, self._shown = {}, set()
            self.left_out = (*left_out, *refused)
            return produced

    def _changed(self, name: str, listing: Listing) -> bool:
        entry = listing.files[name]
        return entry != self._known.files.get(name) and entry.size != self._stored.get(name)

    def host_name(self, file_name: str) -> str | None:
        """Return the name in the host's folder of a program's file; None when it may not be stored there."""
        return self._names.name(file_name)

    def _save(self, job: Job) -> tuple[str, ...]:
        notes: tuple[str, ...] = ()
        for file_name, text in (*job.files, (job.file_name, job.code)):
            code = text.encode("utf-8", "replace")
            name = self._names.name(file_name)
            self._stored[file_name] = len(code)
            # Data is the program's to change; code stays as it was shown before it ran.
            if file_name == job.file_name or file_name.rpartition(".")[2].lower() in ALIASES:
                self._shown.add(file_name)
            try:
                if name is None:
                    raise OSError("its name is not allowed")
                self._folder().write(name, code)
            except OSError as error:
                _LOG.info("%s was not saved: %s", name, error)
                notes += (f"{file_name} {NOT_SAVED}",)
        return notes

    def _forget(self, job: Job) -> None:
        name = None if job.keep_file else self._names.name(job.file_name)
        if name is not None:
            self._folder().remove(name)

    def _run_init_command(self, container: SandboxContainer) -> None:
        limits = self._request.limits
        argv = [*_INIT, self._init_command, str(limits.timeout)]
        outcome = container.run(Command(argv, output_limit=limits.output, seconds=limits.timeout + 5))
        if outcome.ended is not Ended.EXIT or outcome.exit_code != 0:
            self._drop()
            said = outcome.output.decode("utf-8", "replace").strip()[-500:]
            raise EngineError(f"the init command failed (exit code {outcome.exit_code}): {said}", "correct the init command")
        self.collect()

    def _drop(self) -> None:
        self._unprepare()
        if self._container is not None:
            container, self._container = self._container, None
            try:
                container.remove()
            except ENGINE_FAILURES + (ContainerLost,) as error:
                _LOG.info("%s", error)
