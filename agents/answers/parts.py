"""The blocks of an answer, each with what it is taken for: a program, a file, or something that is only shown."""

from __future__ import annotations

import posixpath
import textwrap
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from agents.answers.file_names import are_relatives, language_of_file, named, with_names_carried
from agents.answers.mistaken import Content, is_elided, label_inside, language_by_shebang, language_by_sign, read_content
from agents.answers.other_code import OtherCode, read_other
from agents.answers.output import announces_output, is_no_code
from agents.answers.python_code import PythonCode, is_outline, is_session, looks_broken, read_python
from agents.answers.shell_code import ShellCode, read_shell
from agents.answers.written_files import written_by_other, written_files
from utils.code_blocks import Fence, SkippedBlock, StoredFile, unusable
from utils.labels import SHOWN, canonical, language_of, why_not_run

MOST_COMPARED = 100
"""How many programs of an answer are compared with each other: no answer that is meant has more."""

_TERMINALS = ("console", "terminal", "shell-session", "cmd", "powershell", "bat", "batch")
_PLAIN = ("text", "txt", "plaintext", "plain")  # labels that say little
HOW_TO_RUN = "it says how to run the program"
CLEANS_UP = "it puts things in order after the program"
SESSION = "a session at a prompt, not a program"
DOES_NOTHING = "it does nothing when run"
AS_PYTHON = "run as Python: the block has no language"
AS_TEXT = "run as Python: the block is labelled as a text"
AS_OTHER = "run as {language}: the block has no language"


@dataclass(frozen=True)
class Part:
    """A block that may be a program: its language ("" for no label), text, line, file name ("" for none), and what parsing says."""

    language: str
    text: str
    line: int
    name: str = ""
    python: PythonCode | None = None
    shell: ShellCode | None = None
    other: OtherCode | None = None  # what the tokens say, for every language but Python
    inferred: bool = False  # the name is a guess
    is_output: bool = False  # the line before it says so

    @property
    def code(self) -> PythonCode | OtherCode | None:
        """What is known about the names that it defines and needs."""
        return self.python or self.other


@dataclass
class Sorted:
    """The blocks of an answer by what they are."""

    programs: list[Part] = field(default_factory=list)
    unlabelled: list[Part] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    skipped: list[SkippedBlock] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    foreign: bool = False  # it holds code in a language that is not run here
    shell: str = ""  # the language of its commands, if they can be run
    instructions: list[Part] = field(default_factory=list)  # how to run its program
    guessed: set[str] = field(default_factory=set)  # names of files that are guesses, each with a note of its own

    @property
    def scripts(self) -> list[str]:
        """The files of programs that its instructions run."""
        return [script for part in self.instructions if part.shell for script in part.shell.scripts]

    def skip(self, part: Part, reason: str) -> None:
        """Leave the block out, with the reason; it is stored if it has a name."""
        self.skipped.append(SkippedBlock(part.language, part.line, reason))
        if part.name:
            self.files.append(StoredFile(part.name, part.text, part.line))


def sort_blocks(fences: Sequence[Fence], aliases: Mapping[str, str]) -> Sorted:
    """Say of each block what it is, by its label, its name and its content."""
    found = Sorted(shell=aliases.get("sh", ""))
    for fence in with_names_carried(fences, aliases):
        _sort(fence, aliases, found)
    python = aliases.get("python", "")
    if not any(_is_program(part, python) for part in found.programs):
        _adopt_unlabelled(found, aliases)
    for part in found.unlabelled:
        found.skip(part, HOW_TO_RUN if _note_instructions(part, found) else why_not_run(part.language))
    _leave_out_what_is_shown(found, python)
    _leave_out_excerpts(found)
    _leave_out_instructions(found)
    _leave_out_results(found)
    return found


def make_part(language: str, text: str, line: int, name: str, aliases: Mapping[str, str]) -> Part:
    """Parse a block as far as its language allows."""
    is_python = language == aliases.get("python")
    is_shell = bool(language) and language == aliases.get("sh")
    python = read_python(text) if is_python else None
    return Part(language, text, line, name, python, read_shell(text) if is_shell else None, read_other(language, text))


def with_text(part: Part, text: str, name: str = "") -> Part:
    """Return the part with another text, which is parsed as its own was, and with the name if there is one."""
    shell = read_shell(text) if part.shell else None
    python = read_python(text) or part.python if part.python else None
    name = name or part.name
    return Part(part.language, text, part.line, name, python, shell, read_other(part.language, text), part.inferred)


def _sort(fence: Fence, aliases: Mapping[str, str], found: Sorted) -> None:
    label = language_of(fence.info)
    reason = unusable(fence)
    if not reason:
        reason = _take_up(fence, label, aliases, found)
        found.foreign |= bool(reason) and label not in SHOWN
    if reason:
        found.skipped.append(SkippedBlock(label, fence.line, reason))


def _take_up(fence: Fence, label: str, aliases: Mapping[str, str], found: Sorted) -> str:
    """Put a usable block where it belongs; return why it is left out, "" if it is not."""
    content = _content(fence, label, aliases)
    name, text = content.name, content.text
    if is_session(text) and content.language in ("", aliases.get("python")):
        return SESSION
    if content.language:
        found.notes += [content.note] if content.note else []
        found.programs.append(
            replace(make_part(content.language, text, fence.line, name, aliases), is_output=announces_output(fence.before))
        )
    elif name:
        found.files.append(StoredFile(name, text, fence.line))
    elif not label or label in _PLAIN:
        found.unlabelled.append(Part(label, text, fence.line, "", read_python(text)))
    else:
        if label in _TERMINALS:
            _note_instructions(Part(label, text, fence.line), found)
        return why_not_run(label)
    return ""


def _content(fence: Fence, label: str, aliases: Mapping[str, str]) -> Content:
    """Return what the block holds by its label, its name and its text; without a language, it is none that is run, or it has no label."""
    language = canonical(label, aliases)
    name, text, is_file = named(fence, aliases)
    by_name = language_of_file(name, aliases) if name else ""
    is_broken = looks_broken(text) and "```" not in text
    if by_name and not label and by_name == aliases.get("python") and read_python(text) is None and not is_broken:
        name = by_name = ""  # how to run that file, more likely than the file
    if is_file:
        language = ""
    elif not language or are_relatives(language, name, aliases):
        language = by_name
    if not language and not label and not name:
        language, inner = label_inside(text, aliases)
        text = inner or text
    content = read_content(language, text, aliases) if language else Content("", text)
    return replace(content, name=content.name or name)


def _is_program(part: Part, python: str) -> bool:
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
        why = AS_PYTHON if language == aliases.get("python") else f"run as {language}: its first line says so"
        if not language and part.python is not None and "python" in aliases and _is_meant_as_python(part, defined):
            language, why = aliases["python"], AS_TEXT if part.language else AS_PYTHON
        if not language and (language := language_by_sign(part.text, aliases)):
            why = AS_OTHER.format(language=language)
        if language:
            found.unlabelled.remove(part)
            found.programs.append(make_part(language, part.text, part.line, "", aliases))
            found.notes.append(why)
    found.programs.sort(key=lambda part: part.line)


def _is_meant_as_python(part: Part, defined: Set[str]) -> bool:
    code = part.python
    if code is None or part.language in _PLAIN:
        return code is not None and code.is_beyond_doubt
    return code.is_program or bool(defined and code.does_something and code.needs <= defined)


def _leave_out_what_is_shown(found: Sorted, python: str) -> None:
    """Leave out Python blocks that are output, prose or parts of a program, if there is a program beside them."""
    _leave_out_output_and_outlines(found)
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


def _leave_out_output_and_outlines(found: Sorted) -> None:
    """Leave out what the line before it calls output, and what says that it leaves parts out, if there is a program beside it."""
    if len(found.programs) > MOST_COMPARED:
        return
    outlines = [part for part in found.programs if is_elided(part.text)]
    outlines = [part for part in outlines if not any(_needs(other, part) for other in found.programs)]
    shown = [part for part in found.programs if part in outlines or (part.is_output and is_no_code(part.text, part.python, part.shell))]
    whole = {part.language for part in found.programs if part not in shown and not (part.other and part.other.is_piece)}
    for part in shown if whole else []:
        if part.is_output and is_no_code(part.text, part.python, part.shell):
            found.programs.remove(part)
            found.skip(part, "it is output, not a program")
        elif part.language in whole:
            found.programs.remove(part)
            found.skipped.append(SkippedBlock(part.language, part.line, "it leaves parts of the program out"))


def _needs(other: Part, part: Part) -> bool:
    return other is not part and other.language == part.language and bool(other.code and part.code and other.code.needs & part.code.defines)


def _leave_out_excerpts(found: Sorted) -> None:
    """Leave out blocks that repeat a part of another one in their language, or all of an earlier one."""
    if len(found.programs) > MOST_COMPARED:
        return
    for part in [each for each in found.programs if each.code]:
        whole = next((other for other in found.programs if not part.name and _repeats(part, other)), None)
        if whole is not None:
            found.programs.remove(part)
            found.skip(part, f"it repeats a part of the program at line {whole.line}")


def _repeats(part: Part, other: Part) -> bool:
    if part is other or part.language != other.language or not is_in(part, other):
        return False
    if part.python and other.python and part.python.does_something and not other.python.does_something and part.python.stands_alone:
        return False  # there it is in a function that nothing calls
    if not is_in(other, part):
        return True
    again = part.code is not None and not part.code.defines and bool(part.code.needs)  # such as `print(next(numbers))`
    return other.line < part.line and not again


def is_in(part: Part, other: Part) -> bool:
    """Whether everything in the block is in the other one, too."""
    if part.python and other.python:
        return part.python.is_part_of(other.python)
    return bool(part.other and other.other and part.other.is_part_of(other.other))


def _leave_out_instructions(found: Sorted) -> None:
    """Leave out commands that the user would type to run the answer's program; their requests for packages are kept."""
    others = found.foreign or any(not _is_instruction(part) for part in found.programs)
    first = min((part.line for part in found.programs if part.language != found.shell), default=None)
    kept: list[Part] = []
    for part in found.programs:
        code = part.shell
        tidies = code is not None and code.tidies and first is not None and part.line > first
        beside = code is not None and code.uses_tools and (found.foreign or first is not None)
        if code is None or not (code.has_prompts or tidies or beside or (others and (code.is_instruction or code.is_text))):
            kept.append(part)
            continue
        found.instructions.append(part)
        kept += [_packages_of(part, code)] if code.packages else []
        found.skip(part, _why_read(code, tidies=tidies))
    found.programs = kept


def _why_read(code: ShellCode, *, tidies: bool) -> str:
    if code.has_prompts:
        return SESSION
    return CLEANS_UP if tidies else "it holds no commands" if code.is_text else HOW_TO_RUN


def _leave_out_results(found: Sorted) -> None:
    """Leave out files that a program of the answer writes itself: they show what it is said to write."""
    written: set[str] = set()
    for part in found.programs:
        written |= written_files(part.python) if part.python else written_by_other(part.text)
    for file in [each for each in found.files if posixpath.basename(each.name) in written]:
        found.files.remove(file)
        found.skipped.append(SkippedBlock("", file.line, f"it shows {file.name}, which the program writes"))


def _note_instructions(part: Part, found: Sorted) -> bool:
    """Remember how a block that is not run says to run the answer's program; return whether it does."""
    shell = read_shell(part.text) if found.shell else None
    if shell and shell.is_instruction:
        found.instructions.append(replace(part, shell=shell))
        return True
    return False


def _is_instruction(part: Part) -> bool:
    shell = part.shell
    return shell is not None and (shell.is_instruction or shell.is_text or not shell.anything_else)


def _packages_of(part: Part, code: ShellCode) -> Part:
    return Part(part.language, code.packages, part.line, shell=read_shell(code.packages))
