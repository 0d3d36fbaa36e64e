"""The answers for POSIX."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

if TYPE_CHECKING:  # most of these are needed after the prompt is there
    import re
    import socket

assert sys.platform != "win32"

ACTIVATE = ". .venv/bin/activate"
ENVIRONMENTS_PYTHON = "bin/python"
ENGINE_START = "start Docker Desktop, or run `sudo systemctl start docker`"
ENGINE_PERMISSION = "add yourself to the group `docker` (sudo usermod -aG docker $USER)"
BINARY = 0
OPEN_FILES_STAY = False

# --- Files


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Folder:
    """A folder to write in, held open: nothing below it is reached through a link."""

    def __init__(self, descriptor: int) -> None:
        """Take the open folder."""
        self._here = descriptor

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open a folder that the user named, which may be a link; raises OSError."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY))

    def inner(self, name: str, *, make: bool) -> Folder:
        """Open a folder in it, made first if it is not there and `make` says so; raises OSError, for a link too."""
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=self._here)
        return Folder(os.open(name, _FOLDER, dir_fd=self._here))

    def create(self, name: str) -> BinaryIO:
        """Create a file that is not there yet; raises OSError."""
        return os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=self._here), "wb")

    def move(self, name: str, to: Folder, new_name: str) -> None:
        """Move a file, in place of what has the new name, even if that is a link; raises OSError."""
        os.rename(name, new_name, src_dir_fd=self._here, dst_dir_fd=to._here)

    def remove(self, name: str) -> None:
        """Remove a file; raises OSError."""
        os.unlink(name, dir_fd=self._here)

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._here)


def open_file(file: Path, *, follow: bool) -> BinaryIO:
    """Open a file to read; raises OSError, for a link too unless it may be followed. A pipe that nobody writes to is not waited for."""
    return os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)), "rb")


def lock(file: int) -> None:
    """Keep an open file from other processes that lock it; BlockingIOError if one of them has."""
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def permissions(file: Path) -> int:
    """Return the file's kind and mode; raises OSError."""
    return file.stat().st_mode


def free_room(folder: Path) -> tuple[int, int] | None:
    """Return how many bytes and files the folder's file system still takes; raises OSError."""
    seen = os.statvfs(folder)
    return seen.f_bavail * seen.f_frsize, seen.f_favail


def wait_writable(file: int, seconds: float) -> bool:
    """Wait at most so long until a pipe takes more, and return whether it does."""
    import select

    return bool(select.select([], [file], [], seconds)[1])


# --- The terminal


EDITORS = ("nano", "vi")
PAGERS = ("less", "more")


def takes_control_codes(stream: IO[str]) -> bool:
    """Whether the stream is a terminal that says it understands control codes."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def hushed(descriptor: int) -> Iterator[None]:
    """Turn off the terminal's echo; what is typed meanwhile can be read at once."""
    import termios

    before = termios.tcgetattr(descriptor)
    quiet = termios.tcgetattr(descriptor)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)  # Ctrl-C stays a signal,
    quiet[3] |= termios.NOFLSH  # with which the kernel would drop what was typed before it
    termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


def ask_terminal(descriptor: int, ask: Callable[[], None], answer: re.Pattern[bytes], seconds: float) -> re.Match[bytes] | None:
    """Ask the terminal itself and return its answer; None if none comes, or if something typed is waiting to be read."""
    import select
    import termios
    import time
    import tty

    if select.select([descriptor], [], [], 0)[0]:
        return None
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        ask()
        said, until = b"", time.monotonic() + seconds
        while not (found := answer.search(said)):
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            said += os.read(descriptor, 1024)
        return found
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)


class LineInput:
    """Lines that the kernel hands over."""

    def __init__(self, stream: TextIO) -> None:
        """Take the stream."""
        self._stream = stream

    def is_ready(self) -> bool:
        """Whether something was typed that can be taken."""
        import select

        return not self._stream.closed and bool(select.select([self._stream.fileno()], [], [], 0)[0])

    async def wait(self) -> None:
        """Wait until something can be taken; OSError or ValueError if the stream is closed."""
        import asyncio

        loop, ready, descriptor = asyncio.get_running_loop(), asyncio.Event(), self._stream.fileno()
        loop.add_reader(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(descriptor)

    def take(self) -> bytes:
        """Return what is ready, b"" at the end of input; raises OSError."""
        return os.read(self._stream.fileno(), 65536)


def split_command(text: str) -> list[str]:
    """Return the words of a command; ValueError for a quotation mark that is missing."""
    import shlex

    return shlex.split(text)


# --- Processes and signals


# The child dies with the thread that started it; the kernel sees to it, where it can.
_TIED = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
except (AttributeError, OSError):
    pass
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def process_start(pid: int) -> str | None:
    """Return when the process began, which tells it from others of its number; "0" if that cannot be known, None if it has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (OSError, OverflowError):
        return "0"
    try:
        # In the kernel's ticks: field 22, after the name in parentheses.
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"


def user_number() -> int:
    """Return the number of the user that this process belongs to."""
    return os.getuid()


def machine_words() -> list[str]:
    """Return what tells this machine, since its start, and this process's numbers from others, as far as it can be known."""
    words = []
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with suppress(OSError):
            words.append(Path(path).read_text("utf-8").strip())
    with suppress(OSError):
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return words


def kernel_here() -> tuple[str, str] | None:
    """Return this machine's name and its kernel's release."""
    here = os.uname()
    return here.nodename, here.release


def usable_cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def apart() -> Mapping[str, Any]:
    """Return what to start a process with, so that Ctrl-C in the terminal does not reach it."""
    return {"start_new_session": True}


def python_with_us() -> list[str]:
    """Return how to start Python so that it ends with us."""
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid())]


def go_on_as(command: list[str]) -> NoReturn:
    """Run a command in place of this process."""
    os.execv(command[0], command)


def start_viewer(path: Path) -> Any:
    """Open a file with the desktop's program for its kind, and return the process that does it. Raises OSError."""
    import subprocess

    nothing = subprocess.DEVNULL
    return subprocess.Popen([_opener(), str(path)], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)


def has_desktop(environment: Mapping[str, str]) -> bool:
    """Whether there is a desktop to open files."""
    import shutil

    there = sys.platform == "darwin" or any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))
    return there and shutil.which(_opener()) is not None


def _opener() -> str:
    return "open" if sys.platform == "darwin" else "xdg-open"


@contextmanager
def signals(interrupt: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """Call `interrupt` in the running loop at Ctrl-C, and `end` when the process is asked to end."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    calls = {signal.SIGINT: interrupt, signal.SIGTERM: end, signal.SIGHUP: end}
    for number, call in calls.items():
        loop.add_signal_handler(number, call)
    try:
        yield
    finally:
        for number in calls:
            loop.remove_signal_handler(number)


# --- The engine's doors


def usual_engines(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of engines, and the addresses at which they usually listen."""
    import tempfile

    home = Path(environment.get("HOME") or Path.home())
    runtime = Path(environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    colima = Path(environment.get("COLIMA_HOME") or home / ".colima")
    sockets = [
        ("Docker", Path("/var/run/docker.sock")),
        ("rootless Docker", runtime / "docker.sock"),
        ("Docker Desktop", home / ".docker/run/docker.sock"),
        ("Docker Desktop", home / ".docker/desktop/docker.sock"),
        ("Colima", colima / "default/docker.sock"),
        ("Colima", config / "colima/default/docker.sock"),
        ("Rancher Desktop", home / ".rd/docker.sock"),
        ("OrbStack", home / ".orbstack/run/docker.sock"),
        ("rootless Podman", runtime / "podman/podman.sock"),
        ("Podman machine", home / ".local/share/containers/podman/machine/podman.sock"),
        ("Podman machine", Path(tempfile.gettempdir()) / "podman/podman-machine-default-api.sock"),
        ("Podman", Path("/run/podman/podman.sock")),
    ]
    for name, path in sockets:
        yield name, f"unix://{path}"


def unix_socket() -> socket.socket:
    """Make a Unix socket."""
    import socket

    return socket.socket(socket.AF_UNIX)


def pipe_is_there(name: str) -> bool:
    """Return True: the library says that named pipes are for Windows."""
    return True


def pipe_failure() -> type[Exception]:
    """Return what a broken named pipe raises: nothing of its own, without any."""
    return OSError
