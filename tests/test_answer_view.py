"""The model's answer on the screen, however it is cut into pieces."""

from __future__ import annotations

import random
import re
import time
import unicodedata

import pytest

from cli.output.answer import AnswerView
from cli.output.code import Highlighter, highlight_program
from tests.thoughts import THOUGHTS
from tests.views import HOSTILE, assert_only_ours, assert_plain, folded, pipe, shown, splits, terminal

CODE = '''\
def greet(name: str) -> str:
    """Say hello,
    whoever it is."""
    return f"hello {name}"  # a comment


print(greet("you"))'''
ANSWER = f"""\
I greet whoever is named, and because this sentence is longer than a narrow window is wide it is broken between words:

- first point, which goes on for so long that it needs a second row, indented as its text is
- second point

```python
{CODE}
```

That is all."""


def view_of(pieces: list[str], columns: int = 60, rows: int = 24) -> tuple[list[str], str]:
    screen, stream = terminal(columns)
    view = AnswerView(screen)
    for piece in pieces:
        view.feed(piece)
    view.finish()
    return shown(stream.getvalue(), columns, rows), stream.getvalue()


def test_prose_is_broken_between_words_and_code_is_not() -> None:
    lines, _ = view_of([ANSWER])
    assert lines == [
        "▏ I greet whoever is named, and because this sentence is",
        "▏ longer than a narrow window is wide it is broken between",
        "▏ words:",
        "▏",
        "▏ • first point, which goes on for so long that it needs a",
        "▏   second row, indented as its text is",
        "▏ • second point",
        "╭─ python ─────────────────────────────────────────────────",
        *CODE.split("\n"),
        "╰──────────────────────────────────────────────────────────",
        "▏",
        "▏ That is all.",
    ]


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
@pytest.mark.parametrize("seed", range(4))
def test_pieces_show_what_the_whole_shows(seed: int, columns: int) -> None:
    chance = random.Random(seed)
    pieces, rest = [], ANSWER
    while rest:
        size = chance.randrange(1, 20)
        pieces.append(rest[:size])
        rest = rest[size:]
    assert view_of(pieces, columns, 8)[0] == view_of([ANSWER], columns, 8)[0]


def test_an_answer_taller_than_the_window_is_kept_whole() -> None:
    code = [f"print({number:04})  # {'x' * (number % 90)}" for number in range(200)]
    lines, _ = view_of(re.findall(r"\s*\S+", "\n".join(["```python", *code, "```"])), 60, 10)
    assert lines[1:-1] == [row for line in code for row in folded(line, 60)]


@pytest.mark.parametrize(
    "words", ["日本語の文章はとても長いので折り返されます。" * 8, "👍🏽 👩\u200d💻 ❤️ 🇩🇪 " * 30, "cafe\u0301 " * 60, "한국어 문장 " * 40]
)
@pytest.mark.parametrize("columns", [60, 61, 80])
def test_wide_characters_at_the_edge_are_neither_lost_nor_doubled(words: str, columns: int) -> None:
    lines, _ = view_of([words[at : at + 3] for at in range(0, len(words), 3)], columns)
    composed = unicodedata.normalize("NFC", words)
    for character in set(composed) - set(" \u200d\ufe0f"):
        assert "".join(lines).count(character) == composed.count(character)


def test_code_without_an_end_and_a_line_without_one_are_shown() -> None:
    lines, _ = view_of(["```python\nprint(1)\nprint(", "2)"])
    assert [lines[0][:9], *lines[1:-1], lines[-1][:3]] == ["╭─ python", "print(1)", "print(2)", "╰──"]


def test_the_next_answer_starts_afresh() -> None:
    screen, stream = terminal(60)
    view = AnswerView(screen)
    for answer in ("<think>\nhm\n```python\nx = 1", "plain " * 20):
        view.feed(answer)
        view.finish()
    assert shown(stream.getvalue(), 60)[5:] == ["▏ " + ("plain " * 9).rstrip(), "▏ " + ("plain " * 9).rstrip(), "▏ plain plain"]


def test_an_answer_that_never_began_shows_nothing() -> None:
    screen, stream = terminal()
    AnswerView(screen).finish()
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "fence", ["```python", "~~~~ py", "   ```python", "     ```python", "- ```python", "> ```python", "1. ~~~python title=x"]
)
def test_code_in_any_fence_is_shown_in_colours(fence: str) -> None:
    closing = "~~~~" if "~" in fence else "```"
    _, written = view_of([f'{fence}\nvalue = "text"\n{closing}\nafter "text"'])
    assert "\x1b[32m" in written.split("after")[0]
    assert "\x1b[32m" not in written.split("after")[1]


@pytest.mark.parametrize("line", ["```python print(1)```", "use ``` here", "``x``"])
def test_backticks_in_a_line_begin_no_code(line: str) -> None:
    lines, written = view_of([f'{line}\nvalue = "text"'])
    assert all(row.startswith("▏ ") for row in lines)
    assert "\x1b[32m" not in written


@pytest.mark.parametrize("before", ["", "\n"])
@pytest.mark.parametrize("marks", THOUGHTS.values(), ids=THOUGHTS)
def test_thoughts_are_dimmed_until_they_end(marks: tuple[str, str], before: str) -> None:
    begun = before if marks[0][-1] in ">]▷" else ""
    thought = f"{marks[0]}{begun}We need it.\nhm\n{marks[1]}"
    for answer in (f"{thought}{before}The answer.", f'{thought}```python\nvalue = "text"\n```\nThe answer.'):
        for pieces in splits(answer):
            _, written = view_of(pieces)
            assert "\x1b[2mhm\x1b[0m" in written, pieces
            assert "\x1b[0mThe answer." in written.replace("▏ ", "\x1b[0m"), pieces
            assert "python" not in answer or "╭─ python" in written, pieces
            assert "python" not in answer or "\x1b[32m" in written, pieces


@pytest.mark.parametrize("line", ["Write `{}` first", "x {}", "`{}` is a mark, as the one here is", '"{}" is its mark, and it stays'])
@pytest.mark.parametrize("marks", THOUGHTS.values(), ids=THOUGHTS)
def test_a_mark_inside_a_line_begins_no_thought(marks: tuple[str, str], line: str) -> None:
    _, written = view_of([f"{line.format(marks[0])}\nThe answer."])
    assert "\x1b[2mThe answer." not in written


def test_a_line_of_many_thoughts_is_shown_whole() -> None:
    _, written = view_of(["<think>a</think>" * 2000 + "b"])
    assert written.count("<think>a</think>") == 2000


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("frame", ["{}", "```python\nx = '{}'\n```\n", "```{}\nx\n```", "<think>{}</think>"])
def test_nothing_in_an_answer_steers_the_terminal(hostile: str, frame: str) -> None:
    text = frame.format(hostile)
    screen, stream = terminal()
    plain, paper = pipe()
    for pieces in splits(text):
        for each in (screen, plain):
            view = AnswerView(each)
            for piece in pieces:
                view.feed(piece)
            view.finish()
    assert_only_ours(stream.getvalue())
    assert_plain(paper.getvalue())


def test_a_pipe_gets_the_answer_as_it_is_with_a_mark_before_each_line() -> None:
    for pieces in (re.findall(r"(?s).{1,7}", ANSWER), [ANSWER], [*ANSWER]):
        screen, paper = pipe()
        view = AnswerView(screen)
        for piece in pieces:
            view.feed(piece)
        view.finish()
        assert paper.getvalue() == "".join(f"▏ {line}".rstrip() + "\n" for line in ANSWER.split("\n"))


def test_the_first_character_of_an_answer_is_shown_at_once() -> None:
    for first in ("I", "#", "|", "`", "*", "日"):
        screen, stream = terminal()
        view = AnswerView(screen)
        began = time.perf_counter()
        view.feed(first)
        took = time.perf_counter() - began
        assert shown(stream.getvalue())[-1].startswith("▏")
        assert took < 0.2  # a hundredth of it on a machine that does nothing else


def test_a_line_is_coloured_by_what_stands_before_it() -> None:
    lines = [*CODE.split("\n"), 'text = """one', "def two():", "return", '"""', "def three(): ..."] * 3
    highlighter = Highlighter("python")
    one_by_one = [highlighter.line(line) for line in lines]
    whole = highlight_program("\n".join(lines), "python")
    assert [line.plain for line in one_by_one] == [line.plain for line in whole] == lines
    for one, other in zip(one_by_one, whole, strict=True):
        # While a string has no end its quotes are not known for what they are.
        assert one.markup == other.markup or '"""' in one.plain


@pytest.mark.parametrize("language", ["", "no-such-language", "\x1b[31m"])
def test_an_unknown_language_has_no_colours(language: str) -> None:
    assert [line.markup for line in highlight_program("a = 1\n\nb", language)] == ["a = 1", "", "b"]
    assert Highlighter(language).line("b = 2").markup == "b = 2"


def test_a_long_program_is_shown_quickly() -> None:
    code = "\n".join(f"value_{number} = {number}" for number in range(2000))
    assert len(highlight_program(code, "python")) == 2000


@pytest.mark.parametrize(("before", "body"), [("```python\n", "a = [1, 2], "), ("", "x"), ("", "some words "), ("", "日本語")])
def test_a_long_line_does_not_stall_the_screen(before: str, body: str) -> None:
    screen, stream = terminal()
    view = AnswerView(screen)
    text = (body * (100_000 // len(body) + 1))[:100_000]
    began = time.process_time()
    view.feed(before)
    for start in range(0, len(text), 12):
        view.feed(text[start : start + 12])
    view.feed("\n")
    view.finish()
    # A tenth of it on a machine that does nothing else; at first it was minutes.
    assert time.process_time() - began < 4
    assert stream.getvalue().count(body.strip()) >= 100_000 // len(body) * 0.9


def test_a_piece_that_came_too_soon_to_be_drawn_is_drawn_by_the_clock() -> None:
    screen, stream = terminal()
    view = AnswerView(screen)
    view.feed("one")
    view.feed(" two")
    view.tick()
    assert shown(stream.getvalue()) == ["▏ one two"]
    view.finish()
    written = stream.getvalue()
    view.tick()
    assert stream.getvalue() == written


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_fence_that_opens_at_the_end_of_a_line_opens_a_panel(size: int) -> None:
    answer = "Here is the whole program: ```python\nprint(1)\n```\n\nThat is **all**."
    lines, _ = view_of([answer[at : at + size] for at in range(0, len(answer), size)])
    assert lines[0].startswith("▏ Here is the whole program:")
    assert lines[1].startswith("╭─ python ─")
    assert lines[2] == "print(1)"
    assert lines[3].startswith("╰──")
    assert lines[4:] == ["▏", "▏ That is all."]


def test_words_about_fences_open_no_panel() -> None:
    lines, _ = view_of(["A fence begins with three signs and ```nonsense\n\nThat is **all**."])
    assert not any(line.startswith("╭") for line in lines)
    assert lines[-1] == "▏ That is all."
