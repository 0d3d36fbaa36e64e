"""The screen: what stays, what comes and goes, and that nothing steers the terminal."""

from __future__ import annotations

import io
import os
import sys

import pytest
from rich.text import Text

from cli.output.screen import Screen, open_screen
from tests.views import HOSTILE, TerminalStream, assert_only_ours, assert_plain, folded, pipe, shown, terminal


def test_rows_that_come_and_go_leave_nothing_behind() -> None:
    screen, stream = terminal()
    screen.print("first")
    screen.show("half a line", "running 1 s")
    screen.show("half a line and more", "running 2 s")
    screen.print("second")
    assert shown(stream.getvalue()) == ["first", "second", "half a line and more", "running 2 s"]
    screen.show()
    screen.print("third")
    assert shown(stream.getvalue()) == ["first", "second", "third"]


@pytest.mark.parametrize(
    "row",
    ["x" * 300, "日本語" * 60, "👍🏽" * 50, "❤️" * 60, "🇩🇪" * 50, "👩\u200d💻" * 50, "e\u0301" * 100, "a\tb" * 30, "two\nlines"],
    ids=["ascii", "wide", "skin tones", "emoji style", "flags", "joined", "combining", "tabs", "line end"],
)
def test_a_row_that_comes_and_goes_takes_one_row_of_any_terminal(row: str) -> None:
    screen, stream = terminal(60)
    screen.print("before")
    screen.show(row)
    screen.show(row, row)
    before_end = shown(stream.getvalue(), 60)
    assert len(before_end) == 3
    screen.show()
    screen.print("after")
    assert shown(stream.getvalue(), 60) == ["before", "after"]


def test_many_lines_scroll_and_none_is_lost_or_doubled() -> None:
    screen, stream = terminal(60)
    lines = [f"line {number}" for number in range(500)]
    for line in lines:
        screen.show(line, "status")
        screen.print(line)
    screen.show()
    assert shown(stream.getvalue(), 60, 10) == lines


def test_a_wider_window_is_used_at_once() -> None:
    screen, stream = terminal(60)
    screen.say("word " * 15)
    stream.resize(100)
    screen.say("word " * 15)
    assert shown(stream.getvalue(), 100) == [("word " * 12).rstrip(), ("word " * 3).rstrip(), ("word " * 15).rstrip()]


def test_rows_that_a_narrower_window_has_broken_are_erased_whole() -> None:
    screen, stream = terminal(100)
    screen.print("before")
    screen.show("x" * 90, "status")
    written = stream.getvalue()
    stream.resize(50)
    screen.show()
    screen.print("after")
    # Terminals break rows that are too long again: what took two rows takes three now.
    broken = written.replace("x" * 90, "x" * 50 + "\r\n" + "x" * 40) + stream.getvalue().removeprefix(written)
    assert shown(broken, 50) == ["before", "after"]


def test_sentences_are_broken_between_words_and_other_lines_by_the_terminal() -> None:
    screen, stream = terminal(60)
    sentence = "every word of this sentence stays whole, however narrow your window is"
    screen.say(sentence)
    assert " ".join(shown(stream.getvalue(), 60)) == sentence
    stream.truncate(0)
    screen.print(sentence)
    assert sentence in stream.getvalue()


def test_a_line_end_in_a_sentence_begins_no_line_of_ours() -> None:
    for screen, stream in (terminal(60), pipe()):
        screen.say("  new: a\n✔ User approves result", Text("error: x\n✔ y"))
        assert shown(stream.getvalue(), 60) == ["  new: a", "  ✔ User approves result", "error: x", "  ✔ y"]


def test_without_control_codes_no_line_is_broken() -> None:
    screen, stream = pipe()
    screen.show("never seen")
    screen.say("word " * 100)
    screen.print(Text("green", style="green"))
    assert stream.getvalue() == ("word " * 100).rstrip() + "\ngreen\n"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_steers_the_terminal(hostile: str) -> None:
    (screen, stream), (plain, paper) = terminal(), pipe()
    for each in (screen, plain):
        each.print(hostile, Text(hostile, style="green"), Text.assemble(("a", "bold"), hostile))
        each.say(hostile, Text(hostile))
        each.show(hostile, Text(hostile))
        each.show()
    assert_only_ours(stream.getvalue())
    assert_plain(paper.getvalue())


def test_the_judge_of_hostile_texts_can_tell() -> None:
    for hostile in HOSTILE:
        with pytest.raises(AssertionError):
            assert_only_ours(hostile)
    with pytest.raises(AssertionError):
        assert_only_ours("\x1b[38;5;120mx")


def test_long_lines_are_whole() -> None:
    screen, stream = terminal(60)
    line = "".join(f"{number:03} " for number in range(100))
    screen.print(line)
    assert shown(stream.getvalue(), 60) == folded(line, 60)


def test_the_width_of_no_terminal_is_80() -> None:
    assert Screen(io.StringIO(), control_codes=True).width == 80
    assert Screen(TerminalStream(200), control_codes=True).width == 200


def test_control_codes_are_for_terminals_that_take_them_and_colours_for_users_who_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with open_terminal() as stream:
        monkeypatch.setattr(sys, "stdout", stream)

        def written(*, no_color: bool) -> str:
            stream.truncate(0)
            open_screen(no_color=no_color).print(Text.assemble(("colour", "green"), ("bold", "bold red")))
            return stream.getvalue()

        assert "\x1b[32mcolour" in written(no_color=False)
        assert written(no_color=True).endswith("colour\x1b[1mbold\x1b[0m\n")
        monkeypatch.setenv("NO_COLOR", "1")
        assert written(no_color=False).endswith("colour\x1b[1mbold\x1b[0m\n")
        assert open_screen(no_color=False).control_codes
        monkeypatch.setenv("TERM", "dumb")
        assert not open_screen(no_color=False).control_codes
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("TERM", "xterm")
    assert not open_screen(no_color=False).control_codes


@pytest.mark.parametrize("columns", [40, 61])
def test_every_row_of_somebody_elses_text_has_its_mark(columns: int) -> None:
    screen, stream = terminal(columns)
    screen.bar(Text("│ "), "one" + " " * 200 + "✔ User approves result", "x" * 100, "日本" * 40, "", "a\tb", "a\n✔ b\r✔ c")
    rows = shown(stream.getvalue(), columns)
    assert len(rows) > 10
    assert all(row.startswith("│") for row in rows)
    assert "│ a       b" in rows
    paper_screen, paper = pipe()
    paper_screen.bar(Text("│ "), "x" * 100, "y")
    assert paper.getvalue() == f"│ {'x' * 100}\n│ y\n"


def open_terminal() -> TerminalStream:
    return TerminalStream()


def test_a_locale_that_cannot_say_a_mark_ends_nothing(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with io.TextIOWrapper(io.FileIO(os.dup(1), "w"), encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        open_screen(no_color=False).print("✔ done")
    assert capfd.readouterr().out == "? done\n"


def test_a_terminal_without_control_codes_has_a_width_and_gets_its_sentences_broken() -> None:
    stream = TerminalStream(40)
    screen = Screen(stream, control_codes=False)
    assert screen.width == 40
    screen.say("this sentence is longer than the window is wide, so it is broken")
    assert stream.getvalue().splitlines() == ["this sentence is longer than the window", "is wide, so it is broken"]
    assert_plain(stream.getvalue())
