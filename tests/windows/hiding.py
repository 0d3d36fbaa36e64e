"""Hides from this program, and from nothing else, what Windows lacks; the answers for Windows then run on Linux.

What this is: each `import` of one of our own modules is looked at. Modules that Windows lacks (`termios`, `fcntl`, ...) cannot be imported,
and of `os`, `sys`, `signal`, `socket`, `select`, `subprocess`, `asyncio` and `ctypes` our modules get a copy without the names that Windows
lacks, in which `dir_fd` raises NotImplementedError and `sys.platform` is "win32". The event loop refuses `add_reader` and
`add_signal_handler` to callers of ours. Libraries see everything: asyncio, prompt_toolkit and docker-py have parts of their own for
Windows, which cannot run here.

What this is not: Windows. `msvcrt`, `winreg` and kernel32 are stand-ins, written after their documentation; paths, file systems, consoles,
named pipes and process groups are those of Linux. That a test passes shows that the program needs nothing that was hidden.
"""

from __future__ import annotations

import builtins
import errno
import os
import select
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OURS = tuple(str(ROOT / name) for name in ("main.py", "agents/", "cli/", "history/", "sandbox/", "teams/", "utils/"))
MISSING = set("termios tty pty fcntl pwd grp resource syslog posix pywintypes".split())  # noqa: SIM905
HIDDEN = {
    "os": """getuid geteuid getgid getegid fork forkpty killpg setsid getpgrp getpgid fchmod chown lchown mkfifo statvfs uname nice sysconf
        sched_getaffinity getloadavg get_blocking set_blocking ttyname openpty O_DIRECTORY O_NOFOLLOW O_NONBLOCK O_CLOEXEC""",
    "signal": "SIGHUP SIGKILL SIGQUIT SIGTSTP SIGCONT SIGWINCH SIGPIPE SIGUSR1 SIGUSR2 SIGALRM",
    "socket": "AF_UNIX",
    "asyncio": "open_unix_connection start_unix_server",
}
JUNCTIONS: set[Path] = set()
"""Folders that pass for junctions: they lead elsewhere, and are no symbolic links."""
CLOUD: set[Path] = set()
"""Files that pass for files of a cloud drive: their reparse point leads nowhere."""
OPENED: list[Path] = []
"""What was handed to the desktop."""
PIPES: list[str] = []
"""The named pipes that are there."""
_import = builtins.__import__
_failed = [0]  # the last error of the stand-in for kernel32


class _Copy(types.ModuleType):
    """A module as one of ours sees it: without some names, and with others in place of its own."""

    def __init__(self, real: types.ModuleType, hidden: str, changes: Mapping[str, Any]) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(_real=real, _hidden=hidden.split(), _changes=changes)

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(f"module {self._real.__name__!r} has no attribute {name!r} on Windows")
        return self._changes[name] if name in self._changes else getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def _is_ours(names: Mapping[str, Any] | None) -> bool:
    return str((names or {}).get("__file__", "")).startswith(OURS)


def answers_for_windows(module_name: str) -> Any:
    """Load a module of ours again, as it is on Windows, without a change to any other."""
    path = ROOT / f"{module_name.replace('.', '/')}.py"
    module = types.ModuleType(f"{module_name}_on_windows")

    def as_there(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if name == "utils.platform":
            return answers_for_windows("utils.platform.windows")
        return _seen(name, globals, locals, fromlist, level)

    module.__dict__.update(__file__=str(path), __builtins__={**vars(builtins), "__import__": as_there})
    sys.modules[module.__name__] = module  # where dataclasses look
    exec(compile(path.read_text("utf-8"), path, "exec"), module.__dict__)
    return module


def hide_from_program() -> None:
    """Let every module of ours see Windows, from now on in this process."""
    import asyncio

    def seen(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        return (_seen if _is_ours(globals) else _import)(name, globals, locals, fromlist, level)

    builtins.__import__ = seen
    for name in ("add_reader", "add_writer", "add_signal_handler"):
        setattr(asyncio.SelectorEventLoop, name, _refused_to_ours(getattr(asyncio.SelectorEventLoop, name)))


def _refused_to_ours(method: Callable[..., Any]) -> Callable[..., Any]:
    def refused(*arguments: Any, **options: Any) -> Any:
        if _is_ours(sys._getframe(1).f_globals):
            raise NotImplementedError(f"{method.__name__}: the event loop of Windows has none")
        return method(*arguments, **options)

    return refused


def _seen(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    if name.partition(".")[0] in MISSING:
        raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)
    if name in _STAND_INS:
        return _STAND_INS[name]
    real = _import(name, globals, locals, fromlist, level)
    top = name.partition(".")[0]
    if top == name and (top in HIDDEN or top in _CHANGES):
        return _Copy(real, HIDDEN.get(top, ""), _CHANGES[top]() if top in _CHANGES else {})
    return real


def _changed_os() -> Mapping[str, Any]:
    def without_folders(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if any(options.get(name) is not None for name in ("dir_fd", "src_dir_fd", "dst_dir_fd")):
                raise NotImplementedError("dir_fd unavailable on this platform")
            return function(*arguments, **options)

        return call

    def lstat(path: Any) -> Any:
        seen = os.lstat(path)
        tag = 0xA000000C if Path(path).is_symlink() else 0xA0000003 if Path(path) in JUNCTIONS else 0x9000001A if Path(path) in CLOUD else 0
        fields = {name: getattr(seen, name) for name in ("st_mode", "st_ino", "st_dev", "st_size", "st_mtime")}
        return types.SimpleNamespace(**fields, st_reparse_tag=tag)

    def listdir(path: Any) -> list[str]:
        return PIPES if path == "\\\\.\\pipe\\" else os.listdir(path)  # noqa: PTH208

    def kill(number: int, sent: int) -> None:
        raise AssertionError("os.kill ends the process on Windows, whatever is sent")

    taking = {
        name: without_folders(getattr(os, name)) for name in ("open", "mkdir", "rename", "replace", "unlink", "stat", "rmdir", "access")
    }
    return {
        **taking,
        "lstat": lstat,
        "listdir": listdir,
        "kill": kill,
        "O_BINARY": 0,
        "name": "nt",
        "startfile": OPENED.append,
        "supports_dir_fd": set(),
    }


def _changed_subprocess() -> Mapping[str, Any]:
    class Popen(subprocess.Popen[Any]):
        def __init__(self, *arguments: Any, creationflags: int = 0, **options: Any) -> None:
            assert not {"start_new_session", "preexec_fn", "pass_fds"} & options.keys()
            super().__init__(*arguments, **options, start_new_session=creationflags == 0x200)

    return {"Popen": Popen, "CREATE_NEW_PROCESS_GROUP": 0x200}


def _changed_ctypes() -> Mapping[str, Any]:
    def began(pid: int) -> int:
        try:
            return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        except OSError:
            return 0

    def open_process(access: int, inherit: bool, pid: int) -> int | None:
        _failed[0] = 0 if began(pid) else 87
        return pid if began(pid) else None

    def get_exit_code(handle: Any, code: Any) -> int:
        state = Path(f"/proc/{handle.value}/stat").read_text().rpartition(")")[2].split()[0]
        code._obj.value = 0 if state == "Z" else 259
        return 1

    def get_times(handle: Any, first: Any, *others: Any) -> int:
        first._obj.value = began(handle.value)
        return 1

    def get_mode(handle: Any, mode: Any) -> int:
        mode._obj.value = 3
        return int(os.isatty(handle.value or 0))

    kernel = {
        "OpenProcess": open_process,
        "GetExitCodeProcess": get_exit_code,
        "GetProcessTimes": get_times,
        "CloseHandle": lambda handle: 1,
        "GetConsoleMode": get_mode,
        "SetConsoleMode": lambda handle, mode: int(mode & 4),
    }
    return {"WinDLL": lambda name, use_last_error: types.SimpleNamespace(**kernel), "get_last_error": lambda: _failed[0]}


def _select(*lists: Any) -> Any:
    if any(isinstance(each, int) for each in (*lists[0], *lists[1], *lists[2])):
        raise OSError(10038, "An operation was attempted on something that is not a socket")
    return select.select(*lists)


def _lock(file: int, mode: int, count: int) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


def _module(name: str, **names: Any) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(names)
    return module


_CHANGES: Mapping[str, Callable[[], Mapping[str, Any]]] = {
    "os": _changed_os,
    "sys": lambda: {"platform": "win32"},
    "signal": lambda: {"SIGBREAK": signal.SIGQUIT},
    "subprocess": _changed_subprocess,
    "ctypes": _changed_ctypes,
    "select": lambda: {"select": _select},
}
_STAND_INS = {
    "msvcrt": _module(
        "msvcrt",
        LK_NBLCK=2,
        locking=_lock,
        get_osfhandle=lambda file: file,
        kbhit=lambda: os.isatty(0) and bool(select.select([0], [], [], 0)[0]),
        getwch=lambda: os.read(0, 1).decode("latin-1"),
    ),
    "winreg": _module(
        "winreg", HKEY_LOCAL_MACHINE=0, OpenKey=lambda root, path: nullcontext(path), QueryValueEx=lambda key, name: ("a-machine", 1)
    ),
}
