"""The names under which the blocks of an answer are stored although it does not give them: a block is what imports or runs it say it is."""

from __future__ import annotations

import sys
from dataclasses import replace

from agents.answers.file_names import module_of
from agents.answers.parts import Part, Sorted
from sandbox.packages.names import is_known, package_of


def with_names_by_import(parts: list[Part], found: Sorted) -> list[Part]:
    """Name a block as the module as which a later block imports it: `from solution import f` means the block that defines f."""
    parts = list(parts)
    own = {module_of(part.name) for part in parts if part.name}
    for later, part in enumerate(parts):
        for module, taken in (part.python.taken if part.python else {}).items():
            if "." in module or module in own or module in sys.stdlib_module_names or is_known(package_of(module) or module):
                continue
            at = next((at for at in range(later - 1, -1, -1) if _offers(parts[at], taken)), None)
            if at is not None:
                parts[at] = replace(parts[at], name=f"{module}.py", inferred=True)
                own.add(module)
                found.notes.append(f"stored as {module}.py: a later block imports it")
    return parts


def _offers(part: Part, names: set[str]) -> bool:
    return part.python is not None and not part.name and (names - {"*"}) <= part.python.defines and bool(part.python.defines)


def with_name_by_instruction(units: list[Part], found: Sorted) -> list[Part]:
    """Name the only program as the answer's instructions call it, unless that would hide a module of Python."""
    scripts = {*found.scripts, *(script for part in units if part.shell for script in part.shell.scripts)}
    unnamed = [part for part in units if part.python and not part.name]
    named = any(part.python and part.name for part in units)
    if len(scripts) != 1 or len(unnamed) != 1 or named:
        return units
    name = scripts.pop()
    if module_of(name).rpartition(".")[2] in sys.stdlib_module_names:
        return units
    found.notes.append(f"stored as {name}: the answer runs it under that name")
    return [replace(part, name=name) if part is unnamed[0] else part for part in units]
