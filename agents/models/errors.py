"""Why a model gave no answer: whatever its SDK raised, as one sentence with a remedy.

The SDKs' errors are distinguished by status code and by the names of their classes, so that no SDK is imported here and the rules are
written once for all of them. What the user can type about it is for cli/remedies.py to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.models.choice import PROVIDERS, ModelChoice
from agents.models.server_words import LONGEST_WAIT, Said, retry_after, status_of, what_was_said
from agents.models.trust import parts_of, proxy_for
from agents.models.wire import BrokenAnswer
from utils.errors import ModelError
from utils.text import duration, one_line

TIMES_SILENT = 5
"""So many times MODEL_TIMEOUT may pass without a part of an answer, while the server only keeps the connection open."""
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
    r"|\binsufficient (credits?|balance|funds)\b|\bmore credits\b|\badd \d+ credits\b|\bapi usage limits\b",
    re.I,
)
_TOO_LONG = re.compile(
    r"context_length|\bcontext[ _](length|window|size|limit)\b|\b(prompt|input|string|request) (is )?too (long|large)\b"
    r"|\btoo many (input )?tokens\b|\bmaximum prompt length\b|\b(prompt|input) length\b|\binput token count\b.{0,40}\bexceeds\b"
    r"|\breduce the length\b|`inputs` (tokens|must have less)|\bmodel token limit\b|\brequest body too large\b|\bmax_seq_len\b",
    re.I,
)
_FILTERED = re.compile(r"content_filter|\bcontent management policy\b|content_policy|\bcontent filter", re.I)
_WRONG_KEY = re.compile(
    r"invalid_?api_?key|\b(invalid|incorrect|wrong|expired) (x-)?api[ _-]?key\b|\bapi[ -]key\b.{0,20}\b(not valid|invalid|expired|leaked)\b"
    r"|\binvalid (access |auth\w* )?token\b|\b(missing|malformed|invalid) authorization header\b",
    re.I,
)
_NO_SUCH_MODEL = re.compile(
    r"model_not_found|DeploymentNotFound|\b(unknown|invalid|no such|unrecognized) model\b|\bnot a valid model\b|^model: \S+$"
    r"|\bmodels?\b.{0,80}?\b(not found|(does not|doesn'?t|not) exist"
    r"|(has been|is|was) (decommissioned|deprecated|retired)|identifier is invalid)"
    r"|\brequested model\b.{0,80}\bnot supported\b|\bunable to access model\b|\bno models? (is )?loaded\b",
    re.I | re.S,
)
_NO_SUCH_PATH = re.compile(r"^\W*(error )?(404)?\W*(page |path |resource |route )?(not found)?\W*$|\binvalid url\b|\bcannot post\b", re.I)
_ANY = (("too-long", _TOO_LONG),)
_REFUSED = (("quota", _QUOTA), ("filtered", _FILTERED), ("wrong-key", _WRONG_KEY), ("unknown-model", _NO_SUCH_MODEL))
_WORDS_OF_STATUS = {
    **dict.fromkeys((0, 429), (*_ANY, ("quota", _QUOTA))),
    **dict.fromkeys((400, 404, 410, 422), (*_ANY, *_REFUSED)),
    403: (*_ANY, ("wrong-key", _WRONG_KEY)),
}
_KIND_OF_STATUS = {
    **{401: "wrong-key", 402: "quota", 403: "forbidden", 405: "wrong-url", 407: "proxy", 413: "too-long", 429: "rate-limit"},
    **dict.fromkeys((408, 409, 425), "server"),
}

# What is said for each kind of failure, and what helps, whoever reads it. {detail} is the server's own words, {status} its number.
_WORDS = {
    "wrong-key": ("{who} rejected the API key{status}{detail}", "Check {key_name} in the environment or in .env."),
    "forbidden": ("{who} does not allow this request{status}{detail}", "Check what the account behind {key_name} may use."),
    "quota": ("{who} says that your quota is used up{status}{detail}", "Add credit, or use another provider."),
    "rate-limit": ("{who} is still busy after several tries{status}{detail}", ""),
    "server": ("{who} failed{status}{detail}", ""),
    "unknown-model": ("{who} has no model named {model}{status}{detail}", "Set MODEL to a name that it offers."),
    "wrong-url": ("there is no model service at {url}{status}{detail}", "Check {url_name}{ending}."),
    "moved": ("{url} sends requests elsewhere{status}{detail}", "If you trust that address, set {url_name} to it."),
    "proxy": ("a proxy refused the request{status}{detail}", "Check the name and password in it."),
    "too-long": ("the conversation is too long for {model}{status}{detail}", ""),
    "bad-request": ("{who} refused the request{status}{detail}", "Check MODEL and MODEL_PROVIDER."),
    "unreachable": ("{url} cannot be reached{detail}", "Check the address, the network, and that the service runs."),
    "certificate": (
        "the certificate of {url} is not trusted{detail}",
        "Set SSL_CERT_FILE to a file with the certificate of its authority (PEM).",
    ),
    "stalled": ("{who} sent nothing for {timeout} s", "Set MODEL_TIMEOUT to allow more time."),
    "silent": ("{who} keeps the connection open, but sent no part of an answer for {patience} s", "Set MODEL_TIMEOUT to allow more time."),
    "hung-up": ("{url} closed the connection without an answer{detail}", "Check {url_name}, and any proxy in between."),
    "cut": ("{who} broke off in the middle of its answer", "If it happens again, check the network and any proxy in between."),
    "html": ("{url} answered with a web page, not with a model's answer{detail}", "Check {url_name}{ending}."),
    "malformed": ("{url} sent something that is not a model's answer{detail}", "Check {url_name} and MODEL_PROVIDER."),
    "foreign": ("{url} sent something that is not a model's answer{detail}", "Check {url_name} and MODEL_PROVIDER."),
    "empty": ("{who} sent an empty answer", ""),
    "tools": ("{model} called a tool instead of answering, and there are no tools here", ""),
    "filtered": ("{who} blocked the answer with its content filter{status}{detail}", ""),
    "thinking": ("{model} spent its whole answer on thinking", ""),
    "endless": ("{model} did not stop writing, so its answer was cut off", ""),
    "unknown": ("{who} gave no answer{detail}", ""),
}
KINDS = tuple(_WORDS)
"""Every kind of ModelError that a request can end with."""


def explain_model_error(error: BaseException, choice: ModelChoice, timeout: float = 0, *, begun: bool = True) -> ModelError:
    """Say in one sentence why the model gave no answer, with the server's own words; the key and passwords are never in it.

    `timeout` is in seconds; `begun` says whether an answer had begun to come. The kinds are KINDS.
    """
    if isinstance(error, ModelError):
        return error
    said = what_was_said(error)
    kind = _kind(error, said)
    if kind == "cut" and not begun:
        kind = "hung-up"
    words = _clean(said.words or said.code, choice.key, choice.password, *choice.sent_too)
    status = status_of(error)
    facts = {
        "who": choice.who,
        "model": choice.model,
        "url": choice.address,
        "url_name": PROVIDERS[choice.provider].url_name or "the address",
        "ending": "; it usually ends in /v1" if choice.provider.startswith("openai") else "",
        "key_name": choice.key_name,
        "status": f" (status {status})" if status else "",
        "timeout": f"{timeout:g}",
        "patience": f"{timeout * TIMES_SILENT:g}",
        "detail": f": {words}" if words else "",
    }
    message, hint = _WORDS[kind]
    if kind == "wrong-key" and not choice.key:
        message, hint = "{who} asks for a key{status}{detail}", "Set {key_name} in the environment or in .env."
    if kind == "unknown-model" and choice.provider == "ollama":
        hint = "Fetch it with `ollama pull {model}`, or set MODEL to one of `ollama list`."
    if kind == "rate-limit" and (asked := retry_after(error)) and asked > LONGEST_WAIT:
        message, hint = "{who} is busy{status}{detail}", f"It asks to wait {duration(min(asked, 1e9))}."
    if choice.file is None:
        hint = f"{_about_the_proxy(kind, choice)} {hint}".strip()
    return ModelError(message.format(**facts), hint.format(**facts), kind=kind)


def _about_the_proxy(kind: str, choice: ModelChoice) -> str:
    proxy = proxy_for(choice.url)
    if not proxy or (kind not in ("unreachable", "proxy") and not _is_loopback(choice.url)):
        return ""
    direct = " Set NO_PROXY=localhost,127.0.0.1 to reach it directly." if _is_loopback(choice.url) else ""
    return f"Requests to it go through the proxy in {proxy}.{direct}"


def _is_loopback(url: str) -> bool:
    parts = parts_of(url)
    host = (parts and parts.hostname) or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _kind(error: BaseException, said: Said) -> str:
    if isinstance(error, BrokenAnswer):
        return error.kind
    status = status_of(error) or said.implied
    names = list(_names(error))
    if "CERTIFICATE_VERIFY_FAILED" in said.words and not status:
        return "certificate"
    if status >= 300 or "ErrorEvent" in names:
        return _kind_of_status(status, said)
    for kind, classes in (("unreachable", _UNREACHABLE[:2]), ("stalled", _STALLED), ("cut", _CUT), ("unreachable", _UNREACHABLE)):
        if any(name in classes for name in names):
            return kind
    return "malformed" if any(name in _MALFORMED for name in names) else "unknown"


def _kind_of_status(status: int, said: Said) -> str:
    """Tell the kind of an error that a server sent; status 0 is an error within an answer that began well."""
    words = f"{said.code} {said.words}".strip()
    for kind, pattern in _WORDS_OF_STATUS.get(status, _ANY):
        if pattern.search(words):
            return kind
    if status == 404:
        return "wrong-url" if said.is_page or _NO_SUCH_PATH.search(words) else "bad-request"
    if 300 <= status < 400:
        return "moved"
    return "server" if status >= 500 or status == 0 else _KIND_OF_STATUS.get(status, "bad-request")


def _names(error: BaseException) -> Iterator[str]:
    # The cause tells a refused connection from a stall: the SDKs wrap both in one class.
    seen: BaseException | None = error
    while seen is not None:
        yield from (kind.__name__ for kind in type(seen).__mro__)
        seen = seen.__cause__


def _clean(text: str, *secrets: str) -> str:
    for secret in secrets:
        text = text.replace(secret, "***") if len(secret) > 3 else text
        text = _mask_parts(text, secret)
    text = re.sub(r"(?<=://)[^\s/@]*@", "", text)  # a name and password in an address
    text = re.sub(r"\b(sk|key|gsk|xai)-[\w*-]{6,}", "***", text)
    # The server's words go to a terminal: one line, without control characters.
    return one_line("".join(c if c.isprintable() else " " for c in text), _LONGEST_DETAIL)


def _mask_parts(text: str, secret: str) -> str:
    # Some servers repeat the beginning or the end of a key.
    if len(secret) < 16:
        return text  # a word that stands for a key, such as "none-needed"
    parts = {secret[start : start + _PART_OF_KEY] for start in range(len(secret) - _PART_OF_KEY + 1)}
    return re.sub(r"[^\s'\"`:,;()]+", lambda word: "***" if any(part in word[0] for part in parts) else word[0], text)
