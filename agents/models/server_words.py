"""What a server said beside a status or in place of an answer, in whatever form: its words, its code, and when to come back."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin

from agents.models.wire import BrokenAnswer

LONGEST_WAIT = 60.0  # seconds that one wait lasts, whatever a server asks for
_LONGEST_BODY = 100_000  # characters
_PAGE = re.compile(r"\s*<(!|\?|[a-z][\w:-]*[\s/>])", re.I)
# What is not closed goes on to the end, as in a browser; so no part of a page is looked at twice.
_UNSEEN = re.compile(r"<(script|style|svg)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.I | re.S)
_TAG = re.compile(r"<[^<>]*>")
# The fields that say what is wrong, in the order of how much they say; what stands in one is searched in the same way.
_SAYING = (
    *("message", "detail", "errors", "error_description", "error_message", "error_msg", "errormessage", "msg", "status_msg", "base_resp"),
    *("description", "reason", "title", "error", "code", "type", "status"),
)
_WAIT_IN_WORDS = re.compile(r"\b(?:again|retry) (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s))?", re.I)
_STATUS_OF_TYPE = {
    **dict.fromkeys(("invalid_request_error", "badrequesterror", "invalid_argument"), 400),
    **dict.fromkeys(("authentication_error", "invalid_api_key", "unauthenticated"), 401),
    **{"billing_error": 402, "permission_error": 403, "permission_denied": 403, "not_found_error": 404, "request_too_large": 413},
    **dict.fromkeys(("rate_limit_error", "rate_limit_exceeded", "resource_exhausted", "insufficient_quota"), 429),
}


class Said(NamedTuple):
    """What a server said: its own code or "", its words or "", and the status that the kind of its error stands for or 0."""

    code: str
    words: str
    implied: int = 0
    is_page: bool = False


def what_was_said(error: BaseException) -> Said:
    """Return what a server said; if it said nothing, the words are those of what was raised."""
    if isinstance(error, BrokenAnswer):
        return Said("", _page_words(error.detail) if _PAGE.match(error.detail) else error.detail)
    status = status_of(error)
    if 300 <= status < 400:
        return Said("", _new_address(error))
    body = _body(error)
    if not body:
        return Said("", "" if status else _innermost(error))
    is_page = isinstance(body, str) and bool(_PAGE.match(body))
    inner = _inner(body)
    code = inner.get("code") or getattr(error, "code", None) or ""
    kinds = (inner.get(name) for name in ("type", "code", "status"))
    implied = next((_STATUS_OF_TYPE[each.lower()] for each in kinds if isinstance(each, str) and each.lower() in _STATUS_OF_TYPE), 0)
    try:
        return Said(str(code), _words(body), implied, is_page)
    except RecursionError:
        return Said(str(code), str(body))


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error, or the one that a server named in place of an answer; 0 if there is none."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status:
        return status
    inner = _inner(_body(error))
    named = (inner.get(name) for name in ("code", "status", "status_code", "statuscode"))
    return next((int(each) for each in map(str, named) if re.fullmatch(r"[45]\d\d", each)), 0)


def retry_after(error: BaseException, now: datetime | None = None) -> float | None:
    """Read how many seconds the server asks to wait, from its header (RFC 9110 §10.2.3) or its words; None if it does not say."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    seconds = _number(headers.get("retry-after-ms") or "", 1000)
    seconds = _number((headers.get("retry-after") or "").strip().removesuffix("s")) if seconds is None else seconds
    seconds = _until(headers.get("retry-after") or "", now) if seconds is None else seconds
    return max(seconds, 0.0) if seconds is not None else _wait_in_words(what_was_said(error).words)


def _number(text: str, parts: int = 1) -> float | None:
    try:
        seconds = float(text) / parts
    except ValueError:
        return None
    return seconds if seconds == seconds else None  # "nan" is a float, too, and no comparison with it holds


def _until(text: str, now: datetime | None) -> float | None:
    try:
        when = parsedate_to_datetime(text.strip())
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=timezone.utc)
    return (when - (now or datetime.now(timezone.utc))).total_seconds()


def _wait_in_words(words: str) -> float | None:
    found = _WAIT_IN_WORDS.search(words)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, seconds, unit = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0) / (1000 if unit and unit.lower() == "ms" else 1)


def _body(error: BaseException) -> Any:
    # One SDK keeps only what stands under "error", which may be no more than `true`.
    try:
        return error.response.text[:_LONGEST_BODY] or getattr(error, "body", None)  # type: ignore[attr-defined]
    except Exception:  # no response, or one that was not read
        return getattr(error, "body", None)


def _inner(body: Any) -> dict[str, Any]:
    """Return the object in a body that tells the error, with its names in lower case; {} if there is none."""
    if isinstance(body, str):
        body = _parsed(body)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # Google's way to send an error
    if not isinstance(body, dict):
        return {}
    inner = body.get("error")
    return {str(name).lower(): value for name, value in (inner if isinstance(inner, dict) else body).items()}


def _words(said: Any) -> str:
    """Return the words in a text, a page, or JSON of any form."""
    if isinstance(said, str):
        parsed = _parsed(said)
        return _words(parsed) if isinstance(parsed, dict | list) else _page_words(said) if _PAGE.match(said) else said.strip()
    if isinstance(said, list):
        return "; ".join(filter(None, map(_words, said)))
    if isinstance(said, dict):
        return _words_of_object(said)
    return "" if said is None or isinstance(said, bool) else str(said)


def _words_of_object(said: dict[str, Any]) -> str:
    fields = {str(name).lower(): value for name, value in said.items()}
    if fields.get("error") and isinstance(fields["error"], dict | list):
        return _words(fields["error"])
    words = next(filter(None, (_words(fields.get(name)) for name in _SAYING)), "")
    words = words or (json.dumps(said, ensure_ascii=False) if any(said.values()) else "")
    where, metadata = fields.get("loc"), fields.get("metadata")
    if isinstance(where, list):  # as FastAPI tells what is wrong with a request
        words = f"{'.'.join(map(str, where))}: {words}"
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # here OpenRouter quotes the provider behind it
    return f"{words} ({raw})" if isinstance(raw, str) and raw else words


def _page_words(page: str) -> str:
    """Return what a reader of a page sees, without what stands in it twice."""
    pieces = (" ".join(html.unescape(piece).split()) for piece in _TAG.split(_UNSEEN.sub(" ", page)))
    return "; ".join(dict.fromkeys(filter(None, pieces)))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _new_address(error: BaseException) -> str:
    response = getattr(error, "response", None)
    where = getattr(response, "headers", {}).get("location") or ""
    return urljoin(str(getattr(response, "url", "")), where) if where else ""


def _innermost(error: BaseException) -> str:
    # The SDKs say "Connection error."; the cause says what happened.
    words = str(error)
    while error.__cause__ is not None:
        error = error.__cause__
        words = str(error) or words
    return words
