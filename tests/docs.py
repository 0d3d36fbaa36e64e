"""Writes the tables of README.md from the code: `make docs`. The tests compare them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from agents.models.choice import PROVIDERS
from cli.arguments import ADD, COMMANDS, SWITCHES
from cli.slash import command_table
from sandbox.languages import LANGUAGES
from utils.docker_utils import SHELL, Limits, strict_changes
from utils.errors import ExitStatus
from utils.setting_sources import IMAGES
from utils.settings import SETTINGS, STRICT_PIDS
from utils.text import size_text

_SHELL_FOLDER = str(Path(SHELL).parent)
README = Path(__file__).parent.parent / "README.md"
_MARKED = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_EXIT_STATUSES = {
    ExitStatus.DONE: "approved, or the session was left normally",
    ExitStatus.NOT_DONE: "stopped, still failing, or a limit was reached",
    ExitStatus.USAGE: "wrong usage, or a wrong setting",
    ExitStatus.MODEL: "no answer from the model: key, quota, network, name",
    ExitStatus.ENGINE: "no container engine, or no image",
    ExitStatus.INTERRUPTED: "interrupted",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _commands() -> str:
    rows = [("", "the same as `chat`"), *((name, line.meaning) for name, line in COMMANDS.items())]
    switches = [(_code("--add PATH"), ADD), *((_code(name), meaning) for name, meaning in SWITCHES.items())]
    typed = [(_code(f"python main.py {name}".strip()), meaning) for name, meaning in rows]
    return _table(["command or switch", "meaning"], [*typed, *switches])


def _slash_commands() -> str:
    return _table(["command", "meaning"], [(_code(usage), meaning) for usage, meaning in command_table()])


def _settings() -> str:
    rows = [(_code(s.variable), _code(s.flag), _code(s.default), s.meaning) for s in SETTINGS]
    image = next(number for number, setting in enumerate(SETTINGS) if setting.variable == "SANDBOX_IMAGE")
    rows.insert(image + 1, (_code(f"{IMAGES}<LANGUAGE>"), "", "", "image of one language, such as `SANDBOX_IMAGE_RUBY`"))
    return _table(["setting", "flag", "default", "meaning"], rows)


def _exit_statuses() -> str:
    return _table(["status", "meaning"], [(str(int(status)), _EXIT_STATUSES[status]) for status in ExitStatus])


def _limits() -> str:
    comments = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(Limits), re.MULTILINE))
    return _table(
        ["limit", "default", "meaning"], [(_code(f.name), _amount(f.default, comments[f.name]), comments[f.name]) for f in fields(Limits)]
    )


def _amount(value: object, comment: str) -> str:
    return size_text(value) if isinstance(value, int) and comment.startswith("bytes") else str(value)


def _languages() -> str:
    rows = [
        (each.name, ", ".join(map(_code, each.aliases)), _code(each.image) or "the session's", each.packages or "none")
        for each in LANGUAGES
    ]
    return _table(["language", "name of a code block, or ending of a file", "image", "packages"], rows)


def _providers() -> str:
    rows = [(_code(name), _code(p.key_name), _code(p.url_name), _code(p.model)) for name, p in PROVIDERS.items()]
    return _table(["`MODEL_PROVIDER`", "key", "address", "default of `MODEL`"], rows)


PROFILES = {
    "ReadonlyRootfs": ("the image's own folders", "a copy for the container: programs can write where the image lets them", "read-only"),
    "Tmpfs": ("folders to write in", "in the container's layer, up to {disk}", "in memory: {folders}"),
    "NetworkMode": ("network", "as `SANDBOX_NETWORK` says", "none, and none can be attached: no package can be installed"),
    "PidsLimit": ("processes and threads", "{pids}", "{strict_pids}"),
    "Runtime": ("container runtime", "the engine's, or `SANDBOX_RUNTIME`", "`runsc` (gVisor) if the engine has it, or `SANDBOX_RUNTIME`"),
}
"""What differs between the profiles, by field of the engine's configuration; a test compares it with the profiles themselves."""


def _profiles() -> str:
    folders = {place: options.partition("size=")[2] for place, options in strict_changes()["Tmpfs"].items() if place != _SHELL_FOLDER}
    shown = ", ".join(f"`{place}` {length.replace('m', ' MiB')}" for place, length in folders.items())
    facts = {"disk": size_text(Limits.disk), "folders": shown, "pids": Limits.pids, "strict_pids": STRICT_PIDS}
    rows = [tuple(cell.format(**facts) for cell in row) for row in PROFILES.values()]
    rows.append(("a limit that the engine does not enforce", "you see a warning", "the program refuses to start"))
    return _table(["", "by default", "`--strict`"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "commands": _commands,
    "slash-commands": _slash_commands,
    "settings": _settings,
    "exit-statuses": _exit_statuses,
    "limits": _limits,
    "languages": _languages,
    "profiles": _profiles,
    "providers": _providers,
}


def render(text: str) -> str:
    """Return the text with each marked table as the code has it now."""
    return _MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


if __name__ == "__main__":
    README.write_text(render(README.read_text("utf-8")), "utf-8")
