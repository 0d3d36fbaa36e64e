import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from docker.errors import NotFound

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.monitor import Counters, Seen, understand
from sandbox.verdicts import Ended
from utils.docker_utils import NETWORK, PIP_USER, PROGRAM_USER, ContainerRequest, Limits, unique_name
from utils.errors import EngineError

LIMITS = Limits(memory=128 * 1024**2, pids=50)


@pytest.fixture(scope="module")
def container(engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
    yield container
    container.remove()
    container.remove()  # gone already: no error


def shell(container: SandboxContainer, script: str, stdin: bytes = b"") -> str:
    return container.run(Command(["/bin/sh", "-c", f"exec 2>&1; {script}"], stdin=stdin, seconds=10)).output.decode()


def is_gone(engine: docker.APIClient, container: str) -> bool:
    try:
        engine.inspect_container(container)
    except NotFound:
        return True
    return False


def seconds_until_gone(engine: docker.APIClient, container: str) -> float:
    began = time.monotonic()
    while not is_gone(engine, container) and time.monotonic() - began < 10:
        time.sleep(0.01)
    return time.monotonic() - began


def test_counters_are_read_from_both_versions_of_the_kernels_files() -> None:
    new = "/sys/fs/cgroup/memory.events max 7\n/sys/fs/cgroup/memory.events oom_kill 2\n/sys/fs/cgroup/pids.events max 3\nend 1\n"
    old = "/sys/fs/cgroup/memory/memory.oom_control oom_kill 2\n/sys/fs/cgroup/pids/pids.events max 3\nend 1\n"
    assert understand(new).counters == understand(old).counters == Counters(memory_kills=2, refused_processes=3)
    assert understand("end 1\n").counters == Counters()


def test_without_a_word_about_processes_some_are_left() -> None:
    assert (understand("end 1\n").left, understand("end 1\n").own) == (2, 0)
    seen = understand("own 3\nleft 1 1000\nunseen 2\nnet lo\nend 1\n")
    assert (seen.own, seen.left, seen.user, seen.unseen, seen.networks) == (3, 1, "1000", 2, frozenset({"lo"}))


@pytest.mark.engine
def test_the_main_process_sees_each_process_that_a_program_left(container: SandboxContainer) -> None:
    seen = container.empty()
    assert (seen.left, seen.own >= 2, seen.networks) == (0, True, frozenset({"lo"}))
    for script, left, user in (
        ("sleep 60 & exit", 1, PROGRAM_USER),
        ("sleep 60 & sleep 60 & exit", 2, PROGRAM_USER),
        ("sleep 60 & exit", 1, PIP_USER),
    ):
        container.run(Command(["/bin/sh", "-c", f"exec >/dev/null 2>&1; {script}"], seconds=10, user=user))
        now = container.look()
        assert now is not None
        assert (now.left, now.user) == (left, user.partition(":")[0])
        assert container.empty().left == 0


@pytest.mark.engine
def test_an_engine_that_does_not_show_whose_processes_are_is_refused(
    engine: docker.APIClient, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = unique_name()
    monkeypatch.setattr("sandbox.monitor.understand", lambda answer: replace(understand(answer), own=0, left=0))
    with pytest.raises(EngineError, match="cannot be seen to be empty"):
        SandboxContainer(engine, ContainerRequest(image, name, LIMITS))
    assert is_gone(engine, name)


@pytest.mark.engine
def test_an_engine_that_counts_a_process_of_its_own_is_fine(engine: docker.APIClient, image: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(answer: str) -> Seen:
        seen = understand(answer)
        return seen if seen.unseen is None else replace(seen, unseen=seen.unseen + 1)

    monkeypatch.setattr("sandbox.monitor.understand", one_more)
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
    try:
        assert container.empty().left == 0
        shell(container, "sleep 60 >/dev/null 2>&1 &")
        assert container.empty().left == 0
    finally:
        container.remove()


@pytest.mark.engine
def test_programs_have_no_privilege_no_mount_and_no_network(container: SandboxContainer) -> None:
    status = shell(container, "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; ls /sys/class/net; touch /etc/x")
    assert status.startswith("1000\n")
    assert "CapEff:\t0000000000000000" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "\nlo\n" in status
    assert "eth0" not in status
    assert "Permission denied" in status
    # All that is mounted from the host are the three files that the engine itself writes.
    mounted = {line.split()[4] for line in shell(container, "cat /proc/self/mountinfo").splitlines()}
    ours = {path for path in mounted if not path.startswith(("/proc", "/sys", "/dev"))}
    assert ours <= {"/", "/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/sbin/docker-init", "/usr/sbin/docker-init"}


@pytest.mark.engine
def test_programs_see_no_variable_of_ours(container: SandboxContainer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {line.partition("=")[0] for line in shell(container, "env; cat /proc/*/environ | tr '\\0' '\\n'").splitlines() if "=" in line}
    allowed = {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "LANG",
        "HOSTNAME",
        "PWD",
        "MPLBACKEND",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "CGO_ENABLED",
        "_",
    }
    assert {name for name in seen if name not in allowed and not name.startswith(("PYTHON", "PIP_"))} <= {"OLDPWD", "SHLVL"}
    assert "canary" not in shell(container, "cat /proc/*/environ /proc/*/cmdline")


@pytest.mark.engine
def test_programs_can_neither_signal_nor_read_the_main_process(container: SandboxContainer) -> None:
    main = shell(container, "for p in /proc/[0-9]*; do [ -O $p ] || echo ${p#/proc/}; done").split()
    assert "1" in main
    assert len(main) >= 2, "the init process and the monitor under it"
    for process in main:
        assert "not permitted" in shell(container, f"kill -9 {process}")
        assert "denied" in shell(container, f"cat /proc/{process}/environ")
    assert "denied" in shell(container, "mv /workspace /elsewhere")
    assert container.counters() is not None
    assert shell(container, "kill -9 -1; echo alive") == "alive\n"
    assert container.counters() is not None


@pytest.mark.engine
def test_the_network_can_be_attached_and_detached_while_it_runs(engine: docker.APIClient, container: SandboxContainer) -> None:
    engine.connect_container_to_network(container.id, NETWORK)
    assert "eth0" in shell(container, "ls /sys/class/net")
    engine.disconnect_container_from_network(container.id, NETWORK, force=True)
    assert shell(container, "ls /sys/class/net") == "lo\n"


@pytest.mark.engine
def test_the_counters_move_when_memory_or_processes_run_out_and_are_quick(container: SandboxContainer) -> None:
    before = container.counters()
    assert before is not None
    container.run(Command(["python3", "-c", "x = bytearray(2**29)"], seconds=20))
    between = container.counters()
    assert between is not None
    assert between.memory_kills > before.memory_kills
    forks = "import os, time\ntry:\n  while True:\n    if os.fork() == 0: time.sleep(30)\nexcept OSError: print('full')"
    outcome = container.run(Command(["python3", "-c", forks], output_limit=100, seconds=1))
    assert outcome.output == b"full\n"
    after = container.counters()
    assert after is not None
    assert after.refused_processes > between.refused_processes
    container.sweep()
    began = time.monotonic()
    for _ in range(10):
        container.counters()
    assert time.monotonic() - began < 5


@pytest.mark.engine
def test_a_sweep_leaves_nothing_running_even_when_no_process_more_is_allowed(container: SandboxContainer) -> None:
    fill = "import os, time\nwhile True:\n  try:\n    if os.fork() == 0: os.setsid(); time.sleep(60)\n  except OSError: break"
    container.run(Command(["python3", "-c", fill], seconds=3))
    container.sweep()
    time.sleep(0.2)
    running = shell(container, "for p in /proc/[0-9]*; do [ -O $p ] && echo $p; done")
    assert len(running.splitlines()) == 1, "only the shell that counts"


@pytest.mark.engine
def test_removal_is_quick_and_the_container_is_gone(engine: docker.APIClient, image: str) -> None:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
    assert container.run(Command(["true"])).ended is Ended.EXIT
    began = time.monotonic()
    container.remove()
    assert time.monotonic() - began < 5
    assert is_gone(engine, container.id)
    assert container.counters() is None


@pytest.mark.engine
def test_an_image_that_cannot_hold_the_sandbox_leaves_nothing_behind(engine: docker.APIClient) -> None:
    engine.import_image_from_data(_empty_image(), repository="sandbox-empty", tag="test")
    name = unique_name()
    try:
        with pytest.raises(EngineError, match="sandbox-empty:test"):
            SandboxContainer(engine, ContainerRequest("sandbox-empty:test", name, LIMITS))
        assert is_gone(engine, name)
    finally:
        engine.remove_image("sandbox-empty:test", force=True)


def _empty_image() -> bytes:
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("empty.txt")
        archive.addfile(member, io.BytesIO())
    return buffer.getvalue()


OWNER = """
import sys, time
from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.engine.find import connect_engine
from utils.docker_utils import ContainerRequest, Limits, unique_name
container = SandboxContainer(connect_engine(), ContainerRequest(sys.argv[1], unique_name(), Limits(), tied_to_us=sys.argv[2] == "tied"))
print(container.id, flush=True)
container.run(Command(["sleep", "60"], seconds=60))
"""


def _kill_an_owner(image: str, tied: str, number: int) -> str:
    """Start a process that owns a container with a program running in it, kill the process, and return the container's id."""
    argv = [sys.executable, "-c", OWNER, image, tied]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent) as process:
        assert process.stdout is not None
        container = process.stdout.readline().strip()
        time.sleep(0.3)  # into the program
        os.kill(process.pid, number)
        process.wait(10)
    return container


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_container_is_gone_within_a_second_of_its_owners_death(engine: docker.APIClient, image: str, number: int) -> None:
    container = _kill_an_owner(image, "tied", number)
    assert container
    assert seconds_until_gone(engine, container) < 1


@pytest.mark.engine
def test_without_the_line_the_container_outlives_its_owner(engine: docker.APIClient, image: str) -> None:
    container = _kill_an_owner(image, "loose", signal.SIGKILL)
    try:
        time.sleep(1)
        assert engine.inspect_container(container)["State"]["Running"]
    finally:
        engine.remove_container(container, force=True)
