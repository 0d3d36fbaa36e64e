"""The blocks of an answer, each with what it is taken for: a program, a file, or something that is only shown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.answers.file_names import language_of_file, named
from agents.answers.python_code import PythonCode, is_outline, is_session, looks_broken, read_python
from agents.answers.shell_code import ShellCode, read_shell
from utils.code_blocks import Fence, SkippedBlock, StoredFile, unusable
from utils.labels import SHOWN, canonical, language_of, why_not_run

MOST_COMPARED = 100
"""How many Python blocks of an answer are compared with each other: no answer that is meant has more."""

_SHEBANG = re.compile(r"#!\s*(?:\S*/)?(?:env\s+(?:-S\s+)?)?([\w.]+)")
DOES_NOTHING = "it does nothing when run"
AS_PYTHON = "run as Python: the block has no language"


@dataclass(frozen=True)
class Part:
    """A block that may be a program: its language ("" for no label), text, line, file name ("" for none), and what parsing says."""

    language: str
    text: str
    line: int
    name: str = ""
    python: PythonCode | None = None
    shell: ShellCode | None = None
    inferred: bool = False  # the name is a guess


@dataclass
class Sorted:
    """The blocks of an answer by what they are."""

    programs: list[Part] = field(default_factory=list)
    unlabelled: list[Part] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    skipped: list[SkippedBlock] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    foreign: bool = False  # it holds code in a language that is not run here
    scripts: list[str] = field(default_factory=list)  # Python files that its instructions run
    guessed: set[str] = field(default_factory=set)  # names of files that are guesses, each with a note of its own

    def skip(self, part: Part, reason: str) -> None:
        """Leave the block out, with the reason; it is stored if it has a name."""
        self.skipped.append(SkippedBlock(part.language, part.line, reason))
        if part.name:
            self.files.append(StoredFile(part.name, part.text, part.line))


def sort_blocks(fences: Sequence[Fence], aliases: Mapping[str, str]) -> Sorted:
    """Say of each block what it is, by its label, its name and its content."""
    found = Sorted()
    for fence in fences:
        _sort(fence, aliases, found)
    python, shell = aliases.get("python", ""), aliases.get("sh", "")
    if not any(_is_program(part, python, shell) for part in found.programs):
        _adopt_unlabelled(found, aliases)
    for part in found.unlabelled:
        found.skip(part, why_not_run(""))
    _leave_out_what_is_shown(found, python)
    _leave_out_excerpts(found)
    _leave_out_instructions(found, shell)
    return found


def make_part(language: str, text: str, line: int, name: str, aliases: Mapping[str, str]) -> Part:
    """Parse a block as far as its language allows."""
    is_python = language == aliases.get("python")
    is_shell = bool(language) and language == aliases.get("sh")
    return Part(language, text, line, name, read_python(text) if is_python else None, read_shell(text) if is_shell else None)


def language_by_shebang(text: str, aliases: Mapping[str, str]) -> str:
    """Return the language that the first line names as `#!/usr/bin/env python3` does; "" if it names none that is run here."""
    found = _SHEBANG.match(text.lstrip())
    return canonical(found[1].lower(), aliases) if found else ""


def _sort(fence: Fence, aliases: Mapping[str, str], found: Sorted) -> None:
    label = language_of(fence.info)
    language = canonical(label, aliases)
    reason = unusable(fence)
    if not reason:
        reason = why_not_run(label)
        name, text = named(fence, aliases)
        by_name = language_of_file(name, aliases) if name else ""
        if by_name and not label and by_name == aliases.get("python") and read_python(text) is None and not looks_broken(text):
            name = by_name = ""  # how to run that file, more likely than the file
        language = language or by_name
        if is_session(text) and language in ("", aliases.get("python")):
            reason = "a session at a prompt, not a program"
        elif language:
            found.programs.append(make_part(language, text, fence.line, name, aliases))
            return
        elif name:
            found.files.append(StoredFile(name, text, fence.line))
            return
        elif not label:
            found.unlabelled.append(Part("", text, fence.line, "", read_python(text)))
            return
        found.foreign |= label not in SHOWN
    found.skipped.append(SkippedBlock(label, fence.line, reason))


def _is_program(part: Part, python: str, shell: str) -> bool:
    if part.language == python:
        return looks_broken(part.text) if part.python is None else not part.python.is_only_shown
    return part.shell is None or (part.shell.anything_else and not part.shell.is_instruction)


def _adopt_unlabelled(found: Sorted, aliases: Mapping[str, str]) -> None:
    """Take blocks without a language for programs if they cannot be anything else."""
    defined: set[str] = set()
    for part in found.unlabelled:
        defined |= part.python.defines if part.python and part.python.is_program else set()
    for part in list(found.unlabelled):
        language = language_by_shebang(part.text, aliases)
        code = part.python
        if not language and code is not None and "python" in aliases:
            usage = code.does_something and code.needs <= defined
            language = aliases["python"] if code.is_program or (usage and defined) else ""
        if language:
            found.unlabelled.remove(part)
            found.programs.append(make_part(language, part.text, part.line, "", aliases))
            found.notes.append(AS_PYTHON if language == aliases.get("python") else f"run as {language}: its first line says so")
    found.programs.sort(key=lambda part: part.line)


def _leave_out_what_is_shown(found: Sorted, python: str) -> None:
    """Leave out Python blocks that are output, prose or parts of a program, if there is a program beside them."""
    whole = [part for part in found.programs if part.python and not part.python.is_only_shown]
    for part in [each for each in found.programs if each.language == python]:
        if part.python is not None:
            if (part.python.is_literal or (whole and part.python.is_only_shown)) and not part.name:
                found.programs.remove(part)
                found.skip(part, DOES_NOTHING)
            continue
        inner = read_python(textwrap.dedent(part.text))
        if inner is not None:
            at = found.programs.index(part)
            found.programs[at] = replace(part, text=textwrap.dedent(part.text), python=inner)
            if whole and not part.name:
                found.skip(found.programs.pop(at), "it is a part of a program, not a program")
            else:
                found.notes.append("run without its indentation")
        elif whole and is_outline(part.text):
            found.programs.remove(part)
            found.skip(part, "it is an outline: its bodies are left out")
        elif whole and not looks_broken(part.text):
            found.programs.remove(part)
            found.skip(part, "it is output or prose, not Python")


def _leave_out_excerpts(found: Sorted) -> None:
    """Leave out Python blocks that repeat a part of another one, or all of an earlier one."""
    parts = [part for part in found.programs if part.python]
    if len(parts) > MOST_COMPARED:
        return
    for part in parts:
        whole = next((other for other in parts if not part.name and other in found.programs and _repeats(part, other)), None)
        if whole is not None:
            found.programs.remove(part)
            found.skip(part, f"it repeats a part of the program at line {whole.line}")


def _repeats(part: Part, other: Part) -> bool:
    if part is other or part.python is None or other.python is None or not part.python.is_part_of(other.python):
        return False
    return not other.python.is_part_of(part.python) or other.line < part.line


def _leave_out_instructions(found: Sorted, shell: str) -> None:
    """Leave out commands that the user would type to run the answer's program; their requests for packages are kept."""
    others = found.foreign or any(not _is_instruction(part) for part in found.programs)
    for part in [each for each in found.programs if each.language == shell and each.shell]:
        code = part.shell
        if code is None or not (code.has_prompts or (others and code.is_instruction)):
            continue
        found.scripts += code.scripts
        at = found.programs.index(part)
        found.programs[at : at + 1] = [_packages_of(part, code)] if code.packages else []
        found.skip(part, "a session at a prompt, not a program" if code.has_prompts else "it says how to run the program")


def _is_instruction(part: Part) -> bool:
    return part.shell is not None and (part.shell.is_instruction or not part.shell.anything_else)


def _packages_of(part: Part, code: ShellCode) -> Part:
    return Part(part.language, code.packages, part.line, shell=read_shell(code.packages))


def names_listed(names: Sequence[str]) -> str:
    """List the first names in words: "a.py, b.py and 3 more"."""
    shown = list(names[:4])
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
