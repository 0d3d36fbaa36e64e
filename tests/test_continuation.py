from __future__ import annotations

import pytest

from agents.models.continuation import close_last_block, join_continuation, repeats_itself, without_repetition


@pytest.mark.parametrize(
    ("text", "more", "joined"),
    [
        ("", "```python\nx", "```python\nx"),
        ("one ", "two", "one two"),
        ("```python\na = ", "```python\n1\n```", "```python\na = 1\n```"),
        ("```python\na = ", "\n```py title=x\n1\n```", "```python\na = 1\n```"),
        ("Here: ```python\na = ", "```python\n1\n```", "Here: ```python\na = 1\n```"),
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
    ("text", "closed"),
    [
        ("```python\nx\n", "```python\nx\n```"),
        ("```python\nx\n```", "```python\nx\n```"),
        ("a\n~~~~sh\nls", "a\n~~~~sh\nls\n~~~~"),
        ("prose", "prose"),
        ("", ""),
        ("Here it is: ```python\nx\n```", "Here it is: ```python\nx\n```"),
        ("Here it is: ```python\nx\n```\nDone.\n", "Here it is: ```python\nx\n```\nDone.\n"),
        ("Here it is: ```python\nx", "Here it is: ```python\nx\n```"),
        ("- Run this: ````sh\nls\n```\n", "- Run this: ````sh\nls\n```\n````"),
        ("A fence begins with ```nonsense\n", "A fence begins with ```nonsense\n"),
        ("Write ```python x``` for that.\n", "Write ```python x``` for that.\n"),
        ("```\na\n```\n```py\nb", "```\na\n```\n```py\nb\n```"),
    ],
)
def test_a_block_that_is_open_at_the_end_is_closed(text: str, closed: str) -> None:
    assert close_last_block(text) == closed


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("print('again')\n" * 100, "print('again')\n" * 2),
        ("A beginning.\n" + "0" * 1000, "A beginning.\n00"),
        ("one\ntwo\nthree\n" * 60 + "one\nt", "one\ntwo\nthree\n" * 2),
        ("Now:\n" + "a long line of its own\n" * 1000, "Now:\n" + "a long line of its own\n" * 2),
        ("x" * 300 + "\n" + "\n".join(f"row {number}" for number in range(500)), ""),
        ("0, 0, 0,\n" * 60, ""),  # a short table
        (("a paragraph of three hundred characters " * 8)[:299] + "\n", ""),
        ("".join(f"def f{number}():\n    return {number}\n\n" for number in range(200)), ""),
        ("", ""),
    ],
)
def test_a_text_that_repeats_itself_to_its_end_is_known_and_made_short(text: str, short: str) -> None:
    assert bool(repeats_itself(text)) is bool(short)
    assert without_repetition(text).rstrip() == (short or text).rstrip()
