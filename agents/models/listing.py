"""The models that a provider offers, for a user who chooses one."""

from __future__ import annotations

import base64
import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from agents.models.choice import ModelChoice, choose_model, is_openai_itself
from utils.settings import Settings

_PATIENCE = 4.0  # seconds for the whole list
_LONGEST_LIST = 4_000_000  # bytes
_MOST_MODELS = 500
# OpenAI lists everything that it serves; these do not chat.
_NO_CHAT = ("embedding", "whisper", "tts", "dall-e", "image", "audio", "realtime", "moderation", "transcribe", "sora", "babbage", "davinci")


def list_models(settings: Settings) -> list[str]:
    """Return the names of the models that the provider of the settings offers, sorted; [] if it has no list or does not answer.

    Blocks for a few seconds at most. Raises ModelError or UsageError if the settings name no provider.
    """
    choice = choose_model(settings)
    row = _LISTS.get(choice.provider)
    if row is None:
        return []
    path, headers, names = row
    try:
        found = names(_get_json(choice.url, path, headers(choice)))
        chosen = {name for name in found if isinstance(name, str) and name.isprintable()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, http.client.HTTPException):
        return []
    if is_openai_itself(choice.url):
        chosen = {name for name in chosen if not any(word in name for word in _NO_CHAT)}
    return sorted(chosen)[:_MOST_MODELS]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow no redirect: the key would be sent along, wherever it leads."""


def _get_json(url: str, path: str, headers: dict[str, str]) -> Any:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.username and "Authorization" not in headers:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/") + path, "", ""))
    until = time.monotonic() + _PATIENCE
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(urllib.request.Request(bare, headers=headers), timeout=_PATIENCE) as response:
        body = bytearray()
        while piece := response.read1(65536):
            body += piece
            if len(body) > _LONGEST_LIST or time.monotonic() > until:
                return {}
    return json.loads(body)


def _bearer(choice: ModelChoice) -> dict[str, str]:
    return {"Authorization": f"Bearer {choice.key}"} if choice.key else {}


def _anthropic_headers(choice: ModelChoice) -> dict[str, str]:
    return {"x-api-key": choice.key, "anthropic-version": "2023-06-01"}


def _ids(page: Any) -> list[Any]:
    return [each.get("id") for each in page.get("data") or ()]


def _names(page: Any) -> list[Any]:
    return [each.get("name") for each in page.get("models") or ()]


# Azure lists models, but a request there names a deployment.
_LISTS: dict[str, tuple[str, Callable[[ModelChoice], dict[str, str]], Callable[[Any], list[Any]]]] = {
    "openai": ("/models", _bearer, _ids),
    "openai-compatible": ("/models", _bearer, _ids),
    "anthropic": ("/v1/models", _anthropic_headers, _ids),
    "ollama": ("/api/tags", _bearer, _names),
}
