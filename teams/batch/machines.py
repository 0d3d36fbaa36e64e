"""A batch on many machines: its tasks are handed to the workers of a Dask scheduler, and their results are taken one by one."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teams.batch.loop import SAME_FOR_ALL, Result, State, error_of
from teams.batch.one import failed_result, judge
from teams.batch.tasks import BatchTask
from teams.batch.worker import fingerprint, run_task
from utils.errors import AppError, EngineError, ModelError, UsageError
from utils.setting_sources import IMAGES
from utils.settings import SECRETS, SETTINGS, Settings

if TYPE_CHECKING:
    from distributed import Client, Future

_CONNECT_SECONDS = 5
_STOP_SECONDS = 45.0  # in which workers end what they do
_REPLACED_SECONDS = 60  # in which a worker that died is started again
_FAILURES = {"engine": EngineError, "setting": UsageError, "version": UsageError}
_HOW = "start it in the program's folder, with `python -m dask worker ADDRESS`"


class Machines:
    """Does tasks on the workers of a scheduler; use `open_machines` to make one."""

    def __init__(self, client: Client, settings: Settings, model: str, notify: Callable[[str], None]) -> None:
        """Take a connected client, the settings that travel, and whom to tell of workers that take no tasks."""
        self.jobs = 1
        """How many tasks the workers take at once."""
        self._client = client
        self._settings = settings
        self._model = model
        self._notify = notify
        self._signals = f"batch-{secrets.token_hex(4)}"
        self._arguments = ["--demo"] if settings.demo else []
        self._changes = travelling(settings)
        self._unfit: dict[str, Mapping[str, str]] = {}
        self._numbers = count()
        self._answered = False
        self._turns = _Turns()
        self._running: set[Future] = set()

    async def look(self) -> None:
        """Count what the workers take, and learn which of them can take nothing. Raises AppError if none can."""
        found = await self._client.run(fingerprint, on_error="return")
        for worker, answer in found.items():
            if answer != fingerprint():
                foreign = isinstance(answer, BaseException)
                told = "it does not have the program" if foreign else "the program there is another version"
                self._refuse(worker, {"kind": "version", "message": told, "hint": _HOW})
        workers = await self._fit(patience=0)
        self.jobs = sum(int(each["nthreads"]) for each in workers.values())

    async def __call__(self, task: BatchTask, report: Callable[[State], None]) -> Result:
        """Have a worker do the task; a task whose workers died is tried once more while nothing else runs."""
        from distributed import KilledWorker

        if task.add:
            refusal = UsageError("files cannot be added to a task on a worker", "leave `add` out", kind="usage")
            return failed_result(task, self._settings, self._model, refusal)
        report(State("on a worker"))
        try:
            async with self._turns.among_others():
                return await self._do(task, report)
        except KilledWorker:
            pass
        report(State("on a worker, alone"))
        try:
            async with self._turns.alone():
                return await self._do(task, report)
        except KilledWorker:
            error = AppError("every worker that did this task died", "look at what the workers have printed", kind="killed-worker")
            return failed_result(task, self._settings, self._model, error)

    async def stop(self) -> None:
        """Have the workers end what they still do, and wait for that."""
        from distributed import Event, wait

        if not self._running:
            return
        with suppress(asyncio.TimeoutError, OSError, RuntimeError):
            await asyncio.wait_for(Event(f"{self._signals}-stop", client=self._client).set(), _CONNECT_SECONDS)
            with self._client.as_current():  # `wait` asks for a default client, which this one is not
                await asyncio.wait_for(wait(list(self._running)), _STOP_SECONDS)
        for future in self._running:
            future.release()

    async def _do(self, task: BatchTask, report: Callable[[State], None]) -> Result:
        while True:
            answer = await self._ask(task, report)
            error = answer.get("unfit")
            if error is None and answer.get("result"):
                error = answer["result"].get("error")
                if not error or error.get("kind") not in SAME_FOR_ALL:
                    return await judge(answer["result"], task)
            if error is None:
                return failed_result(task, self._settings, self._model, error_of(answer["error"]))
            self._refuse(answer["worker"], error)

    async def _ask(self, task: BatchTask, report: Callable[[State], None]) -> Mapping[str, Any]:
        workers = await self._fit()
        key = f"{self._signals}-{task.line}-{next(self._numbers)}"
        # Loosely: if all of them die, the task goes to whichever takes their place.
        where = {"workers": list(workers), "allow_other_workers": True} if self._unfit else {}
        what = (task.task, self._arguments, self._changes, self._signals)
        future = self._client.submit(run_task, *what, first=not self._answered, known=fingerprint(), key=key, pure=False, **where)
        self._running.add(future)
        hearing = asyncio.ensure_future(self._hear(report))
        try:
            answer = await self._result(future)
        finally:
            hearing.cancel()
        self._answered = True
        return answer

    async def _result(self, future: Future) -> Mapping[str, Any]:
        from distributed.client import FutureCancelledError

        try:
            answer: Mapping[str, Any] = await future
        except FutureCancelledError as error:
            raise _lost() from error
        except asyncio.CancelledError:
            raise  # `stop` waits for it
        except BaseException:
            self._forget(future)
            raise
        self._forget(future)
        return answer

    def _forget(self, future: Future) -> None:
        # A result that is kept by nobody: else the scheduler would have it done again if the worker that holds it dies.
        self._running.discard(future)
        future.release()

    async def _hear(self, report: Callable[[State], None]) -> None:
        """Wait until a worker says that the model has answered, if that is not known."""
        from distributed import Event

        if not self._answered and await Event(f"{self._signals}-answered", client=self._client).wait():
            self._answered = True
            report(State("on a worker", answered=True))

    async def _fit(self, patience: int = _REPLACED_SECONDS) -> dict[str, Any]:
        """Return the workers that take tasks; one that died may come back within the time. Raises AppError if there are none."""
        for second in range(patience + 1):
            try:
                known = await self._client.scheduler.identity(n_workers=-1)
            except (OSError, RuntimeError) as error:
                raise _lost() from error
            workers = {address: each for address, each in known["workers"].items() if address not in self._unfit}
            if workers:
                return workers
            if known["workers"]:
                break
            await asyncio.sleep(min(1, patience - second))
        if not self._unfit:
            raise EngineError("the scheduler has no workers", f"start some: {_HOW.partition(', ')[2]}", kind="no-workers")
        last = list(self._unfit.values())[-1]
        failure = _FAILURES.get(last["kind"], ModelError)
        raise failure(f"no worker can do a task; the last one said: {last['message']}", last["hint"], kind=last["kind"])

    def _refuse(self, worker: str, error: Mapping[str, str]) -> None:
        if worker not in self._unfit:
            self._notify(f"the worker {worker} takes no tasks: {error['message']}")
            if error["hint"]:
                self._notify(f"  → {error['hint']}")
        self._unfit[worker] = error


class _Turns:
    """Lets tasks run among others, or one alone."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._running = 0
        self._one = False

    @asynccontextmanager
    async def among_others(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._one)
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._one)
            self._one = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._running)
            yield
        finally:
            self._one = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def travelling(settings: Settings) -> dict[str, str]:
    """Return the settings that differ from what is shipped, by their variables: no key, no address, and no path of this machine."""
    changes = {f"{IMAGES}{name.upper()}": image for name, image in settings.images.items()}
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if value is None or setting.field in SECRETS or isinstance(value, Path) or value == setting.kind.read(setting.default):
            continue
        changes[setting.variable] = str(value).lower() if isinstance(value, bool) else str(value)
    return changes


@asynccontextmanager
async def open_machines(address: str, settings: Settings, notify: Callable[[str], None]) -> AsyncIterator[Machines]:
    """Connect to the scheduler and look at its workers; what they do is ended with this. Raises AppError."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError("--scheduler needs the package distributed", "pip install -r requirements/dask.txt", kind="package") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    try:
        client = await Client(address, asynchronous=True, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise EngineError(f"the scheduler at {address} does not answer: {reason}", "check the address", kind="scheduler") from error
    try:
        await _check_versions(client)
        machines = Machines(client, settings, settings.model, notify)
        await machines.look()
        try:
            yield machines
        finally:
            await machines.stop()
    finally:
        with suppress(asyncio.TimeoutError, OSError):
            await client.close(timeout=2)


async def _check_versions(client: Client) -> None:
    found = await client.get_versions()
    ours = found["client"]["packages"]
    for place, there in {"the scheduler": found["scheduler"], **found["workers"]}.items():
        for package in ("distributed", "dask"):
            theirs = (there or {}).get("packages", {}).get(package)
            if theirs != ours[package]:
                told = f"{place} has {package} {theirs}, and this machine has {ours[package]}"
                raise UsageError(told, "install the same version everywhere: requirements/dask.txt", kind="version")


def _lost() -> AppError:
    return AppError("the scheduler is gone", "start it and its workers, then --resume does the rest", kind="scheduler")
