"""Files out of the container: what is new or changed is listed, fetched in one stream, and mirrored to a folder of the host."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.files.host_folder import HostFolder, PendingFile
from sandbox.files.names import CACHES, HostNames
from sandbox.verdicts import Ended, ProducedFile
from utils.docker_utils import SHELL, WORKSPACE, Limits
from utils.errors import ContainerLost
from utils.text import size_text

_LISTED_BYTES = 1024**2  # of listing: some ten thousand files
_SECONDS = 60
_KINDS = {"f": "", "l": "a link", "p": "a pipe", "s": "a socket", "b": "a device", "c": "a device"}

# Nothing else runs meanwhile: what is listed cannot change until it is fetched. One entry is: kind, size, stamp, name, NUL.
_LIST = r"""
PATH=${PATH#*:}
if find . -maxdepth 0 -printf '' 2>/dev/null; then
  find . -xdev -name __pycache__ -prune -o ! -type d -printf '%y %s %T@:%C@ %p\0'
  printf 'd 0 - /\0'
  exec find "$HOME" /tmp /var/tmp /dev/shm -xdev -maxdepth 4 -name '.?*' -prune -o -type f -printf '%y %s %T@:%C@ %p\0' 2>/dev/null
fi
find . -xdev -name __pycache__ -prune -o ! -type d -exec sh -c '
  for name; do
    if [ -L "$name" ]; then kind=l; elif [ -f "$name" ]; then kind=f; else kind=p; fi
    printf "%s %s %s\0" "$kind" "$(stat -c "%s %Y:%Z" "$name")" "$name"
  done' sh {} +
printf 'd 0 - /\0'
"""
_MOST_ELSEWHERE = 20
_SCRATCH = re.compile(r"(?:.*/)?tmp[a-z0-9_]{8}")
ELSEWHERE = f"it is outside {WORKSPACE}; only files in {WORKSPACE} are handed over"
# For each pair of size and name: the size on a line, then exactly that many bytes; or a dash where the file cannot be read.
_FETCH = r"""
PATH=${PATH#*:}
while [ $# -gt 1 ]; do
  if [ -f "$2" ] && [ ! -L "$2" ] && [ -r "$2" ]; then echo "$1"; head -c "$1" <"$2"; else echo -; fi
  shift 2
done
echo end
"""


@dataclass(frozen=True)
class Entry:
    """One file of the working folder that is no folder."""

    kind: str  # as find(1) says it: f for a regular file
    size: int  # bytes
    stamp: str  # times of its last change, compared as text


@dataclass(frozen=True)
class LeftOut:
    """A file that was not mirrored, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """The files in the working folder by name; not complete when there were more than can be listed.

    `elsewhere` are files that programs have left outside of it, by their full names, as far as they could be listed.
    """

    files: Mapping[str, Entry]
    complete: bool = True
    elsewhere: Mapping[str, Entry] = field(default_factory=dict)


def list_files(container: SandboxContainer) -> Listing:
    """List the working folder of a container that was emptied. ContainerLost when that cannot be done."""
    outcome = container.run(Command([SHELL, "-c", _LIST], output_limit=_LISTED_BYTES, seconds=_SECONDS))
    if outcome.ended not in (Ended.EXIT, Ended.OUTPUT):
        raise ContainerLost("the files of the sandbox could not be listed", "run the program again")
    found = dict(_entries(outcome.output))
    complete = found.pop("/", None) is not None  # it comes between the working folder's files and the others
    files = {name: entry for name, entry in found.items() if not name.startswith("/")}
    return Listing(files, complete, {name: entry for name, entry in found.items() if name not in files})


def _entries(listing: bytes) -> Iterator[tuple[str, Entry]]:
    for line in listing.split(b"\0")[:-1]:
        # A name that is not UTF-8 is shown with escapes; it cannot be asked for, and is left out for that.
        text = line.decode("utf-8", "backslashreplace")
        kind, size, stamp, name = text.split(" ", 3)
        if size.isdigit():
            yield name.removeprefix("./"), Entry(kind if text.encode() == line else "?", int(size), stamp)


def left_elsewhere(before: Listing, now: Listing) -> list[LeftOut]:
    """Name what programs have left outside of the working folder since the listing before, as far as it is no scratch of theirs."""
    new = (name for name, entry in sorted(now.elsewhere.items()) if before.elsewhere.get(name) != entry)
    told = (name for name in new if not _SCRATCH.fullmatch(name) and not any(map(CACHES.fullmatch, name.split("/"))))
    return [LeftOut(name, ELSEWHERE) for name in islice(told, _MOST_ELSEWHERE)]


def choose(changed: Mapping[str, Entry], complete: bool, limits: Limits) -> tuple[dict[str, Entry], list[LeftOut]]:
    """Choose the regular files within the limits, those at the top and small ones first; say what is left out and why."""
    chosen: dict[str, Entry] = {}
    caches = {name: _cache_of(name) for name in changed if _cache_of(name)}
    left_out = [LeftOut(name, "a cache or an environment that tools recreate") for name in sorted(set(caches.values()))]
    total = 0
    wanted = [item for item in changed.items() if item[0] not in caches]
    for name, entry in sorted(wanted, key=lambda item: (item[0].count("/"), item[1].size, item[0])):
        reason = _refusal(entry, len(chosen), total, limits)
        if reason:
            left_out.append(LeftOut(name, reason))
        else:
            chosen[name] = entry
            total += entry.size
    if not complete:
        left_out.append(LeftOut("...", "there are more files than can be listed"))
    return dict(sorted(chosen.items())), left_out


def is_cache(name: str) -> bool:
    """Whether the name is that of a cache or an environment, or of something in one."""
    return bool(_cache_of(name))


def _cache_of(name: str) -> str:
    """Return the folder or file in the name that is a cache: ".venv/" for .venv/lib/x.py; "" if none is."""
    parts = name.split("/")
    at = next((at for at, part in enumerate(parts) if CACHES.fullmatch(part)), None)
    return "" if at is None else "/".join(parts[: at + 1]) + ("/" if at + 1 < len(parts) else "")


def _refusal(entry: Entry, count: int, total: int, limits: Limits) -> str:
    if entry.kind != "f":
        return _KINDS.get(entry.kind, "its name is not UTF-8")
    if entry.size > limits.copied_file:
        return f"larger than {size_text(limits.copied_file)}"
    if count >= limits.copied_files:
        return f"more than {limits.copied_files} files"
    if total + entry.size > limits.copied_total:
        return f"more than {size_text(limits.copied_total)} in all"
    return ""


def mirror(
    container: SandboxContainer,
    chosen: Mapping[str, Entry],
    known: Collection[str],
    folder: HostFolder,
    names: HostNames,
    kept: Collection[str] = (),
) -> tuple[list[ProducedFile], list[LeftOut]]:
    """Fetch the chosen files and store them in the host's folder; blocks. ContainerLost when the stream breaks: then none is stored.

    Those in `known` were there before. Those in `kept` arrive under a second name, beside what is stored under their own.
    """
    targets = {name: names.name(name, beside=name in kept) for name in chosen}
    left_out = [LeftOut(name, "its name is not allowed here") for name, target in targets.items() if target is None]
    wanted = [name for name, target in targets.items() if target is not None]
    if not wanted:
        return [], left_out
    receiver = _Receiver(folder, [(name, chosen[name].size) for name in wanted])
    try:
        outcome = container.run(
            Command(
                [SHELL, "-c", _FETCH, "sh", *(word for name in wanted for word in (str(chosen[name].size), f"./{name}"))],
                output_limit=sum(chosen[name].size + 32 for name in wanted) + 32,
                seconds=_SECONDS,
                keep_output=False,
            ),
            on_output=receiver.feed,
        )
        if outcome.ended is not Ended.EXIT or not receiver.complete:
            raise ContainerLost("the files of the sandbox could not be copied out", "run the program again")
        return _store(receiver, known, folder, targets, left_out)
    finally:
        receiver.discard()


def _store(
    receiver: _Receiver, known: Collection[str], folder: HostFolder, targets: Mapping[str, str | None], left_out: list[LeftOut]
) -> tuple[list[ProducedFile], list[LeftOut]]:
    produced = []
    for name, length, pending in receiver.received:
        target = targets[name]
        try:
            if pending is None or target is None:
                left_out.append(LeftOut(name, "it cannot be read"))
                continue
            path: Path = folder.commit(pending, target)
        except OSError as error:
            left_out.append(LeftOut(name, f"it cannot be stored here: {error.strerror}"))
            continue
        produced.append(ProducedFile(path, target, length, name not in known))
    return produced, left_out


class _Receiver:
    """Takes the stream of _FETCH apart as it comes, each file into one of its own under a passing name."""

    def __init__(self, folder: HostFolder, wanted: list[tuple[str, int]]) -> None:
        self.received: list[tuple[str, int, PendingFile | None]] = []
        self.complete = False
        self._folder = folder
        self._wanted = wanted
        self._line = b""
        self._left = 0
        self._broken = False

    def feed(self, data: bytes) -> None:
        at = 0
        while at < len(data) and not self._broken:
            if self._left:
                at += self._content(data[at : at + self._left])
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line += data[at:]
                return
            line, self._line = self._line + data[at:end], b""
            at = end + 1
            self._head(line)

    def _content(self, piece: bytes) -> int:
        pending = self.received[-1][2]
        self._left -= len(piece)
        try:
            if pending is not None:
                pending.stream.write(piece)
                if not self._left:
                    pending.stream.close()  # now, not at the end: the files of one run may be more than we may hold open
        except OSError:
            self._broken = True
        return len(piece)

    def _head(self, line: bytes) -> None:
        if len(self.received) == len(self._wanted):
            self.complete = line == b"end"
            self._broken = not self.complete
            return
        name, length = self._wanted[len(self.received)]
        if line == b"-":
            self.received.append((name, length, None))
        elif line == str(length).encode():
            try:
                self.received.append((name, length, self._folder.begin()))
                self._left = length
            except OSError:
                self._broken = True
        else:
            self._broken = True

    def discard(self) -> None:
        for _, _, pending in self.received:
            if pending is not None:
                self._folder.discard(pending)
