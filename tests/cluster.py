"""A real Dask scheduler and workers on loopback, and a copy of the program whose tasks take no model and no engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.terminal import ROOT

# In place of main.py: `run -` does what the task says, anything else is the real program.
STAND_IN = '''
"""Initializes the team and starts the interaction; tasks are done by what they say."""
import json, os, signal, sys, time
from pathlib import Path

LOG = Path(os.environ["STAND_IN_LOG"])


def log(what):
    with LOG.open("a") as stream:
        stream.write(f"{what}\\\\n")


def answer(status, error=None):
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "model_calls": 1}
    result = {"id": "?", "session": "s", "task": "?", "status": status, "attempts": [], "output": "done\\\\n", "files": [], "packages": []}
    print(json.dumps({**result, "usage": usage, "cost": None, "seconds": 0.1, "model": "m", "image": "i", "limits": {}, "error": error}))


def run():
    task = sys.stdin.read()
    log(f"start {task}")
    if os.environ.get("NO_ENGINE"):
        sys.stderr.write("error: no container engine is running\\\\n  → start it\\\\n")
        sys.exit(4)
    if os.environ.get("OPENAI_API_KEY") == "refused":
        answer("error", {"kind": "wrong-key", "message": "the key is refused", "hint": "check it"})
        sys.exit(3)
    if "--events" in sys.argv:
        print(json.dumps({"type": "TextMessage", "source": "CodeGeneratorAgent", "content": "x"}), flush=True)
    if "poison" in task:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if "for ever" in task:
        signal.signal(signal.SIGTERM, lambda *_: (log(f"stopped {task}"), os._exit(130)))
        log(f"waiting {task}")
        time.sleep(600)
    if "environment" in task:
        log(json.dumps({name: os.environ.get(name, "") for name in ("OPENAI_API_KEY", "SANDBOX_TIMEOUT", "PIP_INDEX_URL", "WORKSPACE")}))
    until = time.monotonic() + 60
    while "until another" in task and "start another" not in LOG.read_text() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.1)
    answer("approved" if time.monotonic() < until else "failed")


if len(sys.argv) > 1 and sys.argv[1] == "run":
    run()
else:
    from real_main import main
    sys.exit(main())
'''.replace("\\\\", "\\")


def copy_program(folder: Path) -> Path:
    """Make a copy of the program in which a task does what its text says, and nothing else."""
    program = folder / "program"
    shutil.copytree(ROOT, program, ignore=shutil.ignore_patterns(".*", "workspace", "__pycache__", "tests"))
    (program / "main.py").rename(program / "real_main.py")
    (program / "main.py").write_text(STAND_IN, "utf-8")
    return program


class Cluster:
    """A scheduler and workers with one thread each, as separate processes; use it as a context manager."""

    def __init__(self, folder: Path, program: Path, environments: Sequence[Mapping[str, str]], *, nanny: bool = False) -> None:
        """Take where logs go, the program that workers run, and the environment of each worker; a nanny starts a dead worker again."""
        self._folder = folder
        self._program = program
        self._environments = environments
        self._nanny = nanny
        self._processes: list[subprocess.Popen[bytes]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def __enter__(self) -> Cluster:
        try:
            self.scheduler = self._start("scheduler", self._environments[0], self._program, "--port", "0")
            self.address = self._said(self.scheduler, "Scheduler at:")
            for environment in self._environments:
                self.add_worker(environment)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # a nanny's worker with it
            process.wait()

    def add_worker(self, environment: Mapping[str, str], program: Path | None = None) -> None:
        """Start one more worker, and wait until the scheduler knows it."""
        more = ("--nthreads", "1", "--nanny" if self._nanny else "--no-nanny")
        self.workers.append(self._start("worker", environment, program or self._program, self.address, *more))
        self._said(self.workers[-1], "Registered to:")

    def _start(self, part: str, environment: Mapping[str, str], program: Path, *arguments: str) -> subprocess.Popen[bytes]:
        folder = self._folder / f"dask-{len(self._processes)}"
        folder.mkdir(parents=True)
        more = ("--local-directory", str(folder)) if part == "worker" else ()
        command = [sys.executable, "-m", "dask", part, "--host", "127.0.0.1", "--no-dashboard", *more, *arguments]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=program, env=dict(environment), stdout=log, stderr=log, start_new_session=True)
        self._processes.append(process)
        return process

    def _said(self, process: subprocess.Popen[bytes], words: str, seconds: float = 90) -> str:
        """Wait until the process has logged the words, and return the last word of that line."""
        log = self._folder / f"dask-{self._processes.index(process)}" / "log"
        until = time.monotonic() + seconds
        while time.monotonic() < until and process.poll() is None:
            for line in log.read_text("utf-8").splitlines():
                if words in line:
                    return line.split()[-1]
            time.sleep(0.05)
        raise AssertionError(f"no {words!r} in:\n{log.read_text('utf-8')}")


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process with no warning."""
    process.send_signal(signal.SIGKILL)
    process.wait()
