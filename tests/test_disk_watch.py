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
from sandbox.engine.room import Room, engines_folder, look
from sandbox.exec_stream import Command
from sandbox.languages import BY_NAME
from sandbox.program import Job, run_program
from sandbox.verdicts import TOO_MUCH, Ended, ProgramRun, Verdict, tell_model
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


def test_a_program_is_stopped_before_the_engines_disk_is_full_and_may_take_half_of_what_is_left() -> None:
    free = [100 * MIB, 90 * MIB, 60 * MIB, 40 * MIB]

    def room() -> Room:
        return Room(free.pop(0) if len(free) > 1 else free[0], 0)

    with DiskWatch(cast(docker.APIClient, Layer()), "c", 10**9, threading.Event(), room=room, seconds=0.01) as watch:
        until = time.monotonic() + 5
        while not watch.stop.is_set() and time.monotonic() < until:
            time.sleep(0.005)
    assert (watch.why, free) == (TOO_MUCH["room"], [40 * MIB])


def test_the_floor_is_a_fixed_amount_of_room_or_half_of_what_there_is() -> None:
    assert Room(100 * 1024 * MIB, 10**9).floor() == Room(2 * 1024 * MIB, 100_000)
    small = Room(MIB, 0).floor()
    assert small == Room(MIB // 2, 0)
    assert not Room(MIB, 0).is_under(small), "a file system that does not count its files"
    assert Room(MIB // 4, 0).is_under(small)


@pytest.mark.engine
def test_the_room_of_an_engine_elsewhere_is_not_looked_at(engine: docker.APIClient) -> None:
    class Elsewhere:
        """An engine in a virtual machine, whose folders have the same names as those of this machine."""

        base_url = engine.base_url

        def info(self) -> dict[str, Any]:
            return {**engine.info(), "KernelVersion": "6.0-vm"}

    assert engines_folder(cast(docker.APIClient, Elsewhere())) is None
    here = engines_folder(engine)  # the control: this one may be here
    assert here is None or look(here) is not None


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


FILES = """
import os, time
os.makedirs("heap", exist_ok=True)
for n in range(6000): os.close(os.open("heap/%d" % n, os.O_CREAT))
time.sleep({})
"""


@pytest.mark.engine
@pytest.mark.parametrize(("limit", "ended"), [(5000, Ended.CANCEL), (50_000, Ended.EXIT)])
def test_files_are_counted_too(engine: docker.APIClient, container: SandboxContainer, limit: int, ended: Ended) -> None:
    with DiskWatch(engine, container.id, 10**12, threading.Event(), files=limit, seconds=0.2, many=0) as watch:
        outcome = container.run(Command(["python3", "-c", FILES.format(30 if ended is Ended.CANCEL else 2)], seconds=40), watch.stop)
    assert outcome.ended is ended
    assert watch.why == (TOO_MUCH["files"] if ended is Ended.CANCEL else "")


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
