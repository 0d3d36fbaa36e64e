"""A forwarding engine address with faults: it hands requests on to the real engine, and fails where a test says so.

It listens on a Unix socket or on a TCP port of loopback, so that it is also the engine "somewhere else".
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import docker

from sandbox.engine.find import find_engine

Kind = Literal["answer", "lose", "cut", "stall", "rewrite", "hush"]


@dataclass
class Fault:
    """What goes wrong with requests whose first line fits the pattern, e.g. "POST /v1.41/containers/create?name=x"."""

    pattern: str
    kind: Kind  # answer: with status and text; lose: the answer; cut, stall: the answer after so many bytes; hush: a stream's every byte
    status: int = 500
    text: str = "injected"
    after: int = 0  # bytes of the answer, its head not counted
    rewrite: Callable[[dict[str, Any]], None] = lambda body: None  # what to do with the JSON that is asked for
    times: int = 1
    met: int = 0

    def meets(self, line: str) -> bool:
        if self.met >= self.times or not re.search(self.pattern, line):
            return False
        self.met += 1
        return True


@dataclass
class _Message:
    head: bytes
    body: bytes
    line: str = ""

    def header(self, name: str) -> str:
        found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*(.*?)\r?$", self.head)
        return found[1].decode() if found else ""


@dataclass
class EngineProxy:
    """Use it as a context manager; `url` is the engine's address. `requests` holds the first line of each request, in order."""

    tcp: bool = False
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> EngineProxy:
        found = find_engine()
        found.client.close()
        assert found.place.address.startswith("unix://"), "the tests' engine is reached through a Unix socket"
        self._engine = found.place.address.removeprefix("unix://")
        self._folder = tempfile.TemporaryDirectory()
        self._sockets: set[socket.socket] = set()
        if self.tcp:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            path = Path(self._folder.name) / "engine.sock"
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.url = f"unix://{path}"
        self._stopped = threading.Event()
        threading.Thread(target=self._accept, name="engine-proxy", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for each in (self._listener, *tuple(self._sockets)):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._folder.cleanup()

    def client(self, seconds: int = 5) -> docker.APIClient:
        return docker.APIClient(base_url=self.url, version="auto", timeout=seconds)

    def fail(self, pattern: str, kind: Kind, **options: Any) -> Fault:
        fault = Fault(pattern, kind, **options)
        self.faults.append(fault)
        return fault

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(connection)
            threading.Thread(target=self._serve, args=(connection,), name="engine-proxy", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # One request for each connection: the engine is asked to close, and the client's library opens a new one.
        upstream = socket.socket(socket.AF_UNIX)
        self._sockets.add(upstream)
        try:
            request = _read_request(client)
            if request is not None:
                self.requests.append(request.line)
                fault = next((each for each in self.faults if each.meets(request.line)), None)
                self._forward(client, upstream, request, fault)
        except OSError:
            pass
        finally:
            for each in (client, upstream):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
                self._sockets.discard(each)

    def _forward(self, client: socket.socket, upstream: socket.socket, request: _Message, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "answer":
            body = json.dumps({"message": fault.text}).encode()
            kind = f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}"
            client.sendall(f"HTTP/1.1 {fault.status} Injected\r\n{kind}\r\n\r\n".encode() + body)
            return
        if fault is not None and fault.kind == "rewrite":
            request = _rewritten(request, fault)
        upstream.connect(self._engine)
        upgrades = bool(request.header("Upgrade"))
        head = request.head
        if not upgrades:
            head = re.sub(rb"(?im)^connection:.*\r\n", b"", head).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with contextlib.suppress(BrokenPipeError):  # an engine that has read enough may answer and close
            upstream.sendall(head + request.body)
        if upgrades:
            threading.Thread(target=_pump, args=(client, upstream), name="engine-proxy", daemon=True).start()
        self._answer(client, upstream, fault)

    def _answer(self, client: socket.socket, upstream: socket.socket, fault: Fault | None) -> None:
        buffer = _until(upstream, b"\r\n\r\n", b"")
        end = buffer.find(b"\r\n\r\n") + 4
        if fault is not None and fault.kind == "lose":
            return
        client.sendall(buffer[:end])
        body, passed = buffer[end:], 0
        while True:
            if fault is not None and fault.kind == "hush":
                body = b""
            if fault is not None and fault.kind in ("cut", "stall") and passed + len(body) >= fault.after:
                client.sendall(body[: fault.after - passed])
                if fault.kind == "stall":
                    self._stopped.wait(60)
                return
            if body:
                client.sendall(body)
                passed += len(body)
            body = upstream.recv(65536)
            if not body:
                return


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _until(source: socket.socket, mark: bytes, buffer: bytes) -> bytes:
    while mark not in buffer:
        piece = source.recv(65536)
        if not piece:
            raise ConnectionError("closed before the mark")
        buffer += piece
    return buffer


def _read_request(client: socket.socket) -> _Message | None:
    try:
        buffer = _until(client, b"\r\n\r\n", b"")
    except ConnectionError:
        return None  # a connection that was only tried
    head, _, body = buffer.partition(b"\r\n\r\n")
    message = _Message(head + b"\r\n\r\n", body, head.split(b"\r\n")[0].decode().rpartition(" ")[0])
    if message.header("Transfer-Encoding").lower() == "chunked":
        message.body = body if body.endswith(b"0\r\n\r\n") else _until(client, b"\r\n0\r\n\r\n", body)
        return message
    length = int(message.header("Content-Length") or 0)
    while len(message.body) < length:
        piece = client.recv(65536)
        if not piece:
            return None
        message.body += piece
    return message


def _rewritten(request: _Message, fault: Fault) -> _Message:
    asked: dict[str, Any] = json.loads(request.body)
    fault.rewrite(asked)
    body = json.dumps(asked).encode()
    head = re.sub(rb"(?im)^content-length:.*\r\n", f"Content-Length: {len(body)}\r\n".encode(), request.head)
    return _Message(head, body, request.line)


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    """Make a rewrite that drops fields of HostConfig, as an engine does that does not know them."""

    def rewrite(body: dict[str, Any]) -> None:
        host: Mapping[str, Any] = body["HostConfig"]
        body["HostConfig"] = {name: value for name, value in host.items() if name not in names}

    return rewrite
