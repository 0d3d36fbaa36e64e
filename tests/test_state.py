"""What the interactive session knows, and the row below the prompt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from autogen_agentchat.messages import TextMessage
from autogen_core.models import RequestUsage

from agents.events import TokensUsed
from cli.checking import Checks
from cli.output.screen import Screen
from cli.slash import run_slash_command
from cli.state import ChatState
from history.records import SessionInfo
from teams.record import Record
from tests.fakes import program
from tests.talks import rehearsal
from tests.views import TerminalStream
from utils.settings import load_settings

CONTRACT = "img:1 · up to 2 GiB and 60 s · network for packages only"


def state_of(columns: int = 80, usage: tuple[int, int] = (0, 0), **environment: str) -> ChatState:
    screen = Screen(TerminalStream(columns), control_codes=True)
    settings = load_settings({}, {"SANDBOX_IMAGE": "img:1", **environment})
    state = ChatState(settings, screen, SimpleNamespace(), confirms=False, model="test-model", progress="")  # type: ignore[arg-type]
    record = Record(tokens=TokensUsed(source="a", prompt_tokens=usage[0], completion_tokens=usage[1], calls=1))
    state.session = SimpleNamespace(record=record, sandbox=SimpleNamespace(session=""))  # type: ignore[assignment]
    return state


@pytest.mark.parametrize(
    ("memory", "said"), [("2g", "2 GiB"), ("512m", "512 MiB"), ("1536m", "1.5 GiB"), ("16m", "16 MiB"), ("1000m", "1000 MiB")]
)
def test_the_contract_names_what_programs_may_do(memory: str, said: str) -> None:
    state = state_of(SANDBOX_MEMORY=memory, SANDBOX_TIMEOUT="7", SANDBOX_NETWORK="off")
    assert state.contract() == f"img:1 · up to {said} and 7 s · no network"


def test_tokens_are_shown_and_their_cost_only_if_prices_are_set() -> None:
    assert state_of().spent() == []
    assert state_of(usage=(12345, 678)).spent() == ["13,023 tokens"]
    assert state_of(usage=(12345, 678), MODEL_PRICE_IN="2").spent() == ["13,023 tokens"]
    priced = state_of(usage=(1_000_000, 500_000), MODEL_PRICE_IN="2.5", MODEL_PRICE_OUT="10")
    assert priced.spent() == ["1,500,000 tokens", "$7.5000"]


def test_what_a_resumed_session_had_cost_before_stays_what_it_was() -> None:
    state = state_of(usage=(1_000_000, 500_000), MODEL_PRICE_IN="2.5", MODEL_PRICE_OUT="10")
    state.resumed = SessionInfo("s", 0.0, "", prompt_tokens=600_000, completion_tokens=500_000, cost=0.25)
    assert state.spent() == ["1,500,000 tokens", "$1.2500"]
    state.resumed = SessionInfo("s", 0.0, "", prompt_tokens=600_000, completion_tokens=500_000)  # no price was set then
    assert state.spent() == ["1,500,000 tokens", "$7.5000"]
    unpriced = state_of(usage=(1_000_000, 500_000))
    unpriced.resumed = SessionInfo("s", 0.0, "", prompt_tokens=600_000, completion_tokens=500_000, cost=0.25)
    assert unpriced.spent() == ["1,500,000 tokens"]


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (200, "test-model · 13,023 tokens · img:1 · up to 2 GiB and 60 s · network for packages only"),
        (82, "test-model · 13,023 tokens · up to 2 GiB and 60 s · network for packages only"),
        (60, "test-model · 13,023 tokens"),
    ],
)
def test_the_row_below_the_prompt_fits_the_window(columns: int, row: str) -> None:
    assert state_of(columns, usage=(12345, 678)).status_line() == row


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (200, "waves · test-model · 1,009 tokens · $0.0020 · 93% of context left · " + CONTRACT),
        (110, "waves · test-model · 1,009 tokens · $0.0020 · 93% of context left"),
        (60, "test-model · 1,009 tokens · $0.0020 · 93% of context left"),
    ],
)
def test_the_sessions_name_and_what_is_left_of_a_known_context_are_shown_if_there_is_room(columns: int, row: str) -> None:
    prices = {"MODEL_PRICE_IN": "2", "MODEL_PRICE_OUT": "0"}
    state = state_of(columns, usage=(1000, 9), MODEL_PROVIDER="local", **prices)
    state.name = "waves"
    assert state.record is not None
    usage = RequestUsage(prompt_tokens=1000, completion_tokens=200)
    state.record.take(TextMessage(source="code_generator", content="x", models_usage=usage))
    assert state.status_line() == row


def test_the_context_of_a_service_is_not_known() -> None:
    state = state_of(200)
    assert state.record is not None
    state.record.take(TextMessage(source="a", content="x", models_usage=RequestUsage(prompt_tokens=10, completion_tokens=1)))
    assert "context" not in state.status_line()


async def _same(name: str) -> str:
    return name


async def test_what_is_left_of_a_context_is_shown_once_the_providers_list_has_said_how_long_it_is() -> None:
    page = {"data": [{"id": "test-model", "max_model_len": 1000}, {"id": "wide", "context_length": 2000}, {"id": "silent"}]}
    async with rehearsal([program("print(1)")], typed=["APPROVE"]) as session:
        session.endpoint.pages = {"/v1/models": page}
        session.state.settings = load_settings({}, {"OPENAI_BASE_URL": session.endpoint.url})
        session.session._switch_model = _same
        await session.converse("count")
        used = session.session.record.in_context
        assert used
        assert "context" not in session.state.status_line()
        for line, context in (("/model", 1000), ("/model wide", 2000), ("/model silent", 0), ("/model nobody", 0)):
            await run_slash_command(session.state, line)
            shown = [f"{100 - 100 * used // context}% of context left"] if context else []
            assert [part for part in session.state.status_line().split(" · ") if "context" in part] == shown


def test_what_is_being_waited_for_comes_first() -> None:
    state = state_of()
    state.progress = "pulling img:1"
    assert state.status_line() == "pulling img:1"


def test_notes_go_before_the_message_once() -> None:
    state = state_of()
    assert state.session is not None
    state.session.notes = ["I changed it.", "I added a file."]
    assert state.with_notes("go on") == "I changed it.\n\nI added a file.\n\ngo on"
    assert state.with_notes("go on") == "go on"


async def test_one_transcript_shows_the_whole_session() -> None:
    async with rehearsal([]) as session:
        assert session.state.transcript() is session.state.transcript()


async def test_before_the_session_is_open_nothing_has_been_spent() -> None:
    async with rehearsal([]) as session:
        session.state.session = None
        assert session.state.spent() == []
        assert session.state.record is None


def test_the_result_of_a_check_is_shown_beside_the_rest_until_the_next_task() -> None:
    state = state_of(200, usage=(1, 2))
    state.checks = Checks(state.settings)
    state.checks.status = "01-waves: ✔ same result"
    assert state.status_line().startswith("01-waves: ✔ same result · test-model · 3 tokens · img:1")
    narrow = state_of(30)
    narrow.checks = state.checks
    assert narrow.status_line() == "01-waves: ✔ same result"
    state.checks.seen()
    assert state.status_line().startswith("test-model")
