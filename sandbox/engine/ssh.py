"""An engine on another machine, reached over SSH: a local socket whose connections are each carried by the user's own `ssh`.

The library's own ways over SSH give sockets whose reads cannot time out. Behind this link the engine looks like any local one.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from utils.errors import EngineError
from utils.platform import apart, unix_socket

_PIECE = 65536  # bytes
_WORDS_KEPT = 300


class SshLink:
    """A Unix socket that leads to the engine of another machine, for this user only, until it is closed."""

    def __init__(self, address: str) -> None:
        """Take ssh://[USER@]HOST[:PORT]; EngineError if there is no `ssh` here or the address names no host."""
        self.failure = ""
        """What `ssh` said when it last failed."""
        self._command = _command(address)
        # A private folder: whoever can open the socket commands the other machine's engine.
        self._folder = tempfile.TemporaryDirectory(prefix="engine-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / "engine.sock"
        self._listener = unix_socket()
        self._listener.bind(str(path))
        self._listener.listen()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._closed = False
        self.url = f"unix://{path}"
        """Where the engine can be reached on this machine."""
        threading.Thread(target=self._accept, name="ssh-link", daemon=True).start()

    def close(self) -> None:
        """Cut every connection and remove the socket."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts; close alone does not
        self._listener.close()
        for process in tuple(self._processes):
            process.kill()
        self._folder.cleanup()

    def _accept(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(connection,), name="ssh-link", daemon=True).start()

    def _carry(self, connection: socket.socket) -> None:
        # A session of its own: Ctrl-C in the terminal stops the step, and must not cut the line to the engine.
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **apart())
        self._processes.add(process)
        there = threading.Thread(target=self._send, args=(connection, process), name="ssh-link", daemon=True)
        there.start()
        with process, connection:
            self._receive(connection, process)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            there.join(5)
            process.kill()
            if process.stderr is not None:
                said = process.stderr.read(_WORDS_KEPT).decode("utf-8", "replace")
                self.failure = " ".join(said.split()) or self.failure
        self._processes.discard(process)

    @staticmethod
    def _send(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            while piece := connection.recv(_PIECE):
                process.stdin.write(piece)
                process.stdin.flush()
        with contextlib.suppress(OSError):
            process.stdin.close()  # says on the other side that nothing more comes

    @staticmethod
    def _receive(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
        assert isinstance(process.stdout, io.BufferedReader)
        with contextlib.suppress(OSError):
            while piece := process.stdout.read1(_PIECE):
                connection.sendall(piece)


def _command(address: str) -> list[str]:
    parts = urlsplit(address)
    # A host that begins with a dash would be an option of ssh; no host at all is the same mistake.
    if not parts.hostname or parts.hostname.startswith("-") or (parts.username or "").startswith("-"):
        raise EngineError(f"{address!r} names no host", "write ssh://USER@HOST, or unset it", kind="engine-host")
    if shutil.which("ssh") is None:
        raise EngineError(f"{address} needs the program ssh, which is not here", "install an OpenSSH client", kind="engine-host")
    login = f"{parts.username}@{parts.hostname}" if parts.username else parts.hostname
    port = ["-p", str(parts.port)] if parts.port else []
    # BatchMode: a question for a password would take the user's next line. The engine's own helper finds its socket over there.
    return ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", *port, "--", login, "docker", "system", "dial-stdio"]
