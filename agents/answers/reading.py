"""What an answer of the model holds: its programs in the order in which they run, its files, and what is left out, with the reasons."""

from __future__ import annotations

from collections.abc import Mapping

from agents.answers.file_names import own_modules
from agents.answers.forms import instead_of_a_program, unfenced
from agents.answers.joining import join_parts
from agents.answers.parts import sort_blocks
from sandbox.packages.shell_scan import ends_in_here_document
from utils.code_blocks import Answer, read_markdown


def read_answer(text: str, aliases: Mapping[str, str]) -> Answer:
    """Read an answer as one thing; aliases map the lower-case names of languages that can be run to their canonical names."""
    markdown = read_markdown(text, aliases, ends_in_here_document)
    found = sort_blocks(markdown.fences, aliases)
    if not found.programs and not found.files and not markdown.fences:
        bare = unfenced(markdown.prose, aliases)
        if bare is not None:
            found.programs.append(bare[0])
            found.notes.append(bare[1])
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
