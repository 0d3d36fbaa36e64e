"""The doctor: settings, key, model, engine, image, limits and workspace, one line each, with what to do where something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.files import size_text
from cli.output.screen import BAD_STYLE, GOOD_STYLE, QUIET_STYLE, open_screen
from cli.remedies import remedy
from cli.wiring import Wiring
from utils.errors import AppError, ExitStatus, UsageError
from utils.settings import SETTINGS, Settings
from utils.text import sanitize

if TYPE_CHECKING:
    from sandbox.engine.inspection import Finding

_LEAST_FREE = 1024**3  # bytes


async def doctor(settings: Settings, wiring: Wiring, sources: Mapping[str, str], *, ask: bool) -> ExitStatus:
    """Print what was found, line by line as it is found; return the status of the first thing that failed, or DONE.

    `sources` says for each setting that is not a default where it comes from. With `ask`, the model is asked for one word.
    """
    screen = open_screen(no_color=settings.no_color)
    status = ExitStatus.DONE
    async for finding in _findings(settings, wiring, sources, ask):
        error = finding.error
        mark = ("✘", BAD_STYLE) if error is not None else ("✔", GOOD_STYLE) if finding.fine else ("–", QUIET_STYLE)
        helps = remedy(error, "doctor") if error is not None else ""
        told = f"{finding.text} → {helps}" if helps else finding.text
        screen.print(Text.assemble(mark, f" {finding.subject:<10} {sanitize(told)}"))
        if error is not None and status is ExitStatus.DONE:
            status = error.status
    return status


async def _findings(settings: Settings, wiring: Wiring, sources: Mapping[str, str], ask: bool) -> AsyncIterator[Finding]:
    from sandbox.engine.inspection import Finding, inspect_sandbox
    from sandbox.opening import limits_of

    yield Finding("settings", _settings(settings, sources))
    keys = _keys(settings, sources)
    yield Finding("key", keys or "none is set", fine=bool(keys))
    try:
        model = wiring.check_model(settings)
        told = "not asked; `doctor --ask` asks it for one word"
        if ask:
            told = f"it answers: {(await wiring.ask_model(settings)).strip()[:40]!r}"
        yield Finding("model", f"{model} ({told})")
    except AppError as error:
        yield Finding("model", error.message, error)
    looking = inspect_sandbox(settings.image, limits_of(settings), settings.strict)
    while (finding := await asyncio.to_thread(next, looking, None)) is not None:
        yield finding
    yield await asyncio.to_thread(_workspace, settings)


def _settings(settings: Settings, sources: Mapping[str, str]) -> str:
    secret = {field.name for field in fields(settings) if not field.repr}
    set_ones = []
    for setting in SETTINGS:
        if setting.variable in sources:
            value = "set" if setting.field in secret else str(getattr(settings, setting.field))
            set_ones.append(f"{setting.variable}={value} ({sources[setting.variable]})")
    return ", ".join(set_ones) or "all as shipped"


def _keys(settings: Settings, sources: Mapping[str, str]) -> str:
    from agents.models.choice import PROVIDERS

    names = dict.fromkeys(name for p in PROVIDERS.values() for name in (p.key_name, p.url_name) if name)
    found = [f"{name} is set ({sources[name]})" for name in names if settings.environment.get(name) and name in sources]
    return ", ".join(found)


def _workspace(settings: Settings) -> Finding:
    from sandbox.engine.inspection import Finding, inspect_folder

    folder = settings.workspace
    try:
        free = inspect_folder(folder)
    except OSError as error:
        told = f"{folder} cannot be written: {error.strerror}"
        return Finding("workspace", told, UsageError(told, "name another folder: --workspace, WORKSPACE"))
    if free < _LEAST_FREE:
        told = f"{folder} has only {size_text(free)} left"
        return Finding("workspace", told, UsageError(told, "make room, or name another folder: --workspace, WORKSPACE"))
    return Finding("workspace", f"{folder.resolve()} can be written, {size_text(free)} free")
