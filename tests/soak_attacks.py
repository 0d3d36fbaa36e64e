"""The attacks of test_takeover.py many times over, on a quiet and on a busy machine; `make soak` runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import docker
import pytest

from sandbox.files.host_folder import HostFolder
from sandbox.runner import Runner
from sandbox.workspace import Workspace
from tests.engine_proxy import EngineProxy
from tests.takeover import GAPS, MOVING, SUPPORTED, Gap, run, sweep_as_before, taken_over, with_the_engines_filter
from utils.docker_utils import ContainerRequest, Limits, unique_name

CONTROL_TRIES = 100
_BUSY = 4  # processes


@contextmanager
def busy() -> Iterator[None]:
    """Keep the machine busy."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_BUSY)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


@contextmanager
def running(engine: docker.APIClient, image: str, folder: Path) -> Iterator[Runner]:
    """Start a sandbox for attacks, and remove it."""
    limits = Limits(timeout=10, memory=512 * 1024**2)
    runner = Runner(ContainerRequest(image, unique_name(), limits), Workspace(lambda: HostFolder(folder)), engine)
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()


def attack(engine: docker.APIClient, image: str, folder: Path, tries: int, say: Callable[[str], None]) -> list[str]:
    """Attack each gap so many times; return which attacks won, and which controls never did."""
    faults = []
    for gap in GAPS if SUPPORTED else ():
        with running(engine, image, folder) as runner:
            won = sum(taken_over(runner, engine, gap) for _ in range(tries))
        say(f"gap {gap}: {won} of {tries} attacks won")
        faults += [f"gap {gap}: {won} attacks won"] if won else []
        needed = control(image, folder, engine, gap)
        say(f"gap {gap}: with a sweep that is only believed, the attack won after {needed or 'more than ' + str(CONTROL_TRIES)} tries")
        faults += [] if needed else [f"gap {gap}: the control was never taken over"]
    return faults


def control(image: str, folder: Path, engine: docker.APIClient, gap: Gap) -> int:
    """Return after how many tries the attack wins against what was done before; 0 if it never does."""
    with pytest.MonkeyPatch.context() as patch, EngineProxy() as proxy, closing(proxy.client(30)) as client:
        sweep_as_before(patch)
        patch.setattr("sandbox.files.transfer._SECONDS", 2)  # a listing that was taken over may never end
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=with_the_engines_filter, times=10**6)
        for number in range(1, CONTROL_TRIES + 1):
            with running(client, image, folder) as runner:
                if taken_over(runner, engine, gap):
                    return number
    return 0


def copy(engine: docker.APIClient, image: str, folder: Path, times: int, say: Callable[[str], None]) -> list[str]:
    """Copy a file out so many times that a process keeps changing; return in what copies it changed nevertheless."""
    faults = []
    with running(engine, image, folder) as runner:
        for number in range(1, times + 1):
            run(runner, MOVING)
            runner.collect()
            copied = (folder / "moving").read_text()
            again = runner.collect()
            there = run(runner, "print(open('moving').read())").output.strip()
            if again or there != copied:
                faults.append(f"copy {number}: {copied!r} was copied, and {there!r} is there")
    say(f"copies: {len(faults)} of {times} changed while they were made")
    return faults
