"""The file of results: whole lines or nothing, and what an interrupted batch left behind is put right."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from teams.batch.results import Done, Results
from tests.batches import result, results_of, write_results
from utils.errors import AppError, UsageError


def test_a_torn_last_line_is_cut_and_the_rest_is_kept(tmp_path: Path) -> None:
    write_results(tmp_path, [result("a"), result("b", "failed")], '{"id": "c", "status": "appr')
    with Results(tmp_path / "out.jsonl") as results:
        found = results.repair()
        assert found.results == {hash("a"): Done("approved", hash("count")), hash("b"): Done("failed", hash("count"))}
        assert found.torn == 27
        results.append(result("c"))
    assert [each["id"] for each in results_of(tmp_path)] == ["a", "b", "c"]


def test_a_torn_line_is_no_result_even_if_it_could_be_read(tmp_path: Path) -> None:
    write_results(tmp_path, [result("a")], json.dumps(result("b")))
    with Results(tmp_path / "out.jsonl") as results:
        assert set(results.repair().results) == {hash("a")}
    assert [each["id"] for each in results_of(tmp_path)] == ["a"]


def test_lines_that_are_no_results_are_kept_aside_and_named(tmp_path: Path) -> None:
    text = json.dumps(result("a")) + '\nnot JSON\n{"id": 5, "status": "approved"}\n' + json.dumps(result("b")) + "\n"
    (tmp_path / "out.jsonl").write_text(text)
    (tmp_path / "out.jsonl").chmod(0o640)
    with Results(tmp_path / "out.jsonl") as results:
        assert results.repair().unreadable == [2, 3]
        results.append(result("c"))
        assert results.aside.read_text() == 'not JSON\n{"id": 5, "status": "approved"}\n'
    assert [each["id"] for each in results_of(tmp_path)] == ["a", "b", "c"]
    assert (tmp_path / "out.jsonl").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.unreadable"]


def test_the_newest_of_two_results_counts(tmp_path: Path) -> None:
    write_results(tmp_path, [result("a", "error"), result("b"), result("a")])
    with Results(tmp_path / "out.jsonl") as results:
        assert results.repair().results[hash("a")].status == "approved"
    assert [(each["id"], each["status"]) for each in results_of(tmp_path)] == [("b", "approved"), ("a", "approved")]


def test_a_second_batch_may_not_write_the_same_file(tmp_path: Path) -> None:
    with Results(tmp_path / "out.jsonl"):
        script = f"from pathlib import Path; from teams.batch.results import Results; Results(Path({str(tmp_path / 'out.jsonl')!r}))"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert "another batch is writing it" in other.stderr
    with Results(tmp_path / "out.jsonl") as results:
        results.append(result("a"))


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    with Results(tmp_path / "out.jsonl") as results:
        results.append(result("a"))
        size = (tmp_path / "out.jsonl").stat().st_size
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))  # the write ends in the middle, as on a full disk
        try:
            with pytest.raises(AppError, match="cannot be written"):
                results.append(result("b"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert [each["id"] for each in results_of(tmp_path)] == ["a"]
        results.append(result("b"))
    assert [each["id"] for each in results_of(tmp_path)] == ["a", "b"]


def test_a_device_that_is_full() -> None:
    with Results(Path("/dev/full")) as results, pytest.raises(AppError, match="No space left"):
        results.append(result("a"))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none" / "out.jsonl"):
        with pytest.raises(UsageError):
            Results(path)


def test_long_results_go_through_a_pipe_whole() -> None:
    reading, writing = os.pipe()
    long = result("a", output="x" * 300_000)
    with ThreadPoolExecutor() as threads, open(reading) as stream:  # noqa: PTH123  # a descriptor
        line = threads.submit(stream.readline)
        Results(descriptor=writing).append(long)
        os.close(writing)
        assert json.loads(line.result(timeout=60)) == long


def test_a_reader_that_reads_no_more_does_not_hold_the_end_up() -> None:
    reading, writing = os.pipe()
    results = Results(descriptor=writing)
    results.stop.set()
    results.append(result("a", output="x" * 300_000))  # nobody reads: it would wait for ever
    os.close(reading)
    with pytest.raises(AppError, match="Broken pipe"):
        results.append(result("a"))
    os.close(writing)
