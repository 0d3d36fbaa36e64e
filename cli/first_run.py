"""The first start without a model: a user in a terminal chooses between a key, a model on this machine, and the demo."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from getpass import getpass
from pathlib import Path
from typing import NamedTuple

from cli.streams import print_out
from cli.wiring import Wiring
from utils.errors import AppError, ModelError
from utils.plain_files import read_text_file
from utils.platform import BINARY
from utils.settings import Settings
from utils.words import says_yes

Reload = Callable[[Mapping[str, str]], Settings]
"""Read the settings again with these variables in the environment."""

_CHOICES = """\
There is no model yet. What would you like to use?

  1  an API key for OpenAI or Anthropic
  2  a model on this machine: Ollama, or a GGUF file
  3  the demo: needs neither, since its model is scripted
"""
_NO_OLLAMA = """\
Ollama is not running on this machine. To use it: install it from ollama.com, then `ollama pull qwen2.5-coder`.
Or use a model file that you have."""


class _Start(NamedTuple):
    settings: Settings
    wiring: Wiring
    reload: Reload
    keep_in: Path


def choose_model_first(settings: Settings, wiring: Wiring, reload: Reload, keep_in: Path) -> Settings:
    """Return settings with which a model can be used, asking the user if there is none; only for a terminal.

    Raises ModelError if the user leaves without a choice, and KeyboardInterrupt.
    """
    try:
        wiring.check_model(settings)
        return settings
    except ModelError as error:
        if error.kind != "no-key" or not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise
        missing = error
    start = _Start(settings, wiring, reload, keep_in)
    print_out(_CHOICES)
    while True:
        try:
            choice = input("1, 2 or 3: ").strip()
            found = {"1": _paste_key, "2": _on_this_machine, "3": _demo}.get(choice, _nothing)(start)
        except EOFError:
            print_out("")
            raise missing from None
        except KeyboardInterrupt:
            print_out("")  # the shell's prompt begins a line of its own
            raise
        if found is not None:
            return found


def _nothing(start: _Start) -> Settings | None:
    print_out("Type 1, 2 or 3 and press Enter; Ctrl-D quits.")
    return None


def _demo(start: _Start) -> Settings | None:
    return replace(start.settings, demo=True)


def _paste_key(start: _Start) -> Settings | None:
    key = getpass("Paste the key (it is not shown), or Enter to go back: ").strip()
    if not key:
        return None
    variable = "ANTHROPIC_API_KEY" if key.startswith("sk-ant-") else "OPENAI_API_KEY"
    return _tried({variable: key}, start)


def _on_this_machine(start: _Start) -> Settings | None:
    from agents.models.choice import ollama_answers
    from agents.models.listing import list_models

    if not ollama_answers():
        print_out(_NO_OLLAMA)
        file = input("Path of a GGUF file, or Enter to go back: ").strip()
        return _tried({"MODEL_PROVIDER": "local", "MODEL": file}, start) if file else None
    ollama = {"MODEL_PROVIDER": "ollama"}
    names = list(list_models(start.reload(ollama)))
    if names:
        print_out(f"Ollama is running and has: {', '.join(names)}")
    name = input(f"Which model? [{names[0] if names else 'qwen2.5-coder'}] ").strip() or (names[0] if names else "")
    return _tried({**ollama, **({"MODEL": name} if name else {})}, start)


def _tried(changes: Mapping[str, str], start: _Start) -> Settings | None:
    """Ask the model for one word; keep the settings if it answers and the user says yes."""
    print_out("Trying it with one request …")
    try:
        settings = start.reload(changes)
        asyncio.run(start.wiring.ask_model(settings))
    except AppError as error:
        print_out(f"That did not work: {error.message}" + (f"\n  → {error.hint}" if error.hint else ""))
        return None
    print_out(f"The model answers. This can be kept for next time in {start.keep_in}, which only you can read.")
    if says_yes(input("Keep it? [y/N] ")):
        keep(changes, start.keep_in)
        print_out("Kept.")
    return settings


def keep(changes: Mapping[str, str], file: Path) -> None:
    """Write the settings into the file, in place of those of the same name; only the user can read it. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = read_text_file(file).splitlines()
    kept = [line for line in old if line.partition("=")[0].strip() not in changes]
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600), "w", encoding="utf-8") as stream:
        stream.write("".join(f"{line}\n" for line in [*kept, *(f"{name}={_quoted(value)}" for name, value in changes.items())]))
    part.replace(file)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
