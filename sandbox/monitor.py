"""The container's main process: what it answers is evidence, for programs can neither signal it, nor read it, nor write to it."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field

from sandbox.exec_stream import OUT, Connection, Frames
from utils.docker_utils import MONITOR_USER, SHELL

_ANSWER_SECONDS = 2.0

# Its standard input is a line to us: when our process ends, by whatever signal, the line breaks, `read` fails, and the container ends with
# it. It answers each line without starting a process, so that it can answer when no process can be started.
#
# First it copies the shell. A program may execute the copy and not read it, so the kernel keeps other processes of the same user from
# tracing whatever runs it, and from reading or writing its memory.
#
# Whether a process of a program is left is seen in two ways, because a process that forks and ends all the time could be missed by whoever
# reads the list of processes: the kernel's own number of processes and threads is told beside that of those that were read.
_SCRIPT = rf"""
exec 2>/dev/null
umask 066
cp /bin/sh {SHELL} || exit 1
left() {{
  found=0 user= own=0 threads=0
  for folder in /proc/[0-9]*; do
    while read -r key value _; do
      case $key in
        Uid:) case $value in 0|{MONITOR_USER.partition(":")[0]}) own=$((own + 1)) ;; *) found=$((found + 1)) user=$value ;; esac ;;
        Threads:) threads=$((threads + value)); break ;;
      esac
    done <"$folder/status"
    if [ "$found" -gt 1 ]; then break; fi
  done
  echo "own $own"
  echo "left $found $user"
  for file in /sys/fs/cgroup/pids.current /sys/fs/cgroup/pids/pids.current; do
    if [ "$found" -lt 2 ] && [ -r "$file" ] && read -r number <"$file"; then echo "unseen $((number - threads))"; fi
  done
}}
while read -r question; do
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/pids.events \
              /sys/fs/cgroup/memory/memory.oom_control /sys/fs/cgroup/pids/pids.events; do
    if [ -r "$file" ]; then
      while read -r line; do echo "$file $line"; done <"$file"
    fi
  done
  for file in /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/cpuacct/cpuacct.usage /sys/fs/cgroup/cpu,cpuacct/cpuacct.usage; do
    if [ -r "$file" ]; then
      while read -r key value; do
        case $key in usage_usec) echo "cpu $value"; break ;; *[!0-9]*) ;; *) echo "cpu $((key / 1000))"; break ;; esac
      done <"$file"
      break
    fi
  done
  # Whether somebody listens for connections, and whether there are any; those who listen come first, and a program may have very many.
  listens=no talks=no
  for file in /proc/net/tcp /proc/net/tcp6; do
    number=0
    while [ "$talks" = no ] && read -r _ _ _ state _; do
      number=$((number + 1))
      case $state in 0A) listens=yes ;; 0[1238]) talks=yes ;; esac
      if [ "$number" -gt 100 ]; then talks=yes; fi
    done <"$file"
  done
  echo "listens $listens $talks"
  # How often the kernel found no way out for what a program sent: it has tried the network while that was off.
  {{ read -r names && read -r values && echo "names $names" && echo "values $values"; }} </proc/net/snmp
  while IFS=" :" read -r name rest; do
    case $rest in *[0-9]*) echo "net $name" ;; esac
  done </proc/net/dev
  left
  echo "end $question"
done
"""


def main_process(lifetime: int) -> tuple[str, ...]:
    """Return the command of the main process, which ends by itself after so many seconds."""
    return ("timeout", "-s", "KILL", str(lifetime), "/bin/sh", "-c", _SCRIPT)


@dataclass(frozen=True)
class Counters:
    """What the kernel has counted in a container since it started."""

    memory_kills: int = 0
    refused_processes: int = 0
    no_routes: int = 0  # times that something was to be sent to where no network leads


@dataclass(frozen=True)
class Seen:
    """What the main process sees of the container at one moment."""

    counters: Counters = field(default_factory=Counters)
    left: int = 0  # processes of programs or of pip: 0, 1, or 2 for more than one
    user: str = ""  # the user id of one of them
    own: int = 0  # processes of the main process's own user, and of root: 0 where the engine does not show whose a process is
    unseen: int | None = None  # how many more processes and threads the kernel counts than were seen; None where it does not tell
    networks: frozenset[str] = frozenset()  # the names of the network interfaces
    listens: bool = False  # something waits for connections, and there is none
    cpu: float | None = None  # seconds of processor time that the container has used; None where it is not told


class Monitor:
    """The line to a main process; `look` may be called from any thread."""

    def __init__(self, line: Connection) -> None:
        """Take the connection to its standard streams."""
        self._line = line
        self._lock = threading.Lock()
        self._questions = itertools.count(1)
        self._frames = Frames()

    def look(self) -> Seen | None:
        """Return what it sees now; None if it does not answer: the container is gone, or frozen."""
        with self._lock:
            question = str(next(self._questions))
            try:
                self._line.send(f"{question}\n".encode())
            except OSError:
                return None
            return self._answer(f"end {question}\n".encode())

    def _answer(self, end: bytes) -> Seen | None:
        answer = bytearray()
        until = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until:
            data = self._line.receive(_ANSWER_SECONDS)
            if not data:
                return None
            for stream, piece in self._frames.feed(data):
                if stream == OUT:
                    answer += piece
            if answer.endswith(end):
                return understand(answer.decode("ascii", "replace"))
        return None

    def close(self) -> None:
        """Break the line, which ends the main process and its container."""
        self._line.close()


def understand(answer: str) -> Seen:
    """Read one answer of the main process; both versions of cgroup are understood."""
    said: dict[str, list[tuple[str, str]]] = {}
    for line in answer.splitlines():
        name, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        said.setdefault(name, []).append((key, value))

    def last(name: str) -> str:
        return next((key for key, _ in reversed(said.get(name, []))), "")

    kills = [int(value) for rows in said.values() for key, value in rows if key == "oom_kill" and value.isdigit()]
    # memory.events has a line `max`, too: only that of pids.events counts processes that were refused.
    events = [row for name, rows in said.items() if name.endswith("pids.events") for row in rows]
    refused = [int(value) for key, value in events if key == "max" and value.isdigit()]
    left, user = next((row for row in reversed(said.get("left", [])) if row[0].isdigit()), ("2", ""))  # without a word, some are left
    return Seen(
        Counters(max(kills, default=0), max(refused, default=0), _no_routes(answer)),
        left=int(left),
        user=user,
        own=int(last("own")) if last("own").isdigit() else 0,
        unseen=int(last("unseen")) if last("unseen") else None,
        networks=frozenset(key for key, _ in said.get("net", [])),
        listens=("yes", "no") in said.get("listens", []),
        cpu=int(last("cpu")) / 1e6 if last("cpu").isdigit() else None,
    )


def _no_routes(answer: str) -> int:
    rows = dict(line.split(" ", 1) for line in answer.splitlines() if line.startswith(("names ", "values ")))
    counts = dict(zip(rows.get("names", "").split(), rows.get("values", "").split(), strict=False))
    found = counts.get("OutNoRoutes", "")
    return int(found) if found.isdigit() else 0
