"""Reads the fenced code blocks out of a model's Markdown answer by CommonMark's rules.

Three things go beyond CommonMark, because models do them all the time:
- thoughts (`<think>` … `</think>`) are no part of the answer;
- a ``` at the start of a line inside a Python docstring does not end the program, as long as the longer reading is a whole program;
- a ```markdown fence ends where the fences inside it are balanced, so that the examples in a README are not run.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, fence
from markdown_it.token import Token

_OPENING = re.compile(r"<(think|thinking)>", re.IGNORECASE)
# Some servers swallow the opening tag. The closing one then counts at the start or the end of a line only: programs mention it elsewhere.
_LONE_CLOSING = re.compile(r"^[ \t]*</(?:think|thinking)>|</(?:think|thinking)>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_LANGUAGE = re.compile(r"[{\s.]*([^\s{}.,:;()\[\]=][^\s{},:;()\[\]=]*)")
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~)[`~]*(.*)$", re.MULTILINE)
_MARKDOWN = ("markdown", "md", "mdx")
_TRANSCRIPTS = ("pycon", "console", "output", "text", "txt", "plaintext", "plain", "stdout", "stderr", "log", "terminal", "doctest")
# The two readings beyond CommonMark look ahead; these bounds keep a hostile answer from making that slow.
_LOOKAHEAD_LINES = 100_000
_LOOKAHEAD_PARSES = 50
_LOOKAHEAD_CHARS = 100_000


@dataclass(frozen=True)
class CodeBlock:
    """A program in an answer: canonical language, code, and the 1-based line of its opening fence."""

    language: str
    code: str
    line: int


@dataclass(frozen=True)
class SkippedBlock:
    """A block that is not run: language as written, the 1-based line of its opening fence, and why, for the person."""

    language: str
    line: int
    reason: str


@dataclass(frozen=True)
class Answer:
    """What an answer holds: programs in order, blocks left out, whether it breaks off, and its last line ("" where it ends in code)."""

    blocks: tuple[CodeBlock, ...]
    skipped: tuple[SkippedBlock, ...]
    cut: bool
    last_line: str


def read_answer(text: str, aliases: Mapping[str, str]) -> Answer:
    """Read the programs out of a message; aliases map the lower-case names of languages that can be run to their canonical names."""
    source = _normal(text)
    tokens, thoughts, unfinished = _parse(source, aliases)
    lines = _blank(source, thoughts).split("\n")
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    blocks: list[CodeBlock] = []
    skipped: list[SkippedBlock] = []
    cut = unfinished
    ends_in_code = False
    for token in tokens:
        start, end = token.map or (0, 0)
        ends_in_code |= token.type in ("fence", "code_block") and start <= last < end
        if token.type in ("code_block", "html_block"):
            skipped.extend(_hidden(token))
        if token.type != "fence":
            continue
        at_end = end > last
        if at_end and not (token.meta["closed"] or token.info.strip() or token.content.strip()):
            continue  # a closing fence too many
        cut |= at_end and not token.meta["closed"]
        block = _judge(token, aliases, at_end)
        if isinstance(block, CodeBlock):
            blocks.append(block)
        else:
            skipped.append(block)
    return Answer(tuple(blocks), tuple(skipped), cut, "" if ends_in_code or last < 0 else lines[last].strip())


def without_thoughts(text: str) -> str:
    """Return the message without the model's thoughts and with \\n line ends; unchanged where it holds none."""
    source = _normal(text)
    _, thoughts, _ = _parse(source, {})
    if not thoughts:
        return text
    kept, position = [], 0
    for start, end in thoughts:
        kept.append(source[position:start])
        position = end
    return "".join([*kept, source[position:]]).strip("\n")


def split_blocks(text: str, aliases: Mapping[str, str]) -> Iterator[str | CodeBlock | SkippedBlock]:
    """Yield what a message is made of, in order: its prose as text, without the thoughts, and each fenced block."""
    source = _normal(text)
    tokens, thoughts, _ = _parse(source, aliases)
    lines = _blank(source, thoughts).split("\n")
    position = 0
    for token in tokens:
        if token.type != "fence":
            continue
        start, end = token.map or (position, position)
        prose = "\n".join(lines[position:start]).strip()
        if prose:
            yield prose
        yield _judge(token, aliases, False)
        position = end
    prose = "\n".join(lines[position:]).strip()
    if prose:
        yield prose


def _normal(text: str) -> str:
    """Give the text the line ends, the last line end and the NUL replacement that the parser would give it, so that offsets agree."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return text if text.endswith("\n") else text + "\n"


def _parse(source: str, aliases: Mapping[str, str]) -> tuple[list[Token], list[tuple[int, int]], bool]:
    """Return the block tokens, the spans of thoughts in source, and whether the last thought is unfinished."""
    lone = _LONE_CLOSING.search(source)
    opening = _OPENING.search(source)
    if lone is None or (opening and opening.start() < lone.start()):
        return _parse_behind(source, aliases, [])
    whole = _parse_behind(source, aliases, [])
    if _in_program(whole[0], source.count("\n", 0, lone.end())):
        return whole
    return _parse_behind(source, aliases, [(0, lone.end())])


def _parse_behind(
    source: str, aliases: Mapping[str, str], thoughts: list[tuple[int, int]]
) -> tuple[list[Token], list[tuple[int, int]], bool]:
    """Parse what is left when the given thoughts are left out."""
    env: dict[str, Any] = {
        "aliases": aliases,
        "thoughts": list(thoughts),
        "unfinished": False,
        "lines": _LOOKAHEAD_LINES,
        "parses": _LOOKAHEAD_PARSES,
    }
    tokens = _parser().parse(_blank(source, thoughts), env)
    return tokens, env["thoughts"], env["unfinished"]


def _in_program(tokens: list[Token], line: int) -> bool:
    """Tell whether the 0-based line stands in a closed block, rather than in one that a thought left open and the answer closed."""
    for token in tokens:
        start, end = token.map or (0, 0)
        if token.type == "fence" and start < line < end:
            behind = token.content.split("\n")[line - start :]
            opened = any(found[1].strip() for found in map(_FENCE_LINE.match, behind) if found)
            return bool(token.meta["closed"]) and not opened
    return False


def _blank(source: str, spans: list[tuple[int, int]]) -> str:
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
    return parser


def _thoughts_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Consume a thought that opens at the start of a line outside code; text behind its closing tag is read as a line of its own."""
    position = state.bMarks[start] + state.tShift[start]
    opening = _OPENING.match(state.src, position)
    if state.level or opening is None or state.is_code_block(start):
        return False
    if silent:
        return True
    closing = re.compile(f"</{opening[1]}>", re.IGNORECASE).search(state.src, opening.end())
    state.env["unfinished"] = closing is None
    state.env["thoughts"].append((position, closing.end() if closing else len(state.src)))
    if closing is None:
        state.line = end
        return True
    line = start + state.src.count("\n", position, closing.end())
    after = state.skipSpaces(closing.end())
    state.bMarks[line] = closing.end()
    state.tShift[line] = state.sCount[line] = after - closing.end()
    state.line = line
    # On one line the parser must see progress: let the other rules read what is left of it.
    if line == start and state.isEmpty(line):
        state.line = start + 1
    return state.line > start


def _fence_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a fence as CommonMark does, note whether it is closed, then look for a better end where Python or Markdown is in it."""
    if not fence(state, start, end, silent):
        return False
    if silent:
        return True
    token = state.tokens[-1]
    inner = token.content.count("\n")
    token.meta["closed"] = closed = state.line == start + inner + 2
    if not closed:
        return True
    name = _language(token.info)
    better = None
    if state.env["aliases"].get(name) == "python":
        better = _whole_program(state, token, start, end)
    elif name in _MARKDOWN:
        better = _balanced(state, token, start, end)
    if better is not None:
        token.content = _content(state, start, better)
        token.map = [start, better + 1]
        state.line = better + 1
    return True


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
        info = state.src[state.skipCharsStr(position, token.markup[0]) : limit].strip()
        if "`" not in info:
            yield number, info


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
            depth += 1
        elif depth == 0:
            return line
        else:
            depth -= 1
    return None


def _language(info: str) -> str:
    """Take the language out of an info string such as `python title="x"`, `{.python}` or `python:file.py`, in lower case."""
    match = _LANGUAGE.match(info)
    return match[1].lower() if match else ""


def _judge(token: Token, aliases: Mapping[str, str], at_end: bool) -> CodeBlock | SkippedBlock:
    written = _language(token.info)
    line = (token.map or [0])[0] + 1
    if not token.meta["closed"]:
        reason = "the block is not closed: the answer was cut" if at_end else "the block is not closed"
    elif not token.content.strip():
        reason = "the block is empty"
    elif written in aliases:
        return CodeBlock(aliases[written], token.content, line)
    elif not written:
        reason = "no language is named"
    elif written in _TRANSCRIPTS:
        reason = f"{written} is something shown, not a program"
    elif written in _MARKDOWN:
        reason = "Markdown is a text, not a program"
    else:
        reason = f"{written} programs are not run here"
    return SkippedBlock(written, line, reason)


def _hidden(token: Token) -> Iterator[SkippedBlock]:
    """Name the first fence that CommonMark does not take for one, because of where it stands."""
    found = _FENCE_LINE.search(token.content)
    if found:
        line = (token.map or [0])[0] + 1 + token.content.count("\n", 0, found.start(1))
        where = "in HTML" if token.type == "html_block" else "in a part that is indented by four spaces or more"
        yield SkippedBlock(_language(found[1]), line, f"it stands {where}")
