"""Values that a program ends with and does not print; see agents/answers/shown_values.py."""

from __future__ import annotations

import pytest

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES

F = "def double(x):\n    return 2 * x\n\n"
SHOWN = {
    "3 ** 20": "print(3 ** 20)",
    "'hello'[::-1]": "print('hello'[::-1])",
    "[n * n for n in range(4)]": "print([n * n for n in range(4)])",
    "x = 3\nx": "x = 3\nprint(x)",
    "a, b = 1, 2\na\nb": "a, b = 1, 2\nprint(a)\nprint(b)",
    "import math\nmath.pi * 7 ** 2": "import math\nprint(math.pi * 7 ** 2)",
    "n = 5\nf'{n} apples'": "n = 5\nprint(f'{n} apples')",
    F + "double(21)": F + "print(double(21))",
    F + "double(21)  # 42": F + "print(double(21))  # 42",
    F + "double(\n    21,\n)": F + "print(double(\n    21,\n))",
    F + "double(1)\ndouble(2)": F + "print(double(1))\nprint(double(2))",
    "words = 'a bb'.split()\nmax(words, key=len)": "words = 'a bb'.split()\nprint(max(words, key=len))",
    "import math\nmath.gcd(252, 105)": "import math\n_ = math.gcd(252, 105)\nif _ is not None:\n    print(_)",
    "from math import gcd\ngcd(252, 105)": "from math import gcd\n_ = gcd(252, 105)\nif _ is not None:\n    print(_)",
    "s = [1]\ns.append(2)\ns.pop()": "s = [1]\ns.append(2)\n_ = s.pop()\nif _ is not None:\n    print(_)",
    "x = 2\nprint('twice:')\n2 * x": "x = 2\nprint('twice:')\nprint(2 * x)",
    "map(str, [1, 2])": "print(list(map(str, [1, 2])))",
    "from itertools import permutations\npermutations('ab')": ("from itertools import permutations\nprint(list(permutations('ab')))"),
    "import itertools\nitertools.chain('a', 'b')": "import itertools\nprint(list(itertools.chain('a', 'b')))",
    "'ä' * 3": "print('ä' * 3)",
}
KEPT = {
    "what prints": F + "print(double(2))",
    "what prints, and returns something, too": "def f():\n    print(1)\n    return 0\n\nf()",
    "a function that returns nothing": "def f():\n    global done\n    done = True\n\nf()",
    "a function that is not called": F.strip(),
    "a class": "class A:\n    def __init__(self):\n        self.x = 1\n\nA()",
    "a coroutine": "import asyncio\nasync def f():\n    return 1\n\nasyncio.run(f())",
    "a server": "from flask import Flask\napp = Flask(__name__)\napp.run()",
    "a picture": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('a.png')",
    "a title": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('a')",
    "a file": "f = open('a.txt', 'w')\nf.write('a')",
    "a path": "from pathlib import Path\nPath('a.txt').write_text('a')",
    "a process": "import subprocess\nsubprocess.call(['true'])",
    "standard output": "import sys\nsys.stdout.write('a')",
    "tests": "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertTrue(1)\n\nunittest.main()",
    "a text behind the program": "x = 1\n'''The end.'''",
    "a line with something before it": "import math; math.gcd(4, 6)",
    "a name that is not defined": "x = 1\ny",
    "a function that is not defined": "double(2)",
    "nothing": "pass",
}


@pytest.mark.parametrize("code", SHOWN)
def test_a_value_at_the_end_is_printed_and_named(code: str) -> None:
    answer = read_answer(f"```python\n{code}\n```", ALIASES)
    assert [block.code.rstrip("\n") for block in answer.blocks] == [SHOWN[code]]
    assert any(note.startswith("added print() for `") for note in answer.notes)


@pytest.mark.parametrize("code", SHOWN)
def test_what_is_printed_is_the_value(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = read_answer(f"```python\n{code}\n```", ALIASES)
    exec(compile(code, "as it was", "exec"), {"__name__": "__main__"})
    before = capsys.readouterr().out
    exec(compile(answer.blocks[0].code, "as it is run", "exec"), {"__name__": "__main__"})
    shown = capsys.readouterr().out
    assert shown.startswith(before)
    assert len(shown) > len(before)


@pytest.mark.parametrize("code", KEPT.values(), ids=KEPT)
def test_what_shows_or_does_something_else_stays(code: str) -> None:
    answer = read_answer(f"```python\n{code}\n```", ALIASES)
    assert not any(note.startswith("added print()") for note in answer.notes)
    assert all(block.code.rstrip("\n") == code for block in answer.blocks)


@pytest.mark.parametrize("literal", ["42", "'a text'", "[1, 2, 3]", "{'a': (1, -2)}", "None", "# a comment"])
def test_a_value_as_it_is_written_is_no_program(literal: str) -> None:
    answer = read_answer(f"```python\n{literal}\n```", ALIASES)
    assert answer.blocks == ()


def test_an_expression_beside_a_program_is_not_run() -> None:
    answer = read_answer("It uses `**`:\n```python\n3 ** 20\n```\nSo:\n```python\nprint(3 ** 21)\n```\n", ALIASES)
    assert [block.code for block in answer.blocks] == ["print(3 ** 21)\n"]
