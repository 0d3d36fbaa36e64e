"""What a server turns out not to know, so that a request is asked once more without it, and every later one too."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_REFUSALS = {
    # Some servers know nothing of stream_options; then the tokens stay uncounted, but the answer comes.
    "stream_options": re.compile(r"\bstream_options\b"),
    # OpenAI streams some models to verified organisations only.
    "stream": re.compile(
        r"\bmust be verified to stream\b|\bstream(ing)?\b.{0,40}\b(not|un)[ -]?(supported|allowed|available)\b", re.I | re.S
    ),
    # The templates of some models have no place for it: Gemma's says so, Mistral's old one says that roles must alternate.
    "system": re.compile(
        r"\bsystem (role|message|prompt|instruction)s?\b.{0,40}\bnot\b|\bnot support\w*\b.{0,20}\bsystem\b"
        r"|\bdeveloper instruction is not\b|\broles must alternate\b|\bonly user\b.{0,40}\broles\b",
        re.I | re.S,
    ),
    # Reasoning models of OpenAI want the one name, most other servers the other.
    "max_tokens": re.compile(r"\bmax_tokens\b.{0,80}\bnot supported\b|\bunsupported\b.{0,40}\bmax_tokens\b", re.I | re.S),
    "max_completion_tokens": re.compile(
        r"\bmax_completion_tokens\b.{0,80}\b(unsupported|not supported|not permitted|unknown)\b", re.I | re.S
    ),
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
