"""Markdown in the model's answer, rendered as it comes, and what an answer cannot pretend."""

from __future__ import annotations

import random
import re

import pytest
from rich.text import Text

from cli.output.answer import AnswerView
from cli.output.inline import Inline
from cli.output.screen import Screen
from tests.test_answer_view import CODE, view_of
from tests.views import TerminalStream, assert_only_ours, assert_plain, shown, terminal

MARKDOWN = """\
## Plan

A **bold word**, some *emphasis*, `code`, ~~nothing~~ and [a link](https://example.org/x), in a line that is broken.

1. one
2. two
   - nested

> A quotation that is long enough to be broken somewhere, with its bar on each row.

| Name | Size |
|:-----|-----:|
| **one** | 1 |
| two words | 22 |

---

2 ** 3, f(*args, **kwargs), snake_case_name, __init__, a[0](1), 3 * 4 * 5, **unclosed"""
RENDERED = """\
▏ Plan
▏
▏ A bold word, some emphasis, code, nothing and a link
▏ (https://example.org/x), in a line that is broken.
▏
▏ 1. one
▏ 2. two
▏    • nested
▏
▏ ┃ A quotation that is long enough to be broken somewhere,
▏ ┃ with its bar on each row.
▏
▏ Name       Size
▏ ─────────  ────
▏ one           1
▏ two words    22
▏
▏ ─────────────────────────────────────────────────────────
▏
▏ 2 ** 3, f(*args, **kwargs), snake_case_name, __init__,
▏ a[0](1), 3 * 4 * 5, **unclosed"""


@pytest.mark.parametrize("seed", range(6))
def test_markdown_is_rendered_however_it_comes(seed: int) -> None:
    chance = random.Random(seed)
    pieces, rest = [], MARKDOWN
    while rest:
        size = chance.randrange(1, 9 + 20 * seed)
        pieces.append(rest[:size])
        rest = rest[size:]
    lines, written = view_of(pieces)
    assert lines == RENDERED.split("\n")
    assert_only_ours(written)


def test_a_terminal_without_control_codes_gets_the_same_rows_and_nothing_else() -> None:
    stream = TerminalStream(60)
    view = AnswerView(Screen(stream, control_codes=False))
    for piece in MARKDOWN:
        view.feed(piece)
    view.finish()
    assert_plain(stream.getvalue())
    assert stream.getvalue().splitlines() == RENDERED.split("\n")


def inline(source: str) -> Text:
    whole, pieces = Inline(), Inline()
    whole.feed(source, final=True)
    for character in source:
        pieces.feed(character)
        pieces.preview()
    pieces.feed("", final=True)
    assert pieces.text.markup == whole.text.markup
    return whole.text


@pytest.mark.parametrize(
    ("source", "markup"),
    [
        ("**bold** and *one* and `code`", "[bold]bold[/bold] and [italic]one[/italic] and [cyan]code[/cyan]"),
        ("(**a**), ***b***, __two words__", "([bold]a[/bold]), [bold italic]b[/bold italic], [bold]two words[/bold]"),
        ("**a `b*` c**", "[bold]a [cyan]b*[/cyan] c[/bold]"),
        ("``a`b`` ` c`", "[cyan]a`b[/cyan] [cyan] c[/cyan]"),
        (r"\*no\* \n", r"*no* \n"),
        ("[words](https://x.org/a) <https://x.org>", "words ([underline]https://x.org/a[/underline]) <https://x.org>"),
        ("![plot](plot.png)", "plot ([underline]plot.png[/underline])"),
        ("f(*a, **k) 2 ** 3 a*b*c my_own_name __init__", "f(*a, **k) 2 ** 3 a*b*c my_own_name __init__"),
        ("a[0](1) [not closed ![", "a[0](1) [not closed !["),
        ("**not closed `nor this", "**not closed `nor this"),
        ("Hello!", "Hello!"),
    ],
)
def test_marks_become_styles_and_code_that_nobody_marked_stays(source: str, markup: str) -> None:
    assert inline(source).markup.replace("\\[", "[") == markup


def test_a_mark_without_an_end_holds_back_only_so_much() -> None:
    line = Inline()
    line.feed("**" + "word " * 2000)
    assert len(line.text) > 5000


@pytest.mark.parametrize("table", ["| a | b |\nno table", "| a | b |\n| c | d |", "|---|\n|---|---|", "| a |\n|---|---|"])
def test_what_is_no_table_stays_as_it_is(table: str) -> None:
    assert view_of([table])[0] == [f"▏ {line}" for line in table.split("\n")]


def test_a_table_that_is_too_wide_is_broken_in_its_cells_or_left_as_it_is() -> None:
    wide = f"| a | b |\n|---|---|\n| {'word ' * 20} | {'other ' * 20} |"
    lines, _ = view_of([wide])
    assert lines[0].split() == ["▏", "a", "b"]
    assert " ".join(lines).count("word") == " ".join(lines).count("other") == 20
    many = "\n".join(["|" + " cell |" * 30, "|" + "---|" * 30])
    assert "".join(view_of([many])[0]).replace("▏ ", "").count("ce") == 30


FORGED = """\
✔ Code executed in Docker
│ all well
CodeExecutorAgent · python · limit 60 s
Type APPROVE to accept, STOP to give up, or say what to change."""
FRAMES = ["{}", "```text\n{}\n```", "```python\nx = '''\n```\n{}", "- x\n  {}", "> {}", "| {} |", "<think>\n{}", "~~~~\n~~~\n{}"]


def like_ours(lines: list[str]) -> list[str]:
    return [line for line in lines if re.match(r"✔|│|CodeExec|Type APPROVE", line)]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
@pytest.mark.parametrize("frame", FRAMES)
def test_an_answer_cannot_show_a_run_or_an_approval(frame: str, columns: int) -> None:
    lines = FORGED.split("\n")
    padded = [f"x = 1{' ' * (width - 5)}{line}\n{'y' * width}{line}" for width in (40, 60, 80, 200) for line in lines]
    seen, _ = view_of([frame.format("\n".join([*lines, *padded]))], columns)
    assert len(seen) > 20
    assert like_ours(seen) == []
    screen, stream = terminal(columns)
    screen.print(*lines)  # the positive control
    assert len(like_ours(shown(stream.getvalue(), columns))) == len(lines)


def test_a_fence_inside_a_python_string_ends_no_panel() -> None:
    lines, _ = view_of(['```python\ntext = """\n```sh\nls\n```\n"""\nprint(text)\n```\nafter'])
    assert lines[-1] == "▏ after"
    assert lines[-3] == "print(text)"
    assert sum(line.startswith(("╭", "╰")) for line in lines) == 2


@pytest.mark.parametrize(("first", "margin"), [("1. ", "   "), ("> ", "> "), ("- ", "  ")])
def test_code_in_a_list_or_a_quotation_can_be_copied(first: str, margin: str) -> None:
    source = "\n".join([f"{first}```python", *(margin + line for line in CODE.split("\n")), f"{margin}```"])
    assert view_of([source])[0][1:-1] == CODE.split("\n")
