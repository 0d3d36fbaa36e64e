"""The limits of a task: a request that would pass them is not made."""

from __future__ import annotations

import pytest

from agents.models.budget import LEAST_ANSWER, ORDINARY_ANSWER, TEMPLATE, Budget, BudgetReached
from agents.models.choice import PROVIDERS
from tests.asking import KEY, ask, client_at, client_of
from tests.endpoint import Answer, ModelEndpoint
from utils.errors import ExitStatus, UsageError


async def test_the_request_that_would_pass_the_limit_is_not_made() -> None:
    with ModelEndpoint([Answer("hello", usage=(40, 60))], repeat=True) as endpoint:
        async with client_of(endpoint) as client:
            client.set_budget(Budget(max_tokens=250))
            for _ in range(2):
                await ask(client)
            with pytest.raises(BudgetReached) as reached:
                await ask(client)
            assert client.last_error is reached.value
            assert (client.calls, len(endpoint.requests)) == (2, 2)
            assert (reached.value.kind, reached.value.status) == ("budget", ExitStatus.NOT_DONE)
            assert reached.value.message.startswith(
                "the task reached its limit of 250 tokens: 200 are used, and the next request would send about "
            )
            client.set_budget(None)
            await ask(client)
    assert [request.body.get("max_tokens") for request in endpoint.requests][2:] == [None]


async def test_the_cost_is_a_limit_of_its_own() -> None:
    with ModelEndpoint([Answer("hello", usage=(1000, 500))], repeat=True) as endpoint:
        async with client_of(endpoint) as client:
            budget = Budget(max_cost=0.0181, price_in=2, price_out=8)
            client.set_budget(budget)
            for _ in range(3):
                await ask(client)
            with pytest.raises(BudgetReached, match="cost limit of 0.0181: 0.0180 is spent"):
                await ask(client)
    assert len(endpoint.requests) == 3
    assert budget.cost == pytest.approx(0.018)


@pytest.mark.parametrize(
    ("provider", "environment", "field"),
    [
        ("openai-compatible", {}, "max_tokens"),
        ("openai", {"OPENAI_API_KEY": KEY, "MODEL_PROVIDER": "openai"}, "max_completion_tokens"),
        ("anthropic", {"ANTHROPIC_API_KEY": KEY}, "max_tokens"),
        ("ollama", {"MODEL_PROVIDER": "ollama"}, "options"),
    ],
)
async def test_the_answer_may_have_what_is_left(provider: str, environment: dict[str, str], field: str) -> None:
    with ModelEndpoint([Answer("hello", usage=(100, 60))], repeat=True) as endpoint:
        address = endpoint.url if provider.startswith("openai") else endpoint.root
        async with client_at({**environment, PROVIDERS[provider].url_name: address}) as client:
            client.set_budget(Budget(max_tokens=5000))
            await ask(client)
            await ask(client)
    limits = [request.body[field] for request in endpoint.requests]
    numbers = [limit["num_predict"] if isinstance(limit, dict) else limit for limit in limits]
    assert 4900 < numbers[0] < 5000
    assert 4700 < numbers[1] < 4840


async def test_a_server_that_wants_the_other_name_for_it_gets_it() -> None:
    refusal = '{"error": {"message": "Unsupported parameter: \'max_tokens\' is not supported with this model."}}'
    with ModelEndpoint([Answer(status=400, body=refusal), "hello", "hello"]) as endpoint:
        async with client_of(endpoint) as client:
            client.set_budget(Budget(max_tokens=5000))
            await ask(client)
            await ask(client)
    assert ["max_tokens" in request.body for request in endpoint.requests] == [True, False, False]
    assert ["max_completion_tokens" in request.body for request in endpoint.requests] == [False, True, True]


async def test_a_limit_above_the_models_own_is_left_out() -> None:
    refusal = '{"error": {"message": "max_tokens is too large: 4990. This model supports at most 4096 completion tokens"}}'
    with ModelEndpoint([Answer(status=400, body=refusal), "hello"]) as endpoint:
        async with client_of(endpoint) as client:
            client.set_budget(Budget(max_tokens=5000))
            await ask(client)
    assert ["max_tokens" in request.body for request in endpoint.requests] == [True, False]


async def test_what_a_service_does_not_count_is_estimated() -> None:
    budget = Budget(max_tokens=100_000)
    with ModelEndpoint([Answer("x" * 3000, usage=None)]) as endpoint:
        async with client_of(endpoint) as client:
            client.set_budget(budget)
            await ask(client)
    assert (budget.tokens_in, budget.tokens_out) == (len("Say hello.") // 3 + TEMPLATE, 1000)


async def test_a_failed_request_costs_nothing() -> None:
    budget = Budget(max_tokens=100_000)
    with ModelEndpoint([Answer(status=503, body="{}"), Answer("hello", usage=(5, 2))]) as endpoint:
        async with client_of(endpoint) as client:
            client.set_budget(budget)
            await ask(client)
    assert (budget.tokens_in, budget.tokens_out, len(endpoint.requests)) == (5, 2, 2)


def test_a_cost_without_prices_is_a_setting_error() -> None:
    with pytest.raises(UsageError, match="MAX_COST") as error:
        Budget(max_cost=1.0)
    assert "MODEL_PRICE_IN" in error.value.hint


def test_much_room_names_no_limit_and_little_room_asks_nothing() -> None:
    assert Budget(max_tokens=ORDINARY_ANSWER + TEMPLATE + 10).room_for_answer(30) is None
    assert Budget().room_for_answer(10**6) is None
    assert Budget(max_tokens=LEAST_ANSWER + TEMPLATE + 10).room_for_answer(30) == LEAST_ANSWER
    with pytest.raises(BudgetReached):
        Budget(max_tokens=LEAST_ANSWER + TEMPLATE + 9).room_for_answer(30)
    with pytest.raises(BudgetReached):
        Budget(max_cost=0, price_in=1, price_out=0).room_for_answer(30)
    assert Budget(max_cost=1, price_in=1, price_out=0).room_for_answer(30) is None


async def test_the_limits_of_the_settings_hold_for_each_task() -> None:
    with ModelEndpoint([Answer("hello", usage=(40, 60))], repeat=True) as endpoint:
        async with client_of(endpoint, MAX_TOKENS="250") as client:
            await ask(client)
            await ask(client)
            with pytest.raises(BudgetReached):
                await ask(client)
            client.start_task()
            await ask(client)
            assert (await ask(client.again()))[1].content == "hello"  # the next task of a batch, over the same connections
    assert len(endpoint.requests) == 4
