"""AutoGen's client for each provider, around the SDK's own client.

AutoGen and the SDKs are imported inside the functions, because the prompt and `--help` do without them and not every SDK is installed.
No client follows a redirect: most SDKs would send the key, and all of them the task, wherever it leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agents.models.choice import ModelChoice, is_openai_itself
from agents.models.dialects import AnthropicSDK, OllamaSDK, OpenAISDK
from agents.models.recorder import Recorder
from utils.errors import ModelError
from utils.settings import Settings

if TYPE_CHECKING:
    from autogen_core.models import ChatCompletionClient, ModelInfo

AZURE_API_VERSION = "2024-10-21"  # the newest that Azure calls generally available
_ANTHROPIC_TOKENS = 8192  # AutoGen's default of 4096 cuts long programs; the service has none of its own
_CONNECT = 10.0  # seconds: far less than a model may think


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
        raise ModelError(f"the provider {provider} needs a package that is not installed", f"pip install {line}", kind="package") from error


def _request_defaults(choice: ModelChoice) -> dict[str, Any]:
    stored = {"store": True} if choice.store else {}
    return {"model": choice.model, "stream_options": {"include_usage": True}, **stored}


def _build_openai(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    # Given explicitly: AutoGen sends names such as claude-* and gemini-* elsewhere, and a server without keys still needs a word.
    timeout = Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout))
    # A process of ours on loopback is not behind any proxy.
    http = DefaultAsyncHttpxClient(trust_env=choice.provider != "local", follow_redirects=False)
    sdk = AsyncOpenAI(api_key=choice.key or "none", base_url=choice.url, timeout=timeout, max_retries=0, http_client=http)
    # Reasoning models of OpenAI itself refuse the older name, most other servers know only that one.
    stand_in: Any = OpenAISDK(sdk, recorder, "max_completion_tokens" if choice.provider == "openai" else "max_tokens")
    return BaseOpenAIChatCompletionClient(
        stand_in,
        create_args=_request_defaults(choice),
        model_info=_model_info(),
        include_name_in_message=is_openai_itself(choice.url),
    )


def _build_azure(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
    from openai import AsyncAzureOpenAI, DefaultAsyncHttpxClient, Timeout

    sdk = AsyncAzureOpenAI(
        api_key=choice.key,
        azure_endpoint=choice.url,
        azure_deployment=choice.model,
        api_version=settings.environment.get("OPENAI_API_VERSION") or AZURE_API_VERSION,
        timeout=Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout)),
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(follow_redirects=False),
    )
    stand_in: Any = OpenAISDK(sdk, recorder)
    return BaseOpenAIChatCompletionClient(
        stand_in, create_args=_request_defaults(choice), model_info=_model_info(), include_name_in_message=False
    )


def _build_anthropic(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    # anthropic 1.0 dropped arguments that AutoGen 0.7.5 always sends.
    with _package("anthropic", '"autogen-ext[anthropic]==0.7.5" "anthropic>=0.48,<1"'):
        from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient, Timeout
        from autogen_ext.models.anthropic import BaseAnthropicChatCompletionClient

    timeout = Timeout(settings.model_timeout, connect=min(_CONNECT, settings.model_timeout))
    http = DefaultAsyncHttpxClient(follow_redirects=False)
    sdk = AsyncAnthropic(api_key=choice.key, base_url=choice.url, timeout=timeout, max_retries=0, http_client=http)
    create_args = {"model": choice.model, "max_tokens": _ANTHROPIC_TOKENS}
    return BaseAnthropicChatCompletionClient(AnthropicSDK(sdk, recorder), create_args=create_args, model_info=_model_info())


def _build_ollama(choice: ModelChoice, settings: Settings, recorder: Recorder) -> ChatCompletionClient:
    with _package("ollama", '"autogen-ext[ollama]==0.7.5"'):
        from autogen_ext.models.ollama import OllamaChatCompletionClient
        from ollama import AsyncClient

    client = OllamaChatCompletionClient(model=choice.model, host=choice.url, model_info=_model_info())
    # Its constructor takes no timeout, and without one a stall lasts for ever.
    sdk = AsyncClient(host=choice.url, timeout=settings.model_timeout, follow_redirects=False)
    client._client = OllamaSDK(sdk, recorder)  # type: ignore[assignment]
    return client


BUILDERS: dict[str, Callable[[ModelChoice, Settings, Recorder], ChatCompletionClient]] = {
    "openai": _build_openai,
    "azure": _build_azure,
    "anthropic": _build_anthropic,
    "ollama": _build_ollama,
    "openai-compatible": _build_openai,
    "local": _build_openai,
}
"""For each provider of PROVIDERS, what builds its client."""
