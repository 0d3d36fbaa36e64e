"""Names of files that a program or a model chose, made safe for the host: no name leaves the folder or surprises a tool."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable

from utils.docker_utils import WORKSPACE

_LONGEST_PART = 200  # bytes; file systems allow 255, some that encrypt names allow 143 characters
_LONGEST_NAME = 1000  # bytes
_DEEPEST = 20  # folders
_REFUSED = (".git", ".hg")  # a planted one would make the user's own `git` or `hg` run commands in this folder
_OURS = ("approved", "added")  # folders of a session in which this program keeps what no program may change
# What a shell, an editor or Python runs by itself once somebody is in its folder, or opens it.
_STARTERS = re.compile(
    r"(?i)\.(envrc|bashrc|bash_(profile|login|logout|aliases)|profile|zshrc|zshenv|zprofile|zlogin|kshrc|cshrc|tcshrc|login|inputrc|vscode"
    r"|idea|vim|vimrc|nvimrc|nvim\.lua|exrc|dir-locals\.el|gdbinit|lldbinit|pdbrc|pythonrc(\.py)?|mise\.toml)|(site|user)customize\.py|.*\.pth"
)
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|con(in|out)\$|(com|lpt)[\d¹²³])\s*(\..*)?$")
_HEADER = re.compile(r"\s*(?:#|//|--)\s*filename:(.*)")
CACHES = re.compile(r"__pycache__|\.venv|venv|node_modules|\.(mypy|ruff|pytest)_cache|\.tox|\.DS_Store|.*\.pyc")
"""What tools make again by themselves; matched against one part of a name."""
NOT_IN_WORKSPACE = "Filename is not in the workspace"


def header_name(code: str) -> str | None:
    """Return the name that a `# filename: NAME` comment on the first written line asks for, made safe; None when it asks for none.

    Raises ValueError when the name is not inside the working folder.
    """
    first = next((line for line in code.splitlines() if line.strip()), "")
    match = _HEADER.match(first)
    asked = match[1].strip().strip("\"'`") if match else ""
    if not asked:
        return None
    if "\0" in asked or "\\" in asked or re.match(r"[A-Za-z]:", asked):
        raise ValueError(NOT_IN_WORKSPACE)
    inside = posixpath.relpath(posixpath.join(WORKSPACE, asked), WORKSPACE)
    name = safe_name(inside) if inside != "." and not inside.startswith("..") else None
    if name is None:
        raise ValueError(NOT_IN_WORKSPACE)
    return name


def safe_name(name: str) -> str | None:
    """Return the relative name with each part made safe; None when it is to be refused: it climbs out, or is too long or deep."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or any(part.lower() in _REFUSED for part in parts) or len(parts) > _DEEPEST:
        return None
    safe = "/".join(_safe_part(part) for part in parts)
    return safe if len(safe.encode()) <= _LONGEST_NAME else None


def check_names(names: Iterable[str]) -> None:
    """Raise ValueError unless each name is safe as it is."""
    if any(safe_name(name) != name for name in names):
        raise ValueError(NOT_IN_WORKSPACE)


def _safe_part(part: str) -> str:
    part = "".join("_" if unicodedata.category(c)[0] == "C" or c in '<>:"|?*\\\u2028\u2029' else c for c in part)
    if part.startswith("-"):
        part = "_" + part[1:]
    if part.endswith((".", " ")):
        part = part.rstrip(". ") + "_"
    if _DEVICES.match(part):
        part = "_" + part
    if part.lower() == "head":
        part += "_"  # git takes any folder with HEAD, objects and refs for a repository, and runs what its config names
    return _shorten(part)


def _shorten(part: str) -> str:
    if len(part.encode()) <= _LONGEST_PART:
        return part
    stem, dot, ending = part.rpartition(".")
    tail = f"{dot}{ending}" if dot and stem and len(ending.encode()) <= 20 else ""
    head = part.encode()[: _LONGEST_PART - len(tail.encode())].decode("utf-8", "ignore")
    return head + tail


class HostNames:
    """Gives each file of a container one name on the host, the same each time, and never two files the same name."""

    def __init__(self) -> None:
        """Start with no names given."""
        self._given: dict[tuple[str, bool], str] = {}
        self._taken: set[str] = set()

    def name(self, name: str, *, beside: bool = False) -> str | None:
        """Return the host's relative name for the container's; None if the name is refused.

        `beside` asks for a second name, for what must not replace the file with the first.
        """
        if (name, beside) not in self._given:
            safe = safe_name(name)
            if safe is None or (beside and self.name(name) is None):
                return None
            if safe.partition("/")[0].casefold() in _OURS:
                safe = f"_{safe}"
            disarmed = "/".join(f"_{part}" if _STARTERS.fullmatch(part) else part for part in safe.split("/"))
            self._given[name, beside] = self._free(disarmed)
        return self._given[name, beside]

    def _free(self, name: str) -> str:
        # Two names that differ in case or in Unicode form are one file on the file systems of macOS and Windows.
        stem, ending = posixpath.splitext(name)
        candidate, number = name, 1
        while (key := unicodedata.normalize("NFC", candidate).casefold()) in self._taken:
            number += 1
            candidate = f"{stem}~{number}{ending}"
        self._taken.add(key)
        return candidate
