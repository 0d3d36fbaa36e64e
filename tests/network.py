"""What tests of the network use: the certificates of this machine, a listener that programs may try to reach, and whether PyPI answers."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from ipaddress import ip_network
from pathlib import Path

import docker

from utils.docker_utils import NETWORK


def certificates() -> bytes:
    """Return the authorities that this machine's environment names, or nothing: then those of the image have to do."""
    named = (os.environ.get(name) for name in ("SANDBOX_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
    return next((Path(name).read_bytes() for name in named if name and Path(name).is_file()), b"")


@cache
def why_no_index() -> str:
    """Say why the package index cannot be used from here, or nothing."""
    try:
        socket.create_connection(("pypi.org", 443), 5).close()
    except OSError as error:
        return f"PyPI cannot be reached from here: {error}"
    return ""


def gateway(engine: docker.APIClient) -> str:
    """Return this machine's address as containers on the engine's default network see it."""
    settings = engine.inspect_network(NETWORK)["IPAM"]["Config"][0]
    return str(settings.get("Gateway") or next(ip_network(settings["Subnet"]).hosts()))


class Listener:
    """Listens on every address of this machine, notes who connects, and has nothing; use it as a context manager.

    One that is silent lets everybody wait instead, and notes nothing.
    """

    def __init__(self, silent: bool = False) -> None:
        self._silent = silent
        self.visits: list[str] = []
        self.on_visit: Callable[[], object] = lambda: None
        self.asked: list[str] = []
        """The first line that each visitor sent."""
        self._socket = socket.create_server(("0.0.0.0", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        while True:
            try:
                connection, address = self._socket.accept()
            except OSError:
                return
            self.visits.append(address[0])
            self.on_visit()
            with connection, suppress(OSError):
                connection.settimeout(1)
                self.asked.append(connection.recv(65536).decode("latin-1").partition("\r\n")[0])
                connection.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def count(self, least: int) -> int:
        """Return how many have come, once so many have: who only connects may be gone before that is noted."""
        until = time.monotonic() + 10
        while len(self.visits) < least and time.monotonic() < until:
            time.sleep(0.01)
        return len(self.visits)

    def __enter__(self) -> Listener:
        if not self._silent:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone does not wake the thread that accepts.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if not self._silent:
            self._thread.join(5)
