"""Text that is safe to show."""

from __future__ import annotations

import random
import sys
import unicodedata

import pytest

from utils.text import StreamSanitizer, duration, last_states, plain, sanitize, shorten, size_text, times, whole_characters


@pytest.mark.parametrize(
    "text",
    [
        "plain, with a tab\tand\nlines\n",
        "é e\u0301 ü ß ñ",
        "日本語 한국어 中文 العربية עברית ไทย हिन्दी",
        "👍 👍🏽 ❤️ ✔ ✔️ 1️⃣ 🇩🇪",
        "👨\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👩🏽\u200d💻 ❤️\u200d🔥",
        "می\u200cخواهم",
        "क्\u200dष",
        "½ × ∑ “quotes” – — …",
        "\u00a0\u2003",
    ],
)
def test_ordinary_text_is_untouched(text: str) -> None:
    assert sanitize(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\x00b\x08\x0b\x0c\x7f\x85", r"a\x00b\x08\x0b\x0c\x7f\x85"),
        ("a\r\nb\rc\r", "a\nb\nc\n"),
        ("a\u202eb\u2066c\u200f", r"a\u202eb\u2066c\u200f"),
        ("a\u200bb\ufeff\u2060\xad", r"a\u200bb\ufeff\u2060\xad"),
        ("a\u200db", r"a\u200db"),
        ("a\u200c", r"a\u200c"),
        ("👍\u200d", "👍\\u200d"),
        ("👍\u200d\u200d👍", "👍\\u200d\\u200d👍"),
        ("a\ufe0f\ufe01\ufe02", "a\ufe0f\\ufe01\\ufe02"),
        ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("\ud83d \udc80", r"\ud83d \udc80"),
    ],
)
def test_what_steers_or_hides_is_written_out(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_no_control_or_format_character_is_left_out_of_the_whole_of_unicode() -> None:
    # These are Cf too, but they are seen: signs in front of Arabic, Syriac, Kaithi and Egyptian text.
    seen = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd") | set(
        map(chr, range(0x13430, 0x13440))
    )
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in "\n\t" and character not in seen:
            assert character not in sanitize(f"a{character}b"), hex(code)


@pytest.mark.parametrize("seed", range(200))
def test_pieces_give_what_the_whole_gives(seed: int) -> None:
    chance = random.Random(seed)
    alphabet = "ab\n\r\t\x1b\u200d\u200c\ufe0f\ufe0e👍👩💻می\u202e\ud800❤"
    text = "".join(chance.choice(alphabet) for _ in range(60))
    sanitizer = StreamSanitizer()
    shown, rest = "", text
    while rest:
        size = chance.randrange(0, 5)
        shown += sanitizer.feed(rest[:size])
        rest = rest[size:]
    assert shown + sanitizer.finish() == sanitize(text)


def test_only_a_joiner_waits_for_more() -> None:
    sanitizer = StreamSanitizer()
    assert sanitizer.feed("abc\r") == "abc\n"
    assert sanitizer.feed("\nd👩\u200d") == "d👩"
    assert sanitizer.finish() == "\\u200d"


@pytest.mark.parametrize("length", [0, 1, 99, 100])
def test_short_text_is_kept(length: int) -> None:
    assert shorten("x" * length, 100) == "x" * length


def test_long_text_keeps_head_and_tail_and_says_what_is_missing() -> None:
    text = "H" * 5000 + "T" * 5000
    short = shorten(text, 1000)
    assert len(short) <= 1000
    head, mark, tail = short.split("\n")
    assert set(head) == {"H"}
    assert set(tail) == {"T"}
    assert mark == f"… {10000 - len(head) - len(tail)} characters cut …"


@pytest.mark.parametrize("limit", [0, 1, 10, 30])
def test_a_tiny_limit_leaves_the_mark(limit: int) -> None:
    assert "characters cut" in shorten("x" * 1000, limit)


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("a\nb\n", "a\nb\n"),
        ("1%\r50%\r100%\ndone\n", "100%\ndone\n"),
        ("1%\r2%", "2%"),
        ("a\r\nb\r\n", "a\r\nb\r\n"),
        ("1%\r2%\r\n", "2%\r\n"),
        ("\r1%\r2%\r", "2%\r"),
        ("\r\r\n", "\r\r\n"),
        ("", ""),
    ],
)
def test_a_line_that_is_written_over_is_shown_as_it_ended(printed: str, shown: str) -> None:
    assert last_states(printed) == shown


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("plain \U0001f600 \u00e4\n", "plain \U0001f600 \u00e4\n"),
        ("", ""),
        (b"caf\xe9 x".decode("utf-8", "surrogateescape"), "caf\ufffd x"),
        ("half \ud83d", "half \ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
    ],
)
def test_halves_of_characters_are_joined_or_replaced(text: str, whole: str) -> None:
    assert whole_characters(text) == whole
    whole_characters(text).encode()


def test_how_often_is_written_as_one_says_it() -> None:
    assert [times(count) for count in (1, 2, 3, 12)] == ["once", "twice", "3 times", "12 times"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("plain\ttext \u00e4 \U0001f469\u200d\U0001f4bb\n", "plain\ttext \u00e4 \U0001f469\u200d\U0001f4bb\n"),
        ("\x1b[31mred\x1b[0m and \x1b[1;38;5;196mbold\x1b[m\n", "red and bold\n"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b[2J\x1b[H", ""),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("\x1bPq#0;2;0;0;0\x1b\\after", "after"),
        ("\x1b(B\x1b=\x1b7x\x1b8", "x"),
        ("cut \x1b[3", "cut "),
        ("cut \x1b", "cut "),
        ("\x1b]never ended\nnext", "\nnext"),
        ("\r\x1b[2K 10%\r\x1b[2K100%\ndone\r\n", "100%\ndone\n"),
        ("wait |\b/\b-\bok\n", "wait ok\n"),
        ("a\n\b\bb", "a\nb"),
        ("bell\a, nul\0, del\x7f, form feed\f", "bell, nul, del, form feed"),
        ("[31m is no code", "[31m is no code"),
        ("", ""),
    ],
)
def test_plain_text_is_what_a_terminal_shows_in_the_end(printed: str, shown: str) -> None:
    assert plain(printed) == shown


def test_plain_text_of_much_that_is_rubbed_out_or_never_ended_takes_no_time() -> None:
    assert plain("a" * 200_000 + "\b" * 200_000) == ""
    assert plain("\x1b[" * 100_000) == ""
    assert plain("\x1b]" * 100_000) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.0123, "0.012 s"),
        (0.04, "0.04 s"),
        (0.123, "0.12 s"),
        (3.27, "3.3 s"),
        (9.96, "10 s"),
        (11.6, "12 s"),
        (59.6, "1 min 0 s"),
        (73, "1 min 13 s"),
        (7800, "2 h 10 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_times_are_written_as_they_are_said(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (34_560, "33.8 KiB"),
        (50 * 1024**2, "50 MiB"),
        (2 * 1024**3, "2 GiB"),
        (5 * 1024**4, "5120 GiB"),
    ],
)
def test_sizes_are_written_with_units(count: int, said: str) -> None:
    assert size_text(count) == said
