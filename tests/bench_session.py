"""What a task costs in a session of many, at its beginning and at its end: `python -m tests.bench_session [TASKS]`.

A whole team asks an endpoint on loopback; each task has one program, one result and one APPROVE. Tokens are those of the requests, at four
characters each; seconds are those of the processor, which other processes do not disturb.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass

from tests.fakes import program, ran, team_of

TASKS = 300
WINDOW = 20  # tasks that are compared
OUTPUT = "".join(f"row {number}: {number * 37 % 101}\n" for number in range(60))


@dataclass(frozen=True)
class Cost:
    """What a task of some range cost, on average."""

    tokens: float
    seconds: float  # of the processor
    messages: float  # in its request


@dataclass(frozen=True)
class Growth:
    """What a task cost after the first WINDOW tasks, and at the end."""

    early: Cost
    late: Cost

    @property
    def tokens(self) -> float:
        """How many times as many tokens a task takes at the end."""
        return self.late.tokens / self.early.tokens

    @property
    def seconds(self) -> float:
        """How many times as long a task takes at the end."""
        return self.late.seconds / self.early.seconds


def task(number: int) -> str:
    return f"Task {number}: read what station {number} measured, leave out what is damaged, and print a table of {number % 9 + 2} columns."


def answer(number: int) -> str:
    return f"This is for task {number}.\n\n" + program("\n".join(f"print({number}, {line})" for line in range(40)))


async def measure(tasks: int = TASKS) -> Growth:
    """Run that many tasks in one session."""
    seconds: list[float] = []
    async with team_of([answer(number) for number in range(tasks)], *[ran(OUTPUT)] * tasks) as rig:
        for number in range(tasks):
            before = time.process_time()
            await rig.say(task(number))
            seconds.append(time.process_time() - before)
        sizes = [sum(map(len, request.texts)) for request in rig.endpoint.requests]
        counts = [len(request.body["messages"]) for request in rig.endpoint.requests]

    def cost(end: int) -> Cost:
        window = slice(end - WINDOW, end)
        # The median: a pause for the collector of garbage falls on one task in many.
        quick = sorted(seconds[window])[WINDOW // 2]
        return Cost(sum(sizes[window]) / WINDOW / 4, quick, sum(counts[window]) / WINDOW)

    return Growth(cost(2 * WINDOW), cost(tasks))


def report(growth: Growth, tasks: int) -> str:
    """Put both in a few lines."""
    lines = [f"one task of a session, on average of {WINDOW}:"]
    for name, cost in ((f"after {WINDOW} tasks", growth.early), (f"after {tasks - WINDOW} tasks", growth.late)):
        lines.append(
            f"  {name:16} {cost.tokens:7,.0f} tokens in {cost.messages:4.1f} messages, {cost.seconds * 1000:6.1f} ms of the processor"
        )
    return "\n".join([*lines, f"  {growth.tokens:.2f} times the tokens, {growth.seconds:.2f} times the seconds"])


def main() -> None:
    """Measure, and print."""
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    print(report(asyncio.run(measure(tasks)), tasks))


if __name__ == "__main__":
    main()
