"""The filter of system calls: what it forbids in both profiles, with the engine's own filter as control, and what still works under it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.verdicts import Ended
from tests.engine_proxy import EngineProxy
from tests.takeover import with_the_engines_filter
from utils.docker_utils import ContainerRequest, Limits, unique_name

pytestmark = pytest.mark.engine

LIMITS = Limits(memory=512 * 1024**2)

# Each line tells what became of one system call, by its name: yes, or the error.
CALLS = r"""
import ctypes, errno, os, platform, socket
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == "aarch64"

def tell(name, result):
    print(name, "yes" if result >= 0 else errno.errorcode[ctypes.get_errno()])

def call(name, x86, arm64, *arguments):
    tell(name, libc.syscall(arm64 if arm else x86, *arguments))

def family(name, number, kind):
    try:
        socket.socket(number, kind).close()
        print(name, "yes")
    except OSError as error:
        print(name, errno.errorcode[error.errno])

space = ctypes.create_string_buffer(200)
child = os.fork()
if child == 0:
    libc.pause()
call("ptrace", 101, 117, 16, child, 0, 0)
call("process_vm_readv", 310, 270, os.getpid(), 0, 0, 0, 0, 0)
call("process_vm_writev", 311, 271, os.getpid(), 0, 0, 0, 0, 0)
os.kill(child, 9)
call("io_uring_setup", 425, 425, 1, space)
call("keyctl", 250, 219, 0, -3, 0)
call("userfaultfd", 323, 282, 1)
call("bpf", 321, 280, 0, space, 200)
call("perf_event_open", 298, 241, space, 0, -1, -1, 0)
call("unshare", 272, 97, 0x10000000)
family("AF_ALG", 38, socket.SOCK_SEQPACKET)
family("AF_VSOCK", 40, socket.SOCK_STREAM)
family("AF_INET", 2, socket.SOCK_STREAM)
family("AF_INET6", 10, socket.SOCK_STREAM)
family("AF_UNIX", 1, socket.SOCK_DGRAM)
family("AF_NETLINK", 16, socket.SOCK_RAW)
file = os.open("room", os.O_CREAT | os.O_RDWR)
call("fallocate", 285, 47, file, 0, ctypes.c_long(0), ctypes.c_long(2**20))
os.posix_fallocate(file, 0, 2**20)
print("posix_fallocate", os.fstat(file).st_size)
"""
CLOSED = ("ptrace", "process_vm_readv", "process_vm_writev", "io_uring_setup", "keyctl", "userfaultfd", "bpf", "perf_event_open", "unshare")


def tried(container: SandboxContainer) -> dict[str, str]:
    outcome = container.run(Command(["python3", "-c", CALLS], seconds=20))
    assert outcome.ended is Ended.EXIT
    assert outcome.exit_code == 0, outcome.output
    return dict(line.split() for line in outcome.output.decode().splitlines())


@pytest.fixture(params=[False, True], ids=["default", "strict"])
def container(request: pytest.FixtureRequest, engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS, strict=request.param))
    yield container
    container.remove()


def test_what_programs_do_not_need_is_closed_in_both_profiles(container: SandboxContainer) -> None:
    seen = tried(container)
    assert {name: seen[name] for name in CLOSED} == dict.fromkeys(CLOSED, "EPERM")
    assert (seen["AF_ALG"], seen["AF_VSOCK"]) == ("EPERM", "EPERM")
    assert {seen[name] for name in ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK")} <= {"yes", "EAFNOSUPPORT"}
    assert (seen["fallocate"], seen["posix_fallocate"]) == ("ENOTSUP", str(2**20)), "the library writes instead"


def test_the_control_the_engines_own_filter_leaves_some_of_it_open(image: str) -> None:
    with EngineProxy() as proxy, closing(proxy.client()) as client:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=with_the_engines_filter)
        container = SandboxContainer(client, ContainerRequest(image, unique_name(), LIMITS))
        try:
            seen = tried(container)
        finally:
            container.remove()
    assert seen["ptrace"] == "yes"
    assert seen["fallocate"] == "yes"
