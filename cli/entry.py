"""The boundary between the program and the shell: errors become one line and a remedy, and an exit status."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import textwrap
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cli.arguments import SWITCHES, parse_arguments
from cli.remedies import remedy
from cli.wiring import Wiring
from utils.errors import AppError, ExitStatus, UsageError
from utils.platform import ACTIVATE
from utils.setting_sources import user_file
from utils.settings import SETTINGS, Settings, load_settings
from utils.text import sanitize


def run_command(wiring: Wiring, argv: Sequence[str] | None = None) -> int:
    """Run the command that argv names and return the exit status; never raises."""
    wants_traceback = "--traceback" in (sys.argv if argv is None else argv)
    try:
        status = int(_run(wiring, argv))
        sys.stdout.flush()  # what cannot be written shows here
        return status
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
    except Exception as error:  # the boundary: whatever else comes is our own fault, or a missing requirement
        print_error(_explain(error))
        if wants_traceback:
            _print_traceback()
        return int(ExitStatus.USAGE if _missing_requirement(error) else ExitStatus.NOT_DONE)


def _explain(error: Exception) -> AppError:
    missing = _missing_requirement(error)
    if missing:
        hint = f"start it with `make run`, or activate its environment: {ACTIVATE} (pip install -r requirements.txt makes one)"
        return AppError(f"a requirement is not installed here: {missing}", hint)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return AppError(f"the output could not be written: {error.strerror}", "free some space, or send it somewhere else")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return AppError("no more files can be opened", "allow more in this shell (ulimit -n 1024), or close other programs")
    return AppError(f"internal error: {type(error).__name__}: {error}", "run it again with --traceback and report what it prints")


def _missing_requirement(error: Exception) -> str:
    """Return the outside module that could not be imported; "" if it is something else."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    return "" if name in ("agents", "cli", "history", "sandbox", "teams", "utils") else name


def _run(wiring: Wiring, argv: Sequence[str] | None) -> ExitStatus:
    arguments = parse_arguments(argv)
    _check_folder()
    flags = {setting.field: getattr(arguments, setting.field, None) for setting in SETTINGS}
    switches = {name: getattr(arguments, name) for name in (s.removeprefix("--").replace("-", "_") for s in SWITCHES)}

    def load(changes: Mapping[str, str]) -> Settings:
        return load_settings(flags, {**os.environ, **changes}, Path(".env"), user_file(os.environ), **switches)

    settings = load({})
    _check_added(arguments.add)
    if arguments.command in ("chat", "resume"):
        from cli.first_run import choose_model_first

        start = _chat if arguments.command == "chat" else _resume
        return start(settings, wiring, arguments, lambda: choose_model_first(settings, wiring, load, user_file(os.environ)))
    return _COMMANDS[arguments.command](settings, wiring, arguments)


# Each command is imported when it is called, and asyncio with it, so that --help and --version are quick.


def _chat(settings: Settings, wiring: Wiring, arguments: Namespace, choose_model: Callable[[], Settings]) -> ExitStatus:
    import asyncio

    from cli.commands.chat import chat

    return asyncio.run(chat(choose_model(), wiring, arguments.task, [Path(path) for path in arguments.add]))


def _run_one(settings: Settings, wiring: Wiring, arguments: Namespace) -> ExitStatus:
    from cli.commands.run import RunOptions, run

    added = [Path(path) for path in arguments.add]
    file, output = (Path(path) if path else None for path in (arguments.file, arguments.output))
    return run(settings, wiring, RunOptions(arguments.task, file, arguments.json, arguments.events, output, added))


def _batch(settings: Settings, wiring: Wiring, arguments: Namespace) -> ExitStatus:
    from cli.commands.batch import BatchOptions, batch

    names = ("file", "format", "jobs", "resume", "only", "retry_errors", "fail_fast", "scheduler")
    output, html = (Path(path) if path else None for path in (arguments.output, arguments.html))
    chosen = {name: getattr(arguments, name) for name in names}
    return batch(settings, wiring, BatchOptions(output=output, html=html, added=[Path(path) for path in arguments.add], **chosen))


def _doctor(settings: Settings, wiring: Wiring, arguments: Namespace) -> ExitStatus:
    import asyncio

    from cli.commands.doctor import doctor

    return asyncio.run(doctor(settings, wiring, ask=arguments.ask))


def _history(settings: Settings, wiring: Wiring, arguments: Namespace) -> ExitStatus:
    from cli.commands.history import HistoryOptions, history

    names = ("words", "json", "format", "output", "older", "all", "yes")
    return history(settings, HistoryOptions(**{name: getattr(arguments, name) for name in names}))


def _replay(settings: Settings, wiring: Wiring, arguments: Namespace) -> ExitStatus:
    from cli.commands.replay import replay

    return replay(settings, arguments.words, every=arguments.all, as_json=arguments.json)


def _resume(settings: Settings, wiring: Wiring, arguments: Namespace, choose_model: Callable[[], Settings]) -> ExitStatus:
    from cli.commands.resume import resume

    return resume(settings, wiring, arguments.words, choose_model, fork=arguments.fork)


_COMMANDS: Mapping[str, Callable[[Settings, Wiring, Namespace], ExitStatus]] = {
    "run": _run_one,
    "batch": _batch,
    "history": _history,
    "replay": _replay,
    "doctor": _doctor,
}


def _check_folder() -> None:
    """See that the folder of the start is still there: settings, workspace and files are looked for in it. Raises UsageError."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UsageError("the current folder no longer exists", "change to a folder that does, and start again", kind="usage") from None


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
    sys.stderr.write(_rows(f"error: {sanitize(error.message)}"))
    if told := remedy(error):
        sys.stderr.write(_rows(f"  → {sanitize(told)}"))
    sys.stderr.flush()


def _rows(line: str) -> str:
    """Return the line, on a terminal broken between words; cli/output/wrapping.py needs rich, which may be what is missing."""
    if not sys.stderr.isatty():
        return f"{line}\n"
    rows = textwrap.wrap(
        line, shutil.get_terminal_size().columns - 1, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    return "".join(f"{row}\n" for row in rows)
