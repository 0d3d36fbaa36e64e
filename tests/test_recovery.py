"""Which runs go back to the generator without the user, and when the user is asked."""

from __future__ import annotations

import pytest
from autogen_agentchat.messages import BaseChatMessage, TextMessage

from agents.answers.reading import read_answer
from agents.events import FAILED_ALIKE, FAILED_TOO, STARTS_OVER, RunResult
from agents.user_proxy_agent import AskUser, SendBack
from sandbox.languages import ALIASES
from teams.missing_program import NO_FILE, NUDGE, NUDGE_IN, PRINT, PRINT_FOR, SEND_CODE, what_to_send_back
from teams.recovery import ALIKE, FIX, MISSING, NO_PROGRAM, SAME, SILENT, TOO, Recovery

EXECUTOR = "CodeExecutorAgent"
CODE = "```python\nprint(1)\n```"
OTHER = "```python\nprint(2)\n```"


def turn(verdict: str, error: str = "", exit_code: int | None = 1, answer: str = CODE) -> list[BaseChatMessage]:
    """Return what the generator and the executor say in one round."""
    return [
        TextMessage(source="CodeGeneratorAgent", content=answer),
        RunResult(source="CodeExecutorAgent", content="…", verdict=verdict, error=error, exit_code=exit_code),
    ]


# Each row: the rounds of one task, how often the generator is asked again before the user is, and why and of what the user is asked.
@pytest.mark.parametrize(
    ("rounds", "sent_back", "because", "ran"),
    [
        ([turn("ok")], 0, "", True),
        ([turn("failed", "ValueError: a"), turn("ok")], 1, "", True),
        ([turn("failed", f"ValueError: {n}") for n in range(9)], 3, "4 attempts failed", True),
        ([turn("failed", "E: a"), turn("failed", "E: a", answer=OTHER), turn("ok")], 2, "", True),
        ([turn("failed", "E: a"), turn("failed", "E: a", answer=OTHER), turn("failed", "E: b"), turn("ok")], 3, "", True),
        ([turn("failed", "E: a"), turn("failed", "E: a", answer=OTHER)] * 2, 2, "the same failure came 3 times in a row", True),
        (
            [*([turn("failed", "E: a"), turn("failed", "E: a", answer=OTHER)]), turn("failed", "E: b"), turn("failed", "E: b")],
            3,
            "the same failure came twice in a row",
            True,
        ),
        ([turn("failed", "E: a")] * 3, 2, "the same failure came 3 times in a row", True),
        ([turn("failed", "E: a"), turn("failed", "E: a"), turn("failed", "E: b"), turn("ok")], 3, "", True),
        ([turn("time"), turn("failed", "ValueError: a"), turn("time")], 2, "it took too long twice", True),
        ([turn("time"), turn("time", answer=OTHER), turn("time")], 2, "the same failure came 3 times in a row", True),
        ([turn("time"), turn("time"), turn("time")], 2, "the same failure came 3 times in a row", True),
        ([turn("time"), turn("time"), turn("failed", "E: a"), turn("time")], 3, "it took too long 3 times", True),
        ([turn("memory"), turn("ok")], 1, "", True),
        (
            [turn("failed", "E: a"), turn("no code", answer="Hm."), turn("no code", answer="Hm.")],
            2,
            "the same failure came twice in a row",
            False,
        ),
        ([turn("no code", answer="Which unit do you mean?")], 0, "", False),
        ([turn("no code", answer="```cobol\nx\n```")], 0, "", False),
        ([turn("no code", answer="```python\n```"), turn("ok")], 1, "", True),
        (
            [turn("no code", answer="```python\n```"), turn("no code", answer="```python\n```")],
            1,
            "the same failure came twice in a row",
            False,
        ),
        ([turn("not run", "x could not be installed")] * 3, 2, "the same failure came 3 times in a row", False),
        ([turn("no code", answer='{"name": "run", "arguments": {}}'), turn("ok")], 1, "", True),
        ([turn("no code", answer="**a.html**\n\n```html\n<p>\n```\n")], 0, "", False),
        ([turn("cancelled")], 0, "", True),
        ([turn("lost")], 0, "", True),
        ([turn("refused")], 0, "", False),
        ([turn("failed", "", 3), turn("failed", "", 4), turn("ok")], 2, "", True),
    ],
)
def test_decisions(rounds: list[list[BaseChatMessage]], sent_back: int, because: str, ran: bool) -> None:
    recovery = Recovery(max_retries=3)
    decisions = []
    for messages in rounds:
        decisions.append(recovery.decide(messages))
        if isinstance(decisions[-1], AskUser):
            break
    asked = decisions[-1]
    assert isinstance(asked, AskUser)
    assert len(decisions) - 1 == sent_back
    assert (asked.because, asked.ran) == (because, ran)
    assert len(asked.tried) == (sent_back + 1 if because else 0)


def test_each_attempt_is_numbered_and_named() -> None:
    recovery = Recovery(max_retries=3)
    assert "send the whole program again" in FIX  # the system message leaves it to this
    assert recovery.decide(turn("failed", "ValueError: a")) == SendBack(FIX, "ValueError: a", 2, 4)
    assert recovery.decide(turn("no code", answer="Hm.")) == SendBack(SEND_CODE, "no program in the answer", 3, 4)
    assert recovery.tried == ["ValueError: a", "no program in the answer"]


def first(answer: str, task: str = "What is 5 times 7?") -> list[BaseChatMessage]:
    """Return a new task with a first answer that holds no program."""
    return [TextMessage(source="user", content=task), *turn("no code", answer=answer, exit_code=None)]


# Each row: a new task, its first answer, and what goes back; "" if the user is asked.
@pytest.mark.parametrize(
    ("task", "answer", "words"),
    [
        ("What is 5 times 7?", "35", NUDGE),
        ("What is 5 times 7?", "The product is:\n\n```text\n35\n```", NUDGE),
        ("What is 5 times 7?", "```swift\nprint(5 * 7)\n```", NUDGE_IN.format(language="Python")),
        ("What is 5 times 7? Use Swift.", "```swift\nprint(5 * 7)\n```", ""),
        ("What is 5 times 7? Use C#.", "```cs\nConsole.WriteLine(5 * 7);\n```", ""),
        ("What is 5 times 7? Use F#.", "```f\nprint *, 5 * 7\n```", NUDGE_IN.format(language="Python")),
        ("Make a web page about bees.", "```html\n<h1>Bees</h1>\n```", ""),
        ("Write a SQL query for all users.", "```sql\nSELECT * FROM users\n```", ""),
        ("Write a Dockerfile for a Flask app.", "```dockerfile\nFROM python\n```", ""),
        ("Write a Dockerfile and how to run it.", "```dockerfile\nFROM python\n```\n\n```text\nit is running\n```", ""),
        ("Write the JSON file ada.json.", '```json\n{"name": "Ada"}\n```', NUDGE_IN.format(language="Python")),
        ("Make a web page about bees.", "**bees.html**\n\n```html\n<h1>Bees</h1>\n```", ""),
        ("What is 5 times 7?", "```python\n35\n```", PRINT_FOR.format(task="What is 5 times 7?")),
        ("What is 5 times 7?", "```python\nprint(5 * 7)", SEND_CODE),
        ("What is 5 times 7?", '{"name": "python", "arguments": {"code": "print(35)"}}', SEND_CODE),
    ],
)
def test_a_new_task_without_a_program_is_asked_once_for_one(task: str, answer: str, words: str) -> None:
    recovery = Recovery(max_retries=3)
    decision = recovery.decide(first(answer, task))
    if not words:
        assert decision == AskUser(ran=False)
        return
    assert decision == SendBack(words, NO_PROGRAM, 2, 4)
    # The second answer is the user's, whatever it holds but a block that was meant to run.
    assert recovery.decide(turn("no code", answer="It is 35, as I said.")) == AskUser(ran=False)


def test_a_first_program_of_which_nothing_comes_is_sent_back_once() -> None:
    silent = ended_without(silent=True)
    task = TextMessage(source="user", content="What is 5 times 7?")
    recovery = Recovery(max_retries=3)
    assert recovery.decide([task, *silent]) == SendBack(PRINT, SILENT, 2, 4)
    assert recovery.decide(ended_without(silent=True, answer=OTHER)) == AskUser()
    assert Recovery(max_retries=3).decide(silent) == AskUser(), "after feedback the user has seen what the program does"
    assert Recovery(max_retries=0).decide([task, *silent]) == AskUser("", (SILENT,))


def test_after_feedback_nobody_asks_for_a_program() -> None:
    recovery = Recovery(max_retries=3)
    assert isinstance(recovery.decide([TextMessage(source="user", content="Print 1."), *turn("ok")]), AskUser)
    assert recovery.decide(turn("no code", answer="It prints 1 because you asked for it.")) == AskUser(ran=False)


def test_a_program_that_fails_after_the_nudge_is_sent_back_like_any_other() -> None:
    recovery = Recovery(max_retries=3)
    assert isinstance(recovery.decide(first("35")), SendBack)
    assert recovery.decide(turn("failed", "E: a")) == SendBack(FIX, "E: a", 3, 4)
    assert recovery.decide(turn("no code", answer="I give up.")) == SendBack(SEND_CODE, NO_PROGRAM, 4, 4)


def test_without_retries_the_user_is_asked_in_place_of_the_nudge() -> None:
    assert Recovery(max_retries=0).decide(first("35")) == AskUser("", (NO_PROGRAM,), ran=False)


def test_only_what_was_meant_to_run_is_sent_back_without_a_task() -> None:
    for text in ("35", "```html\n<p>\n```", "```text\n35\n```", "```markdown\n# x\n```"):
        assert what_to_send_back(read_answer(text, ALIASES), None) == "", text


def failing(code: str, traceback: str = "") -> list[BaseChatMessage]:
    answer = TextMessage(source="CodeGeneratorAgent", content=code)
    return [answer, RunResult(source="CodeExecutorAgent", content=traceback, verdict="failed", error="ZeroDivisionError: division by zero")]


@pytest.mark.parametrize(
    "again",
    ["```python\nx = 0\nprint(1 / x)\n```", "Sorry:\n\n```py\nx = 0  # fixed\n\n\nprint( 1/x )\n```", "x = 0\nprint(1 / x)\n"],
)
def test_the_same_wrong_program_is_sent_back_once_with_what_to_look_at(again: str) -> None:
    recovery = Recovery(max_retries=3)
    traceback = 'Traceback:\n  File "/workspace/program.py", line 2, in <module>\nZeroDivisionError: division by zero'
    first = "```python\nx = 0\nprint(1 / x)\n```"
    assert isinstance(recovery.decide(failing(first)), SendBack)
    decision = recovery.decide(failing(first, traceback))
    assert isinstance(decision, SendBack)
    where = ", at line 2 of program.py, `print(1 / x)`"
    words = SAME.format(failure="ZeroDivisionError: division by zero", where=where, advice="")
    assert words.startswith(STARTS_OVER)
    assert decision == SendBack(words, decision.failure, 3, 4)
    recovery = Recovery(max_retries=3)
    recovery.decide(failing(first))
    decision = recovery.decide(failing(again, "no traceback"))
    assert isinstance(decision, SendBack)
    assert "failed twice:\n" in decision.message  # no place to look at is known
    assert isinstance(recovery.decide(failing(again)), AskUser)


def test_the_place_is_looked_up_in_the_file_that_it_is_in() -> None:
    answer = "**tools.py**\n\n```python\ndef f():\n    return 1 / 0\n```\n**main.py**\n\n```python\nimport tools\nprint(tools.f())\n```\n"
    traceback = '  File "/workspace/main.py", line 2, in <module>\n  File "/workspace/tools.py", line 2, in f\nZeroDivisionError'
    recovery = Recovery(max_retries=3)
    recovery.decide(failing(answer))
    decision = recovery.decide(failing(answer, traceback))
    assert isinstance(decision, SendBack)
    assert "at line 2 of tools.py, `return 1 / 0`" in decision.message


def test_a_changed_program_that_fails_as_before_is_asked_for_afresh_once() -> None:
    recovery = Recovery(max_retries=3)
    traceback = '  File "/workspace/program.py", line 2, in <module>\nZeroDivisionError: division by zero'
    recovery.decide(failing("```python\nx = 0\nprint(1 / x)\n```"))
    decision = recovery.decide(failing("```python\ny = 0\nprint(2 / y)\n```", traceback))
    failure, where = "ZeroDivisionError: division by zero", ", at line 2 of program.py, `print(2 / y)`"
    words = ALIKE.format(failure=failure, where=where, advice="")
    assert words.startswith(FAILED_ALIKE)
    assert "same program" not in words
    assert decision == SendBack(words, failure, 3, 4)
    third = recovery.decide(failing("```python\nz = 0\nprint(3 / z)\n```"))
    assert third == AskUser("the same failure came 3 times in a row", (failure,) * 3)


def test_another_failure_after_starting_over_starts_over_again() -> None:
    recovery = Recovery(max_retries=3)
    recovery.decide(turn("failed", "E: a"))
    assert isinstance(recovery.decide(turn("failed", "E: a")), SendBack)
    words = TOO.format(failure="E: b", where="", advice="")
    assert words.startswith(FAILED_TOO)
    assert recovery.decide(turn("failed", "E: b", answer=OTHER)) == SendBack(words, "E: b", 4, 4)
    assert recovery.decide(turn("failed", "E: c")) == AskUser("4 attempts failed", ("E: a", "E: a", "E: b", "E: c"))


def test_the_reason_why_a_program_shows_nothing_goes_with_the_request() -> None:
    silent = RunResult(source="CodeExecutorAgent", content="", verdict="ok", silent=True, advice=("It starts no test.",))
    task = TextMessage(source="user", content="Test it.")
    decision = Recovery(max_retries=3).decide([task, TextMessage(source="CodeGeneratorAgent", content=CODE), silent])
    assert decision == SendBack(f"{PRINT} It starts no test.", SILENT, 2, 4)


def test_without_a_try_left_the_same_program_is_the_users_to_judge() -> None:
    recovery = Recovery(max_retries=1)
    recovery.decide(failing(CODE))
    assert isinstance(recovery.decide(failing(CODE)), AskUser)


def test_the_count_starts_again_with_the_user() -> None:
    recovery = Recovery(max_retries=1)
    assert isinstance(recovery.decide(turn("failed", "E: a")), SendBack)
    assert recovery.decide(turn("failed", "E: b")) == AskUser("2 attempts failed", ("E: a", "E: b"))
    assert isinstance(recovery.decide(turn("failed", "E: b")), SendBack)
    recovery.start_again()
    assert isinstance(recovery.decide(turn("failed", "E: b")), SendBack)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("ZeroDivisionError: division by zero", "ZeroDivisionError: division by zero"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("mypackage.errors.Broken: no", "mypackage.errors.Broken: no"),
        ("4", "exit code 3; last line: 4"),
        ("", "exit code 3 and no output"),
    ],
)
def test_a_failure_is_told_so_that_it_can_be_understood(error: str, told: str) -> None:
    recovery = Recovery(max_retries=1)
    recovery.decide(turn("failed", error, 3))
    assert recovery.tried == [told]


def test_an_answer_that_was_cut_off_is_told_as_that() -> None:
    decision = Recovery(max_retries=3).decide(turn("no code", "the answer was cut off", None, "```python\nprint(1)"))
    assert decision == SendBack(SEND_CODE, "the answer was cut off", 2, 4)


def test_a_program_that_was_not_run_is_told_with_the_reason() -> None:
    decision = Recovery(max_retries=3).decide(turn("not run", "pyyaml could not be installed", None))
    assert decision == SendBack(FIX, "was not run: pyyaml could not be installed", 2, 4)


def test_zero_always_asks() -> None:
    recovery = Recovery(max_retries=0)
    assert recovery.decide(turn("failed", "E: a")) == AskUser("", ("E: a",))
    assert isinstance(recovery.decide(turn("time")), AskUser)


def test_before_any_run_the_user_is_asked() -> None:
    assert Recovery(max_retries=3).decide([TextMessage(source="user", content="a task")]) == AskUser(ran=False)


def ended_without(*files: str, silent: bool = False, answer: str = CODE, elsewhere: tuple[str, ...] = ()) -> list[BaseChatMessage]:
    """Return a round whose program ended well, but left the files unwritten that the user named, or printed nothing."""
    result = RunResult(source=EXECUTOR, content="…", verdict="ok", exit_code=0, missing=files, elsewhere=elsewhere, silent=silent)
    return [TextMessage(source="CodeGeneratorAgent", content=answer), result]


@pytest.mark.parametrize("silent", [False, True])
def test_a_program_that_leaves_out_the_file_that_was_asked_for_is_sent_back_once(silent: bool) -> None:
    recovery = Recovery(max_retries=3)
    words = NO_FILE.format(fact="a.txt and a.zip are not there", files="a.txt and a.zip")
    assert recovery.decide(ended_without("a.txt", "a.zip", silent=silent)) == SendBack(words, MISSING, 2, 4)
    assert recovery.decide(ended_without("a.txt", "a.zip", answer=OTHER)) == AskUser()
    recovery.start_again()
    assert isinstance(recovery.decide(ended_without("b.png")), SendBack)


# Each row: a round that ends well without what was asked for, and how that is said when the same program comes again.
@pytest.mark.parametrize(
    ("messages", "said"),
    [
        (ended_without("a.txt"), "a.txt is not there."),
        (ended_without("a.txt", elsewhere=("out/a.txt",)), "a.txt is not there, but out/a.txt is."),
        (ended_without("a.txt", "b.txt", elsewhere=("o/a.txt", "o/b.txt")), "a.txt and b.txt are not there, but o/a.txt and o/b.txt are."),
        (ended_without("a.txt", silent=True), "a.txt is not there."),
        (ended_without(silent=True), SILENT),
    ],
)
def test_the_same_program_that_again_leaves_out_what_was_asked_for_is_asked_for_afresh_once(
    messages: list[BaseChatMessage], said: str
) -> None:
    recovery = Recovery(max_retries=3)
    task = TextMessage(source="user", content="Write it.")
    assert isinstance(recovery.decide([task, *messages]), SendBack)
    decision = recovery.decide(messages)
    assert isinstance(decision, SendBack)
    assert (decision.message, decision.attempt) == (SAME.format(failure=said, where="", advice=""), 3)
    assert recovery.decide(messages) == AskUser()


def test_a_missing_file_is_no_failure_once_the_attempts_are_used_up() -> None:
    assert Recovery(max_retries=0).decide(ended_without("a.txt")) == AskUser()


def test_an_answer_whose_files_were_stored_is_the_users() -> None:
    stored = RunResult(source="CodeExecutorAgent", content="…", verdict="no code", stored=True)
    answer = TextMessage(source="CodeGeneratorAgent", content='```json\n{"a": 1}\n```')
    task = TextMessage(source="user", content="Write a.json.")
    assert Recovery(max_retries=3).decide([task, answer, stored]) == AskUser(ran=False, stored=True)
    unstored = stored.model_copy(update={"stored": False})  # the same without: it is asked for a program
    assert isinstance(Recovery(max_retries=3).decide([task, answer, unstored]), SendBack)


def test_what_is_known_about_the_failure_goes_with_the_program_that_came_twice() -> None:
    recovery = Recovery(max_retries=3)
    answer, result = failing(CODE)
    known = [answer, result.model_copy(update={"advice": ("Use a list.",)})]
    recovery.decide(known)
    decision = recovery.decide(known)
    assert isinstance(decision, SendBack)
    assert "\nUse a list.\nWrite it differently." in decision.message
