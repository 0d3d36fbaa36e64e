"""Old names in a program that have one new place, where they mean the same; see agents/answers/moved_names.py."""

from __future__ import annotations

import pytest

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES

MOVED = {
    "from collections import Iterable\nprint(Iterable)": "from collections.abc import Iterable\nprint(Iterable)",
    "from collections import Counter, Mapping as M\nprint(M)": (
        "from collections import Counter; from collections.abc import Mapping as M\nprint(M)"
    ),
    "from collections import (\n    Counter,\n    Set,\n)\nprint(Set)": (
        "from collections import Counter; from collections.abc import Set\nprint(Set)"
    ),
    "def f():\n    from fractions import gcd\n    return gcd(4, 6)\nprint(f())": (
        "def f():\n    from math import gcd\n    return gcd(4, 6)\nprint(f())"
    ),
    "import collections\nprint(isinstance([], collections.Sequence))": (
        "import collections.abc\nimport collections\nprint(isinstance([], collections.abc.Sequence))"
    ),
    '"""Ä."""\nimport fractions as f\nprint("ä", f.gcd(4, 6), f.gcd(9, 6))': (
        '"""Ä."""\nimport math\nimport fractions as f\nprint("ä", math.gcd(4, 6), math.gcd(9, 6))'
    ),
    "import time\nstart = time.clock()\nprint(start)": "import time\nstart = time.perf_counter()\nprint(start)",
    "from time import clock\nprint(clock())": "from time import perf_counter as clock\nprint(clock())",
    "import sys, string\nprint(sys.maxint, string.letters)": "import sys, string\nprint(sys.maxsize, string.ascii_letters)",
    "import numpy as np\nprint(np.zeros(3, dtype=np.float), np.Inf)": "import numpy as np\nprint(np.zeros(3, dtype=float), np.inf)",
    "from numpy import float, array as a\nprint(a([float(1)]))": "from numpy import array as a\nprint(a([float(1)]))",
    "from numpy import int as integer\nprint(integer(2))": "integer = int\nprint(integer(2))",
    "from PIL import Image\nprint(Image.ANTIALIAS)": "from PIL import Image\nprint(Image.LANCZOS)",
    "import PIL.Image\nprint(PIL.Image.ANTIALIAS)": "import PIL.Image\nprint(PIL.Image.LANCZOS)",
    "from scipy.misc import factorial\nprint(factorial(3))": "from scipy.special import factorial\nprint(factorial(3))",
    "import scipy.signal as s\nprint(s.hann(3))": (
        "import scipy.signal.windows\nimport scipy.signal as s\nprint(scipy.signal.windows.hann(3))"
    ),
    "from flask import Flask, escape\nprint(escape('<'))": "from flask import Flask; from markupsafe import escape\nprint(escape('<'))",
}
KEPT = {
    "a new name": "from collections import Counter\nprint(Counter('a'))",
    "a new place": "from collections.abc import Iterable\nprint(Iterable)",
    "a program for both": (
        "try:\n    from collections import Iterable\nexcept ImportError:\n    from collections.abc import Iterable\nprint(Iterable)"
    ),
    "an object of the program's own": "class np:\n    float = 3\nprint(np.float)",
    "a name that is bound again": "import numpy as np\nnp = type('N', (), {'float': 1})\nprint(np.float)",
    "an argument": "import time\ndef f(time):\n    return time.clock()\nprint(f)",
    "what is set": "import time\ntime.clock = time.perf_counter\nprint(1)",
    "a type of the program's own": "import numpy as np\ndef float(x):\n    return x\nprint(np.float)",
    "another type of NumPy": "import numpy as np\nprint(np.float64(1), np.bool_)",
    "a string": "print('from collections import Iterable')",
    "a comment": "# import time; time.clock()\nprint(1)",
}


def program(code: str, extra: str = "") -> tuple[str, tuple[str, ...]]:
    """Return the program that is run for an answer with this code, and what is noted about it."""
    answer = read_answer(f"```python\n{code}\n```\n{extra}", ALIASES)
    return answer.blocks[-1].code.rstrip("\n"), answer.notes


@pytest.mark.parametrize("code", MOVED)
def test_an_old_name_is_replaced_and_named(code: str) -> None:
    run, notes = program(code)
    assert run == MOVED[code]
    (note,) = notes
    assert note.startswith("replaced `")
    assert note.endswith((": an old name", ": old names"))


@pytest.mark.parametrize(
    "code", [code for code in MOVED if "numpy" not in code and "PIL" not in code and "scipy" not in code and "flask" not in code]
)
def test_the_program_fails_as_it_was_and_runs_as_it_is(code: str) -> None:
    with pytest.raises((ImportError, AttributeError)):
        exec(compile(code, "answer", "exec"), {"__name__": "__main__"})
    exec(compile(program(code)[0], "answer", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("code", KEPT.values(), ids=KEPT)
def test_what_is_no_old_name_stays(code: str) -> None:
    assert program(code) == (code, ())


def test_the_answers_own_file_of_that_name_is_meant() -> None:
    module = "`fractions.py`:\n```python\ndef gcd(a, b):\n    return 'own'\n```\n"
    main = "`main.py`:\n```python\nfrom fractions import gcd\nprint(gcd(4, 6))\n```\n"
    answer = read_answer(module + main, ALIASES)
    assert "from fractions import gcd" in answer.blocks[-1].code
    assert not any("replaced" in note for note in answer.notes)


def test_each_change_is_named_once() -> None:
    _, notes = program("import numpy as np\nprint(np.float(1), np.float(2), np.int(3))")
    assert notes == ("replaced `np.float` with `float` and `np.int` with `int`: old names",)
