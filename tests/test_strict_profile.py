"""The strict profile: what it takes away, what still works in it, and what is said where an engine cannot give it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.engine.limit_check import check_limits, not_in_force
from sandbox.files.host_folder import HostFolder
from sandbox.languages import BY_NAME
from sandbox.program import Job
from sandbox.runner import Runner
from sandbox.verdicts import ProgramRun, Verdict
from sandbox.workspace import Workspace
from tests.docs import PROFILES
from tests.engine_proxy import EngineProxy, without
from utils.docker_utils import NETWORK, ContainerRequest, Limits, unique_name
from utils.errors import EngineError

pytestmark = pytest.mark.engine

LIMITS = Limits(timeout=10, memory=1024**3, pids=128)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("session")


def runner_of(engine: docker.APIClient, image: str, folder: Path, strict: bool) -> Runner:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS, strict=strict), Workspace(lambda: HostFolder(folder)), engine)
    runner.start()
    return runner


@pytest.fixture(scope="module")
def strict(engine: docker.APIClient, image: str, folder: Path) -> Iterator[Runner]:
    runner = runner_of(engine, image, folder, strict=True)
    yield runner
    runner.stop()


@pytest.fixture(scope="module")
def ordinary(engine: docker.APIClient, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The control: what strict forbids works here."""
    runner = runner_of(engine, image, tmp_path_factory.mktemp("ordinary"), strict=False)
    yield runner
    runner.stop()


def python(runner: Runner, code: str, name: str = "program.py") -> ProgramRun:
    return runner.run(Job(BY_NAME["python"], code, name), threading.Event(), lambda text: None)


def test_every_limit_of_it_is_in_force(strict: Runner) -> None:
    assert strict._container is not None
    facts = check_limits(strict._container, LIMITS, strict=True)
    assert not_in_force(facts) == ""
    assert {"read-only system", "network off"} <= {fact.limit for fact in facts}


ORDINARY = """
import csv, json, multiprocessing, pathlib, sqlite3, subprocess, sys, tempfile, threading
pathlib.Path("sub").mkdir(exist_ok=True)
pathlib.Path("sub/data.json").write_text(json.dumps({"a": [1, 2, 3]}))
sqlite3.connect("x.db").execute("create table t (a)").connection.commit()
tempfile.TemporaryFile().write(b"x" * 1000)
thread = threading.Thread(target=print, args=("thread",), kwargs={"flush": True}); thread.start(); thread.join()
print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True, text=True).stdout.strip())
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(sum(pool.map(abs, range(-10, 0))))
"""


def test_ordinary_programs_run_in_it_and_their_files_come_out(strict: Runner, folder: Path) -> None:
    run = python(strict, ORDINARY)
    assert (run.verdict, run.output) == (Verdict.OK, "thread\nchild\n55\n")
    assert {"sub/data.json", "x.db"} <= {file.name for file in strict.collect()}
    assert (folder / "sub/data.json").read_text() == '{"a": [1, 2, 3]}'
    run = strict.run(Job(BY_NAME["sh"], "cat sub/data.json | wc -c", "script.sh"), threading.Event(), lambda text: None)
    assert run.output.strip() == "16"
    local = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname())\nprint('loopback')"
    assert python(strict, local).output == "loopback\n"


WRITE = "import os\nfor path in ('/etc/x', '/var/tmp/x', '/usr/x', '/opt/x', '/x', '/tmp/x', 'x'):\n" + (
    "  try:\n    open(path, 'w').close(); print(path)\n  except OSError: pass"
)


def test_nothing_can_be_written_but_in_memory(strict: Runner, ordinary: Runner) -> None:
    assert python(strict, WRITE).output.split() == ["/tmp/x", "x"]
    assert python(ordinary, WRITE).output.split() == ["/var/tmp/x", "/tmp/x", "x"]


def test_its_folders_have_a_size_and_a_count(strict: Runner) -> None:
    run = python(strict, "open('big', 'wb').write(bytes(300 * 2**20))")
    assert run.verdict is Verdict.FAILED
    assert "No space left" in run.output
    run = python(strict, "import os\nos.remove('big')\nfor i in range(60_000): open(f'f{i}', 'w').close()")
    assert "No space left" in run.output
    python(strict, "import os\nfor name in os.listdir(): os.remove(name) if name.startswith('f') else None")


def test_the_table_of_the_readme_names_all_that_differs(engine: docker.APIClient, strict: Runner, ordinary: Runner) -> None:
    hosts = []
    for runner in (strict, ordinary):
        assert runner._container is not None
        hosts.append(engine.inspect_container(runner._container.id)["HostConfig"])
    differing = {name for name in {*hosts[0], *hosts[1]} if hosts[0].get(name) != hosts[1].get(name)}
    settings = {"PidsLimit", "Runtime"}  # a setting of its own in strict sessions; and gVisor, where the engine has it
    assert differing - settings == PROFILES.keys() - settings


class HasRunsc:
    """An engine that has gVisor, or says so: a container is made with what it has in truth."""

    def __init__(self, engine: docker.APIClient) -> None:
        self._engine = engine
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def info(self) -> dict[str, Any]:
        return {**self._engine.info(), "Runtimes": {"runc": {}, "runsc": {}}}

    def create_container(self, image: str, **options: Any) -> Any:
        self.asked.append(options["host_config"].pop("Runtime", ""))
        return self._engine.create_container(image, **options)


@pytest.mark.parametrize(
    ("is_strict", "named", "taken"), [(True, "", "runsc"), (False, "", ""), (False, "runsc", "runsc"), (True, "runc", "runc")]
)
def test_gvisor_is_taken_where_the_engine_has_it(engine: docker.APIClient, image: str, is_strict: bool, named: str, taken: str) -> None:
    client = HasRunsc(engine)
    request = ContainerRequest(image, unique_name(), LIMITS, strict=is_strict, runtime=named)
    SandboxContainer(cast(docker.APIClient, client), request).remove()
    assert client.asked == [taken]


def test_a_runtime_that_was_asked_for_by_name_and_is_not_there_is_an_error(engine: docker.APIClient, image: str) -> None:
    name = unique_name()
    for strict in (False, True):
        with pytest.raises(EngineError, match="the engine has no runtime 'no-such-runtime', only: .*runc") as error:
            SandboxContainer(engine, ContainerRequest(image, name, LIMITS, strict=strict, runtime="no-such-runtime"))
        assert "SANDBOX_RUNTIME" in error.value.hint
    assert engine.containers(all=True, filters={"name": name}) == []


def test_no_network_can_be_attached_to_it(engine: docker.APIClient, strict: Runner, ordinary: Runner) -> None:
    assert strict._container is not None
    assert ordinary._container is not None
    with pytest.raises(docker.errors.APIError):
        engine.connect_container_to_network(strict._container.id, NETWORK)
    engine.connect_container_to_network(ordinary._container.id, NETWORK)
    engine.disconnect_container_from_network(ordinary._container.id, NETWORK, force=True)


def test_it_leaves_no_volume(engine: docker.APIClient, strict: Runner) -> None:
    assert strict._container is not None
    assert [mount for mount in engine.inspect_container(strict._container.id)["Mounts"] if mount["Type"] == "volume"] == []


def test_an_engine_that_cannot_give_it_is_one_error_and_nothing_is_left(engine: docker.APIClient, image: str) -> None:
    name = unique_name()
    with EngineProxy() as proxy:
        proxy.fail("POST .*/containers/create", "answer", status=400, text="tmpfs options are not supported")
        client = proxy.client()
        try:
            with pytest.raises(EngineError, match="tmpfs options") as error:
                SandboxContainer(client, ContainerRequest(image, name, LIMITS, strict=True))
        finally:
            client.close()
    assert error.value.kind == "strict"
    assert "--strict" in error.value.hint
    assert engine.containers(all=True, filters={"name": name}) == []


def test_an_engine_that_ignores_a_part_of_it_is_found_out(image: str) -> None:
    def rewrite(body: dict[str, Any]) -> None:
        without("ReadonlyRootfs")(body)

    with EngineProxy() as proxy:
        proxy.fail("POST .*/containers/create", "rewrite", rewrite=rewrite)
        client = proxy.client()
        try:
            container = SandboxContainer(client, ContainerRequest(image, unique_name(), LIMITS, strict=True))
            try:
                assert "read-only system" in not_in_force(check_limits(container, LIMITS, strict=True))
            finally:
                container.remove()
        finally:
            client.close()
