"""The tasks of a batch: read from JSON Lines, CSV or plain lines, and checked as a whole before the first one costs anything."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from utils.errors import UsageError
from utils.text import size_text, whole_characters

FORMATS = ("jsonl", "csv", "lines")
FIELDS = ("task", "id", "expect", "add")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv"}
_LONGEST_LINE = 16 * 2**20  # bytes
_MOST_FAULTS = 20  # named one by one


@dataclass(frozen=True)
class BatchTask:
    """One task, with where it comes from and what its result is checked against."""

    key: str
    task: str
    line: int
    expect: str = ""
    """A pattern that the approved program's output has to contain."""
    add: tuple[Path, ...] = ()
    """Files and folders to copy to the programs first."""


class _Fault(Exception):
    """What is wrong with one line."""


class TaskFile:
    """A private copy of the tasks, so that what happens to the file afterwards changes nothing."""

    def __init__(self, name: str, format: str, source: IO[bytes], copy: IO[bytes]) -> None:
        """Take what to call the file, its format ("" if it is to be found), the open file, and an empty one for the copy."""
        self.name = name
        self.count = 0
        self.ignored: set[str] = set()
        """Names of fields that mean nothing to a batch."""
        self._source, self._copy = source, copy
        shutil.copyfileobj(source, copy, 1 << 20)
        self._size = copy.tell()  # bytes
        self.format = format or self._guessed()

    def __iter__(self) -> Iterator[BatchTask]:
        """Yield the tasks in order, reading as it goes."""
        for _, task in self._entries():
            if isinstance(task, BatchTask):
                yield task

    @property
    def has_grown(self) -> bool:
        """Whether more was written to the file after it was read."""
        seen = os.fstat(self._source.fileno())
        return stat.S_ISREG(seen.st_mode) and seen.st_size > self._size

    def _guessed(self) -> str:
        self._copy.seek(0)
        start = self._copy.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        return _SUFFIXES.get(Path(self.name).suffix.lower()) or ("jsonl" if start.startswith(b"{") else "lines")

    def check(self) -> None:
        """Read every task once; raises UsageError naming the lines that are wrong and the ids that come twice."""
        faults: list[str] = []
        more = 0
        lines_of: dict[int, int] = {}  # by the hash of the id: a number or two is all that is kept of each task
        for line, task in self._entries():
            if isinstance(task, BatchTask):
                first = lines_of.setdefault(hash(task.key), line)
                if first == line:
                    self.count += 1
                    continue
                task = _Fault(f"the id {task.key!r} is already used in line {first}")
            if len(faults) < _MOST_FAULTS:
                faults.append(f"line {line}: {task}")
            else:
                more += 1
        if faults:
            told = "\n  ".join([*faults, *([f"and {more} more"] if more else [])])
            raise UsageError(f"{self.name} cannot be run:\n  {told}", "correct these lines; nothing was started", kind="tasks")
        if not self.count:
            raise UsageError(
                f"{self.name} contains no tasks", "write one task per line, or JSON Lines with a field named task", kind="tasks"
            )

    def _entries(self) -> Iterator[tuple[int, BatchTask | _Fault]]:
        self._copy.seek(0)
        if self.format == "csv":
            yield from self._rows()
            return
        for number, text in _lines(self._copy):
            if isinstance(text, _Fault):
                yield number, text
            elif text.strip():
                try:
                    yield number, self._make(_object(text) if self.format == "jsonl" else {"task": text.strip()}, number)
                except _Fault as fault:
                    yield number, fault

    def _rows(self) -> Iterator[tuple[int, BatchTask | _Fault]]:
        """Yield the rows of a table whose first row names the columns; a row counts as being on its last line."""
        last: list[_Fault] = []
        reader = csv.reader(_good_lines(self._copy, last))
        head: list[str] = []
        try:
            for row in reader:
                if not any(cell.strip() for cell in row):
                    continue
                if not head:
                    head = [cell.strip().lower() for cell in row]
                    if "task" not in head:
                        yield reader.line_num, _Fault("the first row names the columns, and none of them is named task")
                        return
                    continue
                try:
                    yield reader.line_num, self._make(_cells(head, row), reader.line_num)
                except _Fault as fault:
                    yield reader.line_num, fault
        except csv.Error as error:
            yield reader.line_num, _Fault(f"not CSV: {error}")
        yield from ((reader.line_num + 1, each) for each in last)

    def _make(self, fields: Mapping[str, Any], line: int) -> BatchTask:
        self.ignored |= fields.keys() - set(FIELDS)
        task = fields.get("task")
        if not isinstance(task, str) or not task.strip():
            raise _Fault("it has no task" if task in (None, "") else "its task is not text")
        key = fields.get("id")
        if isinstance(key, bool) or not isinstance(key, str | int | None):
            raise _Fault("its id is neither a text nor a whole number")
        named = "" if key is None else str(key).strip()
        return BatchTask(
            whole_characters(named) or str(line),
            whole_characters(task.strip()),
            line,
            _pattern(fields.get("expect")),
            _paths(fields.get("add")),
        )


@contextmanager
def read_tasks(name: str, format: str = "") -> Iterator[TaskFile]:
    """Read and check the tasks of a file, or of standard input for "-"; the format is found from the name and the text if not given.

    Raises UsageError if the file cannot be read or holds anything that is not a task.
    """
    called = "standard input" if name == "-" else name
    with ExitStack() as stack:
        try:
            source = stack.enter_context(_opened(name))
            tasks = TaskFile(called, format, source, stack.enter_context(tempfile.TemporaryFile()))
            tasks.check()
        except (OSError, RuntimeError, ValueError) as error:
            raise UsageError(f"{called}: {getattr(error, 'strerror', None) or error}", "check the path", kind="usage") from error
        yield tasks


def _opened(name: str) -> AbstractContextManager[IO[bytes]]:
    if name != "-":
        return Path(name).expanduser().open("rb")
    if sys.stdin is None:
        raise UsageError("standard input is closed", "name a file", kind="usage")
    return nullcontext(sys.stdin.buffer)


def _lines(source: IO[bytes]) -> Iterator[tuple[int, str | _Fault]]:
    number = 0
    while line := source.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            yield number, _Fault(f"it is longer than {size_text(_LONGEST_LINE)}")
            return
        try:
            yield number, line.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode("utf-8")
        except UnicodeDecodeError:
            yield number, _Fault("it is not UTF-8")


def _good_lines(source: IO[bytes], last: list[_Fault]) -> Iterator[str]:
    for _, line in _lines(source):
        if isinstance(line, _Fault):
            last.append(line)
            return
        yield line


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Fault(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _Fault("not a JSON object")
    return found


def _cells(head: list[str], row: list[str]) -> Mapping[str, Any]:
    if len(row) != len(head):
        raise _Fault(f"it has {len(row)} cells, and the first row names {len(head)} columns")
    return {name: cell for name, cell in zip(head, row, strict=True) if cell.strip()}


def _pattern(expect: object) -> str:
    if expect is None:
        return ""
    if not isinstance(expect, str):
        raise _Fault("expect is not text")
    if "\0" in expect:
        raise _Fault("expect holds a zero byte")
    try:
        re.compile(expect)
    except (re.error, OverflowError, RecursionError) as error:
        raise _Fault(f"expect is not a pattern: {error}") from error
    return expect


def _paths(add: object) -> tuple[Path, ...]:
    names = [add] if isinstance(add, str) else [] if add is None else add
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _Fault("add is neither a path nor a list of paths")
    for name in names:
        if not os.path.lexists(os.path.expanduser(name)):  # noqa: PTH111  # pathlib raises for a name that is too long
            raise _Fault(f"add: there is no {name}")
    return tuple(Path(name) for name in names)
