"""Which blocks of an answer run together, under which names, and which of its files are only there for the others."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from agents.answers.file_names import module_of
from agents.answers.missing_imports import missing_imports, with_imports
from agents.answers.parts import MOST_COMPARED, Part, Sorted, names_listed
from agents.answers.python_code import PythonCode, join_python, read_python
from sandbox.languages import BY_NAME
from sandbox.packages.names import is_known, package_of
from utils.code_blocks import CodeBlock, SkippedBlock, StoredFile

_MAIN = ("main", "__main__", "app", "run", "program", "solution")
_NEVER_RUN = re.compile(r"(?:.*/)?(?:setup|conftest|noxfile|__init__)\.py")
_TEST = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py|tests?/.*")
_QUOTED_PATH = re.compile(r"[\"'`<](?:\.{0,2}/)*([\w./-]+)[\"'`>]")


@dataclass(frozen=True)
class Joined:
    """The programs of an answer in the order in which they run, and all files that it names."""

    blocks: tuple[CodeBlock, ...]
    files: tuple[StoredFile, ...]


def join_parts(found: Sorted) -> Joined:
    """Join what belongs together, choose what is run, and put requests for packages first; notes and skipped blocks go to `found`."""
    if len(found.programs) > MOST_COMPARED:
        return Joined(tuple(CodeBlock(part.language, part.text, part.line) for part in found.programs), ())
    python = _one_of_each_name(_with_names_by_import([part for part in found.programs if part.python], found), found)
    units = _joined(python, found)
    units = sorted([*units, *(part for part in found.programs if not part.python)], key=lambda part: part.line)
    units = [_with_missing_imports(part, found) for part in _with_name_by_instruction(units, found)]
    running = _running(units, found.scripts)
    named = [part for part in [*units, *python] if part.name]
    files = {part.name: StoredFile(part.name, part.text, part.line) for part in reversed(named)}
    files = {**{file.name: file for file in found.files}, **files}
    stored = tuple(sorted(files.values(), key=lambda file: file.line))
    guessed = found.guessed | {part.name for part in python if part.inferred}
    _say_what_is_stored([file.name for file in stored if file.name not in guessed], running, found)
    blocks = [
        CodeBlock(part.language, part.text, part.line, part.name, tuple(file for file in stored if file.name != part.name))
        for part in sorted(running, key=lambda part: not _is_setup(part, files.keys()))
    ]
    return Joined(tuple(blocks), stored)


# --- Names -----------------------------------------------------------------------------------------------------------------------


def _with_names_by_import(parts: list[Part], found: Sorted) -> list[Part]:
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


def _with_name_by_instruction(units: list[Part], found: Sorted) -> list[Part]:
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


# --- Blocks that need each other -------------------------------------------------------------------------------------------------


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


# --- What is run -----------------------------------------------------------------------------------------------------------------


def _running(units: Sequence[Part], scripts: Sequence[str]) -> list[Part]:
    """Return the units that are run: all that no other one uses and that do something; files only if they are no mere modules."""
    called = [part for part in units if part.name in scripts]
    named = [part for part in units if part.name]
    used = {part.name for part in named if any(_uses(other, part) for other in units if not _is_test(other))}
    running = [part for part in units if part not in named or (_runs_by_itself(part, used, units) and (not called or part in called))]
    if named and not any(not _is_request(part) for part in running):
        running.append(max(called or named, key=_fitness))
    return sorted(running, key=lambda part: (_is_test(part), part.line))


def _runs_by_itself(part: Part, used: set[str], units: Sequence[Part]) -> bool:
    if _NEVER_RUN.fullmatch(part.name) or _is_part(part, units) or (part.python is not None and not part.python.does_something):
        return False
    return part.name not in used or part.inferred


def _is_part(part: Part, units: Sequence[Part]) -> bool:
    """Whether it is a file that is compiled into another program of the answer."""
    language = BY_NAME.get(part.language)
    return (
        language is not None
        and language.is_part(part.text)
        and any(other.language == part.language and not language.is_part(other.text) for other in units)
    )


def _fitness(part: Part) -> tuple[bool, bool, bool, bool, int]:
    code = part.python
    stem = posixpath.basename(part.name).rpartition(".")[0]
    return (
        not _NEVER_RUN.fullmatch(part.name),
        not _is_test(part),
        code is not None and code.is_guarded,
        stem in _MAIN,
        part.line,
    )


def _uses(part: Part, file: Part) -> bool:
    """Whether the program imports the file, or names it in a string."""
    if part.name == file.name:
        return False
    base = posixpath.basename(file.name)
    if part.python:
        return base in map(posixpath.basename, part.python.strings) or any(_imports(part.python, name) for name in _modules(file, part))
    stem = base.rpartition(".")[0]
    return base in re.findall(r"[\w.-]+", part.text) or stem in map(posixpath.basename, _QUOTED_PATH.findall(part.text))


def _modules(file: Part, seen_from: Part) -> Iterator[str]:
    module = module_of(file.name)
    yield module
    folder = posixpath.dirname(seen_from.name).replace("/", ".")
    if folder and module.startswith(f"{folder}."):
        yield module.removeprefix(f"{folder}.")


def _imports(code: PythonCode, module: str) -> bool:
    # `import package` may lead to any module in it; a relative import is recognised by its last parts.
    return any(
        name == module or name.startswith(f"{module}.") or module.startswith(f"{name}.") or (name[0] == "." and _ends_alike(module, name))
        for name in code.imports
    )


def _ends_alike(module: str, relative: str) -> bool:
    parts = relative.strip(".").split(".")
    return any(f".{module}".endswith("." + ".".join(parts[:length])) for length in range(1, len(parts) + 1))


def _is_test(part: Part) -> bool:
    return _TEST.fullmatch(part.name) is not None


def _is_request(part: Part) -> bool:
    return part.shell is not None and not part.shell.anything_else


def _is_setup(part: Part, stored: Collection[str]) -> bool:
    """Whether it only asks for packages, and needs nothing for that which another program has to write first."""
    return part.shell is not None and not part.shell.anything_else and all(name in stored for name in part.shell.requirement_files)


def _say_what_is_stored(names: Sequence[str], running: Sequence[Part], found: Sorted) -> None:
    run = [part.name for part in running if part.name]
    beside = [name for name in names if name not in run]
    if beside:
        is_run = f"; {names_listed(run)} {'is' if len(run) == 1 else 'are'} run" if run else ""
        found.notes.append(f"stored beside the program: {names_listed(beside)}{is_run}")
