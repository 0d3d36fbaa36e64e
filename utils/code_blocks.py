"""The fenced code blocks of a model's Markdown answer, and what an answer holds once it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from utils.labels import canonical, language_of, why_not_run
from utils.markdown import FENCE_LINE, OpenString, blank, normal, parse

_ONE_LINE = re.compile(r"[ \t]*(?P<fence>`{3,})(?P<label>[A-Za-z][\w+#.-]*)[ \t]+(?P<code>[^`\s][^`]*)(?P=fence)[ \t]*")


@dataclass(frozen=True)
class StoredFile:
    """A file of an answer: its name relative to the working folder, its text, and the 1-based line of its opening fence."""

    name: str
    text: str
    line: int


@dataclass(frozen=True)
class CodeBlock:
    """A program in an answer: canonical language, code, and the 1-based line of its opening fence.

    `name` is the file that it is stored as ("" for the language's own); `files` are stored beside it before it runs.
    """

    language: str
    code: str
    line: int
    name: str = ""
    files: tuple[StoredFile, ...] = ()


@dataclass(frozen=True)
class SkippedBlock:
    """A block that is not run: language as written, the 1-based line of its opening fence, and why, for the user."""

    language: str
    line: int
    reason: str


@dataclass(frozen=True)
class Answer:
    """What an answer holds: programs in order, blocks left out, whether it breaks off, and its last line ("" if it ends in code).

    `files` are all files that it names, `notes` the guesses made in reading it, and `modules` the Python modules that it brings along.
    """

    blocks: tuple[CodeBlock, ...]
    skipped: tuple[SkippedBlock, ...]
    cut: bool
    last_line: str
    files: tuple[StoredFile, ...] = ()
    notes: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fence:
    """A fenced block as written: what follows the opening fence, its text, its place, and the prose lines since the block before it."""

    info: str
    text: str
    line: int  # of the opening fence, from 1
    closed: bool
    last: bool  # nothing follows it
    before: tuple[str, ...]


@dataclass(frozen=True)
class Markdown:
    """An answer's blocks, what hides further blocks, its prose lines, whether it breaks off, and its last line ("" if it ends in code)."""

    fences: tuple[Fence, ...]
    hidden: tuple[SkippedBlock, ...]
    prose: tuple[str, ...]
    cut: bool
    last_line: str


def read_markdown(text: str, aliases: Mapping[str, str], open_string: OpenString = lambda script: False) -> Markdown:
    """Find the fenced blocks of a message; aliases map the lower-case names of languages that can be run to their canonical names."""
    source = normal(text)
    tokens, thoughts, cut = parse(source, aliases, open_string)
    lines = blank(source, thoughts).split("\n")
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    fences: list[Fence] = []
    hidden: list[SkippedBlock] = []
    prose: list[str] = []
    ends_in_code = False
    position = 0
    for token in tokens:
        start, end = token.map or (0, 0)
        ends_in_code |= token.type in ("fence", "code_block") and start <= last < end
        if token.type in ("code_block", "html_block"):
            hidden.extend(_hidden(token))
        if token.type != "fence":
            continue
        before, position = lines[position:start], end
        prose += [*before, *[""] * (end - start)]  # lines keep their numbers
        at_end = end > last
        if at_end and not (token.meta["closed"] or token.info.strip() or token.content.strip()):
            continue  # a closing fence too many
        cut |= at_end and not token.meta["closed"]
        fences.append(Fence(token.info, token.content, start + 1, token.meta["closed"], at_end, tuple(before)))
    prose += lines[position:]
    fences += [] if fences else _in_one_line(lines, aliases)
    return Markdown(tuple(fences), tuple(hidden), tuple(prose), cut, "" if ends_in_code or last < 0 else lines[last].strip())


def _in_one_line(lines: Sequence[str], aliases: Mapping[str, str]) -> Iterator[Fence]:
    """Yield the blocks whose fences and code stand on one line, which CommonMark takes for code in a sentence."""
    for number, line in enumerate(lines):
        found = _ONE_LINE.fullmatch(line)
        if found and canonical(found["label"].lower(), aliases):
            yield Fence(found["label"], f"{found['code'].rstrip()}\n", number + 1, True, False, tuple(lines[:number]))


def split_blocks(
    text: str, aliases: Mapping[str, str], open_string: OpenString = lambda script: False
) -> Iterator[str | CodeBlock | SkippedBlock]:
    """Yield what a message is made of, in order: its prose as text, without the thoughts, and each fenced block."""
    found = read_markdown(text, aliases, open_string)
    position = 0
    for fence in found.fences:
        if prose := "\n".join(found.prose[position : fence.line - 1]).strip():
            yield prose
        yield judge(fence, aliases)
        position = fence.line
    if prose := "\n".join(found.prose[position:]).strip():
        yield prose


def unusable(fence: Fence) -> str:
    """Say why the block cannot be used, whatever it is; "" if it can."""
    if not fence.closed:
        return "the block is not closed: the answer was cut" if fence.last else "the block is not closed"
    return "" if fence.text.strip() else "the block is empty"


def judge(block: Fence, aliases: Mapping[str, str]) -> CodeBlock | SkippedBlock:
    """Say what a block is by its label alone."""
    label = language_of(block.info)
    reason = unusable(block) or ("" if canonical(label, aliases) else why_not_run(label))
    return SkippedBlock(label, block.line, reason) if reason else CodeBlock(canonical(label, aliases), block.text, block.line)


def _hidden(token: Token) -> Iterator[SkippedBlock]:
    """Name the first fence that CommonMark does not take for one, because of what is around it."""
    found = FENCE_LINE.search(token.content)
    if found:
        line = (token.map or [0])[0] + 1 + token.content.count("\n", 0, found.start(1))
        where = "inside HTML" if token.type == "html_block" else "indented by four spaces or more"
        yield SkippedBlock(language_of(found[1]), line, f"it is {where}")
