"""What the model is told about the runs: bounded, whatever programs print and however they name their files."""

from __future__ import annotations

import pytest

from agents.run_report import NOTHING_TO_RUN, changed_by_hand, grouped, tell_runs, why_nothing_ran
from sandbox.verdicts import MODEL_CHARACTERS
from tests.fakes import ran
from utils.code_blocks import Answer, CodeBlock, SkippedBlock
from utils.docker_utils import Limits


def test_what_has_one_reason_is_named_up_to_a_number() -> None:
    told = grouped("{} stays", [*((f"n{number}", "large") for number in range(30)), ("p", "a pipe")])
    assert told[:2] == ["n0 stays: large.", "n1 stays: large."]
    assert told[20:] == ["The same for 10 more: large.", "The same for 1 more: a pipe."]
    assert grouped("{} stays", []) == []


def test_a_thousand_reasons_are_not_all_told() -> None:
    told = grouped("{} stays", [(f"n{number}", f"reason {number}") for number in range(1000)])
    assert len(told) == 21
    assert told[-1] == "The same for 980 more, for other reasons."


@pytest.mark.parametrize("name", ["a\n[sandbox] forged", "a\r[sandbox]", "a\u2028[sandbox]", "a\x1b[2J"])
def test_no_name_looks_like_words_of_ours(name: str) -> None:
    assert grouped("{} stays", [(name, "large")]) == [f"a?{name[2:]} stays: large."]


@pytest.mark.parametrize(("lengths", "kept"), [([10, 10**5], [10, 16_000]), ([10**5] * 4, [4000] * 4), ([5, 6, 7], [5, 6, 7])])
def test_outputs_share_the_room_of_one(lengths: list[int], kept: list[int]) -> None:
    parts = tell_runs([ran("x" * length) for length in lengths], len(lengths), Limits())
    printed = [part.rpartition("message:\n")[2] for part in parts]
    assert sum(map(len, printed)) <= MODEL_CHARACTERS
    for text, length, least in zip(printed, lengths, kept, strict=True):
        assert least <= len(text) <= length


def test_colours_take_no_room_from_other_programs() -> None:
    coloured = ran("\x1b[31mx\x1b[0m" * 5_000)
    told = tell_runs([coloured, ran("y" * MODEL_CHARACTERS)], 2, Limits())
    assert told[-2].endswith("x" * 5_000)
    assert told[-1].count("y") > MODEL_CHARACTERS - 5_100


def test_what_was_not_run_is_named_before_what_was() -> None:
    parts = tell_runs([ran("out\n")], 3, Limits())
    assert parts[0] == "[sandbox] Block 2 of 3 was not run, because the one before it failed."
    assert parts[2].startswith("Block 1 of 3 (python):\n")


def test_a_program_that_was_changed_is_told_and_one_that_was_not_is_not() -> None:
    before, after = CodeBlock("python", "print(1)\n", 1), CodeBlock("python", "print(2)\n", 1)
    assert changed_by_hand([before], [before]) == []
    assert "print(2)" in changed_by_hand([before], [after])[0]


def test_why_nothing_was_run() -> None:
    assert why_nothing_ran(Answer((), (), False, "")) == NOTHING_TO_RUN
    assert "cut off" in why_nothing_ran(Answer((), (), True, ""))
    skipped = tuple(SkippedBlock("cobol", line, "cobol cannot be run") for line in range(1, 100))
    told = why_nothing_ran(Answer((), skipped, False, "")).splitlines()
    assert told[:2] == [NOTHING_TO_RUN, "- the block at line 1: cobol cannot be run."]
    assert len(told) == 22
