"""Languages whose tools the session's image lacks: run in an image of their own, with the files carried both ways."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from sandbox.engine.limit_check import State, check_limits
from sandbox.files.host_folder import HostFolder
from sandbox.languages import BY_NAME, Language, Step
from sandbox.program import Job
from sandbox.session_runner import SessionRunner
from sandbox.verdicts import ProgramRun, Verdict
from sandbox.workspace import Workspace
from tests.images import image_of
from utils.docker_utils import ContainerRequest, Limits, unique_name

pytestmark = pytest.mark.engine
# A shell under a name that only one image has.
ODD = Language("odd", ("odd",), "program.odd", Step(("odd-shell",)), "sandbox-none:missing", 7, cannot="Nothing.")


@pytest.fixture(scope="module")
def odd_image(engine: docker.APIClient, image: str) -> Iterator[str]:
    """Make an image that has what the session's lacks."""
    with image_of(engine, image, without="odd") as name:
        yield name


@pytest.fixture
def runner(engine: docker.APIClient, image: str, odd_image: str, tmp_path: Path) -> Iterator[SessionRunner]:
    """Start a session's container, whose settings name the image of the odd language."""
    request = ContainerRequest(image, unique_name(), Limits(timeout=30, network="off"))
    made = SessionRunner(request, Workspace(lambda: HostFolder(tmp_path)), engine, images={"odd": odd_image})
    yield made
    made.stop()


def run(runner: SessionRunner, language: Language, code: str) -> ProgramRun:
    return runner.run(Job(language, code, language.file_name), threading.Event(), lambda text: None)


def test_files_are_carried_both_ways_and_come_to_the_user_once(runner: SessionRunner, tmp_path: Path) -> None:
    assert run(runner, BY_NAME["sh"], "echo one >data.txt; mkdir -p sub; echo two >sub/more.txt\n").verdict is Verdict.OK
    done = run(runner, ODD, "cat data.txt sub/more.txt; echo three >answer.txt; echo changed >data.txt\n")
    assert (done.verdict, done.output) == (Verdict.OK, "one\ntwo\n")
    assert run(runner, BY_NAME["sh"], "cat answer.txt data.txt; echo four >data.txt\n").output == "three\nchanged\n"
    assert run(runner, ODD, "cat data.txt answer.txt\n").output == "four\nthree\n"
    assert sorted(file.name for file in runner.collect()) == ["answer.txt", "data.txt", "sub/more.txt"]
    assert run(runner, ODD, "echo fivE >data.txt\n").verdict is Verdict.OK
    assert run(runner, BY_NAME["sh"], "cat data.txt; echo five >data.txt\n").output == "fivE\n"
    assert run(runner, ODD, "cat data.txt\n").output == "five\n"
    assert (tmp_path / "answer.txt").read_text() == "three\n"
    assert (tmp_path / "program.odd").is_file()


def test_the_container_of_a_language_is_made_ready_once_before_its_first_program(runner: SessionRunner) -> None:
    said: list[str] = []
    runner.start()
    for language in (ODD, ODD, BY_NAME["sh"]):
        job = Job(language, "true\n", language.file_name, prepares=said.append)
        done = runner.run(job, threading.Event(), lambda text: None)
        assert (done.verdict, done.notes) == (Verdict.OK, ())
    assert said == ["odd", ""]


def test_what_one_language_deletes_is_gone_for_the_other(runner: SessionRunner) -> None:
    run(runner, BY_NAME["sh"], "mkdir sub; for i in 1 2 3 4; do echo $i >$i.txt; echo $i >sub/$i.txt; done\n")
    assert run(runner, ODD, "rm 1.txt sub/1.txt; ls *.txt sub\n").output == "2.txt\n3.txt\n4.txt\n\nsub:\n2.txt\n3.txt\n4.txt\n"
    assert run(runner, BY_NAME["sh"], "ls *.txt; ls sub; rm 2.txt sub/2.txt\n").output == "2.txt\n3.txt\n4.txt\n" * 2
    assert run(runner, ODD, "ls sub; ls *.txt; echo new >2.txt\n").output == "3.txt\n4.txt\n3.txt\n4.txt\n"
    assert run(runner, BY_NAME["sh"], "cat 2.txt; ls sub\n").output == "new\n3.txt\n4.txt\n"
    # A container that takes the other's place is without them, too.
    run(runner, BY_NAME["sh"], "rm 3.txt\n")
    run(runner, ODD, "true\n")
    runner._others["odd"].runner.drop()
    assert run(runner, ODD, "ls *.txt\n").output == "2.txt\n4.txt\n"


@pytest.mark.parametrize("strict", [False, True])
def test_the_limits_of_a_session_are_in_force_in_the_container_of_a_language(
    strict: bool, engine: docker.APIClient, image: str, odd_image: str, tmp_path: Path
) -> None:
    limits = Limits(timeout=30, memory=256 * 1024**2, cpus=1.0, pids=77, network="off")
    request = ContainerRequest(image, unique_name(), limits, strict=strict)
    runner = SessionRunner(request, Workspace(lambda: HostFolder(tmp_path)), engine, images={"odd": odd_image})
    try:
        assert run(runner, ODD, "true\n").verdict is Verdict.OK
        there = runner.runner_for(ODD)
        assert there is not runner
        of_the_session = runner.use(lambda container: check_limits(container, limits, strict=strict))
        of_the_language = there.use(lambda container: check_limits(container, limits, strict=strict))
        assert of_the_language == of_the_session
        assert [fact for fact in of_the_language if fact.state is State.IGNORED] == []
        # The positive control: a limit that is not in force would be seen.
        other = there.use(lambda container: check_limits(container, replace(limits, pids=50), strict=strict))
        assert [fact.limit for fact in other if fact.state is State.IGNORED] == ["processes"]
    finally:
        runner.stop()


def test_the_other_container_ends_with_the_session(engine: docker.APIClient, runner: SessionRunner, odd_image: str) -> None:
    run(runner, ODD, "true\n")
    assert len(engine.containers(filters={"ancestor": odd_image})) == 1
    runner.stop()
    assert engine.containers(filters={"ancestor": odd_image}) == []


def test_a_language_without_an_image_is_not_run_and_the_pull_is_offered(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    request = ContainerRequest(image, unique_name(), Limits(timeout=30, network="off"))
    runner = SessionRunner(request, Workspace(lambda: HostFolder(tmp_path)), engine)
    try:
        done = run(runner, ODD, "true\n")
        assert done.verdict is Verdict.NOT_RUN
        assert "the image has no odd-shell to run odd with" in done.reason
        assert "`docker pull sandbox-none:missing` (about 7 MB)" in done.reason
        assert "SANDBOX_IMAGE_ODD" in done.reason
        assert run(runner, BY_NAME["sh"], "echo on\n").output == "on\n"
    finally:
        runner.stop()
