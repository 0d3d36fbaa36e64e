"""The two words that end the talk, how a message is read for them, and what a yes is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

APPROVE = "APPROVE"
STOP = "STOP"
WORDS = (APPROVE, STOP)
_ASSENTS = ("Y", "YES", "OK", "OKAY", "FINE", "GOOD", "GREAT", "LOOKS GOOD", "LGTM", "ACCEPT", "DONE")
_REFUSALS = ("CANCEL", "ABORT", "GIVE UP", "END")
_CLOSE = 0.8  # "aprove" and "stopp" are closer to a word than this, "improve" is not

STOPPED_STEP = "(I stopped the step before this message; it did not finish.)"
"""What the model is told in the user's name before the message that follows a step that was stopped."""
NOTES = "notes"
"""In a task's metadata: how many characters at its beginning are notes, which the user did not type."""
BACK_TO = "back to"
"""In the metadata of an APPROVE: the ID of the first message of a step that did not finish; the word is about the result before it."""


def own_words(task: str, metadata: Mapping[str, Any]) -> str:
    """Return what the user typed of a task's text, without the notes before it."""
    return task[int(metadata.get(NOTES, 0)) :]


def says_yes(text: str | None) -> bool:
    """Tell whether the text is y or yes, in any case; nothing at all is no."""
    return (text or "").strip().lower() in ("y", "yes")


def spoken_word(text: str) -> str | None:
    """Return APPROVE or STOP if the text is only that word, in any case, with or without punctuation; else None."""
    bare = _bare(text)
    return bare if bare in WORDS else None


def resembled_word(text: str) -> str | None:
    """Return the word that the whole text seems to be meant for ("ok", "aprove", "cancel"); None if it is one, or is like none."""
    bare = _bare(text)
    if bare in WORDS:
        return None
    if bare in _ASSENTS or bare in _REFUSALS:
        return APPROVE if bare in _ASSENTS else STOP
    return next(iter(difflib.get_close_matches(bare, WORDS, 1, _CLOSE)), None)


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text).strip().upper()


def mentioned_words(text: str) -> tuple[str, ...]:
    """Return the words that the text may be meant for, so that the user has to say what is meant.

    These are the word that all of it resembles, and words among others ("APPROVE but rename it"). The latter count only as they are asked
    for, in capitals, or as the first word of the message, so that ordinary prose ("please stop printing the header") is taken for what it
    is.
    """
    if spoken_word(text):
        return ()
    if resembled := resembled_word(text):
        return (resembled,)
    found = []
    for word in WORDS:
        in_capitals = re.search(rf"\b{word}\b", text)
        begins = re.match(rf"\W*{word}\b", text, re.IGNORECASE)
        if in_capitals or begins:
            found.append(word)
    return tuple(found)
