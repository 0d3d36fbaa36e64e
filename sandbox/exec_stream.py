"""One command in a running container: its input sent, its output read as it comes, under a cap, a deadline and a stop button."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import docker

from sandbox.verdicts import Ended
from utils.docker_utils import ENGINE_FAILURES, PROGRAM_USER, WORKSPACE

OUT, WORDS = 1, 2  # the two streams of an exec: what the program prints, and what the script around it says
_POLL_SECONDS = 0.05  # how often a silent stream looks at the clock and at the stop button
_SETTLE_SECONDS = 2.0  # how long a killed command's stream, or an ended one's exit code, may take
_QUIET_SECONDS = 0.1  # after the end: a stream that something left behind keeps open is closed when quiet this long
_WORDS_KEPT = 65536  # bytes: the first half of it and the last
_MOST_WORDS = 65536  # bytes: more than any script of ours says, so that a program has found its stream
_PIECE = 256 * 1024  # bytes
_HEADER = struct.Struct(">BxxxL")  # stream, then bytes of payload: the engine's framing for an exec without a terminal


class Connection:
    """A connection that the engine has turned into a raw stream, whatever docker-py wraps it in."""

    def __init__(self, opened: Any) -> None:
        """Take what exec_start(socket=True) or attach_socket returned."""
        self._opened = opened
        self._raw = getattr(opened, "_sock", opened)
        self._response = getattr(opened, "_response", None)
        self._buffer = memoryview(bytearray(65536))
        self._early = self._read_ahead()

    def _read_ahead(self) -> bytes:
        # While it read the headers, the library may have taken the stream's first bytes into a buffer that its socket does not show.
        try:
            buffered = self._response.raw._fp.fp  # type: ignore[union-attr]
            self._raw.setblocking(False)
            return bytes(buffered.read1(65536))
        except (*ENGINE_FAILURES, AttributeError):
            return b""

    def send(self, data: bytes) -> None:
        """Send all of the data; OSError when the other side takes none of it for 10 s."""
        self._raw.settimeout(10)
        for at in range(0, len(data), _PIECE):  # the time counts for all that one call sends
            self._raw.sendall(data[at : at + _PIECE])

    def receive(self, timeout: float) -> bytes | None:
        """Return what has come; None when nothing came in time; b"" when the stream has ended or broken."""
        if self._early:
            early, self._early = self._early, b""
            return early
        self._raw.settimeout(timeout)
        try:
            # Not recv: the library's socket for a named pipe of Windows would wait for ever.
            return bytes(self._buffer[: self._raw.recv_into(self._buffer)])
        except TimeoutError:
            return None
        except ENGINE_FAILURES:
            return b""

    def close(self) -> None:
        """Close the response, not only the socket under it: the library's pool would hand out the dead connection again."""
        for part in (self._response, self._opened):
            try:
                if part is not None:
                    part.close()
            except ENGINE_FAILURES:
                pass


class Frames:
    """Takes the engine's frames apart as their bytes arrive, in whatever pieces that is."""

    def __init__(self) -> None:
        """Start before the first header."""
        self._header = b""
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (stream, payload) for each piece of a frame in the data."""
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
                at += len(piece)
                yield self._stream, piece
                continue
            wanted = _HEADER.size - len(self._header)
            self._header += data[at : at + wanted]
            at += wanted
            if len(self._header) == _HEADER.size:
                self._stream, self._left = _HEADER.unpack(self._header)
                self._header = b""


@dataclass(frozen=True)
class Command:
    """What to run, and how far to let it go."""

    argv: Sequence[str]
    stdin: bytes = b""
    output_limit: int = 1024**2  # bytes
    seconds: float = 30.0  # then it is killed
    end_mark: bytes = b""  # what the script says on its own stream when all is over; a hint only, the engine's word decides
    start_mark: bytes = b""  # what it says when the program starts: the clock runs from there
    keep_output: bool = True  # False: the output only goes to on_output
    user: str = PROGRAM_USER


@dataclass
class Outcome:
    """What came out of a command."""

    ended: Ended
    exit_code: int | None
    output: bytes
    dropped: int
    words: bytes
    seconds: float
    stuck: bool = False  # it could not be killed by an ordinary sweep
    sent: bool = False  # all of its input was taken


@dataclass(frozen=True)
class OpenExec:
    """A command that has been started and waits for its input."""

    exec_id: str
    connection: Connection


def open_exec(client: docker.APIClient, container: str, argv: Sequence[str], user: str = PROGRAM_USER) -> OpenExec:
    """Start a command, as the programs' user if no other is named; raises one of ENGINE_FAILURES."""
    folder = WORKSPACE if user == PROGRAM_USER else "/"  # nobody else can enter it
    exec_id = str(client.exec_create(container, list(argv), user=user, workdir=folder, stdin=True)["Id"])
    return OpenExec(exec_id, Connection(client.exec_start(exec_id, socket=True)))


def run_command(
    client: docker.APIClient,
    container: str,
    command: Command,
    kill: Callable[[], None],
    stop: threading.Event | None = None,
    on_output: Callable[[bytes], None] = lambda piece: None,
    opened: OpenExec | None = None,
) -> Outcome:
    """Run the command (which may have been opened before) to its end, or kill it at a limit, and say which; blocks.

    Never raises for what the engine does.
    """
    reader = _Reader(client, command, stop or threading.Event(), on_output)
    try:
        opened = opened or open_exec(client, container, command.argv, command.user)
        if command.stdin:
            opened.connection.send(command.stdin)
        reader.sent = True
        return reader.read(opened.connection, opened.exec_id, kill)
    except ENGINE_FAILURES as error:
        reader.words += str(error).encode()
        return reader.outcome(Ended.LOST, None)
    finally:
        if opened is not None:
            opened.connection.close()


class _Reader:
    def __init__(self, client: docker.APIClient, command: Command, stop: threading.Event, on_output: Callable[[bytes], None]) -> None:
        self.client = client
        self.command = command
        self.stop = stop
        self.on_output = on_output
        self.frames = Frames()
        self.output = bytearray()
        self.received = 0
        self.words = bytearray()  # from the start mark on
        self.said = 0  # bytes of words
        self.end_said = False
        self.dropped = 0
        self.began = time.monotonic()
        self.started: float | None = None
        self.stuck = False
        self.sent = False
        self.ask_again = 0.0

    def read(self, connection: Connection, exec_id: str, kill: Callable[[], None]) -> Outcome:
        """Read until the command ends or a limit is reached; kill it then, and read what is still on its way."""
        deadline = self.began + self.command.seconds
        while True:
            data = connection.receive(_POLL_SECONDS)
            if data == b"":
                return self._ended(exec_id)
            if data:
                self._take(data)
            code = self._over(exec_id)
            if code is not None:
                self._drain(connection, _QUIET_SECONDS, time.monotonic() + 5 * _QUIET_SECONDS)
                return self.outcome(Ended.EXIT, code)
            limit = self._limit_reached(deadline)
            if limit is not None:
                return self._kill(connection, exec_id, limit, kill)

    def _over(self, exec_id: str) -> int | None:
        # The mark says that it is over, and the engine decides: a program that forged the mark runs on, and is asked about now and then.
        if not self.end_said or time.monotonic() < self.ask_again:
            return None
        code = self._exit_code(exec_id, _QUIET_SECONDS)
        self.ask_again = time.monotonic() + 1
        return code

    def _limit_reached(self, deadline: float) -> Ended | None:
        if self.stop.is_set():
            return Ended.CANCEL
        if self.received >= self.command.output_limit or self.said > _MOST_WORDS:
            return Ended.OUTPUT
        return Ended.DEADLINE if time.monotonic() > deadline else None

    def _kill(self, connection: Connection, exec_id: str, limit: Ended, kill: Callable[[], None]) -> Outcome:
        if limit is Ended.DEADLINE and self._is_cut(self._exit_code(exec_id, 0)):
            self.stuck = True  # it ended by itself, and the stream stood still: nobody knows what it printed
            return self.outcome(Ended.LOST, None)
        try:
            kill()
        except ENGINE_FAILURES:
            self.stuck = True
        else:
            # Undrained, the stream would keep the engine busy, and the container's removal slow.
            self.stuck = not self._drain(connection, _SETTLE_SECONDS, time.monotonic() + _SETTLE_SECONDS)
        return self.outcome(limit, None if self.stuck else self._exit_code(exec_id, _SETTLE_SECONDS))

    def _drain(self, connection: Connection, quiet: float, until: float) -> bool:
        while time.monotonic() < until:
            data = connection.receive(quiet)
            if data is None:
                return False
            if data == b"":
                return True
            self._take(data)
        return False

    def _ended(self, exec_id: str) -> Outcome:
        code = self._exit_code(exec_id, _SETTLE_SECONDS)
        # A stream that ends while the command runs on was cut.
        return self.outcome(Ended.LOST if code is None or self._is_cut(code) else Ended.EXIT, code)

    def _is_cut(self, code: int | None) -> bool:
        # So was one without the end mark, though the command has ended, unless a signal took the script, too.
        return code is not None and code < 128 and bool(self.command.end_mark) and not self.end_said

    def _exit_code(self, exec_id: str, patience: float) -> int | None:
        until = time.monotonic() + patience
        while True:
            seen = self.client.exec_inspect(exec_id)
            if not seen["Running"]:
                return None if seen["ExitCode"] is None else int(seen["ExitCode"])
            if time.monotonic() > until:
                return None
            time.sleep(0.002)

    def _take(self, data: bytes) -> None:
        for stream, piece in self.frames.feed(data):
            if stream == WORDS:
                self._listen(piece)
            else:
                kept = piece[: max(0, self.command.output_limit - self.received)]
                self.received += len(kept)
                self.dropped += len(piece) - len(kept)
                if self.command.keep_output:
                    self.output += kept
                if kept:
                    self.on_output(kept)

    def _listen(self, piece: bytes) -> None:
        self.said += len(piece)
        self.words += piece
        start, end = self.command.start_mark, self.command.end_mark
        if self.started is None and start and start in self.words:
            self.started = time.monotonic()
            del self.words[: self.words.index(start)]  # something that an earlier program left may have written before it
        self.end_said = self.end_said or (bool(end) and end in self.words)
        if len(self.words) > _WORDS_KEPT:
            del self.words[_WORDS_KEPT // 2 : -_WORDS_KEPT // 2]

    def outcome(self, ended: Ended, code: int | None) -> Outcome:
        seconds = time.monotonic() - (self.started or self.began)
        return Outcome(ended, code, bytes(self.output), self.dropped, bytes(self.words), seconds, self.stuck, self.sent)
