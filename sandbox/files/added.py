"""Files in: what the user adds is copied into the programs' folder; keys, caches and what an ignore file lists never are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command
from sandbox.files.names import CACHES, check_names, safe_name
from sandbox.files.secrets import HEAD, Secrecy, secrecy_of_file, secrecy_of_folder
from sandbox.files.transfer import LeftOut
from sandbox.verdicts import Ended
from utils.docker_utils import SHELL
from utils.errors import ContainerLost, EngineError, UsageError
from utils.plain_files import read_text_file
from utils.platform import open_file
from utils.text import size_text

IGNORE_FILE = ".sandboxignore"
SECRETS = "may hold secrets"
"""Why a file or folder with a secret is left out."""
MOST_FILES = 1000
LARGEST_FILE = 50 * 1024**2  # bytes
LARGEST_TOTAL = 200 * 1024**2  # bytes
_BATCH = 8 * 1024**2  # bytes sent with one command, or one file where that is larger
_SECONDS = 60


# For each file a line with its size and one with its name, then exactly that many bytes. A link of that name is replaced, not followed.
_STORE = r"""
PATH=${PATH#*:}
while read -r size && [ "$size" != end ] && IFS= read -r name; do
  case $name in */*) mkdir -p -- "./${name%/*}" || exit 1 ;; esac
  rm -rf -- "./$name" && head -c "$size" >"./$name" || exit 1
done
[ "$size" = end ] && echo stored
"""


Texts = Sequence[tuple[str, str]]
"""Names, relative to the programs' folder, and what is to be stored under them."""


@dataclass
class Selection:
    """What is copied, what is not, and why."""

    files: list[tuple[str, Path, int]] = field(default_factory=list)  # name in the programs' folder, file here, size in bytes
    left_out: list[LeftOut] = field(default_factory=list)
    doubtful: dict[str, Path] = field(default_factory=dict)
    """Files that may hold secrets, by name in the programs' folder: to be copied only if the user agrees."""

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(length for _, _, length in self.files)


def select(paths: Sequence[Path], kept_out: Sequence[Path] = ()) -> Selection:
    """Choose what is copied for each file or folder that the user named; UsageError if one is not there or cannot be read.

    A folder is copied under its own name, the current folder (".") without one; the folders in `kept_out` are not copied with it.
    """
    selection = Selection()
    ours = {os.path.realpath(folder) for folder in kept_out}
    for path in paths:
        try:
            real = path.expanduser().resolve(strict=True)  # a link that the user names is meant
            private = next((part for part in real.parts if secrecy_of_folder(part)), "")
            if private:
                selection.left_out.append(LeftOut(str(path), f"in {private}"))
            elif real.is_dir():
                _take_folder(real, selection, ours)
            else:
                _head(real)  # raises if it cannot be read
                # The name that the user gives it and the one that a link leads to both count.
                _take(path.name, real, selection, max(_secrecy(path), _secrecy(real)))
        except (OSError, RuntimeError) as error:  # before Python 3.13, a link to itself is a RuntimeError
            why = "there is no such file or folder" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", str(error))
            raise UsageError(f"{path} cannot be added: {why}", "check the path and that you may read it", kind="file") from error
    return selection


def known_files(files: Mapping[str, Path]) -> Selection:
    """Choose files that were in a sandbox before, each under the name that it had there; those that are gone are left out."""
    there = {name: path for name, path in files.items() if path.is_file()}
    missing = [LeftOut(name, "it is not there any more") for name in files if name not in there]
    return Selection([(name, path, path.stat().st_size) for name, path in there.items()], missing)


def _head(file: Path) -> bytes:
    with open_file(file, follow=True) as opened:
        return opened.read(HEAD) if stat.S_ISREG(os.fstat(opened.fileno()).st_mode) else b""


def _secrecy(file: Path) -> Secrecy:
    try:
        return secrecy_of_file(file.absolute().as_posix(), _head(file))
    except OSError:
        return secrecy_of_file(file.absolute().as_posix())  # it is left out when it is copied, if it cannot be read then


def _take_folder(folder: Path, selection: Selection, ours: set[str]) -> None:
    prefix = "" if folder == Path.cwd() else f"{folder.name}/"
    for name, entry in _walk(folder, "", _Rules(_ignored(folder), ours), selection):
        if len(selection.files) >= MOST_FILES:
            selection.left_out.append(LeftOut(f"{prefix}...", f"more than {MOST_FILES} files"))
            return
        file = Path(os.path.realpath(entry.path)) if entry.is_symlink() else Path(entry.path)
        if entry.is_symlink() and not _may_follow(file, folder):
            selection.left_out.append(LeftOut(f"{prefix}{name}", "links that lead elsewhere"))
        else:
            secrecy = max(_secrecy(Path(entry.path)), _secrecy(file))
            if secrecy is Secrecy.SECRET:
                selection.left_out.append(LeftOut(name, SECRETS))
            else:
                _take(f"{prefix}{name}", file, selection, secrecy)


def _may_follow(target: Path, folder: Path) -> bool:
    return target.is_relative_to(folder) and target.is_file() and not any(map(_folder_reason, target.relative_to(folder).parts[:-1]))


def _ignored(folder: Path) -> GitIgnoreSpec:
    return GitIgnoreSpec.from_lines(read_text_file(folder / IGNORE_FILE).splitlines())


@dataclass(frozen=True)
class _Rules:
    ignored: GitIgnoreSpec
    ours: set[str]

    def reason(self, name: str, entry: os.DirEntry[str], is_folder: bool) -> str:
        if is_folder and entry.path in self.ours:
            return "this program's own sessions"
        reason = _folder_reason(entry.name) if is_folder else _cache_reason(entry.name)
        if not reason and self.ignored.match_file(f"{name}/" if is_folder else name):
            return f"listed in {IGNORE_FILE}"
        return reason


def _walk(folder: Path, prefix: str, rules: _Rules, selection: Selection) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield every file below, in order; a folder that is left out is named once and not looked into."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        selection.left_out.append(LeftOut(prefix, f"it cannot be read: {error.strerror}"))
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        is_folder = entry.is_dir(follow_symlinks=False)
        reason = rules.reason(name, entry, is_folder)
        if reason:
            selection.left_out.append(LeftOut(f"{name}/" if is_folder else name, reason))
        elif is_folder:
            yield from _walk(Path(entry.path), f"{name}/", rules, selection)
        else:
            yield name, entry


def _folder_reason(name: str) -> str:
    return SECRETS if secrecy_of_folder(name) else _cache_reason(name)


def _cache_reason(name: str) -> str:
    return "caches and installed packages" if CACHES.fullmatch(name) else ""


def _take(name: str, file: Path, selection: Selection, secrecy: Secrecy) -> None:
    seen = file.lstat()
    checks = (
        (secrecy is Secrecy.SECRET, SECRETS),
        (not stat.S_ISREG(seen.st_mode), "not regular files"),
        (seen.st_size > LARGEST_FILE, f"larger than {size_text(LARGEST_FILE)}"),
        (selection.total + seen.st_size > LARGEST_TOTAL, f"more than {size_text(LARGEST_TOTAL)} in all"),
        (safe_name(name) != name, "names that are not allowed there"),
    )
    reason = _cache_reason(file.name) or next((why for is_so, why in checks if is_so), "")
    if reason:
        selection.left_out.append(LeftOut(name, reason))
    elif secrecy is Secrecy.DOUBTFUL:
        selection.doubtful[name] = file
    else:
        selection.files.append((name, file, seen.st_size))


def put_files(container: SandboxContainer, selection: Selection) -> dict[str, int]:
    """Copy the selection into the programs' folder; return what was stored, with sizes.

    ContainerLost when that breaks off, EngineError when there is no room for them.

    A file that cannot be read, or is not what it was, is moved to the selection's left_out.
    """
    stored: dict[str, int] = {}
    batch: list[tuple[str, bytes]] = []
    for name, file, _ in selection.files:
        try:
            content = _read(file)
        except OSError as error:
            selection.left_out.append(LeftOut(name, f"it cannot be read: {error.strerror}"))
            continue
        batch.append((name, content))
        if sum(len(each) for _, each in batch) >= _BATCH:
            stored |= _send(container, batch)
            batch = []
    return stored | _send(container, batch)


def put_texts(container: SandboxContainer, files: Texts) -> dict[str, int]:
    """Store texts under their names in the programs' folder; return their sizes. Fails as put_files does; ValueError for an unsafe name."""
    check_names(name for name, _ in files)
    return _send(container, [(name, text.encode("utf-8", "replace")) for name, text in files])


def _read(file: Path) -> bytes:
    # Not through a link that took its place meanwhile, and no more than was allowed, however it has grown.
    with open_file(file, follow=False) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(0, "it is no ordinary file any more")
        content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise OSError(0, "it has grown too large")
    return content


def _send(container: SandboxContainer, batch: Sequence[tuple[str, bytes]]) -> dict[str, int]:
    if not batch:
        return {}
    stream = b"".join(f"{len(content)}\n{name}\n".encode() + content for name, content in batch) + b"end\n"
    outcome = container.run(Command([SHELL, "-c", _STORE], stdin=stream, seconds=_SECONDS))
    said = " ".join((outcome.output + outcome.words).decode("utf-8", "replace").split())[-200:]
    told = f"the files could not be copied into the sandbox: {said or outcome.ended.value}"
    if outcome.ended is not Ended.EXIT:
        raise ContainerLost(told, "try again")
    if outcome.output != b"stored\n":
        raise EngineError(told, "add fewer or smaller files", kind="file")
    return {name: len(content) for name, content in batch}
