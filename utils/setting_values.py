"""How the text of a setting is read: each reader returns the value, or raises ValueError where the text is none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from utils.errors import UsageError

_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return what reads a whole number in these bounds."""

    def read(text: str) -> int:
        value = int(text)
        if not lowest <= value <= highest:
            raise ValueError
        return value

    return read


def processors(text: str) -> float:
    """Read a number of processors."""
    value = float(text)
    if not 0.1 <= value <= 1024:
        raise ValueError
    return value


def one_of(*allowed: str) -> Callable[[str], str]:
    """Return what reads one of these words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError
        return text.lower()

    return read


def yes_or_no(text: str) -> bool:
    """Read yes or no, in the usual ways to say so."""
    if text.lower() not in _YES + _NO:
        raise ValueError
    return text.lower() in _YES


def read_size(text: str) -> int:
    """Read a size such as 512m or 2g into bytes; ValueError where it is none or under 16 MiB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([bkmg]?)(?:i?b)?", text.strip().lower())
    if match is None:
        raise ValueError
    size = int(float(match[1]) * _UNITS[match[2]])
    if not 16 * 1024**2 <= size <= 1024**5:
        raise ValueError
    return size


def price(text: str) -> float | None:
    """Read a price; None where there is none."""
    if not text:
        return None
    value = float(text)
    if not 0 <= value < 1e6:
        raise ValueError
    return value


def image_name(text: str) -> str:
    """Read the name of an image, which cannot be taken for an option."""
    if not re.fullmatch(r"[a-z0-9][\w./:@-]*", text):
        raise ValueError
    return text


def certificates_file(text: str) -> Path | None:
    """Read the path of a file of certificates (PEM), and see that it is one; None where there is none."""
    if not text:
        return None
    file = Path(text).expanduser()
    try:
        found = b"-----BEGIN CERTIFICATE-----" in file.read_bytes()
    except OSError:
        found = False
    if not found:
        raise ValueError
    return file


def check_index(url: str, credentials: bool) -> None:
    """See that the address of a package index is one, and holds a password only where that is meant; UsageError never tells the value."""
    # The value itself is never told: it may hold a password.
    try:
        parts = urlsplit(url)
        good = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url)
    except ValueError:
        good = False
    if not good:
        raise UsageError("PIP_INDEX_URL is no address of a package index", "set one such as https://pypi.org/simple", kind="setting")
    if url and "@" in parts.netloc and not credentials:
        hint = "if code that packages run while they are built may see it, set SANDBOX_INDEX_CREDENTIALS=true"
        raise UsageError("PIP_INDEX_URL holds a name or password", hint, kind="setting")
