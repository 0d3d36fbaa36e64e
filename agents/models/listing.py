"""The models that a provider offers, for a user who chooses one."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from agents.models.choice import ModelChoice, choose_model, is_openai_itself
from utils.settings import Settings

_PATIENCE = 4.0  # seconds for the whole list
_LONGEST_LIST = 4_000_000  # bytes
_MOST_MODELS = 500
_FAILURES = (OSError, ValueError, TypeError, AttributeError, http.client.HTTPException)
# OpenAI lists everything that it serves; these do not chat.
_NO_CHAT = ("embedding", "whisper", "tts", "dall-e", "image", "audio", "realtime", "moderation", "transcribe", "sora", "babbage", "davinci")


def list_models(settings: Settings) -> dict[str, int]:
    """Return the models that the provider of the settings offers, sorted by name; {} if it has no list or does not answer.

    With each comes how many tokens its context holds as the provider serves it, or 0 if the list does not say.

    Blocks for a few seconds at most. Raises ModelError or UsageError if the settings name no provider.
    """
    choice = choose_model(settings)
    row = _LISTS.get(choice.provider)
    if row is None:
        return {}
    path, headers, entries, key = row
    try:
        page = _get_json(choice.url, path, headers(choice))
        found = {each[key]: _context(each) for each in page.get(entries) or () if _is_name(each.get(key))}
    except (*_FAILURES, KeyError):
        return {}
    if is_openai_itself(choice.url):
        found = {name: context for name, context in found.items() if not any(word in name for word in _NO_CHAT)}
    return dict(sorted(found.items())[:_MOST_MODELS])


def context_of(settings: Settings, model: str, models: Mapping[str, int]) -> int:
    """Return how many tokens the context of a model holds, by the list or else by what Ollama says of it; 0 if neither tells.

    Blocks for a few seconds at most. Raises ModelError or UsageError if the settings name no provider.
    """
    choice = choose_model(settings)
    if choice.provider != "ollama":
        return models.get(model, 0)
    try:
        said = _get_json(choice.url, "/api/show", _bearer(choice), {"model": model}).get("parameters") or ""
        # What the model could hold is in its model_info; what Ollama lets it hold is only known if the model's file sets it.
        found = re.search(r"^num_ctx\s+(\d{1,9})\s*$", said, re.MULTILINE)
    except _FAILURES:
        return 0
    return int(found[1]) if found else 0


def _is_name(name: object) -> bool:
    return isinstance(name, str) and name.isprintable()


def _context(entry: Mapping[str, Any]) -> int:
    """Return the smallest length that an entry names: OpenRouter, the provider behind it, vLLM, and llama.cpp, in this order."""
    behind, meta = entry.get("top_provider"), entry.get("meta")
    named = (
        entry.get("context_length"),
        behind.get("context_length") if isinstance(behind, dict) else None,
        entry.get("max_model_len"),
        # Not n_ctx_train: a server may be started with less than the model was trained for, or with more.
        meta.get("n_ctx") if isinstance(meta, dict) else None,
    )
    return min((number for number in named if type(number) is int and number > 0), default=0)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow no redirect: the key would be sent along, wherever it leads."""


def _get_json(url: str, path: str, headers: dict[str, str], body: Mapping[str, str] | None = None) -> Any:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.username and "Authorization" not in headers:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + path, "", ""))
    until = time.monotonic() + _PATIENCE
    opener = urllib.request.build_opener(_NoRedirect)
    data = None if body is None else json.dumps(body).encode()
    with opener.open(urllib.request.Request(bare, data, headers), timeout=_PATIENCE) as response:
        page = bytearray()
        while piece := response.read1(65536):
            page += piece
            if len(page) > _LONGEST_LIST or time.monotonic() > until:
                return {}
    return json.loads(page)


def _bearer(choice: ModelChoice) -> dict[str, str]:
    return {"Authorization": f"Bearer {choice.key}"} if choice.key else {}


def _anthropic_headers(choice: ModelChoice) -> dict[str, str]:
    return {"x-api-key": choice.key, "anthropic-version": "2023-06-01"}


# Azure lists models, but a request there names a deployment.
_LISTS: dict[str, tuple[str, Callable[[ModelChoice], dict[str, str]], str, str]] = {
    "openai": ("/models", _bearer, "data", "id"),
    "openai-compatible": ("/models", _bearer, "data", "id"),
    "anthropic": ("/v1/models", _anthropic_headers, "data", "id"),
    "ollama": ("/api/tags", _bearer, "models", "name"),
}
"""By provider: the path of the list, what makes its headers, and the keys of its entries and of their names."""
