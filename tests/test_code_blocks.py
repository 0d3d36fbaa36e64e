"""Reading programs out of a model's Markdown."""

from __future__ import annotations

import random
import time

import pytest

from tests.thoughts import ANALYSIS, FINAL
from utils.code_blocks import Answer, CodeBlock, SkippedBlock, judge, read_markdown, split_blocks

ALIASES = {"python": "python", "py": "python", "python3": "python", "bash": "shell", "shell": "shell", "sh": "shell"}


def read(text: str, aliases: dict[str, str] = ALIASES) -> Answer:
    """Read each block for itself, by its label alone."""
    markdown = read_markdown(text, aliases)
    judged = [judge(block, aliases) for block in markdown.fences]
    programs = tuple(block for block in judged if isinstance(block, CodeBlock))
    skipped = tuple(block for block in judged if isinstance(block, SkippedBlock))
    return Answer(programs, (*skipped, *markdown.hidden), markdown.cut, markdown.last_line)


def programs(text: str) -> list[tuple[str, str]]:
    return [(block.language, block.code) for block in read(text).blocks]


def reasons(text: str) -> list[tuple[str, str]]:
    return [(block.language, block.reason) for block in read(text).skipped]


ONE = [("python", "print(1)\n")]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("```python\nprint(1)\n```", id="plain"),
        pytest.param("Here:\n\n```python\nprint(1)\n```\n\nDone.\n", id="between prose"),
        pytest.param("Here:\n```python\nprint(1)\n```\nDone.\n", id="without blank lines"),
        pytest.param("```python\r\nprint(1)\r\n```\r\n", id="CRLF"),
        pytest.param("```python\rprint(1)\r```\r", id="lone CR"),
        pytest.param("```python   \nprint(1)\n```   \n", id="trailing spaces"),
        pytest.param("~~~python\nprint(1)\n~~~\n", id="tildes"),
        pytest.param("`````python\nprint(1)\n`````\n", id="five backticks"),
        pytest.param("```python\nprint(1)\n`````\n", id="closed by a longer fence"),
        pytest.param("   ```python\n   print(1)\n  ```\n", id="indented by three"),
        pytest.param("``` python\nprint(1)\n```\n", id="space before the language"),
        pytest.param("```py\nprint(1)\n```\n", id="py"),
        pytest.param("```Python3\nprint(1)\n```\n", id="Python3"),
        pytest.param('```python title="x.py" {1,2}\nprint(1)\n```\n', id="title"),
        pytest.param("```{.python}\nprint(1)\n```\n", id="attribute"),
        pytest.param("```{.python .numberLines}\nprint(1)\n```\n", id="attributes"),
        pytest.param("```python:app/main.py\nprint(1)\n```\n", id="path"),
        pytest.param("```python,linenos\nprint(1)\n```\n", id="comma"),
        pytest.param("```python{1}\nprint(1)\n```\n", id="braces"),
        pytest.param("1. first\n\n   ```python\n   print(1)\n   ```\n", id="in a list"),
        pytest.param("- a\n  - b\n    ```python\n    print(1)\n    ```\n", id="in a nested list"),
        pytest.param("> ```python\n> print(1)\n> ```\n", id="in a quotation"),
        pytest.param("> - ```python\n>   print(1)\n>   ```\n", id="in a list in a quotation"),
        pytest.param("<think>\nMaybe\n```python\nwrong()\n```\n</think>\n```python\nprint(1)\n```\n", id="thought"),
        pytest.param("<Thinking>a ``` b\n```python\nwrong(\n</Thinking>\n```python\nprint(1)\n```\n", id="thought with an open fence"),
        pytest.param("<think></think>\n\n```python\nprint(1)\n```\n", id="empty thought"),
        pytest.param("<think>x</think>```python\nprint(1)\n```\n", id="fence behind a thought on one line"),
        pytest.param("<think>\nx</think>```python\nprint(1)\n```\n", id="fence behind a thought"),
        pytest.param("```python\nwrong()\n```\nwait\n</think>\n\n```python\nprint(1)\n```\n", id="thought without its opening tag"),
        pytest.param("```python\nprint(1)\n```\n<think>\n```python\nwrong()\n```\n", id="thought without its closing tag"),
        pytest.param("<!--\n```python\nwrong()\n```\n-->\n\n```python\nprint(1)\n```\n", id="comment"),
        pytest.param("Text\n\n    wrong()\n\n```python\nprint(1)\n```\n", id="indented code"),
        pytest.param("````markdown\n```python\nwrong()\n```\n````\n```python\nprint(1)\n```\n", id="longer fence around"),
        pytest.param(
            "```markdown\n# A\n```python\nwrong()\n```\nand\n```bash\nrm -rf x\n```\n```\n```python\nprint(1)\n```\n",
            id="same fences in Markdown",
        ),
    ],
)
def test_one_program_is_found(text: str) -> None:
    assert programs(text) == ONE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```python\nprint(1)", ("python", "the block is not closed: the answer was cut")),
        ("```javascript\nx\n```", ("javascript", "javascript programs are not run here")),
        ("```C++\nx\n```", ("c++", "c++ programs are not run here")),
        ("```\nx\n```", ("", "no language is named")),
        ("```python\n\n```", ("python", "the block is empty")),
        ("```pycon\n>>> 1\n1\n```", ("pycon", "pycon is something shown, not a program")),
        ("```output\n1\n```", ("output", "output is something shown, not a program")),
        ("```markdown\n# A\n```", ("markdown", "Markdown is a text, not a program")),
        ("- ```python\n  print(1)\n\nText", ("python", "the block is not closed")),
        ("<!--\n```python\nx\n```\n-->", ("python", "it is inside HTML")),
        ("<pre>\n```python\nx\n```\n</pre>", ("python", "it is inside HTML")),
        ("Text\n\n    ```python\n    x\n    ```\n", ("python", "it is indented by four spaces or more")),
    ],
)
def test_a_block_that_is_not_run_says_why(text: str, expected: tuple[str, str]) -> None:
    assert programs(text) == []
    assert reasons(text) == [expected]


def test_programs_keep_their_order_and_say_where_they_stand() -> None:
    answer = read("A\n\n```python\na\n```\n```text\nno\n```\n\n> ```sh\n> b\n> ```\n")
    assert answer.blocks == (CodeBlock("python", "a\n", 3), CodeBlock("shell", "b\n", 10))
    assert [block.line for block in answer.skipped] == [6]


def test_lines_are_counted_in_the_whole_message_thoughts_and_all() -> None:
    assert read("a\nb</think>\n<think>\nc\n</think>\n```py\nx\n```").blocks == (CodeBlock("python", "x\n", 6),)


@pytest.mark.parametrize(
    "code",
    [
        's = "a ``` b"\n',
        's = """a ```python b"""\n',
        'def f():\n    """Doc\n\n```\nf()\n```\n    """\n\n\nf()\n',
        'def f():\n    """Doc\n\n    ```python\n    f()\n    ```\n    """\n\n\nf()\n',
        "x = '''\n```\n```\n```\n'''\n",
        'def f():\n    r"""\n```python\n1\n```\nand\n```python\n\\d\n```\n"""\n\n\nf()\n',
        'f"""\n```\n"""\n',
    ],
)
def test_backticks_in_python_strings_do_not_end_the_program(code: str) -> None:
    text = f"```python\n{code}```\nThen:\n```bash\nls\n```\nSTOP\n"
    assert programs(text) == [("python", code), ("shell", "ls\n")]
    assert read(text).last_line == "STOP"


@pytest.mark.parametrize(
    ("broken", "following"),
    [
        ('def f():\n    """Doc\n', 'def g():\n    """Doc"""\n'),
        ("x = (1,\n", "print(2)\n"),
        ('x = """\n', "print('''a''')\n"),
    ],
)
def test_a_broken_program_swallows_no_program_behind_it(broken: str, following: str) -> None:
    assert programs(f"```python\n{broken}```\nOr:\n```python\n{following}```\n") == [("python", broken), ("python", following)]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("```python\nx", True),
        ("```python", True),
        ("```python\nx\n```\n```bash\nls", True),
        ("1. a\n   ```python\n   x", True),
        ("~~~python\nx\n```\n", True),
        ("````python\nx\n```\n", True),
        ("<think>\nI have not", True),
        ("```python\nx\n```", False),
        ("```python\nx\n```\n```\n", False),
        ("", False),
        ("prose", False),
    ],
)
def test_a_cut_answer_is_noticed(text: str, cut: bool) -> None:
    assert read(text).cut is cut


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("Done.\n\n  STOP  \n\n", "STOP"),
        ("```python\nSTOP\n```\n", ""),
        ("```python\nx\n```\nSTOP", "STOP"),
        ("STOP\n```python\nx\n```\n", ""),
        ("STOP\n```python\nx", ""),
        ("Text\n\n    STOP\n", ""),
        ("Well.\n<think>\nSTOP\n</think>\n", "Well."),
        ("<think>\nSTOP", ""),
        ("> STOP", "> STOP"),
        ("", ""),
    ],
)
def test_the_last_line_of_prose(text: str, last: str) -> None:
    assert read(text).last_line == last


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("No thoughts\r\n", ["No thoughts"]),
        ("<think>a</think>b", ["b"]),
        ("<thinking>\na\n</thinking>\n\nb\n", ["b"]),
        ("a\n</think>\nb", ["b"]),
        ("a</THINK>\nb", ["b"]),
        ("<think>a", []),
        ("b\n<think>a\n</think>\nc", ["b\n        \n        \nc"]),
        ('```python\nx = """\n</think>\n"""\n```', [CodeBlock("python", 'x = """\n</think>\n"""\n', 1)]),
        ("A draft:\n```python\nx = (\n</think>\n\n```python\nprint(1)\n```", [CodeBlock("python", "print(1)\n", 6)]),
        ("Write `<think>` and </think> tags", ["Write `<think>` and </think> tags"]),
        (
            "```python\nx = re.sub('<think>.*</think>', '', s)\n```",
            [CodeBlock("python", "x = re.sub('<think>.*</think>', '', s)\n", 1)],
        ),
        ('```python\nx = """\n<think>\na\n</think>\n"""\n```', [CodeBlock("python", 'x = """\n<think>\na\n</think>\n"""\n', 1)]),
    ],
)
def test_thoughts_are_taken_out(text: str, parts: list[object]) -> None:
    assert list(split_blocks(text, ALIASES)) == parts


def test_languages_come_from_the_caller() -> None:
    assert read("```ruby\np 1\n```", {"ruby": "ruby"}).blocks == (CodeBlock("ruby", "p 1\n", 1),)
    assert read("```python\nx\n```", {}).blocks == ()


PROSE = ("Some text.", "A `code` span.", "# Heading", "- a list", "> a quotation", "STOP", "| a | b |", "[a]: b", "<b>bold</b>", "***")
CODE = ("x = 1", "    return x", "", "# ``` in a comment", 's = "```"', "\tpass", "> y", "- z", "<think>", "</thinking> x", "é ✔ 中")


@pytest.mark.parametrize("seed", range(200))
def test_what_was_wrapped_is_read_again(seed: int) -> None:
    chance = random.Random(seed)
    parts, expected = [], []
    for _ in range(chance.randrange(1, 6)):
        parts.append(chance.choice(PROSE) + "\n\n")
        code = "".join(chance.choice(CODE) + "\n" for _ in range(chance.randrange(6))) + "end()\n"
        fence = chance.choice("`~") * chance.randrange(3, 7)
        name = chance.choice(list(ALIASES))
        block = f"{fence}{name}{chance.choice(['', ' ', ' title=1'])}\n{code}{fence}\n"
        prefix = chance.choice(["", "> ", "  "])
        parts.append("".join(prefix + line + "\n" for line in block.splitlines()) + "\n")
        expected.append((ALIASES[name], code))
    text = "".join(parts)
    if chance.random() < 0.5:
        text = text.replace("\n", "\r\n")
    answer = read(text)
    assert [(block.language, block.code) for block in answer.blocks] == expected
    assert not answer.cut


@pytest.mark.parametrize(
    "piece",
    [
        "```python\nprint(1)\n```\ntext\n",
        "```python\n",
        '```python\n"""\n```\n',
        "```markdown\n```python\n```\n",
        "<think>\n",
        "</think>\n",
        *(
            "[THINK]\n",
            "[/THINK]\n",
            f"{ANALYSIS}\n",
            "<|end|>",
            "<|end|>\n",
            FINAL,
            f"<|end|>{FINAL}",
            "<|start|>assistant",
            "analysisWe ",
        ),
        "<!-- \n",
        "<!-- \n\n\n",
        "[a]: b\n",
        "- ```\n",
        "> ",
        "- ",
        "word ",
        "`",
    ],
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    started = time.monotonic()
    read(piece * 500)
    read(piece * (400_000 // len(piece)))
    # Each takes 1 s or less here; a quadratic reading takes minutes.
    assert time.monotonic() - started < 20


def test_ten_megabytes() -> None:
    code = "x = 1\n" * 1_700_000
    assert programs(f"```python\n{code}```\n") == [("python", code)]


def test_splitting_keeps_the_order_of_prose_and_blocks() -> None:
    text = "First:\r\n\r\n```py\r\nprint(1)\r\n```\r\n<think>\nhm ```\n</think>\n- in a list:\n  ~~~\n  shown\n  ~~~\n\nDone."
    parts = list(split_blocks(text, ALIASES))
    assert parts[:3] == ["First:", CodeBlock("python", "print(1)\n", 3), "- in a list:"]
    assert isinstance(parts[3], SkippedBlock)
    assert parts[4:] == ["Done."]
    assert list(split_blocks("", ALIASES)) == []
    assert list(split_blocks("Only prose.", ALIASES)) == ["Only prose."]
    one_line = "First:\n```py print(1)```\nThen:\n```py print(2)```\nDone."
    assert list(split_blocks(one_line, ALIASES)) == [
        *("First:", CodeBlock("python", "print(1)\n", 2), "Then:", CodeBlock("python", "print(2)\n", 4), "Done.")
    ]
    assert list(split_blocks("```py\nprint(1)", ALIASES)) == [SkippedBlock("py", 1, "the block is not closed: the answer was cut")]
    assert list(split_blocks("```py\nprint(1)\n```\n```", ALIASES)) == [CodeBlock("python", "print(1)\n", 1)]


def test_splitting_finds_the_programs_that_are_run() -> None:
    pieces = [
        "```python\n",
        "print(1)\n",
        "```\n",
        "~~~sh\n",
        "~~~\n",
        "> ",
        "- ",
        '"""\n',
        "text\n",
        "\n",
        "<think>\n",
        "</think>\n",
        "    ",
    ]
    chooser = random.Random(7)
    for _ in range(2000):
        text = "".join(chooser.choices(pieces, k=12))
        assert [part for part in split_blocks(text, ALIASES) if isinstance(part, CodeBlock)] == list(read(text).blocks), text
