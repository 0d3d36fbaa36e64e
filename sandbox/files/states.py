"""What the programs' folder held at certain moments, kept on this machine within limits, so that it can be put back."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.container import SandboxContainer
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import HostNames
from sandbox.files.transfer import Entry, LeftOut, Listing, choose, is_cache, mirror
from utils.docker_utils import Limits

_MOST_STATES = 50


@dataclass(frozen=True)
class PutBack:
    """What changed when a state was put back, by name in the programs' folder, and what is not as it was, with the reason."""

    stored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass
class Difference:
    """What has to be done to the programs' folder until a state is in it again."""

    stored: dict[str, Path]
    """Files to store, by name, and where their content is kept."""
    removed: list[str]
    left_out: list[LeftOut]


class States:
    """States of one programs' folder; contents are kept once each, in a folder that goes with this object."""

    def __init__(self) -> None:
        """Start with none."""
        self.newest = ""
        """The key of the newest state; "" if there is none."""
        self._states: dict[str, Listing] = {}
        self._contents: dict[tuple[str, Entry], Path] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-states-", ignore_cleanup_errors=True)
        self._count = 0

    def close(self) -> None:
        """Remove all that is kept."""
        self._folder.cleanup()

    def take(self, container: SandboxContainer, listing: Listing, limits: Limits) -> None:
        """Keep the folder as the listing says that it is, fetching what is not kept yet. ContainerLost or OSError when that fails."""
        self.newest = ""
        files = {name: entry for name, entry in listing.files.items() if not is_cache(name)}
        missing = {name: entry for name, entry in files.items() if (name, entry) not in self._contents}
        used = sum(path.stat().st_size for path in {self._contents[item] for item in files.items() if item in self._contents})
        chosen, _ = choose(missing, True, replace(limits, copied_total=limits.copied_total - used))
        numbers = _Numbers()
        fetched, _ = mirror(container, chosen, (), HostFolder(Path(self._folder.name)), numbers)
        for file in fetched:
            name = numbers.names[file.name]
            self._contents[name, files[name]] = self._keep(file.path)
        self._count += 1
        self.newest = str(self._count)
        self._states[self.newest] = replace(listing, files=files)
        self._forget_beyond(limits.copied_total)

    def _keep(self, path: Path) -> Path:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return path.replace(path.with_name(digest.hexdigest()))

    def _forget_beyond(self, most: int) -> None:
        """Forget the oldest states until there are few enough, and what they hold is little enough in all."""
        while True:
            wanted = {item for state in self._states.values() for item in state.files.items()}
            self._contents = {item: path for item, path in self._contents.items() if item in wanted}
            kept = set(self._contents.values())
            if len(self._states) == 1 or (len(self._states) <= _MOST_STATES and sum(path.stat().st_size for path in kept) <= most):
                break
            del self._states[next(iter(self._states))]
        for path in Path(self._folder.name).iterdir():
            if path not in kept:
                path.unlink()

    def difference(self, key: str, now: Listing, limits: Limits) -> Difference | None:
        """Compare a state with what is there now; None if the state is not kept (any more)."""
        state = self._states.get(key)
        if state is None:
            return None
        found = Difference({}, [], [])
        for name, entry in state.files.items():
            content = self._contents.get((name, entry))
            if now.files.get(name) == entry or (content and name in now.files and self._contents.get((name, now.files[name])) == content):
                continue
            if content is not None:
                found.stored[name] = content
            else:
                found.left_out.append(LeftOut(name, _why_not_kept(entry, limits)))
        if state.complete and now.complete:
            found.removed = [name for name in now.files if name not in state.files and not is_cache(name)]
        else:
            found.left_out.append(LeftOut("...", "there are more files than can be listed"))
        return found

    def learn(self, stored: Mapping[str, Path], now: Listing) -> None:
        """Take note of what the files that were stored look like in a listing."""
        self._contents |= {(name, now.files[name]): path for name, path in stored.items() if name in now.files}


class _Numbers(HostNames):
    """Names files by numbers, and knows which is which."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}

    def name(self, name: str, *, beside: bool = False) -> str:
        """Return the next number."""
        number = str(len(self.names))
        self.names[number] = name
        return number


def _why_not_kept(entry: Entry, limits: Limits) -> str:
    _, refused = choose({"file": entry}, True, limits)
    return refused[0].reason if refused else "more files or bytes than are kept for this"
