"""What the interactive session knows beside the record: what can be switched while it runs, and what waits to be said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from cli.checking import Checks
from cli.input.prompt import Prompt
from cli.output.screen import BAD_STYLE, QUIET_STYLE, Screen
from cli.remedies import remedy
from cli.turn import LONG_STEP, call_user, show_title
from utils.errors import AppError
from utils.settings import Settings
from utils.text import sanitize, size_text

if TYPE_CHECKING:  # AutoGen takes most of a second to import, and the prompt does not wait for it
    from agents.events import Event
    from cli.output.transcript import Transcript
    from history.records import SessionInfo
    from teams.record import Record
    from teams.session import Session
    from utils.code_blocks import CodeBlock

STARTING = "The container is still starting. Try again in a moment."
RETRY = "/retry"
"""What the prompt returns for the command that asks the model again."""


@dataclass
class ChatState:
    """The parts of one interactive session, as the slash commands and the questions need them."""

    settings: Settings
    screen: Screen
    prompt: Prompt
    confirms: bool
    model: str
    session: Session | None = None  # None while it is being opened
    waiting: Sequence[CodeBlock] = ()
    """The programs that wait for the user's answer."""
    waiting_for: Literal["", "run", "packages"] = ""
    name: str = ""
    """What the user calls this session."""
    resumed: SessionInfo | None = None
    """What the session had used and cost when it was resumed; None if it is new."""
    context: int = 0
    """Tokens that the model's context holds, if its provider has said so; else 0."""
    progress: str = "starting …"
    switched: dict[str, str] = field(default_factory=dict)
    """The settings that were switched at the prompt, by variable."""
    follow: Callable[[AsyncIterator[Event]], Awaitable[None]] = field(init=False, repr=False)
    """Show a stream of events and answer its questions; questions are answered with slash commands, some of which run programs."""
    checks: Checks | None = None
    """Runs approved programs once more; None without a terminal."""
    _transcript: Transcript | None = None

    def opened(self, session: Session) -> None:
        """Take the session once it is ready."""
        session.confirms = self.confirms
        self.session = session
        self.progress = ""
        self.call_session(self.name)

    def call_session(self, name: str) -> None:
        """Take the session's name, "" if it has none, and show it, or the session's ID, in the window's title."""
        self.name = name
        show_title(self.screen, name or (self.session.sandbox.session if self.session else ""))

    def your_turn(self) -> None:
        """Call the user, by the setting NOTIFY, if they have waited so long that they may have looked away."""
        if self.prompt.is_terminal and asyncio.get_running_loop().time() - self.prompt.answered > LONG_STEP:
            call_user(self.screen, self.settings.notify)

    def set_confirms(self, wanted: bool) -> None:
        """Ask before each run from now on, or no longer."""
        self.confirms = wanted
        if self.session is not None:
            self.session.confirms = wanted

    @property
    def record(self) -> Record | None:
        """The facts of the session; None while it is being opened."""
        return self.session.record if self.session else None

    @property
    def is_over(self) -> bool:
        """Whether a word, and no stop or failure, has ended the newest task."""
        from agents.events import UNFINISHED

        ended = self.record.ended if self.record else None
        return ended is not None and ended.status not in UNFINISHED

    def transcript(self) -> Transcript:
        """Return what shows the team's events; only for a session that is open, since it imports AutoGen."""
        from cli.output.transcript import Transcript

        if self._transcript is None:
            assert self.session is not None
            session = self.session
            self._transcript = Transcript(
                self.screen,
                session.record,
                quiet=self.settings.quiet,
                whole_output=lambda: session.whole_output,
                folder=lambda: session.sandbox.work_dir,
            )
        return self._transcript

    def contract(self) -> str:
        """Say in a few words what programs may do."""
        return f"{self.settings.image} · {self.limits()}"

    def limits(self) -> str:
        """Say what one program may use."""
        settings = self.settings
        return f"up to {size_text(settings.memory)} and {settings.timeout} s · {_NETWORKS[settings.network]}"

    def status_line(self) -> str:
        """Return the row below the prompt: what is being waited for, or else session, model, tokens, cost and limits, if there is room."""
        if self.progress:
            return self.progress
        check = [self.checks.status] if self.checks is not None and self.checks.status else []
        parts = [*filter(None, [sanitize(self.name) or self._short_id()]), self.model, *self.spent(), *self._context_left()]
        limits = ([*check, *parts, each] for each in (self.contract(), self.limits()))
        rows = [*limits, *([*check, *parts[dropped:]] for dropped in range(len(parts) + 1))]
        texts = [" · ".join(row) for row in rows]
        return next((text for text in texts if len(text) < self.screen.width), texts[-1])

    def _short_id(self) -> str:
        from history.resuming import short_id

        return short_id(self.session.sandbox.session) if self.session else ""

    def spent(self) -> list[str]:
        """Return the tokens used, and their cost if prices are set."""
        tokens = self.record.tokens if self.record else None
        if tokens is None or not (tokens.prompt_tokens or tokens.completion_tokens):
            return []
        parts = [f"{tokens.prompt_tokens + tokens.completion_tokens:,} tokens"]
        cost = self.settings.cost(tokens.prompt_tokens, tokens.completion_tokens)
        if cost is not None and self.resumed is not None and self.resumed.cost is not None:
            # What was used before may have had other prices.
            cost += self.resumed.cost - (self.settings.cost(self.resumed.prompt_tokens, self.resumed.completion_tokens) or 0)
        return parts if cost is None else [*parts, f"${cost:.4f}"]

    def _context_left(self) -> list[str]:
        used = self.record.in_context if self.record else 0
        context = self.context
        if self.settings.provider == "local":
            from agents.models.local import CONTEXT

            context = CONTEXT
        return [f"{max(0, 100 - 100 * used // context)}% of context left"] if used and context else []

    def notice(self, text: str) -> None:
        """Say something that is not part of the conversation."""
        self.screen.say(Text(text, style=QUIET_STYLE))

    def offer_earlier(self) -> None:
        """Say that APPROVE is still about an earlier result, if it is, after a step that did not finish."""
        if self.record is not None and self.record.earlier is not None:
            self.notice("APPROVE still accepts the last result you were asked about.")

    def show_error(self, error: AppError) -> None:
        """Say what failed and what to do next, as cli/entry.py does if the session ends with it."""
        self.screen.say(Text(f"error: {error.message}", style=BAD_STYLE))
        if told := remedy(error, "prompt"):
            self.screen.say(Text(f"  → {told}", style=QUIET_STYLE))

    def with_notes(self, text: str) -> str:
        """Return the user's message with the notes before it; each note goes along once."""
        assert self.session is not None  # somebody asks
        notes, self.session.notes = self.session.notes, []
        return "\n\n".join([*notes, text])


_NETWORKS = {"off": "no network", "install": "network for packages only", "on": "network on"}
