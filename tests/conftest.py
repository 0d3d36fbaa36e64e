"""What decides whether a test that needs a container engine runs, is skipped with the reason, or fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import docker
import pytest

from sandbox.engine.find import connect_engine
from sandbox.engine.images import ensure_image
from utils.docker_utils import LABEL
from utils.errors import EngineError
from utils.owner import owner

IMAGE = os.environ.get("SANDBOX_IMAGE") or "python:3.12-slim"


@cache
def _missing_engine() -> str:
    """Say why there is no engine with the image to test on, or nothing."""
    try:
        client = connect_engine()
    except EngineError as error:
        return f"{error.message}: {error.hint}"
    try:
        ensure_image(client, IMAGE)
    except EngineError as error:
        return f"{error.message}: {error.hint}"
    finally:
        client.close()
    return ""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop an engine test where there is no engine, before any fixture of it starts something."""
    if item.get_closest_marker("engine") is None or not (reason := _missing_engine()):
        return
    if os.environ.get("CI", "").lower() == "true" or os.environ.get("REQUIRE_ENGINE") == "1":
        pytest.fail(f"engine tests may not be skipped in CI: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def image() -> str:
    """Name the image that programs run in: the one that the caller's settings name, or the default one."""
    return IMAGE


@pytest.fixture(scope="session")
def toolchains() -> str:
    """Name the image with the toolchains of every language: `make languages` builds it, and says which it is."""
    if not os.environ.get("POLYGLOT_IMAGE"):
        pytest.skip("no image with toolchains is named: `make languages` runs this")
    return os.environ["POLYGLOT_IMAGE"]


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.APIClient]:
    """Connect to the engine that the tests use."""
    client = connect_engine()
    yield client
    client.close()


@pytest.fixture(scope="session", autouse=True)
def no_container_left() -> Iterator[None]:
    """See at the very end that this process has left no container behind."""
    yield
    if not _missing_engine.cache_info().currsize or _missing_engine():
        return
    client = connect_engine()
    try:
        left = client.containers(all=True, filters={"label": f"{LABEL}.owner={owner()}"})
        assert [container["Names"] for container in left] == []
    finally:
        client.close()
