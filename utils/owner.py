"""Which process made something that outlives it: the name that containers carry, and how to read it."""

from __future__ import annotations

import hashlib
import os
import socket

from utils.platform import machine_words, process_start, user_number


def owner() -> str:
    """Return an identifier for this process that is never reused: host, user, process and its start."""
    pid = os.getpid()
    return f"{socket.gethostname()}.{_machine()}:{user_number()}:{pid}:{process_start(pid)}"


def _machine() -> str:
    # Containers, virtual machines and clones may share a host's name, and one engine: a process id means something only on the machine,
    # since its start, and among the processes that it was given to.
    return hashlib.sha256(" ".join(machine_words()).encode()).hexdigest()[:12]
