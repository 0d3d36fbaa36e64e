"""Which blocks of an answer run together as one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.answers.missing_imports import missing_imports, with_imports
from agents.answers.naming import with_name_by_instruction, with_names_by_import
from agents.answers.parts import MOST_COMPARED, Part, Sorted, names_listed
from agents.answers.python_code import join_python, read_python
from agents.answers.running import is_setup, running_parts
from utils.code_blocks import CodeBlock, SkippedBlock, StoredFile


@dataclass(frozen=True)
class Joined:
    """The programs of an answer in the order in which they run, and all files that it names."""

    blocks: tuple[CodeBlock, ...]
    files: tuple[StoredFile, ...]


def join_parts(found: Sorted) -> Joined:
    """Join what belongs together, choose what is run, and put requests for packages first; notes and skipped blocks go to `found`."""
    if len(found.programs) > MOST_COMPARED:
        return Joined(tuple(CodeBlock(part.language, part.text, part.line) for part in found.programs), ())
    python = _one_of_each_name(with_names_by_import([part for part in found.programs if part.python], found), found)
    units = _joined(python, found)
    units = sorted([*units, *(part for part in found.programs if not part.python)], key=lambda part: part.line)
    units = [_with_missing_imports(part, found) for part in with_name_by_instruction(units, found)]
    running = running_parts(units, found.scripts)
    named = [part for part in [*units, *python] if part.name]
    files = {part.name: StoredFile(part.name, part.text, part.line) for part in reversed(named)}
    files = {**{file.name: file for file in found.files}, **files}
    stored = tuple(sorted(files.values(), key=lambda file: file.line))
    guessed = found.guessed | {part.name for part in python if part.inferred}
    _say_what_is_stored([file.name for file in stored if file.name not in guessed], running, found)
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
        found.notes.append(f"stored beside the program: {names_listed(beside)}{is_run}")


def _one_of_each_name(parts: list[Part], found: Sorted) -> list[Part]:
    """Of blocks with one name, keep the last, behind those that it goes on from."""
    kept: dict[str, Part] = {}
    for part in parts:
        earlier = kept.get(part.name) if part.name else None
        if earlier is None:
            kept[part.name or f"line {part.line}"] = part
        elif part.python and earlier.python and part.python.needs & earlier.python.defines:
            kept[part.name] = replace(_merge([earlier, part]), name=part.name)
        else:
            found.skipped.append(SkippedBlock(part.language, earlier.line, f"{part.name} comes again at line {part.line}"))
            kept[part.name] = part
    return list(kept.values())


def _joined(parts: list[Part], found: Sorted) -> list[Part]:
    """Join blocks that use names which an earlier one defines, with all that lies between them, so that their order stays."""
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
    found.notes += [f"{len(each)} blocks run as one program: they use each other's names" for each in groups.values() if len(each) > 1]
    return [_merge(each) if len(each) > 1 else each[0] for each in groups.values()]


def _merge(parts: Sequence[Part]) -> Part:
    text = join_python([part.text for part in parts])
    last = parts[-1]
    return Part(last.language, text, parts[0].line, last.name, read_python(text) or last.python, None, last.inferred)


def _with_missing_imports(part: Part, found: Sorted) -> Part:
    """Add the imports that the program forgot: it could only fail without them."""
    lines = missing_imports(part.python) if part.python else []
    if part.python is None or not lines:
        return part
    found.notes.append(f"added {names_listed([f'`{line}`' for line in lines])}: the program uses {'it' if len(lines) == 1 else 'them'}")
    text = with_imports(part.text, part.python, lines)
    return replace(part, text=text, python=read_python(text))
