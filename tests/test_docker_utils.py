import gc
import warnings
from collections.abc import Iterator
from typing import Any, cast

import docker
import pytest
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from utils.docker_utils import (
    LABEL,
    ContainerRequest,
    Limits,
    connect_engine,
    create_container,
    ensure_image,
    owner,
    remove_container,
    unique_name,
)
from utils.errors import EngineError

COMMAND = ("sleep", "60")


@pytest.mark.parametrize(
    ("host", "kind"),
    [("unix:///nowhere/docker.sock", "engine-host"), ("tcp://127.0.0.1:9", "engine-host"), ("nonsense://x", "engine-host")],
)
def test_an_engine_that_does_not_answer_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch, host: str, kind: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker-py leaves a socket that could not be connected to the garbage collector
        failure = _failure_to_connect()
        gc.collect()
    assert failure[0] == kind
    assert host in failure[1]
    assert "\n" not in failure[1]
    assert failure[2]


def _failure_to_connect() -> tuple[str, str, str]:
    with pytest.raises(EngineError) as error:
        connect_engine()
    return error.value.kind, error.value.message, error.value.hint


class Registry:
    """An engine that knows no image and pulls as the test says."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events
        self.pulled: list[tuple[str, str | None]] = []

    def inspect_image(self, image: str) -> dict[str, str]:
        if not self.pulled:
            raise ImageNotFound("no such image")
        return {"Id": "sha256:1"}

    def pull(self, image: str, tag: str | None, **options: Any) -> Iterator[dict[str, Any]]:
        self.pulled.append((image, tag))
        return iter(self.events)


def layer(name: str, done: int) -> dict[str, Any]:
    return {"id": name, "status": "Downloading", "progressDetail": {"current": done * 10**6, "total": 26 * 10**6}}


def test_pulling_tells_how_far_it_is() -> None:
    registry = Registry([layer("a", 5), layer("b", 0), layer("a", 5), {"id": "a", "status": "Download complete"}, layer("b", 20)])
    told: list[str] = []
    assert ensure_image(cast(docker.APIClient, registry), "python:3.12-slim", told.append) == {"Id": "sha256:1"}
    assert told == [
        "pulling python:3.12-slim",
        "pulling python:3.12-slim: 5 of 26 MB",
        "pulling python:3.12-slim: 5 of 52 MB",
        "pulling python:3.12-slim: 26 of 52 MB",
        "pulling python:3.12-slim: 46 of 52 MB",
    ]


@pytest.mark.parametrize(
    ("image", "tag"), [("python", "latest"), ("python:3", None), ("host:5000/python", "latest"), ("python@sha256:ab", None)]
)
def test_one_tag_is_pulled_and_not_all(image: str, tag: str | None) -> None:
    registry = Registry([])
    ensure_image(cast(docker.APIClient, registry), image)
    assert registry.pulled == [(image, tag)]


def test_an_image_that_cannot_be_pulled_is_named_with_the_remedy() -> None:
    registry = Registry([{"error": "toomanyrequests"}])
    with pytest.raises(EngineError, match=r"no/such:1 .*toomanyrequests") as error:
        ensure_image(cast(docker.APIClient, registry), "no/such:1")
    assert "SANDBOX_IMAGE" in error.value.hint


def test_owner_tells_this_process_from_all_others() -> None:
    assert owner() == owner()
    assert len(owner().rsplit(":", 3)) == 4


class Unremovable:
    """An engine whose removal of a container fails with a status, while the container goes away by itself."""

    def __init__(self, status: int) -> None:
        self.response = type("Response", (), {"status_code": status})()

    def remove_container(self, container: str, **options: Any) -> None:
        raise APIError("no", response=self.response)

    def inspect_container(self, container: str) -> None:
        raise NotFound("gone by itself")


def test_removing_what_is_being_removed_already_is_no_error_and_others_are() -> None:
    remove_container(cast(docker.APIClient, Unremovable(409)), "c")
    with pytest.raises(DockerException):
        remove_container(cast(docker.APIClient, Unremovable(500)), "c")


@pytest.mark.engine
def test_the_profile_is_what_the_engine_was_told(engine: docker.APIClient, image: str) -> None:
    limits = Limits(memory=256 * 1024**2, cpus=1000.0, pids=77)
    container = create_container(engine, ContainerRequest(image, unique_name(), limits, session="s1"), COMMAND)
    try:
        seen = engine.inspect_container(container)
    finally:
        remove_container(engine, container)
    host = seen["HostConfig"]
    assert seen["Mounts"] == []
    assert host["Binds"] is None
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (limits.memory, limits.memory, 77)
    assert host["NanoCpus"] == engine.info()["NCPU"] * 10**9
    assert host["LogConfig"]["Type"] == "none"
    assert host["IpcMode"] == "private"
    assert not host["Privileged"]
    assert host["AutoRemove"]
    assert seen["NetworkSettings"]["Networks"] == {}
    assert seen["Config"]["StdinOnce"]
    assert seen["Config"]["Labels"][f"{LABEL}.session"] == "s1"
    assert seen["Config"]["Labels"][f"{LABEL}.owner"] == owner()


@pytest.mark.engine
def test_a_strangers_container_of_the_same_name_is_left_alone_and_ours_is_replaced(engine: docker.APIClient, image: str) -> None:
    name = unique_name()
    strangers = engine.create_container(image, list(COMMAND), name=name)["Id"]
    try:
        with pytest.raises(EngineError, match=name):
            create_container(engine, ContainerRequest(image, name, Limits()), COMMAND)
        assert engine.inspect_container(name)["Id"] == strangers
    finally:
        remove_container(engine, strangers)
    first = create_container(engine, ContainerRequest(image, name, Limits()), COMMAND)
    second = create_container(engine, ContainerRequest(image, name, Limits()), COMMAND)
    try:
        assert engine.inspect_container(name)["Id"] == second != first
    finally:
        remove_container(engine, second)
        remove_container(engine, second)


@pytest.mark.engine
def test_proxies_of_the_person_with_their_passwords_stay_out(
    engine: docker.APIClient, image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://user:canary@proxy:1"}}}')
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    client = connect_engine()
    try:
        # The control: the library's default hands the password over.
        stock = client.create_container(image, list(COMMAND))["Id"]
        ours = create_container(client, ContainerRequest(image, unique_name(), Limits()), COMMAND)
        environments = [str(client.inspect_container(container)["Config"]["Env"]) for container in (stock, ours)]
        for container in (stock, ours):
            remove_container(client, container)
    finally:
        client.close()
    assert "canary" in environments[0]
    assert "canary" not in environments[1]
