"""A program that fills the disk is noticed while it runs; one that does not is left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import docker
import pytest
from docker.errors import APIError

from sandbox.container import SandboxContainer
from sandbox.disk_watch import DiskWatch
from sandbox.exec_stream import Command
from sandbox.languages import BY_NAME
from sandbox.program import Job, run_program
from sandbox.verdicts import Ended, ProgramRun, Verdict, tell_model
from utils.docker_utils import ContainerRequest, Limits, unique_name

MIB = 1024**2


class Layer:
    """An engine whose container grows by ten bytes with each look."""

    def __init__(self) -> None:
        self.size = 0

    def containers(self, **options: Any) -> list[dict[str, int]]:
        self.size += 10
        if self.size == 20:
            raise APIError("busy")
        return [{"SizeRw": self.size}]


def test_it_stops_the_program_behind_the_limit_and_survives_an_engine_that_does_not_answer() -> None:
    with DiskWatch(cast(docker.APIClient, Layer()), "c", 35, threading.Event(), seconds=0.01) as watch:
        until = time.monotonic() + 5
        while not watch.stop.is_set() and time.monotonic() < until:
            time.sleep(0.005)
    assert watch.full


def test_the_persons_own_stop_counts_too_and_is_not_taken_for_a_full_disk() -> None:
    stop = threading.Event()
    with DiskWatch(cast(docker.APIClient, Layer()), "c", 10**9, stop, seconds=0.01) as watch:
        assert not watch.stop.is_set()
        stop.set()
        assert watch.stop.is_set()
    assert not watch.full


@pytest.fixture(scope="module")
def container(engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), Limits(memory=256 * MIB, pids=50)))
    yield container
    container.remove()


WRITE = "import time\nwith open('big', 'wb') as f:\n  for _ in range(60):\n    f.write(bytes(2**20)); f.flush()\ntime.sleep({})"


@pytest.mark.engine
@pytest.mark.parametrize(("limit", "ended"), [(30 * MIB, Ended.CANCEL), (100 * MIB, Ended.EXIT)])
def test_what_a_real_program_writes_is_seen(engine: docker.APIClient, container: SandboxContainer, limit: int, ended: Ended) -> None:
    with DiskWatch(engine, container.id, limit, threading.Event(), seconds=0.2) as watch:
        code = WRITE.format(10 if ended is Ended.CANCEL else 0.8)
        outcome = container.run(Command(["python3", "-c", code], seconds=20), watch.stop)
    assert outcome.ended is ended
    assert watch.full is (ended is Ended.CANCEL)
    assert outcome.seconds < 5


@pytest.mark.engine
def test_the_verdict_is_disk_and_the_next_program_runs_once_there_is_room(container: SandboxContainer) -> None:
    limits = Limits(timeout=20, memory=256 * MIB, pids=50, disk=100 * MIB)

    def run(code: str) -> ProgramRun:
        before = container.counters()
        assert before is not None
        return run_program(container, Job(BY_NAME["python"], code, "p.py"), limits, before, threading.Event(), lambda text: None)[0]

    fill = (
        "import os, time\nfor n in range(15):\n  open(f'fill{n}', 'wb').write(bytes(10 * 2**20))\nprint('full', flush=True)\ntime.sleep(30)"
    )
    done = run(fill)
    assert (done.verdict, done.output) == (Verdict.DISK, "full\n")
    assert done.seconds < 10
    assert "100 MiB" in tell_model(done, limits)
    cleared = run("import glob, os\nfor name in glob.glob('fill*') + ['big']:\n  if os.path.exists(name): os.remove(name)\nprint('room')")
    assert (cleared.verdict, cleared.output) == (Verdict.OK, "room\n")
