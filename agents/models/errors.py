"""Why a model gave no answer: whatever its SDK raised, as one sentence with a remedy.

The SDKs' errors are told apart by status code and by the names of their classes, so that no SDK is imported here and the rules are
written once for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from agents.models.recorder import BrokenAnswer
from utils.errors import ModelError

if TYPE_CHECKING:
    from agents.models.choice import ModelChoice

LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says
_STALLED = ("APITimeoutError", "TimeoutException", "TimeoutError")
_UNREACHABLE = ("ConnectError", "ConnectTimeout", "APIConnectionError", "ConnectionError", "UnsupportedProtocol", "InvalidURL")
_CUT = ("RemoteProtocolError", "ReadError", "IncompleteRead")
_MALFORMED = ("JSONDecodeError", "UnicodeDecodeError", "APIResponseValidationError", "ValidationError", "TypeError", "KeyError")
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance|payment required", re.I)
_TOO_LONG = re.compile(r"context_length|context length|context window|prompt is too long|too many tokens|maximum.{0,20} tokens", re.I)
_FILTERED = re.compile(r"content_filter|content management policy|content_policy", re.I)
_NO_SUCH_MODEL = re.compile(
    r"model_not_found|DeploymentNotFound|model.{0,80}(not (found|exist|a valid)|does ?n[o']t exist|invalid|unknown)"
    r"|(unknown|invalid|no such) model|\bmodel: \S",
    re.I | re.S,
)

# What is said for each kind of failure; {hint} words are filled in from the model that was asked and from what the server said.
_WORDS = {
    "wrong-key": ("{who} does not accept the key (status {status}).", "Check {key_name} in the environment or in .env."),
    "forbidden": ("{who} does not allow this request (status {status}){detail}", "Check what the account behind {key_name} may use."),
    "quota": ("The account's quota at {who} is used up{detail}", "Add credit, or use another provider: --provider."),
    "rate-limit": ("{who} is busy (status {status}) and stayed so.", "Wait a little, then /retry."),
    "server": ("{who} failed (status {status}){detail}", "Wait a little, then /retry."),
    "unknown-model": ("{who} has no model named {model}.", "Set MODEL (--model) to a name that it offers."),
    "wrong-url": ("There is no model service at {url} (status {status}).", "Check the base URL; it usually ends in /v1."),
    "too-long": ("The conversation is too long for {model}.", "/new starts a fresh one; the files stay."),
    "bad-request": ("{who} refused the request (status {status}){detail}", "Check MODEL (--model) and the provider."),
    "unreachable": ("{url} cannot be reached{detail}", "Check the address, the network and that the service runs, then /retry."),
    "stalled": ("{who} sent nothing for {timeout} s.", "/retry, or allow it more time: MODEL_TIMEOUT."),
    "cut": ("The answer of {who} broke off.", "/retry; if it happens again, look at the network or a proxy between."),
    "html": ("{url} answered with a web page, not with a model's answer.", "Check the base URL; it usually ends in /v1."),
    "malformed": ("{url} sent something that is not a model's answer{detail}", "Check the base URL and the provider, then /retry."),
    "empty": ("{who} sent an empty answer.", "/retry, or say the task in other words."),
    "filtered": ("{who} withheld the answer by its content filter{detail}", "Say the task in other words."),
    "thinking": ("{model} used up its whole answer on thinking.", "/retry, or choose another model: --model."),
    "endless": ("The answer of {model} had no end and was cut off.", "/retry, or choose another model: --model."),
    "unknown": ("{who} gave no answer{detail}", "/retry; --traceback shows more."),
}


def explain_model_error(error: BaseException, choice: ModelChoice, timeout: float = 0) -> ModelError:
    """Say in one sentence why the model gave no answer, with the remedy; neither the key nor a password is ever in it.

    `timeout` is in seconds; the kinds are those of _WORDS.
    """
    if isinstance(error, ModelError):
        return error
    kind = _kind(error)
    said = _clean(error.detail if isinstance(error, BrokenAnswer) else _said(error), choice.key, choice.password)
    # A wrong key is told without the server's words: some servers repeat the key, or a part of it.
    detail = f": {said}" if said and kind != "wrong-key" else "."
    facts = {
        "who": choice.who,
        "model": choice.model,
        "url": choice.address,
        "key_name": choice.key_name,
        "status": _status(error) or "none",
        "timeout": f"{timeout:g}",
        "detail": detail,
    }
    message, hint = _WORDS[kind]
    if kind == "unknown-model" and choice.provider == "ollama":
        hint = "Fetch it with `ollama pull {model}`, or set MODEL (--model) to one of `ollama list`."
    return ModelError(message.format(**facts), hint.format(**facts), kind=kind)


def retry_after(error: BaseException, now: datetime | None = None) -> float | None:
    """Read how long the server asks to wait, in seconds from 0 to LONGEST_WAIT; None if it does not say (RFC 9110 §10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    text = (headers.get("retry-after") or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
        when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
        seconds = (when - (now or datetime.now(timezone.utc))).total_seconds()
    # "nan" is a float, too, and no comparison with it holds.
    return min(max(seconds, 0.0), LONGEST_WAIT) if seconds == seconds else None


def _kind(error: BaseException) -> str:
    if isinstance(error, BrokenAnswer):
        return error.kind
    status = _status(error)
    text = f"{getattr(error, 'code', '')} {getattr(error, 'body', '')} {error}"
    if status >= 400:
        return _kind_of_status(status, text)
    if _QUOTA.search(text):
        return "quota"
    names = list(_names(error))
    if names[0] == "JSONDecodeError" and str(getattr(error, "doc", "")).lstrip().startswith("<"):
        return "html"
    for kind, classes in (("unreachable", _UNREACHABLE[:2]), ("stalled", _STALLED), ("cut", _CUT), ("unreachable", _UNREACHABLE)):
        if any(name in classes for name in names):
            return kind
    if any(name in _MALFORMED for name in names):
        return "malformed"
    # An error event inside a stream that began with status 200.
    return "server" if any(name in ("APIError", "ResponseError") for name in names) else "unknown"


def _kind_of_status(status: int, text: str) -> str:
    by_text = (("quota", _QUOTA), ("too-long", _TOO_LONG), ("filtered", _FILTERED), ("unknown-model", _NO_SUCH_MODEL))
    by_status = {401: "wrong-key", 402: "quota", 403: "forbidden", 404: "wrong-url", 408: "server", 409: "server", 413: "too-long"}
    if status in (400, 404, 422, 429):
        for kind, words in by_text:
            if words.search(text) and (kind == "quota" or status != 429):
                return kind
    if status == 429:
        return "rate-limit"
    return "server" if status >= 500 else by_status.get(status, "bad-request")


def _names(error: BaseException) -> Iterator[str]:
    # The cause tells a refused connection from a stall: the SDKs wrap both in one class.
    seen: BaseException | None = error
    while seen is not None:
        yield from (kind.__name__ for kind in type(seen).__mro__)
        seen = seen.__cause__


def _status(error: BaseException) -> int:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 0


def _said(error: BaseException) -> str:
    body: Any = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    if isinstance(inner, dict):
        return str(inner.get("message") or inner.get("detail") or "")
    return str(inner or getattr(error, "error", None) or error)


def _clean(text: str, *secrets: str) -> str:
    if text.lstrip().startswith("<"):
        return ""
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) > 3 else text
    text = re.sub(r"(?<=://)[^\s/@]*@", "", text)  # a name and password in an address
    text = re.sub(r"\b(sk|key|gsk|xai)-[\w*-]{6,}", "***", text)
    # The server's words go to a terminal: one line, without control characters.
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= 300 else text[:299] + "…"
