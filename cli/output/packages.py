"""Installations and the network, as they are described on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.program import BAR
from cli.output.screen import BAD_STYLE, GOOD_STYLE, QUIET_STYLE, WARNING_STYLE, Screen

if TYPE_CHECKING:  # agents/ imports AutoGen, and the prompt does not wait for it
    from agents.events import PackagesInstalled, Question

NETWORK_ON = (
    "The network is on: programs that the model writes can reach the internet, your local network, and services on this machine that "
    "accept connections from containers."
)
NETWORK_OFFER = "Programs run without a network. If this one needs it: /network on, or start with --network on."


def show_result(screen: Screen, event: PackagesInstalled) -> None:
    """Show the result of an installation, after the end of pip's output if it failed; the remedy comes with the question."""
    if event.output:
        screen.bar(BAR, *event.output.splitlines())
    good = event.verdict.value == "ok"
    mark, style = ("✔", GOOD_STYLE) if good else ("✘", BAD_STYLE)
    screen.say(*(Text(f"{mark} {line}", style=style) for line in event.summary.splitlines()))


def question_lines(question: Question) -> Sequence[Text]:
    """Return the question about packages that are not well known, or that have to be built."""
    names = ", ".join(question.packages)
    if question.kind == "build":
        asked = (
            f"Build {names} from source code ({question.because})? Building runs that code in the sandbox. It can reach the package index "
            "and change installed packages; it cannot read your files."
        )
        return [Text(asked, style=WARNING_STYLE), Text("y to build; anything else to go on without.", style=QUIET_STYLE)]
    asked = (
        f"Install {names} ({question.because})? {'They are' if len(question.packages) > 1 else 'It is'} not on the list of well-known "
        "packages. Models sometimes invent names, and anyone can register them."
    )
    return [Text(asked, style=WARNING_STYLE), Text("y to install; anything else to go on without.", style=QUIET_STYLE)]
