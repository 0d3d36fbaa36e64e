"""Which programs of an answer run, and which of its files are only there for the others."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from agents.answers.file_names import module_of
from agents.answers.parts import Part
from agents.answers.python_code import PythonCode
from agents.answers.suites import runner_of
from sandbox.languages import BY_NAME

_MAIN = ("main", "__main__", "app", "run", "program", "solution")
_NEVER_RUN = re.compile(r"(?:.*/)?(?:setup|conftest|noxfile|__init__)\.py")
_TEST = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py|tests?/.*")
# Tests that only a program which is not here can run: Jest and the like, RSpec, PHPUnit.
_OF_A_RUNNER = re.compile(r"(?:.*/)?(?:[^/]*[._-](?:test|spec)\.[cm]?[jt]s|__tests__/.*\.[cm]?[jt]s|[^/]*_spec\.rb|[^/]*Test\.php)")
_RUN_BY_A_RUNNER = re.compile(r"(?<![\w.$])(?:describe|test|it)(?:\.\w+)?\s*\(|\bRSpec\.|\bextends\s+[\w\\]*TestCase\b")
_RUNS_ITSELF = re.compile(
    r"""node:test|rspec/autorun|\b(?:import|const|let|var)\s[^=;'"]{0,200}\b(?:test|it|describe)\b[^;'"]{0,200}"""
    r"""['"](?!vitest|@jest/|mocha|bun:|@playwright/)|\b(?:function|const|let|var)\s+(?:test|it|describe)\b\s*[(=]"""
)
_QUOTED_PATH = re.compile(r"[\"'`<]([\w./-]+)[\"'`>]")


def running_parts(units: Sequence[Part], scripts: Sequence[str]) -> list[Part]:
    """Return the units that are run: all that no other one uses and that do something; files only if they are no mere modules."""
    called = [part for part in units if part.name in scripts and not _is_for_a_runner(part)]
    named = [part for part in units if part.name]
    used = {part.name for part in named if any(_uses(other, part) for other in units if not _is_test(other))}
    running = [part for part in units if part not in named or (part in called or (_runs_by_itself(part, used, units) and not called))]
    possible = called or [part for part in named if not _is_for_a_runner(part)]
    if possible and not any(not _is_request(part) for part in running):
        running += [part for part in possible if part.python and runner_of(part.python)] or [max(possible, key=_fitness)]
    return sorted(running, key=lambda part: (_is_test(part), part.line))


def _runs_by_itself(part: Part, used: set[str], units: Sequence[Part]) -> bool:
    if _NEVER_RUN.fullmatch(part.name) or _is_for_a_runner(part) or _is_part(part, units):
        return False
    if part.python is not None and not part.python.does_something:
        return False
    return part.name not in used or (part.inferred and part.python is not None)


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
    return _TEST.fullmatch(part.name) is not None or _OF_A_RUNNER.fullmatch(part.name) is not None


def _is_for_a_runner(part: Part) -> bool:
    """Whether it is a file of tests that can only fail when it is run by itself."""
    is_file = _OF_A_RUNNER.fullmatch(part.name) is not None
    return is_file and _RUN_BY_A_RUNNER.search(part.text) is not None and _RUNS_ITSELF.search(part.text) is None


def _is_request(part: Part) -> bool:
    return part.shell is not None and not part.shell.anything_else


def is_setup(part: Part, stored: Collection[str]) -> bool:
    """Whether it only asks for packages, and needs nothing for that which another program has to write first."""
    return part.shell is not None and not part.shell.anything_else and all(name in stored for name in part.shell.requirement_files)
