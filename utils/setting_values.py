"""How the text of a setting is read: each kind of value has a reader, which raises ValueError, and words for what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from utils.errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_HOST = re.compile(r"(\[[^]]*\]|[^@:/?#[\]]*)(:\d*)?(?=[/?#]|\Z)")  # with nothing before it
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


class Kind(NamedTuple):
    """A kind of value: the reader, which raises ValueError for text that is not one, and the words for what is allowed."""

    read: Callable[[str], Any]
    allowed: str


def optional(kind: Kind) -> Kind:
    """Return the kind whose blank text means None."""
    return Kind(lambda text: kind.read(text) if text else None, kind.allowed)


def whole_number(lowest: int, highest: int, unit: str = "a whole number") -> Kind:
    """Return the kind for whole numbers within these bounds."""
    return decimal(lowest, highest, f"{unit} from {lowest} to {highest}", int)


def decimal(lowest: float, highest: float, allowed: str, number: Callable[[str], float] = float) -> Kind:
    """Return the kind for numbers within these bounds; `number` reads one."""

    def read(text: str) -> float:
        value = number(text)
        if not lowest <= value <= highest:  # "nan" is within no bounds
            raise ValueError
        return value

    return Kind(read, allowed)


def one_of(*words: str, blank: bool = False) -> Kind:
    """Return the kind for one of these words, in any case; blank: or none of them."""

    def read(text: str) -> str:
        if text.lower() not in words and not (blank and not text):
            raise ValueError
        return text.lower()

    return Kind(read, f"one of {', '.join(words)}")


def yes_or_no(text: str) -> bool:
    """Read yes or no, in the usual ways to write it."""
    if text.lower() not in _YES + _NO:
        raise ValueError
    return text.lower() in _YES


def read_size(text: str) -> int:
    """Read a size such as 512m or 2g into bytes; ValueError if it is not one, or is under 16 MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ValueError
    size = int(float(match[1]) * _UNITS[match[2]])
    if not 16 * 1024**2 <= size <= 1024**5:
        raise ValueError
    return size


def plain_text(text: str) -> str:
    """Read a text that can be sent and shown."""
    if not text.isprintable():  # neither are bytes that are not UTF-8
        raise ValueError
    return text


def image_name(text: str) -> str:
    """Read the name of an image, which must not look like an option."""
    if not re.fullmatch(r"[a-z0-9][\w./:@-]*", text, re.ASCII):
        raise ValueError
    return text


def folder(text: str) -> Path:
    """Read the path of a folder; `~` means home."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~nobody
        raise ValueError from error


def certificates_file(text: str) -> Path | None:
    """Read the path of a file of certificates (PEM) and check that it is one; None if the text is blank. `~` means home."""
    if not text:
        return None
    file = folder(text)
    try:
        found = b"-----BEGIN CERTIFICATE-----" in file.read_bytes()
    except OSError:
        found = False
    if not found:
        raise ValueError
    return file


def check_index(name: str, url: str, credentials: bool) -> None:
    """Check that the address of a package index is one, and holds a password only on purpose; UsageError never shows the value."""
    # It may hold a password.
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url)
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{name} is not the address of a package index", "use one such as https://pypi.org/simple", kind="setting")
    if url and "@" in parts.netloc and not credentials:
        hint = "if code that packages run while they are built may see it, set SANDBOX_INDEX_CREDENTIALS=true"
        raise UsageError(f"{name} holds a name or password", hint, kind="setting")


def without_password(url: str) -> str:
    """Return the URL as it may be shown: without a name and password in it, and without what is behind ? or #, where keys stand too."""
    scheme, mark, rest = url.partition("://") if "://" in url else ("", "", url)
    if not _HOST.match(rest):
        rest = rest.rpartition("@")[2]
    return f"{scheme}{mark}{re.split('[?#]', rest, maxsplit=1)[0]}"


YES_OR_NO = Kind(yes_or_no, "true or false")
ANYTHING = Kind(str, "any text")  # checked later, by what does not show it
TEXT = Kind(plain_text, "text without half characters or control characters")
IMAGE = Kind(image_name, "the name of an image, such as python:3.12-slim")
FOLDER = Kind(folder, "a folder")
CERTIFICATES = Kind(certificates_file, "a readable file of certificates (PEM)")
SIZE = Kind(read_size, "a size from 16m up, such as 512m or 2g")
