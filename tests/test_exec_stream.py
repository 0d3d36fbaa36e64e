import socket
import struct
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import docker
import pytest

from sandbox.exec_stream import OUT, WORDS, Command, Connection, Frames, run_command
from sandbox.verdicts import Ended


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
def test_frames_are_found_in_whatever_pieces_they_come(step: int) -> None:
    data = frame(OUT, b"hello ") + frame(WORDS, b"aside") + frame(OUT, b"") + frame(OUT, b"world")
    frames = Frames()
    pieces = [pair for at in range(0, len(data), step) for pair in frames.feed(data[at : at + step])]
    assert b"".join(piece for stream, piece in pieces if stream == OUT) == b"hello world"
    assert b"".join(piece for stream, piece in pieces if stream == WORDS) == b"aside"


class ScriptedEngine:
    """The four calls of an engine that an exec takes: the stream is a real socket, whose other end the test holds."""

    def __init__(self, exit_code: int | None = 0, running: bool = False) -> None:
        ours, self.theirs = socket.socketpair()
        self.opened = SimpleNamespace(_sock=ours, close=ours.close)
        self.state = {"Running": running, "ExitCode": exit_code}
        self.broken = False

    def exec_create(self, container: str, argv: list[str], **options: Any) -> dict[str, str]:
        return {"Id": "exec"}

    def exec_start(self, exec_id: str, **options: Any) -> Any:
        return self.opened

    def exec_inspect(self, exec_id: str) -> dict[str, Any]:
        if self.broken:
            raise ConnectionError("the engine is gone")
        return self.state

    def client(self) -> docker.APIClient:
        return cast(docker.APIClient, self)


COMMAND = Command(["program"], output_limit=1000, seconds=5, end_mark=b"end x", start_mark=b"start x")


def test_an_exec_that_ends_gives_its_output_and_its_exit_code() -> None:
    engine = ScriptedEngine(exit_code=3)
    engine.theirs.sendall(frame(WORDS, b"start x\n") + frame(OUT, b"hi\n") + frame(WORDS, b"end x 3\n"))
    engine.theirs.close()
    seen: list[bytes] = []
    outcome = run_command(engine.client(), "c", COMMAND, lambda: None, on_output=seen.append)
    assert (outcome.ended, outcome.exit_code, outcome.output) == (Ended.EXIT, 3, b"hi\n")
    assert seen == [b"hi\n"]


def test_a_stream_that_ends_while_the_program_runs_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.exec_stream._SETTLE_SECONDS", 0.05)
    engine = ScriptedEngine(exit_code=None, running=True)
    engine.theirs.sendall(frame(OUT, b"half"))
    engine.theirs.close()
    outcome = run_command(engine.client(), "c", COMMAND, lambda: None)
    assert (outcome.ended, outcome.exit_code) == (Ended.LOST, None)


def test_exit_code_0_without_the_last_words_is_not_success() -> None:
    engine = ScriptedEngine(exit_code=0)
    engine.theirs.close()
    assert run_command(engine.client(), "c", COMMAND, lambda: None).ended is Ended.LOST


def test_an_engine_that_is_gone_is_told_and_not_raised() -> None:
    engine = ScriptedEngine()
    engine.broken = True
    engine.theirs.close()
    assert run_command(engine.client(), "c", COMMAND, lambda: None).ended is Ended.LOST


def test_a_forged_end_does_not_end_the_reading() -> None:
    engine = ScriptedEngine(exit_code=None, running=True)
    engine.theirs.sendall(frame(WORDS, b"start x\nend x 0\n"))
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    outcome = run_command(engine.client(), "c", COMMAND, engine.theirs.close, stop)
    assert outcome.ended is Ended.CANCEL
    assert time.monotonic() - began >= 0.3


def test_the_marks_are_found_however_much_is_said_around_them_and_too_much_is_killed() -> None:
    engine = ScriptedEngine(exit_code=3)
    noise = b"y" * 9000
    engine.theirs.sendall(frame(WORDS, noise) + frame(WORDS, b"start x\n" + noise) + frame(WORDS, b"end x 3\n" + noise))
    engine.theirs.close()
    outcome = run_command(engine.client(), "c", COMMAND, lambda: None)
    assert (outcome.ended, outcome.exit_code) == (Ended.EXIT, 3)
    assert outcome.words.startswith(b"start x\n")
    assert len(outcome.words) <= 65536
    flooded = ScriptedEngine(exit_code=137)
    flooded.theirs.sendall(frame(WORDS, b"y" * 70_000))
    assert run_command(flooded.client(), "c", COMMAND, flooded.theirs.close).ended is Ended.OUTPUT


def test_a_flood_is_cut_at_the_limit_and_killed() -> None:
    engine = ScriptedEngine(exit_code=137)
    engine.theirs.sendall(frame(OUT, b"x" * 1500))
    killed: list[bool] = []

    def kill() -> None:
        killed.append(True)
        engine.theirs.sendall(frame(OUT, b"y" * 10))
        engine.theirs.close()

    outcome = run_command(engine.client(), "c", COMMAND, kill)
    assert killed == [True]
    assert (outcome.ended, len(outcome.output), outcome.dropped) == (Ended.OUTPUT, 1000, 510)


def test_a_silent_program_meets_the_deadline_and_one_that_cannot_be_killed_is_said() -> None:
    engine = ScriptedEngine(exit_code=None, running=True)

    def cannot() -> None:
        raise OSError("no process can be started")

    outcome = run_command(engine.client(), "c", Command(["program"], seconds=0.1), cannot)
    assert (outcome.ended, outcome.stuck) == (Ended.DEADLINE, True)
    engine.theirs.close()


def test_bytes_that_the_library_has_read_ahead_are_not_lost() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"line\nearly")
    buffered = ours.makefile("rb")
    assert buffered.readline() == b"line\n"  # as http.client reads headers; the rest is in its buffer now
    response = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=buffered)), close=buffered.close)
    connection = Connection(SimpleNamespace(_sock=ours, _response=response, close=ours.close))
    assert connection.receive(0.1) == b"early"
    assert connection.receive(0.01) is None
    theirs.close()
    assert connection.receive(0.1) == b""
    connection.close()
