"""The answers for Windows: tested on Linux, with everything hidden that Windows lacks (tests/windows). None has run on Windows."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

if TYPE_CHECKING:  # most of these are needed after the prompt is there
    import asyncio
    import re
    import socket

assert sys.platform == "win32"

ACTIVATE = r".venv\Scripts\activate"
ENVIRONMENTS_PYTHON = "Scripts/python.exe"
ENGINE_START = "start Docker Desktop"
ENGINE_PERMISSION = "have an administrator add you to the group docker-users"
BINARY = os.O_BINARY  # without it, the ends of lines are changed
OPEN_FILES_STAY = True
_LEADS_ELSEWHERE = 0x20000000  # the bit of a reparse point's tag that links, junctions and mount points have, and cloud files have not

# --- Files


def _look(path: Path) -> os.stat_result:
    seen = os.lstat(path)
    if stat.S_ISLNK(seen.st_mode) or seen.st_reparse_tag & _LEADS_ELSEWHERE:
        raise OSError(errno.ELOOP, "it is a link", str(path))
    return seen


def _check_same(path: Path, known: os.stat_result) -> None:
    if not os.path.samestat(_look(path), known):
        raise OSError(errno.EBUSY, "something else has taken its place", str(path))


class Folder:
    """A folder to write in: nothing below it is reached through a link. Windows opens by path only, so we look before and after."""

    def __init__(self, path: Path) -> None:
        """Take a path whose last part must be a folder and no link; raises OSError."""
        self._path = path
        self._seen = _look(path)
        if not stat.S_ISDIR(self._seen.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", str(path))

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open a folder that the user named, which may be a link; raises OSError."""
        return cls(path.resolve(strict=True))

    def inner(self, name: str, *, make: bool) -> Folder:
        """Open a folder in it, made first if it is not there and `make` says so; raises OSError, for a link too."""
        self._check()
        if make:
            (self._path / name).mkdir(exist_ok=True)
        found = Folder(self._path / name)
        self._check()
        return found

    def create(self, name: str) -> BinaryIO:
        """Create a file that is not there yet; raises OSError."""
        self._check()
        file = os.open(self._path / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o644)
        try:
            _check_same(self._path / name, os.fstat(file))
            self._check()
        except OSError:
            os.close(file)
            raise
        return os.fdopen(file, "wb")

    def move(self, name: str, to: Folder, new_name: str) -> None:
        """Move a file, in place of what has the new name, even if that is a link; raises OSError."""
        self._check()
        to._check()
        (self._path / name).replace(to._path / new_name)
        to._check()

    def remove(self, name: str) -> None:
        """Remove a file; raises OSError."""
        self._check()
        (self._path / name).unlink()

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _check(self) -> None:
        _check_same(self._path, self._seen)


def open_file(file: Path, *, follow: bool) -> BinaryIO:
    """Open a file to read; raises OSError, for a link too unless it may be followed."""
    if follow:
        return file.open("rb")
    before = _look(file)
    stream = file.open("rb")
    try:
        _check_same(file, before)
        _check_same(file, os.fstat(stream.fileno()))
    except OSError:
        stream.close()
        raise
    return stream


def lock(file: int) -> None:
    """Keep an open file from other processes that lock it; BlockingIOError if one of them has."""
    import msvcrt

    os.lseek(file, 0x7FFFFFFE, os.SEEK_SET)  # nobody else can read a byte that is locked: one that is hardly ever there
    try:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        raise BlockingIOError(errno.EAGAIN, "it is locked") from error


def permissions(file: Path) -> int:
    """Return the file's kind and mode, or 0, since modes mean nothing here."""
    return 0


def free_room(folder: Path) -> tuple[int, int] | None:
    """Return None: no engine keeps Linux containers on a disk that Windows sees."""
    return None


def wait_writable(file: int, seconds: float) -> bool:
    """Return True: Windows cannot say whether a pipe takes more, so that a write may wait for its reader."""
    return True


# --- The terminal


EDITORS: Sequence[str] = ("notepad",)
PAGERS: Sequence[str] = ("less",)


def takes_control_codes(stream: IO[str]) -> bool:
    """Whether the stream is a console that understands control codes, which Windows does once it is asked to."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    import ctypes
    import msvcrt

    console, mode, kernel = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno())), ctypes.c_ulong(), _kernel()
    return bool(kernel.GetConsoleMode(console, ctypes.byref(mode)) and kernel.SetConsoleMode(console, mode.value | 4))


@contextmanager
def hushed(descriptor: int) -> Iterator[None]:
    """Do nothing: Windows shows what is typed only while somebody reads it."""
    yield


def ask_terminal(descriptor: int, ask: Callable[[], None], answer: re.Pattern[bytes], seconds: float) -> re.Match[bytes] | None:
    """Return None without asking: the answer would be read as typed keys."""
    return None


class LineInput:
    """Lines that a console hands over; one thread reads, and only once somebody waits."""

    def __init__(self, stream: TextIO) -> None:
        """Take the stream."""
        self._stream = stream
        self._piece: asyncio.Future[bytes] | None = None

    def is_ready(self) -> bool:
        """Whether something was typed that can be taken."""
        import msvcrt

        return self._piece.done() if self._piece else not self._stream.closed and msvcrt.kbhit()

    async def wait(self) -> None:
        """Wait until something can be taken; a wait that is cancelled loses nothing."""
        import asyncio
        import threading

        if self._piece is None:
            loop = asyncio.get_running_loop()
            self._piece = loop.create_future()
            threading.Thread(target=self._read, args=(loop, self._piece), daemon=True).start()
        await asyncio.shield(self._piece)

    def take(self) -> bytes:
        """Return what is ready, b"" at the end of input."""
        if self._piece is not None:
            piece, self._piece = self._piece.result(), None
            return piece
        import msvcrt

        typed = ""
        while msvcrt.kbhit():
            typed += msvcrt.getwch()
        return typed.replace("\r", "\n").encode(errors="replace")

    def _read(self, loop: asyncio.AbstractEventLoop, piece: asyncio.Future[bytes]) -> None:
        data = b""
        with suppress(OSError, ValueError):
            data = getattr(self._stream.buffer, "raw", self._stream.buffer).read(65536) or b""
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(piece.set_result, data)


def split_command(text: str) -> list[str]:
    """Return the words of a command, in which a backslash is part of a path; ValueError for a quotation mark that is missing."""
    import shlex

    return [word.strip('"') for word in shlex.split(text, posix=False)]


# --- Processes and signals


def _kernel() -> Any:
    import ctypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.OpenProcess.restype = ctypes.c_void_p
    return kernel


def process_start(pid: int) -> str | None:
    """Return when the process began, which tells it from others of its number; "0" if that cannot be known, None if it has ended."""
    import ctypes

    kernel = _kernel()
    process = kernel.OpenProcess(0x1000, False, pid)  # to ask a few questions only
    if not process:
        return None if ctypes.get_last_error() == 87 else "0"  # 87: there is no such process
    handle, code, times = ctypes.c_void_p(process), ctypes.c_ulong(), [ctypes.c_ulonglong() for _ in range(4)]
    try:
        if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != 259:  # 259: it still runs
            return None
        return str(times[0].value) if kernel.GetProcessTimes(handle, *map(ctypes.byref, times)) else "0"
    finally:
        kernel.CloseHandle(handle)


def user_number() -> int:
    """Return a number for the user that this process belongs to."""
    import zlib

    return zlib.crc32(f"{os.environ.get('USERDOMAIN', '')}\\{os.environ.get('USERNAME', '')}".encode())


def machine_words() -> list[str]:
    """Return what tells this machine from others, as far as it can be known."""
    import winreg

    with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
        return [str(winreg.QueryValueEx(key, "MachineGuid")[0])]
    return []


def kernel_here() -> tuple[str, str] | None:
    """Return None: no container of Linux runs on this kernel."""
    return None


def usable_cores() -> int:
    """Return how many processors this process may use."""
    return os.cpu_count() or 1


def apart() -> Mapping[str, Any]:
    """Return what to start a process with, so that Ctrl-C in the console does not reach it."""
    import subprocess

    return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}


def python_with_us() -> list[str]:
    """Return how to start Python: nothing here ends it with us."""
    return [sys.executable]


def go_on_as(command: list[str]) -> NoReturn:
    """Run a command in place of this process: Windows cannot replace one, so this one waits, and ends with the same status."""
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both
    sys.exit(subprocess.call(command))


def start_viewer(path: Path) -> Any:
    """Open a file with the desktop's program for its kind; returns None, since nobody says how that ends. Raises OSError."""
    os.startfile(path)


def has_desktop(environment: Mapping[str, str]) -> bool:
    """Whether there is a desktop to open files."""
    return True


@contextmanager
def signals(interrupt: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """Call `interrupt` in the running loop at Ctrl-C, and `end` when the process is asked to end (the console's window is closed)."""
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    calls: Mapping[int, Callable[[], object]] = {signal.SIGINT: interrupt, signal.SIGTERM: end, signal.SIGBREAK: end}
    before = {number: signal.signal(number, lambda seen, _: loop.call_soon_threadsafe(calls[seen])) for number in calls}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- The engine's doors


def usual_engines(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the names of engines, and the addresses at which they usually listen."""
    for name, pipe in (("Docker", "docker_engine"), ("Docker Desktop", "dockerDesktopLinuxEngine"), ("Podman", "podman-machine-default")):
        yield name, f"npipe:////./pipe/{pipe}"


def unix_socket() -> socket.socket:
    """Raise OSError: Python has no Unix sockets here."""
    raise OSError(errno.EAFNOSUPPORT, "Python has no Unix sockets on Windows; use WSL2 for it, or tcp:// or npipe://")


def pipe_is_there(name: str) -> bool:
    """Whether there is a named pipe of that name; asked without opening it, which would take its place from somebody."""
    try:
        return name in os.listdir("\\\\.\\pipe\\")  # noqa: PTH208  # no pathlib for pipes
    except OSError:
        return True


def pipe_failure() -> type[Exception]:
    """Return what the library for named pipes raises, which is no OSError."""
    try:
        from pywintypes import error
    except ImportError:
        return OSError
    failure: type[Exception] = error
    return failure
