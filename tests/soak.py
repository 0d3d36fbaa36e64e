"""Runs session after session and watches what is left behind, then attack after attack: `make soak ARGS="--sessions 50 --attacks 200"`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import docker
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.engine.find import connect_engine
from sandbox.opening import open_sandbox
from sandbox.verdicts import Verdict
from tests.soak_attacks import attack, busy, copy
from utils.docker_utils import LABEL
from utils.owner import owner
from utils.settings import Settings, load_settings

PROGRAMS = (
    ("python", "open('out.txt', 'w').write('x' * 1000)\nprint('ran')"),
    ("sh", "echo again >>out.txt"),
    ("python", "raise SystemExit(3)"),
    ("python", "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(600)\nprint('left one running')"),
)
WARM_UP = 2  # sessions: what is imported and cached once is no leak
RSS_GROWTH = 15 * 1024**2  # bytes: the allocator's own ups and downs


@dataclass(frozen=True)
class Left:
    """What there is of ours at one moment."""

    containers: int
    volumes: int
    networks: int
    threads: int
    files: int  # open file descriptors
    rss: int  # bytes

    def beyond(self, before: Left) -> list[str]:
        """Name what there is more of than before."""
        allowed = {"rss": RSS_GROWTH}
        pairs = ((f.name, getattr(before, f.name), getattr(self, f.name)) for f in fields(self))
        return [f"{name}: {was} before, {now} after" for name, was, now in pairs if now > was + allowed.get(name, 0)]


def look(engine: docker.APIClient) -> Left:
    """Count what there is of ours: in the engine by this process's label, and in this process."""
    gc.collect()
    ours = {"label": f"{LABEL}.owner={owner()}"}
    return Left(
        containers=len(engine.containers(all=True, filters=ours)),
        volumes=len(engine.volumes(filters=ours)["Volumes"] or []),
        networks=len(engine.networks(filters=ours)),
        # asyncio's own pool grows to its fixed size when it happens to be busy, and is no session's.
        threads=sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate()),
        files=len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # what iterdir() opens would count
        rss=int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
    )


async def session(settings: Settings) -> None:
    """Open a sandbox as a session does, run the programs, take their files out, and close it."""
    async with open_sandbox(settings, lambda text: None) as executor:
        for language, code in PROGRAMS:
            run = await executor.run_block(CodeBlock(code=code, language=language), CancellationToken())
            assert run.verdict in (Verdict.OK, Verdict.FAILED), run
        assert "out.txt" in [file.name for file in await executor.collect_files()]


async def soak(sessions: int, settings: Settings, say: Callable[[str], None]) -> list[str]:
    """Run so many sessions after a few to warm up; return what there is more of than before."""
    engine = connect_engine()
    try:
        for _ in range(WARM_UP):
            await session(settings)
        before = await settled(engine, None)
        for number in range(1, sessions + 1):
            began = time.monotonic()
            await session(settings)
            if number % 10 == 0:
                say(f"{number} sessions, the last in {time.monotonic() - began:.1f} s: {look(engine)}")
        after = await settled(engine, before)
        say(f"before: {before}")
        say(f"after:  {after}")
        return after.beyond(before)
    finally:
        engine.close()


async def settled(engine: docker.APIClient, before: Left | None) -> Left:
    """Look when what ends by itself has had a moment to: threads that watched, containers being removed."""
    seen = look(engine)
    for _ in range(50):
        seen = look(engine)
        if seen.containers == 0 and (before is None or not seen.beyond(before)):
            break
        await asyncio.sleep(0.1)
    return seen


def attacks(tries: int, copies: int, folder: Path, image: str) -> list[str]:
    """Attack and copy so many times, on a quiet machine and on a busy one; return what went wrong."""
    engine = connect_engine()
    try:
        faults = attack(engine, image, folder, tries, print)
        print("now with a busy machine")
        with busy():
            return faults + attack(engine, image, folder, tries, print) + copy(engine, image, folder, copies, print)
    finally:
        engine.close()


def main() -> int:
    """Read how many sessions, attacks and copies, run them, and say what was left and what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--attacks", type=int, default=200, help="on each gap, on a quiet and on a busy machine")
    parser.add_argument("--copies", type=int, default=100, help="on a busy machine")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({"workspace": folder, "timeout": "20"}, os.environ)
        faults = asyncio.run(soak(asked.sessions, settings, print)) if asked.sessions else []
        faults += attacks(asked.attacks, asked.copies, Path(folder), settings.image)
    print(*(faults or ["nothing is left behind, and no attack won"]), sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
