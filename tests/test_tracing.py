"""Traces go where the user's environment says, and nowhere else; what was said stays out of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("opentelemetry.sdk")

_CONVERSATION = """
import asyncio, os, sys
from teams.tracing import tracing
from tests.fakes import program, ran, team_of

async def main():
    async with team_of([program("print('a secret answer')")], ran("1")) as rig:
        await rig.say("a secret task")

with tracing(os.environ, print):
    asyncio.run(main())
"""


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Listen on loopback as a collector of traces does; yields the address and what arrives."""
    arrived: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def converse(**environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ended = subprocess.run(
        [sys.executable, "-c", _CONVERSATION],
        env={**plain, "OTEL_EXPORTER_OTLP_COMPRESSION": "none", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_spans_with_standard_names_arrive_at_the_endpoint_without_what_was_said() -> None:
    with collector() as (address, arrived):
        assert converse(OTEL_EXPORTER_OTLP_ENDPOINT=address) == ""
    assert {path for path, _ in arrived} == {"/v1/traces"}
    sent = b"".join(body for _, body in arrived)
    for part in (b"gen_ai.agent.name", b"CodeGeneratorAgent", b"invoke_agent", b"multi-agent-codegen"):
        assert part in sent, part
    assert b"secret" not in sent
    assert b"gen_ai.agent.description" not in sent


def test_nothing_is_sent_without_an_endpoint_or_if_it_is_switched_off() -> None:
    with collector() as (address, arrived):
        assert converse(MY_ENDPOINT=address) == ""
        assert converse(OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SDK_DISABLED="true") == ""
    assert arrived == []
