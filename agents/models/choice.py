"""Which model is asked: provider, address, key and name, chosen from the settings.

A provider is one entry in PROVIDERS; agents/models/providers.py builds its client. Nothing here imports AutoGen or an SDK.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agents.models.local import HOW_TO_HAVE_ONE, model_file
from agents.models.trust import check_address, check_connection, check_key, check_old_name, check_sent_too, check_url, parts_of
from utils.errors import ModelError
from utils.setting_values import without_password
from utils.settings import Settings

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"
_PROBE = 0.2  # seconds


@dataclass(frozen=True)
class ModelChoice:
    """Which model is asked, where, and with which key; the key is left out of its repr."""

    provider: str
    model: str
    url: str = field(repr=False)  # it may hold a password
    key: str = field(default="", repr=False)
    store: bool = False  # keep completions in the provider's dashboard
    file: Path | None = None  # of a model of one's own
    sent_too: tuple[str, ...] = field(default=(), repr=False)  # secrets that the SDK adds by itself

    @property
    def who(self) -> str:
        """The service's name at the beginning of a sentence."""
        return PROVIDERS[self.provider].name or f"The model service at {self.address}"

    @property
    def address(self) -> str:
        """The URL as it may be shown: without a name and password in it."""
        return without_password(self.url)

    @property
    def password(self) -> str:
        """The password in the URL; "" if there is none."""
        return self.url.rpartition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]

    @property
    def key_name(self) -> str:
        """The setting that holds the key."""
        return PROVIDERS[self.provider].key_name


@dataclass(frozen=True)
class Provider:
    """One way to reach a model, as data: what its settings are called, and what they are by default."""

    name: str
    key_name: str
    key_needed: bool
    url_name: str
    url: str  # "": has to be set
    model: str  # "": has to be set
    model_name: str = "MODEL"
    adds: tuple[str, ...] = ("/chat/completions", "/completions", "/responses", "/models")  # ends of a URL that are not for a base URL


PROVIDERS = {
    "openai": Provider("OpenAI", "OPENAI_API_KEY", True, "OPENAI_BASE_URL", OPENAI_URL, "gpt-4.1"),
    "azure": Provider(
        "Azure OpenAI",
        "AZURE_OPENAI_API_KEY",
        True,
        "AZURE_OPENAI_ENDPOINT",
        "",
        "",
        "AZURE_OPENAI_DEPLOYMENT",
        ("/chat/completions", "/openai/v1"),
    ),
    "anthropic": Provider(
        "Anthropic",
        "ANTHROPIC_API_KEY",
        True,
        "ANTHROPIC_BASE_URL",
        "https://api.anthropic.com",
        "claude-sonnet-4-5",
        adds=("/v1/messages", "/v1"),
    ),
    "ollama": Provider("Ollama", "OLLAMA_API_KEY", False, "OLLAMA_HOST", OLLAMA_URL, "qwen2.5-coder", adds=("/api/chat", "/api", "/v1")),
    "openai-compatible": Provider("", "OPENAI_API_KEY", False, "OPENAI_BASE_URL", "", "gpt-4.1"),
    "local": Provider("llama.cpp", "", False, "", "", ""),  # a model file, served by a child process of ours
}


def choose_model(settings: Settings) -> ModelChoice:
    """Find provider, model, address and key in the settings; raises ModelError naming what is missing, or UsageError."""
    name = find_provider(settings)
    if name in ("openai", "openai-compatible"):
        check_old_name(settings)
    if not name:
        raise ModelError("there is no key for a model", _no_key_hint(settings.environment), kind="no-key")
    if name == "local":
        return _choose_file(find_model(name, settings))
    provider, environment = PROVIDERS[name], settings.environment
    key = environment.get(provider.key_name, "")
    url = environment.get(provider.url_name) or provider.url
    model = find_model(name, settings)
    for value, variable in ((url, provider.url_name), (key or not provider.key_needed, provider.key_name), (model, provider.model_name)):
        if not value:
            hint = f"Set {variable} in the environment or in .env."
            raise ModelError(f"the provider {name} needs {variable}", hint, kind="no-key")
    if name == "ollama" and url.startswith(":"):
        url = f"127.0.0.1{url}"  # as Ollama itself reads its variable
    check_url(provider.url_name, url, provider.adds, bare_host=name == "ollama")
    check_address(settings, provider.key_name, provider.url_name, url)
    check_key(provider.key_name, key)
    sent_too = check_sent_too(settings, provider.key_name)
    check_connection(settings)
    itself = name == "openai" and is_openai_itself(url)
    url = f"{url.partition('://')[0].lower()}://{url.partition('://')[2]}" if "://" in url else url
    return ModelChoice(name, model, url.rstrip("/"), key, itself if settings.store is None else settings.store, sent_too=sent_too)


def _choose_file(model: str) -> ModelChoice:
    if not model:
        raise ModelError("the provider local needs MODEL, a model file", HOW_TO_HAVE_ONE, kind="no-key")
    file = model_file(model)
    return ModelChoice("local", file.name, "http://127.0.0.1", file=file)


def find_provider(settings: Settings) -> str:
    """Return the provider that is set, or that of a model file, or the first whose key (or address) is set; "" if there is none."""
    environment = settings.environment
    if settings.provider:
        return settings.provider
    if settings.model.endswith(".gguf"):
        return "local"
    url = environment.get("OPENAI_BASE_URL", "")
    if url and not is_openai_itself(url):
        return "openai-compatible"
    keys = (("openai", "OPENAI_API_KEY"), ("azure", "AZURE_OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY"))
    return next((name for name, key in keys if environment.get(key)), "")


def find_model(provider: str, settings: Settings) -> str:
    """Return the model's name for a provider: as set, else the provider's default."""
    chosen = settings.model or settings.environment.get(PROVIDERS[provider].model_name, "")
    return chosen or PROVIDERS[provider].model


def is_openai_itself(url: str) -> bool:
    """Tell OpenAI's own service (also its regional hosts) from one that speaks the same protocol."""
    parts = parts_of(url)
    host = (parts and parts.hostname) or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def ollama_answers(url: str = OLLAMA_URL) -> bool:
    """Ask, for at most a moment, whether an Ollama listens at the address."""
    parts = parts_of(url)
    if parts is None:
        return False
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PROBE)
    try:
        connection.request("GET", "/api/version")
        return "version" in json.loads(connection.getresponse().read(1000))
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _no_key_hint(environment: Mapping[str, str]) -> str:
    if ollama_answers(environment.get("OLLAMA_HOST") or OLLAMA_URL):
        return "A local Ollama answers: MODEL_PROVIDER=ollama uses it. Or set OPENAI_API_KEY (or another provider's key) in .env."
    keys = "Set OPENAI_API_KEY, ANTHROPIC_API_KEY or AZURE_OPENAI_API_KEY in the environment or in .env."
    return f"{keys} Or run a model file of your own: MODEL_PROVIDER=local MODEL=FILE.gguf."
