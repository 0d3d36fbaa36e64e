"""The slash commands that show what is in force and switch it while the session runs."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from rich.text import Text

from cli.output.packages import NETWORK_ON
from cli.state import STARTING, ChatState
from utils.errors import AppError
from utils.settings import NETWORKS, SECRETS, SETTINGS, Settings

_NETWORK_NOW = {
    "off": "Programs have no network.",
    "install": "Programs have no network; only pip and npm do.",
    "on": "Programs may use the network.",
}
_MOST_MODELS = 30  # named at once
_NETWORK_FOR_MODEL = {
    "off": "no network, and no packages can be installed.",
    "install": "no network while programs run; packages that a ```sh block asks for with `pip install` are installed first.",
    "on": "programs may use the network.",
}


async def _model(state: ChatState, argument: str) -> None:
    """[NAME]: show the model and what the provider offers, or switch to another"""
    if state.session is None and argument:
        state.notice(STARTING)
        return
    wanted = argument or state.model
    names, context = ([], 0) if state.settings.demo else await asyncio.to_thread(_offered, state.settings, wanted)
    if wanted == state.model:
        state.context = context
    if not argument:
        more = " …" if len(names) > _MOST_MODELS else ""
        state.notice(f"The model is {state.model}.")
        if names:
            state.notice(f"The provider offers: {', '.join(names[:_MOST_MODELS])}{more}")
        return
    if names and argument not in names:
        near = " or ".join(difflib.get_close_matches(argument, names, n=3))
        state.notice(f"The provider offers no {argument}. " + (f"Did you mean {near}?" if near else "/model lists what it has."))
        return
    assert state.session is not None
    try:
        state.model = await state.session.switch_model(argument)
        state.context = context
        state.switched["MODEL"] = state.model
        state.notice(f"Now using {state.model}.")
    except AppError as error:
        state.show_error(error)


def _offered(settings: Settings, model: str) -> tuple[list[str], int]:
    """Return the models that the provider offers, and how many tokens the context of this one holds; 0 if that is not known."""
    from agents.models.listing import context_of, list_models

    try:
        models = list_models(settings)
        return list(models), context_of(settings, model, models) if model in models else 0
    except AppError:
        return [], 0


async def _confirm(state: ChatState, argument: str) -> None:
    """[on|off]: ask before each run"""
    if argument not in ("", "on", "off"):
        state.notice("Type /confirm on or /confirm off.")
        return
    if argument:
        state.set_confirms(argument == "on")
        state.switched["CONFIRM_RUN"] = str(state.confirms)
    asked = "You will be asked before each run." if state.confirms else "Programs run without asking; you approve the result."
    state.notice(asked if argument else f"{asked} /confirm {'off' if state.confirms else 'on'} changes that.")


async def _network(state: ChatState, argument: str) -> None:
    """[MODE]: what programs may do on the network: off, install (pip and npm only) or on"""
    if argument not in NETWORKS:
        unknown = f"There is no mode {argument}. " if argument else ""
        state.notice(f"{unknown}{_NETWORK_NOW[state.settings.network]} To change that: /network off, /network install, or /network on")
        return
    if state.session is None:
        state.notice(STARTING)
        return
    try:
        await state.session.sandbox.set_network(argument)
    except AppError as error:
        state.show_error(error)
        return
    state.settings = replace(state.settings, network=argument)
    state.switched["SANDBOX_NETWORK"] = argument
    if argument == "on":
        state.screen.say(Text(NETWORK_ON, style="yellow"))
    else:
        state.notice(_NETWORK_NOW[argument])
    state.session.notes.append(f"The network setting is now: {_NETWORK_FOR_MODEL[argument]}")


async def _settings(state: ChatState, argument: str) -> None:
    """show the settings that differ from the defaults, and where each comes from"""
    shown = []
    for setting in SETTINGS:
        source = state.settings.sources.get(setting.variable)
        if setting.variable in state.switched:
            shown.append(f"{setting.variable}={state.switched[setting.variable]}  (switched in this session)")
        elif source is not None:
            value = "(set)" if setting.field in SECRETS else getattr(state.settings, setting.field)
            shown.append(f"{setting.variable}={value}  ({source.words})")
    for line in shown or ["All settings have their defaults."]:
        state.notice(line)


async def _cost(state: ChatState, argument: str) -> None:
    """show the tokens used so far, and what they cost"""
    tokens = state.record.tokens if state.record else None
    if tokens is None or not state.spent():
        state.notice("No tokens have been used yet.")
        return
    whole = " in the whole session" if state.resumed is not None else ""
    cost = state.spent()[1:] or ["for the cost, set MODEL_PRICE_IN and MODEL_PRICE_OUT"]
    state.notice(f"{tokens.prompt_tokens:,} tokens sent, {tokens.completion_tokens:,} received{whole} · {cost[0]}")


SWITCHING_COMMANDS: Mapping[str, Callable[[ChatState, str], Awaitable[str | None]]] = {
    "model": _model,
    "confirm": _confirm,
    "network": _network,
    "settings": _settings,
    "cost": _cost,
}
