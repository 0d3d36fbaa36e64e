"""Programs without a fence, and what models send instead of a program."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from agents.answers.mistaken import language_by_shebang, language_by_sign
from agents.answers.parts import Part, make_part
from agents.answers.python_code import MOST_CHARACTERS, read_python
from agents.answers.signs import outside_strings, unescaped
from utils.code_blocks import Fence, SkippedBlock
from utils.labels import canonical
from utils.markdown import without_stop_tokens

NO_TOOLS = "there are no tools here: send the program in a fenced block"
NO_FENCE = "the code is in the text, without a fence: send the program in a fenced block"
IN_TAG = "run as Python: the program is between tags instead of fences"
BARE = "run as Python: the answer is a program without a fence"
BARE_OTHER = "run as {language}: the answer is a program without a fence"

_TAG = re.compile(r"^[ \t]*(?:<pre\b[^>\n]*>)?<(code|python|execute|program|script)\b[^>\n]*>", re.MULTILINE | re.IGNORECASE)
_TOOL_TAG = re.compile(
    r"<(?:\|?tool_calls?|function_calls?|function=|invoke\b|tool_use|\|python_tag)|\[TOOL_CALLS\]|<｜tool", re.IGNORECASE
)
_TOOL_NAMES = ("name", "function", "tool", "tool_name", "action", "recipient_name", "tool_calls", "function_call")
_TOOL_VALUES = ("arguments", "parameters", "args", "input", "action_input", "tool_input", "tool_calls", "function_call", "function")
_CODE_LINE = re.compile(r"def \w+\(.*:|class \w+.*:|import [\w., ]+|from [\w.]+ import .+")
_CODE_BEGINS = re.compile(
    r"#include|package main|<\?php|import java|public class|(?:const|let|var|function|import|for|while|if|use|fn|//|/\*)\b"
)
_CODE_ENDS = ("}", ";", ")", "?>", "done", "fi")
_LAST_FENCE = re.compile(r"\n[ \t]*`{3,}[ \t]*\Z")


def unfenced(prose: Sequence[str], aliases: Mapping[str, str]) -> tuple[Part, str] | None:
    """Return the program of an answer that has no fence at all, and how it was found."""
    text = "\n".join(prose)
    python = aliases.get("python", "")
    tagged = [found for found in _tagged(text) if _is_program(found[1])] if python else []
    if tagged:
        line = text.count("\n", 0, tagged[0][0]) + 1
        return make_part(python, "\n\n".join(code for _, code in tagged), line, "", aliases), IN_TAG
    first = next((number for number, line in enumerate(prose) if line.strip()), 0)
    bare = _LAST_FENCE.sub("", without_stop_tokens("\n".join(prose[first:]).rstrip())).rstrip() + "\n"
    if canonical(bare.split("\n", 1)[0].strip().lower(), aliases):
        first, bare = first + 1, bare.partition("\n")[2]
    language = language_by_shebang(bare, aliases)
    if language:
        return make_part(language, bare, first + 1, "", aliases), f"run as {language}: its first line says so"
    bare = textwrap.dedent(bare) if bare[:1].isspace() else bare
    if python and _is_program(bare):
        return make_part(python, bare, first + 1, "", aliases), BARE
    language = language_by_sign(bare, aliases) if _CODE_BEGINS.match(bare) and bare.rstrip().endswith(_CODE_ENDS) else ""
    return (make_part(language, bare, first + 1, "", aliases), BARE_OTHER.format(language=language)) if language else None


def instead_of_a_program(prose: Sequence[str], fences: Sequence[Fence]) -> SkippedBlock | None:
    """Name what the answer holds instead of a program: a call of a tool, or code in the text."""
    text = "\n".join(prose)
    found = _TOOL_TAG.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else 0
    whole = [(fence.line, fence.text) for fence in fences] or [(1, text)]
    line = line or next((line for line, written in whole if _is_call(written)), 0)
    if line:
        return SkippedBlock("", line, NO_TOOLS)
    line = next((number for number, written in enumerate(prose, 1) if _CODE_LINE.fullmatch(written.strip()) and _parses(written)), 0)
    return SkippedBlock("", line, NO_FENCE) if line and not fences else None


def _is_program(code: str) -> bool:
    parsed = read_python(code)
    return parsed is not None and parsed.is_program


def _tagged(text: str) -> Iterator[tuple[int, str]]:
    """Yield what is between tags that mean a program, with the place of the opening tag."""
    position = 0
    endless = set[str]()  # tags that are not closed from here on: to look for their ends again would take quadratic time
    for opening in _TAG.finditer(text):
        tag = opening[1].lower()
        if opening.start() < position or tag in endless:
            continue
        closing = re.compile(f"</{tag}>", re.IGNORECASE).search(text, opening.end())
        if closing is None:
            endless.add(tag)
            continue
        yield opening.start(), _untagged(text[opening.end() : closing.start()])
        position = closing.end()


def _untagged(text: str) -> str:
    text = textwrap.dedent(text.strip("\n")) + "\n"
    ways = (outside_strings(unescaped)(text), text, unescaped(text))
    return next((each for each in ways if read_python(each)), text)


def _is_call(text: str) -> bool:
    if len(text) > MOST_CHARACTERS or text.strip()[:1] not in ("{", "["):
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    calls = value if isinstance(value, list) else [value]
    return bool(calls) and all(
        isinstance(call, dict) and any(key in call for key in _TOOL_NAMES) and any(key in call for key in _TOOL_VALUES) for call in calls
    )


def _parses(line: str) -> bool:
    line = line.strip()
    try:
        ast.parse(f"{line} pass" if line.endswith(":") else line)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
