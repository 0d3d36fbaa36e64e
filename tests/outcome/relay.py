"""Stands between a program and the model's server, passes everything on as it comes, and notes each request with its answer."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PASSED_ON = ("Content-Type", "Authorization")
LONGEST = 1800.0  # seconds that a server may take for an answer


@dataclass(frozen=True)
class Exchange:
    """One request and what the server said: the messages as sent, the text of the answer, and the tokens as the server counts them."""

    messages: list[Mapping[str, Any]]
    answer: str
    prompt_tokens: int
    completion_tokens: int
    status: int


class Relay:
    """Listens on loopback for one program; use it as a context manager."""

    def __init__(self, upstream: str) -> None:
        self.exchanges: list[Exchange] = []
        self._upstream = upstream.rstrip("/")
        relay = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                self.pass_on(relay._upstream, relay.exchanges)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def pass_on(self, upstream: str, exchanges: list[Exchange]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name in _PASSED_ON if (value := self.headers.get(name))}
        request = urllib.request.Request(upstream + self.path, body, headers)
        received = b""
        status = 502
        try:
            try:
                reply = urllib.request.urlopen(request, timeout=LONGEST)
            except urllib.error.HTTPError as error:
                reply = error
            with reply:
                status = reply.status
                self.send_response(status)
                self.send_header("Content-Type", reply.headers.get("Content-Type") or "application/json")
                self.send_header("Connection", "close")
                self.end_headers()
                while piece := reply.read1(65536):
                    received += piece
                    self.wfile.write(piece)
                    self.wfile.flush()
        except OSError:
            self.close_connection = True  # one of the two hung up: what came until then is what there is
        exchanges.append(read_exchange(body, received, status))

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def read_exchange(body: bytes, received: bytes, status: int) -> Exchange:
    """Read what was asked and what came back, as one JSON object or as a stream of events."""
    text = received.decode("utf-8", "replace")
    lines = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    parts = [part for line in lines or [text] if isinstance(part := _json(line), dict)]
    said = ""
    tokens = (0, 0)
    for part in parts:
        for choice in part.get("choices") or ():
            said += str((choice.get("delta") or choice.get("message") or {}).get("content") or "")
        usage = part.get("usage")
        tokens = (usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0) if usage else tokens
    asked = _json(body.decode("utf-8", "replace"))
    return Exchange(asked.get("messages", []) if isinstance(asked, dict) else [], said, *tokens, status)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
