"""Thoughts in the text of an answer: they are no part of it, whatever their marks are."""

from __future__ import annotations

import pytest

from agents.code_generator_agent import word_of_the_generator
from tests.asking import ask, client_of
from tests.endpoint import ModelEndpoint
from tests.fakes import program
from tests.test_code_blocks import ONE, programs, read
from tests.thoughts import ANALYSIS, FINAL, THOUGHTS
from utils.thoughts import split_thoughts, without_opening

PROGRAM = "```python\nprint(1)\n```\n"
DRAFT = "We need it.\n```python\nwrong()\n```\nSTOP\n"
WORDS = "words of channels"
MARKS = pytest.mark.parametrize("marks", THOUGHTS.values(), ids=THOUGHTS)
CLOSED_BY_ITSELF = {name: marks for name, marks in THOUGHTS.items() if name not in (WORDS, "channels without the beginning of the second")}


@MARKS
@pytest.mark.parametrize("around", ["{}", "{}\n", "{}\n\nHere it is:\n", "\n{}\n" + FINAL])
def test_a_draft_in_a_thought_is_not_run(marks: tuple[str, str], around: str) -> None:
    if around.startswith("\n") and marks[0].startswith("analysis"):
        around = around.strip()  # this mark is the very beginning of an answer
    answer = around.format(f"{marks[0]}{DRAFT}{marks[1]}") + PROGRAM
    assert programs(answer) == ONE
    thoughts, rest = split_thoughts(answer)
    assert (thoughts[-1], programs(rest)) == (DRAFT.strip(), ONE)
    assert not any(mark in rest for mark in (*marks, "<|", "wrong"))


@MARKS
async def test_a_thought_is_no_part_of_what_the_client_hands_on(marks: tuple[str, str]) -> None:
    with ModelEndpoint([f"{marks[0]}{DRAFT}{marks[1]}{PROGRAM}"]) as endpoint:
        async with client_of(endpoint) as client:
            shown, whole = await ask(client)
    assert whole.content == PROGRAM
    assert whole.thought is not None
    assert whole.thought.endswith(DRAFT.strip())
    assert shown.startswith(marks[0])


@pytest.mark.parametrize("marks", CLOSED_BY_ITSELF.values(), ids=CLOSED_BY_ITSELF)
def test_a_thought_without_its_opening_mark_is_not_run(marks: tuple[str, str]) -> None:
    assert programs(f"{DRAFT}{marks[1]}\n{PROGRAM}") == ONE
    assert programs(f"{DRAFT}{marks[1]}{PROGRAM}") == ONE
    assert programs(f"```python\nwrong()\n```{marks[1]}\n{PROGRAM}") == ONE
    assert programs(f"```python\nwrong()\n```{marks[1]}\nNo program.") == []


@pytest.mark.parametrize("marks", [marks for name, marks in THOUGHTS.items() if name != WORDS])
def test_a_thought_that_breaks_off_is_not_run(marks: tuple[str, str]) -> None:
    assert read(f"{marks[0]}{DRAFT}").cut
    assert programs(f"{marks[0]}{DRAFT}") == []
    assert split_thoughts(f"{marks[0]}{DRAFT}")[1] == ""


@pytest.mark.parametrize("marks", [marks for name, marks in THOUGHTS.items() if name not in (WORDS, "two thoughts in channels")])
async def test_a_whole_answer_whose_thought_has_no_end_is_the_program(marks: tuple[str, str]) -> None:
    assert without_opening(f"\n{marks[0]}\n{PROGRAM}" if marks[0][0] != "a" else marks[0] + PROGRAM) == PROGRAM
    with ModelEndpoint([marks[0] + PROGRAM]) as endpoint:
        async with client_of(endpoint) as client:
            _, whole = await ask(client)
    assert (whole.content, whole.thought) == (PROGRAM, None)


@pytest.mark.parametrize(
    "text",
    [
        f"{FINAL}{PROGRAM}",
        f"<|channel|>final<|message|>{PROGRAM}",
        f"<|channel|>final <|constrain|>python<|message|>{PROGRAM}",
        f"final<|message|>{PROGRAM}",
        f"{FINAL}Here it is:\n{PROGRAM}<|return|>",
        f"{FINAL}Here it is:\n{PROGRAM.rstrip()}<|return|>",
        f"We need it.<|end|>{FINAL}{PROGRAM}",
        f"We need it:\n```python\nwrong()\n```<|end|>{FINAL}{PROGRAM}",
        f"We need it:\n```python\nwrong(\n<|end|>{FINAL}{PROGRAM}",
        f"{ANALYSIS}One.<|end|><|start|>assistant{ANALYSIS}Two.<|end|>{FINAL}{PROGRAM}",
        f"{ANALYSIS}One.\n{ANALYSIS}Two: `<think>`.<|end|>{FINAL}{PROGRAM}",
        f"<|channel|>analysis\nWe need it:\n```python\nwrong()\n```\n{FINAL}{PROGRAM}",
    ],
)
def test_marks_without_a_thought_hide_no_program(text: str) -> None:
    assert programs(text) == ONE


@MARKS
@pytest.mark.parametrize("frame", ["x = '{}'", 'x = """\n{}\n"""', "# {}", 'x = """\n{}a\n{}\n"""\n'])
def test_marks_in_a_program_are_a_part_of_it(marks: tuple[str, str], frame: str) -> None:
    for mark in (*marks, f"{marks[0]}We need{marks[1]}"):
        code = frame.format(mark, marks[1])
        text = f"Here it is:\n```python\n{code}\n```\nDone."
        assert programs(text) == [("python", f"{code}\n")]
        assert split_thoughts(text) == ([], text)


@MARKS
@pytest.mark.parametrize(
    "frame", ["Write `{}` before it.", "It begins with {}, as others do.", "`{}` is the mark.", "- {}", "> {}", '"{}"']
)
def test_a_mark_that_is_mentioned_hides_no_program(marks: tuple[str, str], frame: str) -> None:
    for mark in marks if frame[0] in 'W`"' else marks[:1]:
        text = f"{frame.format(mark)}\n{PROGRAM}"
        assert programs(text) == ONE
        assert split_thoughts(text) == ([], text)


@pytest.mark.parametrize(
    "text",
    [
        "[Think] it over.",
        "[THINK](https://example.org) is a page.",
        "analysisResult is the name of the value.",
        "Analysis: it prints one.",
        "final: it prints one.",
        "<thoughts>It prints one.</thoughts>",
    ],
)
def test_words_like_marks_begin_no_thought(text: str) -> None:
    assert programs(f"{text}\n{PROGRAM}") == ONE
    assert split_thoughts(text) == ([], text)


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("answer", [], "answer"),
        ("\nanswer", [], "\nanswer"),
        ("<think>a</think>answer", ["a"], "answer"),
        ("\n<think>\na\n</think>\n\nanswer", ["a"], "answer"),
        ("<think>a</think><think>b</think>answer", ["a", "b"], "answer"),
        ("<think>a</think>[THINK]b[/THINK]answer", ["a", "b"], "answer"),
        ("<think>a [/THINK] b</think>answer", ["a [/THINK] b"], "answer"),
        ("<think></think>answer", [], "answer"),
        ("<think>never closed ```python", ["never closed ```python"], ""),
        ("print('<think>x</think>')", [], "print('<think>x</think>')"),
        ("", [], ""),
    ],
)
def test_thoughts_are_split_from_the_beginning_only(text: str, thoughts: list[str], answer: str) -> None:
    assert split_thoughts(text) == (thoughts, answer)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"{ANALYSIS}All is well.<|end|>{FINAL}STOP<|return|>", "STOP"),
        ("[THINK]All is well.[/THINK]STOP</s>", "STOP"),
        ("Done.\nSTOP<|im_end|>", "STOP"),
        (f"{ANALYSIS}All is well.\nSTOP<|end|>{FINAL}Not yet.", None),
        (f"{ANALYSIS}STOP", None),
        ("[STOP]", None),
        (f"{ANALYSIS}All is well.<|end|>{FINAL}{program('print(1)')}STOP", None),
    ],
)
def test_the_word_that_ends_the_talk_stands_in_the_answer_itself(text: str, word: str | None) -> None:
    assert word_of_the_generator(text) == word
