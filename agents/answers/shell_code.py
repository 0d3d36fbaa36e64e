"""What a shell block of an answer is: a program, instructions to the user for running another one, or requests for packages."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass

from sandbox.languages import LANGUAGES
from sandbox.packages.pip_lines import find_pip_lines
from sandbox.packages.shell_scan import simple_commands

_LONGEST = 100_000  # characters; a longer script is run as it is labelled
_PROMPT = re.compile(r"^[ \t]*(?:\([\w.-]+\)[ \t]*)?(?:\$|%|[\w.-]+@[\w.-][^\s$#]*[$#]|PS [A-Z]:[^>\n]*>|[A-Z]:\\[^>\n]*>)[ \t]+(?=\S)")
_PYTHON = re.compile(r"(?:\S*/)?(?:python[\d.]*|py|pypy\d*)")
# What the user would type to have the answer's program run, or to set up a machine for it.
_RUNS = frozenset(
    """
    node deno bun ruby perl php java javac go cargo rustc gcc g++ clang cc make cmake pytest tox flask uvicorn gunicorn streamlit
    jupyter docker docker-compose kubectl dotnet tsc source . conda virtualenv poetry pipenv uv deactivate sudo apt apt-get brew dnf
    yum choco winget npm npx yarn pnpm git nano vim vi code chmod curl wget open start clear
    """.split()  # noqa: SIM905  # lines of quotes say no more
)
# What the user would do beside the answer's program; without one, it is the answer.
_TOOLS = frozenset(
    """
    Rscript ts-node lua bundle composer gem rake rails mvn gradle black mypy ruff flake8 pylint pre-commit sqlite3 mysql psql
    redis-server redis-cli mongo mongosh crontab systemctl service ssh scp rsync valgrind gdb perf strace terraform ansible heroku aws
    gcloud az ffmpeg watch nohup which alias unalias lsof ps top htop man history jobs fg bg xdg-open explorer notepad subl less more
    """.split()  # noqa: SIM905  # lines of quotes say no more
)
_NEUTRAL = frozenset("cd mkdir touch echo printf ls cat pwd export set head tail grep tee time : true exit".split())  # noqa: SIM905
# What puts things in order before or after a program, and is none itself.
_TIDIES = frozenset("rm rmdir mv cp kill pkill killall".split())  # noqa: SIM905
_WORKS = frozenset("cp mv rm find sed awk sort uniq wc cut tr for while if case ln xargs sleep seq tar gzip unzip zip diff".split())  # noqa: SIM905
_SETTING = re.compile(r"[A-Za-z_]\w*=")
_A_FILE = re.compile(r"[\w./-]*(?:/|\w\.(?:jsx?|tsx?|json|py|ya?ml|md|txt|html|css|csv|toml|c|h|cpp))")
_NO_COMMAND = re.compile(r"[\d*│├└|+-]|\w+:$")
_SHELLS = ("bash", "sh", "zsh")
_SHOWN_MODULES = ("venv", "pip", "http.server", "pytest", "unittest", "flask", "virtualenv", "ensurepip", "jupyter", "streamlit", "uvicorn")
_SCRIPT = re.compile(rf"(?:\./)?((?:[\w.-]+/)*[\w-]+(?:{'|'.join(re.escape(each.ending) for each in LANGUAGES)}))")


@dataclass(frozen=True)
class ShellCode:
    """A shell block: its requests for packages as a script, whether anything else is in it, and whether that is only to be read."""

    packages: str  # "" for none
    anything_else: bool
    is_instruction: bool
    has_prompts: bool
    scripts: tuple[str, ...] = ()  # files of programs that it runs
    requirement_files: tuple[str, ...] = ()  # that its requests for packages read
    does_something: bool = True  # a command that is known here is in it
    tidies: bool = False  # it only puts files or processes in order
    uses_tools: bool = False  # it is for the user to type, if there is a program in another language
    is_text: bool = False  # nothing in it can be a command


def read_shell(code: str) -> ShellCode:
    """Say what the block holds."""
    if len(code) > _LONGEST:
        return ShellCode("", True, False, False)
    has_prompts = code != (code := without_prompts(code))
    lines = find_pip_lines("sh", code)
    texts = [lines.rest[each.start : each.end] for each in simple_commands(lines.rest)] if lines.anything_left else []
    commands = [_words(text) for text in texts]
    packages = "".join(f"{each.text}\n" for each in lines.commands)
    scripts = tuple(dict.fromkeys(name for command in commands if (name := _script(command))))
    listed = tuple(name for each in lines.commands for name in each.files)
    kinds = {_kind(text, words) for text, words in zip(texts, commands, strict=True)}
    is_instruction = has_prompts or ("run" in kinds and not kinds & {"work", "tool"})
    tidies = "tidy" in kinds and kinds <= {"tidy", "neutral"}
    uses_tools = "tool" in kinds and kinds <= {"tool", "run", "tidy", "neutral"}
    known = any(words[:1] != ["export"] and _is_known(words) for words in commands)
    return ShellCode(
        packages, lines.anything_left, is_instruction, has_prompts, scripts, listed, known, tidies, uses_tools, kinds == {"text"}
    )


def _script(words: list[str]) -> str:
    """Return the program's file that a command runs or compiles, "" for none."""
    if not words or not (words[0] in _RUNS or words[0] in _SHELLS or _PYTHON.fullmatch(words[0])):
        return ""
    return next((found[1] for word in words[1:] if (found := _SCRIPT.fullmatch(word))), "")


def _is_known(words: list[str]) -> bool:
    return bool(words) and (
        words[0] in _RUNS | _TOOLS | _NEUTRAL | _WORKS or words[0] in _SHELLS or _PYTHON.fullmatch(words[0]) is not None
    )


def without_prompts(code: str) -> str:
    """Return the commands of a session at a prompt, without what they printed; any other code as it is."""
    first = next((line for line in code.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    if _PROMPT.match(first) is None:
        return code
    return "".join(f"{line[found.end() :]}\n" for line in code.splitlines() if (found := _PROMPT.match(line)))


def _kind(command: str, words: list[str]) -> str:
    """Return what a command is: "run" if it runs or sets up something, "neutral" if it does not matter beside that, or "work", the rest.

    "tool" and "tidy" are what the user would do beside a program.

    "text" is what cannot begin a command, such as the time in a line for cron.
    """
    words = list(words)
    while words and _SETTING.match(words[0]) and words[1:]:
        del words[0]
    if not words or "<<" in command:
        return "work"
    name, rest = words[0], words[1:]
    if _PYTHON.fullmatch(name):
        return "run" if _runs_a_file(rest) else "work"
    if name in _NEUTRAL:
        return "work" if re.search(r"(?<![0-9&])>(?!&|\s*/dev/null)", command) else "neutral"
    if name in _SHELLS:
        return "run" if rest and not rest[0].startswith("-") else "work"
    if name in _TIDIES:
        return "tidy"
    if _NO_COMMAND.match(name) or (not rest and name[:1] not in ("", ".", "/") and _A_FILE.fullmatch(name)):
        return "text"
    return "tool" if name in _TOOLS else "run" if name in _RUNS or name.startswith("./") else "work"


def _runs_a_file(words: list[str]) -> bool:
    if words[:1] == ["-m"]:
        return bool(words[1:]) and (words[1] in _SHOWN_MODULES or words[1].partition(".")[0] not in sys.stdlib_module_names)
    return not words or (not words[0].startswith("-") or words[0] in ("--version", "-V", "-u", "-i"))


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return []
