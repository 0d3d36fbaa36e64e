"""How the program starts and ends quickly: a start spends most of its time importing AutoGen, an end taking it down again."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from utils.platform import ENVIRONMENTS_PYTHON, go_on_as
from utils.settings import Settings


def use_own_environment(main: Path) -> None:
    """Go on with the interpreter of the project's .venv if this one lacks the requirements and that one is there."""
    environment = main.resolve().parent / ".venv"
    python = environment / ENVIRONMENTS_PYTHON
    if find_spec("autogen_agentchat") is None and python.is_file() and Path(sys.prefix) != environment:
        go_on_as([str(python), *sys.argv])


def hold_garbage_collection() -> None:
    """Collect no garbage until all is imported: the collector would go through thousands of new classes again and again."""
    gc.disable()


async def import_parts(settings: Settings) -> None:
    """Import what takes most of a second, in a thread, while the user types and the container starts."""
    import asyncio

    await asyncio.to_thread(_import_parts, settings.demo)
    gc.freeze()
    gc.enable()


def _import_parts(demo: bool) -> None:
    model = "agents.models.scripted" if demo else "autogen_ext.models.openai"
    for name in (model, "agents.models.resilient", "cli.output.transcript", "teams.session"):
        import_module(name)


def leave(status: int) -> NoReturn:
    """End the process with the status at once.

    Whatever the program held is closed by now; taking the interpreter down with AutoGen and a model's SDK in it takes a quarter of a
    second more, in which the user waits for their shell.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
