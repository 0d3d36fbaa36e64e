"""Measures this program beside a plain AutoGen program, and its sandbox beside the raw engine, in one run: `python -m tests.bench`.

Every figure is the median of several runs that take turns, so that a busy moment of the machine falls on all of them.
"""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor

from sandbox.docker_executor import SandboxExecutor
from tests import bench_context, bench_session
from tests.conftest import IMAGE
from tests.endpoint import ModelEndpoint
from tests.program import CLOSING_LINES, FACTORIAL, TASK, model_environment, run_piped
from tests.terminal import CTRL_D, Terminal

WHOLE_RUNS = 3  # the plain program takes more than ten seconds
PROGRAM_RUNS = 15
CONTAINERS = 5
TYPING = 2.0  # seconds that a person needs for the task; not counted
LONGEST = 60.0  # seconds before a step is given up
TARGET = 5.0  # how many times quicker the whole run has to be

# What the documentation of AutoGen suggests: stock parts, the default options.
PLAIN = f"""
import asyncio
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.ui import Console
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient

async def main():
    model = ReplayChatCompletionClient([{FACTORIAL!r}])
    task = input("Task: ")
    async with DockerCommandLineCodeExecutor(image={IMAGE!r}, work_dir="work") as executor:
        generator = AssistantAgent("CodeGeneratorAgent", model)
        runner = CodeExecutorAgent("CodeExecutorAgent", executor)
        person = UserProxyAgent("UserProxyAgent", input_func=input)
        words = TextMentionTermination("APPROVE") | TextMentionTermination("STOP")
        await Console(RoundRobinGroupChat([generator, runner, person], termination_condition=words).run_stream(task=task))

asyncio.run(main())
"""
PROGRAM = "\n".join(
    [
        "import json, math, random, statistics",
        "random.seed(1)",
        "rows = []",
        "for number in range(1, 11):",
        "    rows.append({",
        "        'number': number,",
        "        'square': number ** 2,",
        "        'root': round(math.sqrt(number), 3),",
        "        'factorial': math.factorial(number),",
        "    })",
        "",
        "def mean(key):",
        "    return statistics.mean(row[key] for row in rows)",
        "",
        "for key in ('square', 'root', 'factorial'):",
        "    print(key, round(mean(key), 2))",
        "",
        "print(json.dumps(rows[-1]))",
        "choice = random.choice(rows)",
        "print('one of them:', choice['number'])",
    ]
)

BLOCK = CodeBlock(code=PROGRAM, language="python")
Times = dict[str, list[float]]


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that the work takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


async def timed_async(work: Awaitable[object]) -> float:
    """Return the seconds that the work takes."""
    began = time.monotonic()
    await work
    return time.monotonic() - began


# --- The whole program ------------------------------------------------------------------------------------------------------------


class Plain:
    """The plain program as a process, whose output is read as it comes."""

    def __init__(self, folder: Path) -> None:
        self.seen = b""
        self.began = time.monotonic()
        command = [sys.executable, "-u", "-W", "ignore", "-c", PLAIN]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, cwd=folder)

    def wait_for(self, text: str) -> float:
        """Return when the text had been printed."""
        assert self.process.stdout is not None
        until = time.monotonic() + LONGEST
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self.process.stdout], [], [], 0.1)
            piece = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            self.seen += piece
            if time.monotonic() > until or (ready and not piece):
                raise SystemExit(f"the plain program never said {text!r}:\n{self.seen.decode()[-2000:]}")
        return time.monotonic()

    def type(self, text: str) -> float:
        """Return when the text was typed."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        return time.monotonic()


def measure_plain(folder: Path, times: Times) -> None:
    """Run the plain program once, typing when it asks."""
    plain = Plain(folder)
    try:
        prompt = plain.wait_for("Task: ")
        time.sleep(TYPING)
        typed = plain.type(f"{TASK}\n")
        result = plain.wait_for("factorial(5) = 120")
        plain.wait_for("Enter your response: ")
        approved = plain.type("APPROVE\n")
        plain.process.communicate(timeout=LONGEST)
        ended = time.monotonic()
    finally:
        plain.process.kill()
        plain.process.wait()
    times["start to prompt"].append(prompt - plain.began)
    times["task to result"].append(result - typed)
    times["quit"].append(ended - approved)
    times["whole run"].append(ended - plain.began - (typed - prompt))


def measure_ours(folder: Path, times: Times) -> None:
    """Run this program twice: in a terminal, typing when it asks, and over a pipe for the whole run."""
    with ModelEndpoint([FACTORIAL]) as endpoint, Terminal([], model_environment(endpoint, SANDBOX_IMAGE=IMAGE), folder) as terminal:
        terminal.wait_for_prompt()
        times["start to prompt"].append(time.monotonic() - terminal.started)
        until = time.monotonic() + TYPING
        while time.monotonic() < until:
            terminal.pump(0.1)
        typed = time.monotonic()
        terminal.line(TASK)
        terminal.wait_for("│ factorial(5) = 120")
        times["task to result"].append(time.monotonic() - typed)
        terminal.wait_for_prompt()
        terminal.line("APPROVE")
        terminal.wait_for(CLOSING_LINES[-1])
        terminal.wait_for_prompt()
        terminal.type(CTRL_D)
        times["quit"].append(timed(terminal.wait_for_exit))
    with ModelEndpoint([FACTORIAL]) as endpoint:
        done = run_piped(f"{TASK}\nAPPROVE\n", [], model_environment(endpoint, SANDBOX_IMAGE=IMAGE), folder)
    assert done.status == 0, done
    times["whole run"].append(done.seconds)


def compare_programs() -> bool:
    """Print the whole program beside the plain one; return whether the target is met."""
    plain, ours, bare = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        for _ in range(WHOLE_RUNS):
            measure_ours(folder, ours)
            measure_plain(folder, plain)
            measure_ours(folder, ours)
            bare.append(timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)))
    print(f"One task, an instant model, APPROVE (medians of {WHOLE_RUNS} and {2 * WHOLE_RUNS}, seconds; typing not counted)\n")
    print(f"{'':<18}{'plain AutoGen':>15}{'this program':>15}{'ratio':>9}")
    for step in ("start to prompt", "task to result", "quit", "whole run"):
        theirs, own = statistics.median(plain[step]), statistics.median(ours[step])
        print(f"{step:<18}{theirs:>15.2f}{own:>15.2f}{theirs / own:>8.1f}x")
    ratio = statistics.median(plain["whole run"]) / statistics.median(ours["whole run"])
    print(f"\nThe bare interpreter starts in {statistics.median(bare):.2f} s.")
    print(f"Target: the whole run at least {TARGET:g} times quicker: {'met' if ratio >= TARGET else 'NOT met'} ({ratio:.1f}).\n")
    return ratio >= TARGET


# --- The sandbox ------------------------------------------------------------------------------------------------------------------


class RawContainer:
    """A container by the `docker` command alone, with the engine's defaults."""

    async def start(self) -> None:
        self._name = f"bench-{uuid.uuid4().hex[:12]}"
        self._docker("run", "--detach", "--rm", "--name", self._name, "--entrypoint", "sleep", IMAGE, "600")

    async def run(self) -> None:
        self._docker("exec", "--interactive", self._name, "python3", "-", text=PROGRAM)

    async def stop(self) -> None:
        self._docker("rm", "--force", self._name)

    def _docker(self, *arguments: str, text: str = "") -> None:
        subprocess.run(["docker", *arguments], input=text.encode(), check=True, capture_output=True, timeout=60)


class StockContainer:
    """AutoGen's executor as shipped."""

    def __init__(self, folder: Path) -> None:
        self._executor: CodeExecutor = DockerCommandLineCodeExecutor(image=IMAGE, work_dir=folder)
        self.start, self.stop = self._executor.start, self._executor.stop

    async def run(self) -> None:
        assert (await self._executor.execute_code_blocks([BLOCK], CancellationToken())).exit_code == 0


class OurContainer:
    """Our executor; `run` ends with the program's result, before its files are looked for."""

    def __init__(self, folder: Path) -> None:
        self._executor = SandboxExecutor(IMAGE, work_dir=folder)
        self.start, self.stop = self._executor.start, self._executor.stop

    async def run(self) -> None:
        assert (await self._executor.sandbox.run_block(BLOCK, CancellationToken())).exit_code == 0

    async def collect(self) -> None:
        await self._executor.sandbox.collect_files()


Container = RawContainer | StockContainer | OurContainer


async def measure_lives(make: Callable[[], Container], count: int, starts: list[float], stops: list[float]) -> None:
    """Start and stop so many containers."""
    for _ in range(count):
        container = make()
        starts.append(await timed_async(container.start()))
        stops.append(await timed_async(container.stop()))


async def measure_runs(containers: dict[str, Container], times: Times) -> None:
    """Run the program in each container in turn; the first round warms them and is not counted."""
    try:
        for container in containers.values():
            await container.start()
        for number in range(PROGRAM_RUNS + 1):
            for name, container in containers.items():
                seconds = await timed_async(container.run())
                files = await timed_async(container.collect()) if isinstance(container, OurContainer) else 0.0
                if number:
                    times[name].append(seconds)
                    times["its files"] += [files] if files else []
    finally:
        for container in containers.values():
            await container.stop()


async def compare_sandboxes() -> None:
    """Print a warm run, a start and a stop of our sandbox beside the stock executor's and the raw engine's."""
    runs, starts, stops = (defaultdict[str, list[float]](list) for _ in range(3))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        makers: dict[str, Callable[[], Container]] = {
            "raw docker command": RawContainer,
            "stock executor": lambda: StockContainer(folder),
            "this sandbox": lambda: OurContainer(folder),
        }
        if shutil.which("docker") is None:
            del makers["raw docker command"]
        for who, make in makers.items():
            # The stock executor takes ten seconds to stop.
            await measure_lives(make, 1 if who == "stock executor" else CONTAINERS, starts[who], stops[who])
        await measure_runs({who: make() for who, make in makers.items()}, runs)
    print(f"A program of {len(PROGRAM.splitlines())} lines in a warm container, and the container (medians, milliseconds)\n")
    print(f"{'':<20}{'run':>8}{'start':>8}{'stop':>8}")
    for who in makers:
        print(f"{who:<20}" + "".join(f"{1000 * statistics.median(part[who]):>8.0f}" for part in (runs, starts, stops)))
    print(
        f"\nLooking for files afterwards, while the result is on the screen already: {1000 * statistics.median(runs['its files']):.0f} ms."
    )


def main() -> int:
    """Compare both, and return 1 where the target is not met."""
    warnings.simplefilter("ignore")
    met = compare_programs()
    asyncio.run(compare_sandboxes())
    print(f"\n{bench_session.report(asyncio.run(bench_session.measure()), bench_session.TASKS)}")
    print(f"\n{bench_context.report(asyncio.run(bench_context.measure_plain()), asyncio.run(bench_context.measure_ours()))}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
