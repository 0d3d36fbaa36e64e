"""What a user sees and types, on a pseudo-terminal rendered by a terminal emulator: the whole program in a real container."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from cli.slash import command_table
from tests import golden
from tests.endpoint import Answer, ModelEndpoint, Script, busy
from tests.fakes import program
from tests.program import model_environment
from tests.terminal import CTRL_C, CTRL_D, Terminal, program_environment
from tests.views import CONTRACT, QUESTION, assert_palette

pytestmark = pytest.mark.engine

ALT_ENTER, UP, TAB = "\x1b\r", "\x1b[A", "\t"
PROSE = "This needs no program."
# Half of it is slack for a machine that has other things to do.
PROMPT_BACK = 2.0


def session(endpoint: ModelEndpoint, folder: Path, *arguments: str, columns: int = 80, rows: int = 40, **environment: str) -> Terminal:
    return Terminal(arguments, model_environment(endpoint, **environment), folder, columns=columns, rows=rows)


def prompts(terminal: Terminal) -> int:
    """Count the prompts on the screen and above it, answered or not."""
    return sum(line.startswith("›") for line in terminal.text().split("\n"))


def wait_for_prompts(terminal: Terminal, number: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while prompts(terminal) < number:
        assert time.monotonic() < deadline, terminal.text()
        terminal.pump(0.02)


def rendered(terminal: Terminal) -> list[str]:
    """Return what is on the screen and above it; how long things took and when they began is left out."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "20260101-000000-0000", terminal.text())
    text = re.sub(r"resume [0-9a-f]{4}\b", "resume 0000", text)
    return re.sub(r"(in|after) [\d.]+ s", r"\1 0.1 s", text).split("\n")


# The demo


@pytest.mark.parametrize("columns", golden.WIDTHS)
def test_the_demo_shows_each_row_once_and_whole(columns: int, tmp_path: Path) -> None:
    with Terminal(["--demo"], program_environment(), tmp_path, columns=columns, rows=24) as terminal:
        terminal.wait_for("› Write a Python function")
        for question in range(7):
            wait_for_prompts(terminal, question + 1)
            terminal.wait_for_prompt()
            if columns > 60:  # there is no room for it in a narrow window
                terminal.wait_for("(Enter takes it)")
            terminal.line("")
        assert terminal.wait_for_exit() == 0
        golden.check("demo", columns, rendered(terminal))
    assert_palette(terminal.bytes.decode())


def test_a_step_that_is_stopped_leaves_the_demo_in_its_scene(tmp_path: Path) -> None:
    with Terminal(["--demo"], program_environment(), tmp_path, columns=100, rows=40) as terminal:
        terminal.wait_for("› Write a Python function")
        terminal.wait_for_prompt()
        terminal.line("")
        terminal.wait_for("CodeGeneratorAgent")
        terminal.type(CTRL_C)
        terminal.wait_for("Stopped. The conversation is kept.")
        terminal.wait_for("› Write a Python function", times=2)
        terminal.wait_for_prompt()
        terminal.line("/retry")
        terminal.wait_for("› APPROVE  (Enter takes it)")
        terminal.wait_for_prompt()
        terminal.line("")
        terminal.wait_for("› Print the average")
        terminal.wait_for_prompt()
        terminal.line("/retry")
        terminal.wait_for("nothing to retry")
        terminal.wait_for("› Print the average")
        terminal.wait_for_prompt()
        terminal.type(CTRL_D)
        assert terminal.wait_for_exit() == 0
        assert re.search(r"python main.py resume \w+ --demo", terminal.text())


# Answers


def tall_program() -> str:
    return "\n".join([*(f"value_{number:03} = '{'x' * (number % 30)}'" for number in range(120)), "print(value_119)"]) + "\n"


def code_rows(rows: list[str]) -> list[str]:
    edges = [number for number, row in enumerate(rows) if row.startswith(("╭─", "╰─"))]
    return rows[edges[0] + 1 : edges[1]]


def test_an_answer_taller_than_the_window_is_whole_while_the_window_changes(tmp_path: Path) -> None:
    code = tall_program()
    answer = Answer(program(code.rstrip("\n")), piece=40, delay=0.01)
    with ModelEndpoint([answer]) as endpoint, session(endpoint, tmp_path, columns=60, rows=12) as terminal:
        terminal.wait_for_prompt()
        terminal.line("count")
        for seen, columns in (("value_020", 90), ("value_050", 200), ("value_080", 60)):
            terminal.wait_for(seen)
            terminal.resize(columns, 12)
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        rows = rendered(terminal)
        assert code_rows(rows) == code.rstrip("\n").split("\n")
        assert "│ " + "x" * 29 in rows
        leave(terminal)
    assert not re.search(r"Ctrl-C to stop|running \d", "\n".join(rows))
    assert_palette(terminal.bytes.decode())


def leave(terminal: Terminal) -> None:
    terminal.type(CTRL_D)
    assert terminal.wait_for_exit() == 0


WIDE = "日本語の説明はとても長いので、どこかで折り返されます。絵文字👍も、cafe\u0301も、한국어도 있습니다。"


def joined(rows: list[str]) -> str:
    return re.sub(r"\s", "", "".join(rows))


@pytest.mark.parametrize("columns", [60, 61])
def test_wide_characters_are_whole_in_prose_code_and_output(columns: int, tmp_path: Path) -> None:
    code = f"# {WIDE * 2}\nprint('{WIDE * 2}')\nprint('\\x1b[2J\\x1b]0;title\\x07', end='')"
    answer = Answer(f"{WIDE * 3}\n\n```python\n{code}\n```\n", piece=5)
    with ModelEndpoint([answer]) as endpoint, session(endpoint, tmp_path, columns=columns) as terminal:
        terminal.wait_for_prompt()
        terminal.line("count")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        rows = terminal.text().split("\n")
        leave(terminal)
    prose, output = (joined([row[1:] for row in rows if row.startswith(mark)]) for mark in "▏│")
    whole = joined([WIDE]).replace("e\u0301", "é")
    assert prose == whole * 3
    assert joined(rows).count(f"#{whole * 2}") == 1
    assert output == rf"{whole * 2}\x1b[2J\x1b]0;title\x07"
    assert b"\x1b]0;" not in terminal.bytes


# What is typed


def test_long_tasks_new_lines_history_and_completion(tmp_path: Path) -> None:
    pasted = "\n".join(f"line {number:03} {'x' * 50}" for number in range(300))
    with ModelEndpoint([PROSE], repeat=True) as endpoint:
        with session(endpoint, tmp_path, rows=24) as terminal:
            terminal.wait_for_prompt()
            for chunk in re.findall(r"(?s).{1,400}", f"\x1b[200~{pasted}\x1b[201~"):
                terminal.type(chunk)
                terminal.pump(0)  # both sides of a terminal wait for each other if nobody reads
            terminal.wait_for("line 299")
            terminal.line("")
            terminal.wait_for(QUESTION)
            terminal.wait_for_prompt()
            assert endpoint.requests[0].texts[1] == pasted
            terminal.line(f"first row{ALT_ENTER}second row")
            terminal.wait_for(QUESTION, times=2)
            terminal.wait_for_prompt()
            assert "first row\nsecond row" in endpoint.requests[-1].texts
            assert "\n  second row" in terminal.text()  # below the text of the first, not below the prompt's mark
            terminal.type("/hel")
            terminal.wait_for("show this help")  # the menu
            terminal.type(TAB)
            terminal.wait_for("› /help")
            terminal.line("")
            terminal.wait_for(dict(command_table())["/exit"])
            terminal.wait_for_prompt()
            terminal.type(CTRL_D)
            assert terminal.wait_for_exit() == 0
        with session(endpoint, tmp_path) as terminal:
            terminal.wait_for_prompt()
            time.sleep(0.3)  # the history is read in a thread
            terminal.type(UP)
            terminal.wait_for("› /help")
            terminal.type(UP)
            terminal.wait_for("second row")
            terminal.line(" again")
            terminal.wait_for(QUESTION)
            terminal.wait_for_prompt()
            assert endpoint.requests[-1].texts[1] == "first row\nsecond row again"


SLOW = "import time\nfor number in range(8):\n    print('line', number, flush=True)\n    time.sleep(0.2)"


def test_typing_while_a_program_runs_neither_garbles_nor_answers(tmp_path: Path) -> None:
    with ModelEndpoint([program(SLOW)]) as endpoint, session(endpoint, tmp_path, columns=60) as terminal:
        terminal.wait_for_prompt()
        terminal.line("count")
        terminal.wait_for("│ line 1")
        terminal.type("\rAPPROVE\r\rx" * 3)
        terminal.wait_for(QUESTION)
        wait_for_prompts(terminal, 2)
        time.sleep(0.2)
        terminal.pump(0.1)
        rows = rendered(terminal)
        began = rows.index("CodeExecutorAgent · python · limit 60 s")
        assert rows[began + 1 : began + 9] == [f"│ line {number}" for number in range(8)]
        assert rows[began + 9].startswith("✔ Finished in ")
        assert "User approves" not in terminal.text()
        assert terminal.process.poll() is None


# Ctrl-C

COPY = "for n in range(6):\n    open(f'{n}.bin', 'wb').write(bytes(60_000_000))\nprint('written')"


def test_ctrl_c_leads_back_to_a_prompt_that_works(tmp_path: Path) -> None:
    slow = Answer(PROSE + " It goes on." * 200, delay=0.2)
    took: dict[str, float] = {}
    answers: list[Script] = [busy("30"), slow, program(SLOW), program(COPY), program("print(1)")]
    with ModelEndpoint(answers) as endpoint, session(endpoint, tmp_path) as terminal:
        terminal.wait_for_prompt()
        terminal.type("half a task")
        terminal.wait_for("half a task")
        took["prompt"] = seconds_to_new_prompt(terminal)
        for where, sign in {
            "retry wait": "Trying again in 30 s",
            "streaming": "needs no",
            "program": "│ line 1",
            "file copy": "✔ Finished",
        }.items():
            terminal.line(f"task for {where}")
            terminal.wait_for(sign)
            took[where] = seconds_to_new_prompt(terminal)
        # The positive control: a step that had ended would have left no step to stop, but the question.
        assert terminal.text().count("/retry.") == 4
        terminal.line("the last task")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        assert "the last task" in endpoint.requests[-1].texts
    assert {where: seconds for where, seconds in took.items() if seconds > PROMPT_BACK} == {}, took
    print("Ctrl-C to prompt, seconds:", {where: round(seconds, 2) for where, seconds in took.items()})


def seconds_to_new_prompt(terminal: Terminal) -> float:
    before = prompts(terminal)
    began = time.monotonic()
    terminal.type(CTRL_C)
    wait_for_prompts(terminal, before + 1)
    terminal.wait_for_prompt()
    return time.monotonic() - began


def test_a_terminal_without_control_codes_is_usable_too(tmp_path: Path) -> None:
    with (
        ModelEndpoint([program(SLOW), program("print(1)")]) as endpoint,
        Terminal([], {**model_environment(endpoint), "TERM": "dumb"}, tmp_path) as terminal,
    ):
        wait_for_prompts(terminal, 1)
        terminal.line("count")
        terminal.wait_for("│ line 1")
        assert seconds_to_new_prompt(terminal) < PROMPT_BACK
        terminal.line("/hlep")
        terminal.wait_for("Did you mean /help?")
        terminal.line("again")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        terminal.line("STOP")
        terminal.wait_for("\nStopped.", times=2)
        terminal.type(CTRL_C)
        terminal.wait_for("again to quit")
        terminal.type(CTRL_C)
        assert terminal.wait_for_exit() == 130
    # The terminal itself echoes what is typed, Ctrl-C too, and turns each line's end into two characters.
    allowed = "\r\n\x03\b"
    assert [character for character in terminal.bytes.decode() if not character.isprintable() and character not in allowed] == []


@pytest.mark.parametrize("way", ["NO_COLOR", "--no-color"])
def test_without_colours_everything_else_is_there(way: str, tmp_path: Path) -> None:
    environment = {} if way.startswith("--") else {way: "1"}
    with (
        ModelEndpoint([program("print('done')")]) as endpoint,
        Terminal([way] if way.startswith("--") else [], {**model_environment(endpoint), **environment}, tmp_path) as terminal,
    ):
        terminal.wait_for_prompt()
        terminal.line("count")
        terminal.wait_for("│ done")
        terminal.wait_for(QUESTION)
        terminal.wait_for_prompt()
        leave(terminal)
    styles = set(re.findall(r"\x1b\[([0-9;]*)m", terminal.bytes.decode()))
    assert "1" in styles
    assert not [style for style in styles if re.search(r"(?<!\d)(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?!\d)", style)]


# Slash commands and the gate


def test_the_commands_in_a_terminal(tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\n[ "$1" = --wait ] && sed -i "s/one/two/" "$2"\n')
    editor.chmod(0o700)
    answers: list[Script] = [program("open('kept.txt', 'w').write('x')\nprint('one')"), program("print('three')")]
    with (
        ModelEndpoint(answers) as endpoint,
        session(endpoint, tmp_path, EDITOR=f"{editor} --wait", MODEL_PRICE_IN="1", MODEL_PRICE_OUT="2") as terminal,
    ):

        def typed(line: str, answer: str) -> None:
            terminal.wait_for_prompt()
            before = terminal.text().count(answer)
            terminal.line(line)
            terminal.wait_for(answer, times=before + 1)

        # At the first prompt, where the session may still be opening.
        typed("/code", "There is no program yet.")
        typed("/retry", "nothing to retry")
        typed("/hlep", "Did you mean /help?")
        typed("STOP", "There is no task to STOP yet.")
        typed("count", QUESTION)
        typed("/code", "print('one')")
        typed("/run", "✔ Finished")
        typed("/files", "kept.txt (1 byte)")
        typed("/cost", "$0.0000")
        typed("/save kept.py", "Saved as kept.py.")
        typed("/save kept.py", "Not saved as kept.py: File exists.")
        typed("/edit", "with your next message.")
        typed("/diff", "+print('two')")
        typed("/confirm on", "asked before each run.")
        typed("now three", CONTRACT)
        typed("APPROVE", "APPROVE is for the result.")
        typed("", QUESTION)
        typed("/stop", "Stopped.")
        typed("/new", "A fresh conversation.")
        terminal.wait_for_prompt()
        terminal.line("/exit")
        assert terminal.wait_for_exit() == 0
    assert "│ two" in terminal.text()
    assert "print('two')" in endpoint.requests[1].texts[-1]
    assert (tmp_path / "kept.py").read_text().endswith("print('one')\n")
