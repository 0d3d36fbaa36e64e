"""What is known of the programs of a session."""

from __future__ import annotations

import pytest
from cli.programs import Programs

from tests.fakes import ran
from tests.views import HOSTILE, assert_only_ours, terminal


def run_all(*codes: str, language: str = "python") -> Programs:
    programs = Programs()
    for code in codes:
        programs.started(language, code)
    return programs


def test_the_newest_and_the_one_before_are_kept() -> None:
    programs = run_all("a", "b", "c")
    assert programs.newest is not None
    assert programs.before is not None
    assert (programs.before.code, programs.newest.code) == ("b", "c")


def test_the_same_program_again_is_no_new_one() -> None:
    programs = run_all("a = 1\nb", "a = 2\nb", "a = 2\nb")
    assert [line.plain for line in programs.diff()] == ["@@ -1,2 +1,2 @@", "-a = 1", "+a = 2", " b"]


def test_the_changes_have_colours() -> None:
    assert [str(line.style) for line in run_all("a = 1\nb", "a = 2\nb").diff()] == ["cyan", "red", "green", "dim"]


@pytest.mark.parametrize("codes", [(), ("a",), ("a", "a")])
def test_without_a_change_there_is_nothing_to_show(codes: tuple[str, ...]) -> None:
    assert run_all(*codes).diff() == []


def test_another_language_is_no_change_but_another_program() -> None:
    programs = run_all("echo 1\n")
    programs.started("sh", "echo 2\n")
    assert programs.diff() == []


def test_a_program_of_which_nothing_is_left_is_said_to_be_new() -> None:
    assert [line.plain for line in run_all("a\n\nb", "c\n\nd").diff()] == ["every line is new"]


def test_a_new_task_forgets_the_last_run_and_keeps_the_program() -> None:
    programs = run_all("a")
    programs.last_run = ran()
    programs.start_task()
    assert programs.last_run is None
    assert programs.newest is not None


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_change_steers_the_terminal(hostile: str) -> None:
    screen, stream = terminal()
    screen.print(*run_all(f"a = 1\n# {hostile}", f"a = 1\n# {hostile} x\n{hostile}").diff())
    assert_only_ours(stream.getvalue())
