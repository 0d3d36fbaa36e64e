"""The tasks of a batch: each format is read, and whatever is no task is named with its line before anything runs."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from teams.batch.tasks import BatchTask, read_tasks
from utils.errors import UsageError


def read(folder: Path, text: str | bytes, name: str = "tasks.jsonl", format: str = "") -> list[BatchTask]:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with read_tasks(str(folder / name), format) as tasks:
        assert tasks.count == len(list(tasks))
        return list(tasks)


def faults(folder: Path, text: str | bytes, name: str = "tasks.jsonl") -> str:
    with pytest.raises(UsageError) as error:
        read(folder, text, name)
    return error.value.message


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n")
    entry = {"id": 7, "task": " count\nthem ", "expect": r"\d+", "add": [str(tmp_path / "sales.csv")]}
    found = read(tmp_path, json.dumps(entry) + '\n\n{"task": "zählen"}')
    assert found == [BatchTask("7", "count\nthem", 1, r"\d+", (tmp_path / "sales.csv",)), BatchTask("3", "zählen", 3)]


def test_a_table_with_a_head(tmp_path: Path) -> None:
    text = 'Task,id,expect\n"count, then\nstop",a,10\n\nsum,,\n'
    assert read(tmp_path, text, "tasks.csv") == [BatchTask("a", "count, then\nstop", 3, "10"), BatchTask("5", "sum", 5)]


def test_one_task_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffcount\r\n\r\n# sum, too\r\n", "tasks.txt") == [BatchTask("1", "count", 1), BatchTask("3", "# sum, too", 3)]


def test_json_is_seen_without_a_name_for_it(tmp_path: Path) -> None:
    assert [task.task for task in read(tmp_path, '{"task": "count"}\n', "tasks")] == ["count"]
    assert [task.task for task in read(tmp_path, '{"task": "count"}\n', "tasks", "lines")] == ['{"task": "count"}']


def test_every_wrong_line_is_named_with_its_number(tmp_path: Path) -> None:
    lines = ['{"task": "one"}', '{"task": "two"', "[1]", '{"id": "x"}', '{"task": 5}', '{"task": "t", "id": true}']
    lines += ['{"task": "t", "expect": "("}', '{"task": "t", "add": "/no/such/file"}', '{"task": "t", "add": [1]}']
    told = faults(tmp_path, "\n".join(lines)).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in told] == [f"line {number}" for number in range(2, 10)]
    for word, line in zip(
        ("not JSON", "object", "no task", "not text", "id", "not a pattern", "/no/such/file", "list of paths"), told, strict=True
    ):
        assert word in line


def test_ids_that_come_twice_are_named_with_both_lines(tmp_path: Path) -> None:
    told = faults(tmp_path, '{"task": "a", "id": "x"}\n{"task": "b"}\n{"task": "c", "id": "x"}\n{"task": "d", "id": 2}\n')
    assert "line 3: the id 'x' is already used in line 1" in told
    assert "line 4: the id '2' is already used in line 2" in told


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("prompt,id\ncount,1\n", "t.csv", "line 1: the first row names the columns, and none of them is named task"),
        ("task,id\ncount\n", "t.csv", "line 2: it has 1 cells"),
        ("task\ncount\n\xff\n".encode("latin-1"), "t.csv", "line 3: it is not UTF-8"),
        (b"count\n\xff\xfe\n", "t.txt", "line 2: it is not UTF-8"),
        ("\n \n", "t.txt", "contains no tasks"),
        ("", "t.csv", "contains no tasks"),
        ("[" * 100_000, "t.jsonl", "line 1: not JSON"),
    ],
)
def test_what_is_no_task(tmp_path: Path, text: str | bytes, name: str, told: str) -> None:
    assert told in faults(tmp_path, text, name)


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    assert "and 80 more" in faults(tmp_path, "no\n" * 100)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for name in (str(tmp_path / "none.jsonl"), str(tmp_path), "a\0b"):
        with pytest.raises(UsageError), read_tasks(name):
            pass


def test_what_happens_to_the_file_afterwards_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tasks.txt"
    file.write_text("one\ntwo\n")
    with read_tasks(str(file)) as tasks:
        found = iter(tasks)
        assert next(found).task == "one"
        assert not tasks.has_grown
        with file.open("a") as stream:
            stream.write("three\n")
        assert [task.task for task in found] == ["two"]
        assert tasks.has_grown


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("one\ntwo\n",))  # opening a pipe waits for the other side
    writer.start()
    with read_tasks(str(pipe)) as tasks:
        assert [task.task for task in tasks] == ["one", "two"]
        assert not tasks.has_grown
    writer.join()


def test_ten_thousand_lines_are_read_as_they_are_needed(tmp_path: Path) -> None:
    text = "".join(json.dumps({"id": f"t{number}", "task": "x" * 1000}) + "\n" for number in range(10_000))
    (tmp_path / "tasks.jsonl").write_text(text)
    began = time.monotonic()
    with read_tasks(str(tmp_path / "tasks.jsonl")) as tasks:
        assert tasks.count == 10_000
        assert next(iter(tasks)).key == "t0"
    assert time.monotonic() - began < 20
