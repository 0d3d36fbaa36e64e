"""Installations on the screen, and what is said about the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.screen import BAD_STYLE, GOOD_STYLE, QUIET_STYLE

if TYPE_CHECKING:  # agents/ imports AutoGen, and the prompt does not wait for it
    from agents.events import PackagesInstalled

NETWORK_ON = (
    "The network is on: programs that the model writes reach the internet, the services of this machine that listen to its containers, "
    "and your local network."
)
NETWORK_OFFER = "Programs have no network here. If this one is to have it: /network on, or start with --network on."


def result_lines(event: PackagesInstalled) -> list[Text]:
    """Return what became of an installation, with the end of pip's output where it failed."""
    lines = [Text(f"│ {line}", style=QUIET_STYLE) for line in event.output.splitlines()]
    good = event.verdict.value == "ok"
    told = event.to_text().splitlines()
    return [*lines, *(Text(f"{'✔' if good else '✘'} {line}", style=GOOD_STYLE if good else BAD_STYLE) for line in told)]


def question_lines(packages: Sequence[str], why: str) -> Sequence[Text]:
    """Return the question about packages that are not well known."""
    return [
        Text(
            f"Install {', '.join(packages)} ({why})? Not on the list of well-known packages: models invent names, and strangers register "
            "the inventions.",
            style="yellow",
        ),
        Text("y to install; anything else to go on without.", style=QUIET_STYLE),
    ]
