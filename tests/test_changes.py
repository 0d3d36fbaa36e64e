"""What changed from one program to the next."""

from __future__ import annotations

import pytest

from agents.events import ProgramStarted
from cli.output.changes import changes, newest_changes
from teams.record import Record
from tests.views import HOSTILE, assert_only_ours, terminal


def record_of(*codes: str, language: str = "python") -> Record:
    record = Record()
    for code in codes:
        record.take(started(code, language))
    return record


def started(code: str, language: str) -> ProgramStarted:
    return ProgramStarted(source="a", language=language, code=code, number=1, total=1, timeout=60)


def plain(record: Record | None) -> list[str]:
    return [line.plain for line in newest_changes(record)]


def test_the_newest_program_is_compared_with_the_one_before() -> None:
    assert plain(record_of("x = 0", "a = 1\nb", "a = 2\nb")) == ["@@ -1,2 +1,2 @@", "-a = 1", "+a = 2", " b"]


def test_the_same_program_again_is_no_new_one() -> None:
    assert plain(record_of("a = 1\nb", "a = 2\nb", "a = 2\nb")) == ["@@ -1,2 +1,2 @@", "-a = 1", "+a = 2", " b"]


def test_the_changes_have_colours() -> None:
    assert [str(line.style) for line in changes("a = 1\nb", "a = 2\nb")] == ["cyan", "red", "green", "dim"]


@pytest.mark.parametrize("codes", [(), ("a",), ("a", "a")])
def test_without_a_change_there_is_nothing_to_show(codes: tuple[str, ...]) -> None:
    assert plain(record_of(*codes)) == []


def test_before_the_session_is_open_there_is_nothing_to_show() -> None:
    assert plain(None) == []


def test_another_language_is_no_change_but_another_program() -> None:
    record = record_of("echo 1\n")
    record.take(started("echo 2\n", "sh"))
    assert plain(record) == []


def test_if_no_line_is_left_the_program_is_called_new() -> None:
    assert plain(record_of("a\n\nb", "c\n\nd")) == ["every line is new"]


def test_a_new_task_keeps_the_program_to_compare_with() -> None:
    record = record_of("a = 1\nb")
    record.start_task()
    record.take(started("a = 2\nb", "python"))
    assert "+a = 2" in plain(record)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_change_steers_the_terminal(hostile: str) -> None:
    screen, stream = terminal()
    screen.print(*changes(f"a = 1\n# {hostile}", f"a = 1\n# {hostile} x\n{hostile}"))
    assert_only_ours(stream.getvalue())
