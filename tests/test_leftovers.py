"""What is removed at a start, and what never is: told by the owner's label."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import docker
import pytest
from docker.errors import NotFound

from sandbox.engine.leftovers import is_dead, remove_leftovers
from utils.docker_utils import LABEL, remove_container, unique_name
from utils.owner import owner
from utils.platform import process_start


def of_process(number: int, start: str) -> str:
    return ":".join([*owner().rsplit(":", 2)[:1], str(number), start])


@pytest.fixture(scope="module")
def dead() -> str:
    """The label of a process of ours that has ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        label = of_process(process.pid, process_start(process.pid) or "")
        assert not is_dead(label)
    return label


def test_who_is_dead(dead: str) -> None:
    host, user, number, start = dead.rsplit(":", 3)
    assert is_dead(dead)
    assert not is_dead(owner())
    assert not is_dead(f"another{host}:{user}:{number}:{start}"), "another machine's"
    assert not is_dead(f"{host}:{int(user) + 1}:{number}:{start}"), "another user's"
    assert not is_dead("")
    assert not is_dead("nonsense")
    assert not is_dead(f"{host}:{user}:x:{start}")
    assert not is_dead(f"{host}:{user}:{10**30}:{start}")


def test_a_number_that_was_given_again_is_not_the_owner() -> None:
    assert is_dead(of_process(os.getpid(), "1")), "our own number with another start: its process is gone"
    assert not is_dead(of_process(os.getpid(), "0")), "a start that was not known proves nothing"


class Things:
    """Containers with an owner's label that only wait, removed at the end."""

    def __init__(self, engine: docker.APIClient, image: str) -> None:
        self.engine, self.image = engine, image
        self.made: list[str] = []

    def container(self, owner_label: str, *, start: bool = False, name: str = "", **labels: str) -> str:
        name = name or unique_name()
        ours = {"name": name, "created": str(int(time.time())), "owner": owner_label, **labels}
        named = {LABEL: "1", **{f"{LABEL}.{key}": value for key, value in ours.items()}}
        made = self.engine.create_container(self.image, ["sleep", "60"], name=name, labels=named)["Id"]
        self.made.append(made)
        if start:
            self.engine.start(made)
        return str(made)

    def has(self, container: str) -> bool:
        try:
            self.engine.inspect_container(container)
        except NotFound:
            return False
        return True


@pytest.fixture
def things(engine: docker.APIClient, image: str) -> Iterator[Things]:
    things = Things(engine, image)
    yield things
    for container in things.made:
        remove_container(engine, container)


@pytest.mark.engine
def test_only_what_dead_owners_of_this_machine_left_is_removed(engine: docker.APIClient, image: str, things: Things, dead: str) -> None:
    host, user, number, start = dead.rsplit(":", 3)
    created, running = things.container(dead), things.container(dead, start=True)
    kept = {
        "ours": things.container(owner()),
        "of another machine on a shared engine": things.container(f"elsewhere.000000000000:{user}:{number}:{start}"),
        "of another user": things.container(f"{host}:{int(user) + 1}:{number}:{start}"),
        "meant to stay": things.container(dead, tied="no"),
        "a stranger's with a name like ours": engine.create_container(image, ["true"], name=unique_name())["Id"],
    }
    things.made.append(kept["a stranger's with a name like ours"])
    remove_leftovers(engine)  # or another session's start, at the same time
    assert not things.has(created)
    assert not things.has(running)
    assert {why: things.has(container) for why, container in kept.items()} == dict.fromkeys(kept, True)


@pytest.mark.engine
def test_a_container_of_the_users_that_inherited_our_labels_keeps_its_life_and_its_volumes(
    engine: docker.APIClient, things: Things, dead: str
) -> None:
    old, name, volume = things.container(dead), f"mine-{unique_name()}", unique_name()
    engine.commit(old, repository=name, tag="1")
    labels = engine.inspect_image(f"{name}:1")["Config"]["Labels"]  # type: ignore[no-untyped-call]
    mounts = engine.create_host_config(binds=[f"{volume}:/data"])
    users = engine.create_container(f"{name}:1", ["sleep", "60"], name=name, volumes=["/data", "/other"], host_config=mounts)["Id"]
    things.made.append(users)
    same_name = things.container(dead, created=str(int(time.time()) - 3600))
    try:
        held = {mount["Name"] for mount in engine.inspect_container(users)["Mounts"]}
        assert len(held) == 2
        # The control: by its labels alone it is a leftover.
        listed = next(each for each in engine.containers(all=True, filters={"label": LABEL}) if each["Id"] == users)
        assert listed["Labels"][f"{LABEL}.owner"] == labels[f"{LABEL}.owner"] == dead
        remove_leftovers(engine)
        assert not things.has(old)
        assert things.has(users)
        assert things.has(same_name), "made at another time than its label says"
        assert held <= {each["Name"] for each in engine.volumes()["Volumes"]}
    finally:
        remove_container(engine, users)
        engine.remove_volume(volume)
        engine.remove_image(f"{name}:1", force=True)


def test_an_engine_that_does_not_answer_is_no_error() -> None:
    client = docker.APIClient(base_url="tcp://127.0.0.1:9", version="1.41", timeout=1)
    try:
        assert remove_leftovers(client) == []
    finally:
        client.close()
