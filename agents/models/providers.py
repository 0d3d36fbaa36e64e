"""Who serves the model: the provider found from the settings, and AutoGen's client for it.

A provider is one entry in PROVIDERS: what it needs to be set, its default model, and the function that builds its client. AutoGen
and the SDKs are imported inside those functions, because the prompt and `--help` do without them and not every SDK is installed.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from agents.models.recorder import AnthropicSDK, OllamaSDK, OpenAISDK, Recorder
from utils.errors import ModelError, UsageError
from utils.settings import Settings

if TYPE_CHECKING:
    from autogen_core.models import ChatCompletionClient, ModelInfo

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://127.0.0.1:11434"
AZURE_API_VERSION = "2024-10-21"  # the newest that Azure calls generally available
_ANTHROPIC_TOKENS = 8192  # AutoGen's default of 4096 cuts long programs; the service has none of its own
_CONNECT = 10.0  # seconds: far less than a model may think
_PROBE = 0.2  # seconds


@dataclass(frozen=True)
class ModelChoice:
    """Which model is asked, where, and with which key; the key is left out of its repr."""

    provider: str
    model: str
    url: str = field(repr=False)  # it may hold a password
    key: str = field(default="", repr=False)
    store: bool = False  # keep completions in the provider's dashboard

    @property
    def who(self) -> str:
        """The service's name in a sentence."""
        return PROVIDERS[self.provider].name if self.provider != "openai-compatible" else f"The model service at {self.address}"

    @property
    def address(self) -> str:
        """The URL as it may be shown: without a name and password in it."""
        scheme, mark, rest = self.url.rpartition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"

    @property
    def password(self) -> str:
        """The password in the URL; "" where there is none."""
        return self.url.rpartition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]

    @property
    def key_name(self) -> str:
        """The setting that holds the key."""
        return PROVIDERS[self.provider].key_name


@dataclass(frozen=True)
class Provider:
    """One way to reach a model: what it needs, and how its client is built."""

    name: str
    key_name: str
    key_needed: bool
    url_name: str
    url: str  # "": has to be set
    model: str  # "": has to be set
    build: Callable[[ModelChoice, Settings, Recorder], ChatCompletionClient]
    model_name: str = "MODEL"


def choose_model(settings: Settings) -> ModelChoice:
    """Find provider, model, address and key in the settings; raises ModelError naming what is missing, or UsageError."""
    name = find_provider(settings)
    if not name:
        raise ModelError("There is no key for a model.", _no_key_hint(settings.environment), kind="no-key")
    provider, environment = PROVIDERS[name], settings.environment
    key = environment.get(provider.key_name, "")
    url = environment.get(provider.url_name) or provider.url
    model = find_model(name, settings)
    for value, variable in ((url, provider.url_name), (key or not provider.key_needed, provider.key_name), (model, provider.model_name)):
        if not value:
            hint = f"Set {variable} in the environment or in .env, or look around without a model: --demo."
            raise ModelError(f"The provider {name} needs {variable}.", hint, kind="no-key")
    if name != "ollama" and not url.startswith(("http://", "https://")):  # Ollama's own client takes a bare host, too
        shown = url.rpartition("@")[2]  # what stands before it may be a password
        raise UsageError(f"{provider.url_name} is {shown!r}", "allowed is a URL that begins with http:// or https://", kind="setting")
    if not _has_host(url):
        hint = "in a name or password in it, write / ? # @ : as %2F %3F %23 %40 %3A"
        raise UsageError(f"{provider.url_name} is no URL of a service", hint, kind="setting")
    itself = name == "openai" and is_openai_itself(url)
    return ModelChoice(name, model, url.rstrip("/"), key, itself if settings.store is None else settings.store)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def find_provider(settings: Settings) -> str:
    """Return the provider that is set, or the first whose key (or address) is; "" if there is none."""
    environment = settings.environment
    if settings.provider:
        return settings.provider
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
    host = urlsplit(url).hostname or ""
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def ollama_answers(url: str = OLLAMA_URL) -> bool:
    """Ask, for at most a moment, whether an Ollama listens at the address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_PROBE)
    try:
        connection.request("GET", "/api/version")
        return "version" in json.loads(connection.getresponse().read(1000))
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _no_key_hint(environment: Mapping[str, str]) -> str:
    demo = "Without a key: --demo."
    if ollama_answers(environment.get("OLLAMA_HOST") or OLLAMA_URL):
        return f"A local Ollama answers: --provider ollama uses it. Or set OPENAI_API_KEY (or another provider's key) in .env. {demo}"
    return f"Set OPENAI_API_KEY, ANTHROPIC_API_KEY or AZURE_OPENAI_API_KEY in the environment or in .env. {demo}"


def _model_info() -> ModelInfo:
    # AutoGen refuses names that it does not know, and what it knows has not changed since 2025. These are the abilities that we use.
    return {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "structured_output": True,
        "family": "unknown",
        "multiple_system_messages": True,
    }


@contextmanager
def _package(provider: str, line: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ModelError(
            f"The provider {provider} needs a package that is not installed.", f"pip install {line}", kind="package"
        ) from error


def _request_defaults(choice: ModelChoice) -> dict[str, Any]:
    stored = {"store": True} if choice.store else {}
    return {"model": choice.model, "stream_options": {"include_usage": True}, **stored}


def _build_openai(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
    from openai import AsyncOpenAI, Timeout

    # Given explicitly: AutoGen sends names such as claude-* and gemini-* elsewhere, and a server without keys still needs a word.
    timeout = Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout))
    sdk = AsyncOpenAI(api_key=choice.key or "none", base_url=choice.url, timeout=timeout, max_retries=0)
    stand_in: Any = OpenAISDK(sdk, recorder)
    return BaseOpenAIChatCompletionClient(
        stand_in,
        create_args=_request_defaults(choice),
        model_info=_model_info(),
        include_name_in_message=is_openai_itself(choice.url),
    )


def _build_azure(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
    from openai import AsyncAzureOpenAI, Timeout

    sdk = AsyncAzureOpenAI(
        api_key=choice.key,
        azure_endpoint=choice.url,
        azure_deployment=choice.model,
        api_version=settings.environment.get("OPENAI_API_VERSION") or AZURE_API_VERSION,
        timeout=Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout)),
        max_retries=0,
    )
    stand_in: Any = OpenAISDK(sdk, recorder)
    return BaseOpenAIChatCompletionClient(
        stand_in, create_args=_request_defaults(choice), model_info=_model_info(), include_name_in_message=False
    )


def _build_anthropic(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    # anthropic 1.0 dropped arguments that AutoGen 0.7.5 always sends.
    with _package("anthropic", '"autogen-ext[anthropic]==0.7.5" "anthropic>=0.48,<1"'):
        from anthropic import AsyncAnthropic, Timeout
        from autogen_ext.models.anthropic import BaseAnthropicChatCompletionClient

    timeout = Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout))
    sdk = AsyncAnthropic(api_key=choice.key, base_url=choice.url, timeout=timeout, max_retries=0)
    create_args = {"model": choice.model, "max_tokens": _ANTHROPIC_TOKENS}
    return BaseAnthropicChatCompletionClient(AnthropicSDK(sdk, recorder), create_args=create_args, model_info=_model_info())


def _build_ollama(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    with _package("ollama", '"autogen-ext[ollama]==0.7.5"'):
        from autogen_ext.models.ollama import OllamaChatCompletionClient
        from ollama import AsyncClient

    client = OllamaChatCompletionClient(model=choice.model, host=choice.url, model_info=_model_info())
    # Its constructor takes no timeout, and without one a stall lasts for ever.
    client._client = OllamaSDK(AsyncClient(host=choice.url, timeout=settings.model_timeout), recorder)  # type: ignore[assignment]
    return client


PROVIDERS = {
    "openai": Provider("OpenAI", "OPENAI_API_KEY", True, "OPENAI_BASE_URL", OPENAI_URL, "gpt-4.1", _build_openai),
    "azure": Provider(
        "Azure OpenAI", "AZURE_OPENAI_API_KEY", True, "AZURE_OPENAI_ENDPOINT", "", "", _build_azure, "AZURE_OPENAI_DEPLOYMENT"
    ),
    "anthropic": Provider(
        "Anthropic", "ANTHROPIC_API_KEY", True, "ANTHROPIC_BASE_URL", "https://api.anthropic.com", "claude-sonnet-4-5", _build_anthropic
    ),
    "ollama": Provider("Ollama", "OLLAMA_API_KEY", False, "OLLAMA_HOST", OLLAMA_URL, "qwen2.5-coder", _build_ollama),
    "openai-compatible": Provider("", "OPENAI_API_KEY", False, "OPENAI_BASE_URL", "", "gpt-4.1", _build_openai),
}
