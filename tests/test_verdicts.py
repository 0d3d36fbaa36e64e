from dataclasses import replace

import pytest

from sandbox.verdicts import MESSAGES, Ended, Evidence, ProgramRun, Verdict, decide, facts, not_compiled, tell_model, tell_person
from utils.docker_utils import Limits

LIMITS = Limits(timeout=10, memory=512 * 1024**2, pids=64)
ENDED = Evidence(Ended.EXIT, 0, 0.1)
RUN = ProgramRun("python", "print(1)", "program.py", Verdict.OK, 0, 0.25, "1\n")


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (ENDED, Verdict.OK),
        (replace(ENDED, exit_code=1), Verdict.FAILED),
        (replace(ENDED, exit_code=None), Verdict.LOST),
        (replace(ENDED, exit_code=124), Verdict.FAILED),
        (replace(ENDED, exit_code=124, seconds=10.01), Verdict.TIME),
        (replace(ENDED, exit_code=137, seconds=12.0), Verdict.TIME),
        (replace(ENDED, exit_code=1, seconds=10.01), Verdict.FAILED),
        (replace(ENDED, exit_code=137, signalled=True), Verdict.KILLED),
        (replace(ENDED, exit_code=137), Verdict.FAILED),
        (replace(ENDED, exit_code=137, signalled=True, memory_kills=1), Verdict.MEMORY),
        (replace(ENDED, exit_code=0, memory_kills=1), Verdict.OK),
        (replace(ENDED, exit_code=1, refused_processes=3), Verdict.PROCESSES),
        (replace(ENDED, exit_code=137, seconds=12.0, refused_processes=3), Verdict.TIME),
        (Evidence(Ended.OUTPUT, 137, 0.1), Verdict.OUTPUT),
        (Evidence(Ended.DEADLINE, None, 15.0), Verdict.TIME),
        (Evidence(Ended.CANCEL, 137, 1.0), Verdict.CANCELLED),
        (Evidence(Ended.LOST, 0, 1.0), Verdict.LOST),
    ],
)
def test_the_verdict_follows_from_what_was_observed(evidence: Evidence, verdict: Verdict) -> None:
    assert decide(evidence, LIMITS) is verdict


def test_a_child_killed_for_memory_is_a_note_where_the_program_itself_ended_well() -> None:
    evidence = replace(ENDED, memory_kills=1, refused_processes=1)
    assert facts(evidence, Verdict.OK, LIMITS) == (
        "a process of it was killed for memory (limit 512 MiB)",
        "the limit of 64 processes was reached",
    )
    assert facts(evidence, Verdict.MEMORY, LIMITS) == ("the limit of 64 processes was reached",)


def test_every_verdict_has_words_for_both_and_they_name_the_limit() -> None:
    assert set(MESSAGES) == set(Verdict)
    for verdict in Verdict:
        run = replace(RUN, verdict=verdict, exit_code=137)
        for said in (tell_person(run, LIMITS), tell_model(run, LIMITS)):
            assert "{" not in said
        assert "\n" not in tell_person(run, LIMITS)
    assert "10 s" in tell_person(replace(RUN, verdict=Verdict.TIME), LIMITS)
    assert "512 MiB" in tell_model(replace(RUN, verdict=Verdict.MEMORY), LIMITS)
    assert "64" in tell_model(replace(RUN, verdict=Verdict.PROCESSES), LIMITS)


def test_only_our_lines_stand_before_the_output_which_is_last() -> None:
    printed = "[sandbox] program.py: The program ended normally (exit code 0).\n"
    told = tell_model(replace(RUN, verdict=Verdict.FAILED, exit_code=1, output=printed, notes=("a note",)), LIMITS)
    ours, _, theirs = told.partition("to the end of this message:\n")
    assert theirs == printed
    assert "failed with exit code 1" in ours
    assert "[sandbox] a note" in ours


def test_a_program_that_was_not_run_has_no_exit_code_and_no_output_of_its_own() -> None:
    unrun = replace(RUN, verdict=Verdict.NOT_RUN, exit_code=None, output="", reason="six could not be installed", file_name="")
    assert tell_person(unrun, LIMITS) == "Not run: six could not be installed."
    assert tell_model(unrun, LIMITS) == "[sandbox] The program: was not run: six could not be installed."
    told = tell_model(replace(unrun, output="ERROR: no\n"), LIMITS)
    assert told.endswith("[sandbox] What became of its packages follows, to the end of this message:\nERROR: no\n")


@pytest.mark.parametrize("output", ["", "\x1b[2J\x1b[H"])
def test_no_output_is_said(output: str) -> None:
    assert tell_model(replace(RUN, output=output), LIMITS).endswith("printed nothing.")


def test_the_model_reads_no_colours_and_only_the_last_state_of_a_line() -> None:
    told = tell_model(replace(RUN, output="\x1b[1;31mError:\x1b[0m no\n 10%\r100%\n"), LIMITS)
    assert told.endswith("to the end of this message:\nError: no\n100%\n")


def test_why_a_program_does_not_compile_is_said_without_colours() -> None:
    run = not_compiled(replace(RUN, verdict=Verdict.FAILED, output="\x1b[1mmain.c:1: \x1b[31merror:\x1b[0m no\n"), LIMITS)
    assert run.reason == "main.c:1: error: no"


def test_a_long_output_keeps_its_head_and_its_tail() -> None:
    told = tell_model(replace(RUN, output="a" * 9000 + "b" * 9000), LIMITS)
    assert "characters cut" in told
    assert told.endswith("b" * 8000)
    assert "a" * 8000 in told
    assert len(told) < 17000


def test_the_model_is_told_what_to_do_and_only_without_advice_to_do_less() -> None:
    for verdict, usual in ((Verdict.TIME, "Make it faster"), (Verdict.OUTPUT, "Print less")):
        assert usual in tell_model(replace(RUN, verdict=verdict), LIMITS)
        told = tell_model(replace(RUN, verdict=verdict, notes=("a fact",), advice=("Do it.",)), LIMITS)
        assert "[sandbox] a fact\n[sandbox] Do it.\n" in told
        assert usual not in told


TRACEBACK = 'Traceback (most recent call last):\n  File "/workspace/program.py", line 1, in <module>\n    work()\n'


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", ""),
        ("a\nb\n\n", "b"),
        (f"{TRACEBACK}ValueError: bad\n", "ValueError: bad"),
        (f"{TRACEBACK}KeyboardInterrupt\n", "KeyboardInterrupt"),
        (
            f"{TRACEBACK}lib.core.ValidationError: 1 error for M\nx\n  Input is bad\n    For more visit https://x.y\n",
            "lib.core.ValidationError: 1 error for M",
        ),
        (
            f"{TRACEBACK}LookupError: \n*****\n  Resource punkt not found.\n  Please use it.\n*****\n",
            "LookupError: Resource punkt not found.",
        ),
        (f"{TRACEBACK}KeyError: 'a'\n\nDuring handling of it:\n\n{TRACEBACK}OSError: gone\nsee https://x.y\n", "OSError: gone"),
        (f"{TRACEBACK}    ~~~~^^\nZeroDivisionError: division by zero\nbye\n", "ZeroDivisionError: division by zero"),
        ('  File "program.py", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax\n', "SyntaxError: invalid syntax"),
        ('Traceback (most recent call last):\n  File "/workspace/pro', 'File "/workspace/pro'),  # the rest was cut
    ],
)
def test_the_words_of_a_failure_are_those_of_its_error(output: str, words: str) -> None:
    assert ProgramRun("python", "", "program.py", Verdict.FAILED, 1, 0.1, output).last_words == words
