"""The two words that end the talk, how a message is read for them, and what a yes is."""

from __future__ import annotations

import re

APPROVE = "APPROVE"
STOP = "STOP"
WORDS = (APPROVE, STOP)


def says_yes(text: str | None) -> bool:
    """Tell whether the text is y or yes, in any case; nothing at all is no."""
    return (text or "").strip().lower() in ("y", "yes")


def spoken_word(text: str) -> str | None:
    """Return APPROVE or STOP if the text is only that word, in any case, with or without punctuation; else None."""
    bare = re.sub(r"[\W_]+", " ", text).strip().upper()
    return bare if bare in WORDS else None


def mentioned_words(text: str) -> tuple[str, ...]:
    """Return the words that are used among others in the text ("APPROVE but rename it"): the user has to say what is meant.

    A word counts only as it is asked for, in capitals, or as the first word of the message, so that ordinary prose
    ("please stop printing the header") is taken for what it is.
    """
    if spoken_word(text):
        return ()
    found = []
    for word in WORDS:
        in_capitals = re.search(rf"\b{word}\b", text)
        begins = re.match(rf"\W*{word}\b", text, re.IGNORECASE)
        if in_capitals or begins:
            found.append(word)
    return tuple(found)
