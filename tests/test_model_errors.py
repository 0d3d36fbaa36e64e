"""What is said about each failure, told from the shape of the SDKs' errors alone."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import datetime, timezone

import pytest

from agents.models.choice import ModelChoice
from agents.models.errors import explain_model_error
from agents.models.server_words import retry_after
from agents.models.wire import BrokenAnswer
from cli.remedies import remedy
from utils.errors import ModelError

CHOICE = ModelChoice("openai", "gpt-9", "https://api.openai.com/v1", "not-a-real-key-0123456789")
LOCAL = ModelChoice("ollama", "tiny", "http://127.0.0.1:11434")


class Response:
    """The part of an HTTP response that is looked at."""

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class StatusError(Exception):
    """Shaped as the SDKs' errors for a status."""

    def __init__(self, status: int, message: str = "", response: Response | None = None) -> None:
        super().__init__(message)
        self.status_code = status
        self.body = {"error": {"message": message}}
        self.response = response or Response()


class APIConnectionError(Exception):
    """Named as the SDKs' error for everything on the way."""


class APITimeoutError(APIConnectionError):
    """Named as the SDKs' error for time that ran out."""


class ConnectError(Exception):
    """Named as httpx's error for a refused connection."""


class ConnectTimeout(Exception):
    """Named as httpx's error for a connection that nobody takes."""


class RemoteProtocolError(Exception):
    """Named as httpx's error for a connection that was cut."""


def wrapped(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


def not_json(text: str) -> Exception:
    try:
        json.loads(text)
    except ValueError as error:
        return error
    raise AssertionError


_UNTRUSTED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (StatusError(401, "bad key"), "wrong-key", "OpenAI rejected the API key (status 401): bad key"),
        (StatusError(403, "no"), "forbidden", "OpenAI does not allow this request (status 403): no"),
        (StatusError(429, "You exceeded your current quota"), "quota", "quota"),
        (StatusError(429, "the model is not found to be idle"), "rate-limit", "busy after several tries (status 429): the model is not"),
        (StatusError(400, "Your credit balance is too low"), "quota", "credit balance"),
        (StatusError(404, "The model `gpt-9` does not exist"), "unknown-model", "no model named gpt-9"),
        (StatusError(404), "wrong-url", "https://api.openai.com/v1"),
        (StatusError(413), "too-long", "gpt-9"),
        (StatusError(500), "server", "500"),
        (StatusError(418, "teapot"), "bad-request", "teapot"),
        (wrapped(APIConnectionError("Connection error."), ConnectError("refused")), "unreachable", "https://api.openai.com/v1"),
        (wrapped(APITimeoutError("timed out"), ConnectTimeout("")), "unreachable", "https://api.openai.com/v1"),
        (wrapped(APIConnectionError("Connection error."), RemoteProtocolError("closed")), "cut", "broke off"),
        (wrapped(APIConnectionError("Connection error."), ConnectError(_UNTRUSTED)), "certificate", f"not trusted: {_UNTRUSTED}"),
        (APITimeoutError("timed out"), "stalled", "30 s"),
        (TimeoutError(), "stalled", "30 s"),
        (asyncio.TimeoutError(), "stalled", "30 s"),
        (ConnectionRefusedError("refused"), "unreachable", "refused"),
        (not_json("{oops"), "malformed", "not a model's answer"),
        (BrokenAnswer("filtered", "no"), "filtered", "content filter: no"),
        (BrokenAnswer("empty"), "empty", "empty"),
        (ValueError("odd"), "unknown", "odd"),
    ],
)
def test_each_failure_has_its_kind_a_sentence_and_a_remedy(error: Exception, kind: str, told: str) -> None:
    explained = explain_model_error(error, CHOICE, timeout=30)
    assert explained.kind == kind
    assert told in explained.message
    assert all(remedy(explained, place).endswith(".") for place in ("prompt", "shell"))
    assert explained.message.count("  ") + explained.message.count("()") + explained.message.count("none") == 0
    assert CHOICE.key not in explained.message


def test_what_is_explained_already_stays_as_it_is() -> None:
    error = ModelError("No.", "Yes.", kind="quota")
    assert explain_model_error(error, CHOICE) is error


def test_an_unknown_model_of_ollama_has_to_be_pulled() -> None:
    assert "`ollama pull tiny`" in explain_model_error(StatusError(404, 'model "tiny" not found'), LOCAL).hint


@pytest.mark.parametrize("secret", [CHOICE.key, "sk-proj-abc123def456", "sk-ab****wxyz"])
def test_keys_in_a_servers_words_are_left_out(secret: str) -> None:
    message = explain_model_error(StatusError(400, f"the key {secret} is odd"), CHOICE).message
    assert secret not in message
    assert "the key *** is odd" in message


@pytest.mark.parametrize("status", [404, 418, 500])
def test_a_password_in_the_address_is_never_shown(status: int) -> None:
    choice = ModelChoice("openai-compatible", "x", "http://user:hunter2@gate.test:8000/v1")
    error = explain_model_error(StatusError(status, "hunter2 is wrong for http://user:hunter2@gate.test and http://u:p@other.test"), choice)
    assert "hunter2" not in error.message + error.hint + choice.who + repr(choice)
    assert "u:p" not in error.message
    assert choice.who == "The model service at http://gate.test:8000/v1"
    refused = explain_model_error(ConnectionRefusedError("refused"), choice)
    assert refused.message.startswith("http://gate.test:8000/v1 cannot be reached")


NOW = datetime(2025, 1, 1, 12, 0, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("100", 100.0),
        ("inf", math.inf),
        ("7s", 7.0),
        ("-1", 0.0),
        ("nan", None),
        ("later", None),
        ("", None),
        ("Wed, 01 Jan 2025 12:00:09 GMT", 9.0),
        ("Wed, 01 Jan 2025 12:00:09 -0000", 9.0),
        ("Wed, 01 Jan 2025 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float | None) -> None:
    assert retry_after(StatusError(429, response=Response(retry_after=header)), NOW) == seconds


def test_an_error_without_a_response_says_nothing_of_when() -> None:
    assert retry_after(ValueError()) is None


@pytest.mark.parametrize(
    ("url", "error", "named"),
    [
        ("http://127.0.0.1:8000/v1", StatusError(503, "no"), True),
        ("http://localhost:8000/v1", StatusError(404), True),
        ("http://gate.test/v1", StatusError(503, "no"), False),
        ("http://gate.test/v1", ConnectionRefusedError("refused"), True),
    ],
)
def test_a_proxy_in_between_is_named(url: str, error: Exception, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    hint = explain_model_error(error, ModelChoice("openai-compatible", "x", url)).hint
    assert ("HTTP_PROXY" in hint) is named
    assert ("NO_PROXY" in hint) is (named and "gate" not in url)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,gate.test")
    assert "PROXY" not in explain_model_error(error, ModelChoice("openai-compatible", "x", url)).hint
