"""The lists of models that providers offer: read within bounds, and never a reason to fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from agents.models.listing import list_models
from tests.asking import KEY
from tests.endpoint import HTML_PAGE, Answer, ModelEndpoint, closed_url
from utils.errors import ModelError
from utils.settings import load_settings

Environment = Callable[[ModelEndpoint], dict[str, str]]
MANY = {"data": [{"id": f"m-{number:04}"} for number in range(2000)]}


def models_at(endpoint: ModelEndpoint) -> list[str]:
    return list_models(load_settings({}, {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": KEY}))


@pytest.mark.parametrize(
    ("environment", "path", "header", "models"),
    [
        (lambda e: {"OPENAI_BASE_URL": e.url, "OPENAI_API_KEY": KEY}, "/v1/models", ("authorization", f"Bearer {KEY}"), ["a", "b"]),
        (lambda e: {"OPENAI_BASE_URL": e.url}, "/v1/models", ("authorization", None), ["a", "b"]),
        (lambda e: {"ANTHROPIC_BASE_URL": e.root, "ANTHROPIC_API_KEY": KEY}, "/v1/models", ("x-api-key", KEY), ["a", "b"]),
        (lambda e: {"MODEL_PROVIDER": "ollama", "OLLAMA_HOST": e.root}, "/api/tags", ("authorization", None), ["c:latest"]),
        (
            lambda e: {"OPENAI_BASE_URL": e.url.replace("://", "://me:p%40ss@")},
            "/v1/models",
            ("authorization", "Basic bWU6cEBzcw=="),
            ["a", "b"],
        ),
    ],
)
def test_each_provider_is_asked_for_its_list(
    environment: Environment, path: str, header: tuple[str, str | None], models: list[str]
) -> None:
    pages = {"/v1/models": {"data": [{"id": "b"}, {"id": "a"}]}, "/api/tags": {"models": [{"name": "c:latest"}]}}
    with ModelEndpoint([], pages=pages) as endpoint:
        assert list_models(load_settings({}, environment(endpoint))) == models
    ((asked, headers),) = endpoint.looked_up
    assert (asked, headers.get(header[0])) == (path, header[1])


@pytest.mark.parametrize(
    "page",
    [
        None,
        HTML_PAGE,
        {"error": "no"},
        {"data": None},
        {"data": ["a"]},
        {"data": [{"name": "a"}, {"id": 3}, {"id": "\x1b[31m"}]},
        Answer(status=500, body="{}"),
        Answer(body='{"data": ['),
        Answer(body="[" * 5_000_000),
    ],
)
def test_what_is_no_list_is_none(page: Any) -> None:
    with ModelEndpoint([], pages={"/v1/models": page}) as endpoint:
        assert models_at(endpoint) == []


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with ModelEndpoint([], pages={}) as elsewhere:
        away = Answer(status=302, headers={"Location": f"{elsewhere.url}/models"}, body="{}")
        with ModelEndpoint([], pages={"/v1/models": away}) as endpoint:
            assert models_at(endpoint) == []
        assert elsewhere.looked_up == []


def test_a_long_list_is_cut() -> None:
    with ModelEndpoint([], pages={"/v1/models": MANY}) as endpoint:
        assert models_at(endpoint) == [f"m-{number:04}" for number in range(500)]


def test_a_list_that_drips_is_not_waited_for() -> None:
    started = time.monotonic()
    with ModelEndpoint([], pages={"/v1/models": Answer(body="[" * 1000, body_piece=1, delay=0.1)}) as endpoint:
        assert models_at(endpoint) == []
    assert time.monotonic() - started < 30


def test_nobody_there_is_no_list() -> None:
    assert list_models(load_settings({}, {"OPENAI_BASE_URL": closed_url()})) == []


def test_azure_has_no_list_of_deployments() -> None:
    with ModelEndpoint([]) as endpoint:
        names = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT")
        assert list_models(load_settings({}, dict(zip(names, (KEY, endpoint.root, "mine"), strict=True)))) == []
    assert endpoint.looked_up == []


def test_without_a_provider_it_says_so() -> None:
    with pytest.raises(ModelError, match="no key"):
        list_models(load_settings({}, {"OLLAMA_HOST": closed_url()}))
