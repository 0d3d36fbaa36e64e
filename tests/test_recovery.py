"""Which runs go back to the generator unasked, and when the person is asked."""

import pytest
from autogen_agentchat.messages import TextMessage

from teams.recovery import Recovery

CODE = "```python\nprint(1)\n```"


def turn(verdict: str, error: str = "", exit_code: str = "1", answer: str = CODE) -> list[TextMessage]:
    """Return what the generator and the executor say in one round."""
    metadata = {"verdict": verdict, "error": error, "exit_code": exit_code}
    return [
        TextMessage(source="CodeGeneratorAgent", content=answer),
        TextMessage(source="CodeExecutorAgent", content="…", metadata=metadata),
    ]


# Each row: the rounds of one task, and how often the generator is asked again before the person is.
@pytest.mark.parametrize(
    ("rounds", "sent_back", "because"),
    [
        ([turn("ok")], 0, ""),
        ([turn("failed", "ValueError: a"), turn("ok")], 1, ""),
        ([turn("failed", f"ValueError: {n}") for n in range(9)], 3, "4 attempts failed"),
        ([turn("failed", "ValueError: a"), turn("failed", "ValueError: a")], 1, "the same failure came twice in a row"),
        ([turn("time"), turn("failed", "ValueError: a"), turn("time")], 2, "it took too long twice"),
        ([turn("time"), turn("time")], 1, "the same failure came twice in a row"),
        ([turn("memory"), turn("ok")], 1, ""),
        (
            [turn("failed", "E: a"), turn("no code", answer="Hm."), turn("no code", answer="Hm.")],
            2,
            "the same failure came twice in a row",
        ),
        ([turn("no code", answer="Which unit do you mean?")], 0, ""),
        ([turn("no code", answer="```\nprint(1)\n```"), turn("ok")], 1, ""),
        ([turn("cancelled")], 0, ""),
        ([turn("lost")], 0, ""),
        ([turn("refused")], 0, ""),
        ([turn("failed", "", "3"), turn("failed", "", "4"), turn("ok")], 2, ""),
    ],
)
def test_decisions(rounds: list[list[TextMessage]], sent_back: int, because: str) -> None:
    recovery = Recovery(max_retries=3)
    decisions = []
    for messages in rounds:
        decisions.append(recovery.decide(messages))
        if decisions[-1] is None:
            break
    assert decisions[-1] is None
    assert len(decisions) - 1 == sent_back
    assert recovery.asked_because == because


def test_each_attempt_is_numbered_and_named() -> None:
    recovery = Recovery(max_retries=3)
    first = recovery.decide(turn("failed", "ValueError: a"))
    second = recovery.decide(turn("failed", "ValueError: b"))
    assert first is not None
    assert second is not None
    assert (first.metadata["attempt"], first.metadata["attempts"], first.metadata["automatic"]) == ("2", "4", "ValueError: a")
    assert (second.metadata["attempt"], second.metadata["automatic"]) == ("3", "ValueError: b")
    assert recovery.tried == ["ValueError: a", "ValueError: b"]


def test_the_count_starts_again_with_the_person() -> None:
    recovery = Recovery(max_retries=1)
    assert recovery.decide(turn("failed", "E: a")) is not None
    assert recovery.decide(turn("failed", "E: b")) is None
    assert recovery.tried == ["E: a", "E: b"]  # readable while the person is asked
    assert recovery.decide(turn("failed", "E: b")) is not None
    recovery.start_again()
    assert recovery.decide(turn("failed", "E: b")) is not None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("ZeroDivisionError: division by zero", "ZeroDivisionError: division by zero"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("mypackage.errors.Broken: no", "mypackage.errors.Broken: no"),
        ("4", "exit code 3; last line: 4"),
        ("", "exit code 3 and no output"),
    ],
)
def test_a_failure_is_told_so_that_it_can_be_understood(error: str, told: str) -> None:
    recovery = Recovery(max_retries=1)
    recovery.decide(turn("failed", error, "3"))
    assert recovery.tried == [told]


def test_a_program_that_was_not_run_is_told_with_the_reason() -> None:
    recovery = Recovery(max_retries=3)
    message = recovery.decide(turn("not run", "pyyaml could not be installed", ""))
    assert message is not None
    assert message.metadata["automatic"] == "was not run: pyyaml could not be installed"


def test_zero_always_asks() -> None:
    recovery = Recovery(max_retries=0)
    assert recovery.decide(turn("failed", "E: a")) is None
    assert recovery.decide(turn("time")) is None


def test_before_any_run_the_person_is_asked() -> None:
    assert Recovery(max_retries=3).decide([TextMessage(source="user", content="a task")]) is None
