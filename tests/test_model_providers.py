"""Each provider against an endpoint that speaks its protocol, and how a provider is found."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import pytest
from autogen_core import CancellationToken
from autogen_core.models import AssistantMessage, LLMMessage, SystemMessage, UserMessage

from agents.models import choice as model_choice
from agents.models.choice import choose_model, is_openai_itself
from agents.models.client import build_model_client
from cli.remedies import remedy
from tests.asking import KEY, PROGRAM, Waits, ask, client_at
from tests.endpoint import Answer, ModelEndpoint, busy, closed_url
from utils.errors import ExitStatus, ModelError, UsageError
from utils.settings import load_settings

Environment = Callable[[ModelEndpoint], dict[str, str]]
PROVIDERS: dict[str, Environment] = {
    "openai": lambda endpoint: {"MODEL_PROVIDER": "openai", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url},
    "openai-compatible": lambda endpoint: {"OPENAI_BASE_URL": endpoint.url},
    "azure": lambda endpoint: {
        "AZURE_OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_ENDPOINT": endpoint.root,
        "AZURE_OPENAI_DEPLOYMENT": "mine",
        "OPENAI_API_VERSION": "2099-01-01",
    },
    "anthropic": lambda endpoint: {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": endpoint.root},
    "ollama": lambda endpoint: {"MODEL_PROVIDER": "ollama", "OLLAMA_HOST": endpoint.root},
}
PATHS = {
    "openai": "/v1/chat/completions",
    "openai-compatible": "/v1/chat/completions",
    "azure": "/openai/deployments/mine/chat/completions?api-version=2099-01-01",
    "anthropic": "/v1/messages",
    "ollama": "/api/chat",
}


@pytest.mark.parametrize(
    ("variable", "others"),
    [("OPENAI_BASE_URL", {}), ("AZURE_OPENAI_ENDPOINT", {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_DEPLOYMENT": "mine"})],
)
def test_an_address_that_is_no_url_is_named(variable: str, others: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=f"{variable} is 'localhost:8000'") as error:
        choose_model(load_settings({}, {variable: "localhost:8000", **others}))
    assert "http://" in error.value.hint


@pytest.mark.parametrize("url", ["user:hunter2@host/v1", "ftp://user:hunter2@host", "http://user:hunter2/x@host/v1", "http://u:hunter2#@h"])
def test_a_password_in_a_wrong_address_is_not_told(url: str) -> None:
    with pytest.raises(UsageError) as error:
        choose_model(load_settings({}, {"OPENAI_BASE_URL": url}))
    assert "OPENAI_BASE_URL is " in error.value.message
    assert "hunter2" not in error.value.message + error.value.hint


def test_an_address_with_a_password_is_used_whole_and_shown_without_it() -> None:
    choice = choose_model(load_settings({}, {"OPENAI_BASE_URL": "http://user:hunter2@host:1/v1"}))
    assert (choice.url, choice.address, choice.password) == ("http://user:hunter2@host:1/v1", "http://host:1/v1", "hunter2")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_answers_in_pieces_and_with_token_counts(provider: str) -> None:
    with ModelEndpoint([Answer(PROGRAM, usage=(31, 9))]) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint)) as client:
            conversation: list[LLMMessage] = [
                SystemMessage(content="You write programs."),
                UserMessage(content="Say hello.", source="user"),
                AssistantMessage(content="How?", source="Writer"),
                UserMessage(content="By a program.", source="user"),
            ]
            *pieces, whole = [item async for item in client.create_stream(conversation)]
    assert not isinstance(whole, str)
    assert (len(pieces) > 3, "".join(map(str, pieces)), whole.content) == (True, PROGRAM, PROGRAM)
    assert (whole.finish_reason, whole.usage.prompt_tokens, whole.usage.completion_tokens) == ("stop", 31, 9)
    (request,) = endpoint.requests
    assert request.path == PATHS[provider]
    assert request.texts[-3:] == ["Say hello.", "How?", "By a program."]
    assert "temperature" not in request.body
    assert "store" not in request.body
    keys = [value for value in request.headers.values() if KEY in value]
    assert len(keys) == (provider in ("openai", "azure", "anthropic"))


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "failure",
    [
        busy(),
        Answer(status=503, body="<html>down</html>"),
        Answer(PROGRAM, cut_after=2),
        Answer(PROGRAM, cut_after=2, chunked=False),
        Answer(PROGRAM, finish=None, chunked=False, done=False),
        Answer(""),
        Answer(headers={"Content-Type": "text/html"}, body="<!doctype html>"),
        Answer(drop=True),
    ],
    ids=["429", "503", "cut", "cut without chunks", "no finish", "empty", "page", "hung up"],
)
async def test_each_provider_recovers_from_what_passes(provider: str, failure: Answer) -> None:
    notices: list[str] = []
    with ModelEndpoint([failure, PROGRAM]) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint), notices) as client:
            assert (await ask(client))[1].content == PROGRAM
    assert (len(endpoint.requests), len(notices)) == (2, 1)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Answer(status=401, body=f'{{"error": {{"message": "bad key {KEY}"}}}}'), "wrong-key"),
        (Answer(status=404, body='{"error": "model \\"x\\" not found, try pulling it first"}'), "unknown-model"),
        (Answer(status=404, body='{"error": {"type": "not_found_error", "message": "model: claude-x"}}'), "unknown-model"),
        (Answer(PROGRAM, finish="content_filter"), "filtered"),
    ],
)
async def test_each_provider_explains_what_does_not_pass(provider: str, failure: Answer, kind: str) -> None:
    with ModelEndpoint([failure], repeat=True) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint)) as client:
            with pytest.raises(ModelError) as failed:
                await ask(client)
    assert (failed.value.kind, len(endpoint.requests)) == (kind, 1)
    assert KEY not in failed.value.message + failed.value.hint


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_continues_a_cut_answer(provider: str) -> None:
    with ModelEndpoint([Answer("one, ", finish="length"), Answer("two")]) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint)) as client:
            assert (await ask(client))[1].content == "one, two"
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_keeps_thought_and_answer_apart(provider: str) -> None:
    with ModelEndpoint([Answer(PROGRAM, thought="let me think")]) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint)) as client:
            shown, whole = await ask(client)
    assert shown == f"<think>let me think</think>\n{PROGRAM}"
    assert (whole.content, whole.thought) == (PROGRAM, "let me think")


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_ends_at_once_when_it_is_cancelled(provider: str) -> None:
    token = CancellationToken()
    with ModelEndpoint([Answer(PROGRAM, stall_after=2)]) as endpoint:
        async with client_at(PROVIDERS[provider](endpoint)) as client:
            asking = asyncio.create_task(ask(client, token))
            while not endpoint.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
            started = time.monotonic()
            token.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert time.monotonic() - started < 1
            for _ in range(50):
                if endpoint.hung_up:
                    break
                await asyncio.sleep(0.02)
            assert endpoint.hung_up == 1


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_notices_a_stall(provider: str) -> None:
    with ModelEndpoint([Answer(PROGRAM, stall_after=2), PROGRAM]) as endpoint:
        async with client_at({**PROVIDERS[provider](endpoint), "MODEL_TIMEOUT": "1"}) as client:
            assert (await ask(client))[1].content == PROGRAM
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_each_provider_names_the_address_that_nobody_answers(provider: str) -> None:
    environment = PROVIDERS[provider](ModelEndpointStub())
    async with client_at(environment) as client:
        with pytest.raises(ModelError) as failed:
            await ask(client)
    assert failed.value.kind == "unreachable"
    assert client.choice.url in failed.value.message


class ModelEndpointStub(ModelEndpoint):
    """An endpoint that does not listen."""

    def __init__(self) -> None:
        super().__init__([])
        self._url = closed_url()

    @property
    def url(self) -> str:
        return self._url

    @property
    def root(self) -> str:
        return self._url.removesuffix("/v1")


@pytest.mark.parametrize(("module", "provider"), [("anthropic", "anthropic"), ("ollama", "ollama")])
def test_a_missing_package_is_told_with_the_line_to_install(module: str, provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"autogen_ext.models.{provider}", raising=False)
    with pytest.raises(ModelError) as failed:
        build_model_client(load_settings({"provider": provider}, {"ANTHROPIC_API_KEY": KEY}))
    assert failed.value.hint.startswith(f'pip install "autogen-ext[{provider}]==0.7.5"')


@pytest.mark.parametrize(
    ("environment", "missing"),
    [
        ({"MODEL_PROVIDER": "openai"}, "OPENAI_API_KEY"),
        ({"MODEL_PROVIDER": "anthropic"}, "ANTHROPIC_API_KEY"),
        ({"MODEL_PROVIDER": "openai-compatible"}, "OPENAI_BASE_URL"),
        ({"AZURE_OPENAI_API_KEY": KEY}, "AZURE_OPENAI_ENDPOINT"),
        ({"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": "https://x"}, "AZURE_OPENAI_DEPLOYMENT"),
    ],
)
def test_what_is_missing_is_named(environment: dict[str, str], missing: str) -> None:
    with pytest.raises(ModelError) as failed:
        build_model_client(load_settings({}, environment))
    assert missing in failed.value.message
    assert missing in failed.value.hint
    assert "--demo" in remedy(failed.value)
    assert failed.value.status == ExitStatus.MODEL


def test_without_any_key_the_demo_is_offered() -> None:
    with pytest.raises(ModelError) as failed:
        build_model_client(load_settings({}, {"OLLAMA_HOST": closed_url().removesuffix("/v1")}))
    assert ("OPENAI_API_KEY" in failed.value.hint, "--demo" in remedy(failed.value), "ollama" in failed.value.hint) == (True, True, False)
    assert (failed.value.kind, failed.value.status) == ("no-key", ExitStatus.MODEL)


def test_without_any_key_a_local_ollama_is_offered() -> None:
    with ModelEndpoint([]) as endpoint, pytest.raises(ModelError) as failed:
        build_model_client(load_settings({}, {"OLLAMA_HOST": endpoint.root}))
    assert "MODEL_PROVIDER=ollama" in failed.value.hint


def test_looking_for_an_ollama_takes_a_moment_at_most() -> None:
    started = time.monotonic()
    # An address of TEST-NET-1 (RFC 5737): packets to it are lost or refused.
    assert not model_choice.ollama_answers("http://192.0.2.1:11434")
    assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(
    ("environment", "store"),
    [
        ({"OPENAI_API_KEY": KEY}, True),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, True),
        ({"OPENAI_API_KEY": KEY, "OPENAI_STORE": "false"}, False),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://api.openai.com.example.org/v1"}, False),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost/v1"}, False),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://localhost/v1", "OPENAI_STORE": "true"}, True),
    ],
)
def test_completions_are_stored_on_openai_itself(environment: dict[str, str], store: bool) -> None:
    assert choose_model(load_settings({}, environment)).store is store


async def test_what_is_to_be_stored_is_sent_so() -> None:
    with ModelEndpoint(["hello"]) as endpoint:
        async with client_at({"OPENAI_BASE_URL": endpoint.url, "OPENAI_STORE": "true"}) as client:
            await ask(client)
    assert endpoint.requests[0].body["store"] is True


@pytest.mark.parametrize(
    ("url", "itself"), [("https://api.openai.com/v1", True), ("https://openai.com.evil.org", False), ("nonsense", False)]
)
def test_openai_is_told_by_its_host(url: str, itself: bool) -> None:
    assert is_openai_itself(url) is itself


async def test_the_key_is_not_in_what_the_client_shows_of_itself() -> None:
    with ModelEndpoint([]) as endpoint:
        client = build_model_client(load_settings({}, {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url}), sleep=Waits())
        assert KEY not in repr(client) + repr(client.choice) + str(vars(client))
        await client.close()
