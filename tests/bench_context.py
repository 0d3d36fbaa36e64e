"""What is sent to the model in a long conversation with much output: by this program, and by a plain AutoGen program.

Both are whole teams that ask an endpoint on loopback, whose request log is what is measured: `python -m tests.bench_context`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, AssistantAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult

from agents.code_generator_agent import system_message
from tests.asking import client_of
from tests.endpoint import ModelEndpoint
from tests.fakes import SETTINGS, program, ran, team_of

ROUNDS = 12
TASK = "Write a program that checks the readings of all stations, and prints each."
OUTPUT = "".join(f"station {number:05d}: reading {number * 7919 % 10007 / 100:.2f} °C, checked\n" for number in range(5000))[:200_000]
FEEDBACK = [f"Feedback {number}: now leave out station {number * 31}." for number in range(1, ROUNDS + 1)]
ANSWERS = [
    f"Version {version}: the stations that you named are left out.\n\n"
    + program("\n".join(f"check_station({station}, version={version})" for station in range(60)))
    for version in range(1, ROUNDS + 1)
] + ["Nothing is left to do.\n\nSTOP"]


@dataclass(frozen=True)
class Sent:
    """What one program sent: the characters of each request, and the texts of the last one."""

    sizes: tuple[int, ...]
    last: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """The tokens of all requests together, at four characters each."""
        return sum(self.sizes) // 4


class Prints(CodeExecutor):
    """An executor for the plain program: whatever it is given prints the same."""

    async def execute_code_blocks(self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken) -> CodeResult:
        return CodeResult(exit_code=0, output=OUTPUT)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...


def _sent(endpoint: ModelEndpoint) -> Sent:
    texts: list[Sequence[str]] = [request.texts for request in endpoint.requests]
    return Sent(tuple(sum(map(len, request)) for request in texts), tuple(texts[-1]))


async def measure_ours() -> Sent:
    """Talk as this program does."""
    async with team_of(ANSWERS, *[ran(OUTPUT)] * ROUNDS, replies=FEEDBACK) as rig:
        await rig.say(TASK)
        return _sent(rig.endpoint)


async def measure_plain() -> Sent:
    """Talk as a program does that is put together from AutoGen's own parts."""
    replies = iter(FEEDBACK)

    async def approve(request: ApprovalRequest) -> ApprovalResponse:
        return ApprovalResponse(approved=True, reason="measured")

    with ModelEndpoint(ANSWERS) as endpoint:
        async with client_of(endpoint) as model:
            generator = AssistantAgent("Generator", model, system_message=system_message(SETTINGS), model_client_stream=True)
            executor = CodeExecutorAgent("Executor", Prints(), sources=["Generator"], approval_func=approve)
            person = UserProxyAgent("Person", input_func=lambda prompt: next(replies))
            ends = TextMentionTermination("STOP", sources=["Generator"]) | MaxMessageTermination(5 * ROUNDS)
            await RoundRobinGroupChat([generator, executor, person], termination_condition=ends).run(task=TASK)
            return _sent(endpoint)


def report(plain: Sent, ours: Sent) -> str:
    """Put both numbers side by side."""
    lines = [f"tokens sent in {ROUNDS} rounds with {len(OUTPUT) // 1000} KB of output each (four characters are taken for one):"]
    for name, sent in (("plain AutoGen", plain), ("this program", ours)):
        lines.append(f"  {name:14} {sent.tokens:>10,} in {len(sent.sizes)} requests, at most {max(sent.sizes) // 4:,} in one")
    return "\n".join([*lines, f"  {ours.tokens / plain.tokens:.1%} of plain AutoGen"])


def main() -> None:
    """Measure, and print both numbers."""
    print(report(asyncio.run(measure_plain()), asyncio.run(measure_ours())))


if __name__ == "__main__":
    main()
