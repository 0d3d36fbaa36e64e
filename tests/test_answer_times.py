"""The longest answers that are read, built to take long: each is read in a time that grows with its length only, and none fails."""

from __future__ import annotations

import time

import pytest

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES
from utils.code_blocks import Answer

MOST = 200_000
"""Characters of an answer."""


def fenced(label: str, code: str, before: str = "") -> str:
    return f"{before}\n```{label}\n{code}\n```\n"


def read(text: str) -> Answer:
    assert len(text) <= MOST
    return read_answer(text, ALIASES)


_NAMED = {sign * count: fenced("python", "print(1)", sign * count) for sign in "_*`\"'-#>+.(" for count in (200, 1_000, 190_000)}
_LINES = {
    "title of spaces": fenced("python", "print(1)", "   #" + " " * 3_000 + "b"),
    "many titles": "".join(fenced("python", "print(1)", f"{'_' * 140}-{'_' * 140}\n" * 50) for _ in range(13)),
    "dots and slashes": fenced("python", "print(1)", "a." * 20_000 + "./" * 20_000 + "(" * 20_000),
    "comment": fenced("python", "-" * 190_000),
    "names": fenced("python", "print(1)", "a.py " * 38_000),
    "emphasis": fenced("python", "print(1)", "_a " * 60_000),
}
_BLOCKS = {
    "100 Python blocks": "".join(fenced("python", "\n".join(f"x{n} = {n} + {row}" for row in range(100))) for n in range(100)),
    "programs that leave parts out": fenced("sh", "# ...", "echo 1") * 7_000,
    "output": f"Output:\n{fenced('sh', 'x')}" * 9_000,
    "commands that put things in order": (fenced("sh", "rm x") + fenced("js", "x")) * 6_500,
    "example runs": (fenced("python", "import sys", "print(sys.argv[1])") + fenced("", "python a.py 5")) * 2_500,
    "100 JavaScript blocks": "".join(fenced("js", "\n".join(f"x{n} = {n} + {row}" for row in range(100))) for n in range(100)),
    "prompt in sh": fenced("sh", "x@" + "a" * 90_000),
    "prompt in console": fenced("console", "x@" + "a" * 90_000),
    "comprehensions": fenced("python", "\n".join(f"a{n} = [b for b in a{n - 1}]" for n in range(6_000))),
    "chains of calls": fenced("python", f"a{'.info(1)' * 200}\n" * 110),
    "a cell": fenced("python", "%%a" + " " * 190_000),
    "tags": "<code>\n" * 28_000 + "</",
    "tags with programs": "<code>\nimport a\n</code>\n" * 8_000,
    "def without a fence": "def f(" + ")" * 190_000,
    "import without a fence": "import a" + " " * 190_000 + "(",
    "page": fenced("html", 'src="' + "." * 190_000) + fenced("js", "a()"),
    "page of slashes": fenced("html", 'src="' + "/." * 95_000) + fenced("js", "a()"),
    "strings": fenced("python", "if\n" + '"""' + '\\"""' * 40_000),
    "strings in tags": "<code>\n" + '"""' + '\\"""' * 40_000 + "\\\n</code>",
    "entities": fenced("python", "if &lt; \"'#&#39;" * 12_000),
    "stop tokens": fenced("python", "print(1)\n``` " + "<|a|>" * 30_000 + " x"),
    "stop tokens at the end": fenced("python", "print(1)") + "<|a|>" * 39 + "x",
    "class": fenced("python", "if\nclass " + "a" * 190_000),
    "written files": fenced("js", "f()") + fenced("js:a.js", "writeFile" + " " * 190_000),
    "comment behind an example": fenced("python:a.py", "print(input())") + fenced("sh", "python a.py < b.txt " + "#" * 90_000),
    "quoted paths": fenced("js:a.js", "f('" + "/" * 180_000) + fenced("js:b.js", "g()"),
}
_CODE = {
    ("js", "function" + " " * 45_000),
    ("js", "class" + " " * 45_000),
    ("js", "function *" * 4_900),
    ("js", "export async " * 3_800),
    ("ts", "let a: " * 7_000),
    ("c", "\n" * 49_000),
    ("c", "int f(\n" * 7_000),
    ("c", "int f(" + ")" * 49_000),
    ("c", "a b(\n" * 9_900),
    ("c++", "a" + " b" * 24_000),
    ("java", "\n" * 190_000),
    ("java", '"' + '\\"' * 90_000),
    ("java", "static " * 27_000),
    ("go", "func (\n" * 7_000),
    ("rust", "pub(\n" * 9_900),
    ("rust", "\n" * 190_000),
    ("rust", "fn main() -> " + " " * 49_000),
    ("", "fn main() ->\n" * 15_000),
    ("", "let a: \n" * 24_000),
    ("", "while x;" + "\n " * 90_000),
    ("ruby", "require_relative" + " " * 190_000),
    ("php", "<?php\nrequire" + " " * 190_000),
    ("perl", "my" + " " * 49_000),
    ("perl", "\n" * 190_000),
    ("lua", "require" + " " * 190_000),
    ("sh", "\n" * 190_000),
    ("sh", "for a in " * 20_000),
    ("r", "source(" + " " * 190_000),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name[:30]) for name, text in {**_NAMED, **_LINES, **_BLOCKS}.items()])
def test_what_takes_long_by_its_form(text: str) -> None:
    started = time.monotonic()
    read(text)
    assert time.monotonic() - started < 20  # a second here at most; it took minutes


@pytest.mark.parametrize(("label", "code"), [pytest.param(*each, id=f"{each[0]}-{each[1][:20]!r}") for each in sorted(_CODE)])
def test_what_takes_long_in_a_language(label: str, code: str) -> None:
    started = time.monotonic()
    read(fenced(label, code) + fenced("js" if label == "ts" else label, "f(1)"))
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    "code",
    [
        "if a == 0:\n    print(0)\n" + "".join(f"elif a == {n}:\n    print({n})\n" for n in range(1, 900)),
        "import b\nb" + ".b(1)" * 900,
        "print(" + " + ".join(["'a'"] * 1_500) + ")",
        "import a\nprint(a" + ".b" * 2_900 + ")",
        "print(0x" + "f" * 6_000 + ")",
        "print(" + "not " * 150 + "1)",
        "print(" + "(" * 150 + "1" + ")" * 150 + ")",
        "1" * 5_000 + " a\n" + "1" * 5_000 + " b",
        "print(" + "1" * 5_000 + ")",
        "'\ud800'.encode()\nprint(1)",
    ],
    ids=lambda code: code[:20].encode("unicode_escape").decode(),
)
def test_what_is_too_deep_for_python_is_read_all_the_same(code: str) -> None:
    answer = read(fenced("python", code) + fenced("python", "print('other')") + fenced("python", f"{code}\nprint(2)"))
    assert answer.blocks


def test_a_block_that_is_too_deep_for_python_is_still_recognised_as_a_repetition() -> None:
    code = "import b\nb" + ".b(1)" * 900
    answer = read(fenced("python", code) + fenced("python", f"{code}\nprint('more')"))
    assert [block.code for block in answer.blocks] == [f"{code}\nprint('more')\n"]
