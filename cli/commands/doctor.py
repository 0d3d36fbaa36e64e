"""The doctor: settings, key, model, engine, image, limits and workspace, one line each, with what to do if something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from typing import TYPE_CHECKING

from rich.text import Text

from agents.models.choice import PROVIDERS
from cli.output.screen import BAD_STYLE, GOOD_STYLE, QUIET_STYLE, open_screen
from cli.remedies import remedy
from cli.wiring import Wiring
from history.records import HistoryError
from history.search import list_sessions
from history.store import DATABASE, Store
from utils.errors import AppError, ExitStatus, UsageError
from utils.setting_sources import ADDRESSES, IMAGES, Source
from utils.setting_values import without_password
from utils.settings import SECRETS, SETTINGS, Settings
from utils.text import counted, sanitize, size_text

if TYPE_CHECKING:
    from sandbox.engine.inspection import Finding

_INDENT = 13  # columns before what is found
_LEAST_FREE = 1024**3  # bytes


async def doctor(settings: Settings, wiring: Wiring, *, ask: bool) -> ExitStatus:
    """Print each finding as soon as it is there; return the status of the first thing that failed, or DONE.

    With `ask`, the model is asked for one word.
    """
    screen = open_screen(no_color=settings.no_color)
    status = ExitStatus.DONE
    async for finding in _findings(settings, wiring, ask):
        error = finding.error
        mark = ("✘", BAD_STYLE) if error is not None else ("✔", GOOD_STYLE) if finding.fine else ("–", QUIET_STYLE)
        helps = remedy(error, "doctor") if error is not None else ""
        told = f"{finding.text} → {helps}" if helps else finding.text
        screen.say(Text.assemble(mark, f" {finding.subject:<10} {sanitize(told)}"), indent=_INDENT)
        if error is not None and status is ExitStatus.DONE:
            status = error.status
    return status


async def _findings(settings: Settings, wiring: Wiring, ask: bool) -> AsyncIterator[Finding]:
    from sandbox.engine.inspection import Finding, inspect_sandbox
    from sandbox.opening import limits_of

    yield Finding("settings", _settings(settings))
    for warning in settings.warnings:
        yield Finding("note", warning, fine=False)
    keys = _keys(settings)
    yield Finding("key", keys or "none is set", fine=bool(keys))
    try:
        model = wiring.check_model(settings)
        answer = "not asked; `doctor --ask` asks it for one word"
        if ask:
            answer = f"it answers: {(await wiring.ask_model(settings)).strip()[:40]!r}"
        yield Finding("model", f"{model} ({answer})")
    except AppError as error:
        yield Finding("model", error.message, error)
    looking = inspect_sandbox(settings.image, limits_of(settings), settings.strict, settings.runtime, settings.images)
    while (finding := await asyncio.to_thread(next, looking, None)) is not None:
        yield finding
    yield await asyncio.to_thread(_workspace, settings)
    yield await asyncio.to_thread(_history, settings)


def _settings(settings: Settings) -> str:
    found = []
    for setting in SETTINGS:
        source = settings.source(setting.variable)
        if source is not Source.DEFAULT:
            value = "set" if setting.field in SECRETS else str(getattr(settings, setting.field))
            found.append(f"{setting.variable}={value} ({setting.flag if source is Source.FLAG else source.words})")
    found += [f"{IMAGES}{name.upper()}={image}" for name, image in settings.images.items()]
    return ", ".join(found) or "all defaults"


def _keys(settings: Settings) -> str:
    """Name the keys, by where they come from, and the addresses that requests go to."""
    found = []
    for name in dict.fromkeys(name for p in PROVIDERS.values() for name in (p.key_name, p.url_name)):
        value = settings.environment.get(name, "")
        if value:
            shown = f"{name}={without_password(value)}" if name in ADDRESSES else f"{name} is set"
            found.append(f"{shown} ({settings.source(name).words})")
    return ", ".join(found)


def _history(settings: Settings) -> Finding:
    from sandbox.engine.inspection import Finding

    path = settings.workspace / DATABASE
    if not path.exists():
        return Finding("history", "no session is kept yet")
    try:
        with closing(Store.read_only(path)) as store:
            count = len(list_sessions(store))
    except HistoryError as error:
        return Finding("history", error.message, error)
    return Finding("history", f"{counted(count, 'session')} kept, {size_text(path.stat().st_size)}")


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
