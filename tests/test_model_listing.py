"""The lists of models that providers offer: read within bounds, and never a reason to fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from agents.models.listing import context_of, list_models
from tests.asking import KEY
from tests.endpoint import HTML_PAGE, Answer, ModelEndpoint, closed_url
from utils.errors import ModelError
from utils.settings import Settings, load_settings

Environment = Callable[[ModelEndpoint], dict[str, str]]
MANY = {"data": [{"id": f"m-{number:04}"} for number in range(2000)]}


def settings_at(endpoint: ModelEndpoint) -> Settings:
    return load_settings({}, {"OPENAI_BASE_URL": endpoint.url, "OPENAI_API_KEY": KEY})


def models_at(endpoint: ModelEndpoint) -> list[str]:
    return list(list_models(settings_at(endpoint)))


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
        assert list(list_models(load_settings({}, environment(endpoint)))) == models
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
    assert list_models(load_settings({}, {"OPENAI_BASE_URL": closed_url()})) == {}


def test_azure_has_no_list_of_deployments() -> None:
    with ModelEndpoint([]) as endpoint:
        names = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_DEPLOYMENT")
        assert list_models(load_settings({}, dict(zip(names, (KEY, endpoint.root, "mine"), strict=True)))) == {}
    assert endpoint.looked_up == []


def test_without_a_provider_it_says_so() -> None:
    with pytest.raises(ModelError, match="no key"):
        list_models(load_settings({}, {"OLLAMA_HOST": closed_url()}))


@pytest.mark.parametrize(
    ("entry", "context"),
    [
        ({"context_length": 131072, "top_provider": {"context_length": 65536}}, 65536),  # OpenRouter
        ({"context_length": 131072, "top_provider": {"context_length": None}}, 131072),
        ({"max_model_len": 32768}, 32768),  # vLLM
        ({"meta": {"n_ctx": 8192, "n_ctx_train": 131072}}, 8192),  # llama.cpp
        ({"meta": {"n_ctx_train": 131072}}, 0),  # what it was trained for says nothing about this server
        ({}, 0),
        ({"context_length": "131072", "max_model_len": -1, "meta": "x", "top_provider": 3}, 0),
        ({"context_length": True}, 0),
        ({"context_length": 0}, 0),
    ],
)
def test_the_list_says_how_much_a_context_holds_or_nothing_does(entry: dict[str, Any], context: int) -> None:
    with ModelEndpoint([], pages={"/v1/models": {"data": [{"id": "m", **entry}, {"id": "other"}]}}) as endpoint:
        models = list_models(settings_at(endpoint))
        assert models == {"m": context, "other": 0}
        assert context_of(settings_at(endpoint), "m", models) == context
        assert context_of(settings_at(endpoint), "nobody", models) == 0


@pytest.mark.parametrize(
    ("said", "context"),
    [
        ({"parameters": 'stop "<|im_end|>"\nnum_ctx                        16384\ntemperature 0.7'}, 16384),
        ({"parameters": "temperature 0.7", "model_info": {"qwen2.context_length": 32768}}, 0),  # Ollama's own limit may be lower
        ({}, 0),
        ({"parameters": ["num_ctx 5"]}, 0),
        (None, 0),
    ],
)
def test_ollama_is_asked_about_the_one_model(said: Any, context: int) -> None:
    with ModelEndpoint([], posts={"/api/show": said}) as endpoint:
        settings = load_settings({}, {"MODEL_PROVIDER": "ollama", "OLLAMA_HOST": endpoint.root})
        assert context_of(settings, "c:latest", {"c:latest": 0}) == context
    assert [(request.path, request.body) for request in endpoint.requests] == [("/api/show", {"model": "c:latest"})]
