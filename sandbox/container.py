"""A running container: the line that ties it to this process, how it is emptied, what is run in it, and how it is removed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from pathlib import Path
from typing import Literal

import docker
from docker.errors import NotFound

from sandbox.ahead import ExecAhead
from sandbox.disk_watch import DiskWatch
from sandbox.engine.images import ensure_image
from sandbox.engine.room import Room, engines_folder
from sandbox.engine.room import look as look_for_room
from sandbox.exec_stream import Command, Connection, Outcome, open_exec, run_command
from sandbox.monitor import Counters, Monitor, Seen, main_process
from utils.docker_utils import (
    ENGINE_FAILURES,
    PROGRAM_USER,
    SHELL,
    ContainerRequest,
    Limits,
    create_container,
    engine_error,
    remove_container,
)
from utils.errors import ContainerLost, EngineError

# Kills every process of its user but the shell that asks: no tool of the image is needed, and forking does not outrun it.
_SWEEP = (SHELL, "-c", "kill -KILL -1")
_EMPTY_SECONDS = 10.0  # how long emptying may take before the container is given up
_ENDING_SECONDS = 0.05  # how long a process that is ending by itself is waited for
_START_SECONDS = 3.0  # how long the start of a sweep may take
_SWEEP_SECONDS = 0.5  # how long one sweep is waited for before the next


class NotEmptied(ContainerLost):
    """Something of a program or of pip is still running in the container, in spite of all that was tried."""


class SandboxContainer:
    """One running container; every method blocks and may be called from any thread."""

    def __init__(self, client: docker.APIClient, request: ContainerRequest) -> None:
        """Create and start the container; EngineError when that fails, and then nothing is left behind."""
        self.client = client
        command = main_process(request.limits.lifetime)
        try:
            self.id = create_container(client, request, command)
        except EngineError as error:
            if error.kind != "image":
                raise
            ensure_image(client, request.image)
            self.id = create_container(client, request, command)
        line: Connection | None = None
        try:
            # Attached before it starts, so that there is no moment in which it runs and is not tied to us.
            line = Connection(client.attach_socket(self.id, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}))
            client.start(self.id)
        except ENGINE_FAILURES as error:
            if line is not None:
                line.close()
            remove_container(client, self.id)
            raise engine_error(error, f"starting a container from {request.image}") from error
        self._monitor = Monitor(line)
        self._ahead = ExecAhead(lambda argv: open_exec(client, self.id, argv))
        self._engines_folder: Path | Literal[False] | None = None  # not known yet; False where it is not on this machine
        self._unseen: int | None = None
        self._empty = True  # nothing has been started in it since it was last seen empty
        why = self._get_to_know(request)
        if why is not None:
            self.remove()
            raise why

    def _get_to_know(self, request: ContainerRequest) -> EngineError | None:
        """See that the main process answers, and what it sees of a container in which nothing has run; return why it is of no use."""
        until = time.monotonic() + _SWEEP_SECONDS
        while True:
            seen = self.look()
            if seen is None:
                return self._no_answer(request)
            self._unseen = seen.unseen  # an engine may count a process of its own
            if not seen.unseen or time.monotonic() > until:
                break
        if not seen.own:
            hint = "use another engine or container runtime (SANDBOX_RUNTIME)"
            return EngineError("the engine does not show whose the processes of a container are: it cannot be seen to be empty", hint)
        return None

    def _no_answer(self, request: ContainerRequest) -> EngineError:
        try:
            if self.client.inspect_container(self.id)["State"]["Running"]:
                hint = "try again; if that does not help, restart the container engine"
                return EngineError("the connection to the new container was cut", hint, kind="engine")
        except NotFound:
            pass
        except ENGINE_FAILURES as error:
            return engine_error(error, "starting a container")
        hint = f"set SANDBOX_IMAGE to an image that has them, or see whether `docker run --rm {request.image} sh -c true` works"
        return EngineError(
            f"a container from {request.image} ended as soon as it was started; it needs sh, cp and timeout", hint, kind="image"
        )

    def look(self) -> Seen | None:
        """Ask the main process what it sees; None if it does not answer: the container is gone, or frozen."""
        return self._monitor.look()

    def counters(self) -> Counters | None:
        """Ask the main process what the kernel has counted; None when it does not answer."""
        seen = self.look()
        return seen.counters if seen is not None else None

    def empty(self) -> Seen:
        """End whatever programs and pip have left running, until the main process sees none of it; return what it saw last.

        ContainerLost when it does not answer, NotEmptied when something is still there after 10 s: the container must not be used any more.
        """
        until = time.monotonic() + _EMPTY_SECONDS
        seen = self._settle(_ENDING_SECONDS)
        while not self._is_empty(seen):
            if time.monotonic() > until:
                raise NotEmptied("something that a program left running could not be ended", "start again")
            self._ahead.drop()
            with contextlib.suppress(*ENGINE_FAILURES):
                self.sweep(f"{seen.user}:{seen.user}" if seen.user else PROGRAM_USER)
            seen = self._settle(_SWEEP_SECONDS)
        self._empty = True
        return seen

    def _is_empty(self, seen: Seen) -> bool:
        # What waits for the next program was started when nothing else was there, and nothing has been started since.
        return seen.unseen in (None, self._unseen) and seen.left <= self._ahead.waits

    def _settle(self, seconds: float) -> Seen:
        until = time.monotonic() + seconds
        while True:
            seen = self.look()
            if seen is None:
                raise ContainerLost("the container does not answer", "start again")
            if self._is_empty(seen) or time.monotonic() > until:
                return seen
            time.sleep(0.002)

    def runtime(self) -> str:
        """Return the name of what the engine runs the container with; "" if it does not say."""
        with contextlib.suppress(*ENGINE_FAILURES):
            return str(self.client.inspect_container(self.id)["HostConfig"].get("Runtime") or "")
        return ""

    def get_ready(self, argv: Sequence[str]) -> None:
        """Start a command that the next `run` is expected to run, if nothing has run since the container was last seen empty."""
        if self._empty and self.client.base_url.startswith("http+docker://local"):  # an idle connection to far away may be cut unseen
            self._ahead.begin(argv)

    def run(
        self,
        command: Command,
        stop: threading.Event | None = None,
        on_output: Callable[[bytes], None] = lambda piece: None,
    ) -> Outcome:
        """Run a command, killing whatever its user runs in here when it reaches a limit."""
        self._empty = False
        opened = self._ahead.take(command.argv)
        return run_command(self.client, self.id, command, lambda: self.sweep(command.user), stop, on_output, opened)

    def watch_disk(self, limit: int, stop: threading.Event, files: int = Limits.disk_files) -> DiskWatch:
        """Make what looks, while a program runs, whether the container takes more bytes or files, or leaves its engine too little room."""
        return DiskWatch(self.client, self.id, limit, stop, files=files, room=self._room)

    def _room(self) -> Room | None:
        if self._engines_folder is None:
            self._engines_folder = engines_folder(self.client) or False
        return look_for_room(self._engines_folder) if self._engines_folder else None

    def sweep(self, user: str = PROGRAM_USER) -> None:
        """Signal everything that programs, or another user, run to end; one of ENGINE_FAILURES when nothing can be started for it."""
        started: Future[None] = Future()

        def start() -> None:
            try:
                sweeper = self.client.exec_create(self.id, list(_SWEEP), user=user, stdout=False, stderr=False)
                self.client.exec_start(sweeper["Id"], detach=True)
                started.set_result(None)
            except ENGINE_FAILURES as error:
                started.set_exception(error)

        # A program can stop each process of its user in the moment it appears, and the engine waits for the one that it starts.
        threading.Thread(target=start, name="sweep", daemon=True).start()
        try:
            started.result(_START_SECONDS)
        except FutureTimeout:
            raise OSError("no process can be started in the container") from None

    def remove(self) -> None:
        """Remove the container, running or not; nothing happens when it is gone. ContainerLost when the engine does not answer."""
        self._leave()
        try:
            remove_container(self.client, self.id)
        except ENGINE_FAILURES as error:
            raise ContainerLost(engine_error(error, "removing the container").message, "see `docker ps`") from error

    def halt(self) -> None:
        """End the container at once without removing it; nothing happens when it has ended."""
        self._leave()
        with contextlib.suppress(*ENGINE_FAILURES):
            self.client.kill(self.id)

    def _leave(self) -> None:
        self._monitor.close()
        self._ahead.drop()
