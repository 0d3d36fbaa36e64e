"""How long the first character of an answer takes from the wire to the terminal: `python -m tests.bench_first_character`.

A model on loopback streams over HTTP and notes when it sends; the whole program runs in a pseudo-terminal, which is read as bytes
arrive. Both clocks are the same monotonic one.
"""

from __future__ import annotations

import http.server
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.asking import KEY
from tests.conftest import IMAGE
from tests.terminal import CTRL_D, Terminal, program_environment

ANSWERS = 12  # the first one, for which modules are imported, is not counted
PIECES = 8  # of an answer after the first
PAUSE = 0.1  # seconds between two pieces
TARGET = 0.020  # seconds
_REST = "\n\n```python\nprint(1)\n```\n"


class Streaming(http.server.ThreadingHTTPServer):
    """Streams answers whose pieces can all be told apart, and keeps when each was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: dict[str, float] = {}
        self.answers = 0


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Streaming

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""

    def do_POST(self) -> None:
        """Stream one answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        number, self.server.answers = self.server.answers, self.server.answers + 1
        for piece in range(PIECES + 1):
            time.sleep(PAUSE)
            self._send(mark := f"m{number:02}p{piece}", f"{mark} ")
        self._send("", _REST)
        self._send("", "", "stop")
        self._write(b"data: [DONE]\n\n")
        self._write(b"")

    def _send(self, mark: str, text: str, finish: str | None = None) -> None:
        choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
        event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        self.server.sent[mark] = time.monotonic()
        self._write(f"data: {json.dumps(event)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


def measure(answers: int = ANSWERS) -> tuple[list[float], list[float]]:
    """Return the seconds until the first piece of each answer was on the terminal, and those of the pieces after it."""
    server = Streaming()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    arrived: dict[str, float] = {}
    address = f"http://127.0.0.1:{server.server_port}/v1"
    environment = program_environment(OPENAI_API_KEY=KEY, OPENAI_BASE_URL=address, MODEL="m", SANDBOX_IMAGE=IMAGE)
    try:
        with tempfile.TemporaryDirectory() as folder, Terminal([], environment, Path(folder)) as terminal:
            for number in range(answers):
                terminal.wait_for_prompt(60)
                terminal.line(f"number {number}")
                marks = [f"m{number:02}p{piece}" for piece in range(PIECES + 1)]
                _watch(terminal, marks, arrived)
                terminal.wait_for("│ 1", 60, times=number + 1)
            terminal.wait_for_prompt(60)
            terminal.type(CTRL_D)
            terminal.wait_for_exit()
    finally:
        server.shutdown()
        server.server_close()
    seconds = {mark: arrived[mark] - server.sent[mark] for mark in arrived}
    counted = {mark: taken for mark, taken in seconds.items() if not mark.startswith("m00")}
    return [counted[mark] for mark in counted if mark.endswith("p0")], [counted[mark] for mark in counted if not mark.endswith("p0")]


def _watch(terminal: Terminal, marks: Sequence[str], arrived: dict[str, float]) -> None:
    until = time.monotonic() + 60
    while missing := [mark for mark in marks if mark not in arrived]:
        if time.monotonic() > until or not terminal.pump(0.05):
            raise SystemExit(f"{missing} never came:\n{terminal.text()}")
        now = terminal.read_at
        arrived.update({mark: now for mark in missing if mark.encode() in terminal.bytes})


def report(first: Sequence[float], later: Sequence[float]) -> str:
    """Put both in a few lines."""
    lines = ["From the wire to the terminal, milliseconds:"]
    for name, seconds in (("first character of an answer", first), (f"pieces {PAUSE:g} s apart", later)):
        lines.append(f"  {name:<30} median {1000 * statistics.median(seconds):6.1f}, at most {1000 * max(seconds):6.1f}, of {len(seconds)}")
    met = statistics.median(first) <= TARGET
    return "\n".join([*lines, f"Target: the first character within {1000 * TARGET:g} ms: {'met' if met else 'NOT met'}."])


def main() -> int:
    """Measure, print, and return 1 if the target is not met."""
    first, later = measure()
    print(report(first, later))
    return 0 if statistics.median(first) <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
