"""What the slash commands work on, and the row below the prompt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from cli.talk import Talk

from cli.output.screen import Screen
from tests.talks import rehearsal
from tests.views import TerminalStream
from utils.settings import load_settings


def talk_of(columns: int = 80, usage: tuple[int, int] = (0, 0), **environment: str) -> Talk:
    screen = Screen(TerminalStream(columns), control_codes=True)
    settings = load_settings({}, {"SANDBOX_IMAGE": "img:1", **environment})
    talk = Talk(settings, screen, SimpleNamespace(), confirms=False, model="test-model", progress="")  # type: ignore[arg-type]
    model = SimpleNamespace(total_usage=lambda: SimpleNamespace(prompt_tokens=usage[0], completion_tokens=usage[1]))
    talk.session = SimpleNamespace(model=model)  # type: ignore[assignment]
    return talk


@pytest.mark.parametrize(
    ("memory", "said"), [("2g", "2 GiB"), ("512m", "512 MiB"), ("1536m", "1.5 GiB"), ("16m", "16 MiB"), ("1000m", "1000 MiB")]
)
def test_the_contract_names_what_programs_may_do(memory: str, said: str) -> None:
    talk = talk_of(SANDBOX_MEMORY=memory, SANDBOX_TIMEOUT="7", SANDBOX_NETWORK="off")
    assert talk.contract() == f"img:1 · {said} · 7 s · network off"


def test_tokens_are_told_and_cost_only_where_prices_are_set() -> None:
    assert talk_of().spent() == []
    assert talk_of(usage=(12345, 678)).spent() == ["12,345 + 678 tokens"]
    assert talk_of(usage=(12345, 678), MODEL_PRICE_IN="2").spent() == ["12,345 + 678 tokens"]
    priced = talk_of(usage=(1_000_000, 500_000), MODEL_PRICE_IN="2.5", MODEL_PRICE_OUT="10")
    assert priced.spent() == ["1,000,000 + 500,000 tokens", "$7.5000"]


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (200, "test-model · 12,345 + 678 tokens · img:1 · 2 GiB · 60 s · network install"),
        (70, "test-model · 12,345 + 678 tokens · 2 GiB · 60 s · network install"),
        (60, "12,345 + 678 tokens · 2 GiB · 60 s · network install"),
    ],
)
def test_the_row_below_the_prompt_fits_the_window(columns: int, row: str) -> None:
    assert talk_of(columns, usage=(12345, 678)).status_line() == row


def test_what_is_waited_for_comes_first() -> None:
    talk = talk_of()
    talk.progress = "pulling img:1"
    assert talk.status_line() == "pulling img:1"


def test_notes_are_told_once_before_the_message() -> None:
    talk = talk_of()
    talk.notes += ["I changed it.", "I added a file."]
    assert talk.with_notes("go on") == "I changed it.\n\nI added a file.\n\ngo on"
    assert talk.with_notes("go on") == "go on"


async def test_one_transcript_shows_the_whole_session() -> None:
    async with rehearsal([]) as session:
        assert session.talk.transcript() is session.talk.transcript()


async def test_before_the_session_is_open_nothing_has_been_spent() -> None:
    async with rehearsal([]) as session:
        session.talk.session = None
        assert session.talk.spent() == []
        assert session.talk.why_asked() == []
