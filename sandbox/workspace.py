"""The programs' folder as it is known on this machine: what is in it, what was copied in, and what was copied out under which name.

It outlives a container: the next one gets what was copied in, and the names on this machine stay the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.files.added import Selection, put_files
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import HostNames
from sandbox.files.states import PutBack, States
from sandbox.files.transfer import LeftOut, Listing, choose, left_elsewhere, list_files, mirror
from sandbox.languages import ALIASES
from sandbox.program import Job
from sandbox.verdicts import Ended, ProducedFile
from utils.docker_utils import SHELL, Limits
from utils.errors import ContainerLost

NOT_SAVED = "could not be saved on this machine"
_NAMES_AT_ONCE = 500
_REMOVE = 'PATH=${PATH#*:}; rm -f -- "$@"'
_LOG = logging.getLogger(__name__)


class Workspace:
    """Mirrors the programs' folder to one folder of the host; every method blocks, and only one may be called at a time."""

    def __init__(self, folder: Callable[[], HostFolder]) -> None:
        """Take what gives the host's folder."""
        self.left_out: tuple[LeftOut, ...] = ()
        """What the last `collect` did not mirror, and why."""
        self.gone: tuple[str, ...] = ()
        """The files that were deleted in the container between the last two listings of it."""
        self.states: States | None = None
        """What the folder held before, to be put back; None if that is not kept."""
        self._folder = folder
        self._names = HostNames()
        self._known = Listing({})
        self._added: list[Selection] = []
        self._stored: dict[str, int] = {}  # programs and added files stored since the last listing, with their sizes in bytes
        self._codes: dict[str, list[bytes]] = {}  # of each program, what was shown of it before it ran
        self._shown: set[str] = set()  # programs that ran since then: what is stored of them here is what was shown before they ran

    def move_to(self, container: SandboxContainer) -> None:
        """Start over with a new, empty container, and copy the added files into it."""
        self._known = Listing({})
        for selection in self._added:
            self._stored.update(put_files(container, selection))

    def add(self, container: SandboxContainer, selection: Selection) -> None:
        """Copy files in; they do not count as files that programs made."""
        self._stored.update(put_files(container, selection))
        self._added.append(selection)

    def remove(self, container: SandboxContainer, names: Sequence[str]) -> None:
        """Delete files in the container, as the programs' user, that were deleted elsewhere; ContainerLost when that cannot be done."""
        for at in range(0, len(names), _NAMES_AT_ONCE):
            some = [f"./{name}" for name in names[at : at + _NAMES_AT_ONCE]]
            if container.run(Command([SHELL, "-c", _REMOVE, "sh", *some])).ended is not Ended.EXIT:
                raise ContainerLost("files could not be deleted", "try again")
        lost = set(names)
        self._known = replace(self._known, files={name: entry for name, entry in self._known.files.items() if name not in lost})
        self.hand_on(Selection(), names)

    def hand_on(self, made: Selection, gone: Sequence[str]) -> None:
        """Let a container that takes this one's place have what was made in it, and be without what was deleted."""
        lost = {*gone, *(name for name, _, _ in made.files)}
        for selection in self._added:
            selection.files[:] = [each for each in selection.files if each[0] not in lost]
        self._added = [each for each in (*self._added, made) if each.files]

    def save(self, job: Job) -> tuple[str, ...]:
        """Store a program and the files beside it on this machine before it runs; return a note for each that cannot be stored."""
        notes: tuple[str, ...] = ()
        for file_name, text in (*job.files, (job.file_name, job.code)):
            code = text.encode("utf-8", "replace")
            name = self.host_name(file_name)
            self._stored[file_name] = len(code)
            # Data is the program's to change; code stays as it was shown before it ran.
            if file_name == job.file_name or file_name.rpartition(".")[2].lower() in ALIASES:
                self._shown.add(file_name)
                self._codes.setdefault(file_name, []).append(code)
            try:
                if name is None:
                    raise OSError("its name is not allowed")
                self._folder().write(name, code)
            except OSError as error:
                _LOG.info("%s was not saved: %s", name, error)
                notes += (f"{file_name} {NOT_SAVED}",)
        return notes

    def forget(self, job: Job) -> None:
        """Remove a program that is not to be kept."""
        name = None if job.keep_file else self.host_name(job.file_name)
        if name is not None:
            self._folder().remove(name)

    def host_name(self, file_name: str) -> str | None:
        """Return the name in the host's folder of a program's file; None when it may not be stored there."""
        return self._names.name(file_name)

    def collect(self, container: SandboxContainer, limits: Limits) -> list[ProducedFile]:
        """Mirror what is new or changed in a container that was emptied; `left_out` says what was not mirrored, and why."""
        self.left_out, self.gone = (), ()
        try:
            listing = list_files(container)
            changed = {name: entry for name, entry in listing.files.items() if self._changed(name, listing)}
            chosen, left_out = choose(changed, listing.complete, limits)
            there = self._known.files.keys() | self._stored.keys()
            produced, refused = mirror(container, chosen, there, self._folder(), self._names, self._shown)
        except (ContainerLost, OSError) as error:
            return self.lose(str(error))
        if listing.complete and self._known.complete:
            self.gone = tuple(name for name in self._known.files if name not in listing.files)
        elsewhere = left_elsewhere(self._known, listing)
        # What a listing that was cut does not name may still be there, and is not new when it is named again.
        self._known = listing if listing.complete else replace(listing, files={**self._known.files, **listing.files})
        self._stored, self._shown = {}, set()
        self.left_out = (*left_out, *refused, *elsewhere)
        self._take_state(container, listing, limits)
        return produced

    def holds(self, file_name: str) -> bool:
        """Tell whether the file was there when the folder was listed last, or was stored since."""
        return file_name in self._known.files or file_name in self._stored

    def found(self, base_name: str) -> list[str]:
        """Return the files of that name in any folder, as of the last listing."""
        return [name for name in self._known.files if name.rpartition("/")[2] == base_name]

    def take_state(self, container: SandboxContainer, limits: Limits) -> None:
        """Keep what the folder holds now, if that is wanted; ContainerLost when it cannot be listed."""
        if self.states is not None:
            self._take_state(container, list_files(container), limits)

    def _take_state(self, container: SandboxContainer, listing: Listing, limits: Limits) -> None:
        if self.states is not None:
            try:
                self.states.take(container, listing, limits)
            except (ContainerLost, OSError) as error:
                _LOG.info("a state was not kept: %s", error)

    def put_back(self, container: SandboxContainer, state: str, limits: Limits) -> PutBack | None:
        """Make the folder, and its copy on this machine, what it was in a state; None if that state is not kept.

        What the user has added since stays. ContainerLost or EngineError when the container cannot be changed.
        """
        listing = list_files(container)
        found = self.states.difference(state, listing, limits) if self.states else None
        if found is None or self.states is None:
            return None
        added = {name for selection in self._added for name, _, _ in selection.files}
        removed = [name for name in found.removed if name not in added]
        self.remove(container, removed)
        stored = Selection([(name, path, path.stat().st_size) for name, path in found.stored.items()])
        put_files(container, stored)
        self._known = list_files(container)
        self.states.learn(found.stored, self._known)
        left_out = [*found.left_out, *stored.left_out]
        for name in removed:
            if (target := self.host_name(name)) is not None:
                self._folder().remove(target)
        for name, path in found.stored.items():
            try:
                self._put_on_host(name, path.read_bytes())
            except OSError as error:
                left_out.append(LeftOut(name, f"it cannot be stored here: {error.strerror}"))
        return PutBack(tuple(found.stored), tuple(removed), tuple(left_out))

    def _put_on_host(self, name: str, content: bytes) -> None:
        codes = self._codes.get(name, [content])
        if content not in codes:  # under the name of a program is what was shown of it, beside it what it became
            self._put_on_host(name, codes[-1])
        target = self._names.name(name, beside=content not in codes)
        if target is not None:
            self._folder().write(target, content)

    def lose(self, reason: str) -> list[ProducedFile]:
        """Say in `left_out` that nothing could be mirrored; return no files."""
        self.left_out = (LeftOut("all files", reason),)
        return []

    def _changed(self, name: str, listing: Listing) -> bool:
        entry = listing.files[name]
        return entry != self._known.files.get(name) and entry.size != self._stored.get(name)
