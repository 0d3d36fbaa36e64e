"""Looks from inside of a container which limits are in force: an engine may take a limit without a word and ignore it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.verdicts import Ended
from utils.docker_utils import PROGRAM_USER, SHELL, Limits
from utils.errors import ContainerLost
from utils.text import size_text

_SECONDS = 10
_SLACK = 1.01  # the kernel rounds to pages, and quotas to its own steps

# Only the shell's own words: what an image's tools say is the image's word. cgroup v2 keeps its files in one folder, v1 in several.
_LOOK = r"""
exec 2>/dev/null
while IFS= read -r line; do
  case $line in Uid:*|CapEff:*|CapBnd:*|NoNewPrivs:*|Seccomp:*) echo "$line" ;; esac
done </proc/self/status
while IFS= read -r line; do
  case $line in SwapTotal:*) echo "$line" ;; esac
done </proc/meminfo
while IFS= read -r line; do
  case $line in "Max file size"*) echo "file: ${line#Max file size}" ;; esac
done </proc/self/limits
while read -r _ _ _ _ place options _; do
  if [ "$place" = / ]; then echo "root: $options"; fi
done </proc/self/mountinfo
for place in /sys/class/net/*; do echo "net: ${place##*/}"; done
cd /sys/fs/cgroup || exit
for file in pids.max pids/pids.max memory.max memory/memory.limit_in_bytes memory.swap.max memory/memory.memsw.limit_in_bytes \
            cpu.max cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; do
  if [ -r "$file" ]; then IFS= read -r line <"$file"; echo "$file: $line"; fi
done
echo "end: end"
"""


class State(Enum):
    """What was found out about a limit."""

    IN_FORCE = "in force"
    IGNORED = "ignored"
    UNSEEN = "cannot be seen from inside"


@dataclass(frozen=True)
class Fact:
    """One limit and what was seen of it."""

    limit: str  # as shown to the user
    state: State
    wanted: str
    seen: str


def check_limits(container: SandboxContainer, limits: Limits, *, strict: bool = False) -> tuple[Fact, ...]:
    """Look from inside which limits are in force; one exec, some 50 ms. ContainerLost when that cannot be done."""
    outcome = container.run(Command([SHELL, "-c", _LOOK], output_limit=65536, seconds=_SECONDS))
    seen = _read(outcome.output.decode("utf-8", "replace"))
    if outcome.ended is not Ended.EXIT or "end" not in seen:
        raise ContainerLost("the limits in force could not be looked at", "try again")
    return judge(seen, limits, strict=strict, runtime=container.runtime())


def _read(text: str) -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        seen.setdefault(name, []).append(value.strip())
    return seen


def judge(seen: Mapping[str, Sequence[str]], limits: Limits, *, strict: bool = False, runtime: str = "") -> tuple[Fact, ...]:
    """Compare what was seen (the values of each name, as _LOOK prints them) with what the engine was asked for."""
    user = PROGRAM_USER.partition(":")[0]
    facts = [
        _same("user", seen, "Uid", "\t".join([user] * 4), user),
        _same("no capabilities", seen, "CapEff", "0" * 16, "none"),
        _same("no capabilities to gain", seen, "CapBnd", "0" * 16, "none"),
        _same("no new privileges", seen, "NoNewPrivs", "1", "set"),
    ]
    if runtime != "runsc":  # gVisor serves the system calls itself, and shows no filter
        facts.append(_same("system call filter", seen, "Seccomp", "2", "set"))
    facts += [
        _at_most("processes", _number(seen, "pids.max", "pids/pids.max"), limits.pids, str(limits.pids)),
        _at_most("memory", _number(seen, "memory.max", "memory/memory.limit_in_bytes"), limits.memory, size_text(limits.memory)),
        _swap(seen, limits),
        _at_most("processors", _processors(seen), limits.cpus, f"{limits.cpus:g}"),
        _at_most("file size", _number(seen, "file"), limits.file_size, size_text(limits.file_size)),
    ]
    if limits.network != "on":
        others = [name for name in seen.get("net", ()) if name != "lo"]
        state = State.UNSEEN if not seen.get("net") else State.IGNORED if others else State.IN_FORCE
        facts.append(Fact("network off", state, "lo", ", ".join(seen.get("net", ()))))
    if strict:
        options = seen.get("root", ("",))[-1].split(",")
        state = State.IN_FORCE if "ro" in options else State.IGNORED if options != [""] else State.UNSEEN
        facts.append(Fact("read-only system", state, "ro", ",".join(options)))
    return tuple(facts)


def _same(limit: str, seen: Mapping[str, Sequence[str]], name: str, wanted: str, shown: str) -> Fact:
    values = seen.get(name)
    if not values:
        return Fact(limit, State.UNSEEN, shown, "")
    return Fact(limit, State.IN_FORCE if values[0] == wanted else State.IGNORED, shown, " ".join(values[0].split()))


def _number(seen: Mapping[str, Sequence[str]], *names: str) -> float | None:
    """Return the first of the values that is there; infinity if it says that there is no limit, None if none is there."""
    for name in names:
        words = seen.get(name, ("",))[0].split()
        if words:
            return float(words[0]) if words[0].isdigit() else float("inf")
    return None


def _processors(seen: Mapping[str, Sequence[str]]) -> float | None:
    quota, _, period = seen.get("cpu.max", ("",))[0].partition(" ")
    quota = quota or seen.get("cpu/cpu.cfs_quota_us", ("",))[0]
    period = period or seen.get("cpu/cpu.cfs_period_us", ("",))[0]
    if not quota or not period.isdigit():
        return None
    return int(quota) / int(period) if quota.isdigit() else float("inf")


def _at_most(limit: str, number: float | None, wanted: float, shown: str) -> Fact:
    if number is None:
        return Fact(limit, State.UNSEEN, shown, "")
    told = "no limit" if number == float("inf") else size_text(int(number)) if wanted >= 1024**2 else f"{number:g}"
    return Fact(limit, State.IN_FORCE if number <= wanted * _SLACK else State.IGNORED, shown, told)


def _swap(seen: Mapping[str, Sequence[str]], limits: Limits) -> Fact:
    if seen.get("SwapTotal", ("",))[0].startswith("0 "):
        return Fact("no swap", State.IN_FORCE, "none", "the engine's machine has none")
    beside = _number(seen, "memory.swap.max")
    if beside is not None:
        return _at_most("no swap", beside, 0, "none")
    both = _number(seen, "memory/memory.memsw.limit_in_bytes")
    return _at_most("no swap", both, limits.memory, size_text(limits.memory))


def not_in_force(facts: Iterable[Fact]) -> str:
    """Name the limits that are not proved to be in force, in one sentence; nothing if all are."""
    ignored = [f"{fact.limit} ({fact.seen})" if fact.seen else fact.limit for fact in facts if fact.state is State.IGNORED]
    unseen = [fact.limit for fact in facts if fact.state is State.UNSEEN]
    parts = [f"{words}: {', '.join(names)}" for words, names in (("ignores", ignored), ("does not show whether it keeps", unseen)) if names]
    return f"this engine {' and '.join(parts)}" if parts else ""
