"""A running container: the line that ties it to this process, the evidence it gives, and how it is emptied and removed."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import docker

from sandbox.disk_watch import DiskWatch
from sandbox.engine.images import ensure_image
from sandbox.exec_stream import OUT, Command, Connection, Frames, OpenExec, Outcome, open_exec, run_command
from utils.docker_utils import (
    ENGINE_FAILURES,
    PROGRAM_USER,
    ContainerRequest,
    create_container,
    engine_error,
    remove_container,
)
from utils.errors import ContainerLost, EngineError

# The main process. Its standard input is a line to us: when our process ends, by whatever signal, the line breaks, `read` fails, and the
# container ends with it. To each line it answers with the kernel's counters (cgroup v2 and v1), without starting a process, so that it can
# answer when no process can be started. Programs run as another user and can neither signal it nor read it.
_MONITOR = """
while read -r question; do
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/pids.events \\
              /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/pids/pids.events; do
    if [ -r "$file" ]; then
      while read -r line; do echo "$file $line"; done <"$file"
    fi
  done
  # How often the kernel found no way out for what a program sent: that it has tried the network while that was off.
  { read -r names && read -r values && echo "names $names" && echo "values $values"; } </proc/net/snmp
  echo "end $question"
done
"""
# Kills every process of its user but the shell that asks: no tool of the image is needed, and forking does not outrun it.
_SWEEP = ("/bin/sh", "-c", "kill -KILL -1")
_ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class Counters:
    """What the kernel has counted in a container since it started."""

    memory_kills: int = 0
    refused_processes: int = 0
    no_routes: int = 0  # times that something was to be sent to where no network leads


class SandboxContainer:
    """One running container; every method blocks and may be called from any thread."""

    def __init__(self, client: docker.APIClient, request: ContainerRequest) -> None:
        """Create and start the container; EngineError when that fails, and then nothing is left behind."""
        self._client = client
        self._lock = threading.Lock()
        self._questions = itertools.count(1)
        self._frames = Frames()
        command = ("timeout", "-s", "KILL", str(request.limits.lifetime), "/bin/sh", "-c", _MONITOR)
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
        self._line = line
        if self.counters() is None:
            self.remove()
            hint = f"set SANDBOX_IMAGE to an image that has them, or see whether `docker run --rm {request.image} sh -c true` works"
            raise EngineError(
                f"a container from {request.image} ended as soon as it was started; it needs sh and timeout", hint, kind="image"
            )

    def counters(self) -> Counters | None:
        """Ask the main process what the kernel has counted; None when it does not answer: the container is gone, or stands still."""
        with self._lock:
            question = str(next(self._questions))
            try:
                self._line.send(f"{question}\n".encode())
            except OSError:
                return None
            return self._answer(f"end {question}\n".encode())

    def _answer(self, end: bytes) -> Counters | None:
        answer = bytearray()
        until = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until:
            data = self._line.receive(_ANSWER_SECONDS)
            if not data:
                return None
            for stream, piece in self._frames.feed(data):
                if stream == OUT:
                    answer += piece
            if answer.endswith(end):
                return _count(answer.decode("ascii", "replace"))
        return None

    def open(self, argv: Sequence[str]) -> OpenExec:
        """Start a command that waits for its input; raises one of ENGINE_FAILURES."""
        return open_exec(self._client, self.id, argv)

    def run(
        self,
        command: Command,
        stop: threading.Event | None = None,
        on_output: Callable[[bytes], None] = lambda piece: None,
        opened: OpenExec | None = None,
    ) -> Outcome:
        """Run a command, killing whatever its user runs in here when it reaches a limit."""
        return run_command(self._client, self.id, command, lambda: self.sweep(command.user), stop, on_output, opened)

    def watch_disk(self, limit: int, stop: threading.Event) -> DiskWatch:
        """Make what looks, while a program runs, whether more than the limit (bytes) has been written."""
        return DiskWatch(self._client, self.id, limit, stop)

    def sweep(self, user: str = PROGRAM_USER) -> None:
        """Kill everything that programs, or another user, have left running; one of ENGINE_FAILURES when nothing can be started for it."""
        sweeper = self._client.exec_create(self.id, list(_SWEEP), user=user, stdout=False, stderr=False)
        self._client.exec_start(sweeper["Id"], detach=True)

    def remove(self) -> None:
        """Remove the container, running or not; nothing happens when it is gone. ContainerLost when the engine does not answer."""
        self._line.close()
        try:
            remove_container(self._client, self.id)
        except ENGINE_FAILURES as error:
            raise ContainerLost(engine_error(error, "removing the container").message, "see `docker ps`") from error

    def halt(self) -> None:
        """End the container at once without removing it; nothing happens when it has ended."""
        self._line.close()
        with contextlib.suppress(*ENGINE_FAILURES):
            self._client.kill(self.id)


def _count(answer: str) -> Counters:
    # memory.events has a line `max`, too: only that of pids.events counts processes that were refused.
    kills = refused = 0
    for line in answer.splitlines():
        file, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        if key == "oom_kill" and value.isdigit():
            kills = max(kills, int(value))
        elif key == "max" and file.endswith("pids.events") and value.isdigit():
            refused = max(refused, int(value))
    return Counters(kills, refused, _no_routes(answer))


def _no_routes(answer: str) -> int:
    rows = dict(line.split(" ", 1) for line in answer.splitlines() if line.startswith(("names ", "values ")))
    counts = dict(zip(rows.get("names", "").split(), rows.get("values", "").split(), strict=False))
    found = counts.get("OutNoRoutes", "")
    return int(found) if found.isdigit() else 0
