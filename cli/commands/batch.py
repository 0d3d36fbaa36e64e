"""Many tasks without questions: JSON Lines out, one line a task, and an end after which `--resume` goes on."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.adding import add_files
from cli.output.batch import Display, open_display, summary_lines
from cli.signals import interrupted
from cli.streams import tell
from cli.wiring import Wiring
from teams.batch.loop import Batch, Plan, Summary, Work
from teams.batch.results import Found, Results
from teams.batch.resume import Selection
from teams.batch.tasks import BatchTask, read_tasks
from utils.errors import ExitStatus, UsageError
from utils.settings import Settings

if TYPE_CHECKING:  # AutoGen takes most of a second to import, and a mistake in the tasks is said before that
    from teams.session import Session

JOBS = 2
"""Tasks side by side if nothing else is said."""


@dataclass(frozen=True)
class BatchOptions:
    """What the command line says about one batch."""

    file: str
    format: str = ""
    jobs: int | None = None
    output: Path | None = None
    resume: bool = False
    only: str = ""
    """A status: run again only the tasks that ended so."""
    retry_errors: bool = False
    fail_fast: int | None = None
    scheduler: str = ""
    added: Sequence[Path] = ()
    """Files and folders to copy to the programs of every task first."""
    html: Path | None = None
    """The folder for a page about all tasks, and one about each."""


def batch(settings: Settings, wiring: Wiring, options: BatchOptions) -> ExitStatus:
    """Run the tasks and return the exit status; raises AppError if something other than a task failed."""
    _check(options)
    for warning in () if settings.quiet else settings.warnings:
        tell(warning)
    for name, url in (("PIP_INDEX_URL", settings.index_url), ("NPM_CONFIG_REGISTRY", settings.registry_url)):
        if options.scheduler and url:
            tell(f"{name} stays here: each worker uses its own")
    # Read before the event loop starts: Ctrl-C ends the reading.
    with read_tasks(options.file, options.format) as tasks, _open_results(options) as results:
        if tasks.ignored and not settings.quiet:
            tell(f"fields that mean nothing here: {', '.join(sorted(tasks.ignored))}")
        selection = Selection(tasks, _found(results, options), options.only)
        try:
            status = asyncio.run(_Command(settings, wiring, options, selection, results).run())
        finally:
            if selection.repeats:
                results.settle()
        if options.html is not None and status is not ExitStatus.INTERRUPTED:
            tell(f"report: {_write_pages(options.html, results, settings)}")
        if tasks.has_grown:
            tell(f"{tasks.name} has grown since it was read; --resume runs the new tasks")
            return status or ExitStatus.NOT_DONE
        return status


def _check(options: BatchOptions) -> None:
    if (options.resume or options.only) and options.output is None:
        raise UsageError("there is nothing to go on with", "name the file of results: --output FILE", kind="usage")
    if options.html is not None and options.output is None:
        raise UsageError("--html needs the results in a file", "name one: --output FILE", kind="usage")
    if options.scheduler and options.added:
        raise UsageError("--add cannot be used with --scheduler", "have the workers' machines provide the data", kind="usage")


def _write_pages(folder: Path, results: Results, settings: Settings) -> Path:
    from history.index import write_index

    try:
        return write_index(results.read, folder, settings.workspace)
    except OSError as error:
        raise UsageError(f"--html {folder}: {error.strerror or error}", "name a folder that can be written", kind="usage") from error


def _open_results(options: BatchOptions) -> Results:
    if options.output is not None:
        return Results(options.output)
    try:
        return Results(descriptor=sys.stdout.fileno())
    except (AttributeError, OSError, ValueError) as error:  # closed by the shell (>&-) it is None
        raise UsageError("standard output is closed", "name a file: --output FILE", kind="usage") from error


def _found(results: Results, options: BatchOptions) -> Found:
    """Say what a file of results holds, after it was repaired. Raises UsageError if nobody asked to go on with it."""
    if results.path is None or results.is_empty:
        return Found()
    if not (options.resume or options.only):
        raise UsageError(f"{results.path} holds results", "--resume goes on with it; or name another file", kind="usage")
    found = results.repair()
    if found.torn:
        tell(f"{results.path}: the last line was not whole and is cut; its task runs again")
    if found.unreadable:
        numbers = ", ".join(map(str, found.unreadable[:20])) + (" and more" if len(found.unreadable) > 20 else "")
        tell(f"{results.path}: line {numbers} holds no results and was moved to {results.aside}")
    return found


class _Command:
    """One batch, from the opening of the sessions to the sum at the end."""

    def __init__(self, settings: Settings, wiring: Wiring, options: BatchOptions, selection: Selection, results: Results) -> None:
        self._settings = settings
        self._wiring = wiring
        self._options = options
        self._selection = selection
        self._results = results
        self._batch: Batch | None = None

    async def run(self) -> ExitStatus:
        """Run the batch and say what it came to. Raises AppError."""
        began = time.monotonic()
        here = self._results.path is None and sys.stdout.isatty()
        with open_display(self._selection.count, self._settings, results_here=here) as display:
            work = asyncio.ensure_future(self._work(display))
            was_interrupted = await interrupted(work, self._interrupt)
        status = self._sum_up(time.monotonic() - began)
        if was_interrupted:
            return ExitStatus.INTERRUPTED
        work.result()
        return status

    def _interrupt(self, work: asyncio.Future[None]) -> None:
        self._results.stop.set()
        if self._batch is not None:
            self._batch.interrupt()
        else:
            work.cancel()

    async def _work(self, display: Display) -> None:
        if not self._selection.count:
            return
        options = self._options
        async with self._open_work(display) as (work, jobs):
            plan = Plan(min(jobs, self._selection.count), options.fail_fast, self._settings.max_cost, options.retry_errors)
            self._batch = Batch(plan, work, self._results.append, display)
            await self._batch.run(iter(self._selection))

    @asynccontextmanager
    async def _open_work(self, display: Display) -> AsyncIterator[tuple[Work, int]]:
        """Open what does the tasks, on this machine or on many, and say how many it does side by side. Raises AppError."""
        if self._options.scheduler:
            from teams.batch.machines import open_machines

            async with open_machines(self._options.scheduler, self._settings, display.say) as machines:
                yield machines, self._options.jobs or machines.jobs
            return
        from teams.batch.one import LocalWork

        model = self._wiring.check_model(self._settings)
        jobs = min(self._options.jobs or JOBS, self._selection.count)
        async with self._wiring.open_sessions(self._settings, jobs, display.say) as open_next:
            yield LocalWork(self._settings, model, open_next, self._prepare), jobs

    async def _prepare(self, session: Session, task: BatchTask) -> None:
        paths = [*self._options.added, *task.add]
        if paths:
            await add_files(session, paths)

    def _sum_up(self, seconds: float) -> ExitStatus:
        """Print the sum and return the status; raises the error that stopped the batch, if one did."""
        summary = self._batch.summary if self._batch is not None else Summary()
        left = self._selection.count - summary.ended
        if not self._settings.quiet:
            for line in summary_lines(summary, seconds, self._selection.before, left):
                tell(line)
        if summary.failure is not None:
            raise summary.failure
        approved = summary.statuses["approved"] == self._selection.count and self._selection.all_approved_before
        return ExitStatus.DONE if approved else ExitStatus.NOT_DONE
