"""Which blocks of an answer run together as one program."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.answers.examples import with_examples
from agents.answers.mending import mended
from agents.answers.naming import with_names_by_import, with_names_by_instruction
from agents.answers.other_code import join_texts
from agents.answers.parts import MOST_COMPARED, Part, Sorted, is_in, with_text
from agents.answers.python_text import join_python, with_definitions
from agents.answers.running import is_setup, running_parts
from agents.answers.suites import with_start
from sandbox.languages import BY_NAME, Language
from utils.code_blocks import CodeBlock, SkippedBlock, StoredFile
from utils.text import names_listed

TOGETHER = "{count} blocks run as one program: they use each other's names"


@dataclass(frozen=True)
class Joined:
    """The programs of an answer in the order in which they run, and all files that it names."""

    blocks: tuple[CodeBlock, ...]
    files: tuple[StoredFile, ...]


def join_parts(found: Sorted) -> Joined:
    """Join what belongs together, choose what is run, and put requests for packages first; notes and skipped blocks go to `found`."""
    if len(found.programs) > MOST_COMPARED:
        return Joined(tuple(CodeBlock(part.language, part.text, part.line) for part in found.programs), ())
    whole = _one_of_each_name(with_names_by_import(found.programs, found), found)
    units: list[Part] = []
    for language in dict.fromkeys(part.language for part in whole):
        parts = [part for part in whole if part.language == language]
        units += _with_pieces(parts, found) if language in BY_NAME and BY_NAME[language].entry else _joined(parts, found)
    units = with_names_by_instruction(sorted(units, key=lambda part: part.line), found)
    units = [mended(part, {each.name for each in [*whole, *units]}, found) for part in units]
    running = running_parts(units, found.scripts)
    named = [part for part in [*whole, *units] if part.name]
    files = {file.name: file for file in [*found.files, *(StoredFile(part.name, part.text, part.line) for part in named)]}
    stored = tuple(sorted(files.values(), key=lambda file: file.line))
    guessed = found.guessed | {part.name for part in named if part.inferred}
    _say_what_is_stored([file.name for file in stored if file.name not in guessed], running, found)
    running = [with_start(part, found) for part in with_examples(running, found, files.keys())]
    blocks = [
        CodeBlock(part.language, part.text, part.line, part.name, tuple(file for file in stored if file.name != part.name))
        for part in sorted(running, key=lambda part: not is_setup(part, files.keys()))
    ]
    return Joined(tuple(blocks), stored)


def _say_what_is_stored(names: Sequence[str], running: Sequence[Part], found: Sorted) -> None:
    run = [part.name for part in running if part.name]
    beside = [name for name in names if name not in run]
    if beside:
        is_run = f"; {names_listed(run)} {'is' if len(run) == 1 else 'are'} run" if run else ""
        where = "stored beside the program" if running else "stored"
        found.notes.append(f"{where}: {names_listed(beside)}{is_run}")


def _one_of_each_name(parts: list[Part], found: Sorted) -> list[Part]:
    """Of blocks with one name, keep the last, with what it leaves as it was."""
    kept: dict[str, Part] = {}
    for part in parts:
        earlier = kept.get(part.name) if part.name else None
        if earlier is None:
            kept[part.name or f"line {part.line}"] = part
            continue
        newer = _newer(part, earlier)
        kept[part.name] = newer or part
        if newer is earlier:
            found.skipped.append(SkippedBlock(part.language, part.line, f"it repeats a part of {part.name}"))
        elif newer is None:
            found.skipped.append(SkippedBlock(part.language, earlier.line, f"{part.name} comes again at line {part.line}"))
        elif newer.line != earlier.line:
            found.notes.append(f"the block at line {part.line} changes a part of {part.name}")
        else:
            found.notes.append(f"the block at line {part.line} goes on with {part.name}")
    return list(kept.values())


def _newer(part: Part, earlier: Part) -> Part | None:
    """Return the file that two blocks with its name make together; None if the later one is all of it."""
    if part.language != earlier.language or part.code is None or earlier.code is None:
        return None
    if is_in(part, earlier) and not is_in(earlier, part):
        return earlier
    if part.code.needs & earlier.code.defines:
        return _merge([earlier, part])
    defines, before = part.code.defines, earlier.code.defines
    if part.python and earlier.python and defines and defines < before and not part.python.does_something:
        changed = with_definitions(earlier.text, earlier.python, part.python)
        return replace(with_text(earlier, changed), line=part.line) if changed else None
    if part.other and defines and defines < before:
        return earlier
    goes_on = not (earlier.python.does_something if earlier.python else part.other is None) and bool(defines and before)
    return _merge([earlier, part]) if goes_on and not defines & before else None


def _joined(parts: list[Part], found: Sorted) -> list[Part]:
    """Join blocks that use names which an earlier one defines."""
    groups = _groups_of_python(parts) if any(part.python for part in parts) else _groups(parts)
    found.notes += [TOGETHER.format(count=len(each)) for each in groups if len(each) > 1]
    return [_merge(each) if len(each) > 1 else each[0] for each in groups]


def _groups_of_python(parts: list[Part]) -> list[list[Part]]:
    """Put together what lies between blocks that need each other as well, so that their order stays."""
    group = list(range(len(parts)))
    definer: dict[str, int] = {}
    star: int | None = None
    for at, part in enumerate(parts):
        code = part.python
        if code is None:
            continue
        needed = {definer[name] for name in code.needs if name in definer}
        if star is not None and not code.has_star_import and code.needs - definer.keys():
            needed.add(star)
        if needed and (not part.name or part.inferred):
            for other in range(min(needed), at):
                if other in needed or not parts[other].name:
                    group = [group[at] if number == group[other] else number for number in group]
        definer.update(dict.fromkeys(code.defines, at))
        star = at if code.has_star_import else star
    groups: dict[int, list[Part]] = {}
    for at, part in enumerate(parts):
        groups.setdefault(group[at], []).append(part)
    return list(groups.values())


def _groups(parts: list[Part]) -> list[list[Part]]:
    """Put each block behind those that define what it needs, if nothing there would change it.

    Where a third block of their program stands in the way, it gets a program of its own with those that it needs.
    """
    groups: list[list[Part]] = []
    definer: dict[str, Part] = {}
    for part in parts:
        code = part.other
        if code is None or part.name:
            groups.append([part])
            continue
        needed = [other for other in dict.fromkeys(definer[name] for name in code.needs if name in definer)]
        home = next((group for group in groups if needed and needed[0] in group), None)
        before = [other for group in groups for other in group if other in needed]
        if home is None or not all(other.other and code.can_go_on_from(other.other) for other in needed):
            groups.append([part])
        elif all(other in home for other in needed) and all(other.other and code.can_go_on_from(other.other) for other in home):
            home.append(part)
        else:
            groups.append([*dict.fromkeys(before), part])
        definer.update(dict.fromkeys(code.defines, part))
    return groups


def _with_pieces(parts: list[Part], found: Sorted) -> list[Part]:
    """Give programs of a language that is compiled the pieces of other blocks that they use; pieces that none uses are only shown."""
    programs = [part for part in parts if part.other and not part.other.is_piece]
    pieces = [part for part in parts if part.other and part.other.is_piece and not part.name]
    if not programs or not pieces:
        return parts
    kept = [part for part in parts if part not in pieces and part not in programs]
    for program in programs:
        used = _used_by(program, pieces)
        pieces = [piece for piece in pieces if piece not in used]
        if used and BY_NAME[program.language].part_header is not None:
            kept += [_in_own_file(piece, program, BY_NAME[piece.language]) for piece in used]
            found.notes += [f"the block at line {piece.line} is compiled into the program at line {program.line}" for piece in used]
        elif used:
            found.notes.append(TOGETHER.format(count=len(used) + 1))
            program = _merge(sorted([*used, program], key=lambda part: part.line), program)
        kept.append(program)
    for piece in pieces:
        found.skip(piece, "it is a part of a program, not a program")
    return kept


def _used_by(program: Part, pieces: Sequence[Part]) -> list[Part]:
    """Return the pieces that the program uses, those that these use in turn, and what only brings something in for them."""
    used: list[Part] = []
    found = True
    while found:
        found = False
        for piece in pieces:
            if piece not in used and any(_wants(user, piece, [program, *used]) for user in [program, *used]):
                used.append(piece)
                found = True
    first = [piece for piece in pieces if piece.other and piece.other.only_brings_in and piece not in used]
    return [*first, *used] if used or (program.other and not program.other.brings_in) else used


def _wants(user: Part, piece: Part, having: Sequence[Part]) -> bool:
    """Whether the block uses what the piece defines, and none of those that are there has it already."""
    if user.other is None or piece.other is None:
        return False
    defines = piece.other.defines
    return bool(user.other.needs & defines) and not any(each.other and each.other.defines_anywhere & defines for each in having)


def _in_own_file(piece: Part, program: Part, language: Language) -> Part:
    """Return the piece as a file that is compiled beside the program, with what it needs in front."""
    header = language.part_header or ""
    text = piece.text if not header or re.search(rf"^{header}\b", piece.text, re.MULTILINE) else f"{header}\n\n{piece.text}"
    if not header and not re.search(r"^import\b", text, re.MULTILINE):
        text = "".join(f"{line}\n" for line in re.findall(r"^import\b.*;", program.text, re.MULTILINE)) + text
    return replace(with_text(piece, text, language.named(text, f"part{piece.line}{language.ending}")), inferred=True)


def _merge(parts: Sequence[Part], like: Part | None = None) -> Part:
    """Return the parts as one program, which is named and known as the one that it is to be like; the last one without it."""
    like = like or parts[-1]
    texts = [part.text for part in parts]
    text = join_python(texts) if like.python else join_texts(like.language, texts)
    return replace(with_text(like, text), line=parts[0].line)
