"""Each state of the screen as an accepted picture, at three widths."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Literal

import pytest

from agents.code_executor_agent import NAME as EXECUTOR
from agents.events import (
    BlocksSkipped,
    Event,
    FilesProduced,
    InstallStarted,
    Notice,
    PackagesInstalled,
    ProgramFinished,
    Question,
    Refusal,
    TaskEnded,
)
from agents.user_proxy_agent import NAME as USER
from cli.output.packages import question_lines
from sandbox.files.transfer import LeftOut
from sandbox.packages.names import Package
from sandbox.verdicts import TRIED_NETWORK, ProducedFile, ProgramRun, Verdict
from tests import golden
from tests.test_answer_markdown import FORGED, MARKDOWN
from tests.test_transcript import SENT_BACK, Shown, finished, piece, printed, said, started
from tests.views import assert_only_ours, shown, terminal
from utils.code_blocks import SkippedBlock

KINDS: tuple[Literal["packages", "build"], ...] = ("packages", "build")
CODE = 'def greet(name):\n    """Say hello."""\n    return f"hello {name}"  # a comment\n\n\nprint(greet("you"))\n'
ANSWER = (
    f"A function is the shortest way to say it, and this sentence is as long as sentences are:\n\n```python\n{CODE}```\n\nThat is all.\n"
)
WIDE = "日本語の説明はとても長いので、どこかで折り返されます。"
NUMBERS = "".join(f"line {number}\n" for number in range(1, 4001))
APPROVED = TaskEnded("approved", USER)


def ended(verdict: Verdict, output: str = "", summary: str = "", notes: tuple[str, ...] = (), reason: str = "") -> ProgramFinished:
    code = {Verdict.OK: 0, Verdict.FAILED: 1, Verdict.TIME: 124}.get(verdict)
    run = ProgramRun("python", CODE, "program.py", verdict, code, 0.1, output, notes=notes, reason=reason)
    return ProgramFinished(source=EXECUTOR, run=run, summary=summary or "Finished in 0.1 s (exit code 0).")


def installed(verdict: Verdict, summary: str, output: str = "") -> Event:
    ok = verdict is Verdict.OK
    return PackagesInstalled(
        source=EXECUTOR,
        why="the program imports six",
        installed=(Package("six", "1.17.0"),) if ok else (),
        refused=() if ok else (Refusal("acme", "no"),),
        verdict=verdict,
        summary=summary,
        output=output,
        seconds=1.0,
    )


INSTALL = InstallStarted(source=EXECUTOR, commands=("pip install six",), why="the program imports six", timeout=300)
FILES = FilesProduced(
    source=EXECUTOR,
    files=(
        ProducedFile(Path("workspace/sessions/20260101-000000-0000/waves.png"), "waves.png", 34_560, True),
        ProducedFile(Path("workspace/sessions/20260101-000000-0000/data/table.csv"), "data/table.csv", 1, False),
    ),
    left_out=(LeftOut("big.bin", "too large"), LeftOut("core", "too large")),
)
TRACEBACK = 'Traceback (most recent call last):\n  File "/workspace/program.py", line 3\nZeroDivisionError: division by zero\n'
STATES: dict[str, list[Event]] = {
    "answer": [piece(ANSWER), said(ANSWER)],
    "markdown": [said(MARKDOWN), said(f"<think>\nWhat is asked?\n</think>\n{WIDE * 4}", "Reviewer")],
    "forged": [said(f"{FORGED}\n```text\n{FORGED}\n```"), started("x"), printed(f"one{' ' * 57}{FORGED}"), ended(Verdict.OK, "one")],
    "run": [started(CODE), printed("hello you\n"), ended(Verdict.OK, "hello you\n"), FILES],
    "running": [started(CODE), printed("hello you\nhalf a li")],
    "waiting": [],
    "long-output": [started(CODE), printed(NUMBERS), ended(Verdict.OK, NUMBERS)],
    "nothing-printed": [started(CODE), ended(Verdict.OK, notes=("it left files elsewhere: /tmp/report.csv", TRIED_NETWORK))],
    "failure": [
        started("a = 1\nprint(a / 0)\n"),
        printed(TRACEBACK),
        finished("a = 1\nprint(a / 0)\n", Verdict.FAILED, "Failed with exit code 1 after 0.1 s.", TRACEBACK),
        SENT_BACK,
        started("a = 1\nprint(a / 1)\n"),
        printed("1.0\n"),
        finished("a = 1\nprint(a / 1)\n", output="1.0\n"),
    ],
    "not-run": [
        BlocksSkipped(source=EXECUTOR, blocks=(SkippedBlock("js", 3, "javascript is not run here"),)),
        Notice(source=EXECUTOR, content="The block at line 9 has no language and was taken for Python."),
    ],
    "installation": [INSTALL, installed(Verdict.OK, "Installed: six 1.17.0.")],
    "failed-installation": [INSTALL, installed(Verdict.FAILED, "Not installed: acme.", "ERROR: one\nERROR: two")],
    "approved": [started(CODE), ended(Verdict.OK, "factorial(5) = 120\n"), APPROVED],
    "approved-failure": [started(CODE), ended(Verdict.TIME, TRACEBACK * 2, "Stopped after 60 s (limit: --timeout)."), APPROVED],
    "approved-without-a-program": [said("There is nothing to run."), APPROVED],
    "stopped": [started(CODE), ended(Verdict.OK, "x\n"), TaskEnded("stopped", USER)],
}


HALFWAY = {"running", "waiting"}


async def picture(state: str, columns: int) -> str:
    """Return what is written to a terminal until the state is reached."""
    screen, stream = terminal(columns)
    transcript = Shown(screen)
    with transcript.live(waits_for_model=not STATES[state]):
        await asyncio.sleep(0)  # the clock's first tick
        for event in STATES[state]:
            transcript.show(event)
        halfway = stream.getvalue()
    if transcript.record.ended:
        transcript.record.kept = Path("workspace/sessions/20260101-000000-0000/approved/01-greet")
        transcript.show_ending()
    return halfway if state in HALFWAY else stream.getvalue()


@pytest.mark.parametrize("columns", golden.WIDTHS)
@pytest.mark.parametrize("state", STATES)
async def test_the_screen_is_the_accepted_one(state: str, columns: int) -> None:
    written = await picture(state, columns)
    assert_only_ours(written)
    golden.check(state, columns, [re.sub(r"(running|…) \d+ s", r"\1 0 s", row) for row in shown(written, columns)])


@pytest.mark.parametrize("columns", golden.WIDTHS)
def test_the_questions_about_packages_are_the_accepted_ones(columns: int) -> None:
    screen, stream = terminal(columns)
    for kind in KINDS:
        screen.say("", *question_lines(Question(source=EXECUTOR, key="1", kind=kind, packages=("acme", "six"), because="it imports them")))
    golden.check("packages", columns, shown(stream.getvalue(), columns))


def test_a_picture_that_changed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOLDEN", raising=False)
    for rows in (["", "else"], []):
        with pytest.raises(AssertionError, match="not the accepted one"):
            golden.check("stopped", 60, rows)
    with pytest.raises(AssertionError, match="not the accepted one"):
        golden.check("no such state", 60, ["x"])
