"""Pure text work on answers: joining one that came in parts, and taking the thoughts out of one that holds them."""

from __future__ import annotations

import re

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_OPENING_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})[ \t]*[A-Za-z][^\n`]*\n")
_THOUGHT = re.compile(r"\s*<think>(.*?)(?:</think>\s*|\Z)", re.DOTALL)


def join_continuation(text: str, more: str) -> str:
    """Join an answer with what the model sent when it was asked to go on.

    Models like to open the code fence anew although it is still open; that line would become a part of the program, so it is left out.
    """
    if text and _fence_is_open(text):
        more = _OPENING_FENCE.sub("", more, count=1)
    return text + more


def split_thought(text: str) -> tuple[list[str], str]:
    """Split the thoughts at the beginning of an answer from the rest; one that is never closed is all of the answer.

    Only the beginning is searched: the same tags later on may stand in a program's text.
    """
    thoughts: list[str] = []
    while match := _THOUGHT.match(text):
        thoughts.append(match[1].strip())
        text = text[match.end() :]
    return thoughts, text


def _fence_is_open(text: str) -> bool:
    # By CommonMark's rules for fences at the top level: only a bare fence of the same sign, at least as long, closes.
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match is None:
            continue
        sign, rest = match.groups()
        if not fence:
            fence = sign if sign[0] == "~" or "`" not in rest else ""
        elif sign.startswith(fence) and not rest.strip():
            fence = ""
    return bool(fence)
