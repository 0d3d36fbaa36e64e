"""What is looked at while a session starts: the limits that the engine can keep and keeps, and what dead sessions left there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import docker

from sandbox.engine.leftovers import remove_leftovers
from sandbox.engine.limit_check import not_in_force
from sandbox.sandbox import Sandbox
from utils.docker_utils import ENGINE_FAILURES, Limits
from utils.errors import ContainerLost, EngineError, UsageError
from utils.text import size_text

_REMEDY = "leave out --strict, or use an engine that keeps them (rootless engines need cgroup v2 with delegation)"


def engine_info(client: docker.APIClient) -> Mapping[str, Any]:
    """Return what the engine says about its machine; nothing where it does not say."""
    try:
        return dict(client.info())
    except ENGINE_FAILURES:
        return {}


def check_memory(limits: Limits, info: Mapping[str, Any]) -> str:
    """Return what to tell where the engine's machine has less memory than programs may use; UsageError where that was asked for."""
    there = int(info.get("MemTotal") or 0)
    if not there or limits.memory <= there:
        return ""
    told = f"the memory limit is {size_text(limits.memory)}, and the engine's machine has {size_text(there // 2**20 * 2**20)}"
    if limits.memory != Limits().memory:
        raise UsageError(told, "set a smaller one: --memory, SANDBOX_MEMORY", kind="setting")
    return f"{told}: a program that uses it all may take the engine down; set --memory"


@asynccontextmanager
async def looked_after(sandbox: Sandbox, client: docker.APIClient) -> AsyncIterator[None]:
    """Look in the background which limits are in force, and remove what dead sessions left; the session does not wait for it.

    What the user has to know goes to the sandbox's `concerns`. A strict sandbox is waited for: EngineError if it is not in force.
    """
    if sandbox.strict:
        concern = not_in_force(await sandbox.check_limits())
        if concern:
            raise EngineError(f"the strict sandbox is not in force: {concern}", _REMEDY, kind="strict")
    task = asyncio.ensure_future(_look(sandbox, client))
    try:
        yield
    finally:
        await asyncio.wait([task])


async def _look(sandbox: Sandbox, client: docker.APIClient) -> None:
    if not sandbox.strict:
        try:
            concern = not_in_force(await sandbox.check_limits())
        except (ContainerLost, EngineError, ValueError):
            concern = ""  # it is gone: the next program gets another one, and the user sees that
        if concern:
            sandbox.concerns.append(f"{concern}. Programs run without that limit. --strict refuses to start then.")
    removed = await asyncio.to_thread(remove_leftovers, client)
    if removed:
        sandbox.concerns.append(f"Removed what sessions that are gone had left behind: {len(removed)}.")
