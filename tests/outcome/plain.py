"""The plain AutoGen program that this one is measured against: stock parts with their own defaults, one APPROVE for each task.

`python -m tests.outcome.plain MODEL WORK_DIR TASK [FEEDBACK]` prints the conversation, and puts what the container said last into
WORK_DIR.txt. The server is OPENAI_BASE_URL, the image SANDBOX_IMAGE.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import docker
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.base import ChatAgent, Team
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from autogen_ext.models.openai import OpenAIChatCompletionClient

from utils.docker_utils import Limits

RUNNER = "CodeExecutorAgent"
# Debian's pip installs nothing beside the system's packages, and a private network has its own certificates: AutoGen is not to blame.
_PIP = "[global]\nbreak-system-packages = true\n"


async def run_task(model: str, folder: Path, task: str, feedback: list[str]) -> None:
    """Give the task to the three agents, say the feedback and APPROVE, and keep what was said."""
    replies = iter([*feedback, "APPROVE"])
    client = OpenAIChatCompletionClient(
        model=model,
        model_info={"vision": False, "function_calling": False, "json_output": False, "structured_output": False, "family": "unknown"},
    )
    with tempfile.TemporaryDirectory() as pip:
        async with DockerCommandLineCodeExecutor(image=os.environ["SANDBOX_IMAGE"], work_dir=folder, extra_volumes=_pip(pip)) as executor:
            _limit(executor.container_name)
            agents: list[ChatAgent | Team] = [
                AssistantAgent("CodeGeneratorAgent", client),
                CodeExecutorAgent(RUNNER, executor),
                UserProxyAgent("UserProxyAgent", input_func=lambda _prompt: next(replies, "APPROVE")),
            ]
            team = RoundRobinGroupChat(agents, termination_condition=TextMentionTermination("APPROVE"), max_turns=3 * (len(feedback) + 1))
            last = ""
            async for message in team.run_stream(task=task):
                if isinstance(message, BaseChatMessage):
                    print(f"---------- {message.source} ----------\n{message.to_text()}", flush=True)
                    last = message.to_text() if message.source == RUNNER else last
    await client.close()
    folder.with_suffix(".txt").write_text(last, "utf-8")


def _pip(folder: str) -> dict[str, dict[str, str]]:
    """Return the mounts by which pip works in the container as it does in ours."""
    authorities = os.environ.get("SANDBOX_CA_BUNDLE", "")
    Path(folder, "pip.conf").write_text(_PIP + ("cert = /etc/authorities.pem\n" if authorities else ""))
    mounts = {str(Path(folder, "pip.conf")): {"bind": "/etc/pip.conf", "mode": "ro"}}
    return {**mounts, **({authorities: {"bind": "/etc/authorities.pem", "mode": "ro"}} if authorities else {})}


def _limit(name: str) -> None:
    """Hold the container to the memory and processors that ours has; the stock executor sets none."""
    limits = Limits()
    engine = docker.from_env()
    cpus = min(limits.cpus, os.cpu_count() or 1)
    engine.api.update_container(
        name, mem_limit=limits.memory, memswap_limit=limits.memory, cpu_period=100_000, cpu_quota=int(cpus * 100_000)
    )
    engine.close()


if __name__ == "__main__":
    asyncio.run(run_task(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
