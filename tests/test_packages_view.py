"""Installations on the screen."""

from __future__ import annotations

from agents.package_steps import PackagesInstalled, Refusal
from cli.output.packages import question_lines, result_lines
from sandbox.packages.names import Package
from sandbox.verdicts import Verdict


def installed(verdict: Verdict, *packages: Package, refused: tuple[Refusal, ...] = (), output: str = "") -> PackagesInstalled:
    return PackagesInstalled(
        source="a", why="the program imports six", installed=packages, refused=refused, verdict=verdict, output=output, seconds=1.0
    )


def shown(event: PackagesInstalled) -> list[str]:
    return [line.plain for line in result_lines(event)]


def test_what_was_installed_is_listed_with_versions() -> None:
    event = installed(Verdict.OK, Package("six", "1.17.0"), Package("toolz", "1.0"))
    assert shown(event) == ["✔ Installed (the program imports six): six 1.17.0, toolz 1.0."]
    assert shown(installed(Verdict.OK)) == ["✔ Nothing had to be installed: it is there already."]


def test_a_failed_installation_shows_the_end_of_what_pip_printed() -> None:
    event = installed(Verdict.FAILED, output="ERROR: one\nERROR: two")
    assert shown(event) == ["│ ERROR: one", "│ ERROR: two", "✘ pip failed."]
    assert shown(installed(Verdict.CANCELLED)) == ["✘ The installation did not come to its end (cancelled)."]


def test_a_refusal_is_told_with_its_reason() -> None:
    event = installed(Verdict.FAILED, refused=(Refusal("acme-tools", "why"),))
    assert shown(event) == ["✘ Not installed: acme-tools: why."]


def test_a_question_says_what_answers_it() -> None:
    assert [line.plain for line in question_lines("Install acme-tools?")] == [
        "Install acme-tools?",
        "y installs; anything else does not.",
    ]
