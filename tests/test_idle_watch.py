"""A server that only waits is stopped before its time limit; a program that works, talks or prints is left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.advice import SERVES
from sandbox.docker_executor import SandboxExecutor
from sandbox.idle_watch import IDLE_SECONDS, IdleWatch
from sandbox.monitor import Seen, understand
from sandbox.verdicts import WAITED, ProgramRun, Verdict, tell_model, tell_person
from utils.docker_utils import Limits


def watched(looks: Iterator[Seen | None], each: Callable[[IdleWatch], object] = lambda watch: None) -> bool:
    with IdleWatch(lambda: next(looks), threading.Event(), patience=0.1, between=0.01) as watch:
        until = time.monotonic() + 0.5
        while not watch.stop.is_set() and time.monotonic() < until:
            each(watch)
            time.sleep(0.005)
    return watch.found


def test_only_what_listens_and_does_nothing_else_is_stopped() -> None:
    assert watched(repeat(Seen(listens=True, cpu=3.0)))
    assert not watched(repeat(Seen(listens=False, cpu=3.0)))
    assert not watched(repeat(Seen(listens=True)))  # nobody tells how much it works
    assert not watched(repeat(None))
    assert not watched(Seen(listens=True, cpu=number / 10) for number in range(1000))
    assert not watched(Seen(listens=number % 3 > 0, cpu=3.0) for number in range(1000))
    assert not watched(repeat(Seen(listens=True, cpu=3.0)), IdleWatch.wake)


def test_the_persons_own_stop_counts_too_and_is_not_taken_for_a_server() -> None:
    stop = threading.Event()
    with IdleWatch(lambda: Seen(listens=True, cpu=1.0), stop, between=0.01) as watch:
        assert not watch.stop.is_set()
        stop.set()
        assert watch.stop.is_set()
    assert not watch.found


@pytest.mark.parametrize(
    ("answer", "listens", "cpu"),
    [
        ("cpu 1500000\nlistens yes no\nend 1\n", True, 1.5),
        ("cpu 1500000\nlistens yes yes\nend 1\n", False, 1.5),
        ("cpu x\nlistens no no\nend 1\n", False, None),
        ("end 1\n", False, None),
    ],
)
def test_what_the_main_process_says_of_sockets_and_work(answer: str, listens: bool, cpu: float | None) -> None:
    assert (understand(answer).listens, understand(answer).cpu) == (listens, cpu)


def test_it_is_told_with_its_reason_and_not_as_a_limit() -> None:
    run = ProgramRun("python", "", "a.py", Verdict.TIME, 137, 11.2, "", reason=WAITED)
    assert tell_person(run, Limits()) == "Stopped after 11 s: it only waited for requests. What it printed is kept."
    assert tell_model(run, Limits()).startswith("[sandbox] a.py: stopped after 11 s: it only waited for requests.\n")


SERVER = """\
import http.server, threading, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
thread = threading.Thread(target=server.serve_forever)
thread.start()
print(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}").status)
"""


@pytest.mark.engine
async def test_for_real_a_server_is_stopped_once_it_only_waits(image: str, tmp_path: Path) -> None:
    async with SandboxExecutor(image, limits=Limits(timeout=120), work_dir=tmp_path) as executor:
        seen = await executor.sandbox.run_block(CodeBlock(code=SERVER, language="python"), CancellationToken())
        assert (seen.verdict, seen.reason, seen.notes, seen.output.split()[-1]) == (Verdict.TIME, WAITED, (SERVES.fact,), "200")
        assert IDLE_SECONDS <= seen.seconds < 60
        after = await executor.sandbox.run_block(CodeBlock(code="print(1)", language="python"), CancellationToken())
        assert (after.verdict, after.output, after.notes) == (Verdict.OK, "1\n", ())


@pytest.mark.engine
async def test_for_real_very_many_connections_do_not_hold_the_look_up(image: str, tmp_path: Path) -> None:
    code = """\
import socket, time
server = socket.create_server(("127.0.0.1", 0), backlog=4096)
for number in range(15000):
    client = socket.create_connection(server.getsockname())
    server.accept()[0].close()
    client.close()
time.sleep(4)
print("done", open("/proc/net/tcp").read().count("\\n") > 5000)
"""
    async with SandboxExecutor(image, limits=Limits(timeout=60), work_dir=tmp_path) as executor:
        seen = await executor.sandbox.run_block(CodeBlock(code=code, language="python"), CancellationToken())
        assert (seen.verdict, seen.output, executor.sandbox.number) == (Verdict.OK, "done True\n", 1)
        after = await executor.sandbox.run_block(CodeBlock(code="print(1)", language="python"), CancellationToken())
        assert (after.output, executor.sandbox.number) == ("1\n", 1)


@pytest.mark.engine
async def test_for_real_one_that_works_meanwhile_is_not_stopped(image: str, tmp_path: Path) -> None:
    code = """\
import socket, time
server = socket.create_server(("127.0.0.1", 0))
end = time.time() + 14
while time.time() < end:
    pass
print("done")
"""
    async with SandboxExecutor(image, limits=Limits(timeout=60), work_dir=tmp_path) as executor:
        seen = await executor.sandbox.run_block(CodeBlock(code=code, language="python"), CancellationToken())
        assert (seen.verdict, seen.output) == (Verdict.OK, "done\n")
