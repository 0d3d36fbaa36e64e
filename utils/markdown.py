"""Finds the fenced code blocks in a model's Markdown answer by CommonMark's rules.

Five things go beyond CommonMark, because models do them all the time:
- thoughts (`<think>` … `</think>`, or between other marks) are no part of the answer;
- a ``` at the start of a line inside a Python docstring or a shell here-document does not end the program, as long as the longer reading
  is a whole program;
- a ```markdown fence ends where the fences inside it are balanced, so that the examples in a README are not run;
- a closing fence may be followed by a stop token or by prose;
- a tag such as `<answer>` or `<details>` on the line before a fence does not hide it; comments and `<pre>` do.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence, html_block
from markdown_it.token import Token

from utils.labels import MARKDOWN, canonical, language_of
from utils.thoughts import LONE_CLOSING, OPENING, closing_of

FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)[`~]*(.*)$", re.MULTILINE)
_STOP_TOKENS = re.compile(r"(?:\s*(?:<\|[^<>\n]+>|</?[\w-][\w|-]*>|<｜[^｜\n]*｜>|\[/?[A-Z_]+\]))+\s*")
_MID_LINE = re.compile(r"[A-Za-z*_][^`\n]*[^`\s][ \t]*(`{3,})[ \t]*([\w.+#-]+)[ \t]*")
_MARKS = re.compile(r"\A[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?")
# HTML that hides its content; every other tag is the model's way of dividing its answer.
_HIDING = re.compile(r"<(?:!|\?|(?:script|pre|style|textarea)(?=[\s>]|$))", re.IGNORECASE)
# The readings beyond CommonMark look ahead; these bounds keep a hostile answer from making that slow.
_LOOKAHEAD_LINES = 100_000
_LOOKAHEAD_PARSES = 50
_LOOKAHEAD_CHARS = 100_000
_EARLY_ENDS = 100

OpenString = Callable[[str], bool]
"""Whether a shell script ends inside a here-document."""


def normal(text: str) -> str:
    """Give the text the line ends, the last line end and the NUL replacement that the parser would give it, so that offsets agree."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return text if text.endswith("\n") else text + "\n"


def parse(
    source: str, aliases: Mapping[str, str], open_string: OpenString = lambda script: False
) -> tuple[list[Token], list[tuple[int, int]], bool]:
    """Return the block tokens, the spans of thoughts in source, and whether the last thought is unfinished."""
    lone = LONE_CLOSING.search(source)
    opening = OPENING.search(source)
    if lone is None or (opening and opening.start() < lone.start()):
        return _parse_behind(source, aliases, open_string, 0)
    whole = _parse_behind(source, aliases, open_string, 0)
    if _in_program(whole[0], source, lone.end()):
        return whole
    return _parse_behind(source, aliases, open_string, lone.end())


def _parse_behind(
    source: str, aliases: Mapping[str, str], open_string: OpenString, thought: int
) -> tuple[list[Token], list[tuple[int, int]], bool]:
    """Parse a source whose first characters, as many as given, are a thought."""
    env: dict[str, Any] = {
        "aliases": aliases,
        "open_string": open_string,
        "thought": thought,
        "thoughts": [],
        "unfinished": False,
        "lines": _LOOKAHEAD_LINES,
        "parses": _LOOKAHEAD_PARSES,
        "early": _EARLY_ENDS,
    }
    tokens = _parser().parse(source, env)
    return tokens, env["thoughts"], env["unfinished"]


def _in_program(tokens: list[Token], source: str, position: int) -> bool:
    """Tell whether the position is in a closed block, rather than in one that a thought left open and the answer closed."""
    line = source.count("\n", 0, position)
    for token in tokens:
        start, end = token.map or (0, 0)
        if token.type == "fence" and start < line < end - 1:
            behind = [source[position:].split("\n", 1)[0], *token.content.split("\n")[line - start :]]
            opened = any(found[1].strip() for found in map(FENCE_LINE.match, behind) if found)
            return bool(token.meta["closed"]) and not opened
    return False


def blank(source: str, spans: list[tuple[int, int]]) -> str:
    """Replace the spans by spaces, keeping line ends and offsets."""
    kept, position = [], 0
    for start, end in spans:
        kept.append(source[position:start])
        kept.append("\n".join(" " * len(line) for line in source[start:end].split("\n")))
        position = end
    return "".join([*kept, source[position:]])


@cache
def _parser() -> MarkdownIt:
    # Inline text is not wanted. Link references only hide lines from us, and long lists of them take quadratic time.
    parser = MarkdownIt("commonmark").disable(["inline", "text_join", "reference"])
    parser.block.ruler.before("code", "thoughts", _thoughts_rule, {"alt": ["paragraph", "blockquote", "list"]})
    parser.block.ruler.at("fence", _fence_rule, {"alt": ["paragraph", "blockquote", "list"]})
    parser.block.ruler.at("html_block", _html_rule, {"alt": ["paragraph", "blockquote"]})
    return parser


def _thoughts_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Consume thoughts that open at the start of a line outside code; text behind a closing mark is read as a line of its own."""
    position = behind = state.bMarks[start] + state.tShift[start]
    in_code = state.is_code_block(start) and position >= state.env["thought"]
    if state.level or in_code or not _opens(state, position):
        return False
    if silent:
        return True
    closed = position
    while _opens(state, behind) and not state.env["unfinished"]:
        closed = _close_thought(state, behind)
        behind = state.skipSpaces(closed)
    line = end if state.env["unfinished"] else start + state.src.count("\n", position, closed)
    if line < end:
        state.bMarks[line] = closed
        state.tShift[line] = state.sCount[line] = behind - closed
    state.line = line
    # On one line the parser must see progress: let the other rules read what is left of it.
    if line == start and state.isEmpty(line):
        state.line = start + 1
    return state.line > start


def _opens(state: StateBlock, position: int) -> bool:
    return position < state.env["thought"] or OPENING.match(state.src, position) is not None


def _close_thought(state: StateBlock, position: int) -> int:
    """Note the thought that opens at the position; return where it ends."""
    closed = state.env["thought"]
    if position >= closed and (opening := OPENING.match(state.src, position)):
        closing = closing_of(opening).search(state.src, opening.end())
        state.env["unfinished"] = closing is None
        closed = closing.end() if closing else len(state.src)
    state.env["thoughts"].append((position, closed))
    return int(closed)


def _html_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read HTML as CommonMark does if it is of the kind that hides its content."""
    position = state.bMarks[start] + state.tShift[start]
    return _HIDING.match(state.src, position, state.eMarks[start]) is not None and html_block(state, start, end, silent)


def _fence_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a fence as CommonMark does, note whether it is closed, then look for a better end."""
    if not fence(state, start, end, silent) and not _opens_mid_line(state, start, end, silent):
        return False
    if silent:
        return True
    token = state.tokens[-1]
    inner = token.content.count("\n")
    token.meta["closed"] = state.line == start + inner + 2
    early = _closed_with_words(state, token, start)
    if early is not None:
        _end_at(state, token, start, early)
    if not token.meta["closed"]:
        return True
    better = _better_end(state, token, start, end)
    if better is not None:
        _end_at(state, token, start, better)
    return True


def fence_mid_line(line: str, aliases: Mapping[str, str]) -> tuple[str, str]:
    """Return the sign and the language of a fence that is meant to open at the end of a line of prose; two "" if there is none.

    A mark of a list or a quotation at the beginning of the line is no part of the prose.
    """
    found = _MID_LINE.fullmatch(_MARKS.sub("", line, count=1))
    return (found[1], found[2]) if found and canonical(found[2].lower(), aliases) else ("", "")


def _opens_mid_line(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read `Here it is: ```python` at the end of a line as the opening fence that is meant."""
    position, limit = state.bMarks[start] + state.tShift[start], state.eMarks[start]
    sign, _ = fence_mid_line(state.src[position:limit], state.env["aliases"])
    if not sign or state.is_code_block(start):
        return False
    if not silent:
        state.bMarks[start] = state.src.rindex(sign, position, limit)
        state.tShift[start] = state.sCount[start] = 0
    return silent or fence(state, start, end, silent)


def _end_at(state: StateBlock, token: Token, start: int, line: int) -> None:
    token.content = _content(state, start, line)
    token.map = [start, line + 1]
    token.meta["closed"] = True
    state.line = line + 1


def _closed_with_words(state: StateBlock, token: Token, start: int) -> int | None:
    """Return the line that closes the block although a stop token or prose follows the fence on it."""
    is_python = canonical(language_of(token.info), state.env["aliases"]) == "python"
    for line, info in _fence_lines(state, token, start + 1, state.line):
        words = info.split()
        is_token = _STOP_TOKENS.fullmatch(info) is not None
        # One word, or a language before others, opens a fence just as likely.
        is_prose = len(words) > 1 and not canonical(words[0].lower(), state.env["aliases"]) and "=" not in info and info[0] not in "{["
        if not (is_token or is_prose) or state.env["early"] <= 0:
            continue
        state.env["early"] -= 1
        if is_token or not token.meta["closed"]:
            return line
        if is_python and _python_fault(state, token.content) and not _python_fault(state, _content(state, start, line)):
            return line
    return None


def _better_end(state: StateBlock, token: Token, start: int, end: int) -> int | None:
    name = language_of(token.info)
    language = canonical(name, state.env["aliases"])
    if language == "python":
        return _whole_program(state, token, start, end)
    if language and language == state.env["aliases"].get("sh"):
        return _whole_script(state, token, start, end)
    return _balanced(state, token, start, end) if name in MARKDOWN else None


def _content(state: StateBlock, start: int, closing: int) -> str:
    return state.getLines(start + 1, closing, state.sCount[start], True)


def _fence_lines(state: StateBlock, token: Token, line: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield line number and info string of each line from here on that could close the fence or open one inside it."""
    for number in range(line, end):
        state.env["lines"] -= 1
        position, limit = state.bMarks[number] + state.tShift[number], state.eMarks[number]
        outside = position < limit and state.sCount[number] < state.blkIndent
        if outside or state.env["lines"] < 0:
            return
        if state.is_code_block(number) or not state.src.startswith(token.markup, position, limit):
            continue
        yield number, state.src[state.skipCharsStr(position, token.markup[0]) : limit].strip()


def _whole_program(state: StateBlock, token: Token, start: int, end: int) -> int | None:
    """Return the nearest later closing line with which a program that breaks off inside a triple-quoted string becomes whole.

    This cannot swallow a program that would have run: a program whose triple quotes are balanced leaves the string open.
    """
    if not ('"""' in token.content or "'''" in token.content) or _python_fault(state, token.content) != "open string":
        return None
    for line, info in _fence_lines(state, token, state.line, end):
        if state.env["parses"] <= 0:
            return None
        if not info and _python_fault(state, _content(state, start, line)) == "":
            return line
    return None


def _whole_script(state: StateBlock, token: Token, start: int, end: int) -> int | None:
    """Return the nearest later closing line with which a script that breaks off inside a here-document becomes whole."""
    for line, info in [(state.line, ""), *_fence_lines(state, token, state.line, end)]:
        content = token.content if line == state.line else _content(state, start, line)
        state.env["parses"] -= 1
        if state.env["parses"] < 0 or len(content) > _LOOKAHEAD_CHARS:
            return None
        if not info and not state.env["open_string"](content):
            return None if line == state.line else line
    return None


def _python_fault(state: StateBlock, code: str) -> str:
    """Say what keeps the code from being whole: "" for nothing, "open string" for a triple-quoted string, "other" for all else."""
    state.env["parses"] -= 1
    if state.env["parses"] < 0 or len(code) > _LOOKAHEAD_CHARS:
        return "other"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(code)
        except SyntaxError as error:
            return "open string" if "unterminated triple-quoted" in str(error.msg) else "other"
        except (ValueError, MemoryError, RecursionError):
            return "other"
    return ""


def _balanced(state: StateBlock, token: Token, start: int, end: int) -> int | None:
    """Return the line that closes a fence when fences with an info string inside it are taken to open a level of their own."""
    depth = 0
    for line, info in _fence_lines(state, token, start + 1, end):
        if info:
            depth += "`" not in info
        elif depth == 0:
            return line
        else:
            depth -= 1
    return None


def without_stop_tokens(text: str) -> str:
    """Return the text without the tokens by which some models' answers end."""
    found = re.search(rf"(?:{_STOP_TOKENS.pattern})\Z", text[-200:])
    return text[: len(text) - len(found[0])] if found else text
