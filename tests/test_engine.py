"""Where an engine is looked for, in which order, and what is said where none answers."""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import time
import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from sandbox.container import SandboxContainer
from sandbox.engine.find import (
    Attempt,
    FoundEngine,
    NoEngine,
    Place,
    _no_engine,
    _places,
    _why_not,
    describe_engine,
    find_engine,
    other_places,
)
from sandbox.exec_stream import Command
from tests.engine_proxy import EngineProxy
from utils.docker_utils import ContainerRequest, Limits, unique_name

LIMITS = Limits(memory=128 * 1024**2, pids=50)


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the CLI's own configuration out."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def homeless(tmp_path: Path) -> dict[str, str]:
    """An environment whose home holds no socket."""
    return {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def failure(environment: dict[str, str]) -> NoEngine:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # docker-py leaves a session of a failed client to the garbage collector
        with pytest.raises(NoEngine) as error:
            find_engine(environment)
        gc.collect()
    assert "\n" not in error.value.message + error.value.hint
    return error.value


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9", "nonsense://x", "ssh://", "ssh://-oProxyCommand=x"])
def test_what_docker_host_names_is_taken_or_nothing_is(host: str, homeless: dict[str, str]) -> None:
    told = failure({**homeless, "DOCKER_HOST": host})
    assert (told.kind, len(told.attempts)) == ("engine-host", 1)
    assert host in told.message
    assert "DOCKER_HOST" in told.hint


def test_a_context_that_does_not_exist_is_an_error_and_not_another_engine(homeless: dict[str, str]) -> None:
    told = failure({**homeless, "DOCKER_CONTEXT": "nosuch"})
    assert "DOCKER_CONTEXT=nosuch" in told.message
    assert "no Docker context of that name" in told.message
    assert "DOCKER_CONTEXT" in told.hint


def test_a_socket_that_accepts_and_says_nothing_is_given_up(tmp_path: Path, homeless: dict[str, str]) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        began = time.monotonic()
        told = failure({**homeless, "DOCKER_HOST": f"unix://{path}"})
        assert time.monotonic() - began < 20
    assert "did not answer within 5 s" in told.message


def test_what_is_no_engine_is_told(tmp_path: Path, homeless: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()  # the knock
            connection.close()
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        told = failure({**homeless, "DOCKER_HOST": f"tcp://127.0.0.1:{listener.getsockname()[1]}"})
        thread.join()
    assert told.kind == "engine-host"


def write_context(folder: Path, name: str, host: str) -> None:
    meta = folder / "docker/contexts/meta" / sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(
        json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}})
    )
    (folder / "docker/config.json").write_text(json.dumps({"currentContext": name}))


@pytest.fixture
def second_socket() -> Iterator[EngineProxy]:
    with EngineProxy() as proxy:
        yield proxy


@pytest.fixture
def tcp_hop() -> Iterator[EngineProxy]:
    with EngineProxy(tcp=True) as proxy:
        yield proxy


def taken(environment: dict[str, str]) -> FoundEngine:
    found = find_engine(environment)
    assert re.match(r"\S.* \d+\.\S+ \(API 1\.\d+, linux/\w+\)", describe_engine(found.client))
    found.client.close()
    return found


@pytest.mark.engine
def test_a_context_named_by_the_variable_is_taken(tmp_path: Path, homeless: dict[str, str], second_socket: EngineProxy) -> None:
    write_context(tmp_path, "elsewhere", second_socket.url)
    found = taken({**homeless, "DOCKER_CONTEXT": "elsewhere"})
    assert found.place.address == second_socket.url


@pytest.mark.engine
def test_the_current_context_comes_before_the_usual_sockets(tmp_path: Path, homeless: dict[str, str], second_socket: EngineProxy) -> None:
    write_context(tmp_path, "elsewhere", second_socket.url)
    assert taken(homeless).place.name == "the Docker context elsewhere"
    assert taken({**homeless, "DOCKER_CONTEXT": "default"}).place.name != "the Docker context elsewhere"


@pytest.mark.engine
def test_a_current_context_that_does_not_answer_is_told_and_another_engine_taken(tmp_path: Path, homeless: dict[str, str]) -> None:
    write_context(tmp_path, "asleep", f"unix://{tmp_path}/asleep.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/asleep.sock")  # nobody listens: connection refused
    found = taken(homeless)
    assert found.place.name == "Docker"
    assert other_places(found) == [f"the Docker context asleep (unix://{tmp_path}/asleep.sock): nothing answers there"]


@pytest.mark.engine
def test_an_engine_behind_the_one_that_is_taken_is_told(tmp_path: Path, homeless: dict[str, str]) -> None:
    (tmp_path / "run" / "podman").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/run/podman/podman.sock")
    found = taken(homeless)
    said = f"rootless Podman (unix://{tmp_path}/run/podman/podman.sock): not tried, {found.place.name} answered first"
    assert said in other_places(found)
    assert not any("Colima" in each for each in other_places(found))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (".docker/run/docker.sock", "Docker Desktop"),
        (".colima/default/docker.sock", "Colima"),
        ("run/docker.sock", "rootless Docker"),
        ("run/podman/podman.sock", "rootless Podman"),
    ],
)
def test_the_usual_sockets_are_looked_at(path: str, name: str, tmp_path: Path, homeless: dict[str, str]) -> None:
    places = {place.address: place.name for place in _places(homeless)}
    assert places[f"unix://{tmp_path / path}"] == name


def test_a_socket_that_this_user_may_not_use_is_told_with_the_group(tmp_path: Path, homeless: dict[str, str]) -> None:
    told = _no_engine([Attempt(Place("Docker", {"base_url": "unix:///x"}), _why_not(PermissionError(13, "Permission denied")))])
    assert told.kind == "engine-permission"
    assert "group `docker`" in told.hint


@pytest.mark.engine
@pytest.mark.parametrize("hop", ["second_socket", "tcp_hop"])
def test_programs_run_and_end_through_a_hop(hop: str, request: pytest.FixtureRequest, homeless: dict[str, str], image: str) -> None:
    proxy: EngineProxy = request.getfixturevalue(hop)
    found = find_engine({**homeless, "DOCKER_HOST": proxy.url})
    try:
        container = SandboxContainer(found.client, ContainerRequest(image, unique_name(), LIMITS))
        try:
            assert container.run(Command(["cat"], stdin=b"", seconds=0.3)).exit_code is not None  # its input stays open, so it is stopped
            assert container.run(Command(["sh", "-c", "head -c 300000 | wc -c"], stdin=b"x" * 300_000)).output.strip() == b"300000"
            assert container.counters() is not None
        finally:
            container.remove()
    finally:
        found.client.close()
    assert any("containers/create" in line for line in proxy.requests)
