"""The settings: one table of what can be set, and the function that merges flag, environment, files and default."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from utils.errors import UsageError
from utils.plain_files import read_text_file
from utils.setting_sources import ADDRESSES, IMAGES, KEYS, Source, dotenv_change, folder_for_file, misspelt, odd_line, open_to_others
from utils.setting_values import (
    ANYTHING,
    CERTIFICATES,
    FOLDER,
    IMAGE,
    SIZE,
    TEXT,
    YES_OR_NO,
    Kind,
    check_index,
    decimal,
    one_of,
    optional,
    whole_number,
)

PROVIDERS = ("openai", "azure", "anthropic", "ollama", "openai-compatible", "local")
STRICT_PIDS = 128
STRICT_OFF = "The network stays off, not {}: the strict profile (--strict, SANDBOX_STRICT) has none."
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
    network: str  # always off with strict
    strict: bool
    runtime: str
    packages: str
    ca_bundle: Path | None
    index_url: str = field(repr=False)  # it may hold a password
    registry_url: str = field(repr=False)  # the same
    index_credentials: bool
    max_retries: int
    confirm: bool
    max_tokens: int | None  # of one task
    max_cost: float | None  # of one task, in the currency of the prices
    notify: str
    editing_mode: str
    workspace: Path
    history_days: int  # 0: sessions are kept for good
    price_in: float | None  # for a million tokens sent
    price_out: float | None  # for a million tokens received
    demo: bool = False
    quiet: bool = False
    no_color: bool = False
    traceback: bool = False
    no_verify: bool = False
    images: Mapping[str, str] = field(default_factory=dict)
    """The image of each language that has its own, by the end of its SANDBOX_IMAGE_ variable in lower case."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # everything that is set, keys too: hence not in the repr
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)
    """Where the value of each variable in `environment`, or of its flag, comes from."""
    warnings: tuple[str, ...] = ()
    """Sentences to show at the start: what .env in the current folder weakens or moves or is not, and files that are open to others."""
    agreed_address: str = field(default="", repr=False)
    """An address from a source weaker than the key's, which the user has agreed to send the key to."""

    def source(self, variable: str) -> Source:
        """Return where the variable's value comes from."""
        return self.sources.get(variable, Source.DEFAULT)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float | None:
        """Return what the tokens cost by the prices that are set; None if they are not."""
        if self.price_in is None or self.price_out is None:
            return None
        return (prompt_tokens * self.price_in + completion_tokens * self.price_out) / 1e6


SECRETS = {each.name for each in fields(Settings) if not each.repr}
"""The fields whose values are never shown."""


@dataclass(frozen=True)
class Setting:
    """One row of the table of settings: its names, its default, the kind of value, and what it means."""

    field: str
    variable: str
    flag: str | None
    default: str
    kind: Kind
    meaning: str


_PRICE = optional(decimal(0, 999_999, "a price such as 0.40"))

SETTINGS = (
    Setting(
        *("provider", "MODEL_PROVIDER", "--provider", "", one_of(*PROVIDERS, blank=True)),
        "model provider; detected from the key that you set",
    ),
    Setting("model", "MODEL", "--model", "", TEXT, "model name; by default one that suits the provider"),
    Setting(
        *("store", "OPENAI_STORE", None, "", optional(YES_OR_NO)),
        "keep completions in the OpenAI dashboard's logs; on by default for OpenAI itself",
    ),
    Setting(
        "model_timeout",
        "MODEL_TIMEOUT",
        None,
        "120",
        whole_number(1, 3600, "whole seconds"),
        "seconds to wait for the next byte from the model",
    ),
    Setting("image", "SANDBOX_IMAGE", "--image", "python:3.12-slim", IMAGE, "image that Python and shell programs run in"),
    Setting("timeout", "SANDBOX_TIMEOUT", "--timeout", "60", whole_number(1, 86400, "whole seconds"), "seconds a program may run"),
    Setting("memory", "SANDBOX_MEMORY", "--memory", "2g", SIZE, "memory of the container, without swap"),
    Setting(
        *("cpus", "SANDBOX_CPUS", None, "2", decimal(0.1, 1024, "a number from 0.1 to 1024")),
        "processors, at most as many as the engine has",
    ),
    Setting("pids", "SANDBOX_PIDS", None, "256", whole_number(16, 65536), "processes and threads"),
    Setting(
        *("network", "SANDBOX_NETWORK", "--network", "install", one_of(*NETWORKS)),
        "`off`, `install` (only pip and npm, through this program) or `on`",
    ),
    Setting(
        *("packages", "SANDBOX_PACKAGES", None, "known", one_of(*PACKAGES)),
        "`known`: well-known packages are installed without asking, others only if you say yes; "
        "`any`: all without asking, also from addresses, paths and source code",
    ),
    Setting(
        *("ca_bundle", "SANDBOX_CA_BUNDLE", None, "", CERTIFICATES),
        "certificate authorities that pip and programs trust instead of the image's own",
    ),
    Setting(
        "index_url",
        "PIP_INDEX_URL",
        None,
        "",
        ANYTHING,
        "package index to use instead of pypi.org; only pip sees it, and only while it installs",
    ),
    Setting(
        *("registry_url", "NPM_CONFIG_REGISTRY", None, "", ANYTHING),
        "npm registry to use instead of registry.npmjs.org; only npm sees it, and only while it installs",
    ),
    Setting(
        *("index_credentials", "SANDBOX_INDEX_CREDENTIALS", None, "false", YES_OR_NO),
        "set this if `PIP_INDEX_URL` or `NPM_CONFIG_REGISTRY` is meant to hold a name or password; code that builds a package can see it",
    ),
    Setting(
        *("strict", "SANDBOX_STRICT", "--strict", "false", YES_OR_NO),
        "read-only system, no network, at most 128 processes; refuse to start if the engine does not enforce a limit",
    ),
    Setting(
        *("runtime", "SANDBOX_RUNTIME", None, "", TEXT),
        "container runtime, such as `runsc` (gVisor), which the engine must have; by default `runsc` with `--strict` if the engine has it",
    ),
    Setting(
        *("max_retries", "MAX_RETRIES", "--max-retries", "3", whole_number(0, 100)),
        "failed runs that go back to the model before you are asked; `0` asks after each",
    ),
    Setting("confirm", "CONFIRM_RUN", "--confirm", "false", YES_OR_NO, "ask before each run"),
    Setting(
        *("max_tokens", "MAX_TOKENS", "--max-tokens", "", optional(whole_number(1, 10**12))),
        "end a task before it uses more tokens than this, sent and received",
    ),
    Setting(
        *("max_cost", "MAX_COST", "--max-cost", "", optional(decimal(0, 999_999, "an amount such as 0.50"))),
        "end a task before it costs more than this; needs `MODEL_PRICE_IN` and `MODEL_PRICE_OUT`",
    ),
    Setting(
        *("notify", "NOTIFY", None, "off", one_of("off", "bell", "osc9")),
        "`bell` or `osc9` (a desktop notification) when a long step ends and it is your turn",
    ),
    Setting("editing_mode", "EDITING_MODE", None, "emacs", one_of("emacs", "vi"), "keys of the prompt: `emacs` or `vi`"),
    Setting(
        *("workspace", "WORKSPACE", "--workspace", "./workspace", FOLDER),
        "folder for all that is kept: `history.db`, `sessions/<id>/` with files and approved programs, what you typed (`prompt-history`), "
        "and what toolchains have compiled",
    ),
    Setting(
        *("history_days", "HISTORY_DAYS", None, "0", whole_number(0, 36_500)),
        "delete sessions that were not used for this many days; `0` keeps them forever",
    ),
    Setting("price_in", "MODEL_PRICE_IN", None, "", _PRICE, "price of a million tokens sent, to show what a session costs"),
    Setting("price_out", "MODEL_PRICE_OUT", None, "", _PRICE, "price of a million tokens received"),
)


def load_settings(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str],
    dotenv: Path | None = None,
    user_file: Path | None = None,
    /,
    **switches: bool,
) -> Settings:
    """Merge the flags (by field name; None if not given), the environment, .env, the user-wide file and the defaults.

    Raises UsageError naming the setting, the value and what is allowed.
    """
    folder, dotenv = (dotenv, None) if dotenv and os.path.isdir(dotenv) else (None, dotenv)  # noqa: PTH112  # pathlib may raise
    (of_user, odd_of_user), (of_folder, odd_of_folder) = _read_file(user_file), _read_file(dotenv)
    layers = {Source.USER_FILE: of_user, Source.DOTENV: of_folder, Source.ENVIRONMENT: environment}
    merged: dict[str, str] = {}
    sources: dict[str, Source] = {}
    for source, layer in layers.items():
        found = {name: value.strip() for name, value in layer.items() if value.strip()}
        merged.update(found)
        sources.update(dict.fromkeys(found, source))
    values: dict[str, Any] = dict(switches)
    for setting in SETTINGS:
        flag = flags.get(setting.field)
        if flag is not None:
            sources[setting.variable] = Source.FLAG
        text = flag if flag is not None else merged.get(setting.variable) or setting.default
        name = setting.flag if flag is not None and setting.flag else setting.variable
        values[setting.field] = _read(name, text, setting.kind)
    values["images"] = {name: _read(name, text, IMAGE) for name, text in merged.items() if name.startswith(IMAGES)}
    asked = values["network"] if "SANDBOX_NETWORK" in sources else "off"
    _check_together(values)
    overruled = STRICT_OFF.format(asked) if values["strict"] and asked != "off" else ""
    moved = _dotenv_changes(values, merged, sources, layers[Source.USER_FILE])
    known = [setting.variable for setting in SETTINGS] + [*ADDRESSES, *KEYS]
    odd = (odd_line(source, line) for source, lines in ((user_file, odd_of_user), (None, odd_of_folder)) for line in lines)
    warnings = tuple(
        filter(None, (overruled, open_to_others(user_file), folder_for_file(folder), *moved, *misspelt(of_folder, known), *odd))
    )
    values["images"] = {name.removeprefix(IMAGES).lower(): image for name, image in values["images"].items()}
    return Settings(**values, environment=merged, sources=sources, warnings=warnings)


def _read(name: str, text: str, kind: Kind) -> Any:
    try:
        return kind.read(text.strip())
    except ValueError:
        raise UsageError(f"{name} is {text!r}", f"use {kind.allowed}", kind="setting") from None


def _check_together(values: dict[str, Any]) -> None:
    for name, field_name in (("PIP_INDEX_URL", "index_url"), ("NPM_CONFIG_REGISTRY", "registry_url")):
        check_index(name, values[field_name], values["index_credentials"])
    if values["max_cost"] is not None and None in (values["price_in"], values["price_out"]):
        raise UsageError("MAX_COST cannot be checked without prices", "set MODEL_PRICE_IN and MODEL_PRICE_OUT", kind="setting")
    if values["strict"]:
        values.update(network="off", pids=min(values["pids"], STRICT_PIDS))


def _dotenv_changes(
    values: Mapping[str, Any], merged: Mapping[str, str], sources: Mapping[str, Source], below: Mapping[str, str]
) -> Iterator[str]:
    from_dotenv = [variable for variable, source in sources.items() if source is Source.DOTENV]
    known = {setting.variable: setting for setting in SETTINGS}
    for variable in from_dotenv:
        if variable in known:
            setting = known[variable]
            otherwise = _read(variable, below.get(variable) or setting.default, setting.kind)
            yield dotenv_change(variable, values[setting.field], otherwise)
        elif variable in ADDRESSES or variable.startswith(IMAGES):
            yield dotenv_change(variable, merged[variable], below.get(variable))


def _read_file(file: Path | None) -> tuple[dict[str, str], list[int]]:
    """Return what a file of settings sets, and the numbers of the lines in it that set nothing and say nothing else either.

    Raises UsageError if it cannot be read.
    """
    text = read_text_file(file) if file else ""
    if not text:
        return {}, []
    from dotenv.parser import parse_stream

    bindings = list(parse_stream(io.StringIO(text)))
    texts = [each.original for each in bindings if each.error or (each.key is not None and each.value is None)]
    # A binding begins with the empty lines before it.
    odd = [each.line + each.string[: -len(each.string.lstrip())].count("\n") for each in texts]
    return {each.key: each.value for each in bindings if each.key and each.value}, odd
