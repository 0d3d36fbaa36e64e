"""What an engine can do wrong, through a proxy that does it: nothing of it may pass for a result, hang, or leave something behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.engine.leftovers import remove_leftovers
from sandbox.exec_stream import Command
from sandbox.files.host_folder import HostFolder
from sandbox.languages import BY_NAME
from sandbox.program import Job
from sandbox.runner import STATE_LOST, Runner
from sandbox.verdicts import Ended, ProgramRun, Verdict, tell_model
from sandbox.workspace import Workspace
from tests.engine_proxy import EngineProxy
from utils.docker_utils import LABEL, ContainerRequest, Limits, remove_container, unique_name
from utils.errors import EngineError
from utils.owner import owner

pytestmark = pytest.mark.engine

LIMITS = Limits(timeout=2, memory=128 * 1024**2, pids=50)
EXEC_STREAM = r"POST .*/exec/\w+/start"
CREATE = "POST .*/containers/create"


@pytest.fixture(scope="module")
def proxy() -> Iterator[EngineProxy]:
    with EngineProxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def client(proxy: EngineProxy) -> Iterator[docker.APIClient]:
    client = proxy.client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def runner(client: docker.APIClient, image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """One for all tests: a fault of one engine call must not be felt in the next program."""
    folder = tmp_path_factory.mktemp("session")
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(folder)), client)
    runner.start()
    yield runner
    runner.stop()


@pytest.fixture(autouse=True)
def no_fault_stays(proxy: EngineProxy) -> Iterator[None]:
    yield
    proxy.faults.clear()


def python(runner: Runner, code: str) -> ProgramRun:
    return runner.run(Job(BY_NAME["python"], code, "program.py"), threading.Event(), lambda text: None)


def works(runner: Runner) -> None:
    """The control: the same program on the same runner, with no fault."""
    run = python(runner, "print('fine')")
    assert (run.verdict, run.output) == (Verdict.OK, "fine\n")


def leftovers(engine: docker.APIClient, name: str) -> list[str]:
    found = engine.containers(all=True, filters={"name": name})
    return [each["Names"][0] for each in found]


PRINTS = "import time\nprint('x' * 1000, flush=True)\ntime.sleep(0.3)\nprint('done')"


@pytest.mark.parametrize("after", [1, 10, 900])
def test_a_cut_stream_is_a_result_that_nobody_knows(runner: Runner, proxy: EngineProxy, after: int) -> None:
    works(runner)
    fault = proxy.fail(EXEC_STREAM, "cut", after=after)
    run = python(runner, PRINTS)
    assert fault.met == 1
    assert run.verdict is Verdict.LOST
    assert "done" not in run.output
    assert "do not count it as success" in tell_model(run, LIMITS)
    works(runner)


def test_a_program_whose_stream_was_cut_at_once_is_handed_over_again_or_unknown_but_never_run_twice(
    runner: Runner, proxy: EngineProxy
) -> None:
    fault = proxy.fail(EXEC_STREAM, "cut", after=0)
    run = python(runner, "open('handed', 'a').write('once ')\nprint('fine')")
    assert fault.met == 1
    # Whether the engine had taken the program when the stream broke is a race; an unknown result must not be taken for one.
    assert (run.verdict, run.output) in ((Verdict.OK, "fine\n"), (Verdict.LOST, ""))
    assert python(runner, "import os\nprint(open('handed').read() if os.path.exists('handed') else '')").output.count("once") <= 1


def test_a_program_whose_stream_was_cut_is_not_run_twice(runner: Runner, proxy: EngineProxy) -> None:
    proxy.fail(EXEC_STREAM, "cut", after=1)
    assert python(runner, "open('count', 'a').write('once ')").verdict is Verdict.LOST
    assert python(runner, "import time\ntime.sleep(0.2)\nprint(open('count').read())").output.count("once") <= 1


@pytest.mark.parametrize("after", [0, 60])
def test_a_stalled_stream_meets_our_deadline_and_is_no_success(
    runner: Runner, proxy: EngineProxy, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.program._OUR_DEADLINE", 1)
    fault = proxy.fail(EXEC_STREAM, "stall", after=after)
    began = time.monotonic()
    run = python(runner, "print('x' * 1000)")
    assert fault.met == 1
    assert run.verdict is Verdict.LOST
    assert time.monotonic() - began < 30
    works(runner)


def test_no_output_and_exit_code_zero_are_not_taken_for_a_program_that_printed_nothing(runner: Runner, proxy: EngineProxy) -> None:
    fault = proxy.fail(EXEC_STREAM, "hush")
    run = python(runner, "print('hello')")
    assert fault.met == 1
    assert run.verdict is Verdict.LOST
    run = python(runner, "pass")
    assert (run.verdict, run.output) == (Verdict.OK, ""), "the control: this one printed nothing"


@pytest.mark.parametrize("status", [404, 409, 500])
def test_an_exec_that_is_refused_once_is_asked_for_again(runner: Runner, proxy: EngineProxy, status: int) -> None:
    fault = proxy.fail(r"POST .*/containers/\w+/exec", "answer", status=status)
    works(runner)
    assert fault.met == 1


def test_an_exec_that_is_always_refused_is_one_error(runner: Runner, proxy: EngineProxy) -> None:
    proxy.fail(r"POST .*/containers/\w+/exec", "answer", status=500, text="no more execs", times=100)
    with pytest.raises(EngineError, match="no more execs") as error:
        python(runner, "print('never')")
    assert error.value.hint
    proxy.faults.clear()
    works(runner)


def test_an_exec_whose_end_cannot_be_asked_for_is_lost(runner: Runner, proxy: EngineProxy) -> None:
    proxy.fail(r"GET .*/exec/\w+/json", "answer", status=500, times=100)
    assert python(runner, "print('hello')").verdict is Verdict.LOST
    proxy.faults.clear()
    works(runner)


@pytest.mark.parametrize("how", ["killed", "removed"])
def test_a_container_that_somebody_ends_in_the_middle_is_replaced_and_that_is_said(
    runner: Runner, engine: docker.APIClient, how: str
) -> None:
    works(runner)
    assert runner._container is not None
    container = runner._container.id
    end = (lambda: engine.kill(container)) if how == "killed" else (lambda: remove_container(engine, container))
    timer = threading.Timer(0.5, end)
    timer.start()
    run = python(runner, "import time\ntime.sleep(30)")
    timer.join()
    assert run.verdict in (Verdict.LOST, Verdict.KILLED)
    assert run.seconds < 25
    after = python(runner, "print('fine')")
    assert (after.verdict, after.output) == (Verdict.OK, "fine\n")
    assert STATE_LOST in after.notes


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_files_whose_stream_breaks_are_not_stored_half(
    runner: Runner, proxy: EngineProxy, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.files.transfer._SECONDS", 1)
    assert python(runner, f"open('{how}.bin', 'wb').write(b'x' * 100_000)").verdict is Verdict.OK
    folder = runner.workspace._folder().root
    before = set(folder.iterdir())
    # The listing is the first stream; the fetch behind it breaks after 50 kB.
    proxy.fail(EXEC_STREAM, how, after=50_000, times=2)  # type: ignore[arg-type]
    assert runner.collect() == []
    assert [left.name for left in runner.workspace.left_out] == ["all files"]
    assert set(folder.iterdir()) == before
    proxy.faults.clear()
    assert f"{how}.bin" in [file.name for file in runner.collect()]
    assert (folder / f"{how}.bin").read_bytes() == b"x" * 100_000


@pytest.mark.parametrize(
    ("pattern", "status"),
    [
        ("GET .*/images/", 500),
        (CREATE, 500),
        (CREATE, 404),
        (CREATE, 400),
        (r"PUT .*/archive", 507),
        (r"POST .*/disconnect", 500),
        (r"POST .*/attach", 500),
        (r"POST .*/start\b", 500),
    ],
)
def test_a_start_that_fails_is_one_line_and_leaves_nothing(
    client: docker.APIClient, engine: docker.APIClient, proxy: EngineProxy, image: str, pattern: str, status: int
) -> None:
    fault = proxy.fail(pattern, "answer", status=status, text="no space left on device", times=10)
    name = unique_name()
    with pytest.raises(EngineError) as error:
        SandboxContainer(client, ContainerRequest(image, name, LIMITS))
    assert fault.met
    assert "\n" not in error.value.message
    assert error.value.hint
    proxy.faults.clear()
    assert leftovers(engine, name) == []


def test_a_name_that_is_taken_by_a_stranger_meanwhile_is_one_line(client: docker.APIClient, engine: docker.APIClient, image: str) -> None:
    name = unique_name()
    strangers = engine.create_container(image, ["true"], name=name)["Id"]
    try:
        with pytest.raises(EngineError, match=name):
            SandboxContainer(client, ContainerRequest(image, name, LIMITS))
        assert leftovers(engine, name) == [f"/{name}"]
    finally:
        remove_container(engine, strangers)


def test_a_container_whose_making_was_not_told_is_removed(
    client: docker.APIClient, engine: docker.APIClient, proxy: EngineProxy, image: str
) -> None:
    name = unique_name()
    fault = proxy.fail(CREATE, "lose")
    with pytest.raises(EngineError, match="creating a container"):
        SandboxContainer(client, ContainerRequest(image, name, LIMITS))
    assert fault.met == 1
    assert leftovers(engine, name) == []


def test_one_that_could_not_even_be_removed_is_found_at_the_next_start(
    client: docker.APIClient, engine: docker.APIClient, proxy: EngineProxy, image: str
) -> None:
    name = unique_name()
    proxy.fail(CREATE, "lose")
    proxy.fail("DELETE ", "answer", status=500, times=100)
    with pytest.raises(EngineError):
        SandboxContainer(client, ContainerRequest(image, name, LIMITS))
    proxy.faults.clear()
    assert leftovers(engine, name) == [f"/{name}"], "the control: it is there"
    remove_leftovers(engine)
    assert leftovers(engine, name) == [f"/{name}"], "its owner lives"
    assert engine.inspect_container(name)["Config"]["Labels"][f"{LABEL}.owner"] == owner()
    remove_container(engine, name)


def test_a_removal_that_fails_is_told(client: docker.APIClient, proxy: EngineProxy, engine: docker.APIClient, image: str) -> None:
    container = SandboxContainer(client, ContainerRequest(image, unique_name(), LIMITS))
    proxy.fail("DELETE ", "answer", status=500, text="device busy", times=10)
    with pytest.raises(EngineError, match="device busy"):
        container.remove()
    proxy.faults.clear()
    container.remove()


def test_an_engine_that_says_nothing_at_all_is_given_up(proxy: EngineProxy, image: str) -> None:
    client = proxy.client(seconds=2)
    try:
        proxy.fail(CREATE, "stall", after=0)
        began = time.monotonic()
        with pytest.raises(EngineError, match="creating a container"):
            SandboxContainer(client, ContainerRequest(image, unique_name(), LIMITS))
        assert time.monotonic() - began < 30
    finally:
        client.close()


def test_every_constant_of_an_exec_is_ours(runner: Runner, proxy: EngineProxy, tmp_path: Path) -> None:
    proxy.requests.clear()
    run = python(runner, "# filename: a/b.py\nprint(1)")
    assert run.verdict is Verdict.OK
    assert all("b.py" not in line for line in proxy.requests)


def test_a_command_on_a_container_that_is_gone_is_lost(client: docker.APIClient, engine: docker.APIClient, image: str) -> None:
    container = SandboxContainer(client, ContainerRequest(image, unique_name(), LIMITS))
    assert container.run(Command(["true"])).ended is Ended.EXIT
    remove_container(engine, container.id)
    outcome = container.run(Command(["true"]))
    assert (outcome.ended, outcome.exit_code, outcome.sent) == (Ended.LOST, None, False)
    container.remove()
