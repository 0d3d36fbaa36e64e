"""Gives the tasks to this program and to the plain AutoGen program, with the same model, and counts what comes out right.

`python -m tests.outcome.bench --url http://127.0.0.1:8080/v1 --model NAME`; --help lists the rest. The transcripts are kept, one folder a
task.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from agents.answers.reading import read_answer
from sandbox.languages import ALIASES
from tests.asking import KEY
from tests.conftest import IMAGE
from tests.network import certificates
from tests.outcome.checks import Result, Task
from tests.outcome.relay import Exchange, Relay
from tests.outcome.tasks import TASKS
from tests.terminal import ROOT, program_environment

HALVES = {"tuned": TASKS[::2], "reported": TASKS[1::2], "both": TASKS}
OURS, PLAIN = "this program", "plain AutoGen"
_MOST_FILE = 4 * 1024**2  # bytes of a file that are looked at


@dataclass(frozen=True)
class Outcome:
    """What became of one task with one of the programs."""

    task: str
    program: str
    right: bool
    first: bool
    """Whether the first answer held a program that can be run."""
    calls: int
    attempts: int
    """Answers that held a program."""
    tokens: int
    seconds: float


def main() -> int:
    """Run what the command line asks for and print the table."""
    options = _options()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="outcome-")).resolve()
    programs = [PLAIN, OURS] if options.program == "both" else [{"ours": OURS, "plain": PLAIN}[options.program]]
    tasks = [task for task in HALVES[options.half] if not options.task or task.name in options.task]
    authorities = folder / "authorities.pem"
    folder.mkdir(parents=True, exist_ok=True)
    authorities.write_bytes(certificates())
    print(f"transcripts: {folder}\n", flush=True)

    def work(job: tuple[Task, str]) -> Outcome:
        task, program = job
        return measure(task, program, options, folder / task.name.replace(" ", "-") / program.replace(" ", "-"), authorities)

    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        for outcome in pool.map(work, [(task, program) for task in tasks for program in programs]):
            outcomes.append(outcome)
            print(f"{'right' if outcome.right else 'WRONG':<6}{outcome.program:<15}{outcome.seconds:>7.1f} s  {outcome.task}", flush=True)
    print_table(outcomes, programs)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.outcome.bench", description=__doc__)
    parser.add_argument("--url", required=True, help="address of an OpenAI-compatible server, with /v1 if it has one")
    parser.add_argument("--model", default="local", help="name of the model there")
    parser.add_argument("--half", choices=HALVES, default="reported", help="tuned: even tasks; reported: odd tasks, never used for tuning")
    parser.add_argument("--program", choices=("both", "ours", "plain"), default="both")
    parser.add_argument("--task", action="append", help="only the task of this name (repeatable)")
    parser.add_argument("--jobs", type=int, default=1, help="tasks that run side by side")
    parser.add_argument("--limit", type=float, default=900, help="seconds that one task may take")
    parser.add_argument("--folder", help="where the transcripts are kept; by default a new folder for temporary files")
    return parser.parse_args()


def measure(task: Task, program: str, options: argparse.Namespace, folder: Path, authorities: Path) -> Outcome:
    """Give one task to one program and judge what it leaves behind; the transcript is in the folder."""
    work = folder / "work"
    work.mkdir(parents=True)
    command = _ours(task) if program == OURS else _plain(task, options.model, work)
    typed = "".join(f"{line}\n" for line in (task.text, task.feedback, "APPROVE")) if task.feedback and program == OURS else ""
    began = time.monotonic()
    with Relay(options.url) as relay, (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        environment = program_environment(
            OPENAI_API_KEY=os.environ.get("OPENAI_API_KEY", KEY),
            OPENAI_BASE_URL=relay.url,
            MODEL=options.model,
            MODEL_TIMEOUT="900",
            SANDBOX_IMAGE=IMAGE,
            WORKSPACE=str(work),
            **({"SANDBOX_CA_BUNDLE": str(authorities)} if authorities.stat().st_size else {}),
        )
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err, env=environment, cwd=ROOT)
        try:
            process.communicate(typed.encode(), timeout=options.limit)
        except subprocess.TimeoutExpired:
            process.terminate()  # both remove their containers
            process.wait(60)
    seconds = time.monotonic() - began
    if not relay.exchanges:
        said = (folder / "err.txt").read_text("utf-8", "replace").strip()
        raise SystemExit(f"error: {program} did not ask the model about the task {task.name!r} (status {process.returncode}): {said}")
    result = _our_result(task, folder, process.returncode) if program == OURS else _plain_result(work)
    answers = [exchange for exchange in relay.exchanges if exchange.status == 200]
    outcome = Outcome(
        task=task.name,
        program=program,
        right=result is not None and task.is_right(result),
        first=bool(answers) and _holds_program(answers[0]),
        calls=len(relay.exchanges),
        attempts=sum(map(_holds_program, answers)),
        tokens=sum(each.prompt_tokens + each.completion_tokens for each in answers),
        seconds=round(seconds, 1),
    )
    told = {**asdict(outcome), "text": task.text, "feedback": task.feedback, "exchanges": [asdict(each) for each in relay.exchanges]}
    (folder / "outcome.json").write_text(json.dumps(told, indent=1, ensure_ascii=False), "utf-8")
    return outcome


def _holds_program(exchange: Exchange) -> bool:
    answer = read_answer(exchange.answer, ALIASES)
    return bool(answer.blocks) and not answer.cut


def _ours(task: Task) -> list[str]:
    main = [sys.executable, str(ROOT / "main.py")]
    return main if task.feedback else [*main, "run", "--events", task.text]


def _plain(task: Task, model: str, work: Path) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", "tests.outcome.plain", model, str(work), task.text, *filter(None, [task.feedback])]


def _our_result(task: Task, folder: Path, status: int) -> Result | None:
    """Return what was approved: the output of the last answer's programs, and the files of the session; None if nothing was."""
    if status != 0:
        return None
    files = {}
    for session in (folder / "work" / "sessions").glob("*/"):
        files.update(_files(session))
    text = (folder / "out.txt").read_text("utf-8")
    if task.feedback:
        return Result(text, files)
    output = ""
    for line in text.splitlines():
        event = json.loads(line)
        if event["type"] == "ProgramStarted" and event["number"] == 1:  # of a new answer, or again with its packages
            output = ""
        elif event["type"] == "ProgramOutput":
            output += event["content"]
    return Result(output, files)


def _plain_result(work: Path) -> Result | None:
    said = work.with_suffix(".txt")
    return Result(said.read_text("utf-8"), _files(work)) if said.is_file() else None


def _files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size <= _MOST_FILE]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def print_table(outcomes: Sequence[Outcome], programs: Sequence[str]) -> None:
    """Print a table for each half, one column for each program."""
    for half in ("tuned", "reported"):
        names = {task.name for task in HALVES[half]}
        columns = {program: [each for each in outcomes if each.program == program and each.task in names] for program in programs}
        if not all(columns.values()):
            continue
        print(f"\n{f'The {half} half':<32}" + "".join(f"{program:>16}" for program in programs))
        for label, name in (("tasks right", "right"), ("first answers with a program", "first")):
            _print_row(label, [f"{sum(getattr(each, name) for each in column)} of {len(column)}" for column in columns.values()])
        for name in ("calls", "attempts", "tokens", "seconds"):
            means = [sum(getattr(each, name) for each in column) / len(column) for column in columns.values()]
            _print_row(f"{name}, a task", [f"{mean:.1f}" for mean in means])
        for program, column in columns.items():
            print(f"wrong with {program}: {', '.join(each.task for each in column if not each.right) or 'none'}")


def _print_row(label: str, values: Sequence[str]) -> None:
    print(f"{label:<32}" + "".join(f"{value:>16}" for value in values))


if __name__ == "__main__":
    sys.exit(main())
