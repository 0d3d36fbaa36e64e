from __future__ import annotations

import pytest

from agents.models.errors import KINDS
from cli.remedies import Place, remedy
from utils.errors import EngineError, ModelError, UsageError


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_a_model_does_there_is_something_to_do_about_it(kind: str) -> None:
    assert remedy(ModelError("No.", "Check the address." if kind in ("quota",) else "", kind=kind), "prompt") or kind in _SAID_BELOW
    assert "/" not in remedy(ModelError("No.", kind=kind), "shell")
    assert "--" not in remedy(ModelError("No.", kind=kind), "prompt")


# Here the hint of the layer below is all there is to say.
_SAID_BELOW = ("wrong-key", "forbidden", "wrong-url", "bad-request", "moved", "proxy", "foreign")


@pytest.mark.parametrize(
    ("hint", "place", "told"),
    [
        ("Check it.", "prompt", "Check it. Type /retry to try again."),
        ("Check it.", "shell", "Check it. Then run the command again."),
        ("", "prompt", "Type /retry to try again."),
        ("Check it.", "doctor", "Check it."),
    ],
)
def test_the_words_suit_the_place(hint: str, place: Place, told: str) -> None:
    assert remedy(ModelError("No.", hint, kind="unreachable"), place) == told


def test_the_doctor_does_not_send_you_to_the_doctor() -> None:
    error = EngineError("no engine", "start it", kind="engine-stopped")
    assert (remedy(error, "shell"), remedy(error, "doctor")) == (
        "start it; `python main.py doctor` shows where an engine was looked for",
        "start it",
    )


def test_what_is_not_known_keeps_its_own_hint() -> None:
    assert remedy(UsageError("no", "use --help")) == "use --help"
    assert remedy(UsageError("no")) == ""
