"""The answers for Windows, one by one, beside those for POSIX; see tests/windows/hiding.py for what that shows and what it does not."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from docker.errors import DockerException

from cli.input.keyboard import InterruptedAtPrompt
from sandbox.exec_stream import Connection
from tests.test_keyboard import answer, read
from tests.views import pipe
from tests.windows.hiding import JUNCTIONS, OPENED, PIPES, answers_for_windows
from utils import platform as posix
from utils.owner import owner

windows = answers_for_windows("utils.platform.windows")
both = pytest.mark.parametrize("answers", [posix, windows], ids=["posix", "windows"])


class Swapping(type(Path())):  # type: ignore[misc]
    """A file that is replaced by a link just before it is opened."""

    def open(self, *arguments: Any, **options: Any) -> Any:
        aside = self.with_name("aside")
        self.rename(aside)
        self.symlink_to(aside)
        return super().open(*arguments, **options)


# --- Files


@both
def test_a_file_is_read_and_a_link_only_if_it_may_be_followed(answers: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo\x1athree")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for file, follow in (("a", False), ("a", True), ("link", True)):
        with answers.open_file(tmp_path / file, follow=follow) as opened:
            assert opened.read() == b"one\r\ntwo\x1athree"
    with pytest.raises(OSError):  # noqa: PT011  # the systems' words differ
        answers.open_file(tmp_path / "link", follow=False)
    with pytest.raises(FileNotFoundError):
        answers.open_file(tmp_path / "missing", follow=False)


def test_on_windows_a_file_that_is_replaced_while_it_is_opened_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("secret")
    with pytest.raises(OSError, match="it is a link"):
        windows.open_file(Swapping(tmp_path / "a"), follow=False)
    (tmp_path / "aside").rename(tmp_path / "c")
    with Swapping(tmp_path / "c").open("rb") as control:
        assert control.read() == b"secret"
    (tmp_path / "b").write_text("x")
    JUNCTIONS.add(tmp_path / "b")
    with pytest.raises(OSError, match="it is a link"):
        windows.open_file(tmp_path / "b", follow=False)


@both
def test_a_file_is_locked_until_it_is_closed(answers: Any, tmp_path: Path) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | answers.BINARY
    first, second = (os.open(tmp_path / "results", flags) for _ in range(2))
    answers.lock(first)
    with pytest.raises(BlockingIOError):
        answers.lock(second)
    os.write(first, b"one\n")
    os.close(first)
    answers.lock(second)
    os.write(second, b"two\n")
    os.close(second)
    assert (tmp_path / "results").read_bytes() == b"one\ntwo\n"


def test_on_windows_results_are_repaired_and_kept_from_other_batches(tmp_path: Path) -> None:
    module = answers_for_windows("teams.batch.results")
    file = tmp_path / "out.jsonl"
    lines = [json.dumps({"id": each, "status": "approved"}) for each in ("a", "b", "a")]
    file.write_text("\n".join([lines[0], "no result", *lines[1:]]) + '\n{"id": "torn')
    with module.Results(file) as results:
        found = results.repair()
        assert (sorted(found.unreadable), found.repeated, len(found.results)) == ([2], True, 2)
        with pytest.raises(Exception, match="another batch is writing it"):
            module.Results(file)
        results.append({"id": "c", "status": "failed"})
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["b", "a", "c"]
    assert (tmp_path / "out.jsonl.unreadable").read_text() == "no result\n"


def test_on_windows_modes_say_nothing_and_no_engine_is_on_this_disk(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("KEY=x")
    (tmp_path / "env").chmod(0o666)
    assert answers_for_windows("utils.setting_sources").open_to_others(tmp_path / "env") == ""
    assert "Other users can change" in __import__("utils.setting_sources").setting_sources.open_to_others(tmp_path / "env")
    assert answers_for_windows("sandbox.engine.room").look(tmp_path) is None
    assert posix.free_room(tmp_path) is not None


# --- The terminal


def test_on_windows_a_console_takes_control_codes_unless_it_is_said_to_be_dumb(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    monkeypatch.delenv("TERM", raising=False)
    with os.fdopen(slave, "w") as console:
        assert windows.takes_control_codes(console)
        assert not posix.takes_control_codes(console)
        assert not windows.takes_control_codes(io.StringIO())
        monkeypatch.setenv("TERM", "dumb")
        assert not windows.takes_control_codes(console)
    os.close(master)


async def test_on_windows_a_plain_console_reads_for_a_question_only_and_loses_no_line() -> None:
    keyboard_of = answers_for_windows("cli.input.plain_terminal").PlainTerminalKeyboard
    master, slave = pty.openpty()
    screen, paper = pipe()
    with os.fdopen(slave, encoding="utf-8") as stream:
        keyboard = keyboard_of(stream, screen)
        assert await answer(keyboard, master, "one\n", "APPROVE") == "one"
        assert await answer(keyboard, master, "\n", "APPROVE") == "APPROVE"
        question = asyncio.ensure_future(read(keyboard))
        await asyncio.sleep(0.05)
        assert keyboard.interrupt()
        with pytest.raises(InterruptedAtPrompt):
            await question
        os.write(master, b"APPROVE\n")  # taken by the thread that still reads; it was typed while no question was open
        while not keyboard._input.is_ready():
            await asyncio.sleep(0.01)
        keyboard.set_aside()
        assert "(typed before the question, not used: APPROVE)" in paper.getvalue()
        assert await answer(keyboard, master, "no\n") == "no"
        assert await answer(keyboard, master, "\x04") is None
    os.close(master)


def test_on_windows_a_backslash_is_part_of_a_path() -> None:
    assert windows.split_command(r'"C:\Program Files\Editor\e.exe" --wait C:\x') == [r"C:\Program Files\Editor\e.exe", "--wait", r"C:\x"]
    assert posix.split_command("'my editor' --wait a\\ b") == ["my editor", "--wait", "a b"]
    for answers in (posix, windows):
        with pytest.raises(ValueError, match="quotation"):
            answers.split_command('"unclosed')


def test_on_windows_the_desktop_opens_a_file() -> None:
    assert windows.start_viewer(Path("plot.png")) is None
    assert OPENED.pop() == Path("plot.png")


# --- Processes and signals


@both
def test_a_process_is_known_by_its_start_until_it_has_ended(answers: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        began = answers.process_start(child.pid)
        assert began == posix.process_start(child.pid) != "0"
        assert answers.process_start(os.getpid()) != began
    assert answers.process_start(child.pid) is None


def test_on_windows_what_belongs_to_a_process_that_runs_is_left_alone() -> None:
    is_dead = answers_for_windows("sandbox.engine.leftovers").is_dead
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        label = f"{owner().rsplit(':', 2)[0]}:{child.pid}:{posix.process_start(child.pid)}"
        assert not is_dead(label)
        assert is_dead(f"{label}1"), "the number was given to another process"
    assert is_dead(label)
    assert not is_dead(label.replace(":", ":9", 1)), "another user's"


def test_on_windows_the_owner_is_named_without_a_number_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    there = answers_for_windows("utils.owner").owner
    monkeypatch.setenv("USERNAME", "jo")
    first = there()
    monkeypatch.setenv("USERNAME", "ann")
    assert len(first.split(":")) == 4
    assert first.split(":")[:1] + first.split(":")[2:] == there().split(":")[:1] + there().split(":")[2:]
    assert first != there()
    assert first.split(":")[0] != owner().split(":")[0], "the machine is told by its own number"


@both
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, "hang up"])
async def test_signals_are_called_in_the_loop_and_given_back(answers: Any, sent: Any) -> None:
    number = sent if sent != "hang up" else signal.SIGQUIT if answers is windows else signal.SIGHUP
    before = signal.getsignal(number)
    called: asyncio.Queue[str] = asyncio.Queue()
    with answers.signals(lambda: called.put_nowait("interrupt"), lambda: called.put_nowait("end")):
        os.kill(os.getpid(), number)
        assert await asyncio.wait_for(called.get(), 10) == ("interrupt" if sent == signal.SIGINT else "end")
    assert signal.getsignal(number) in (before, signal.default_int_handler)


def test_on_windows_the_right_interpreter_is_waited_for_and_its_status_returned() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit) as left:
            windows.go_on_as([sys.executable, "-c", "raise SystemExit(7)"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert left.value.code == 7


def test_on_windows_a_child_is_started_in_a_group_of_its_own() -> None:
    assert windows.apart() == {"creationflags": 0x200}
    assert windows.python_with_us() == [sys.executable]
    worker = answers_for_windows("teams.batch.worker")
    with worker._start(["--no-such-flag"], {}) as child:
        _, said = child.communicate(timeout=60)
    assert child.returncode == 2, said


# --- The engine


def why_not(address: str) -> str:
    find = answers_for_windows("sandbox.engine.find")
    with pytest.raises(find.NoEngine) as error:
        find.find_engine({"DOCKER_HOST": address})
    return str(error.value.message)


def test_on_windows_the_usual_engines_are_named_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    find = answers_for_windows("sandbox.engine.find")
    places = [place.address for place in find._places({"DOCKER_CONTEXT": "default"})]
    assert places[0] == "npipe:////./pipe/docker_engine"
    assert all(place.startswith("npipe:////./pipe/") for place in places)
    with pytest.raises(find.NoEngine) as missing:
        find.find_engine({"DOCKER_CONTEXT": "default"})
    assert (missing.value.kind, missing.value.attempts[0].failure) == ("engine-missing", "there is no such socket")
    PIPES.append("docker_engine")  # it is there, and the library is asked
    try:
        with pytest.raises(find.NoEngine) as refused:
            find.find_engine({"DOCKER_CONTEXT": "default"})
    finally:
        PIPES.clear()
    assert "only supported on Windows" in refused.value.attempts[0].failure
    assert refused.value.hint == "start Docker Desktop"


def test_on_windows_what_cannot_be_reached_is_said_plainly() -> None:
    assert "Python has no Unix sockets on Windows" in why_not("unix:///var/run/docker.sock")
    assert "there is no such socket" in why_not("npipe:////./pipe/docker_engine")
    find = answers_for_windows("sandbox.engine.find")
    assert "pip install pywin32" in find._why_not(DockerException("Install pypiwin32 package to enable npipe:// support"))
    assert find._why_not(OSError("(5, 'CreateFile', 'Access is denied.')")) == "this user may not use it"


def test_a_stream_over_a_named_pipe_is_read_in_the_one_way_that_ends_in_time() -> None:
    class Pipe:
        """The library's socket for a named pipe, whose recv would wait for ever."""

        def __init__(self) -> None:
            self.come: list[bytes | Exception] = [b"data", TimeoutError(), OSError("broken")]

        def settimeout(self, seconds: float) -> None:
            assert seconds == 0.5

        def recv_into(self, buffer: memoryview) -> int:
            said = self.come.pop(0)
            if isinstance(said, Exception):
                raise said
            buffer[: len(said)] = said
            return len(said)

    connection = Connection(Pipe())
    assert [connection.receive(0.5) for _ in range(3)] == [b"data", None, b""]
