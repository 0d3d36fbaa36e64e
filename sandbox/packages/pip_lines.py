"""Finds what a program asks of pip, takes those lines out of it, and says what of it may be done."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.packages.names import is_archive
from sandbox.packages.shell_scan import Simple, simple_commands
from utils.docker_utils import WORKSPACE

_BEFORE = r"(?:(?:then|do|else|\{|time|command)\s+)*"
_PIP = re.compile(
    rf"\s*{_BEFORE}(?P<start>(?:sudo(?:\s+-\w+)*\s+)?)(?P<settings>(?:\w+=\S*\s+)*)(?P<pip>[!%]?(?:(?:\S*/)?pip[\d.]*"
    r"|(?:(?:\S*/)?python[\d.]*|py|\{sys\.executable\})(?:\s+-[a-zA-Z]+)*\s+-m\s*pip|uv\s+pip))(?=\s)(?P<words>.*)",
    re.DOTALL,
)
_NOTEBOOK = re.compile(r"(?P<indent>[ \t]*)(?P<command>[!%](?:.*\\\n)*.*)")
_REDIRECT = re.compile(r"(?:\d*|&)(?:>>|>&|>|<)(?!=)(?P<target>.*)")
_SHORT = re.compile(r"-[qvU]+")
_HANDED_ON = ("--upgrade", "--pre", "--no-deps", "--force-reinstall", "--only-binary=:all:")
# What our own call says in any case, or what does not matter to it.
_IGNORED = (
    *("--quiet", "--verbose", "--user", "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--break-system-packages"),
    *("--prefer-binary", "--no-warn-script-location", "--no-color", "--no-compile", "--compile", "--system"),
)
_IGNORED_WITH_VALUE = ("--progress-bar", "--root-user-action", "--upgrade-strategy", "--timeout", "--default-timeout", "--retries")
_SOURCES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--proxy", "--cert", "--client-cert")
_COMMAND_TOO_LONG = 8192
_NOTHING = re.compile(r":|true|set\s+[-+]\w+(?:\s+\w+)?")


@dataclass(frozen=True)
class PipCommand:
    """One `pip install` of a program: what it asks for, or why it cannot be done."""

    line: int  # of the program, from 1
    text: str  # as it is written there
    requirements: tuple[str, ...] = ()  # names with versions and extras; see address_of for what is no name
    files: tuple[str, ...] = ()  # files of requirements, relative to the working folder
    options: tuple[str, ...] = ()  # handed on to pip
    refusal: str = ""


@dataclass(frozen=True)
class PipLines:
    """The pip commands of a program in their order, and the program without them, line for line."""

    commands: tuple[PipCommand, ...]
    rest: str
    anything_left: bool


def find_pip_lines(language: str, code: str) -> PipLines:
    """Take the `pip install` commands out of a shell program, or the `!pip` and `%pip` lines out of a Python program."""
    if "pip" not in code:
        return PipLines((), code, True)
    return _in_python(code) if language == "python" else _in_shell(code)


def _in_shell(code: str) -> PipLines:
    commands: list[PipCommand] = []
    pieces: list[str] = []
    kept = 0
    anything_left = False
    for simple in simple_commands(code):
        text = code[simple.start : simple.end]
        match = _PIP.fullmatch(text)
        if match is None or not _installs(match["words"]):
            anything_left = anything_left or _NOTHING.fullmatch(text.strip()) is None
            continue
        begin = simple.start + match.start("start")
        commands.append(_read(match, simple, code.count("\n", 0, begin) + 1))
        # The command is replaced by one that does nothing; lines keep their numbers.
        pieces += [code[kept:begin], ": ", "\\\n" * code.count("\n", begin, simple.end)]
        kept = simple.end
    return PipLines(tuple(commands), "".join([*pieces, code[kept:]]), anything_left or not commands)


def _in_python(code: str) -> PipLines:
    try:
        ast.parse(code)
        return PipLines((), code, True)  # the whole is Python: such a line is part of a text
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    commands: list[PipCommand] = []

    def take(match: re.Match[str]) -> str:
        first = code.count("\n", 0, match.start()) + 1
        found = [_of_notebook(each, match["command"], first) for each in simple_commands(match["command"])]
        if not any(found):
            return match[0]
        commands.extend(each or PipCommand(first, match["command"], refusal="only pip commands may stand on such a line") for each in found)
        return f"{match['indent']}pass" + "\n" * match[0].count("\n")

    rest = re.sub(f"^{_NOTEBOOK.pattern}", take, code, flags=re.MULTILINE)
    left = any(line.strip() and line.strip() != "pass" and not line.lstrip().startswith("#") for line in rest.splitlines())
    return PipLines(tuple(commands), rest, left)


def _of_notebook(simple: Simple, command: str, line: int) -> PipCommand | None:
    match = _PIP.fullmatch(command[simple.start : simple.end])
    return _read(match, simple, line) if match is not None and _installs(match["words"]) else None


def _installs(words: str) -> bool:
    found = re.match(r"(?:\s+-[\w-]+)*\s+install(?:\s|$)", words.replace("\\\n", " "))
    return found is not None


def _read(match: re.Match[str], simple: Simple, line: int) -> PipCommand:
    text = " ".join(match[0].replace("\\\n", " ").split())
    if len(text) > _COMMAND_TOO_LONG:
        return PipCommand(line, text[:200], refusal="the line is too long")
    if match["settings"]:
        return PipCommand(line, text, refusal="settings in front of pip are not allowed")
    if simple.expands:
        return PipCommand(line, text, refusal="write plain names: variables and $(...) are not replaced here")
    try:
        words = shlex.split(match["words"].replace("\\\n", " "))
    except ValueError:
        return PipCommand(line, text, refusal="its quotes are not closed")
    return read_arguments([word for word in words if word != "install"], line, text)


def read_arguments(words: list[str], line: int, text: str) -> PipCommand:
    """Sort the words behind `pip install`: what to install, files of requirements, options; refused when one of them is not allowed."""
    sorter = _Sorter(iter(words))
    refusal = sorter.sort() or _bad_file(sorter.files)
    if not refusal and not sorter.requirements and not sorter.files:
        refusal = "it names no package"
    return PipCommand(line, text, tuple(sorter.requirements), tuple(sorter.files), tuple(sorter.options), refusal)


class _Sorter:
    def __init__(self, words: Iterator[str]) -> None:
        self.words = words
        self.requirements: list[str] = []
        self.files: list[str] = []
        self.options: list[str] = []

    def sort(self) -> str:
        """Take every word; return why one of them is refused, or nothing."""
        for word in self.words:
            redirect = _REDIRECT.fullmatch(word)
            if redirect is not None:
                if not redirect["target"]:
                    next(self.words, "")
            elif word.startswith("-"):
                refusal = self._option(word)
                if refusal:
                    return refusal
            else:
                self.requirements.append(word)
        return ""

    def _option(self, word: str) -> str:
        option, equals, value = word.partition("=")
        if option in _SOURCES or word[:2] in ("-i", "-f"):
            return f"{option} is not allowed: packages come from the index that the user has set"
        if option in ("-r", "--requirement"):
            self.files.append(value if equals else next(self.words, ""))
        elif word.startswith("-r"):
            self.files.append(word[2:])
        elif option in ("-e", "--editable"):
            self.requirements.append(f"-e {value if equals else next(self.words, '')}")
        elif option in _IGNORED_WITH_VALUE:
            if not equals:
                next(self.words, "")
        else:
            return self._switch(word)
        return ""

    def _switch(self, word: str) -> str:
        if word in _HANDED_ON:
            self.options.append(word)
        elif _SHORT.fullmatch(word):
            self.options += ["--upgrade"] if "U" in word else []
        elif word not in _IGNORED:
            return f"the option {word} is not allowed here"
        return ""


def _bad_file(files: list[str]) -> str:
    for name in files:
        parts = name.split("/")
        if not re.fullmatch(r"[\w./ -]+", name) or name.startswith(("/", "-")) or ".." in parts:
            return f"{name!r} is no file of the working folder"
    return ""


def read_requirements(text: str, file_name: str) -> PipCommand:
    """Read a file of requirements as pip would; refused when a line of it is an option."""
    requirements = []
    for number, line in enumerate(text.replace("\\\n", " ").splitlines(), 1):
        wanted = re.sub(r"(?:^|\s)#.*", "", line).strip()
        if wanted.startswith("-") or "--hash" in wanted:
            return PipCommand(number, wanted, refusal=f"line {number} of {file_name} is an option, not a package")
        if wanted:
            requirements.append(wanted)
    return PipCommand(1, f"-r {file_name}", tuple(requirements))


def address_of(requirement: str) -> str | None:
    """Return what pip is to be given for an address or a path, paths as seen from the working folder; None if it is neither."""
    edit = "-e " if requirement.startswith("-e ") else ""
    place = requirement.removeprefix("-e ").strip()
    if re.search(r"[\x00-\x1f\x7f]", place) or place.startswith("-"):
        return None
    if re.match(r"(?:[\w.-]+(?:\[[\w,.-]*\])?\s*@\s*)?(?:git\+)?(?:https?|ssh|file)://\S", place):
        return edit + place
    if place.startswith("/"):
        return edit + place
    return f"{edit}{WORKSPACE}/{place}" if place.startswith(".") or "/" in place or is_archive(place) else None
