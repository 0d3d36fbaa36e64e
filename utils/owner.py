"""Which process made something that outlives it: the name that containers carry, and how to read it."""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path


def owner() -> str:
    """Return an identifier for this process that is never reused: host, user, process and its start."""
    pid = os.getpid()
    user = os.getuid() if hasattr(os, "getuid") else 0
    return f"{socket.gethostname()}.{_machine()}:{user}:{pid}:{process_start(pid)}"


def _machine() -> str:
    # Containers, virtual machines and clones may share a host's name, and one engine: a process id means something only on the machine,
    # since its start, and among the processes that it was given to.
    words = []
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with suppress(OSError):
            words.append(Path(path).read_text().strip())
    with suppress(OSError):
        words.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:12]


def process_start(pid: int) -> str:
    """Return when the process began, in the kernel's ticks; "0" if that cannot be known."""
    # Process ids are used again. The kernel's start time (field 22, after the name in parentheses) tells two of them apart.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "0"
