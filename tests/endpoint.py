"""A model endpoint on loopback that answers from a script and misbehaves on demand.

It speaks OpenAI's chat completions (also by Azure's path), Anthropic's messages and Ollama's chat; tests/endpoint_protocols.py
has the words of each. What was asked is kept in `requests`: the judge of how often, and with what, the program under test asked.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, cast

from agents.models.requests import BETWEEN_JOINED
from tests import endpoint_protocols as protocols
from tests.endpoint_protocols import CUT, STALL, Answer

__all__ = [
    "Answer",
    "ModelEndpoint",
    "Request",
    "closed_url",
    "HTML_PAGE",
    "MALFORMED",
    "NO_CHOICES",
    "NOT_UTF8",
    "QUOTA",
    "busy",
    "wrong_key",
]

_SSE = {"Content-Type": "text/event-stream"}
HTML_PAGE = Answer(headers={"Content-Type": "text/html"}, body="<!doctype html><html><body>Welcome to nginx</body></html>")
MALFORMED = Answer(headers=_SSE, body='data: {"choices": [{"delta": {"content": "half\n\n')
NOT_UTF8 = Answer(headers=_SSE, body=b'data: {"choices": [{"index": 0, "delta": {"content": "\xff\xfe"}}]}\n\n')
NO_CHOICES = Answer(headers=_SSE, body='data: {"id": "1", "object": "chat.completion.chunk", "choices": []}\n\ndata: [DONE]\n\n')
QUOTA = Answer(status=429, body='{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}')


def busy(retry_after: str | None = None, status: int = 429) -> Answer:
    """Refuse with a status that asks to come back, with or without a Retry-After header."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status=status, headers=headers, body='{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}')


def wrong_key(key: str) -> Answer:
    """Refuse a key the way some gateways do: by repeating the whole of it."""
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "code": "invalid_api_key"}})
    return Answer(status=401, body=body)


def closed_url() -> str:
    """Return a base URL at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        """What its messages say, oldest first; what was joined for templates in which roles must alternate is apart again."""
        return [text for message in self.body["messages"] for text in re.split(f"{BETWEEN_JOINED}(?!\n)", str(message["content"]))]


Script = str | Answer | Callable[[dict[str, Any]], "str | Answer"]


@dataclass
class ModelEndpoint:
    """An HTTP server on loopback; `with ModelEndpoint(["text", busy(), ...]) as endpoint:` has it listen at `endpoint.url`.

    Each answer serves one request, in order; a callable is given the request's body. Past the last one, `repeat` serves it again;
    otherwise the request fails with a status that no client retries.
    """

    answers: Sequence[Script]
    repeat: bool = False
    requests: list[Request] = field(default_factory=list)
    looked_up: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)  # paths and headers of what was asked with GET
    pages: Mapping[str, Any] = field(default_factory=lambda: protocols.GET_PAGES)
    posts: Mapping[str, Any] = field(default_factory=dict)
    """What is answered to a POST by its path, beside the script; None is no page."""
    hung_up: int = 0  # answers that the other side did not wait for
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> ModelEndpoint:
        """Start to listen on a free port."""
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wake what stalls, and stop listening."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def root(self) -> str:
        """Base URL without a path, as Azure, Anthropic and Ollama want it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Base URL as OPENAI_BASE_URL wants it."""
        return f"{self.root}/v1"

    def take(self, request: Request) -> Answer:
        """Log the request and give the answer that is due."""
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
        if number >= len(self.answers) and not (self.repeat and self.answers):
            return Answer(status=400, body='{"error": {"message": "the script has no more answers"}}')
        due = self.answers[min(number, len(self.answers) - 1)]
        due = due(request.body) if callable(due) else due
        return Answer(due) if isinstance(due, str) else due


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    endpoint: ModelEndpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that hangs up is part of many tests; anything else is a fault of this file and has to be seen.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the log is `requests`."""

    @property
    def _endpoint(self) -> ModelEndpoint:
        return cast(_Server, self.server).endpoint

    def do_GET(self) -> None:
        """Serve the lists and versions that clients probe for."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._endpoint.looked_up.append((self.path, headers))
        page = self._endpoint.pages.get(self.path.split("?")[0])
        if isinstance(page, Answer):
            self._send_raw(page, str(page.body).encode())
            return
        self._send(200 if page else 404, {"Content-Type": "application/json"}, json.dumps(page or {"error": "not found"}).encode())

    def do_POST(self) -> None:
        """Answer one request to the model."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        if self.path in self._endpoint.posts:
            self._endpoint.requests.append(request)
            page = self._endpoint.posts[self.path]
            self._send(404 if page is None else 200, {"Content-Type": "application/json"}, json.dumps(page).encode())
            return
        answer = self._endpoint.take(request)
        protocol = protocols.protocol_of(self.path)
        if answer.drop:
            self.close_connection = True
        elif protocol is None:
            self._send(404, {"Content-Type": "application/json"}, b'{"error": {"message": "no such path"}}')
        elif answer.body is not None:
            self._send_raw(answer, answer.body if isinstance(answer.body, bytes) else answer.body.encode())
        elif body.get("stream", protocol.streams_by_default):
            self._stream(answer, protocol.content_type, protocol.stream(answer, body))
        else:
            self._send(200, {"Content-Type": "application/json", **answer.headers}, json.dumps(protocol.whole(answer, body)).encode())

    def _send_raw(self, answer: Answer, body: bytes) -> None:
        if answer.body_piece:
            size = answer.body_piece
            self._stream(answer, "application/json", (body[start : start + size] for start in range(0, len(body), size)))
        elif answer.chunked:
            self._send(answer.status, {"Content-Type": "application/json", **answer.headers}, body)
        else:
            self._stream(answer, "application/json", iter([body]))

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, answer: Answer, content_type: str, events: Iterator[bytes]) -> None:
        self.send_response(200)
        framing = ("Transfer-Encoding", "chunked") if answer.chunked else ("Connection", "close")
        for name, value in {"Content-Type": content_type, framing[0]: framing[1], **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            whole = self._write_events(answer, events)
            if whole and answer.chunked:
                self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self._endpoint.hung_up += 1
            whole = False
        # Without the last chunk, or without chunks at all, only the closed connection ends the answer.
        self.close_connection = self.close_connection or not whole or not answer.chunked

    def _write_events(self, answer: Answer, events: Iterator[bytes]) -> bool:
        for event in events:
            if event == CUT:
                return False
            if event == STALL:
                self._wait_until_hung_up()
                return False
            if answer.delay and self._endpoint.stopping.wait(answer.delay):
                return False
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event) if answer.chunked else event)
        return True

    def _wait_until_hung_up(self) -> None:
        while not self._endpoint.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.02)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError
