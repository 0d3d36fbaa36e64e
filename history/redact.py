"""Keeps keys and passwords out of what is stored: the values that are set on this machine, and what has the shape of a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

HIDDEN = "[secret removed]"
_NAMES = re.compile(r"(?i)(?:^|_)(?:api_?)?(?:keys?|tokens?|secrets?|passwords?|passwd|pwd|credentials?|auth|pat)(?:_|$)|apikey")
_SHORTEST = 6  # characters: shorter values are words of their own
_SHAPES = re.compile(
    r"\bsk-[A-Za-z0-9_-]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{30,}|\bglpat-[\w-]{20,}|\bxox[abprs]-[\w-]{20,}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{30,}|\bpypi-[\w-]{40,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """Return the values of the variables whose names say that they hold a secret, and the passwords in addresses; the longest first."""
    found = {value.strip() for name, value in environment.items() if _NAMES.search(name)}
    for value in environment.values():
        if "://" in value and "@" in value:
            try:
                found.add(urlsplit(value).password or "")
            except ValueError:
                continue
    values = {value for value in found if len(value) >= _SHORTEST and not value.startswith(("/", "~", "./"))}
    return sorted({*values, *(quote(value, safe="") for value in values)}, key=len, reverse=True)


def hider(environment: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function that takes the environment's secrets, and everything shaped like a key, out of a text."""
    values = secret_values(environment)
    known = re.compile("|".join(map(re.escape, values))) if values else None

    def hide(text: str) -> str:
        text = known.sub(HIDDEN, text) if known else text
        return _SHAPES.sub(HIDDEN, text)

    return hide
