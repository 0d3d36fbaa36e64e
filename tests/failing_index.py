"""Package indexes on this machine that fail as real ones do: they refuse, keep silent, answer with a status, or are not to be trusted."""

from __future__ import annotations

import http.server
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

_CERTIFICATE = (
    "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=index -addext subjectAltName=IP:127.0.0.1"
)
WHEEL = "/simple/six/six-1.0-py3-none-any.whl"
PAGE = {"/simple/six/": f'<a href="{WHEEL}">six-1.0-py3-none-any.whl</a>'.encode()}
"""Pages of an index that lists one wheel, which it has not got."""


@contextmanager
def answering(status: int, pages: Mapping[str, bytes] | None = None, certificate: Path | None = None) -> Iterator[str]:
    """Serve the pages, and the status for all else; yields the address. A certificate is one of self_signed."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = (pages or {}).get(self.path)
            body = b"no" if page is None else page
            self.send_response(status if page is None else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key.pem"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """Take connections and never answer; yields the address."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple"


@contextmanager
def refusing(scheme: str = "http") -> Iterator[str]:
    """Hold a port on which nobody listens; yields the address."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"{scheme}://127.0.0.1:{held.getsockname()[1]}/simple"


def self_signed(folder: Path) -> Path:
    """Make a certificate that nobody trusts, its key beside it; skips the test without openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate, and is not here")
    subprocess.run(["openssl", *_CERTIFICATE.split()], cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / "certificate.pem"
