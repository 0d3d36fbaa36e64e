"""Pure text work on answers: joining one that came in parts, and closing or judging one that breaks off."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sandbox.languages import ALIASES
from utils.markdown import fence_mid_line

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_OPENING_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})[ \t]*[A-Za-z][^\n`]*\n")

_LOOKED_AT = 4_000  # characters
_LONG = (8_000, 9)  # of a piece of many lines
AT_THE_LIMIT = ((800, 6), _LONG)
"""How much an answer repeats itself that is not worth going on with: characters, and pieces."""
ENDLESS = ((5_000, 25), _LONG)
"""One piece over and over, of so many characters together and so many times, is nothing that anybody wants to read: the model has lost its
way, and goes on to the end of its context if it is let."""


def join_continuation(text: str, more: str) -> str:
    """Join an answer with what the model sent when it was asked to go on.

    Models like to open the code fence a second time; that line would become part of the program, so it is left out.
    """
    if text and _open_fence(text):
        more = _OPENING_FENCE.sub("", more, count=1)
    return text + more


def close_last_block(text: str) -> str:
    """Close the code block that an answer leaves open at its end, for an answer of which the server says that it is whole."""
    fence = _open_fence(text)
    return f"{text.rstrip()}\n{fence}" if fence else text


def repeats_itself(text: str, kinds: Sequence[tuple[int, int]] = AT_THE_LIMIT) -> int:
    """Return the length of the piece that the end of a text is over and over; 0 if it is none.

    `kinds` is how many characters these pieces have together, and how many there are; one of the kinds is enough.
    """
    return next((period for least, times in kinds if (period := _period(text[-max(_LOOKED_AT, 2 * least) :], least, times))), 0)


def _period(text: str, least: int, times: int) -> int:
    end = text[::-1]
    # The prefix function: how long a prefix of `end` ends at each position. The rest of the position is the period.
    borders = [0] * len(end)
    for position in range(1, len(end)):
        border = borders[position - 1]
        while border and end[position] != end[border]:
            border = borders[border - 1]
        borders[position] = border + (end[position] == end[border])
        length = position + 1
        if length >= least and length >= times * (length - borders[position]):
            return length - borders[position]
    return 0


def without_repetition(text: str) -> str:
    """Return a text that repeats itself to its end with the piece twice, and any other as it is: a model copies what it is shown."""
    period = repeats_itself(text)
    begin = len(text) - period
    while period and begin > 0 and text[begin - 1] == text[begin - 1 + period]:
        begin -= 1
    return text[: begin + 2 * period] if period else text


def _open_fence(text: str) -> str:
    # As utils/markdown.py reads fences at the top level: only a bare one of the same sign, at least as long, closes.
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match is None:
            fence = fence or fence_mid_line(line, ALIASES)[0]
            continue
        sign, rest = match.groups()
        if not fence:
            fence = sign if sign[0] == "~" or "`" not in rest else ""
        elif sign.startswith(fence) and not rest.strip():
            fence = ""
    return fence
