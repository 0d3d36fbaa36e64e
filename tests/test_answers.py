"""Reading an answer as one thing: what is run of it, as what and in which order, what is stored, and what only looks like a program."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.answers.file_names import missing_files
from agents.answers.forms import BARE, IN_TAG, NO_FENCE, NO_TOOLS
from agents.answers.parts import AS_PYTHON
from agents.answers.reading import read_answer
from utils.code_blocks import Answer

ALIASES = {"python": "python", "py": "python", "python3": "python", "bash": "sh", "shell": "sh", "sh": "sh"}


def read(text: str) -> Answer:
    return read_answer(text, ALIASES)


def fenced(label: str, *lines: str) -> str:
    return "\n".join([f"```{label}", *lines, "```\n"])


def py(*lines: str) -> str:
    return fenced("python", *lines)


def sh(*lines: str) -> str:
    return fenced("bash", *lines)


def runs(answer: Answer) -> list[tuple[str, str]]:
    """Return language and code of each program, in order, without blank lines."""
    return [(block.language, "\n".join(line for line in block.code.splitlines() if line.strip())) for block in answer.blocks]


def names(answer: Answer) -> list[str]:
    return [file.name for file in answer.files]


def reasons(answer: Answer) -> list[str]:
    return [block.reason for block in answer.skipped]


SQUARE = "def square(x):\n    return x * x"
PRINTS = "print(square(3))"

# --- Blocks that need each other -------------------------------------------------------------------------------------------------

TOGETHER = {
    "a usage example": [py(SQUARE), "Usage:\n\n", py(PRINTS)],
    "a function that uses an earlier one": [py(SQUARE), py("def f(x):\n    return square(x)\nprint(f(2))")],
    "an import of an earlier block": [py("import math"), py("print(math.pi)")],
    "a name that is changed": [py("total = 1"), py("total += 1\nprint(total)")],
    "a name that is bound again after its use": [py("rows = [1]"), py("rows = rows + [2]\nprint(rows)")],
    "a class and its subclass": [py("class A:\n    pass"), py("class B(A):\n    pass\nprint(B())")],
    "a decorator": [py("def twice(f):\n    return f"), py("@twice\ndef g():\n    return 1\nprint(g())")],
    "a default value": [py("LIMIT = 3"), py("def f(n=LIMIT):\n    return n\nprint(f())")],
    "a name in a comprehension": [py("items = [1, 2]"), py("print([item for item in items])")],
    "a name in an f-string": [py("name = 'Ada'"), py("print(f'Hello {name}')")],
    "a global that a function sets": [py("def load():\n    global data\n    data = [1]\nload()"), py("print(data)")],
    "a star import": [py("from math import *"), py("print(sqrt(16))")],
    "a walrus": [py("if (n := 3) > 2:\n    pass"), py("print(n)")],
    "the variable of a with block": [py("with open('a', 'w') as out:\n    out.write('x')"), py("print(out.closed)")],
    "three in a chain": [py("a = 1"), py("b = a + 1"), py("print(b)")],
    "an independent one between them": [py("a = 1"), py("print('between')"), py("print(a)")],
    "labels of two kinds": [fenced("python", "a = 1"), fenced("py", "print(a)")],
    "blocks without a label": [fenced("", SQUARE), fenced("", PRINTS)],
}


@pytest.mark.parametrize("parts", TOGETHER.values(), ids=TOGETHER.keys())
def test_blocks_that_need_each_other_run_as_one_program(parts: list[str], tmp_path: Path) -> None:
    answer = read("\n".join(parts))
    assert len(answer.blocks) == 1
    count = sum(part.startswith("```") for part in parts)
    assert f"{count} blocks run as one program: they use each other's names" in answer.notes
    done = subprocess.run([sys.executable, "-c", answer.blocks[0].code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


APART = {
    "two whole programs": [py("x = 1\nprint(x)"), py("x = 2\nprint(x)")],
    "names that both define": [py("def f():\n    return 1\nprint(f())"), py("def f():\n    return 2\nprint(f())")],
    "a parameter of the same name": [py("n = 1\nprint(n)"), py("def f(n):\n    return n\nprint(f(2))")],
    "a comprehension's variable of the same name": [py("i = 1\nprint(i)"), py("print([i for i in range(3)])")],
    "an attribute of the same name": [py("size = 1\nprint(size)"), py("import os\nprint(os.path.size if False else 0)")],
    "a keyword of the same name": [py("end = 1\nprint(end)"), py("print(1, end='')")],
    "a builtin that was shadowed for itself": [py("import math\nprint(math.pi)"), py("print(len([1]))")],
    "its own star import": [py("from math import *\nprint(pi)"), py("from cmath import *\nprint(sqrt(-1))")],
    "Python and shell": [py("x = 1\nprint(x)"), sh("mkdir -p out && ls > out/list.txt")],
}


@pytest.mark.parametrize("parts", APART.values(), ids=APART.keys())
def test_independent_blocks_run_one_after_the_other(parts: list[str]) -> None:
    answer = read("\n".join(parts))
    assert len(answer.blocks) == len(parts)
    assert answer.notes == ()
    assert [block.line for block in answer.blocks] == sorted(block.line for block in answer.blocks)


def test_future_imports_come_first_in_a_joined_program() -> None:
    second = "from __future__ import annotations\ndef g(x: Unknown):\n    return square(x)\nprint(g(2))"
    code = read(py(f'"""Squares."""\n{SQUARE}') + py(second)).blocks[0].code
    assert code.startswith("from __future__ import annotations\n")
    exec(compile(code, "joined", "exec", dont_inherit=True), {"__name__": "joined"})


@pytest.mark.parametrize("ends", ["sys.exit(main())", "main()\n    raise SystemExit(1)", "unittest.main()"])
def test_what_ends_a_program_comes_behind_the_blocks_that_use_it(ends: str, tmp_path: Path) -> None:
    first = f"import sys, unittest\ndef main():\n    print('main')\nif __name__ == '__main__':\n    {ends}"
    (block,) = read(py(first) + "Use it:\n\n" + py("print('use')\nmain()")).blocks
    done = subprocess.run([sys.executable, "-c", block.code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("use\nmain\n")


def test_a_main_guard_that_returns_stays_where_it_is() -> None:
    first = "def f():\n    return 1\nif __name__ == '__main__':\n    x = f()\n    print(x)"
    assert [code for _, code in runs(read(py(first) + py("print(x + f())")))] == [f"{first}\nprint(x + f())"]


# --- What is shown and not run ---------------------------------------------------------------------------------------------------

WHOLE = py("def f():\n    return 1\n\n\nprint(f())")
SHOWN = {
    "a session": (py(">>> f()", "1"), "a session at a prompt, not a program"),
    "a session with blocks": (py(">>> for i in range(2):", "...     print(i)", "0", "1"), "a session at a prompt, not a program"),
    "a notebook's session": (py("In [1]: f()", "Out[1]: 1"), "a session at a prompt, not a program"),
    "output in a python fence": (py("Result: 1 of 2"), "it is output or prose, not Python"),
    "a table in a python fence": (py("   a  b", "0  1  2"), "it is output or prose, not Python"),
    "a traceback in a python fence": (
        py("Traceback (most recent call last):", '  File "a.py", line 1, in <module>', "    import b", "ModuleNotFoundError: b"),
        "it is output or prose, not Python",
    ),
    "prose in a python fence": (py("This function returns one."), "it is output or prose, not Python"),
    "a value in a python fence": (py("[1, 2, 3]"), "it does nothing when run"),
    "a word in a python fence": (py("True"), "it does nothing when run"),
    "comments in a python fence": (py("# prints 1"), "it does nothing when run"),
    "an indented part": (py("    return 1"), "it is a part of a program, not a program"),
    "a signature": (py("def g(x: int) -> int:"), "it is an outline: its bodies are left out"),
    "an outline": (
        py("@wraps", "def g():", "    # do it here", "", "class A:", "    # and here"),
        "it is an outline: its bodies are left out",
    ),
    "a repeated line": (py("return 1"), "it repeats a part of the program at line 1"),
    "the same program again": (WHOLE, "it repeats a part of the program at line 1"),
    "output without a label": (fenced("", "1"), "no language is named"),
    "code without a label": (fenced("", "print(2)"), "no language is named"),
    "a command at a prompt": (sh("$ python program.py", "1"), "a session at a prompt, not a program"),
    "a command at a named prompt": (sh("ada@host:~/x$ python program.py", "1"), "a session at a prompt, not a program"),
    "how to run it": (sh("python program.py"), "it says how to run the program"),
    "how to run it with options": (sh("# Run it", "python3 ./program.py --size 3 data.csv"), "it says how to run the program"),
    "how to run it in an environment": (
        sh("mkdir x && cd x", "python -m venv .venv", "source .venv/bin/activate", "python program.py"),
        "it says how to run the program",
    ),
    "how to test it": (sh("pytest -q"), "it says how to run the program"),
    "how to start it with other tools": (sh("uvicorn main:app --reload"), "it says how to run the program"),
    "how to look at its results": (sh('sqlite3 app.db ".tables"'), "it says how to run the program"),
    "how to start its server": (sh("redis-server"), "it says how to run the program"),
    "how to run it with a setting": (sh("DEBUG=1 python program.py"), "it says how to run the program"),
    "how to measure it": (sh("time ./prog", "valgrind ./prog"), "it says how to run the program"),
    "how to clean up": (sh("rm -f data.json", "rm -rf build"), "it puts things in order after the program"),
    "how to move it": (sh("mkdir -p ~/bin", "mv program.py ~/bin/"), "it puts things in order after the program"),
    "a line for cron": (sh("0 2 * * * /usr/bin/python3 /program.py"), "it holds no commands"),
    "a tree of files in a shell's fence": (sh("├── main.py", "└── utils.py"), "it holds no commands"),
    "how to build it": (sh("docker build -t x .", "docker run x"), "it says how to run the program"),
}


@pytest.mark.parametrize(("block", "reason"), SHOWN.values(), ids=SHOWN.keys())
def test_what_stands_beside_a_program_and_is_only_shown(block: str, reason: str) -> None:
    answer = read(f"{WHOLE}\nThen:\n\n{block}")
    assert runs(answer) == [("python", "def f():\n    return 1\nprint(f())")]
    assert reasons(answer) == [reason]
    assert answer.skipped[0].line > 1


def test_the_steps_before_the_whole_program_are_left_out() -> None:
    answer = read(f"First the function:\n{py(SQUARE)}\nThen the call:\n{py(PRINTS)}\nAll of it:\n{py(SQUARE, '', PRINTS)}")
    assert runs(answer) == [("python", f"{SQUARE}\n{PRINTS}")]
    assert reasons(answer) == ["it repeats a part of the program at line 13"] * 2


def test_a_program_with_an_error_is_run_so_that_the_error_is_seen() -> None:
    assert [code for _, code in runs(read(py("x = int(input('x?'))\nprint x") + py("print(1)")))] == [
        "x = int(input('x?'))\nprint x",
        "print(1)",
    ]
    lost = "def f(n):\nif n < 2:\nreturn 1\nreturn n * f(n - 1)"
    assert [code for _, code in runs(read(py(lost) + py("print(1)")))] == [lost, "print(1)"]
    broken = "def f(:\n    return 1"
    assert [code for _, code in runs(read(py(broken) + py("print(1)")))] == [broken, "print(1)"]
    assert runs(read(py("Result: 1 of 2"))) == [("python", "Result: 1 of 2")]


def test_a_value_is_no_program_and_a_name_is_run_so_that_its_error_is_seen() -> None:
    assert reasons(read(py("42"))) == reasons(read(py("# only a comment"))) == ["it does nothing when run"]
    assert runs(read(py("result"))) == [("python", "result")]


def test_a_program_that_is_indented_as_a_whole_is_run() -> None:
    answer = read(py("    import math", "    print(math.pi)"))
    assert runs(answer) == [("python", "import math\nprint(math.pi)")]
    assert answer.notes == ("run without its indentation",)


# --- Instructions, packages and shell programs -----------------------------------------------------------------------------------


def test_requests_for_packages_come_first_and_the_rest_of_the_instructions_is_left_out() -> None:
    answer = read(WHOLE + sh("pip install numpy 'pandas>=2'", "python program.py"))
    assert runs(answer) == [("sh", "pip install numpy 'pandas>=2'"), ("python", "def f():\n    return 1\nprint(f())")]
    assert reasons(answer) == ["it says how to run the program"]
    assert [code for _, code in runs(read(WHOLE + sh("pip install numpy")))] == ["pip install numpy", "def f():\n    return 1\nprint(f())"]


def test_packages_are_taken_from_a_prompt_too() -> None:
    assert runs(read(WHOLE + sh("$ pip install numpy", "Collecting numpy", "$ python program.py")))[0] == ("sh", "pip install numpy")


def test_packages_wait_for_the_list_that_a_block_writes() -> None:
    writes = sh("cat > requirements.txt <<EOF", "numpy", "EOF")
    answer = read(writes + sh("pip install -r requirements.txt") + WHOLE)
    assert [block.language for block in answer.blocks] == ["sh", "sh", "python"]
    assert answer.blocks[0].code.startswith("cat")
    named = read(WHOLE + "**requirements.txt**\n" + fenced("", "numpy") + sh("pip install -r requirements.txt"))
    assert [block.language for block in named.blocks] == ["sh", "python"]
    assert names(named) == ["requirements.txt"]


@pytest.mark.parametrize(
    "code",
    [
        "python -c 'print(1)'",
        "python - <<EOF\nprint(1)\nEOF",
        "python -m json.tool data.json",
        "mkdir -p a/b && echo 1 > a/b/c",
        "for f in *.txt; do wc -l $f; done",
        "ls -l | sort",
        "grep -c x data.txt > count.txt",
    ],
)
def test_a_shell_program_is_run_beside_another_program(code: str) -> None:
    assert ("sh", code) in runs(read(WHOLE + sh(code)))


@pytest.mark.parametrize("code", ["python main.py", "pip install x\npython main.py", "git init", "make", "node app.js"])
def test_commands_are_run_if_there_is_nothing_else(code: str) -> None:
    assert runs(read(sh(code))) == [("sh", code)]


def test_tools_are_run_if_the_answer_holds_only_commands() -> None:
    commands = ["ssh a.example 'ls'", "rsync -a x/ b.example:x", "rm -rf x"]
    assert [code for _, code in runs(read("".join(sh(each) for each in commands)))] == commands
    assert [code for _, code in runs(read(WHOLE + sh(commands[0])))] == ["def f():\n    return 1\nprint(f())"]


def test_commands_for_a_program_that_is_not_run_here_are_not_run() -> None:
    answer = read(fenced("javascript", "console.log(1)") + sh("node app.js"))
    assert answer.blocks == ()
    assert reasons(answer) == ["javascript programs are not run here", "it says how to run the program"]


HERE = "cat > README.md <<'EOF'\n# Squares\n```python\nprint(1)\n```\nMore:\n```bash\nrm -rf data\n```\nEOF\necho written"


@pytest.mark.parametrize("rest", ["", "\nDone.\n", "\n" + py("print(2)")])
def test_a_here_document_that_holds_fences_is_one_string(rest: str) -> None:
    answer = read(sh(HERE) + rest)
    assert answer.blocks[0].code == HERE + "\n"
    assert [block.code for block in answer.blocks[1:]] == (["print(2)\n"] if "print(2)" in rest else [])


def test_a_here_document_that_never_ends_swallows_nothing() -> None:
    assert [code for _, code in runs(read(sh("cat > x <<EOF", "a") + py("print(2)")))] == ["cat > x <<EOF\na", "print(2)"]


# --- Files -----------------------------------------------------------------------------------------------------------------------

NAMED = {
    "a comment": fenced("python", "# tools.py", "X = 1"),
    "a comment with a word": fenced("python", "# filename: tools.py", "X = 1"),
    "a comment with another word": fenced("python", "# File: tools.py", "X = 1"),
    "a comment behind the first line": fenced("python", "#!/usr/bin/env python3", "# tools.py", "X = 1"),
    "a comment with a description": fenced("python", "# tools.py - helpers", "X = 1"),
    "a docstring": fenced("python", '"""tools.py"""', "X = 1"),
    "bold": "**tools.py**\n" + py("X = 1"),
    "bold with a colon": "**tools.py:**\n\n" + py("X = 1"),
    "bold code": "**`tools.py`**\n" + py("X = 1"),
    "a heading": "### tools.py\n" + py("X = 1"),
    "a numbered heading": "### 1. `tools.py`\n\n" + py("X = 1"),
    "a heading and a sentence": "## tools.py\n\nIt holds the constant.\n\n" + py("X = 1"),
    "a heading with a description": "#### tools.py (helpers)\n" + py("X = 1"),
    "a word and the name": "File: tools.py\n" + py("X = 1"),
    "a word and code": "Filename: `tools.py`\n\n" + py("X = 1"),
    "code and a colon": "`tools.py`:\n" + py("X = 1"),
    "an item of a list": "1. **tools.py**\n\n   ```python\n   X = 1\n   ```\n",
    "a sentence": "Save this as `tools.py`:\n\n" + py("X = 1"),
    "a sentence that goes on": "Save the following as `tools.py`, it is run later:\n\n" + py("X = 1"),
    "another sentence": "First, create a file named `tools.py`:\n" + py("X = 1"),
    "the info string": fenced("python:tools.py", "X = 1"),
    "a title": fenced('python title="tools.py"', "X = 1"),
    "a file name": fenced("python filename=tools.py", "X = 1"),
    "the label and the name": fenced("python tools.py", "X = 1"),
    "the label": fenced("tools.py", "X = 1"),
    "an attribute": fenced('{.python filename="tools.py"}', "X = 1"),
    "no label": "**tools.py**\n" + fenced("", "X = 1"),
    "a path": fenced("python:./tools.py", "X = 1"),
}


@pytest.mark.parametrize("block", NAMED.values(), ids=NAMED.keys())
def test_a_file_is_named_by(block: str) -> None:
    answer = read(f"Two files.\n\n{block}\n**main.py**\n{py('import tools', 'print(tools.X)')}")
    assert names(answer) == ["tools.py", "main.py"]
    assert [(run.name, [file.name for file in run.files]) for run in answer.blocks] == [("main.py", ["tools.py"])]
    assert answer.modules == ("tools", "main")
    assert answer.notes == ("stored beside the program: tools.py; main.py is run",)


@pytest.mark.parametrize(
    ("before", "block"),
    [
        ("Run it like this:", py("X = 1")),
        ("The output of `main.py`:", fenced("text", "X = 1")),
        ("**main.py**", fenced("output", "X = 1")),
        ("### Node.js", fenced("javascript", "let x = 1")),
        ("### Python 3.12", py("X = 1")),
        ("It reads `data.csv`:", py("X = 1")),
        ("**data.csv**", py("X = 1")),
        ("Then e.g.:", py("X = 1")),
        ("To run it, save it to a file (e.g. `main.py`) and type:", fenced("", "python main.py")),
        ("After the run you should see a file named `out.json`:", fenced("json", "[1]")),
        ("The program will create `out.json`:", fenced("json", "[1]")),
        ("Say your file is named `references.bib`:", fenced("latex", "x")),
        ("Create `tsconfig.json` like this:", fenced("python", "X = 1")),
        ("**main.py**", fenced("diff", "-X = 1", "+X = 2")),
        ("", fenced('diff title="main.py"', "-X = 1")),
        ("", py("# utils.py is imported below", "X = 1")),
        ("", py("# data.csv", "X = 1")),
        ("", py("# See https://example.com/a.py", "X = 1")),
    ],
)
def test_what_is_no_name_of_a_file(before: str, block: str) -> None:
    assert names(read(f"{before}\n\n{block}")) == []


@pytest.mark.parametrize(
    ("block", "name", "text"),
    [
        ("**index.html**\n" + fenced("html", "<p>Hi</p>"), "index.html", "<p>Hi</p>\n"),
        (fenced("html", "<!-- index.html -->", "<p>Hi</p>"), "index.html", "<!-- index.html -->\n<p>Hi</p>\n"),
        ("`config.json`\n" + fenced("json", '{"a": 1}'), "config.json", '{"a": 1}\n'),
        (fenced("json", "// config.json", '{"a": 1}'), "config.json", '{"a": 1}\n'),
        (fenced("csv:data/rows.csv", "a,b", "1,2"), "data/rows.csv", "a,b\n1,2\n"),
        (fenced("csv", "# rows.csv", "a,b"), "rows.csv", "a,b\n"),
        ("### requirements.txt\n" + fenced("text", "numpy"), "requirements.txt", "numpy\n"),
        (fenced("requirements.txt", "numpy"), "requirements.txt", "numpy\n"),
        (fenced("toml", "# settings.toml", "a = 1"), "settings.toml", "# settings.toml\na = 1\n"),
        ("**Dockerfile**\n" + fenced("dockerfile", "FROM x"), "Dockerfile", "FROM x\n"),
        (fenced("yaml", "# docker-compose.yml", "a: 1"), "docker-compose.yml", "# docker-compose.yml\na: 1\n"),
        (fenced("css", "/* style.css */", "p { }"), "style.css", "/* style.css */\np { }\n"),
        (fenced("sql", "-- schema.sql", "SELECT 1;"), "schema.sql", "-- schema.sql\nSELECT 1;\n"),
        ("**main.c**\n" + fenced("c", "int x;"), "main.c", "int x;\n"),
    ],
)
def test_a_named_block_is_stored_whatever_its_language(block: str, name: str, text: str) -> None:
    answer = read(f"{WHOLE}\n{block}")
    assert [(file.name, file.text) for file in answer.files] == [(name, text)]
    assert [[file.name for file in run.files] for run in answer.blocks] == [[name]]
    assert answer.skipped == ()


def file(name: str, *lines: str) -> str:
    return f"**{name}**\n\n{py(*lines)}\n"


LIBRARY = file("shapes.py", "def area(r):", "    return 3 * r * r")
ENTRY = {
    "it imports the other": ([LIBRARY, file("go.py", "from shapes import area", "print(area(2))")], ["go.py"]),
    "it comes first": ([file("go.py", "import shapes", "print(shapes.area(2))"), LIBRARY], ["go.py"]),
    "it has a main guard": (
        [file("go.py", "import shapes", "if __name__ == '__main__':", "    print(shapes.area(2))"), LIBRARY],
        ["go.py"],
    ),
    "the imported one has a main guard, too": (
        [
            file("shapes.py", "def area(r):", "    return r", "if __name__ == '__main__':", "    print(1)"),
            file("go.py", "import shapes", "print(1)"),
        ],
        ["go.py"],
    ),
    "a package": (
        [file("lib/shapes.py", "X = 1"), file("lib/__init__.py", ""), file("go.py", "from lib.shapes import X", "print(X)")],
        ["go.py"],
    ),
    "a folder of its own": ([file("src/shapes.py", "X = 1"), file("src/go.py", "from shapes import X", "print(X)")], ["src/go.py"]),
    "a relative import": (
        [file("lib/a.py", "X = 1\nprint(X)"), file("lib/b.py", "from .a import X"), file("go.py", "import lib.b", "print(1)")],
        ["go.py"],
    ),
    "it is started by the other": (
        [file("worker.py", "print(1)"), file("go.py", "import subprocess", "subprocess.run(['python', 'worker.py'])")],
        ["go.py"],
    ),
    "tests do not take its place": (
        [file("go.py", "def f():", "    return 1", "print(f())"), file("test_go.py", "from go import f", "assert f() == 1", "print('ok')")],
        ["go.py", "test_go.py"],
    ),
    "tests for another tool are stored": (
        [
            file("go.py", "def f():", "    return 1", "print(f())"),
            file("test_go.py", "from go import f", "def test_f():", "    assert f() == 1"),
        ],
        ["go.py"],
    ),
    "a setup file is stored": ([file("setup.py", "from setuptools import setup", "setup(name='x')"), file("go.py", "print(1)")], ["go.py"]),
    "two that do not know each other": ([file("one.py", "print(1)"), file("two.py", "print(2)")], ["one.py", "two.py"]),
    "the instructions say both": (
        [file("one.py", "print('now run two.py')"), file("two.py", "print(2)"), sh("python one.py", "python two.py")],
        ["one.py", "two.py"],
    ),
    "a message names the other": ([file("one.py", "print('Now run two.py')"), file("two.py", "print(2)")], ["one.py", "two.py"]),
    "an error names the other": (
        [file("one.py", "import sys", "sys.exit('Run two.py first')"), file("two.py", "print(2)")],
        ["one.py", "two.py"],
    ),
    "a docstring names the other": (
        [file("one.py", '"""Data for two.py"""', "print(1)"), file("two.py", "print(2)")],
        ["one.py", "two.py"],
    ),
    "the instructions say which": ([file("one.py", "print(1)"), file("two.py", "print(2)"), sh("python two.py")], ["two.py"]),
    "none does anything": ([file("one.py", "X = 1"), file("main.py", "Y = 1"), file("two.py", "Z = 1")], ["main.py"]),
    "a circle": (
        [file("one.py", "import two", "print(1)"), file("two.py", "import one", "if __name__ == '__main__':", "    print(2)")],
        ["two.py"],
    ),
    "a script that runs it": ([LIBRARY, file("go.py", "import shapes", "print(1)"), sh("seq 3 > in.txt", "python go.py < in.txt")], [""]),
}


@pytest.mark.parametrize(("parts", "entry"), ENTRY.values(), ids=ENTRY.keys())
def test_the_entry_point_is_run_and_the_rest_is_stored(parts: list[str], entry: list[str]) -> None:
    answer = read("\n".join(parts))
    assert [block.name for block in answer.blocks] == entry
    count = sum("**" in part for part in parts) - sum("__init__" in part for part in parts)
    assert len(answer.files) == count
    for block in answer.blocks:
        assert {file.name for file in block.files} == set(names(answer)) - {block.name}


def test_a_block_gets_the_name_as_which_a_later_one_imports_it() -> None:
    answer = read(py(SQUARE) + "Test it:\n" + py("from your_module import square", "print(square(2))"))
    assert [(block.name, [file.name for file in block.files]) for block in answer.blocks] == [("", ["your_module.py"])]
    assert answer.modules == ("your_module",)
    assert answer.notes[0] == "stored as your_module.py: a later block imports it"


def test_a_block_that_imports_a_name_itself_is_not_where_it_comes_from() -> None:
    first, second = "from lab import Seq\nprint(Seq)", "from lab import Seq\nprint(Seq, 2)"
    assert read(py(first) + py(second)).files == ()


@pytest.mark.parametrize("line", ["import numpy as np", "from collections import square", "from requests import get"])
def test_packages_are_not_taken_for_blocks_of_the_answer(line: str) -> None:
    assert read(py(SQUARE) + py(line, "print(1)")).files == ()


def test_a_program_gets_the_name_under_which_the_instructions_run_it() -> None:
    answer = read(WHOLE + sh("python one.py"))
    assert [block.name for block in answer.blocks] == ["one.py"]
    assert read(WHOLE + sh("python calendar.py")).blocks[0].name == ""  # it would hide a module of Python


def test_a_file_that_comes_again_counts_as_its_last_version() -> None:
    answer = read(file("a.py", "print(1)") + "Better:\n\n" + file("a.py", "print(2)"))
    assert runs(answer) == [("python", "print(2)")]
    assert reasons(answer) == ["a.py comes again at line 11"]
    assert names(answer) == ["a.py"]


def test_a_file_in_two_parts_is_one_file() -> None:
    answer = read(file("a.py", "x = 1") + file("a.py", "print(x)"))
    assert runs(answer) == [("python", "x = 1\nprint(x)")]
    assert answer.notes == ("the block at line 9 goes on with a.py",)
    assert answer.files[0].text == "x = 1\n\n\nprint(x)\n"


TOOLS = "import math\n\ndef add(a, b):\n    return a + b\n\n@staticmethod\ndef half(a):\n    return a / 2\n\nprint(add(1, 2))"


def test_a_part_of_a_file_that_is_shown_again_does_not_replace_it() -> None:
    answer = read(file("tools.py", TOOLS) + "The heart of `tools.py`:\n\n" + py("def add(a, b):\n    return a + b"))
    assert answer.files[0].text == f"{TOOLS}\n"
    assert reasons(answer) == ["it repeats a part of tools.py"]


def test_a_changed_part_of_a_file_takes_the_place_of_what_it_changes() -> None:
    changed = "@staticmethod\ndef half(a):\n    return a // 2"
    answer = read(file("tools.py", TOOLS) + "Change `tools.py`:\n\n" + py(changed))
    assert answer.files[0].text == TOOLS.replace("a / 2", "a // 2") + "\n"
    assert "the block at line 18 changes a part of tools.py" in answer.notes
    assert len(answer.blocks) == 1


def test_a_file_that_is_built_in_steps_is_all_of_its_steps() -> None:
    steps = ["class Task:\n    pass", "class Store:\n    pass", "print(Task(), Store())"]
    answer = read("".join(file("app.py", step) for step in steps))
    assert [code for _, code in runs(answer)] == ["\n".join(steps)]


def test_what_a_function_repeats_that_nothing_calls_is_still_run() -> None:
    rolls = "import random\nprint(random.randint(1, 6))"
    answer = read(py(rolls) + "As a function:\n\n" + py("import random\ndef roll():\n    print(random.randint(1, 6))"))
    assert ("python", rolls) in runs(answer)


def test_what_stands_in_a_function_and_nowhere_else_is_a_part_of_it() -> None:
    loop = "for i in range(n):\n    if i:\n        return False"
    whole = "def f(n):\n    for i in range(n):\n        if i:\n            return False\n    return True"
    assert runs(read(py(loop) + "All of it:\n\n" + py(whole))) == [("python", whole)]


def test_a_call_that_is_shown_again_is_made_again() -> None:
    answer = read(
        py("def numbers():\n    yield from (1, 2)\nn = numbers()") + py("print(next(n))") + "Then again:\n\n" + py("print(next(n))")
    )
    assert [code.count("print(next(n))") for _, code in runs(answer)] == [2]


@pytest.mark.parametrize("name", ["../a.csv", "/etc/a.csv", ".git/a.csv", "a/../../b.csv"])
def test_no_name_leaves_the_folder(name: str) -> None:
    assert all(".." not in found and not found.startswith("/") and ".git" not in found for found in names(read(fenced(f"csv:{name}", "1"))))


# --- Labels and fences -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    ["python3.12", "Python3", "ipython", "ipython3", "py", "py3", "jupyter", "main.py", "language-python", "{.python}", "python numbered"],
)
def test_labels_that_mean_python(label: str) -> None:
    assert runs(read(fenced(label, "print(1)"))) == [("python", "print(1)")]


@pytest.mark.parametrize("label", ["zsh", "sh", "shell", "run.sh", "shellscript"])
def test_labels_that_mean_a_shell(label: str) -> None:
    assert runs(read(fenced(label, "echo 1"))) == [("sh", "echo 1")]


@pytest.mark.parametrize(
    "code",
    [
        "def f():\n    return 1",
        "import math\nprint(math.pi)",
        "for i in range(3):\n    print(i)",
        "while True:\n    break",
        "print('hello')",
        "x = 3\nprint(x)",
        "with open('a') as f:\n    print(f.read())",
        "class A:\n    pass",
        "from math import *\nprint(sqrt(4))",
    ],
)
@pytest.mark.parametrize("label", ["", "code", "tool_code"])
def test_a_block_without_a_language_is_run_as_python_if_it_is(code: str, label: str) -> None:
    answer = read(f"Here:\n\n{fenced(label, code)}")
    assert runs(answer) == [("python", code)]
    assert answer.notes == (AS_PYTHON,)


@pytest.mark.parametrize(
    ("first", "language"), [("#!/bin/bash", "sh"), ("#!/usr/bin/env python3", "python"), ("#!/usr/bin/env -S bash -e", "sh")]
)
def test_a_block_without_a_language_is_run_by_its_first_line(first: str, language: str) -> None:
    assert [block.language for block in read(fenced("", first, "exit(0)")).blocks] == [language]
    assert [block.language for block in read(f"{first}\nexit(0)\n").blocks] == [language]


FALSE_ALARMS = {
    "prose": "The function returns one.",
    "a sentence with a call": "Done (see above)",
    "a word": "STOP",
    "a number": "42",
    "the result in words": "The GCD of 252 and 105 is 21.",
    "a call as output": "factorial(5) = 120",
    "a value": "['a', 'b']",
    "a dictionary": '{"a": 1, "b": [2, 3]}',
    "an array": "[1, 2, 3]",
    "CSS": "body {\n  color: red;\n}",
    "HTML": "<html>\n<body>Hi</body>\n</html>",
    "SQL": "SELECT name FROM users WHERE id = 1;",
    "SQL in one word": "COMMIT;",
    "a diff": "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-print(1)\n+print(2)",
    "a git diff": "diff --git a/x.py b/x.py\nindex 83db48f..bf269f4 100644\n-import os\n+import sys",
    "a listing": "total 8\n-rw-r--r-- 1 ada ada 12 Jan 1 a.py",
    "shell output": "Collecting numpy\nSuccessfully installed numpy-2.0",
    "a traceback": "Traceback (most recent call last):\n  File 'a.py', line 1, in <module>\n    print(x)\nNameError: no x",
    "a Dockerfile": 'FROM python:3.12\nCOPY . /app\nCMD ["python", "main.py"]',
    "YAML": "name: test\nsteps:\n  - run: make",
    "YAML in one line": "name: test",
    "TOML": '[tool]\nname = "x"',
    "an INI file": "[a]\nb = c",
    "environment": "KEY=value\nOTHER=1",
    "JavaScript": "const x = 1;\nconsole.log(x);",
    "a call of JavaScript": "console.log(x)",
    "Java": "public class A {\n}",
    "C": "#include <stdio.h>\nint main(void) { return 0; }",
    "a formula": "a**2 + b**2 == c**2",
    "a tree of files": "src/\n├── main.py\n└── utils.py",
    "a path": "src/main.py",
    "a command": "ls -la",
    "a table": "| a | b |\n|---|---|\n| 1 | 2 |",
    "a list": "- one\n- two",
    "a question": "Shall I go on?",
    "a signature": "def f(x: int) -> int",
    "pseudocode": "for each item in list:\n    print item",
    "an import in words": "import the module first",
}


@pytest.mark.parametrize("text", FALSE_ALARMS.values(), ids=FALSE_ALARMS.keys())
def test_what_is_no_program_is_not_run(text: str) -> None:
    assert read(text).blocks == ()
    assert read(f"Here it is:\n\n{fenced('', text)}").blocks == ()
    assert runs(read(f"{WHOLE}\nOutput:\n\n{fenced('', text)}")) == [("python", "def f():\n    return 1\nprint(f())")]


@pytest.mark.parametrize(
    "label", ["css", "sql", "diff", "json", "html", "text", "output", "console", "pycon", "yaml", "dockerfile", "ini", "xml", "java", "go"]
)
def test_other_labels_are_believed(label: str) -> None:
    assert read(fenced(label, "print(1)")).blocks == ()


@pytest.mark.parametrize(
    "text",
    [
        "import math\n\nprint(math.pi)\n",
        "\n\nimport math\n\nprint(math.pi)",
        "python\nimport math\n\nprint(math.pi)\n",
        "import math\n\nprint(math.pi)\n```\n",
        "import math\n\nprint(math.pi)<|im_end|>",
        "import math\r\n\r\nprint(math.pi)\r\n",
        "    import math\n\n    print(math.pi)\n",
        "<think>Short.</think>\nimport math\n\nprint(math.pi)\n",
        "import math\n\nprint(math.pi)</s>",
    ],
)
def test_an_answer_that_is_a_bare_program_is_run(text: str) -> None:
    answer = read(text)
    assert runs(answer) == [("python", "import math\nprint(math.pi)")]
    assert answer.notes == (BARE,)


@pytest.mark.parametrize(
    "text",
    [
        "Sure, here it is:\n\nimport math\nprint(math.pi)\n",
        "import math\nprint(math.pi)\n\nThis prints pi.",
        "Use a function:\n\n    def f():\n        return 1\n",
    ],
)
def test_code_inside_prose_is_not_run_and_that_is_said(text: str) -> None:
    answer = read(text)
    assert answer.blocks == ()
    assert reasons(answer) == [NO_FENCE]


@pytest.mark.parametrize(
    "text",
    [
        "<code>\nprint(1)\n</code>",
        "Here:\n<code>\nprint(1)\n</code>\nDone.",
        "<pre><code>\nprint(1)\n</code></pre>",
        '<code class="language-python">print(1)</code>',
        "<python>\nprint(1)\n</python>",
    ],
)
def test_a_program_between_tags_is_run(text: str) -> None:
    answer = read(text)
    assert runs(answer) == [("python", "print(1)")]
    assert answer.notes == (IN_TAG,)


def test_what_html_escapes_is_read_in_tags() -> None:
    assert runs(read("<pre><code>\nprint(1 &lt; 2)\n</code></pre>")) == [("python", "print(1 < 2)")]
    assert runs(read("<code>\nprint(1 &lt; 2, '&lt;')\n</code>")) == [("python", "print(1 < 2, '&lt;')")]
    assert runs(read("<code>\nprint(&quot;a&quot;)\n</code>")) == [("python", 'print("a")')]
    escaping = 'def f(s):\n    return s.replace("&", "&amp;").replace("<", "&lt;")\nprint(f("<"))'
    assert runs(read(f"<python>\n{escaping}\n</python>")) == [("python", escaping)]
    assert read("Call <code>print(1)</code> to print.").blocks == ()


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "python", "arguments": {"code": "print(1)"}}',
        '<tool_call>\n{"name": "run", "arguments": {}}\n</tool_call>',
        '[{"name": "run", "parameters": {"a": 1}}]',
        fenced("json", '{"tool": "run", "args": {"code": "print(1)"}}'),
        '[TOOL_CALLS] [{"name": "run"}]',
        "<function=run>{}</function>",
        'I will run it.\n<|tool_call|>{"name": "run"}',
        '{"action": "execute", "action_input": "print(1)"}',
    ],
)
def test_a_call_of_a_tool_is_named_as_that(text: str) -> None:
    answer = read(text)
    assert answer.blocks == ()
    assert NO_TOOLS in reasons(answer)


@pytest.mark.parametrize("text", ['{"name": "Ada", "age": 36}', "[]", '[{"id": 1}]', "Use `<tool>` here"])
def test_other_json_is_no_call_of_a_tool(text: str) -> None:
    assert reasons(read(text)) == []


@pytest.mark.parametrize(
    "close",
    [
        "```</s>",
        "```<|im_end|>",
        "``` <|endoftext|>",
        "```[/INST]",
        "```<|eot_id|>",
        "```<end_of_turn>",
        "``` This prints one.",
        "``` It is done",
    ],
)
def test_a_closing_fence_may_have_a_tail(close: str) -> None:
    answer = read(f"```python\nprint(1)\n{close}\n\nMore prose.")
    assert runs(answer) == [("python", "print(1)")]
    assert not answer.cut
    second = read(f"```python\nprint(1)\n{close}\n\n{py('print(2)')}")
    assert [code for _, code in runs(second)] == ["print(1)", "print(2)"]


@pytest.mark.parametrize(
    "tag", ["<answer>", "<details>", "<details>\n<summary>Code</summary>", "<solution>", "<div>", "<output>", "<final_answer>"]
)
def test_tags_hide_no_fence(tag: str) -> None:
    close = f"</{tag[1:].partition('>')[0]}>"
    answer = read(f"{tag}\n{WHOLE}{close}\n")
    assert runs(answer) == [("python", "def f():\n    return 1\nprint(f())")]
    assert answer.skipped == ()


@pytest.mark.parametrize("hidden", ["<!--\n```python\nprint(1)\n```\n-->", "<pre>\n```python\nprint(1)\n```\n</pre>"])
def test_comments_and_preformatted_text_hide_a_fence(hidden: str) -> None:
    assert read(hidden).blocks == ()


@pytest.mark.parametrize("before", ["Sure! ", "**Code:** ", "Here is the program:"])
def test_a_fence_may_open_at_the_end_of_a_line(before: str) -> None:
    answer = read(f"{before}```python\nprint(1)\n```\nBye.")
    assert runs(answer) == [("python", "print(1)")]
    assert answer.last_line == "Bye."
    assert read("Write ```python to open a block.").blocks == ()


def test_a_cut_answer_stays_cut() -> None:
    assert read("```python\nprint(1)").cut
    assert read(f"{WHOLE}```bash\nls").cut
    assert not read("import math\nprint(math.pi)").cut


def test_languages_come_from_the_caller() -> None:
    assert read_answer(py("print(1)"), {}).blocks == ()
    assert read_answer("import math\nprint(math.pi)", {}).blocks == ()
    ruby = read_answer(fenced("ruby", "puts 1") + fenced("", "print(1)"), {**ALIASES, "ruby": "ruby", "rb": "ruby"})
    assert [block.language for block in ruby.blocks] == ["ruby"]
    javascript = {**ALIASES, "javascript": "javascript", "js": "javascript"}
    files = "**lib.js**\n" + fenced("js", "module.exports = 1") + "**main.js**\n" + fenced("js", "console.log(require('./lib'))")
    assert [block.name for block in read_answer(files, javascript).blocks] == ["main.js"]


# --- Properties ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_a_program_cut_into_blocks_prints_what_it_printed_whole(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    lines, known = ["import math"], ["math.pi"]
    for number in range(chance.randrange(3, 12)):
        used = chance.choice(known)
        lines.append(
            chance.choice(
                [
                    f"v{number} = {used}",
                    f"def f{number}(x=1):\n    return {used} and x\nv{number} = f{number}()",
                    f"v{number} = [{used} for each in range(2)]",
                    f"class C{number}:\n    y = {used}\nv{number} = C{number}.y",
                ]
            )
        )
        known.append(f"v{number}")
    lines.append(f"print({', '.join(known)})")
    whole = "\n".join(lines)
    blocks, at = [], 0
    while at < len(lines):
        size = chance.randrange(1, 5)
        blocks.append(py(*lines[at : at + size]))
        at += size
    answer = read("\nThen:\n\n".join(blocks))
    code = "\n".join(block.code for block in answer.blocks)
    printed = [
        subprocess.run([sys.executable, "-c", each], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for each in (whole, code)
    ]
    assert printed[0] == printed[1]
    assert len(answer.blocks) == 1


PIECES = [
    *(py("x = 1"), py("print(x)"), sh("ls > out.txt"), sh("python a.py"), sh("pip install numpy"), fenced("", "x"), fenced("", "print(1)")),
    *(
        fenced("json:a.json", "1"),
        file("a.py", "import b"),
        file("b.py", "print(2)"),
        "prose\n",
        "```python\n",
        "```\n",
        ">>> 1\n",
        "<code>\n",
    ),
    *(py(">>> 1", "1"), py("oops oops"), py("    y = 1"), "<think>\n", "</think>\n", "$ ls\n", "#!/bin/sh\n", "- ", "> ", "    "),
]


@pytest.mark.parametrize("seed", range(20))
def test_every_block_is_run_stored_or_named(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(100):
        text = "".join(chance.choices(PIECES, k=chance.randrange(1, 9)))
        answer = read(text)
        again = read(text.replace("\n", "\r\n"))
        assert (again.blocks, again.skipped, again.files, again.notes) == (answer.blocks, answer.skipped, answer.files, answer.notes), text
        assert len({file.name for file in answer.files}) == len(answer.files), text
        assert all(block.language in ("python", "sh") and block.code.strip() for block in answer.blocks), text
        assert all(file not in block.files or file.name != block.name for block in answer.blocks for file in answer.files), text
        lines = {*(run.line for run in answer.blocks), *(each.line for each in answer.skipped), *(each.line for each in answer.files)}
        assert lines <= set(range(1, text.count("\n") + 2)), text


@pytest.mark.parametrize(
    "piece",
    [
        "```python\nx = 1\nprint(x)\n```\n",
        "```python\nprint(x)\n```\n",
        "```bash\ncat <<E\n```\n",
        "```\nprint(1)\n```\n",
        "**a.py**\n",
        "<code>\n",
    ]
    + [
        "```python:a.py\nimport a\n```\n",
        "```bash\npython a.py\n```\n",
        '{"a":',
        "(",
        "x = [\n",
        "```python\n``` a b\n",
        "a ```python\n",
        "    ",
    ],
)
def test_time_grows_with_the_length_only(piece: str) -> None:
    started = time.monotonic()
    read(piece * 500)
    read(piece * (200_000 // len(piece)))
    assert time.monotonic() - started < 30  # each takes about a second here; a quadratic reading takes minutes


# --- Imports that a program forgot -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("print(math.pi)", "import math"),
        ("x = np.arange(3)\nprint(x)", "import numpy as np"),
        ("plt.savefig('a.png')", "import matplotlib.pyplot as plt"),
        ("print(datetime.now().year > 2000)", "from datetime import datetime"),
        ("print(datetime.date(2020, 1, 1))", "import datetime"),
        ("print(datetime(2020, 1, 1) + timedelta(days=1))", "from datetime import datetime\nfrom datetime import timedelta"),
        ("print(urllib.parse.quote('ä'))", "import urllib.parse"),
        (
            "def f(a: List[str]):\n    return Counter(a)\nprint(f(['a']))",
            "from collections import Counter\nfrom typing import List",
        ),
        ("pprint({})", "from pprint import pprint"),
        ("print(sqrt(4))", "from math import sqrt"),
    ],
)
def test_an_import_that_the_program_forgot_is_added_and_named(code: str, line: str) -> None:
    answer = read(py(code))
    assert runs(answer) == [("python", f"{line}\n{code}")]
    assert len(answer.notes) == 1
    assert all(f"`{each}`" in answer.notes[0] for each in line.split("\n"))


@pytest.mark.parametrize(
    "code",
    [
        "math = 3\nprint(math.real)",  # it is bound
        "def f(json):\n    return json.x\nprint(f(1))",
        "from numpy import *\nprint(sqrt(2))",  # it may be bound
        "print(string.ascii_letters, string.shout())",  # no such module
        "print(datetime.now(), datetime.timedelta(1))",  # two things under one name
        "print(json)",  # no attribute says that the module is meant
        "print(queue.pop())",
        "print(undefined.value)",
        "try:\n    print(math.pi)\nexcept NameError:\n    import math",
    ],
)
def test_a_name_that_may_mean_something_else_is_left_alone(code: str) -> None:
    answer = read(py(code))
    assert runs(answer) == [("python", code)]
    assert answer.notes == ()


def test_an_added_import_stands_where_imports_go() -> None:
    code = '#!/usr/bin/env python3\n"""Doc."""\nfrom __future__ import annotations\nprint(math.tau)'
    assert runs(read(py(code)))[0][1] == code.replace("annotations\n", "annotations\nimport math\n")
    assert runs(read(py("# a comment\nprint(math.tau)")))[0][1] == "# a comment\nimport math\nprint(math.tau)"


# --- Files that the task names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "text", "stored"),
    [
        ("Write a JSON file a.json with 1.", fenced("json", "[1]"), ["a.json"]),
        ("Make web/index.html.", fenced("html", "<p>"), ["web/index.html"]),
        ("Put it into notes.md, please.", fenced("markdown", "# Notes"), ["notes.md"]),
        ("Make a.html and b.html.", fenced("html", "<p>"), []),  # which?
        ("Make a.html.", fenced("html", "<p>") + fenced("html", "<b>"), []),  # which?
        ("Make a.html.", fenced("css", "p {}"), []),
        ("Make a.json.", fenced("json", "[1]") + py("open('a.json', 'w').write('[2]')"), []),  # the program makes it
        ("Write 'Tom & Jerry' into 'a.json'.", fenced("json", '["Tom & Jerry"]'), ["a.json"]),
        ('Write "Ada" (key \'name\') and 1815 (key "born") into a.json.', fenced("json", '{"born": 1815, "name": "Ada"}'), ["a.json"]),
        ('Write "Ada" (key \'name\') and 1815 (key "born") into a.json.', fenced("json", '{"born": 1815}'), []),  # it is incomplete
        ("Write 'a b' and 'c' into x.csv, and don't quote Ada's name.", fenced("csv", "a b,c"), ["x.csv"]),
        ("Write 'a b' and 'c' into x.csv, and don't quote Ada's name.", fenced("csv", "a b"), []),
        ("Put 'Tom & Jerry' into a.html.", fenced("html", "<h1>Tom &amp; Co"), ["a.html"]),  # a page is the user's to judge
        ("See https://example.com/a.json.", fenced("json", "[1]"), []),
        ("What is JSON?", fenced("json", "[1]"), []),
    ],
)
def test_a_block_that_can_only_be_the_file_of_the_task_is_stored_as_it(task: str, text: str, stored: list[str]) -> None:
    answer = read_answer(text, ALIASES, task)
    assert names(answer) == stored
    assert [f"stored as {name}: the task names that file" for name in stored] == list(answer.notes)


@pytest.mark.parametrize(
    ("task", "there", "missing"),
    [
        ("Write out.csv.", (), ("out.csv",)),
        ("Write out.csv.", ("out.csv",), ()),
        ("Pack a.txt into a.zip.", (), ("a.txt", "a.zip")),
        ("Pack a.txt into a.zip.", ("a.txt",), ()),  # the one may have been an input
        ("Read in.csv and draw plot.png.", ("in.csv",), ("plot.png",)),
        ("Delete old.txt.", (), ()),
        ("Rename a.txt to b.txt.", (), ()),
        ("Print 3.5 and 'e.g.' and node.js.", (), ()),
        ("Read /etc/hosts.txt and ../up.txt and https://a.example/x.csv", (), ()),
    ],
)
def test_files_that_the_task_names_are_missed(task: str, there: tuple[str, ...], missing: tuple[str, ...]) -> None:
    assert missing_files(task, there.__contains__) == missing
