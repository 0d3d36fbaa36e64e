"""The settings: one table of what may be set, and the function that merges flag, environment, .env and default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import UsageError
from utils.setting_values import certificates_file, check_index, image_name, one_of, price, processors, read_size, whole_number, yes_or_no

PROVIDERS = ("openai", "azure", "anthropic", "ollama", "openai-compatible", "local")
STRICT_PIDS = 128
NETWORKS = ("off", "install", "on")
PACKAGES = ("known", "any")


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

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return what the tokens cost by the prices that are set; None if they are not."""
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6


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


SETTINGS = (
    Setting(
        "provider",
        "MODEL_PROVIDER",
        "--provider",
        "",
        one_of("", *PROVIDERS),
        f"one of {', '.join(PROVIDERS)}",
        "who serves the model; by default found from whichever key is set",
    ),
    Setting("model", "MODEL", "--model", "", str, "a model's name", "model name; by default one that suits the provider"),
    Setting(
        "store",
        "OPENAI_STORE",
        None,
        "",
        lambda text: yes_or_no(text) if text else None,
        "true or false",
        "keep completions in the OpenAI dashboard's logs; by default on for OpenAI itself",
    ),
    Setting(
        "model_timeout",
        "MODEL_TIMEOUT",
        None,
        "120",
        whole_number(1, 3600),
        "whole seconds from 1 to 3600",
        "seconds without a byte from the model",
    ),
    Setting(
        "image",
        "SANDBOX_IMAGE",
        "--image",
        "python:3.12-slim",
        image_name,
        "an image's name",
        "image that Python and shell programs run in",
    ),
    Setting(
        "timeout",
        "SANDBOX_TIMEOUT",
        "--timeout",
        "60",
        whole_number(1, 86400),
        "whole seconds from 1 to 86400",
        "seconds a program may run",
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
    Setting("cpus", "SANDBOX_CPUS", None, "2", processors, "a number from 0.1 to 1024", "processors; clamped to what the engine has"),
    Setting("pids", "SANDBOX_PIDS", None, "256", whole_number(16, 65536), "a whole number from 16 to 65536", "processes and threads"),
    Setting(
        "network",
        "SANDBOX_NETWORK",
        "--network",
        "install",
        one_of(*NETWORKS),
        f"one of {', '.join(NETWORKS)}",
        "`off`; `install`: only while packages are installed; `on`",
    ),
    Setting(
        "packages",
        "SANDBOX_PACKAGES",
        None,
        "known",
        one_of(*PACKAGES),
        f"one of {', '.join(PACKAGES)}",
        "`known`: well-known packages are installed unasked, others after your yes; `any`: all unasked, addresses and paths too",
    ),
    Setting(
        "ca_bundle",
        "SANDBOX_CA_BUNDLE",
        None,
        "",
        certificates_file,
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
        yes_or_no,
        "true or false",
        "`PIP_INDEX_URL` holds a name or password on purpose; what packages run while they are built can see it",
    ),
    Setting(
        "strict",
        "SANDBOX_STRICT",
        "--strict",
        "false",
        yes_or_no,
        "true or false",
        "read-only system, no network, at most 128 processes; refuse to start if the engine does not keep a limit",
    ),
    Setting(
        "max_retries",
        "MAX_RETRIES",
        "--max-retries",
        "3",
        whole_number(0, 100),
        "a whole number from 0 to 100",
        "failed runs sent back to the generator before the person is asked; `0` always asks",
    ),
    Setting("confirm", "CONFIRM_RUN", "--confirm", "false", yes_or_no, "true or false", "ask before each run, too"),
    Setting(
        "workspace",
        "WORKSPACE",
        "--workspace",
        "./workspace",
        Path,
        "a folder",
        "everything the program keeps: `sessions/<id>/` with the files that programs made, and what was typed (`prompt-history`)",
    ),
    Setting(
        "price_in",
        "MODEL_PRICE_IN",
        None,
        "",
        price,
        "a price such as 0.40",
        "price of a million tokens sent, to show what a session costs",
    ),
    Setting("price_out", "MODEL_PRICE_OUT", None, "", price, "a price such as 1.60", "price of a million tokens received"),
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
    check_index(values["index_url"], values["index_credentials"])
    if values["strict"]:
        values.update(network="off", pids=min(values["pids"], STRICT_PIDS))
    return Settings(**values, environment=merged)


def setting_sources(flags: Mapping[str, str | None], environment: Mapping[str, str], dotenv: Path | None = None) -> dict[str, str]:
    """Say for each variable that is set where its value comes from: a flag, the environment, or the .env file."""
    sources = dict.fromkeys(_read_dotenv(dotenv), str(dotenv))
    sources.update((name, "environment") for name, value in environment.items() if value.strip())
    sources.update((each.variable, each.flag) for each in SETTINGS if each.flag and flags.get(each.field) is not None)
    return sources


def _read_dotenv(dotenv: Path | None) -> dict[str, str]:
    if dotenv is None or not dotenv.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: value for name, value in dotenv_values(dotenv, interpolate=False, encoding="utf-8-sig").items() if value}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{dotenv} cannot be read: {error}", "mend the file or remove it", kind="setting") from error
