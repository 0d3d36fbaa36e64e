"""How an answer shows its program being run: what is done as it is shown, and what is only read."""

from __future__ import annotations

import pytest

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES
from tests.test_answers import fenced, file, names, py, reasons, runs, sh
from utils.code_blocks import Answer

ARGUMENTS = "import sys\nprint(int(sys.argv[1]) * 2)"
PARSER = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('a')\nprint(parser.parse_args().a)"
COMMANDS = (
    "import argparse\nparser = argparse.ArgumentParser()\nkinds = parser.add_subparsers(dest='kind')\n"
    "kinds.add_parser('add').add_argument('what')\nkinds.add_parser('list')\nprint(parser.parse_args())"
)
GIVES_UP = "import sys\nif len(sys.argv) != 2:\n    print('usage')\n    sys.exit(1)\nprint(sys.argv[1])"
DEFAULT = "import sys\nn = int(sys.argv[1]) if len(sys.argv) > 1 else 3\nprint(n)"
OPTION = "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--n', default=3)\nprint(parser.parse_args().n)"
INPUT = "print(int(input()) * 2)"


def read(text: str) -> Answer:
    return read_answer(text, ALIASES)


@pytest.mark.parametrize(
    ("code", "commands", "lines"),
    [
        (ARGUMENTS, "python main.py 5", ["python main.py 5"]),
        (ARGUMENTS, "# Double 5:\npython3 ./main.py 5  # prints 10", ["python3 ./main.py 5"]),
        (ARGUMENTS, "pip install rich\npython main.py 5", ["python main.py 5"]),
        (ARGUMENTS, "$ python main.py 5\n10", ["python main.py 5"]),
        (ARGUMENTS, 'python main.py "5 # five"', ['python main.py "5 # five"']),
        (ARGUMENTS, "python main.py x  # an error\npython main.py 5", ["python main.py 5"]),
        (ARGUMENTS, "python main.py 5\npython main.py 6", ["python main.py 5"]),
        (GIVES_UP, "python main.py 5", ["python main.py 5"]),
        (PARSER, "python main.py --size=3 'two words'", ["python main.py --size=3 'two words'"]),
        (COMMANDS, "python main.py add 'Buy milk'\npython main.py list", ["python main.py add 'Buy milk'", "python main.py list"]),
        (PARSER, "python main.py x -o result.txt", ["python main.py x -o result.txt"]),
        ("import click\n@click.command()\n@click.argument('n')\ndef f(n):\n    print(n)\nf()", "python main.py 5", ["python main.py 5"]),
        (INPUT, "echo 5 | python main.py", ["echo 5 | python main.py"]),
        ("import sys\nprint(sys.stdin.read())", "printf 'a\\nb\\n' | python main.py", ["printf 'a\\nb\\n' | python main.py"]),
    ],
)
@pytest.mark.parametrize("label", ["bash", "", "console"])
def test_a_program_that_needs_arguments_or_input_is_run_as_the_answer_shows_it(
    code: str, commands: str, lines: list[str], label: str
) -> None:
    answer = read(f"{py(code)}\nRun it:\n\n{fenced(label, commands)}")
    script = "\n".join(["set -e", *lines] if len(lines) > 1 else lines)
    assert runs(answer)[-1] == ("sh", script)
    assert [(each.name, each.text) for each in answer.blocks[-1].files] == [("main.py", f"{code}\n")]
    shown = f"run as the answer shows it: `{lines[0]}`" + (f" and {len(lines) - 1} more" if lines[1:] else "")
    assert answer.notes[-1] == shown


@pytest.mark.parametrize(
    ("code", "commands"),
    [
        ("print(1)", "python main.py 5"),  # it reads no arguments
        (ARGUMENTS, "python main.py"),
        (ARGUMENTS, "python main.py 5 > out.txt"),  # nothing would be seen of it
        (ARGUMENTS, "python main.py 5 &"),
        (ARGUMENTS, "python main.py /data/documents"),
        (ARGUMENTS, "python main.py ~/documents"),
        (ARGUMENTS, "python main.py $HOME"),
        (ARGUMENTS, "python main.py C:\\Users"),
        (ARGUMENTS, "python main.py '*'"),
        (ARGUMENTS, "python main.py . --delete"),
        (ARGUMENTS, "python main.py --version"),
        (ARGUMENTS, "python main.py x  # raises an error"),
        (DEFAULT, "python main.py 5"),  # it can do without
        (OPTION, "python main.py --n 5"),
        (ARGUMENTS, "python main.py <number>"),
        (ARGUMENTS, "python main.py [options] N"),
        (ARGUMENTS, "python main.py NUMBER"),
        (ARGUMENTS, "python main.py path/to/number"),
        (ARGUMENTS, "python main.py your_number"),
        (ARGUMENTS, "python main.py --help"),
        (ARGUMENTS, "python main.py numbers.csv"),  # there is no such file
        (INPUT, "python main.py < numbers.txt"),
        (INPUT, "python main.py 5"),
        (ARGUMENTS, "cd project && python main.py 5"),
        (ARGUMENTS, "python other.py 5\npython main.py"),
        (ARGUMENTS, "node main.py 5"),
    ],
)
def test_what_stands_for_something_else_is_not_handed_to_the_program(code: str, commands: str) -> None:
    answer = read(f"{file('main.py', code)}\nRun it:\n\n{sh(commands)}")
    assert runs(answer) == [("python", code)]
    assert [block.name for block in answer.blocks] == ["main.py"]
    assert reasons(answer) == ["it says how to run the program"]


def test_a_file_of_the_answer_may_be_an_argument() -> None:
    data = f"**numbers.csv**\n\n{fenced('csv', '1,2')}\n"
    answer = read(f"{data}{file('main.py', 'import sys', 'print(open(sys.argv[1]).read())')}{sh('python main.py numbers.csv')}")
    assert runs(answer) == [("sh", "python main.py numbers.csv")]
    assert [each.name for each in answer.blocks[0].files] == ["numbers.csv", "main.py"]


def test_of_many_examples_the_first_are_run() -> None:
    answer = read(f"{file('main.py', COMMANDS)}{sh(*[f'python main.py add {number}' for number in range(30)])}")
    assert runs(answer) == [("sh", "\n".join(["set -e", *[f"python main.py add {number}" for number in range(10)]]))]


def test_without_a_shell_the_program_is_run_as_it_is() -> None:
    answer = read_answer(f"{file('main.py', ARGUMENTS)}{sh('python main.py 5')}", {"python": "python", "py": "python"})
    assert [block.language for block in answer.blocks] == ["python"]


@pytest.mark.parametrize(
    ("label", "code", "commands", "name"),
    [
        ("javascript", "console.log(1)", "node app.js", "app.js"),
        ("typescript", "console.log(1)", "npx tsx src/app.ts", "src/app.ts"),
        ("ruby", "puts 1", "ruby count.rb", "count.rb"),
        ("c", "int main(void) { return 0; }", "gcc -o count count.c -lm\n./count", "count.c"),
        ("go", "package main\nfunc main() {}", "go run count.go", "count.go"),
        ("bash", "for i in 1 2; do echo $i > $i.txt; done", "chmod +x count.sh\n./count.sh", "count.sh"),
        ("python", "print(1)", "python count.py", "count.py"),
    ],
)
def test_a_program_gets_the_name_under_which_the_instructions_run_it(label: str, code: str, commands: str, name: str) -> None:
    answer = read(f"{fenced(label, code)}\nRun it:\n\n{fenced('console', commands)}")
    assert names(answer) == [name]
    assert [block.name for block in answer.blocks] == [name]
    assert answer.notes == (f"stored as {name}: the answer runs it under that name",)
