"""The command line: what may be typed after `python main.py`."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import NoReturn

from utils.errors import UsageError
from utils.settings import SETTINGS

VERSION = "0.1.0"
COMMANDS = {
    "chat": "interactive session, starting with TASK if one is given",
    "run": "one task without questions: standard output is the output of the approved program",
    "batch": "many tasks without questions, from a file or standard input, some side by side: one line of JSON for each",
    "doctor": "look at settings, key, model, engine, image, limits and workspace, and say what to do where something is wrong",
}
SWITCHES = {
    "--demo": "play with a scripted model: no key needed; real agents, real container",
    "--quiet": "leave out progress and notices",
    "--no-color": "no colours and no control codes (also: NO_COLOR, TERM=dumb, no terminal)",
    "--traceback": "show the traceback of an error",
}


ADD = "copy a file or folder of yours to the programs first (repeatable); keys, .git and what .sandboxignore lists stay out"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of leaving the process."""
        if message.startswith("argument COMMAND: invalid choice"):
            word = message.split("'")[1]
            hint = f'commands are {", ".join(COMMANDS)}; a task is given as: python main.py chat "{word} ..." (see --help)'
            raise UsageError(f"there is no command {word!r}", hint, kind="usage")
        raise UsageError(message, "see: python main.py --help", kind="usage")


def build_parser() -> argparse.ArgumentParser:
    """Make the parser; flags may stand before or after the command."""
    parser = _Parser(
        prog="python main.py",
        description="Ask for a program; three AutoGen agents write it, run it in Docker, and stop when you approve.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    _add_flags(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    chat = commands.add_parser("chat", help=COMMANDS["chat"], description=COMMANDS["chat"], allow_abbrev=False)
    chat.add_argument("task", nargs="?", metavar="TASK", help="the first task")
    _add_flags(chat, default=argparse.SUPPRESS)
    run = commands.add_parser("run", help=COMMANDS["run"], description=COMMANDS["run"], allow_abbrev=False)
    _run_options(run)
    _add_flags(run, default=argparse.SUPPRESS)
    batch = commands.add_parser("batch", help=COMMANDS["batch"], description=COMMANDS["batch"], allow_abbrev=False)
    _batch_options(batch)
    _add_flags(batch, default=argparse.SUPPRESS)
    doctor = commands.add_parser("doctor", help=COMMANDS["doctor"], description=COMMANDS["doctor"], allow_abbrev=False)
    doctor.add_argument("--ask", action="store_true", help="ask the model for one word, to test the key")
    _add_flags(doctor, default=argparse.SUPPRESS)
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "task", nargs="?", metavar="TASK", help="the task; - reads it from standard input; text piped in beside it is its context"
    )
    parser.add_argument("-f", "--file", metavar="FILE", help="read the task from a file")
    parser.add_argument("--json", action="store_true", help="print one JSON object about the task in place of the output")
    parser.add_argument("--events", action="store_true", help="print each event as a line of JSON, as it happens")
    parser.add_argument("--output", metavar="DIR", help="save the approved program and its files in this folder")


def _batch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="JSON Lines or CSV with task (and id, expect, add), or one task a line; - reads standard input"
    )
    parser.add_argument(
        "--format", choices=("jsonl", "csv", "lines"), default="", help="of FILE; found from its name and text if not given"
    )
    parser.add_argument("--jobs", type=_positive, metavar="N", help="tasks side by side (2; with --scheduler as many as the workers take)")
    parser.add_argument("--output", metavar="FILE", help="write the results here instead of on standard output")
    parser.add_argument("--resume", action="store_true", help="go on with the results in --output: skip tasks that have one, repeat errors")
    parser.add_argument("--only", choices=("failed", "stopped", "error"), default="", help="of --output, repeat the tasks that ended so")
    parser.add_argument("--retry-errors", action="store_true", help="try a task that ended in an error once more at once")
    parser.add_argument("--fail-fast", type=_positive, nargs="?", const=1, metavar="N", help="begin no task after N (1) were not approved")
    parser.add_argument("--scheduler", default="", metavar="ADDRESS", help="run the tasks on the workers of this Dask scheduler")


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise ValueError(text)
    return number


_positive.__name__ = "whole number"  # argparse says: invalid whole number value


def _add_flags(parser: argparse.ArgumentParser, default: str | None) -> None:
    # A subcommand's own default would overwrite a flag that stood before the command, hence SUPPRESS there.
    for setting in SETTINGS:
        if setting.flag is None:
            continue
        text = setting.meaning.replace("%", "%%").replace("`", "")  # Markdown is for the README
        if setting.default in ("true", "false"):
            parser.add_argument(setting.flag, dest=setting.field, action="store_const", const="true", default=default, help=text)
        else:
            parser.add_argument(setting.flag, dest=setting.field, default=default, metavar=setting.field.upper(), help=text)
    # A place of its own for each position: a list that a subcommand begins would take the place of the first.
    place = "add" if default is None else "add_after"
    parser.add_argument("--add", dest=place, action="append", default=[], metavar="PATH", help=ADD)
    for switch, meaning in SWITCHES.items():
        name = switch.removeprefix("--").replace("-", "_")
        initial = False if default is None else default
        parser.add_argument(switch, dest=name, action="store_true", default=initial, help=meaning)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; raises UsageError, or SystemExit after --help and --version."""
    parser = build_parser()
    _refuse_unknown_flags(parser, sys.argv[1:] if argv is None else argv)
    arguments = parser.parse_args(argv)
    arguments.command = arguments.command or "chat"
    arguments.task = getattr(arguments, "task", None)
    arguments.add = [*arguments.add, *getattr(arguments, "add_after", [])]
    return arguments


def _refuse_unknown_flags(parser: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Name a mistyped flag; argparse would complain about the word behind it, which it takes for a command."""
    subparsers = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    parsers = [parser, *(each for action in subparsers for each in action.choices.values())]
    known = {name for each in parsers for name in each._option_string_actions}
    for word in argv:
        if word == "--":
            return
        flag = word.partition("=")[0]
        if flag.startswith("--") and " " not in flag and flag not in known:
            near = difflib.get_close_matches(flag, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"there is no flag {flag}", f"{hint}see: python main.py --help", kind="usage")
