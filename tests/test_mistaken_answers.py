"""Blocks whose label or form is not quite what they are: what they can only be is run, and what they could be is not guessed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agents.answers.mistaken import NOTEBOOK, PLAIN_SIGNS, UNESCAPED, is_elided, language_by_sign
from agents.answers.parts import AS_TEXT
from agents.answers.reading import IN_MARKDOWN, read_answer
from sandbox.languages import ALIASES
from tests.language_programs import PROGRAMS
from tests.test_answers import FALSE_ALARMS, fenced, file, names, py, reasons, runs, sh
from utils.code_blocks import Answer

WHOLE = py("def f():\n    return 1\n\n\nprint(f())")
RUN = ("python", "def f():\n    return 1\nprint(f())")


def read(text: str, task: str = "") -> Answer:
    return read_answer(text, ALIASES, task)


# --- Labels ----------------------------------------------------------------------------------------------------------------------

SIGNED = {
    "javascript": "const x = [1, 2];\nconsole.log(x);",
    "c": '#include <stdio.h>\n\nint main(void) {\n    puts("x");\n}',
    "c++": "#include <stdio.h>\n#include <iostream>\nint main() {\n    std::cout << 1;\n}",
    "go": "package main\n\nfunc main() {\n    println(1)\n}",
    "java": "public class Main {\n    public static void main(String[] args) {\n        System.out.println(1);\n    }\n}",
    "rust": 'fn main() {\n    println!("1");\n}',
    "php": "<?php\necho 1;",
    "perl": "use strict;\nmy $x = 1;\nprint $x;",
    "r": "square <- function(x) {\n  x * x\n}\nprint(square(3))",
    "sh": "for i in 1 2 3; do\n  echo $i\ndone",
}


@pytest.mark.parametrize("language", SIGNED)
def test_a_program_without_a_label_is_run_if_its_language_is_beyond_doubt(language: str) -> None:
    code = SIGNED[language]
    answer = read(f"Here:\n\n{fenced('', code)}")
    assert [(block.language, block.code) for block in answer.blocks] == [(language, f"{code}\n")]
    assert answer.notes == (f"run as {language}: the block has no language",)
    assert runs(read(f"{WHOLE}\nOutput:\n\n{fenced('', code)}")) == [RUN]  # beside a program it is only shown


@pytest.mark.parametrize("language", ["javascript", "c", "go", "java", "rust", "php"])
def test_an_answer_that_is_a_bare_program_in_another_language_is_run(language: str) -> None:
    answer = read(f"{SIGNED[language]}\n")
    assert [(block.language, block.code) for block in answer.blocks] == [(language, f"{SIGNED[language]}\n")]
    assert answer.notes == (f"run as {language}: the answer is a program without a fence",)
    assert read(f"Here it is:\n\n{SIGNED[language]}\n\nIt works like this.").blocks == ()


@pytest.mark.parametrize("language", ["javascript", "c", "go", "sh"])
def test_a_label_of_python_does_not_hide_another_language(language: str) -> None:
    answer = read(py(SIGNED[language]))
    assert [block.language for block in answer.blocks] == [language]
    assert answer.notes == (f"run as {language}: that is what the block holds",)


@pytest.mark.parametrize("label", ["bash", "sh", "shell"])
@pytest.mark.parametrize("code", ["import math\nprint(math.pi)", "def f():\n    return 1\nprint(f())", "for i in range(3):\n    print(i)"])
def test_a_label_of_a_shell_does_not_hide_python(label: str, code: str) -> None:
    answer = read(fenced(label, code))
    assert runs(answer) == [("python", code)]
    assert answer.notes == ("run as Python: that is what the block holds",)


@pytest.mark.parametrize(
    "code", ["ls", "import -window root a.png", "x=1", "echo (1)", "print", "true", "python a.py", "a = 1", "f() { :; }\nf"]
)
def test_commands_stay_commands(code: str) -> None:
    assert runs(read(sh(code))) == [("sh", code)]


@pytest.mark.parametrize("code", ["pip install rich", "pip install rich\npython main.py"])
def test_commands_in_a_block_of_python_are_read_as_commands(code: str) -> None:
    answer = read(py(code) + file("main.py", "import rich", "print(1)"))
    assert runs(answer) == [("sh", "pip install rich"), ("python", "import rich\nprint(1)")]


@pytest.mark.parametrize("label", ["text", "txt", "plaintext"])
def test_a_text_is_run_only_if_it_is_python_beyond_doubt(label: str) -> None:
    answer = read(fenced(label, "import math\nprint(math.pi)"))
    assert runs(answer) == [("python", "import math\nprint(math.pi)")]
    assert answer.notes == (AS_TEXT,)
    assert reasons(read(fenced(label, "print(1)"))) == [f"{label} is something shown, not a program"]
    assert runs(read(WHOLE + fenced(label, "import math\nprint(math.pi)"))) == [RUN]


@pytest.mark.parametrize("lines", [("python", "print(1)"), ("Python", "Copy code", "print(1)"), ("bash", "echo 1")])
def test_a_label_on_the_first_line_of_the_block_is_read(lines: tuple[str, ...]) -> None:
    assert runs(read(fenced("", *lines))) == [(ALIASES[lines[0].lower()], lines[-1])]
    assert read(fenced("", "C", "|", "|")).blocks == ()


# Some of these are programs in other languages than Python.
_OTHERS = ("JavaScript", "Java", "C")


@pytest.mark.parametrize("text", [text for name, text in FALSE_ALARMS.items() if name not in _OTHERS], ids=lambda text: text[:20])
def test_what_is_no_program_in_any_language_is_not_run(text: str) -> None:
    assert read(text).blocks == ()
    assert read(f"Here it is:\n\n{fenced('', text)}").blocks == ()
    assert read(f"Here it is:\n\n{fenced('text', text)}").blocks == ()


def test_a_program_of_one_language_has_no_sign_of_another() -> None:
    for language, programs in PROGRAMS.items():
        for code in programs:
            assert language_by_sign(code, ALIASES) in ("", language), (language, code)


def test_a_part_of_a_program_has_no_sign() -> None:
    assert language_by_sign("#include <stdio.h>\nint f(void) {\n    return 1;\n}", ALIASES) == ""
    assert language_by_sign("package main\nfunc f() {\n}", ALIASES) == ""
    assert language_by_sign(SIGNED["go"], {"python": "python"}) == ""


# --- Forms that Python does not read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "output", "note"),
    [
        ("%matplotlib inline\nprint(1)", "1", NOTEBOOK),
        ("%%time\nprint(1)", "1", NOTEBOOK),
        ("!echo one\nprint(2)", "one\n2", NOTEBOOK),
        ("x = !echo 'a b'\nprint(x)", "['a b']", NOTEBOOK),
        ("for i in [1]:\n    !echo $((1 + 1))", "2", NOTEBOOK),
        ("if 1 &lt; 2:\n    print(&quot;x&quot;)", "x", "run with HTML's `&lt;` and the like read as signs"),
        ("1  import math\n2  print(math.floor(2.5))", "2", "run without the numbers of its lines"),
        ("1: def f():\n2:     return 3\n3: print(f())", "3", "run without the numbers of its lines"),
        ("print(\u201chi\u201d)", "hi", "run with straight quotation marks and plain spaces"),
        ("print(1)\u00a0\nif True:\n\u00a0\u00a0print(2)", "1\n2", "run with straight quotation marks and plain spaces"),
        ("if 1 &lt; 2:\n    print('&lt;', \"a\")  # it's &gt;", "&lt; a", UNESCAPED),
        ("if 1 &lt; 2:\n    print(&#39;x&#39;, '&amp;')", "x &amp;", UNESCAPED),
        ("if True:\n\u00a0\u00a0print('\u201c\u00a0'.isascii())", "False", PLAIN_SIGNS),
        ("if True:\n\u00a0\u00a0print(\u201chi\u201d, '\u201c'.isascii())", "hi False", PLAIN_SIGNS),
        ("print('hi\u2019)", "hi", PLAIN_SIGNS),
        ("print(1)\n\nThis program prints one.", "1", "run without the sentences beside the code"),
        ("Here is the code:\nprint(1)", "1", "run without the sentences beside the code"),
    ],
)
def test_a_form_that_python_does_not_read_is_mended(code: str, output: str, note: str, tmp_path: Path) -> None:
    answer = read(py(code))
    assert answer.notes == (note,)
    (block,) = answer.blocks
    assert block.language == "python"
    command = [sys.executable, "-u", "-c", block.code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (output, "")


@pytest.mark.parametrize(
    "code",
    [
        "print 'x'",
        "def f(:\n    return 1",
        "x = 1\nThis is wrong = 2",
        "print('\u201d)",
        "1. first\n3. third",
        "<<<<<<< SEARCH\nprint(1)\n=======\nprint(2)\n>>>>>>> REPLACE",
        "print('&lt;'",
        "if 1 &lt; 2 print('x')\nprint(&#" + "9" * 5_000 + ";)",
        "def page(:\n    return '''\nconsole.log(1)\n'''\n",
        'x = (\nprint("console.log(1)")',
        "if x == 1\n    y = 'console.log(1)'",
        "html = '''<script>\nconsole.log(1)\n",
        "def f(x):\n    return console.log(x",
        "if a b:\n    pass\nelif c:\n    console.log(c)",
    ],
)
def test_what_is_wrong_is_run_as_it_is_so_that_its_error_is_seen(code: str) -> None:
    assert [block.code for block in read(py(code)).blocks] == [f"{code}\n"]


@pytest.mark.parametrize(
    "code", ["print('&lt;')", "print('\u201chi\u201d')", "x = '''\n%matplotlib\n'''\nprint(x)", "print('1')  # This is a sentence."]
)
def test_what_python_reads_is_left_alone(code: str) -> None:
    answer = read(py(code))
    assert [block.code for block in answer.blocks] == [f"{code}\n"]
    assert answer.notes == ()


def test_the_packages_of_a_notebook_are_still_found() -> None:
    code = "!pip install rich\n%matplotlib inline\nimport rich"
    assert read(py(code)).blocks[0].code == "!pip install rich\npass  # %matplotlib inline\nimport rich\n"
    assert read(py("%pip install rich\nimport rich")).notes == ()


def test_cells_of_other_kinds() -> None:
    assert runs(read(py("%%bash\necho 1"))) == [("sh", "echo 1")]
    answer = read(py("%%writefile tools.py\nX = 1") + py("import tools\nprint(tools.X)"))
    assert names(answer) == ["tools.py"]
    assert runs(answer) == [("python", "import tools\nprint(tools.X)")]


# --- Fences ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["```python print(1)```", "Like this:\n\n```python print(1)```\n\nIt prints one.", "```py print(1) ```\n"])
def test_a_block_on_one_line_is_run(text: str) -> None:
    assert runs(read(text)) == [("python", "print(1)")]


@pytest.mark.parametrize("text", ["Use ```python print(1)``` to print.", "```x = 1```", "```not code at all```"])
def test_code_in_a_sentence_is_not_run(text: str) -> None:
    assert read(text).blocks == ()


def test_a_mark_of_the_byte_order_hides_nothing() -> None:
    assert runs(read(f"\ufeff{WHOLE}")) == [RUN]


@pytest.mark.parametrize("fence", ["```", "````"])
def test_an_answer_in_one_markdown_block_is_read_in_it(fence: str) -> None:
    text = f"{fence}markdown\n# Answer\n\n{WHOLE}\nIt prints one.\n{fence}"
    answer = read(text)
    assert runs(answer) == [RUN]
    assert answer.notes == (IN_MARKDOWN,)
    assert text.splitlines()[answer.blocks[0].line - 1] == "```python"


@pytest.mark.parametrize("task", ["Write a README for it.", "Write it as Markdown.", "Make notes.md.", "Write a tutorial."])
def test_a_markdown_block_that_was_asked_for_is_a_text(task: str) -> None:
    assert read(f"````markdown\n{WHOLE}\n````", task).blocks == ()


def test_a_markdown_block_beside_a_program_is_a_text() -> None:
    assert runs(read(f"{py('print(2)')}\n````markdown\n{WHOLE}\n````")) == [("python", "print(2)")]


# --- What is shown ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        "Output:",
        "**Output:**",
        "### Expected Output",
        "The output will be:",
        "This prints:",
        "Result:",
        "It should print:",
        "You should see something like this:",
    ],
)
@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("bash", "one"),
        ("sh", "Hello, World!\nTotal: 3"),
        ("sh", "test 1 passed"),
        ("javascript", "Hello"),
        ("js", "[ { id: 1, tags: ['a'] } ] 1970-01-01"),
    ],
)
def test_output_in_the_colours_of_a_language_is_not_run(before: str, label: str, text: str) -> None:
    answer = read(f"{WHOLE}\n{before}\n\n{fenced(label, text)}")
    assert runs(answer) == [RUN]
    assert reasons(answer) == ["it is output, not a program"]


@pytest.mark.parametrize(
    ("before", "block"),
    [
        ("This prints the output to a file:", sh("ls > out.txt")),
        ("Output:", sh("cat out.txt")),
        ("Result:", fenced("javascript", "console.log(1)")),
        ("The code to print the result:", py("print(2)")),
        ("Output:", py("print(2)")),
        ("Then:", sh("python -c 'print(1)'")),
    ],
)
def test_a_program_that_is_not_called_output_is_run(before: str, block: str) -> None:
    assert len(read(f"{WHOLE}\n{before}\n\n{block}").blocks) == 2


def test_a_value_that_is_called_output_is_not_run() -> None:
    assert runs(read(f"{WHOLE}\nThis will output:\n\n{py('array([[1., 2.]])')}")) == [RUN]
    assert runs(read(f"{WHOLE}\nStructure:\n\n{sh('my-app/', 'src/main.py', 'package.json')}")) == [RUN]


def test_output_alone_is_run_so_that_the_model_hears_of_it() -> None:
    assert len(read(f"Output:\n\n{sh('1')}").blocks) == 1


ELIDED = [
    "def f():\n    # ... existing code ...\n    return 2",
    "def f():\n    return 2\n\n# rest of the code remains the same",
    "def f():\n    return 2\n# ...",
    "class A:\n    # The rest of the class is unchanged\n    pass",
    "def f():\n    return 3\n\n# same as before",
]


@pytest.mark.parametrize("code", ELIDED)
def test_a_change_that_leaves_parts_out_is_not_run_beside_the_program(code: str) -> None:
    answer = read(f"{WHOLE}\nChange it:\n\n{py(code)}")
    assert runs(answer) == [RUN]
    assert reasons(answer) == ["it leaves parts of the program out"]
    named = read(f"{file('main.py', 'print(1)')}\nChange it:\n\n{file('main.py', code)}")
    assert runs(named) == [("python", "print(1)")]
    assert read(py(code)).blocks != ()  # alone it is all there is


@pytest.mark.parametrize(
    "comment",
    [
        "# Stop when the centers remain unchanged",
        "# the quantity remains the same",
        "# same as before: extend the run",
        "# Back up existing code before changing it",
        "x = [2, 3]  # ...",
        "# The rest of the list is sorted",
        "# rest of the file names",
    ],
)
def test_a_comment_that_speaks_of_something_else_leaves_nothing_out(comment: str) -> None:
    code = f"def g():\n    return 2\n{comment}\nprint(g())"
    assert runs(read(WHOLE + py(code))) == [RUN, ("python", code)]


def test_a_program_that_another_block_needs_is_kept() -> None:
    assert len(read(py("def f():\n    # ...\n    return 1") + py("print(f())")).blocks) == 1


def test_what_leaves_parts_out_in_other_languages() -> None:
    assert is_elided("function f() {\n  // ... existing code ...\n}")
    assert is_elided("int f() {\n  /* ... */\n}")
    assert not is_elided("x = [1, ...]  # the ellipsis is a value")
    assert not is_elided("def f(): ...\nprint('# ok')\n# compare the file with the code")
