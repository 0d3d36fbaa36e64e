"""What a server turns out not to know, so that a request is asked once more without it, and every later one too."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NO = r"(not|un)[ -]?(support|allow|permit|availab|recogni[sz]|know|expect)|\bextra inputs\b|\binvalid (parameter|argument|field)\b"


def _refusal_of(field_name: str) -> re.Pattern[str]:
    """Match that a field of the request is refused, whichever of the two is named first."""
    return re.compile(rf"\b{field_name}\b.{{0,80}}?({_NO})|({_NO})[^.]{{0,50}}?\b{field_name}\b", re.I | re.S)


_REFUSALS = {
    # Some servers know nothing of stream_options; then the tokens stay uncounted, but the answer comes.
    "stream_options": re.compile(r"\bstream_options\b"),
    # OpenAI streams some models to verified organisations only.
    "stream": re.compile(
        r"\bmust be verified to stream\b|\bstream(ing)?\b.{0,40}\b((not|un)[ -]?(supported|allowed|available)|not support)\b", re.I | re.S
    ),
    # The templates of some models have no place for it: Gemma's says so, Mistral's old one says that roles must alternate.
    "system": re.compile(
        r"\bsystem (role|message|prompt|instruction)s?\b.{0,40}\bnot\b|\bnot support\w*\b.{0,20}\bsystem\b"
        r"|\b(unexpected|invalid|unknown|unsupported) role:? .?system\b|\brole .?system\b.{0,20}\bnot\b|\brole: input should be\b"
        r"|\bdeveloper instruction is not\b|\broles must alternate\b|\bonly user\b.{0,40}\broles\b",
        re.I | re.S,
    ),
    # An organisation that keeps no data with OpenAI may not ask for it.
    "store": _refusal_of("store"),
    # Reasoning models of OpenAI want the one name, most other servers the other.
    "max_tokens": _refusal_of("max_tokens"),
    "max_completion_tokens": _refusal_of("max_completion_tokens"),
    # Reasoning models take no other than their own.
    "temperature": re.compile(r"\btemperature\b", re.I),
    # A limit above the model's own is not needed.
    "max_output": re.compile(r"\bmax_(completion_)?tokens\b.{0,40}\btoo large\b|\bmaximum allowed number of output tokens\b", re.I | re.S),
}


@dataclass
class Quirks:
    """What one server has refused so far; the names are those of the request's fields, and "system" for the system message."""

    refused: set[str] = field(default_factory=set)

    def learn(self, words: str, *, limited: bool, varied: bool = False) -> str:
        """Read a refusal in the server's words; return the name of what it refuses, "" if it is nothing that can be left out.

        `limited` says whether the request named a limit for the answer's tokens, `varied` whether it named a temperature.
        """
        for name, pattern in _REFUSALS.items():
            sent = varied if name == "temperature" else limited or not name.startswith("max_")
            if sent and name not in self.refused and pattern.search(words):
                self.refused.add(name)
                return name
        return ""
