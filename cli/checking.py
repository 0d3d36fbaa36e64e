"""The check of an approved program, in the background of the next prompt."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import AppError

if TYPE_CHECKING:
    from history.recording import Recording
    from teams.session import Session
    from utils.settings import Settings


class Checks:
    """Runs each approved program once more in a fresh container, one at a time; `status` is for the row below the prompt."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings; with --no-verify, nothing is run."""
        self.status = ""
        self.lines: list[str] = []
        """What has to be said at the next opportunity: differences, or why a check could not be made."""
        self._settings = settings
        self._running: asyncio.Task[None] | None = None

    def start(self, session: Session) -> None:
        """Check the program that was approved just now, if one was and if it is kept."""
        from history.recording import Recording

        journal = session.journal
        if self._settings.no_verify or not session.record.approved or not isinstance(journal, Recording) or journal.approval is None:
            return
        self.cancel()
        self._running = asyncio.create_task(self._check(journal))

    def seen(self) -> None:
        """Forget a result that has been below the prompt for a whole task."""
        if self._running is None or self._running.done():
            self.status = ""

    def cancel(self) -> None:
        """Stop a check that runs; its container ends with it."""
        if self._running is not None:
            self._running.cancel()

    async def close(self) -> None:
        """Stop what runs and wait until it has ended."""
        self.cancel()
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    async def _check(self, recording: Recording) -> None:
        from history.replay import check_approval

        approval = recording.approval
        assert approval is not None
        name = Path(approval.folder).name
        self.status = f"testing {name} in a fresh container …"
        try:
            session = await asyncio.to_thread(recording.stored)
            checked = await check_approval(self._settings, session, approval, lambda text: None)
            await recording.checked(checked)
        except AppError as error:
            self.status = ""
            self.lines.append(f"{name} was not checked: {error.message}")
            return
        except asyncio.CancelledError:
            self.status = ""
            raise
        differences = checked.result["differences"]
        self.status = f"{name}: {'✔ same result' if not differences else '✘ another result'} in a fresh container"
        if differences:
            self.lines.append(f"{name} ran again in a fresh container with nothing but its own files, and the result was different:")
            self.lines += [f"  {difference}" for difference in differences]
