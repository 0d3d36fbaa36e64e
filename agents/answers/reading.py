"""What an answer of the model holds: its programs in the order in which they run, its files, and what is left out, with the reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.answers.file_names import named_by_task, own_modules
from agents.answers.forms import instead_of_a_program, unfenced
from agents.answers.joining import join_parts
from agents.answers.parts import sort_blocks
from agents.answers.web_pages import leave_out_scripts_of_pages, named_by_page, why_named
from sandbox.packages.shell_scan import ends_in_here_document
from utils.code_blocks import Answer, Fence, SkippedBlock, read_markdown
from utils.labels import MARKDOWN, language_of

THE_TASK = "the task names that file"
IN_MARKDOWN = "the answer was read inside its Markdown block"
_A_TEXT = re.compile(r"markdown|readme|\.md\b|document|article|tutorial", re.IGNORECASE)
MOST_BLOCKS = 50
"""How many programs of one answer are run."""


def bounded(answer: Answer) -> Answer:
    """Return the answer as it is run: of one that breaks off nothing, of any other the first MOST_BLOCKS programs."""
    if answer.cut:
        return replace(answer, blocks=(), files=(), notes=(), modules=())
    beyond = [SkippedBlock(b.language, b.line, f"more than {MOST_BLOCKS} programs in one answer") for b in answer.blocks[MOST_BLOCKS:]]
    return replace(answer, blocks=answer.blocks[:MOST_BLOCKS], skipped=(*answer.skipped, *beyond)) if beyond else answer


def read_answer(text: str, aliases: Mapping[str, str], task: str = "") -> Answer:
    """Read an answer as one thing; aliases map the lower-case names of languages that can be run to their canonical names.

    `task` is what the user has asked for: a file that it names may be the answer's only block.
    """
    markdown = read_markdown(text, aliases, ends_in_here_document)
    by_task = named_by_task(markdown.fences, aliases, task)
    by_page = named_by_page(markdown.fences, aliases)
    guessed = {**by_page, **by_task}
    fences = [replace(each, info=f"{each.info} {guessed[each.line]}") if each.line in guessed else each for each in markdown.fences]
    found = sort_blocks(fences, aliases)
    found.notes += [f"stored as {name}: {THE_TASK if line in by_task else why_named(name)}" for line, name in guessed.items()]
    found.guessed |= set(guessed.values())
    leave_out_scripts_of_pages(found, [fence.text for fence in fences if language_of(fence.info) == "html"])
    if not found.programs and not found.files and not markdown.fences:
        bare = unfenced(markdown.prose, aliases)
        if bare is not None:
            found.programs.append(bare[0])
            found.notes.append(bare[1])
    wrapped = _wrapped(markdown.fences, task) if not found.programs and not found.files else ""
    if wrapped:
        inner = read_answer(wrapped, aliases, task)
        return replace(inner, notes=(IN_MARKDOWN, *inner.notes)) if inner.blocks else inner
    joined = join_parts(found)
    skipped = [*found.skipped, *markdown.hidden]
    if not joined.blocks and not joined.files and not markdown.cut:
        instead = instead_of_a_program(markdown.prose, markdown.fences)
        skipped += [instead] if instead else []
    return Answer(
        blocks=joined.blocks,
        skipped=tuple(sorted(skipped, key=lambda block: block.line)),
        cut=markdown.cut,
        last_line=markdown.last_line,
        files=joined.files,
        notes=tuple(dict.fromkeys(found.notes)),
        modules=own_modules(file.name for file in joined.files),
    )


def _wrapped(fences: Sequence[Fence], task: str) -> str:
    """Return the answer that is all in one Markdown block, its lines at the same numbers; "" if there is none, or a text was asked for."""
    if len(fences) != 1 or language_of(fences[0].info) not in MARKDOWN or _A_TEXT.search(task):
        return ""
    block = fences[0]
    inner = [line for line in block.text.split("\n") if line.lstrip().startswith("```")]
    return "\n" * block.line + block.text + ("```\n" if len(inner) % 2 else "") if inner and block.closed else ""
