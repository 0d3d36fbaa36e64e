"""The command line: what can be typed after `python main.py`.

A command is one entry in COMMANDS. Flags and switches are taken out first, wherever they are; a command's own options follow its name.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from utils.errors import UsageError
from utils.setting_values import whole_number
from utils.settings import SETTINGS
from utils.text import whole_characters

VERSION = "0.1.0"
TITLE = "Multi-Agent Code Generation and Execution"
PROGRAM = "python main.py"
_VALUES = {
    "image": "IMAGE",
    "timeout": "SECONDS",
    "memory": "SIZE",
    "network": "MODE",
    "max_retries": "N",
    "max_tokens": "N",
    "max_cost": "AMOUNT",
    "workspace": "DIR",
}
"""What stands for the value of a setting's flag in the help, if it is not the setting's name."""


def _chat_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", nargs="?", metavar="TASK", help="the first task")


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task", nargs="?", metavar="TASK", help="the task; - reads it from standard input; text that is piped in as well is its context"
    )
    parser.add_argument("-f", "--file", metavar="FILE", help="read the task from a file")
    parser.add_argument("--json", action="store_true", help="print one JSON object about the task instead of the output")
    parser.add_argument("--events", action="store_true", help="print each event as a line of JSON, as it happens")
    parser.add_argument("--output", metavar="DIR", help="save the approved program and its files in this folder")


def _batch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="JSON Lines or CSV with task (and id, expect, add), or one task a line; - reads standard input"
    )
    parser.add_argument(
        "--format", choices=("jsonl", "csv", "lines"), default="", help="format of FILE; by default guessed from its name and text"
    )
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="tasks at the same time (default: 2; with --scheduler, what the workers take)"
    )
    parser.add_argument("--output", metavar="FILE", help="write the results to this file, not to standard output")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the results in --output: skip tasks that are there, repeat errors"
    )
    parser.add_argument(
        "--only", choices=("failed", "stopped", "error"), default="", help="repeat the tasks in --output that ended like this"
    )
    parser.add_argument("--retry-errors", action="store_true", help="try a task that ends in an error once more, at once")
    parser.add_argument(
        "--fail-fast", type=_positive, nargs="?", const=1, metavar="N", help="start no more tasks once N were not approved (default: 1)"
    )
    parser.add_argument("--html", metavar="DIR", help="write a page about all tasks into this folder, and one about each (needs --output)")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="run the tasks on the workers of this Dask scheduler")


_positive = whole_number(1, 10_000).read
_positive.__name__ = "whole number"  # argparse says: invalid whole number value


def _doctor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ask", action="store_true", help="ask the model for one word, to test the key")


def _resume_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SESSION", help="an ID (which may be shortened), a name, words of it, or last")
    parser.add_argument("--fork", action="store_true", help="go on with a copy; the session itself stays as it is")


def _history_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="WORDS", help="what to search for; or show ID, export ID, delete ID")
    parser.add_argument("--all", action="store_true", help="list all sessions, not only the newest")
    parser.add_argument("--older", default="", metavar="AGE", help="only sessions that were not used for this long, such as 30d")
    parser.add_argument("-o", "--output", default="", metavar="FILE", help="where to export to; - is standard output")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="list, show or export as JSON")
    formats = {"html": "one page, the default", "md": "Markdown", "ipynb": "a notebook"}
    for name, meaning in formats.items():
        forms.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="", help=f"export as {meaning}")


def _replay_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="SESSION", help="an ID (which may be shortened), a name, or last")
    parser.add_argument("--all", action="store_true", help="every session that has an approved program")
    parser.add_argument("--json", action="store_true", help="print JSON")


@dataclass(frozen=True)
class CommandLine:
    """What one command does, and the function that adds its own options to a parser."""

    meaning: str
    takes: str = ""  # what follows its name
    add_options: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    mixed: bool = False  # its words and its options may come in any order


COMMANDS = {
    "chat": CommandLine("interactive session, starting with TASK if one is given", "[TASK]", _chat_options),
    "run": CommandLine("one task without questions: standard output is the output of the approved program", "[TASK]", _run_options),
    "batch": CommandLine(
        "many tasks without questions, from a file or standard input, some side by side: one line of JSON for each", "FILE", _batch_options
    ),
    "resume": CommandLine("go on with an earlier session, chosen from a list if none is named", "[SESSION]", _resume_options, mixed=True),
    "history": CommandLine(
        "list or search the sessions that are kept; show, export or delete one",
        "[WORDS | show ID | export ID | delete ID]",
        _history_options,
        mixed=True,
    ),
    "replay": CommandLine(
        "run approved programs again in a fresh container, without a model, and compare", "[SESSION]", _replay_options, mixed=True
    ),
    "doctor": CommandLine(
        "check settings, key, model, engine, image, limits and workspace, and say what to do about each problem", "", _doctor_options
    ),
}
SWITCHES = {
    "--demo": "play with a scripted model: no key needed; real agents, real container",
    "--quiet": "leave out progress and notices",
    "--no-color": "no colours (also: NO_COLOR); with TERM=dumb, or without a terminal, no control codes at all",
    "--traceback": "show the traceback of an error",
    "--no-verify": "do not test approved programs in a fresh container",
}
ADD = "copy a file or folder into the sandbox first (repeatable); keys, .git and what .sandboxignore lists stay out"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of ending the process."""
        missing = message.removeprefix("the following arguments are required: ")
        raise UsageError(message if missing == message else f"{missing} is missing", f"see: {self.prog} --help", kind="usage")


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; raises UsageError, or SystemExit after --help and --version."""
    words = list(sys.argv[1:] if argv is None else argv)
    end = words.index("--") if "--" in words else len(words)
    flags = _flags()
    found, rest = flags.parse_known_args(words[:end])
    if rest[:1] == ["help"]:
        rest = [*rest[1:], "--help"]
    command = next((word for word in rest if not word.startswith("-")), None)
    if command is None and {"-h", "--help"} & set(rest):
        _overview(flags).parse_args(["--help"])
    if command is not None:
        rest.remove(command)
    found.command = command or "chat"
    if found.command not in COMMANDS and rest and rest[0].startswith("-"):
        raise _unknown(rest[0], flags)  # what follows a mistyped flag is its value
    if found.command not in COMMANDS:
        raise _no_command([found.command, *rest, *words[end:]])
    parser = _parser_of(found.command, flags)
    parse = parser.parse_known_intermixed_args if COMMANDS[found.command].mixed else parser.parse_known_args
    arguments, unknown = parse([*rest, *words[end:]], found)
    if unknown:
        raise _unknown(unknown[0], parser)
    task = getattr(arguments, "task", None)
    arguments.task = None if task is None else whole_characters(task)
    return arguments


def _flags() -> _Parser:
    """Make the parser of what may come before or after the command."""
    parser = _Parser(prog=PROGRAM, add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("options of every command")
    group.add_argument("--version", action="version", version=f"{TITLE} {VERSION}", help="show the version and exit")
    for setting in SETTINGS:
        if setting.flag is None:
            continue
        text = setting.meaning.replace("%", "%%").replace("`", "")  # Markdown is for the README
        if setting.default in ("true", "false"):
            group.add_argument(setting.flag, dest=setting.field, action="store_const", const="true", help=text)
        else:
            value = _VALUES.get(setting.field, setting.field.upper())
            group.add_argument(setting.flag, dest=setting.field, metavar=value, help=text)
    group.add_argument("--add", action="append", default=[], metavar="PATH", help=ADD)
    for switch, meaning in SWITCHES.items():
        group.add_argument(switch, action="store_true", help=meaning)
    return parser


def _no_command(words: Sequence[str]) -> UsageError:
    """Say that the first of the words is no command; all of them may have been meant for a task."""
    command = words[0]
    near = difflib.get_close_matches(command, COMMANDS, n=1)
    said = " ".join(words) if len(words) > 1 or " " in command else f"{command} ..."
    task = f'{PROGRAM} chat "{said}"'
    helps = f"did you mean {PROGRAM} {near[0]}?" if near else f"commands are {', '.join(COMMANDS)}; to start with a task: {task}"
    return UsageError(f"there is no command {command!r}", f"{helps} (see --help)", kind="usage")


def _parser_of(command: str, flags: argparse.ArgumentParser) -> _Parser:
    line = COMMANDS[command]
    usage = " ".join(filter(None, [PROGRAM, command, "[options]", line.takes]))
    # The flags have been read by now; they are here for --help.
    parser = _Parser(prog=f"{PROGRAM} {command}", usage=usage, description=line.meaning, parents=[flags], allow_abbrev=False)
    line.add_options(parser)
    return parser


def _overview(flags: argparse.ArgumentParser) -> _Parser:
    text = "Ask for a program; three AutoGen agents write it, run it in Docker, and stop when you approve."
    usage, more = f"{PROGRAM} [options] [COMMAND]", f"{PROGRAM} COMMAND --help shows the options of a command."
    parser = _Parser(prog=PROGRAM, usage=usage, description=text, epilog=more, parents=[flags], allow_abbrev=False)
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=argparse.ArgumentParser)
    for name, line in COMMANDS.items():
        commands.add_parser(name, help=line.meaning)
    return parser


def _unknown(word: str, parser: argparse.ArgumentParser) -> UsageError:
    flag = word.partition("=")[0]
    if not flag.startswith("-"):
        return UsageError(f"{word!r} is one argument too many", f"quote a task of several words; see: {parser.prog} --help", kind="usage")
    near = difflib.get_close_matches(flag.lstrip("-"), re.findall(r"--([a-z][a-z-]+)", parser.format_help()), n=1)
    hint = f"did you mean --{near[0]}? " if near else ""
    return UsageError(f"there is no flag {flag}", f"{hint}see: {parser.prog} --help", kind="usage")
