"""How an answer shows its Python program being run: the arguments and the input without which the program could only fail."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence, Set

from agents.answers.parts import Part, Sorted
from agents.answers.python_code import PythonCode
from agents.answers.shell_code import read_shell, without_prompts
from sandbox.packages.shell_scan import simple_commands

MOST_LINES = 10
"""How many of the answer's example runs are done."""

_SHOWS = {"echo", "printf", "cat"}
_PYTHON = ("python", "python3")
_PARSERS = {"argparse", "optparse", "getopt", "click", "typer", "fire", "docopt"}
# Words that stand for something which the user would fill in.
_PLACEHOLDER = re.compile(
    r"\.\.\.|(?:.*\b)?(?i:your).*|(?:.*/)?(?i:path[/_]to).*|-h|--help|[A-Z][A-Z_]+|(?i:arg|argument|file|filename|input|value)\d?"
)
_SIGNS = re.compile(r"[<>\[\]{}]")
_FILE = re.compile(r"(?:.*/)?[\w.-]*\.[A-Za-z]\w{0,5}")
_OUTPUT_OPTION = re.compile(r"-o|--out.*|--save.*|>>?")


def with_examples(running: Sequence[Part], found: Sorted, files: Set[str]) -> list[Part]:
    """Put the answer's example runs in the place of the program that they run, if it needs what they give it."""
    parts = list(running)
    for at, part in enumerate(parts):
        if not (part.python and part.name and found.shell):
            continue
        lines = [line for block in found.instructions for line in _runs(block, part, files)][:MOST_LINES]
        if lines:
            script = "".join(f"{line}\n" for line in lines)
            parts[at] = Part(found.shell, script, part.line, shell=read_shell(script))
            found.notes.append(f"run as the answer shows it: `{lines[0]}`" + (f" and {len(lines) - 1} more" if lines[1:] else ""))
    return parts


def _runs(block: Part, program: Part, files: Set[str]) -> Iterator[str]:
    """Yield the lines of the block that run the program with arguments or input that it reads."""
    text = without_prompts(block.text)
    if block.shell is None or "<<" in text or "\\\n" in text or program.python is None:
        return
    reads_arguments, reads_input = _reads_arguments(program.python), _reads_input(program.python)
    for line in text.splitlines():
        commands = [_words(line[each.start : each.end]) for each in simple_commands(line)]
        runs = [words for words in commands if words[:1] and words[0] in _PYTHON and words[1:2] in ([program.name], [f"./{program.name}"])]
        if len(runs) != 1 or any(words and words is not runs[0] and words[0] not in _SHOWS for words in commands):
            continue
        arguments = [word for word in runs[0][2:] if word not in ("<", ">", ">>", "2>&1")]
        given = ("<" in runs[0] or len(commands) > 1) and reads_input
        if (given or (arguments and reads_arguments)) and _is_concrete(runs[0][2:], files):
            yield line.partition(" #")[0].strip()


def _is_concrete(words: Sequence[str], files: Set[str]) -> bool:
    """Whether the words are meant as they stand, and the files among them are there."""
    for before, word in zip(["", *words], words, strict=False):
        if word in ("<", ">", ">>"):
            continue
        if before == "<" and word not in files:
            return False
        if (
            _PLACEHOLDER.fullmatch(word)
            or _SIGNS.search(word)
            or (_FILE.fullmatch(word) and word not in files and not _OUTPUT_OPTION.fullmatch(before))
        ):
            return False
    return True


def _reads_arguments(code: PythonCode) -> bool:
    if {name.partition(".")[0] for name in code.imports} & _PARSERS or "sys.argv" in code.imports:
        return True
    return any(isinstance(node, ast.Attribute) and node.attr == "argv" for node in ast.walk(code.tree))


def _reads_input(code: PythonCode) -> bool:
    return any(
        (isinstance(node, ast.Name) and node.id == "input") or (isinstance(node, ast.Attribute) and node.attr == "stdin")
        for node in ast.walk(code.tree)
    )


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="<>")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return []
