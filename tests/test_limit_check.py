"""Which limits are in force, as seen from inside: on this engine, on one that ignores them, and on both versions of the kernel's files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.engine.limit_check import State, check_limits, judge, not_in_force
from tests.engine_proxy import EngineProxy, without
from utils.docker_utils import ContainerRequest, Limits, unique_name

LIMITS = Limits(memory=128 * 1024**2, cpus=1.0, pids=50)
STATUS: dict[str, list[str]] = {
    "Uid": ["1000\t1000\t1000\t1000"],
    "CapEff": ["0000000000000000"],
    "CapBnd": ["0000000000000000"],
    "NoNewPrivs": ["1"],
    "Seccomp": ["2"],
    "SwapTotal": ["1024 kB"],
    "file": ["1073741824           1073741824           bytes"],
    "root": ["rw,relatime"],
    "net": ["lo"],
}
NEW = {"pids.max": ["50"], "memory.max": ["134217728"], "memory.swap.max": ["0"], "cpu.max": ["100000 100000"]}
OLD = {
    "pids/pids.max": ["50"],
    "memory/memory.limit_in_bytes": ["134217728"],
    "memory/memory.memsw.limit_in_bytes": ["134217728"],
    "cpu/cpu.cfs_quota_us": ["100000"],
    "cpu/cpu.cfs_period_us": ["100000"],
}


@pytest.mark.parametrize("files", [NEW, OLD], ids=["cgroup v2", "cgroup v1"])
def test_all_in_force(files: dict[str, list[str]]) -> None:
    facts = judge({**STATUS, **files}, LIMITS)
    assert [fact.limit for fact in facts if fact.state is not State.IN_FORCE] == []
    assert len(facts) == 11
    assert not_in_force(facts) == ""


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Uid", "0\t0\t0\t0", "user"),
        ("CapEff", "00000000a80425fb", "no capabilities"),
        ("CapBnd", "00000000a80425fb", "no capabilities to gain"),
        ("NoNewPrivs", "0", "no new privileges"),
        ("Seccomp", "0", "system call filter"),
        ("pids.max", "max", "processes (no limit)"),
        ("pids.max", "4096", "processes (4096)"),
        ("memory.max", "max", "memory (no limit)"),
        ("memory.max", "268435456", "memory (256 MiB)"),
        ("memory.swap.max", "max", "no swap (no limit)"),
        ("cpu.max", "max 100000", "processors (no limit)"),
        ("file", "unlimited", "file size (no limit)"),
    ],
)
def test_each_that_is_ignored_is_named(name: str, value: str, told: str) -> None:
    facts = judge({**STATUS, **NEW, name: [value]}, LIMITS)
    assert [fact.state for fact in facts].count(State.IGNORED) == 1
    assert not_in_force(facts).startswith(f"this engine ignores: {told}")


def test_what_cannot_be_seen_is_not_taken_for_granted() -> None:
    facts = judge(STATUS, LIMITS)
    assert not_in_force(facts) == "this engine does not show whether it keeps: processes, memory, no swap, processors"
    assert all(fact.state is State.UNSEEN for fact in judge({}, LIMITS, strict=True))


def test_a_network_where_there_should_be_none() -> None:
    seen = {**STATUS, **NEW, "net": ["eth0", "lo"]}
    assert not_in_force(judge(seen, LIMITS)) == "this engine ignores: network off (eth0, lo)"
    assert not_in_force(judge(seen, Limits(memory=LIMITS.memory, cpus=1, pids=50, network="on"))) == ""


def test_strict_wants_a_root_that_cannot_be_written() -> None:
    assert "read-only system" in not_in_force(judge({**STATUS, **NEW}, LIMITS, strict=True))
    assert not_in_force(judge({**STATUS, **NEW, "root": ["ro,relatime"]}, LIMITS, strict=True)) == ""


@contextmanager
def container_of(client: docker.APIClient, image: str, limits: Limits = LIMITS) -> Iterator[SandboxContainer]:
    container = SandboxContainer(client, ContainerRequest(image, unique_name(), limits))
    try:
        yield container
    finally:
        container.remove()


@pytest.mark.engine
def test_this_engine_keeps_every_limit_and_the_check_is_quick(engine: docker.APIClient, image: str) -> None:
    with container_of(engine, image) as container:
        began = time.monotonic()
        facts = check_limits(container, LIMITS)
        seconds = time.monotonic() - began
    assert [fact for fact in facts if fact.state is not State.IN_FORCE] == []
    assert seconds < 10


@pytest.mark.engine
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (("PidsLimit",), "processes"),
        (("Memory", "MemorySwap"), "memory"),
        (("NanoCpus",), "processors"),
        (("CapDrop",), "no capabilities to gain"),
        (("SecurityOpt",), "no new privileges"),
        (("Ulimits",), "file size"),
    ],
)
def test_an_engine_that_drops_a_limit_without_a_word_is_found_out(fields: tuple[str, ...], told: str, image: str) -> None:
    with EngineProxy() as proxy:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=without(*fields))
        client = proxy.client()
        try:
            with container_of(client, image) as container:
                said = not_in_force(check_limits(container, LIMITS))
        finally:
            client.close()
    assert said.startswith(f"this engine ignores: {told}")


@pytest.mark.engine
def test_a_filter_that_was_turned_off_and_a_network_that_was_left_on_are_found_out(image: str) -> None:
    def unconfine(body: dict[str, Any]) -> None:
        body["HostConfig"]["SecurityOpt"] = ["no-new-privileges", "seccomp=unconfined"]

    with EngineProxy() as proxy:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=unconfine)
        proxy.fail("POST .*/networks/.*/disconnect", "answer", status=200)
        client = proxy.client()
        try:
            with container_of(client, image) as container:
                said = not_in_force(check_limits(container, LIMITS))
        finally:
            client.close()
    assert "system call filter" in said
    assert "network off (eth0" in said
