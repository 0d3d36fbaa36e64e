"""Where sentences are broken."""

from __future__ import annotations

import random
import time

import pytest
from rich.text import Text

from cli.output.wrapping import BreakSearch, columns, fold, hanging_indent, wrap


def rows(text: str, room: int) -> list[str]:
    return [row.plain for row in wrap(Text(text), room)]


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("", 10, [""]),
        ("ten column", 10, ["ten column"]),
        ("eleven colu", 10, ["eleven", "colu"]),
        ("a  b" + " " * 20, 10, ["a  b"]),
        ("one two  three", 9, ["one two", "three"]),
        ("- a point that goes on", 12, ["- a point", "  that goes", "  on"]),
        ("  12. a point goes on", 14, ["  12. a point", "      goes on"]),
        ("  /run    do this now and then", 22, ["  /run    do this now", "          and then"]),
        ("    indented text goes on", 14, ["    indented", "    text goes", "    on"]),
        ("  → do this or that", 12, ["  → do this", "    or that"]),
        ("see http://example.org/long here", 10, ["see", "http://", "example.or", "g/long", "here"]),
        ("http://example.org/long", 10, ["http://", "example.or", "g/long"]),
        ("        word", 6, ["", "word"]),
        ("a" + " " * 30 + "forged", 10, ["a", "forged"]),
        ("日", 1, ["日"]),
        ("日本語日本語", 8, ["日本語日", "本語"]),
        ("日本語。日本語", 6, ["日本", "語。日", "本語"]),
        ("a👩\u200d💻b", 5, ["a👩\u200d💻", "b"]),
        ("👍🏽👍🏽", 7, ["👍🏽", "👍🏽"]),
        ("🇩🇪🇩🇪", 4, ["🇩🇪", "🇩🇪"]),
        ("ab e\u0301e\u0301e\u0301 cd", 6, ["ab e\u0301e\u0301e\u0301", "cd"]),
        ("a\tb", 40, ["a       b"]),
    ],
)
def test_a_sentence_is_broken_between_words(text: str, room: int, expected: list[str]) -> None:
    assert rows(text, room) == expected


@pytest.mark.parametrize("seed", range(100))
def test_no_character_is_lost_and_no_row_is_too_long(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice("abcdefg  日本é👍\u0301。") for _ in range(chance.randrange(200)))
    room = chance.randrange(20, 60)
    broken = rows(text, room)
    assert "".join(broken).replace(" ", "") == text.replace(" ", "")
    assert all(columns(row) <= room for row in broken)
    folded = [row.plain for row in fold(Text(text), room)]
    assert "".join(folded) == text
    assert all(columns(row) <= room for row in folded)


@pytest.mark.parametrize("character", ["日", "字 ", "👍", "x", "x y "])
def test_a_long_text_is_broken_in_time_that_grows_with_its_length(character: str) -> None:
    text = Text(character * (200_000 // len(character)))
    began = time.process_time()
    assert len(wrap(text, 59)) > 2000
    assert len(fold(text, 59)) > 2000
    assert time.process_time() - began < 4  # a quarter of it on a machine that does nothing else; it was half a minute


def test_a_folded_line_keeps_its_columns() -> None:
    assert [row.plain for row in fold(Text("one" + " " * 9 + "two\tx"), 10)] == ["one" + " " * 7, "  two x"]


def test_further_rows_are_indented_as_asked() -> None:
    assert [row.plain for row in wrap(Text("one two three four"), 10, indent=3)] == ["one two", "   three", "   four"]


def test_styles_stay_on_their_words() -> None:
    line = Text("plain ").append("coloured words", style="green").append(" plain")
    broken = wrap(line, 14)
    assert [(row.plain, [str(span.style) for span in row.spans if span.end > span.start]) for row in broken] == [
        ("plain coloured", ["green"]),
        ("words plain", ["green"]),
    ]


@pytest.mark.parametrize(("text", "most"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("❤️", 2), ("👩\u200d💻", 4), ("🇩🇪", 4)])
def test_columns_are_never_too_few(text: str, most: int) -> None:
    assert columns(text) == most


def test_a_list_is_indented_as_far_as_its_text() -> None:
    assert hanging_indent("1) x") == 3


@pytest.mark.parametrize(
    "text", ["one two three four", "   indented words go on", "longerthantheroom then more", "日本語 日本語日本", "short"]
)
@pytest.mark.parametrize("room", [4, 7, 11])
def test_a_search_that_goes_on_finds_what_a_new_one_finds(text: str, room: int) -> None:
    search = BreakSearch(room)
    for end in range(1, len(text) + 1):
        found = search.end(text[:end])
        assert found == BreakSearch(room).end(text[:end])
        if found < end:
            break
