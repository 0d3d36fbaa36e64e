"""The names under which the blocks of an answer are stored although it does not give them: a block is what imports or runs it say it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from agents.answers.file_names import language_of_file, module_of
from agents.answers.other_code import plain_name
from agents.answers.parts import Part, Sorted
from sandbox.files.names import safe_name
from sandbox.languages import ALIASES
from sandbox.packages.names import is_known, package_of


def with_names_by_import(parts: Sequence[Part], found: Sorted) -> list[Part]:
    """Name a block as the module as which another block imports it: `from solution import f` means the block that defines f."""
    parts = list(parts)
    own = {part.name for part in parts if part.name}
    for importing, part in enumerate(parts):
        for name, taken in _modules_of(part):
            if name in own:
                continue
            # One before it, the nearest first; else one behind it.
            order = [*range(importing - 1, -1, -1), *range(importing + 1, len(parts))]
            unnamed = [at for at in order if parts[at].language == part.language and not parts[at].name]
            at = next((at for at in unnamed if _offers(parts[at], taken)), None)
            if at is None and len(unnamed) == 1 and _may_be_a_module(parts[unnamed[0]]):
                at = unnamed[0]
            if at is not None:
                parts[at] = replace(parts[at], name=name, inferred=True)
                own.add(name)
                found.notes.append(f"stored as {name}: {'a later' if at < importing else 'an earlier'} block imports it")
    return parts


def _modules_of(part: Part) -> Iterator[tuple[str, Set[str]]]:
    """Yield the files that the block takes for modules of the answer, and the names that it wants of each; none if it does not say."""
    for module, taken in (part.python.taken if part.python else {}).items():
        if not ("." in module or module in sys.stdlib_module_names or is_known(package_of(module) or module)):
            yield f"{module}.py", taken - {"*"}
    for path, wanted in part.other.taken.items() if part.other else ():
        name = safe_name(path)
        if name:
            yield name, wanted


def _may_be_a_module(part: Part) -> bool:
    """Whether a block of which nothing better is known may be a module: it is no program of a language that is compiled."""
    return part.other is not None and (part.other.is_piece or not part.other.language.entry)


def _offers(part: Part, wanted: Set[str]) -> bool:
    if part.python:
        own = part.python.defines - part.python.imported
        return wanted <= own and bool(own)
    return part.other is not None and bool(wanted & {plain_name(name) for name in part.other.defines})


def with_names_by_instruction(units: list[Part], found: Sorted) -> list[Part]:
    """Name the only program of a language as the answer's instructions call it, unless that would hide a module of Python."""
    scripts = {*found.scripts, *(script for part in units if part.shell for script in part.shell.scripts)}
    for language in {part.language for part in units}:
        alike = [part for part in units if part.language == language]
        called = [name for name in scripts if language_of_file(name, ALIASES) == language]
        if len(called) != 1 or any(part.name for part in alike) or len(alike) != 1 or _hides_a_module(called[0]):
            continue
        found.notes.append(f"stored as {called[0]}: the answer runs it under that name")
        units = [replace(part, name=called[0]) if part is alike[0] else part for part in units]
    return units


def _hides_a_module(name: str) -> bool:
    return module_of(name).rpartition(".")[2] in sys.stdlib_module_names
