"""What is looked at while a session starts, and what the person is told of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import docker
import pytest

from sandbox.docker_executor import SandboxExecutor
from sandbox.engine.start_checks import check_memory, engine_info, looked_after
from tests.engine_proxy import EngineProxy, without
from tests.terminal import ROOT, program_environment
from utils.docker_utils import LABEL, Limits, unique_name
from utils.errors import EngineError, UsageError
from utils.owner import owner

GIB = 1024**3


def test_memory_that_the_engine_has_not_is_refused_where_it_was_asked_for() -> None:
    assert check_memory(Limits(), {"MemTotal": 8 * GIB}) == ""
    assert check_memory(Limits(memory=4 * GIB), {}) == "", "an engine that does not say"
    with pytest.raises(UsageError, match="100 GiB, and the engine's machine has 8 GiB") as error:
        check_memory(Limits(memory=100 * GIB), {"MemTotal": 8 * GIB})
    assert "--memory" in error.value.hint
    assert "set --memory" in check_memory(Limits(), {"MemTotal": GIB}), "the default on a small machine"


def test_an_engine_that_says_nothing_is_no_error() -> None:
    client = docker.APIClient(base_url="tcp://127.0.0.1:9", version="1.41", timeout=1)
    try:
        assert engine_info(client) == {}
    finally:
        client.close()


async def concerns_of(client: docker.APIClient, image: str, folder: Path, *, strict: bool = False) -> list[str]:
    limits = Limits(memory=GIB // 4, pids=100)
    async with (
        SandboxExecutor(image, work_dir=folder, limits=limits, client=client, strict=strict) as executor,
        looked_after(executor.sandbox, client),
    ):
        pass
    return executor.sandbox.concerns


@pytest.mark.engine
async def test_where_all_is_well_nothing_is_said(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    assert await concerns_of(engine, image, tmp_path) == []
    assert await concerns_of(engine, image, tmp_path, strict=True) == []


@pytest.mark.engine
@pytest.mark.parametrize("strict", [False, True])
async def test_a_limit_that_is_ignored_is_told_and_strict_refuses(
    engine: docker.APIClient, image: str, tmp_path: Path, strict: bool
) -> None:
    with EngineProxy() as proxy:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=without("PidsLimit"))
        client = await asyncio.to_thread(proxy.client)
        try:
            if strict:
                with pytest.raises(EngineError, match="strict sandbox is not in force: this engine ignores: processes") as error:
                    await concerns_of(client, image, tmp_path, strict=True)
                assert error.value.hint
            else:
                assert [text.partition(" (")[0] for text in await concerns_of(client, image, tmp_path)] == [
                    "this engine ignores: processes"
                ]
        finally:
            client.close()
    ours = {"label": f"{LABEL}.owner={owner()}"}
    assert [each["Names"] for each in engine.containers(all=True, filters=ours) if each["State"] == "created"] == []


@pytest.mark.engine
async def test_what_dead_sessions_left_is_removed_and_that_is_said(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    host, user, number, start = owner().rsplit(":", 3)
    labels = {LABEL: "1", f"{LABEL}.owner": f"{host}:{user}:{number}:1", f"{LABEL}.created": str(int(time.time()))}  # our own number
    told: list[str] = []
    for _ in range(3):  # another session's start on this machine may be quicker
        name = unique_name()
        engine.create_container(image, ["true"], name=name, labels={**labels, f"{LABEL}.name": name})
        told += await concerns_of(engine, image, tmp_path)
        if told:
            break
    assert told == ["Removed what sessions that are gone had left behind: 1."]
    assert start != "1"


@pytest.mark.engine
@pytest.mark.parametrize("flags", [("--memory", "900000g"), ("--memory", "900000g", "--strict")])
def test_a_limit_that_no_engine_can_keep_is_one_line_and_leaves_nothing(flags: Sequence[str], tmp_path: Path, image: str) -> None:
    argv = [sys.executable, str(ROOT / "main.py"), "--demo", *flags]
    environment = program_environment(SANDBOX_IMAGE=image)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-2].startswith("error: the memory limit is 900000 GiB, and the engine's machine has ")
    assert "--memory" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("workspace/sessions/*"))


@pytest.mark.engine
def test_a_strict_session_plays_the_whole_demo(tmp_path: Path, image: str) -> None:
    argv = [sys.executable, str(ROOT / "main.py"), "--demo", "--strict"]
    environment = program_environment(SANDBOX_IMAGE=image)
    done = subprocess.run(argv, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "User approves result" in done.stdout
