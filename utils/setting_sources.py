"""Where a setting's value comes from, and what a file of settings in the current folder changes that you should know about.

Two orders: by rank, a flag beats the environment, which beats ./.env, which beats the user-wide file, which beats the default. By trust,
the user-wide file is above ./.env, because anybody may have written the .env of a folder that you only work in.
"""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from utils.platform import permissions
from utils.setting_values import without_password

ADDRESSES = ("OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "ANTHROPIC_BASE_URL", "OLLAMA_HOST")
"""The variables that say where requests to a model are sent, key and all."""
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_DEPLOYMENT", "OLLAMA_API_KEY")
"""The variables of providers that no row of SETTINGS names and no address is in."""
_CLOSE = 0.85  # SANDBOX_TIMOUT is as close to a name as this; MODEL_NAME is not
IMAGES = "SANDBOX_IMAGE_"
"""The variable that names the image of one language begins with this."""


class Source(IntEnum):
    """A place that settings come from, in the order of rank: the later one wins."""

    DEFAULT = 0
    USER_FILE = 1
    DOTENV = 2
    ENVIRONMENT = 3
    FLAG = 4

    @property
    def trust(self) -> int:
        """How far it is trusted, as a number to compare; a default is part of this program, and trusted most."""
        return (5, 2, 1, 3, 4)[self]

    @property
    def words(self) -> str:
        """The place in words."""
        return ("the default", "the user-wide settings file", ".env in this folder", "the environment", "a flag")[self]


def user_file(environment: Mapping[str, str]) -> Path:
    """Return the path of the user-wide settings file, which need not exist."""
    base = Path(environment.get("XDG_CONFIG_HOME", ""))
    if not base.is_absolute():  # the specification of these folders says to ignore a relative one
        base = Path(os.path.expanduser("~")) / ".config"  # noqa: PTH111  # Path.home() raises if there is no home
    return base / "multi-agent-codegen" / "env"


def odd_line(file: Path | None, line: int) -> str:
    """Say in a sentence that a line of a file, or of .env in the current folder, is no setting; it is not shown, as it may hold a key."""
    return f"{file or '.env in this folder'} has no NAME=value in line {line}, so that line is not read."


def folder_for_file(dotenv: Path | None) -> str:
    """Say in a sentence that .env, which is a folder, is not read; "" if it is a virtual environment of Python, or there is none."""
    if dotenv is None or (dotenv / "pyvenv.cfg").is_file():
        return ""
    return ".env in this folder is a folder, so no settings are read from it: give it another name, and put settings into a file."


def open_to_others(file: Path | None) -> str:
    """Say in a sentence that other users can read or write the file; "" if they cannot, or there is no such file."""
    try:
        mode = permissions(file) if file else 0
    except OSError:
        return ""
    open_for = "change" if mode & 0o022 else "read" if mode & 0o044 else ""
    return f"Other users can {open_for} {file}, which may hold keys: run chmod 600 on it." if open_for and stat.S_ISREG(mode) else ""


def dotenv_change(variable: str, value: Any, otherwise: Any) -> str:
    """Say in a sentence what .env changes with this value, if that weakens the sandbox or moves something; else "".

    `otherwise` is the value that the setting would have without .env.
    """
    said, matters = _CHANGES.get(IMAGES if variable.startswith(IMAGES) else variable, ("", _differs))
    if not said or value == otherwise or not matters(value, otherwise):
        return ""
    shown = without_password(value) if variable in (*ADDRESSES, "PIP_INDEX_URL", "NPM_CONFIG_REGISTRY") else value
    return f".env in this folder {said.format(shown)} ({variable})."


def misspelt(names: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    """Say in a sentence of each name in .env that it is close to the name of a setting or a key, but is none."""
    for name in names:
        near = difflib.get_close_matches(name.upper(), known, 1, _CLOSE) if name not in known and not name.startswith(IMAGES) else []
        if near:
            yield f".env in this folder has {name}, which is not a setting. Did you mean {near[0]}?"


def _differs(value: Any, otherwise: Any) -> bool:
    return True


def _exceeds(value: Any, otherwise: Any) -> bool:
    return bool(value > otherwise)


def _leads_out(value: Path, otherwise: Path) -> bool:
    return not value.resolve().is_relative_to(Path.cwd())


def _wider(*words: Any) -> Callable[[Any, Any], bool]:
    return lambda value, otherwise: words.index(value) > words.index(otherwise)


_CHANGES: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    **{variable: ("sends your tasks to {}", _differs) for variable in ADDRESSES},
    **{f"SANDBOX_{limit}": ("raises a limit to {}", _exceeds) for limit in ("TIMEOUT", "MEMORY", "CPUS", "PIDS")},
    "SANDBOX_NETWORK": ("sets the network of programs to {}", _wider("off", "install", "on")),
    "SANDBOX_PACKAGES": ("lets any package be installed without asking you", _wider("known", "any")),
    "SANDBOX_IMAGE": ("chooses the image that programs run in: {}", _differs),
    IMAGES: ("chooses the image of a language: {}", _differs),
    "SANDBOX_CA_BUNDLE": ("chooses the certificate authorities of the sandbox: {}", _differs),
    **dict.fromkeys(("PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"), ("chooses where packages come from: {}", _differs)),
    "SANDBOX_INDEX_CREDENTIALS": ("allows a password in the address of the package index", _wider(False, True)),
    "SANDBOX_STRICT": ("turns the strict profile off", _wider(True, False)),
    "CONFIRM_RUN": ("turns off the question before each run", _wider(True, False)),
    "WORKSPACE": ("keeps sessions outside this folder: {}", _leads_out),
}
