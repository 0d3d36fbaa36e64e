"""AutoGen's messages and our events, as lines on the screen."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage, ToolCallSummaryMessage

from agents.code_executor_agent import NAME as EXECUTOR
from agents.code_generator_agent import NAME as GENERATOR
from agents.events import (
    RECOVERY_SOURCE,
    TASK_SOURCE,
    BlocksSkipped,
    Event,
    FilesProduced,
    Notice,
    ProgramFinished,
    ProgramOutput,
    ProgramStarted,
    Question,
    RunResult,
    SentBack,
    TaskEnded,
)
from agents.user_proxy_agent import NAME as USER
from cli.output.closing import closing_lines
from cli.output.screen import Screen
from cli.output.transcript import Transcript
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict, keep_short
from teams.record import Record
from tests.fakes import ran
from tests.program import CLOSING_LINES
from tests.views import HOSTILE, assert_only_ours, assert_plain, pipe, shown, terminal
from utils.code_blocks import SkippedBlock

SENT_BACK = SentBack(source=USER, failure="ValueError: no", attempt=2, attempts=4)


def piece(text: str, source: str = GENERATOR) -> Event:
    return ModelClientStreamingChunkEvent(source=source, content=text)


def said(text: str, source: str = GENERATOR) -> Event:
    return TextMessage(source=source, content=text)


def reported(text: str, verdict: str) -> Event:
    return RunResult(source=EXECUTOR, content=text, verdict=verdict)


def started(code: str, number: int = 1, total: int = 1, language: str = "python") -> Event:
    return ProgramStarted(source=EXECUTOR, language=language, code=code, number=number, total=total, timeout=60)


def printed(text: str) -> Event:
    return ProgramOutput(source=EXECUTOR, content=text)


def finished(code: str, verdict: Verdict = Verdict.OK, summary: str = "Finished in 0.1 s (exit code 0).", output: str = "") -> Event:
    run = ProgramRun("python", code, "program.py", verdict, 0 if verdict is Verdict.OK else 1, 0.1, output)
    return ProgramFinished(source=EXECUTOR, run=run, summary=summary)


class Shown(Transcript):
    """A transcript whose record takes each event before it is shown, as a session's does."""

    def __init__(self, screen: Screen, **options: Any) -> None:
        self.record = Record()
        super().__init__(screen, self.record, **options)

    def show(self, event: Event) -> None:
        self.record.take(event)
        super().show(event)


async def show_all(*events: Event) -> str:
    screen, paper = pipe()
    transcript = Shown(screen)
    with transcript.live(waits_for_model=True):
        for event in events:
            transcript.show(event)
    return paper.getvalue()


async def test_a_streamed_answer_is_shown_once() -> None:
    seen = await show_all(piece("Here "), piece("it is."), said("Here it is."))
    assert seen == f"\n{GENERATOR}\n▏ Here it is.\n"


async def test_an_answer_that_was_not_streamed_is_shown_whole() -> None:
    assert await show_all(said("Here it is."), said("And more.")) == f"\n{GENERATOR}\n▏ Here it is.\n\n{GENERATOR}\n▏ And more.\n"


async def test_every_agent_has_its_heading() -> None:
    seen = await show_all(piece("code"), said("code"), said("looks good", "Reviewer"), piece("more", "Reviewer"), said("more", "Reviewer"))
    assert seen == f"\n{GENERATOR}\n▏ code\n\nReviewer\n▏ looks good\n\nReviewer\n▏ more\n"


async def test_a_run_is_shown_with_output_verdict_and_files() -> None:
    files = FilesProduced(source=EXECUTOR, files=(ProducedFile(Path("kept/a.txt"), "a.txt", 3, True),))
    seen = await show_all(started("x"), printed("one\ntw"), printed("o\n"), finished("x", output="one\ntwo\n"), files)
    assert seen == (
        f"\n{EXECUTOR} · python · limit 60 s\n│ one\n│ two\n✔ Finished in 0.1 s (exit code 0).\n  new: a.txt (3 bytes) → kept/a.txt\n"
    )


async def test_of_several_programs_each_is_numbered() -> None:
    seen = await show_all(started("x", 1, 2), finished("x"), started("y", 2, 2, "sh"), finished("y"))
    assert "python · limit 60 s · 1 of 2\n" in seen
    assert "sh · limit 60 s · 2 of 2\n" in seen


async def test_a_program_that_printed_nothing_is_said_to_and_notes_have_a_line_of_their_own() -> None:
    run = ProgramRun("python", "x", "program.py", Verdict.OK, 0, 0.1, "\n", notes=("it left files elsewhere: /tmp/report.csv",))
    seen = await show_all(started("x"), ProgramFinished(source=EXECUTOR, run=run, summary="Finished in 0.1 s (exit code 0)."))
    assert seen.endswith("✔ Finished in 0.1 s (exit code 0), printed nothing.\n  note: it left files elsewhere: /tmp/report.csv\n")
    assert "printed nothing" not in await show_all(started("x"), finished("x", Verdict.FAILED, "Failed."))


async def test_all_of_a_long_output_is_kept_beside_the_files(tmp_path: Path) -> None:
    screen, paper = pipe()
    whole = "".join(f"line {number}\n" for number in range(4000))
    transcript = Shown(screen, whole_output=lambda: whole, folder=lambda: tmp_path)
    (tmp_path / "elsewhere").touch()
    (tmp_path / "program.py.output.txt").symlink_to(tmp_path / "elsewhere")
    for event in (started("x"), printed(whole[:1000]), ProgramOutput(source=EXECUTOR, content="", more=len(whole) - 1000)):
        transcript.show(event)
    transcript.show(finished("x", output=whole[:1000] + whole[-1000:]))
    kept = tmp_path / "program.py.output.txt"
    assert kept.read_text() == whole
    assert (tmp_path / "elsewhere").read_text() == ""
    assert paper.getvalue().splitlines()[-5:-1] == [
        *("│ line 3997", "│ line 3998", "│ line 3999"),
        f"  all of the output → {kept}",
    ]


async def test_from_the_second_attempt_on_the_changes_are_shown_before_it_runs() -> None:
    first, second = "a = 1\nprint(a)\n", "a = 2\nprint(a)\n"
    seen = await show_all(started(first), finished(first, Verdict.FAILED, "Failed."), started(second), finished(second))
    assert "✘ Failed.\n" in seen
    changes = ":\n@@ -1,2 +1,2 @@\n-a = 1\n+a = 2\n print(a)\n"
    assert f"{changes}\n{EXECUTOR} · python" in seen
    assert seen.count("+a = 2") == 1


async def test_the_same_program_again_shows_no_changes() -> None:
    seen = await show_all(started("a = 1\nb"), finished("a = 1\nb"), started("a = 1\nb"), finished("a = 1\nb"))
    assert "@@" not in seen
    assert "every line is new" not in seen


async def test_a_program_that_is_all_new_is_said_to_be_so_on_one_line() -> None:
    seen = await show_all(started("a"), finished("a"), started("b"), finished("b"))
    assert ": every line is new\n" in seen
    assert "@@" not in seen


async def test_many_changes_are_cut_with_the_command_that_shows_all() -> None:
    first = "\n".join(f"a{n} = {n}" for n in range(100)) + "\nprint(1)"
    second = "\n".join(f"b{n} = {n}" for n in range(100)) + "\nprint(1)"
    seen = await show_all(started(first), finished(first), started(second))
    assert seen.count("\n-a") + seen.count("\n+b") < 45
    assert "… 162 more lines: /diff\n" in seen


async def test_a_failure_that_goes_back_is_shown_with_its_count_and_neither_its_message_nor_the_users_is_repeated() -> None:
    seen = await show_all(SENT_BACK, said("Fix it.", RECOVERY_SOURCE), said("typed", USER))
    assert seen == "↻ Back to the model, attempt 2 of 4: ValueError: no\n"


async def test_what_is_not_run_is_named_with_the_reason() -> None:
    skipped = BlocksSkipped(source=EXECUTOR, blocks=(SkippedBlock("js", 3, "js is not run here"),))
    assert await show_all(skipped) == "  not run: the block at line 3: js is not run here\n"
    # What the executor says to the model about it is not said to the user a second time.
    assert await show_all(reported("[sandbox] Nothing was run: the answer was cut off before ...", "no code")) == ""


async def test_messages_of_other_kinds_and_the_task_itself_show_nothing() -> None:
    other = ToolCallSummaryMessage(source=GENERATOR, content="x", tool_calls=[], results=[])
    assert await show_all(other, said("the task", TASK_SOURCE), reported("[sandbox] all well", "ok")) == ""


@pytest.mark.parametrize(
    ("ended", "ending"),
    [
        (TaskEnded("stopped", USER), "\nStopped.\n"),
        (TaskEnded("stopped", GENERATOR), f"\n{GENERATOR} ended the task: "),
        (TaskEnded("approved", USER), "\n✔ Code generated by"),
    ],
)
async def test_how_a_task_ended(ended: TaskEnded, ending: str) -> None:
    screen, paper = pipe()
    transcript = Shown(screen)
    transcript.record.take(started("x"))
    transcript.record.take(finished("x"))
    transcript.show(ended)
    transcript.show_ending()
    assert paper.getvalue().startswith(ending)
    assert ("User approves" in paper.getvalue()) is (ended.status == "approved")


def closing(run: ProgramRun | None) -> list[str]:
    return [line.plain for line in closing_lines(run)]


def test_the_closing_lines_are_true() -> None:
    assert closing(ran("\nfactorial(5) = 120\n\n")) == list(CLOSING_LINES)
    assert closing(ran("Oslo: 3.5\n\nRome:   16.0\nCairo: no readings\n"))[2] == "✔ Output: Oslo: 3.5 / Rome: 16.0 / Cairo: no readings"
    table = "".join(f"{number:>6} {number**2:>6} {number**3:>6}\n" for number in range(1, 6))
    assert closing(ran(table))[2] == "✔ Output: 5 lines, the last: 5 25 125"
    long = keep_short(ran("first\n\n" + "x\n" * 100_000 + "last\n"))
    assert closing(long)[2] == "✔ Output: 100,002 lines, the last: last"
    assert closing(ran("1%\r2%\r100%\n"))[2] == "✔ Output: 100%"
    assert closing(ran(""))[2] == "✔ Output: none, it printed nothing"
    made = [line.plain for line in closing_lines(ran(""), made=["a.png", "b.png", "c.png", "d.png"])]
    assert made[2] == "✔ Output: nothing printed, but files: a.png, b.png, c.png and 1 more"
    assert [line.plain for line in closing_lines(ran("x\n"), made=["a.png"])][2] == "✔ Output: x"
    failed = closing(ran("Traceback\nModuleNotFoundError: No module named 'x'\n", Verdict.FAILED, 1))
    assert failed[1:3] == [
        "✘ Code executed in Docker, but it failed with exit code 1",
        "✘ Output: Traceback / ModuleNotFoundError: No module named 'x'",
    ]
    assert closing(ran("no\n", Verdict.TIME, 124))[1] == "✘ Code executed in Docker, but it ran out of time"
    unrun = replace(ran("pip's words\n", Verdict.NOT_RUN, None), reason="pyyaml could not be installed")
    assert closing(unrun)[1:3] == ["✘ Code was not executed: pyyaml could not be installed", "✘ Output: none"]
    assert closing(None) == ["✘ No program was generated, so nothing was run.", "✔ User approves result"]
    stored = [line.plain for line in closing_lines(None, stored=True)]
    assert stored == ["✔ The answer's files were stored; nothing was run.", "✔ User approves result"]
    assert [line.plain for line in closing_lines(ran("x\n"), Path("kept/01-x"))][4:] == ["  Saved in kept/01-x"]


@pytest.mark.parametrize("columns", [40, 60])
def test_no_row_of_the_closing_lines_is_the_programs(columns: int) -> None:
    screen, stream = terminal(columns)
    for width in range(20, 90):
        screen.say(*closing_lines(ran("x " * (width // 2) + "✔ Code executed in Docker\n")))
    rows = shown(stream.getvalue(), columns)
    assert sum(row.startswith("✔ Code executed") for row in rows) == 70


async def test_no_wait_is_shown_while_a_question_is_open() -> None:
    screen, stream = terminal()
    transcript = Shown(screen)
    with transcript.live(waits_for_model=True):
        await asyncio.sleep(0.05)
        assert "Ctrl-C" in "".join(shown(stream.getvalue()))
        transcript.show(Question(source=USER, key="1", kind="approve"))
        assert shown(stream.getvalue()) == []
        await asyncio.sleep(0.3)  # longer than the clock's tick
        assert shown(stream.getvalue()) == []
        transcript.question_answered()
        await asyncio.sleep(0.3)
        assert "Ctrl-C" in "".join(shown(stream.getvalue()))


async def test_the_wait_for_the_model_is_seen_and_gone_with_the_answer() -> None:
    screen, stream = terminal()
    transcript = Shown(screen)
    with transcript.live(waits_for_model=True):
        await asyncio.sleep(0.05)
        (row,) = shown(stream.getvalue())
        assert row.startswith(f"{GENERATOR} … 0 s · Ctrl-C")
        transcript.show(piece("Here"))
        assert shown(stream.getvalue()) == ["", GENERATOR, "▏ Here"]
    assert shown(stream.getvalue()) == ["", GENERATOR, "▏ Here"]


async def test_a_run_that_breaks_off_leaves_no_row_behind() -> None:
    screen, stream = terminal()
    transcript = Shown(screen)
    with transcript.live(waits_for_model=False):
        transcript.show(started("x"))
        transcript.show(printed("half"))
        await asyncio.sleep(0.05)
    assert shown(stream.getvalue())[-1] == "│ half"
    with transcript.live(waits_for_model=True):
        transcript.show(piece("```python\nx = ("))
    screen.print("after")
    assert shown(stream.getvalue())[-3:] == ["x = (", "╰─" + "─" * 58, "after"]
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_notice_in_the_middle_of_an_answer_has_a_line_of_its_own() -> None:
    screen, stream = terminal()
    transcript = Shown(screen)
    with transcript.live(waits_for_model=True):
        transcript.show(piece("Here it"))
        transcript.show(Notice(source=GENERATOR, content="trying again in 2 s"))
        transcript.show(piece("Here it is."))
    assert shown(stream.getvalue())[2:] == ["▏ Here it", "trying again in 2 s", "", GENERATOR, "▏ Here it is."]


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_nothing_in_any_message_steers_the_terminal(hostile: str) -> None:
    (screen, stream), (plain, paper) = terminal(), pipe()
    run = ProgramRun("python", hostile, "program.py", Verdict.OK, 0, 0.1, hostile)
    for each in (screen, plain):
        transcript = Shown(each)
        with transcript.live(waits_for_model=True):
            for event in (
                piece(hostile),
                said(hostile),
                said(hostile, hostile.replace("\ud83d\udc80", "Reviewer")),
                started(f"a = 1\n# {hostile}", language=hostile),
                printed(hostile),
                ProgramFinished(source=EXECUTOR, run=run, summary=hostile),
                started(f"a = 1\n# {hostile} {hostile}"),
                FilesProduced(source=EXECUTOR, files=(ProducedFile(Path("kept"), hostile, 3, True),)),
                BlocksSkipped(source=EXECUTOR, blocks=(SkippedBlock(hostile, 3, hostile),)),
                SentBack(source=USER, failure=hostile, attempt=2, attempts=4),
                TaskEnded("approved", USER),
            ):
                transcript.show(event)
            transcript.show(Notice(source=GENERATOR, content=hostile))
        transcript.show_ending()
    assert_only_ours(stream.getvalue())
    assert_plain(paper.getvalue())


async def test_quiet_leaves_out_progress_and_notices() -> None:
    first, second = "a = 1\nprint(a)\n", "a = 2\nprint(a)\n"
    for quiet in (False, True):
        screen, stream = terminal()
        transcript = Shown(screen, quiet=quiet)
        with transcript.live(waits_for_model=True):
            await asyncio.sleep(0.05)
            waited = "Ctrl-C" in stream.getvalue()
            for event in (started(first), printed("1\n"), finished(first, output="1\n"), SENT_BACK, started(second), finished(second)):
                transcript.show(event)
            transcript.show(Notice(source=GENERATOR, content="trying again in 2 s"))
        seen = "\n".join(shown(stream.getvalue()))
        progress = {"↻" in seen, "trying again" in seen, "+a = 2" in seen, waited}
        assert progress == {not quiet}
        assert "│ 1\n✔ Finished" in seen


async def test_a_heading_is_broken_between_words() -> None:
    screen, stream = terminal(40)
    with (transcript := Shown(screen)).live(waits_for_model=False):
        transcript.show(started("print(1)", 11, 12, "javascript"))
    assert "\r\n" not in stream.getvalue().partition("CodeExecutorAgent")[0].strip()
    assert all(row == row.rstrip() for row in shown(stream.getvalue(), 40))
    assert " ".join(row.strip() for row in shown(stream.getvalue(), 40)[:3]).split()[-3:] == ["11", "of", "12"]
