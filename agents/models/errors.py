"""Why a model gave no answer: whatever its SDK raised, as one sentence with a remedy.

The SDKs' errors are distinguished by status code and by the names of their classes, so that no SDK is imported here and the rules are
written once for all of them. What the user can type about it is for cli/remedies.py to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from agents.models.choice import ModelChoice
from agents.models.trust import proxy_for
from agents.models.wire import BrokenAnswer
from utils.errors import ModelError

LONGEST_WAIT = 60.0  # seconds, whatever Retry-After says
_LONGEST_DETAIL = 300  # characters
_PART_OF_KEY = 6  # characters of a key that give it away
_STALLED = ("APITimeoutError", "TimeoutException", "TimeoutError")
_UNREACHABLE = ("ConnectError", "ConnectTimeout", "APIConnectionError", "ConnectionError", "UnsupportedProtocol", "InvalidURL")
_CUT = ("RemoteProtocolError", "ReadError", "IncompleteRead")
_MALFORMED = (
    *("JSONDecodeError", "UnicodeDecodeError", "DecodingError", "APIResponseValidationError", "ValidationError"),
    *("TypeError", "KeyError", "AttributeError"),
)
# Searched in a server's `code` and `message` only, never in the rest of its body: every refusal of OpenAI's
# also says "type": "invalid_request_error". The first that fits is the kind.
_QUOTA = re.compile(
    r"insufficient_quota|\bexceeded your current quota\b|\bbilling_|\bbilling\b|\bcredit balance\b|\bpayment required\b"
    r"|\binsufficient (credits?|balance|funds)\b|\bmore credits\b",
    re.I,
)
_TOO_LONG = re.compile(
    r"context_length|\bcontext[ _](length|window|size|limit)\b|\b(prompt|input) is too long\b|\btoo many (input )?tokens\b"
    r"|\bmaximum prompt length\b|\binput token count\b.{0,40}\bexceeds\b|\breduce the length\b|`inputs` tokens",
    re.I,
)
_FILTERED = re.compile(r"content_filter|\bcontent management policy\b|content_policy|\bcontent filter", re.I)
_WRONG_KEY = re.compile(
    r"invalid_api_key|\b(invalid|incorrect|wrong|expired) api[ _-]?key\b|\bapi key (is )?(not valid|invalid|expired)\b", re.I
)
_NO_SUCH_MODEL = re.compile(
    r"model_not_found|DeploymentNotFound|\b(unknown|invalid|no such|unrecognized) model\b|\bnot a valid model\b|^model: \S+$"
    r"|\bmodels?\b.{0,80}?\b(not found|(does not|doesn'?t|not) exist)",
    re.I | re.S,
)
_NO_SUCH_PATH = re.compile(r"^\W*(error )?(404)?\W*(page |path |resource |route )?(not found)?\W*$|\binvalid url\b|\bcannot post\b", re.I)
_WORDS_OF_STATUS = {
    "any": (("too-long", _TOO_LONG),),
    "refused": (("quota", _QUOTA), ("filtered", _FILTERED), ("wrong-key", _WRONG_KEY), ("unknown-model", _NO_SUCH_MODEL)),
    "busy": (("quota", _QUOTA),),
}
_KIND_OF_STATUS = {
    **{401: "wrong-key", 402: "quota", 403: "forbidden", 408: "server", 409: "server", 413: "too-long", 429: "rate-limit"},
}

# What is said for each kind of failure, and what helps, whoever reads it. {detail} is the server's own words, {status} its number.
_WORDS = {
    "wrong-key": ("{who} rejected the API key{status}{detail}", "Check {key_name} in the environment or in .env."),
    "forbidden": ("{who} does not allow this request{status}{detail}", "Check what the account behind {key_name} may use."),
    "quota": ("{who} says that your quota is used up{status}{detail}", "Add credit, or use another provider."),
    "rate-limit": ("{who} is still busy after several tries{status}{detail}", ""),
    "server": ("{who} failed{status}{detail}", ""),
    "unknown-model": ("{who} has no model named {model}{status}{detail}", "Set MODEL to a name that it offers."),
    "wrong-url": ("There is no model service at {url}{status}{detail}", "Check the base URL; it usually ends in /v1."),
    "too-long": ("The conversation is too long for {model}{status}{detail}", ""),
    "bad-request": ("{who} refused the request{status}{detail}", "Check MODEL and MODEL_PROVIDER."),
    "unreachable": ("{url} cannot be reached{detail}", "Check the address, the network, and that the service runs."),
    "stalled": ("{who} sent nothing for {timeout} s.", "Set MODEL_TIMEOUT to allow more time."),
    "cut": ("{who} broke off in the middle of its answer.", "If it happens again, check the network and any proxy in between."),
    "html": ("{url} answered with a web page, not with a model's answer.", "Check the base URL; it usually ends in /v1."),
    "malformed": ("{url} sent something that is not a model's answer{detail}", "Check the base URL and the provider."),
    "empty": ("{who} sent an empty answer.", ""),
    "tools": ("{model} called a tool instead of answering. There are no tools here.", ""),
    "filtered": ("{who} blocked the answer with its content filter{status}{detail}", ""),
    "thinking": ("{model} spent its whole answer on thinking.", ""),
    "endless": ("{model} did not stop writing, so its answer was cut off.", ""),
    "unknown": ("{who} gave no answer{detail}", ""),
}
KINDS = tuple(_WORDS)
"""Every kind of ModelError that a request can end with."""


def explain_model_error(error: BaseException, choice: ModelChoice, timeout: float = 0) -> ModelError:
    """Say in one sentence why the model gave no answer, with the server's own words; the key and passwords are never in it.

    `timeout` is in seconds; the kinds are KINDS.
    """
    if isinstance(error, ModelError):
        return error
    kind = _kind(error)
    code, said = server_words(error)
    said = _clean(said or code, choice.key, choice.password)
    status = _status(error)
    facts = {
        "who": choice.who,
        "model": choice.model,
        "url": choice.address,
        "key_name": choice.key_name,
        "status": f" (status {status})" if status else "",
        "timeout": f"{timeout:g}",
        "detail": f": {said}" if said else ".",
    }
    message, hint = _WORDS[kind]
    if choice.file is None and (proxy := proxy_for(choice.url)) and (kind == "unreachable" or _is_loopback(choice.url)):
        direct = " Set NO_PROXY=localhost,127.0.0.1 to reach it directly." if _is_loopback(choice.url) else ""
        hint = f"Requests to it go through the proxy in {proxy}.{direct} {hint}".rstrip()
    if kind == "unknown-model" and choice.provider == "ollama":
        hint = "Fetch it with `ollama pull {model}`, or set MODEL to one of `ollama list`."
    if kind == "wrong-key" and not choice.key:
        message, hint = "{who} asks for a key{status}{detail}", "Set {key_name} in the environment or in .env."
    return ModelError(message.format(**facts), hint.format(**facts), kind=kind)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def server_words(error: BaseException) -> tuple[str, str]:
    """Return the `code` and the `message` of what a server said, or ("", what was raised) if no server said anything."""
    if isinstance(error, BrokenAnswer):
        return "", error.detail
    body: Any = getattr(error, "body", None)
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return "", str(body)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # Google's way to send an error
    inner = (body.get("error") or body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return "", str(inner) if inner else _innermost(error) if not _status(error) else ""
    code = inner.get("code") or getattr(error, "code", None) or ""
    return str(code), _message(inner)


def _message(inner: dict[str, Any]) -> str:
    said = inner.get("message") or inner.get("detail") or inner.get("error_description") or inner.get("msg") or ""
    if isinstance(said, list):  # as FastAPI tells what is wrong with a request
        said = "; ".join(_field_and_message(each) for each in said)
    metadata = inner.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # here OpenRouter quotes the provider behind it
    return f"{said} ({raw})" if isinstance(raw, str) and raw else str(said)


def _field_and_message(problem: Any) -> str:
    if not isinstance(problem, dict):
        return str(problem)
    return f"{'.'.join(str(step) for step in problem.get('loc') or ())}: {problem.get('msg', '')}".removeprefix(": ")


def _innermost(error: BaseException) -> str:
    # The SDKs say "Connection error."; the cause says what happened.
    words = str(error)
    while error.__cause__ is not None:
        error = error.__cause__
        words = str(error) or words
    return words


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
    words = " ".join(server_words(error)).strip()
    names = list(_names(error))
    if status >= 400 or "ErrorEvent" in names:
        return _kind_of_status(status, words)
    for kind, classes in (("unreachable", _UNREACHABLE[:2]), ("stalled", _STALLED), ("cut", _CUT), ("unreachable", _UNREACHABLE)):
        if any(name in classes for name in names):
            return kind
    return "malformed" if any(name in _MALFORMED for name in names) else "unknown"


def _kind_of_status(status: int, words: str) -> str:
    """Tell the kind of an error that a server sent; status 0 is an error within an answer that began well."""
    tables = [_WORDS_OF_STATUS["any"]]
    if status == 429 or status == 0:
        tables.append(_WORDS_OF_STATUS["busy"])
    elif status in (400, 404, 422):
        tables.append(_WORDS_OF_STATUS["refused"])
    for kind, pattern in (row for table in tables for row in table):
        if pattern.search(words):
            return kind
    if status == 404:
        return "wrong-url" if _NO_SUCH_PATH.search(words.strip()) or words.lstrip().startswith("<") else "bad-request"
    return "server" if status >= 500 or status == 0 else _KIND_OF_STATUS.get(status, "bad-request")


def _names(error: BaseException) -> Iterator[str]:
    # The cause tells a refused connection from a stall: the SDKs wrap both in one class.
    seen: BaseException | None = error
    while seen is not None:
        yield from (kind.__name__ for kind in type(seen).__mro__)
        seen = seen.__cause__


def _status(error: BaseException) -> int:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 0


def _clean(text: str, *secrets: str) -> str:
    if text.lstrip().startswith("<"):
        return ""
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) > 3 else text
        text = _mask_parts(text, secret)
    text = re.sub(r"(?<=://)[^\s/@]*@", "", text)  # a name and password in an address
    text = re.sub(r"\b(sk|key|gsk|xai)-[\w*-]{6,}", "***", text)
    # The server's words go to a terminal: one line, without control characters.
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_DETAIL else text[: _LONGEST_DETAIL - 1] + "…"


def _mask_parts(text: str, secret: str) -> str:
    # Some servers repeat the beginning or the end of a key.
    if len(secret) < 16:
        return text  # a word that stands for a key, such as "none-needed"
    parts = {secret[start : start + _PART_OF_KEY] for start in range(len(secret) - _PART_OF_KEY + 1)}
    return re.sub(r"[^\s'\"`:,;()]+", lambda word: "***" if any(part in word[0] for part in parts) else word[0], text)
