"""What the slash commands work on: the session's parts, its programs, and what can be switched while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from cli.input.prompt import Prompt
from cli.output.packages import NETWORK_OFFER
from cli.output.screen import BAD_STYLE, QUIET_STYLE, Screen
from cli.programs import Programs
from cli.session import Session
from utils.errors import AppError
from utils.settings import Settings
from utils.text import sanitize

if TYPE_CHECKING:
    from cli.output.transcript import Transcript
    from utils.code_blocks import CodeBlock

RETRY = "/retry"
"""What the prompt returns for the command that asks the model again."""


@dataclass
class Talk:
    """The state of one interactive session that is not AutoGen's."""

    settings: Settings
    screen: Screen
    prompt: Prompt
    confirms: bool
    model: str
    session: Session | None = None  # None while it is being opened
    at_gate: Sequence[CodeBlock] = ()
    """The programs that wait for the person's leave to run."""
    asked_about: Sequence[CodeBlock] = ()
    """The programs whose packages the person is asked about."""
    progress: str = "starting …"
    programs: Programs = field(default_factory=Programs)
    notes: list[str] = field(default_factory=list)
    """What the generator has to be told with the person's next message: programs changed by hand, files added."""

    _transcript: Transcript | None = None

    def transcript(self) -> Transcript:
        """Return what shows the team's messages; only for a session that is open, since it imports AutoGen."""
        from cli.output.transcript import Transcript

        if self._transcript is None:
            self._transcript = Transcript(self.screen, self.programs, quiet=self.settings.quiet)
        return self._transcript

    def contract(self) -> str:
        """Say in a few words what programs may do."""
        return f"{self.settings.image} · {self.limits()}"

    def limits(self) -> str:
        """Say what one program may use."""
        settings = self.settings
        memory = f"{settings.memory / 1024**3:.3g} GiB" if settings.memory >= 1024**3 else f"{settings.memory / 1024**2:.0f} MiB"
        return f"{memory} · {settings.timeout} s · network {settings.network}"

    def status_line(self) -> str:
        """Return the row below the prompt: what is waited for, or else model, tokens, cost and contract."""
        if self.progress:
            return self.progress
        rows = [[self.model, *self.spent(), self.contract()], [self.model, *self.spent(), self.limits()], [*self.spent(), self.limits()]]
        texts = [" · ".join(row) for row in rows]
        return next((text for text in texts if len(text) < self.screen.width), texts[-1])

    def spent(self) -> list[str]:
        """Return the tokens used, and what they cost where the person has set prices."""
        usage = self.session.model.total_usage() if self.session else None
        if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
            return []
        told = [f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"]
        prices = self.settings.price_in, self.settings.price_out
        if prices[0] is not None and prices[1] is not None:
            told.append(f"${(usage.prompt_tokens * prices[0] + usage.completion_tokens * prices[1]) / 1e6:.4f}")
        return told

    def why_asked(self) -> list[Text]:
        """Say why the person is asked after a failed run, and what was tried."""
        recovery = self.session.team.recovery if self.session else None
        if recovery is None or not recovery.asked_because:
            return []
        times = Counter(recovery.tried)
        failures = [f"{failure} ({count} times)" if count > 1 else failure for failure, count in times.items()]
        tried = [Text(f"  {number}. {sanitize(failure)}", style=QUIET_STYLE) for number, failure in enumerate(failures, 1)]
        offer = [Text(NETWORK_OFFER, style="yellow")] if self._lacked_network() else []
        return [Text(f"You are asked because {sanitize(recovery.asked_because).rstrip('.')}. Tried:", style="yellow"), *tried, *offer]

    def _lacked_network(self) -> bool:
        from sandbox.verdicts import TRIED_NETWORK

        last_run = self.programs.last_run
        return last_run is not None and TRIED_NETWORK in last_run.notes and self.settings.network != "on"

    def notice(self, text: str) -> None:
        """Say something that is not part of the conversation."""
        self.screen.say(Text(text, style=QUIET_STYLE))

    def tell_error(self, error: AppError) -> None:
        """Say what failed and what to do next, as cli/entry.py does where the session ends with it."""
        self.screen.say(Text(f"error: {error.message}", style=BAD_STYLE))
        if error.hint:
            self.screen.say(Text(f"  → {error.hint}", style=QUIET_STYLE))

    def with_notes(self, text: str) -> str:
        """Return the person's message with the notes before it, which are told once."""
        told, self.notes = self.notes, []
        return "\n\n".join([*told, text])
