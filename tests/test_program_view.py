"""The output of a running program on the screen."""

from __future__ import annotations

import random

import pytest

from cli.output.program import MOST_CHARACTERS, ProgramView
from tests.views import HOSTILE, assert_only_ours, assert_plain, folded, pipe, shown, splits, terminal


def output_of(pieces: list[str], columns: int = 60) -> list[str]:
    screen, stream = terminal(columns)
    view = ProgramView(screen)
    view.start(60)
    for piece in pieces:
        view.feed(piece)
        view.tick()
    view.finish()
    return shown(stream.getvalue(), columns)


@pytest.mark.parametrize("seed", range(8))
def test_output_is_shown_whole_however_it_comes(seed: int) -> None:
    chance = random.Random(seed)
    lines = ["".join(chance.choice("ab 日") for _ in range(chance.randrange(25))).strip() for _ in range(60)]
    text = "\n".join(lines)
    pieces = [text[at : at + 7] for at in range(0, len(text), 7)]
    assert output_of(pieces) == [f"│ {line}".rstrip() for line in lines]


def test_a_long_line_is_broken_by_the_terminal_and_not_by_us() -> None:
    line = "".join(f"{number:03} " for number in range(100))
    assert output_of([line, "\n"]) == folded(f"│ {line}", 60)


def test_the_line_that_is_being_written_and_the_time_stand_below() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    view.start(60)
    view.feed("done\nhalf")
    view.tick()
    assert shown(stream.getvalue()) == ["│ done", "│ half", "│ running 0 s of 60 s · Ctrl-C to stop"]
    view.feed(" a line\n")
    view.finish()
    assert shown(stream.getvalue()) == ["│ done", "│ half a line"]


@pytest.mark.parametrize("columns", [20, 60])
def test_a_progress_bar_takes_one_row(columns: int) -> None:
    assert output_of(["#" * 400], columns) == folded("│ " + "#" * 400, columns)


def test_of_a_flood_the_beginning_is_shown_and_the_rest_is_counted() -> None:
    screen, paper = pipe()
    view = ProgramView(screen)
    view.start(60)
    for _ in range(300):
        view.feed("x" * 999 + "\n")
    view.finish()
    *output, told = paper.getvalue().splitlines()
    assert sum(len(line) - len("│ ") + 1 for line in output) == MOST_CHARACTERS + 1
    assert told == f"│ … {300_000 - MOST_CHARACTERS:,} more characters are not shown"


def test_programs_follow_each_other() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    for text in ("x" * MOST_CHARACTERS + "y", "second"):
        view.start(60)
        view.feed(text)
        view.finish()
    assert shown(stream.getvalue())[-2:] == ["│ … 1 more characters are not shown", "│ second"]


def test_what_is_not_even_sent_is_counted_as_left_out() -> None:
    assert output_of(["x" * (MOST_CHARACTERS + 5) + "\n"])[-1] == "│ … 6 more characters are not shown"
    screen, paper = pipe()
    view = ProgramView(screen)
    view.start(60)
    view.feed("head\n")
    view.leave_out(12_345)
    view.finish()
    assert paper.getvalue() == "│ head\n│ … 12,345 more characters are not shown\n"


def test_what_never_started_shows_nothing() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    view.tick()
    view.finish()
    assert stream.getvalue() == ""


def test_a_program_that_prints_nothing_leaves_nothing() -> None:
    assert output_of([]) == []


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_output_steers_the_terminal(hostile: str) -> None:
    (screen, stream), (plain, paper) = terminal(), pipe()
    for pieces in splits(hostile):
        for each in (screen, plain):
            view = ProgramView(each)
            view.start(60)
            for piece in pieces:
                view.feed(piece)
                view.tick()
            view.finish()
    assert_only_ours(stream.getvalue())
    assert_plain(paper.getvalue())
