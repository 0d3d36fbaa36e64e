"""The way out for pip: a proxy of ours that its connections reach through the engine's stream, so that the container gets no network.

pip talks to a port on the container's loopback; relay_inside.py carries the bytes to this process, which asks for a password, checks
where each connection leads, and opens it itself. That works with any engine, needs no privilege on its host, and leaves neighbours, the
host and private networks out of reach. What arrives here may be forged by code that a build runs: it can do no more than pip could.
"""

from __future__ import annotations

import base64
import queue
import re
import secrets
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import SplitResult, urlsplit, urlunsplit

from sandbox.container import SandboxContainer
from sandbox.exec_stream import OUT, Connection, Frames, open_exec
from sandbox.packages.gate import Gate, Refused
from sandbox.packages.relay_inside import CLOSE, DATA, FRAME, OPEN, TAKEN, WINDOW
from utils.docker_utils import ENGINE_FAILURES, PIP_USER, SHELL

_START_SECONDS = 20.0
_IDLE_SECONDS = 60.0  # a connection that is silent for so long is closed
_CONNECT_SECONDS = 10.0
_POLL_SECONDS = 0.01
_MOST_CONNECTIONS = 64
_LARGEST_HEAD = 64 * 1024  # bytes
_PIECE = 64 * 1024  # bytes
_START = """
PATH=${PATH#*:}
for each in python3 python; do
  if command -v "$each" >/dev/null; then exec "$each" -I -c "$1"; fi
done
"""
_START_NODE = 'PATH=${PATH#*:}; exec node -e "$1"'
_REQUEST = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r\n")


class Relay:
    """A proxy for pip while it is entered, or for npm in an image that has Node; `url` is where it is, "" if the image cannot run it."""

    def __init__(self, container: SandboxContainer, gate: Gate, *, node: bool = False) -> None:
        """Take the container, what decides where connections may lead, and whether Node carries them in the container."""
        self.url = ""
        self.gate = gate
        self.refused: list[str] = []
        """Why connections were refused, in order."""
        self.unreachable: list[tuple[str, str]] = []
        """Hosts that could not be connected to, and why, in order."""
        self._container = container
        self._inside = [_START_NODE if node else _START, "sh", _source("js" if node else "py")]
        self._password = secrets.token_urlsafe(24)
        self.login = b"basic " + base64.b64encode(f"pip:{self._password}".encode())
        self._frames = Frames()
        self._buffer = bytearray()
        self._outbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._open: dict[int, _Carried] = {}
        self._started = threading.Event()
        self._over = threading.Event()

    def hide(self, text: str) -> str:
        """Return the text without the proxy's password."""
        return text.replace(self._password, "****")

    def __enter__(self) -> Relay:
        """Start the container's side and wait for its port; raises one of ENGINE_FAILURES."""
        opened = open_exec(self._container.client, self._container.id, [SHELL, "-c", *self._inside], PIP_USER)
        self._pumping = threading.Thread(target=self._pump, args=(opened.connection,), name="pip-relay", daemon=True)
        self._pumping.start()
        self._started.wait(_START_SECONDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Hang up; the container's side ends with that."""
        self._over.set()
        self._pumping.join()

    def note(self, refusal: str) -> None:
        """Keep why a connection was refused."""
        if refusal not in self.refused and len(self.refused) < _MOST_CONNECTIONS:
            self.refused.append(refusal)

    def miss(self, host: str, error: OSError) -> None:
        """Keep why a host could not be connected to."""
        if len(self.unreachable) < _MOST_CONNECTIONS:
            self.unreachable.append((host, error.strerror or str(error)))

    def post(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Send a frame; any thread may."""
        self._outbox.put(FRAME.pack(kind, number, len(payload)) + payload)

    def _pump(self, connection: Connection) -> None:
        # One thread sends and receives: the library's sockets may be those of TLS, or of an SSH client.
        try:
            while not self._over.is_set():
                waiting = self._flush(connection)
                data = connection.receive(0.001 if waiting else _POLL_SECONDS)
                if data == b"":
                    return
                if data:
                    self._take(data)
        except ENGINE_FAILURES:
            pass  # pip sees that its connections end
        finally:
            self._started.set()
            connection.close()
            for carried in list(self._open.values()):
                carried.end()

    def _flush(self, connection: Connection) -> bool:
        sent = bytearray()
        with suppress(queue.Empty):
            while len(sent) < WINDOW:
                sent += self._outbox.get_nowait()
        if sent:
            connection.send(bytes(sent))
        return bool(sent)

    def _take(self, data: bytes) -> None:
        for stream, piece in self._frames.feed(data):
            self._buffer += piece if stream == OUT else b""
        while len(self._buffer) >= FRAME.size:
            kind, number, length = FRAME.unpack_from(self._buffer)
            if length > WINDOW:
                raise OSError("not one of our frames")
            if len(self._buffer) < FRAME.size + length:
                return
            payload = bytes(self._buffer[FRAME.size : FRAME.size + length])
            del self._buffer[: FRAME.size + length]
            self._handle(kind, number, payload)

    def _handle(self, kind: int, number: int, payload: bytes) -> None:
        if kind == OPEN and not self._started.is_set():
            self.url = f"http://pip:{self._password}@127.0.0.1:{number}"
            self._started.set()
        elif kind == OPEN and len(self._open) < _MOST_CONNECTIONS and number not in self._open:
            self._open[number] = _Carried(self, number, lambda: self._open.pop(number, None))
        elif number not in self._open:
            self.post(CLOSE, number)
        elif kind == TAKEN and len(payload) == 4:
            self._open[number].earn(*struct.unpack(">L", payload))
        else:
            self._open[number].take(payload if kind == DATA else b"")


def _source(ending: str) -> str:
    return Path(__file__).with_name(f"relay_inside.{ending}").read_text("utf-8")


class _Carried:
    """One connection of pip's: its request is read and checked, then bytes go both ways."""

    def __init__(self, relay: Relay, number: int, on_end: Callable[[], object]) -> None:
        self._relay = relay
        self._number = number
        self._on_end = on_end
        self._inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._held = 0  # bytes in the inbox
        self._credit = WINDOW
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._carry, name="pip-relay-connection", daemon=True).start()

    def take(self, data: bytes) -> None:
        """Note what pip has sent; b"" at its end."""
        with self._changed:
            self._held += len(data)
            if self._held > 2 * WINDOW:  # our own side of the relay would wait
                self._ended = True
        self._inbox.put(b"" if self._ended else data)

    def earn(self, count: int) -> None:
        """Note that pip has taken bytes."""
        with self._changed:
            self._credit += count
            self._changed.notify_all()

    def end(self) -> None:
        """End the connection from our side."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._inbox.put(b"")

    def _next(self, timeout: float | None = None) -> bytes:
        try:
            data = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return b""
        if data:
            with self._changed:
                self._held -= len(data)
            self._relay.post(TAKEN, self._number, struct.pack(">L", len(data)))
        return data

    def _give(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            with self._changed:
                if not self._changed.wait_for(lambda: self._ended or self._credit >= len(piece), _IDLE_SECONDS) or self._ended:  # noqa: B023
                    raise OSError("nobody takes it")
                self._credit -= len(piece)
            self._relay.post(DATA, self._number, piece)

    def _carry(self) -> None:
        try:
            self._answer(self._read_head())
        except Refused as refusal:
            self._relay.note(str(refusal))
            with suppress(OSError):
                self._give(_reply("403 Forbidden", str(refusal)))
        except (OSError, ValueError) as error:
            with suppress(OSError):
                self._give(_reply("502 Bad Gateway", str(error)))
        finally:
            self._relay.post(CLOSE, self._number)
            self._on_end()

    def _read_head(self) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            data = self._next(_IDLE_SECONDS)
            if not data or len(head) > _LARGEST_HEAD:
                raise ValueError("no request")
            head += data
        return head

    def _answer(self, received: bytes) -> None:
        head, _, rest = received.partition(b"\r\n\r\n")
        request = _REQUEST.match(head + b"\r\n")
        headers = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
        given = [value.strip() for name, _, value in headers if name.lower() == b"proxy-authorization"]
        if request is None or len(given) != 1 or not secrets.compare_digest(given[0][:6].lower() + given[0][6:], self._relay.login):
            raise ValueError("the request is not pip's")
        tunnel = request[1] == b"CONNECT"
        target = urlsplit(("//" if tunnel else "") + request[2].decode("ascii"))
        if not target.hostname or (not tunnel and target.scheme != "http"):
            raise ValueError("the request names no host")
        try:
            remote = _connect(self._relay.gate, target.hostname, target.port or (443 if tunnel else 80))
        except OSError as error:
            self._relay.miss(target.hostname, error)
            raise
        with remote:
            if tunnel:
                self._give(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                remote.sendall(_as_to_the_server(request[1], target, headers))
            remote.sendall(rest)
            self._both_ways(remote)

    def _both_ways(self, remote: socket.socket) -> None:
        back = threading.Thread(target=self._back, args=(remote,), name="pip-relay-back", daemon=True)
        back.start()
        while data := self._next():
            remote.sendall(data)
        with suppress(OSError):
            remote.shutdown(socket.SHUT_RDWR)  # wakes the other thread
        back.join()

    def _back(self, remote: socket.socket) -> None:
        with suppress(OSError):
            while data := remote.recv(_PIECE):
                self._give(data)
        self._relay.post(CLOSE, self._number)
        self.end()


def _connect(gate: Gate, host: str, port: int) -> socket.socket:
    """Open a connection to the first address that is allowed and answers, by its number: the name is not looked up twice."""
    last: OSError = OSError("no address")
    for address in gate.addresses(host, port):
        try:
            remote = socket.create_connection(address, _CONNECT_SECONDS)
            remote.settimeout(_IDLE_SECONDS)
            return remote
        except OSError as error:
            last = error
    raise last


def _as_to_the_server(method: bytes, target: SplitResult, headers: list[tuple[bytes, bytes, bytes]]) -> bytes:
    # One request for each connection: the next one may be for another host, and has to be checked, too.
    kept = [b"%s:%s" % (name, value) for name, _, value in headers if not name.lower().startswith((b"proxy-", b"connection"))]
    path = urlunsplit(("", "", target.path or "/", target.query, "")).encode("ascii")
    return b"\r\n".join([b"%s %s HTTP/1.1" % (method, path), *kept, b"Connection: close", b"", b""])


def _reply(status: str, text: str) -> bytes:
    body = text.encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
