"""A batch on many machines: a real scheduler and real workers on loopback, killed at the worst moments."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from teams.batch.machines import travelling
from tests.batches import results_of
from tests.cluster import Cluster, copy_program, kill
from tests.endpoint import ModelEndpoint, closed_url
from tests.fakes import program
from tests.program import model_environment, wait_until
from tests.terminal import ROOT, program_environment
from utils.settings import load_settings


def answers(port: int) -> bool:
    """Whether something listens at the port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


class Stage:
    """A copy of the program with a folder for a batch, and the log of what its tasks did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = copy_program(folder)
        self.log = folder / "log"
        self.log.touch()
        self.environment = program_environment(STAND_IN_LOG=str(self.log), OPENAI_API_KEY="of-the-worker")

    def cluster(self, *changes: dict[str, str], nanny: bool = False, name: str = "cluster") -> Cluster:
        """Make a scheduler and a worker for each change of the environment."""
        return Cluster(self.folder / name, self.program, [{**self.environment, **each} for each in changes], nanny=nanny)

    def start(self, cluster: Cluster, *arguments: str) -> subprocess.Popen[str]:
        """Start the batch of tasks.txt."""
        command = [sys.executable, "main.py", "batch", str(self.folder / "tasks.txt"), "--output", str(self.folder / "out.jsonl")]
        command += ["--scheduler", cluster.address, *arguments]
        environment = {**self.environment, "OPENAI_API_KEY": "of-this-machine", "PIP_INDEX_URL": "https://user:word@example.org/simple"}
        environment["SANDBOX_INDEX_CREDENTIALS"] = "true"
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.program, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, cluster: Cluster, *arguments: str) -> tuple[int, str]:
        """Run the batch and return its status and what it said."""
        with self.start(cluster, *arguments) as process:
            try:
                _, said = process.communicate(timeout=240)
            finally:
                process.kill()
        return process.returncode, said

    def write(self, tasks: Sequence[str]) -> None:
        """Write the tasks, and remove the results of the batch before."""
        (self.folder / "out.jsonl").unlink(missing_ok=True)
        (self.folder / "tasks.txt").write_text("".join(f"{task}\n" for task in tasks))

    @property
    def starts(self) -> Counter[str]:
        """How often each task was started."""
        return Counter(line.removeprefix("start ") for line in self.log.read_text().splitlines() if line.startswith("start "))

    @property
    def statuses(self) -> dict[str, str]:
        """How each task ended; none may be in the file twice."""
        found = results_of(self.folder)
        assert len({each["id"] for each in found}) == len(found)
        return {each["task"]: each["status"] for each in found}

    def has(self, lines: int) -> bool:
        """Whether the file of results has so many whole lines."""
        file = self.folder / "out.jsonl"
        return file.exists() and file.read_bytes().count(b"\n") >= lines


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Cluster]]:
    """Give a stage and two workers to the tests that leave both as they were."""
    stage = Stage(tmp_path_factory.mktemp("healthy"))
    with stage.cluster({"WORKSPACE": "of-the-worker"}, {"WORKSPACE": "of-the-worker"}) as cluster:
        yield stage, cluster


@pytest.mark.parametrize(("tasks", "done"), [(20, 6), pytest.param(60, 20, marks=pytest.mark.soak)])
def test_a_worker_that_is_killed_costs_at_most_the_task_it_was_doing(tasks: int, done: int, stage: Stage) -> None:
    stage.write([f"task {number}" for number in range(tasks)])
    with stage.cluster({}, {}) as cluster, stage.start(cluster) as process:
        try:
            wait_until(lambda: stage.has(done), 120)
            kill(cluster.workers[0])
            _, said = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 0, said
    assert Counter(stage.statuses.values()) == {"approved": tasks}
    assert sum(stage.starts.values()) - tasks <= 1


def test_a_poisonous_task_costs_one_error_and_its_neighbours_nothing(stage: Stage) -> None:
    stage.environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "1"
    stage.write([*(f"task {number}" for number in range(4)), "poison", *(f"task {number}" for number in range(4, 8))])
    with stage.cluster({}, {}, nanny=True) as cluster:
        status, said = stage.run(cluster)
    assert status == 1, said
    assert stage.statuses.pop("poison") == "error"
    assert Counter(stage.statuses.values()) == {"approved": 8, "error": 1}
    assert "killed-worker 1" in said


def test_a_lost_scheduler_leaves_the_file_whole_and_resume_completes_it(stage: Stage) -> None:
    stage.write([f"task {number}" for number in range(20)])
    with stage.cluster({}, {}) as cluster, stage.start(cluster) as process:
        try:
            wait_until(lambda: stage.has(8), 120)
            kill(cluster.scheduler)
            _, said = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, "the scheduler is gone" in said) == (1, True), said
    assert 8 <= len(stage.statuses) < 20
    with stage.cluster({}, name="second") as cluster:
        status, said = stage.run(cluster, "--resume")
    assert status == 0, said
    assert Counter(stage.statuses.values()) == {"approved": 20}


def test_ctrl_c_ends_what_the_workers_do(healthy: tuple[Stage, Cluster]) -> None:
    stage, cluster = healthy
    stage.write(["task 0", "for ever 1", "for ever 2", "task 3"])
    with stage.start(cluster) as process:
        try:
            wait_until(lambda: stage.log.read_text().count("waiting for ever") == 2, 120)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=120)
            assert stage.log.read_text().count("stopped for ever") == 2, said
            assert [worker.poll() for worker in cluster.workers] == [None, None]
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert stage.statuses == {"task 0": "approved"}


@pytest.mark.soak
def test_a_child_dies_with_its_worker(stage: Stage) -> None:
    stage.write(["for ever"])
    with stage.cluster({}) as cluster, stage.start(cluster) as process:
        try:
            wait_until(lambda: "waiting for ever" in stage.log.read_text(), 120)
            kill(cluster.workers[0])
            wait_until(lambda: "stopped for ever" in stage.log.read_text(), 60)
        finally:
            process.kill()


def test_the_others_begin_when_the_first_has_its_answer(healthy: tuple[Stage, Cluster]) -> None:
    stage, cluster = healthy
    stage.write(["until another one begins", "another"])
    status, said = stage.run(cluster)
    assert status == 0, said


def test_a_worker_that_can_do_nothing_is_named_and_the_others_do_all(stage: Stage) -> None:
    stage.write([f"task {number}" for number in range(6)])
    with stage.cluster({"NO_ENGINE": "1"}, {}, {"OPENAI_API_KEY": "refused"}) as cluster:
        status, said = stage.run(cluster)
    assert status == 0, said
    assert Counter(stage.statuses.values()) == {"approved": 6}
    assert said.count("takes no tasks: no container engine is running") <= 1
    assert said.count("takes no tasks: the key is refused") <= 1
    assert "takes no tasks" in said


@pytest.mark.soak
def test_a_key_that_every_worker_has_wrong_is_asked_with_once_each(stage: Stage) -> None:
    stage.write([f"task {number}" for number in range(30)])
    with stage.cluster(*[{"OPENAI_API_KEY": "refused"}] * 2) as cluster:
        status, said = stage.run(cluster)
    assert status == 3, said
    assert "no worker can do a task" in said
    assert sum(stage.starts.values()) == 2
    assert stage.statuses == {}


def test_settings_travel_and_keys_stay(healthy: tuple[Stage, Cluster]) -> None:
    stage, cluster = healthy
    stage.write(["say your environment"])
    status, said = stage.run(cluster, "--timeout", "7", "--workspace", str(stage.folder / "here"))
    assert status == 0, said
    (found,) = (json.loads(line) for line in stage.log.read_text().splitlines() if line.startswith("{"))
    assert found == {"OPENAI_API_KEY": "of-the-worker", "SANDBOX_TIMEOUT": "7", "PIP_INDEX_URL": "", "WORKSPACE": "of-the-worker"}
    assert "PIP_INDEX_URL stays here" in said


def test_a_worker_with_another_program_or_none_takes_no_tasks(stage: Stage) -> None:
    stage.write(["task"])
    other = copy_program(stage.folder / "other")
    with (other / "main.py").open("a") as stream:
        stream.write("\n# another version\n")
    with stage.cluster({}) as cluster:
        kill(cluster.workers[0])
        cluster.add_worker(stage.environment, other)
        cluster.add_worker(stage.environment, stage.folder)
        status, said = stage.run(cluster)
    assert status == 2, said
    assert "takes no tasks: the program there is another version" in said
    assert "takes no tasks: it does not have the program" in said
    assert stage.starts == {}


@pytest.mark.soak
def test_the_commands_of_the_readme_run(stage: Stage) -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("### Many machines")[2].partition("\n##")[0]
    port = closed_url().removesuffix("/v1").rpartition(":")[2]
    local = text.replace("--host 10.0.0.5", f"--host 127.0.0.1 --no-dashboard --port {port}").replace("10.0.0.5:8786", f"127.0.0.1:{port}")
    commands = [line.split() for line in local.partition("```bash\n")[2].partition("```")[0].splitlines()]
    assert [words[:4] for words in commands[:3]] == [
        ["pip", "install", "-r", "requirements/dask.txt"],
        ["python", "-m", "dask", "scheduler"],
        ["python", "-m", "dask", "worker"],
    ]
    (stage.program / "tasks.jsonl").write_text('{"task": "one"}\n')
    started: list[subprocess.Popen[bytes]] = []
    try:
        for words in commands[1:]:
            where = {"cwd": stage.program, "env": stage.environment, "start_new_session": True}
            started.append(subprocess.Popen([sys.executable, *words[1:]], stderr=subprocess.DEVNULL, **where))  # type: ignore[call-overload]
            if len(started) == 1:  # a worker and a batch wait, but not for a scheduler that is still to come
                wait_until(lambda: answers(int(port)), 120)
        assert started[-1].wait(120) == 0
    finally:
        for process in reversed(started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert [each["status"] for each in results_of(stage.program, "results.jsonl")] == ["approved"]


def test_a_scheduler_that_is_not_there(stage: Stage) -> None:
    stage.write(["task"])
    cluster = stage.cluster({})
    cluster.address = closed_url().removeprefix("http://").removesuffix("/v1")
    status, said = stage.run(cluster)
    assert status == 4, said
    assert "does not answer" in said


def test_only_what_was_set_travels() -> None:
    keys = {"OPENAI_API_KEY": "k", "PIP_INDEX_URL": "https://a/b"}
    settings = load_settings({"timeout": "7", "memory": "512m", "strict": "true"}, {**keys, "SANDBOX_IMAGE_RUBY": "ruby:3"})
    assert travelling(settings) == {
        "SANDBOX_IMAGE_RUBY": "ruby:3",
        "SANDBOX_TIMEOUT": "7",
        "SANDBOX_MEMORY": str(512 * 1024**2),
        "SANDBOX_STRICT": "true",
        "SANDBOX_NETWORK": "off",
        "SANDBOX_PIDS": "128",
    }
    again = load_settings({}, travelling(settings))
    assert (again.timeout, again.memory, again.strict, again.images) == (7, 512 * 1024**2, True, {"ruby": "ruby:3"})


@pytest.mark.engine
def test_workers_run_real_tasks_and_one_without_an_engine_runs_none(tmp_path: Path, image: str) -> None:
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps({"task": f"say {number}", "expect": "hello"}) + "\n" for number in range(2)))
    with ModelEndpoint([program("print('hello')")], repeat=True) as endpoint:
        environment = model_environment(endpoint, SANDBOX_IMAGE=image, WORKSPACE=str(tmp_path / "workspace"))
        broken = {**environment, "DOCKER_HOST": f"unix://{tmp_path / 'none.sock'}"}
        with Cluster(tmp_path / "cluster", ROOT, [broken, environment]) as cluster:
            command = [
                sys.executable,
                str(ROOT / "main.py"),
                "batch",
                "tasks.jsonl",
                "--output",
                "out.jsonl",
                "--scheduler",
                cluster.address,
            ]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert [each["output"] for each in results_of(tmp_path)] == ["hello\n"] * 2
        assert len(endpoint.requests) == 2
