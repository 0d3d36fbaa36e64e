"""An engine over SSH: the link is real, `ssh` is a script that hands on to the engine here, and nothing is left at the end."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sandbox.container import SandboxContainer
from sandbox.engine.find import NoEngine, find_engine
from sandbox.engine.ssh import SshLink
from sandbox.exec_stream import Command
from sandbox.verdicts import Ended
from tests.engine_proxy import EngineProxy
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import EngineError

# What `docker system dial-stdio` does on the other machine: standard input and output become a connection to its engine.
_DIAL = """#!{python}
import os, socket, sys, threading
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
there = socket.socket(socket.AF_UNIX)
there.connect({engine!r})
def send():
    while data := os.read(0, 65536):
        there.sendall(data)
    there.shutdown(socket.SHUT_WR)
threading.Thread(target=send, daemon=True).start()
while data := there.recv(65536):
    os.write(1, data)
"""


def install_ssh(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = folder / "ssh"
    ssh.write_text(script)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def our_threads() -> int:
    return sum(thread.name == "ssh-link" for thread in threading.enumerate())


@pytest.mark.engine
def test_programs_run_on_an_engine_over_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str) -> None:
    import sys

    with EngineProxy() as proxy:
        engine = proxy.url.removeprefix("unix://")
        install_ssh(tmp_path, _DIAL.format(python=sys.executable, engine=engine, log=str(tmp_path / "log")), monkeypatch)
        found = find_engine({"DOCKER_HOST": "ssh://jo@far.example:2222"})
        try:
            limits = Limits(memory=128 * 1024**2, pids=50)
            container = SandboxContainer(found.client, ContainerRequest(image, unique_name(), limits))
            try:
                outcome = container.run(Command(["sh", "-c", "head -c 200000 | wc -c"], stdin=b"x" * 200_000))
                assert (outcome.ended, outcome.output.strip()) == (Ended.EXIT, b"200000")
                stalled = container.run(Command(["sleep", "60"], seconds=0.3))
                assert (stalled.ended, stalled.stuck) == (Ended.DEADLINE, False)
            finally:
                container.remove()
        finally:
            found.client.close()
    told = (tmp_path / "log").read_text().splitlines()[0]
    assert told.endswith("-p 2222 -- jo@far.example docker system dial-stdio")
    for thread in threading.enumerate():
        if thread.name == "ssh-link":
            thread.join(5)
    assert our_threads() == 0


def test_what_ssh_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_ssh(tmp_path, "#!/bin/sh\necho 'jo@far.example: Permission denied (publickey).' >&2\nexit 255\n", monkeypatch)
    with pytest.raises(NoEngine, match="far.example"):
        find_engine({"DOCKER_HOST": "ssh://jo@far.example"})


@pytest.mark.parametrize("address", ["ssh://", "ssh://-oProxyCommand=touch", "ssh://-l@host"])
def test_an_address_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(EngineError, match="names no host"):
        SshLink(address)


def test_without_an_ssh_program_there_is_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="needs the program ssh"):
        SshLink("ssh://far.example")
