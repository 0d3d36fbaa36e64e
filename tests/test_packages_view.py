"""Installations on the screen."""

from __future__ import annotations

from typing import Literal

from agents.events import PackagesInstalled, Question, Refusal
from cli.output.packages import question_lines, show_result
from sandbox.packages.names import Package
from sandbox.verdicts import Verdict
from tests.views import PACKAGES, pipe


def installed(verdict: Verdict, summary: str, output: str = "") -> PackagesInstalled:
    return PackagesInstalled(
        source="a",
        why="the program imports six",
        installed=(Package("six", "1.17.0"),) if verdict is Verdict.OK else (),
        refused=() if verdict is Verdict.OK else (Refusal("acme-tools", "why"),),
        verdict=verdict,
        summary=summary,
        output=output,
        seconds=1.0,
    )


def shown(event: PackagesInstalled) -> list[str]:
    screen, paper = pipe()
    show_result(screen, event)
    return paper.getvalue().splitlines()


def test_the_result_is_shown_line_by_line_marked_as_good_or_bad() -> None:
    assert shown(installed(Verdict.OK, "Installed: six 1.17.0.")) == ["✔ Installed: six 1.17.0."]
    for verdict in (Verdict.FAILED, Verdict.CANCELLED, Verdict.TIME):
        assert shown(installed(verdict, "Not installed: acme-tools.\npip failed.")) == ["✘ Not installed: acme-tools.", "✘ pip failed."]


def test_a_failed_installation_shows_the_end_of_what_pip_printed_first() -> None:
    assert shown(installed(Verdict.FAILED, "pip failed.", output="ERROR: one\nERROR: two")) == [
        "│ ERROR: one",
        "│ ERROR: two",
        "✘ pip failed.",
    ]


def asked(kind: Literal["packages", "build"]) -> Question:
    return Question(source="a", key="1", kind=kind, packages=("acme-tools", "acme"), because="the program imports them")


def test_a_question_about_a_build_says_what_its_code_may_see() -> None:
    question = "\n".join(line.plain for line in question_lines(asked("build")))
    assert "Build acme-tools, acme from source code (the program imports them)?" in question
    assert "It can reach the package index" in question
    assert "cannot read your files" in question
    assert "y to build" in question.splitlines()[-1]


def test_a_question_names_the_packages_the_reason_and_the_keys() -> None:
    question = "\n".join(line.plain for line in question_lines(asked("packages")))
    assert "acme-tools, acme" in question
    assert "the program imports them" in question
    assert PACKAGES in question.splitlines()[-1]
