"""The boundary between the program and the shell: errors become one line and a remedy, and an exit status."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cli.arguments import SWITCHES, parse_arguments
from cli.remedies import remedy
from cli.wiring import Wiring
from utils.errors import AppError, ExitStatus, UsageError
from utils.setting_sources import user_file
from utils.settings import SETTINGS, Settings, load_settings
from utils.text import sanitize


def run_command(wiring: Wiring, argv: Sequence[str] | None = None) -> int:
    """Run the command that argv names and return the exit status; never raises."""
    wants_traceback = "--traceback" in (sys.argv if argv is None else argv)
    try:
        return int(_run(wiring, argv))
    except AppError as error:
        print_error(error)
        if wants_traceback:
            _print_traceback()
        return int(error.status)
    except KeyboardInterrupt:
        return int(ExitStatus.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output is gone (`| head`); there is nobody left to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # the interpreter flushes it once more at exit
        return int(ExitStatus.NOT_DONE)
    except Exception as error:  # the boundary: anything else is our own fault, and is told as such
        print_error(AppError(f"internal error: {type(error).__name__}: {error}", "run it again with --traceback and report what it prints"))
        if wants_traceback:
            _print_traceback()
        return int(ExitStatus.NOT_DONE)


def _run(wiring: Wiring, argv: Sequence[str] | None) -> ExitStatus:
    arguments = parse_arguments(argv)
    flags = {setting.field: getattr(arguments, setting.field, None) for setting in SETTINGS}
    switches = {name: getattr(arguments, name) for name in (s.removeprefix("--").replace("-", "_") for s in SWITCHES)}
    settings = load_settings(flags, os.environ, Path(".env"), user_file(os.environ), **switches)
    # Commands are imported here, so that --help and --version are quick.
    if arguments.command == "doctor":
        from cli.commands.doctor import doctor

        return asyncio.run(doctor(settings, wiring, ask=arguments.ask))
    if arguments.command in ("history", "replay", "resume"):
        return _remember(settings, wiring, arguments)
    _check_added(arguments.add)
    added = [Path(path) for path in arguments.add]
    if arguments.command == "run":
        from cli.commands.run import RunOptions, run

        file, output = (Path(path) if path else None for path in (arguments.file, arguments.output))
        return run(settings, wiring, RunOptions(arguments.task, file, arguments.json, arguments.events, output, added))
    if arguments.command == "batch":
        from cli.commands.batch import BatchOptions, batch

        names = ("file", "format", "jobs", "resume", "only", "retry_errors", "fail_fast", "scheduler")
        output = Path(arguments.output) if arguments.output else None
        return batch(settings, wiring, BatchOptions(output=output, **{name: getattr(arguments, name) for name in names}))
    from cli.commands.chat import chat

    return asyncio.run(chat(settings, wiring, arguments.task, added))


def _remember(settings: Settings, wiring: Wiring, arguments: argparse.Namespace) -> ExitStatus:
    if arguments.command == "history":
        from cli.commands.history import HistoryOptions, history

        names = ("words", "json", "format", "output", "older", "all", "yes")
        return history(settings, HistoryOptions(**{name: getattr(arguments, name) for name in names}))
    if arguments.command == "replay":
        from cli.commands.replay import ReplayOptions, replay

        return replay(settings, ReplayOptions(arguments.words, arguments.all, arguments.json))
    from cli.commands.resume import resume

    return resume(settings, wiring, arguments.words, fork=arguments.fork)


def _check_added(paths: Sequence[str]) -> None:
    """See that what is to be added is there, before anything is started for it. Raises UsageError."""
    for path in paths:
        if not os.path.lexists(os.path.expanduser(path)):  # noqa: PTH111  # pathlib raises for a name that is too long
            raise UsageError(f"--add {path}: there is no such file or folder", "check the path", kind="usage")


def _print_traceback() -> None:
    # Arguments and variables of the environment are quoted in it.
    sys.stderr.write(sanitize(traceback.format_exc()))


def print_error(error: AppError) -> None:
    """Say on standard error what failed and what to do next."""
    sys.stderr.write(f"error: {sanitize(error.message)}\n")
    if told := remedy(error):
        sys.stderr.write(f"  → {sanitize(told)}\n")
    sys.stderr.flush()
