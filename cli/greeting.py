"""What an interactive session says first."""

from __future__ import annotations

from rich.text import Text

from cli.arguments import VERSION
from cli.output.packages import NETWORK_ON
from cli.output.screen import NAME_STYLE, QUIET_STYLE
from cli.state import ChatState
from cli.streams import tell

_DEMO = "This is a demo: the model is scripted. The agents, the container and the programs that run in it are real."


def greet(state: ChatState, *, asks: bool = True) -> None:
    """Say what this is, what programs may do, and what has to be known before the first task; over a pipe only the last.

    `asks` is whether the user is going to be asked for a task.
    """
    settings, screen = state.settings, state.screen
    if settings.quiet:
        return
    warnings = (*settings.warnings, *([NETWORK_ON] if settings.network == "on" else []))
    if not state.prompt.is_terminal:
        for warning in warnings:
            tell(warning)
        if settings.demo:
            screen.print(_DEMO)
        return
    screen.print(Text.assemble(("Multi-Agent Code Generation and Execution", NAME_STYLE), (f" {VERSION}", QUIET_STYLE)))
    if settings.demo:
        screen.say(Text(_DEMO, style="yellow"))
        screen.say(Text("Press Enter to take the suggested line. /help for commands, Ctrl-D to quit.", style=QUIET_STYLE))
    else:
        screen.say(Text(f"{state.model} · {state.contract()}", style=QUIET_STYLE))
        screen.say(Text(f"{'What should I build? ' if asks else ''}/help for commands, Ctrl-D to quit.", style=QUIET_STYLE))
    for warning in warnings:
        screen.say(Text(warning, style="yellow"))
