"""The marks between which models put their thoughts: tags, Mistral's brackets, and the channels of gpt-oss ("harmony").

A server that knows a model's marks takes them out of the text; many do not know them, or lose a part of them.
"""

from __future__ import annotations

import re

_TAGS = ("think", "thinking", "thought", "reasoning", "seed:think")


def _channel(names: str) -> str:
    """Return the pattern of what begins a message in one of these channels."""
    message = r"[^<\n]{0,80}(?:<\|constrain\|>[^<\n]{0,40})?<\|message\|>"
    in_full = rf"(?:<\|start\|>assistant[^<\n]{{0,80}})?<\|channel\|>[ \t]*(?:{names})\b(?:{message})?"
    return rf"{in_full}|\A(?:{names})\b{message}"  # the prompt itself may have begun the message


_FINAL = _channel("final")
_END = r"<\|(?:end|return|call)\|>"
# How a thought begins and how it ends. That the answer begins is a mark, too: a thought of no length.
_KINDS = (
    *((f"(?i:<{tag}>)", f"(?i:</{tag}>)") for tag in _TAGS),
    (r"\[THINK\](?![(:])", r"\[/THINK\]"),
    ("◁think▷", "◁/think▷"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (_channel("analysis|commentary"), f"{_END}|{_FINAL}"),
    (_FINAL, ""),
    # What is left of the channels when a server takes the special tokens out and keeps the words.
    (r"\Aanalysis(?=[A-Z][^\W_]*\W(?s:.)*?assistantfinal)", "assistantfinal"),
)
_WORDS_BEGIN = re.compile(r"analysis(?=[A-Z][^\W_]*[ ,'’])")
LONGEST_MARK = 250
"""Characters that a mark may have."""
_CLOSINGS = tuple(re.compile(closing) for _, closing in _KINDS)

OPENING = re.compile("|".join(f"({opening})" for opening, _ in _KINDS))
"""Where a thought begins; it counts at the beginning of a line that is no code."""

_BEFORE_ANSWER = "|".join(closing for _, closing in _KINDS[: len(_TAGS) + 4])
# Some servers swallow the opening mark. The closing one then counts at the start or the end of a line only: programs mention it elsewhere.
# Channels need no lines: both their marks together count wherever they stand, unless they are quoted.
_BETWEEN_CHANNELS = rf"(?:(?<=```)(?:{_END}\s*)?|(?<![`'\"]){_END}\s*)(?:{_FINAL})"
LONE_CLOSING = re.compile(rf"^[ \t]*(?:{_BEFORE_ANSWER}|{_FINAL})|(?:{_BEFORE_ANSWER})[ \t]*$|{_BETWEEN_CHANNELS}", re.MULTILINE)
"""What ends a thought that has no opening mark."""


def closing_of(opening: re.Match[str]) -> re.Pattern[str]:
    """Return what ends the thought that a match of OPENING begins."""
    return _CLOSINGS[(opening.lastindex or 1) - 1]


def may_open(text: str) -> bool:
    """Tell whether more characters may make the text, which begins a line, the mark of a thought, or a longer one."""
    return text.startswith(("<|start|>", "<|channel|>")) and len(text) < LONGEST_MARK and "<|message|>" not in text


def begins_thought(line: str, *, first: bool) -> tuple[int, re.Pattern[str]] | None:
    """Return where the mark ends that a line of an answer begins with, and what ends its thought; the line may not be whole yet."""
    opening = OPENING.match(line)
    if opening is None and first and (words := _WORDS_BEGIN.match(line)):
        return words.end(), _CLOSINGS[-1]
    return (opening.end(), closing_of(opening)) if opening else None


def split_thoughts(text: str) -> tuple[list[str], str]:
    """Split the thoughts at the beginning of an answer from the rest; one that is never closed is all of the answer.

    Only the beginning is searched: later on, the same marks may be part of a program.
    """
    thoughts: list[str] = []
    position = _skip_spaces(text, 0)
    while opening := OPENING.match(text, position):
        closing = closing_of(opening).search(text, opening.end())
        thoughts.append(text[opening.end() : closing.start() if closing else len(text)].strip())
        position = _skip_spaces(text, closing.end() if closing else len(text))
    return [thought for thought in thoughts if thought], text[position:] if thoughts else text


def without_opening(text: str) -> str:
    """Return an answer without the mark of the thought that it begins with."""
    opening = OPENING.match(text, _skip_spaces(text, 0))
    return text[opening.end() :].lstrip() if opening else text


def _skip_spaces(text: str, position: int) -> int:
    return next((number for number in range(position, len(text)) if not text[number].isspace()), len(text))
