"""What an interactive session says first and last."""

from __future__ import annotations

from rich.text import Text

from cli.arguments import TITLE, VERSION
from cli.output.packages import NETWORK_ON
from cli.output.screen import NAME_STYLE, QUIET_STYLE
from cli.state import ChatState
from cli.streams import tell

_DEMO = "This is a demo: the model is scripted. The agents, the container and the programs that run in it are real."
_DEMO_OVER = "That was the demo. For tasks of your own, start `make run` or `python main.py` and choose a model."


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
    screen.print(Text.assemble((TITLE, NAME_STYLE), (f" {VERSION}", QUIET_STYLE)))
    if settings.demo:
        screen.say(Text(_DEMO, style="yellow"))
        screen.say(Text("Press Enter to take the suggested line. /help for commands, Ctrl-D to quit.", style=QUIET_STYLE))
    else:
        screen.say(Text(f"{state.model} · {state.contract()}", style=QUIET_STYLE))
        screen.say(Text(f"{'What should I build? ' if asks else ''}/help for commands, Ctrl-D to quit.", style=QUIET_STYLE))
    for warning in warnings:
        screen.say(Text(warning, style="yellow"))


def say_goodbye(state: ChatState) -> None:
    """Say how to come back, if there is anything to come back to."""
    from history.resuming import resume_line

    if state.session is not None and state.session.has_talked and state.prompt.is_terminal and not state.settings.quiet:
        demo = " --demo" if state.settings.demo else ""
        state.screen.say(Text(f"To come back: {resume_line(state.session.sandbox.session)}{demo}", style=QUIET_STYLE))


def say_that_the_demo_is_over(state: ChatState) -> None:
    """Say what to do after the demo."""
    state.screen.say(*([] if state.prompt.is_terminal else [""]), Text(_DEMO_OVER, style=QUIET_STYLE))
