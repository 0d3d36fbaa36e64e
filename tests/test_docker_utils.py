from typing import Any, cast

import docker
import pytest
from docker.errors import APIError, DockerException, NotFound

from sandbox.engine.find import connect_engine
from utils.docker_utils import LABEL, ContainerRequest, Limits, create_container, remove_container, unique_name
from utils.errors import EngineError
from utils.owner import owner

COMMAND = ("sleep", "60")


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
    assert [option.partition("=")[0] for option in host["SecurityOpt"]] == ["no-new-privileges", "seccomp"]
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
