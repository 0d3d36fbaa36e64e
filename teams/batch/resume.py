"""Which tasks of a batch are to be run: all, those without a result, or those that ended in one way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from teams.batch.results import Found
from teams.batch.tasks import BatchTask, TaskFile


class Selection:
    """The tasks to run, in order, and how the others have ended; it may be gone through once for each `iter`."""

    def __init__(self, tasks: TaskFile, found: Found, only: str = "") -> None:
        """Take the tasks, what is known of them, and the status of those to run again (any without a result if empty)."""
        self.count = 0
        """How many tasks are to be run."""
        self.before: Counter[str] = Counter()
        """How tasks that are not run again have ended."""
        self.repeats = False
        """Whether a task that is to be run has a result already."""
        self._tasks = tasks
        self._found = found
        self._only = only
        for task in tasks:
            done = found.results.get(hash(task.key))
            if self._is_wanted(task):
                self.count += 1
                self.repeats = self.repeats or done is not None
            elif done is not None:
                self.before[done.status] += 1

    @property
    def all_approved_before(self) -> bool:
        """Whether every task that is not run has been approved."""
        return self.before["approved"] == self._tasks.count - self.count

    def __iter__(self) -> Iterator[BatchTask]:
        """Yield the tasks to run."""
        return filter(self._is_wanted, iter(self._tasks))

    def _is_wanted(self, task: BatchTask) -> bool:
        done = self._found.results.get(hash(task.key))
        if self._only:
            return done is not None and done.status == self._only
        # A line that was written for another text under the same id is no result of this task.
        return done is None or done.status == "error" or done.task != hash(task.task)
