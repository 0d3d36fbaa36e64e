"""How an answer shows its Python program being run: the arguments and the input without which the program could only fail."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence, Set

from agents.answers.parts import Part, Sorted
from agents.answers.python_code import PythonCode, called_name
from agents.answers.shell_code import read_shell, without_prompts
from sandbox.packages.shell_scan import simple_commands

MOST_LINES = 10
"""How many of the answer's example runs are done."""

_SHOWS = {"echo", "printf", "cat"}
_PYTHON = ("python", "python3")
# Words that stand for something which the user would fill in, that lead elsewhere, or that one would not try first.
_NOT_MEANT = re.compile(
    r"\.\.\.|(?:.*\b)?(?i:your).*|(?:.*/)?(?i:path[/_]to).*|[A-Z][A-Z_]+|(?i:arg|argument|file|filename|input|value)\d?|[/~$].*|[A-Za-z]:.*"
    r"|-h|--?(?:help|version|delete|remove|force|yes|watch|daemon|serve|server|interactive|debug).*"
)
_SIGNS = re.compile(r"[<>\[\]{}*?&;$`]")
_FILE = re.compile(r"(?:.*/)?[\w.-]*\.[A-Za-z]\w{0,5}")
_OUTPUT_OPTION = re.compile(r"-o|--out.*|--save.*")
_GOES_WRONG = re.compile(r"#[^#]*\b(?:error|fail|invalid|wrong|crash|raise|exception|usage)", re.IGNORECASE)


def with_examples(running: Sequence[Part], found: Sorted, files: Set[str]) -> list[Part]:
    """Put the answer's example runs in the place of the program that they run, if it can only fail without what they give it."""
    parts = list(running)
    for at, part in enumerate(parts):
        if not (part.python and part.name and found.shell):
            continue
        needs_arguments, needs_input = _needs_arguments(part.python), _needs_input(part.python)
        if not (needs_arguments or needs_input):
            continue
        shown = [line for block in found.instructions for line in _runs(block, part, files)]
        lines = [
            line for line, has_arguments, has_input in shown if (has_arguments or not needs_arguments) and (has_input or not needs_input)
        ]
        if not lines:
            continue
        # Commands of one tool go on from each other; of other programs one example says as much as many.
        lines = lines[:MOST_LINES] if _has_commands(part.python) else lines[:1]
        script = "".join(f"{line}\n" for line in (["set -e", *lines] if lines[1:] else lines))
        parts[at] = Part(found.shell, script, part.line, shell=read_shell(script))
        found.notes.append(f"run as the answer shows it: `{lines[0]}`" + (f" and {len(lines) - 1} more" if lines[1:] else ""))
    return parts


def _runs(block: Part, program: Part, files: Set[str]) -> Iterator[tuple[str, bool, bool]]:
    """Yield the lines of the block that run the program as they stand, and whether they give it arguments and input."""
    text = without_prompts(block.text)
    if block.shell is None or "<<" in text or "\\\n" in text:
        return
    for line in text.splitlines():
        found = list(simple_commands(line))
        commands = [_words(line[each.start : each.end]) for each in found]
        runs = [words for words in commands if words[:1] and words[0] in _PYTHON and words[1:2] in ([program.name], [f"./{program.name}"])]
        if len(runs) != 1 or any(words is not runs[0] and words[:1] and words[0] not in _SHOWS for words in commands):
            continue
        end = found[-1].end
        if _GOES_WRONG.search(line[end:]) or line[end:].strip()[:1] == "&" or not _is_meant(runs[0][2:], files):
            continue
        yield line[:end].strip(), bool([word for word in runs[0][2:] if word != "<"]), "<" in runs[0] or len(commands) > 1


def _is_meant(words: Sequence[str], files: Set[str]) -> bool:
    """Whether the words are meant as they stand, and the files among them are there."""
    for before, word in zip(["", *words], words, strict=False):
        if before == "<" and word not in files:
            return False
        if word == "<":
            continue
        if _NOT_MEANT.fullmatch(word) or _SIGNS.search(word):
            return False
        if _FILE.fullmatch(word) and word not in files and not _OUTPUT_OPTION.fullmatch(before):
            return False
    return True


def _needs_arguments(code: PythonCode) -> bool:
    """Whether the program ends with an error or with its usage if it gets no arguments, as far as its text tells."""
    calls = [node for node in ast.walk(code.tree) if isinstance(node, ast.Call)]
    if any(_is_required(call) for call in calls):
        return True
    reads = any(isinstance(node, ast.Subscript) and _is_argv(node.value) for node in ast.walk(code.tree))
    tests = [node for node in ast.walk(code.tree) if isinstance(node, (ast.If, ast.IfExp)) and any(map(_is_argv, ast.walk(node.test)))]
    return reads and (not tests or any(isinstance(node, ast.If) and _gives_up(node) for node in tests))


def _is_required(call: ast.Call) -> bool:
    """Whether a call declares an argument that has to be given."""
    name = called_name(call)
    given = {each.arg: getattr(each.value, "value", None) for each in call.keywords}
    first = getattr(call.args[0], "value", "") if call.args else ""
    if name == "add_argument":
        is_option = isinstance(first, str) and first.startswith("-")
        return given.get("required") is True or (not is_option and given.get("nargs") not in ("?", "*") and "default" not in given)
    return name == "add_subparsers" or (name == "argument" and given.get("required") is not False and "default" not in given)


def _gives_up(node: ast.If) -> bool:
    """Whether one way of a branch ends the program or the function."""
    for each in (inner for statement in [*node.body, *node.orelse] for inner in ast.walk(statement)):
        name = called_name(each) if isinstance(each, ast.Call) else ""
        if isinstance(each, (ast.Return, ast.Raise)) or name in ("exit", "quit", "_exit"):
            return True
    return False


def _is_argv(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == "argv") or (isinstance(node, ast.Name) and node.id == "argv")


def _has_commands(code: PythonCode) -> bool:
    """Whether the first argument is the name of a command."""
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("add_subparsers", "group", "command")
        for node in ast.walk(code.tree)
    )


def _needs_input(code: PythonCode) -> bool:
    return any(
        (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "input")
        or (isinstance(node, ast.Attribute) and node.attr == "stdin")
        for node in ast.walk(code.tree)
    )


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="<>")
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:
        return []
