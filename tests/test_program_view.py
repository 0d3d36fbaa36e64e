"""The output of a running program on the screen."""

from __future__ import annotations

import random

import pytest

from cli.output.program import HEAD_LINES, MOST_CHARACTERS, TAIL_LINES, ProgramView
from tests.views import HOSTILE, assert_only_ours, assert_plain, pipe, shown, splits, terminal


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


def barred(line: str, columns: int) -> list[str]:
    return [f"│ {line[start : start + columns - 3]}".rstrip() for start in range(0, len(line), columns - 3)]


def test_each_row_of_a_long_line_has_its_bar() -> None:
    line = "".join(f"{number:03} " for number in range(100))
    assert output_of([line, "\n"]) == barred(line, 60)


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


def test_what_is_made_ready_before_the_program_is_no_time_of_its_own() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    view.start(60)
    view.prepare("go")
    assert shown(stream.getvalue()) == ["│ preparing go … 0 s · Ctrl-C to stop"]
    view.prepare("")
    assert shown(stream.getvalue()) == ["│ running 0 s of 60 s · Ctrl-C to stop"]
    view.prepare("go")
    view.start(30)
    assert shown(stream.getvalue()) == ["│ running 0 s of 30 s · Ctrl-C to stop"]


@pytest.mark.parametrize("columns", [20, 60])
def test_a_bar_of_characters_takes_one_row_while_it_grows(columns: int) -> None:
    assert output_of(["#" * 400], columns) == barred("#" * 400, columns)


def test_a_progress_bar_is_shown_as_it_ended() -> None:
    frames = "".join(f"\r{percent:>3}% {'#' * (percent // 5)}" for percent in range(101))
    for pieces in splits(frames[-80:] + "\ndone\r\n\r"):
        assert output_of(pieces) == ["│ 100% ####################", "│ done"]
    assert output_of(["10%\r", "20%\r"]) == ["│ 20%"]


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


@pytest.mark.parametrize("size", [997, 100_000])
def test_of_long_output_head_and_tail_are_shown_and_the_lines_between_are_counted(size: int) -> None:
    text = "\n".join(numbered(4000)) + "\n"
    lines = output_of([text[at : at + size] for at in range(0, len(text), size)])
    head, tail = numbered(4000)[:HEAD_LINES], numbered(4000)[-TAIL_LINES:]
    assert lines == [*(f"│ {line}" for line in head), "│ … 3,920 more lines: /output", *(f"│ {line}" for line in tail)]


@pytest.mark.parametrize("more", [0, 1, 2])
def test_nothing_is_left_out_that_fits(more: int) -> None:
    lines = output_of(["\n".join(numbered(HEAD_LINES + TAIL_LINES + more))])
    assert len(lines) == HEAD_LINES + TAIL_LINES + bool(more)
    assert [line for line in lines if "more line" in line] == [f"│ … {more} more line{'s' * (more > 1)}: /output"] * bool(more)


def test_the_tail_comes_from_the_whole_output_if_its_pieces_did_not_all_come() -> None:
    screen, paper = pipe()
    view = ProgramView(screen)
    text = "\n".join(numbered(9000)) + "\n"
    for fed in (text[:300], text[:5000]):
        view.start(60)
        view.feed(fed)
        view.leave_out(len(text) - len(fed))
        assert view.finish(text)
        lines = paper.getvalue().splitlines()
        paper.truncate(0)
        paper.seek(0)
        assert lines[HEAD_LINES - 1 :] == [
            "│ line 60",
            "│ … 8,920 more lines: /output",
            *(f"│ {line}" for line in numbered(9000)[-TAIL_LINES:]),
        ]


def test_a_line_that_is_very_long_is_cut() -> None:
    screen, paper = pipe()
    view = ProgramView(screen)
    view.start(60)
    view.feed("x" * (MOST_CHARACTERS + 12_000) + "\ny")
    assert not view.finish()
    assert paper.getvalue() == f"│ {'x' * MOST_CHARACTERS} … 12,000 more characters\n│ y\n"


def test_programs_follow_each_other() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    for text in ("\n".join(numbered(100)), "second"):
        view.start(60)
        view.feed(text)
        view.finish()
    assert shown(stream.getvalue())[-2:] == ["│ line 100", "│ second"]


def test_how_much_came_is_said_while_it_is_not_shown() -> None:
    screen, stream = terminal()
    view = ProgramView(screen)
    view.start(60)
    view.feed("\n".join(numbered(1500)) + "\n")
    view.tick()
    assert shown(stream.getvalue())[-2:] == ["│ line 1500", "│ running 0 s of 60 s · 1,500 lines · Ctrl-C to stop"]


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
