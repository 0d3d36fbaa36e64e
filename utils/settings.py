"""The settings: one table of what may be set, and the function that merges flag, environment, .env and default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from utils.errors import UsageError

PROVIDERS = ("openai", "azure", "anthropic", "ollama", "openai-compatible")
STRICT_PIDS = 128
NETWORKS = ("off", "install", "on")
PACKAGES = ("known", "any")
_UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Every setting of one run of the program, read and checked; secrets are left out of its repr."""

    provider: str
    model: str
    store: bool | None  # None: on for OpenAI itself, off elsewhere
    model_timeout: int  # seconds
    image: str
    timeout: int  # seconds
    memory: int  # bytes
    cpus: float
    pids: int
    network: str  # off where it is strict
    strict: bool
    packages: str
    ca_bundle: Path | None
    index_url: str = field(repr=False)  # it may hold a password
    index_credentials: bool
    max_retries: int
    confirm: bool
    workspace: Path
    price_in: float | None  # for a million tokens sent
    price_out: float | None  # for a million tokens received
    demo: bool = False
    quiet: bool = False
    no_color: bool = False
    traceback: bool = False
    # Everything that was set, keys too: hence not in the repr.
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Setting:
    """One row of the table of settings: the names it goes by, how its text is read, and what it means."""

    field: str
    variable: str
    flag: str | None
    default: str
    read: Callable[[str], Any]
    allowed: str
    meaning: str


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not lowest <= value <= highest:
            raise ValueError
        return value

    return read


def _cpus(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 1024:
        raise ValueError
    return value


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError
        return text.lower()

    return read


def _yes_no(text: str) -> bool:
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


def _price(text: str) -> float | None:
    if not text:
        return None
    value = float(text)
    if not 0 <= value < 1e6:
        raise ValueError
    return value


def _image(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][\w./:@-]*", text):
        raise ValueError
    return text


def _certificates(text: str) -> Path | None:
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


SETTINGS = (
    Setting(
        "provider",
        "MODEL_PROVIDER",
        "--provider",
        "",
        _choice("", *PROVIDERS),
        f"one of {', '.join(PROVIDERS)}",
        "who serves the model; by default found from whichever key is set",
    ),
    Setting("model", "MODEL", "--model", "", str, "a model's name", "model name; by default one that suits the provider"),
    Setting(
        "store",
        "OPENAI_STORE",
        None,
        "",
        lambda text: _yes_no(text) if text else None,
        "true or false",
        "keep completions in the OpenAI dashboard's logs; by default on for OpenAI itself",
    ),
    Setting(
        "model_timeout",
        "MODEL_TIMEOUT",
        None,
        "120",
        _whole(1, 3600),
        "whole seconds from 1 to 3600",
        "seconds without a byte from the model",
    ),
    Setting(
        "image", "SANDBOX_IMAGE", "--image", "python:3.12-slim", _image, "an image's name", "image that Python and shell programs run in"
    ),
    Setting(
        "timeout", "SANDBOX_TIMEOUT", "--timeout", "60", _whole(1, 86400), "whole seconds from 1 to 86400", "seconds a program may run"
    ),
    Setting(
        "memory",
        "SANDBOX_MEMORY",
        "--memory",
        "2g",
        read_size,
        "a size from 16m up, such as 512m or 2g",
        "memory of the container; no swap beside it",
    ),
    Setting("cpus", "SANDBOX_CPUS", None, "2", _cpus, "a number from 0.1 to 1024", "processors; clamped to what the engine has"),
    Setting("pids", "SANDBOX_PIDS", None, "256", _whole(16, 65536), "a whole number from 16 to 65536", "processes and threads"),
    Setting(
        "network",
        "SANDBOX_NETWORK",
        "--network",
        "install",
        _choice(*NETWORKS),
        f"one of {', '.join(NETWORKS)}",
        "`off`; `install`: only while packages are installed; `on`",
    ),
    Setting(
        "packages",
        "SANDBOX_PACKAGES",
        None,
        "known",
        _choice(*PACKAGES),
        f"one of {', '.join(PACKAGES)}",
        "`known`: well-known packages are installed unasked, others after your yes; `any`: all unasked, addresses and paths too",
    ),
    Setting(
        "ca_bundle",
        "SANDBOX_CA_BUNDLE",
        None,
        "",
        _certificates,
        "a readable file of certificates (PEM)",
        "certificate authorities that pip and programs trust, in place of the image's own",
    ),
    Setting(
        "index_url",
        "PIP_INDEX_URL",
        None,
        "",
        str,
        "an address such as https://pypi.org/simple",
        "package index, in place of pypi.org; told to pip while it installs, and to nothing else",
    ),
    Setting(
        "index_credentials",
        "SANDBOX_INDEX_CREDENTIALS",
        None,
        "false",
        _yes_no,
        "true or false",
        "`PIP_INDEX_URL` holds a name or password on purpose; what packages run while they are built can see it",
    ),
    Setting(
        "strict",
        "SANDBOX_STRICT",
        "--strict",
        "false",
        _yes_no,
        "true or false",
        "read-only system, no network, at most 128 processes, fewer system calls; refuse to start where the engine keeps a limit not",
    ),
    Setting(
        "max_retries",
        "MAX_RETRIES",
        "--max-retries",
        "3",
        _whole(0, 100),
        "a whole number from 0 to 100",
        "failed runs sent back to the generator before the person is asked; `0` always asks",
    ),
    Setting("confirm", "CONFIRM_RUN", "--confirm", "false", _yes_no, "true or false", "ask before each run, too"),
    Setting(
        "workspace",
        "WORKSPACE",
        "--workspace",
        "./workspace",
        Path,
        "a folder",
        "everything the program keeps: `sessions/<id>/` with the files that programs made",
    ),
    Setting(
        "price_in",
        "MODEL_PRICE_IN",
        None,
        "",
        _price,
        "a price such as 0.40",
        "price of a million tokens sent, to show what a session costs",
    ),
    Setting("price_out", "MODEL_PRICE_OUT", None, "", _price, "a price such as 1.60", "price of a million tokens received"),
)


def load_settings(
    flags: Mapping[str, str | None], environment: Mapping[str, str], dotenv: Path | None = None, **switches: bool
) -> Settings:
    """Merge the flags (by field name; None where not given), the environment, the .env file and the defaults.

    Raises UsageError naming the setting, the value and what is allowed.
    """
    merged = {**_read_dotenv(dotenv), **{name: value for name, value in environment.items() if value.strip()}}
    values: dict[str, Any] = dict(switches)
    for setting in SETTINGS:
        flag = flags.get(setting.field)
        text = flag if flag is not None else merged.get(setting.variable) or setting.default
        name = setting.flag if flag is not None and setting.flag else setting.variable
        try:
            values[setting.field] = setting.read(text.strip())
        except ValueError:
            raise UsageError(f"{name} is {text!r}", f"allowed is {setting.allowed}", kind="setting") from None
    _check_index(values["index_url"], values["index_credentials"])
    if values["strict"]:
        values.update(network="off", pids=min(values["pids"], STRICT_PIDS))
    return Settings(**values, environment=merged)


def setting_sources(flags: Mapping[str, str | None], environment: Mapping[str, str], dotenv: Path | None = None) -> dict[str, str]:
    """Say for each variable that is set where its value comes from: a flag, the environment, or the .env file."""
    sources = dict.fromkeys(_read_dotenv(dotenv), str(dotenv))
    sources.update((name, "environment") for name, value in environment.items() if value.strip())
    sources.update((each.variable, each.flag) for each in SETTINGS if each.flag and flags.get(each.field) is not None)
    return sources


def _check_index(url: str, credentials: bool) -> None:
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


def _read_dotenv(dotenv: Path | None) -> dict[str, str]:
    if dotenv is None or not dotenv.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(dotenv, interpolate=False, encoding="utf-8-sig").items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{dotenv} cannot be read: {error}", "mend the file or remove it", kind="setting") from error
