from __future__ import annotations

import pytest

from agents.models.continuation import join_continuation, split_thought


@pytest.mark.parametrize(
    ("text", "more", "joined"),
    [
        ("", "```python\nx", "```python\nx"),
        ("one ", "two", "one two"),
        ("```python\na = ", "```python\n1\n```", "```python\na = 1\n```"),
        ("```python\na = ", "\n```py title=x\n1\n```", "```python\na = 1\n```"),
        ("~~~sh\nls", "~~~sh\n -l\n~~~", "~~~sh\nls -l\n~~~"),
        ("```python\na = 1\n", "```\nDone.", "```python\na = 1\n```\nDone."),
        ("```python\na = 1\n```\n", "```python\nb = 2\n```", "```python\na = 1\n```\n```python\nb = 2\n```"),
        ("````md\n```python\n", "```sh\nx", "````md\n```python\nx"),
        ("``` `inline` ```\n", "```python\nx", "``` `inline` ```\n```python\nx"),
    ],
)
def test_a_continuation_is_joined_without_a_second_fence(text: str, more: str, joined: str) -> None:
    assert join_continuation(text, more) == joined


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("answer", [], "answer"),
        ("<think>a</think>answer", ["a"], "answer"),
        ("\n<think>\na\n</think>\n\nanswer", ["a"], "answer"),
        ("<think>a</think><think>b</think>answer", ["a", "b"], "answer"),
        ("<think>never closed ```python", ["never closed ```python"], ""),
        ("print('<think>x</think>')", [], "print('<think>x</think>')"),
        ("", [], ""),
    ],
)
def test_thoughts_are_split_from_the_beginning_only(text: str, thoughts: list[str], answer: str) -> None:
    assert split_thought(text) == (thoughts, answer)
