"""Which messages are the word, and which only hold it."""

import pytest

from utils.words import mentioned_words, resembled_word, says_yes, spoken_word


@pytest.mark.parametrize("text", ["APPROVE", "approve", " Approve! ", "APPROVE.", "«approve»", "**APPROVE**", "approve\n", "_approve_"])
def test_the_word_alone_is_the_word(text: str) -> None:
    assert spoken_word(text) == "APPROVE"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "do NOT APPROVE this",
        "APPROVE but rename it",
        "DISAPPROVE",
        "approved",
        "STOPWORDS",
        "please don't STOP",
        "APPROVE STOP",
        "A PPROVE",
    ],
)
def test_the_word_among_others_is_not(text: str) -> None:
    assert spoken_word(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("APPROVE but rename it", ("APPROVE",)),
        ("approve, but rename it", ("APPROVE",)),
        ("do NOT APPROVE this", ("APPROVE",)),
        ("STOP printing the header", ("STOP",)),
        ("stop printing the header", ("STOP",)),
        ("please stop printing the header", ()),
        ("remove the STOPWORDS", ()),
        ("APPROVE", ()),
        ("either APPROVE or STOP", ("APPROVE", "STOP")),
        ("ok", ("APPROVE",)),
        ("stopp", ("STOP",)),
    ],
)
def test_a_message_that_holds_a_word_is_ambiguous(text: str, words: tuple[str, ...]) -> None:
    assert mentioned_words(text) == words


@pytest.mark.parametrize(
    ("text", "word"),
    [
        *((text, "APPROVE") for text in ("ok", "Yes!", "y", "looks good", "LGTM", "aprove", "approved", "done.")),
        *((text, "STOP") for text in ("stopp", "cancel", "give up")),
        *((text, None) for text in ("APPROVE", "stop", "", "improve", "no", "step", "yes, but rename it", "ok now in blue", "more")),
    ],
)
def test_what_resembles_a_word_is_recognized_only_if_nothing_else_is_said(text: str, word: str | None) -> None:
    assert resembled_word(text) == word


@pytest.mark.parametrize(
    ("text", "yes"), [("y", True), (" YES\n", True), ("Yes", True), ("", False), (None, False), ("yes please", False), ("n", False)]
)
def test_only_a_plain_yes_is_one(text: str | None, yes: bool) -> None:
    assert says_yes(text) is yes
