"""Sandboxes that are started ahead: each is used once, there are never too many, and none is left."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.pool import open_pool
from tests.program import containers_of
from utils.errors import EngineError
from utils.settings import load_settings

pytestmark = pytest.mark.engine
_MARK = CodeBlock(language="python", code="import os\nprint(os.path.exists('mark'))\nopen('mark', 'w')")


async def test_each_sandbox_is_used_once_and_one_more_is_ready(tmp_path: Path, engine: docker.APIClient, image: str) -> None:
    most = 0

    def count() -> int:
        nonlocal most
        found = len(containers_of(engine, os.getpid()))
        most = max(most, found)
        return found

    settings = load_settings({"workspace": str(tmp_path), "image": image}, {})
    async with open_pool(settings, 2, lambda told: None) as pool:
        for _ in range(2):
            async with pool.take() as one, pool.take() as other:
                runs = [await each.run_block(_MARK, CancellationToken()) for each in (one, other)]
                assert [run.output for run in runs] == ["False\n", "False\n"]
                while count() < 3:
                    await asyncio.sleep(0.05)
    assert most == 3
    assert count() == 0


async def test_nothing_is_left_if_the_opening_is_cancelled(tmp_path: Path, engine: docker.APIClient, image: str) -> None:
    settings = load_settings({"workspace": str(tmp_path), "image": image}, {})

    async def open_and_wait() -> None:
        async with open_pool(settings, 3, lambda told: None):
            await asyncio.Event().wait()

    opening = asyncio.ensure_future(open_and_wait())
    while not containers_of(engine, os.getpid()):
        await asyncio.sleep(0.05)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert containers_of(engine, os.getpid()) == []
    assert list((tmp_path / "sessions").iterdir()) == []


async def test_a_sandbox_that_cannot_be_had_is_an_error_for_whoever_takes_it(tmp_path: Path) -> None:
    settings = load_settings({"workspace": str(tmp_path), "image": "no-such-image.invalid/nothing:1"}, {})
    with pytest.raises(EngineError):
        async with open_pool(settings, 1, lambda told: None) as pool, pool.take():
            pass
