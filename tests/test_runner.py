import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from sandbox.files.host_folder import HostFolder
from sandbox.languages import BY_NAME
from sandbox.program import Job
from sandbox.runner import ROOM_GIVEN_BACK, STATE_LOST, Runner
from sandbox.verdicts import ProducedFile, ProgramRun, Verdict, tell_person
from sandbox.workspace import NOT_SAVED, Workspace
from tests.engine_proxy import EngineProxy
from tests.takeover import MOVING
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import EngineError

pytestmark = pytest.mark.engine

LIMITS = Limits(timeout=20, memory=256 * 1024**2, pids=60, copied_files=20, copied_file=10**6, copied_total=2 * 10**6)
Run = Callable[..., ProgramRun]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folder")


@pytest.fixture(scope="module")
def runner(engine: docker.APIClient, image: str, folder: Path) -> Iterator[Runner]:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(folder)), engine)
    runner.start()
    yield runner
    runner.stop()
    runner.stop()  # stopped already: no error


def python(runner: Runner, code: str, stop: threading.Event | None = None) -> ProgramRun:
    return runner.run(Job(BY_NAME["python"], code, "program.py"), stop or threading.Event(), lambda text: None)


def names(files: list[ProducedFile]) -> list[str]:
    return [file.name for file in files]


def test_a_program_that_is_too_new_for_the_image_is_told_so_with_the_version_of_the_image(runner: Runner) -> None:
    version = python(runner, "import sys\nprint('%d.%d' % sys.version_info[:2], end='')").output
    run = python(runner, "try:\n    print(1)\nexcept ValueError, TypeError:\n    pass\n")
    if tuple(map(int, version.split("."))) >= (3, 14):
        assert (run.verdict, run.output) == (Verdict.OK, "1\n")
    else:
        assert run.verdict is Verdict.COMPILE
        assert [note.partition(" needs ")[2] for note in run.notes] == [f"Python 3.14, and the image has Python {version}"]


def test_new_and_changed_files_are_mirrored_once_and_the_program_itself_is_not_listed(runner: Runner, folder: Path) -> None:
    python(runner, "import os\nos.makedirs('sub')\nopen('sub/a.bin', 'wb').write(bytes(range(256)) * 400)\nopen('empty', 'w')")
    files = runner.collect()
    assert [(file.name, file.size, file.new) for file in files] == [("empty", 0, True), ("sub/a.bin", 102400, True)]
    assert files[1].path == folder / "sub/a.bin"
    assert files[1].path.read_bytes() == bytes(range(256)) * 400
    assert (folder / "program.py").is_file()
    assert runner.collect() == []
    python(runner, "open('empty', 'w').write('no more')")
    assert [(file.name, file.new) for file in runner.collect()] == [("empty", False)]
    assert (folder / "empty").read_text() == "no more"


def test_a_program_that_rewrites_itself_does_not_replace_what_was_shown_of_it(runner: Runner, folder: Path) -> None:
    shown = "open(__file__, 'a').write('# canary')\nopen('own.txt', 'w').write('1')"
    python(runner, shown)
    files = runner.collect()
    assert names(files) == ["own.txt", "program~2.py"]
    assert (folder / "program.py").read_text() == shown
    assert (folder / "program~2.py").read_text() == shown + "# canary" == files[1].path.read_text()
    # The next program is shown under the first name again, and a program of another name that changes it is a change like any other.
    python(runner, "print('next')")
    assert runner.collect() == []
    assert (folder / "program.py").read_text() == "print('next')"
    runner.run(Job(BY_NAME["sh"], "echo '# more' >>program.py", "script.sh"), threading.Event(), lambda text: None)
    assert names(runner.collect()) == ["program.py"]


def test_a_program_that_cannot_be_stored_under_its_name_fails_and_costs_no_container(runner: Runner) -> None:
    python(runner, "import os\nos.symlink('..', 'up')")
    number = runner.number
    done = runner.run(Job(BY_NAME["python"], "print(1)", "up/canary"), threading.Event(), lambda text: None)
    assert (done.verdict, done.exit_code, done.output) == (Verdict.NOT_RUN, None, "")
    assert done.reason == "up/canary cannot be stored: a folder in its name is a link"
    assert runner.number == number
    python(runner, "import os\nos.remove('up')")


def test_only_regular_files_with_safe_names_arrive(runner: Runner, folder: Path) -> None:
    assert python(runner, ODD_FILES).output == "made\n"
    files = {file.name for file in runner.collect()}
    reasons = {left.name: left.reason for left in runner.workspace.left_out}
    assert files >= {"_rf", "a_b", "_CON", "hard", "setuid", "A.txt", "a~2.txt", "tricky_name"}
    assert {name: reasons[name] for name in ("link", "dangling", "folder", "pipe")} == {
        "link": "a link",
        "dangling": "a link",
        "folder": "a link",
        "pipe": "a pipe",
    }
    assert reasons["socket"] == "a socket"
    assert reasons["bad\\xff"] == "its name is not UTF-8"
    assert reasons["unreadable"] == "it cannot be read"
    assert reasons["large"] == "larger than 976.6 KiB"
    assert reasons[".git/config"] == "its name is not allowed here"
    assert (folder / "hard").read_text() == "A"
    for path in folder.rglob("*"):
        assert path.is_dir() or path.is_file()
        assert not path.is_symlink()
        assert path.is_dir() or path.stat().st_mode & 0o7133 == 0, "no execute bit, no setuid bit"
    assert not list(folder.glob(".*.part"))


ODD_FILES = r"""
import os, socket
for name in ("-rf", "a\nb", "CON", "A.txt", "a.txt", "setuid", "unreadable", "tricky\x1bname"):
    open(name, "w").write("A")
open(b"bad\xff", "w").write("A")
os.chmod("setuid", 0o4755)
os.chmod("unreadable", 0)
os.link("A.txt", "hard")
os.symlink("/etc/passwd", "link")
os.symlink("/no/where", "dangling")
os.symlink("/etc", "folder")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
os.truncate(os.open("large", os.O_CREAT | os.O_WRONLY), 10**12 // 1024)
os.mkdir(".git"); open(".git/config", "w").write("[core]\nfsmonitor = touch /tmp/owned\n")
print("made")
"""


def test_the_number_and_the_sum_of_files_are_capped(runner: Runner) -> None:
    python(runner, "for i in range(30): open(f'many{i:02}', 'w').write('x')")
    files = runner.collect()
    assert len(files) == 20
    assert sum(left.reason == "more than 20 files" for left in runner.workspace.left_out) == 10
    python(runner, "for i in range(4): open(f'big{i}', 'wb').write(bytes(900_000))")
    assert names(runner.collect()) == ["big0", "big1"]
    assert {left.reason for left in runner.workspace.left_out if left.name.startswith("big")} == {"more than 1.9 MiB in all"}


def test_fifteen_thousand_files_do_not_hold_anyone_up(runner: Runner) -> None:
    many = "import os\nos.mkdir('heap'); os.chdir('heap')\nfor i in range(15_000): os.close(os.open(f'{i:090}', os.O_CREAT))"
    assert python(runner, many).verdict is Verdict.OK
    began = time.monotonic()
    assert len(runner.collect()) <= 20
    assert time.monotonic() - began < 20
    assert any("more files than can be listed" in left.reason for left in runner.workspace.left_out)
    python(runner, "import shutil\nshutil.rmtree('heap')")


def test_the_next_program_finds_its_process_started_and_does_not_depend_on_it(image: str, tmp_path: Path) -> None:
    create = re.compile("POST .*/containers/.*/exec")
    count = "import os\nprint(sum(os.stat(f'/proc/{p}').st_uid == 1000 for p in os.listdir('/proc') if p.isdigit()))"

    def started(work: Callable[[], ProgramRun]) -> tuple[str, int]:
        before = sum(map(bool, map(create.match, proxy.requests)))
        output = work().output
        return output, sum(map(bool, map(create.match, proxy.requests))) - before

    with EngineProxy() as proxy, closing(proxy.client()) as client:
        runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(tmp_path)), client)
        try:
            runner.start()
            settle(proxy, 1)
            alone, made = started(lambda: python(runner, count))
            assert made == 0, "it was started before there was a program"
            assert started(lambda: python(runner, count)) == (alone, 1), "a program has run, and nobody has looked since"
            runner.collect()
            settle(proxy, 4)  # the listing's, too
            assert started(lambda: python(runner, count)) == (alone, 0)
            runner.collect()
            settle(proxy, 6)
            runner.use(lambda container: container.sweep())  # whatever ends it costs nothing
            assert python(runner, "print('ran')").output == "ran\n"
        finally:
            runner.stop()


def settle(proxy: EngineProxy, number: int) -> None:
    """Wait until so many processes have been started in the container."""
    until = time.monotonic() + 20
    while sum("/exec/" in line and line.endswith("/start") for line in proxy.requests) < number:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_still_runs_cannot_change_what_is_copied(runner: Runner, folder: Path) -> None:
    python(runner, MOVING)
    assert names(runner.collect()) == ["moving"]
    seen = (folder / "moving").read_text()
    assert runner.collect() == []
    assert python(runner, "print(open('moving').read())").output.strip() == seen


def test_state_stays_from_run_to_run_and_its_loss_is_said(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(tmp_path)), engine)
    runner.start()
    try:
        python(runner, "open('state', 'w').write('kept')")
        assert python(runner, "print(open('state').read())").output == "kept\n"
        engine.remove_container(next(iter(engine.containers(filters={"name": runner._request.name})))["Id"], force=True)
        assert runner.collect() == []
        again = python(runner, "import os\nprint(os.path.exists('state'))")
        assert (again.verdict, again.output, again.notes) == (Verdict.OK, "False\n", (STATE_LOST,))
        assert runner.number == 2
        assert python(runner, "print(1)").notes == ()
        # A paused container answers nothing: it is replaced, too.
        engine.pause(runner._request.name)
        assert python(runner, "print(2)").notes == (STATE_LOST,)
    finally:
        runner.stop()
    assert engine.containers(all=True, filters={"name": runner._request.name}) == []


def test_a_program_that_cannot_be_killed_costs_the_container_and_not_the_session(
    engine: docker.APIClient, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(tmp_path)), engine)
    runner.start()
    stop = threading.Event()
    threading.Timer(0.4, stop.set).start()

    def no_process_can_be_started(*user: str) -> None:
        raise OSError("exec failed")

    monkeypatch.setattr(runner._container, "sweep", no_process_can_be_started)
    try:
        done = python(runner, "import time\ntime.sleep(60)", stop)
        assert (done.verdict, done.notes) == (Verdict.CANCELLED, (STATE_LOST,))
        assert python(runner, "print('next')").output == "next\n"
    finally:
        runner.stop()


FILL = "for n in range(4): open(f'big{n}', 'wb').write(bytes(40 * 2**20))\nprint('full', flush=True)\n"
THERE = "import os\nprint(os.path.exists('big0'))"


def test_what_filled_the_disk_goes_with_its_container(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    limits = replace(LIMITS, timeout=30, memory=512 * 1024**2, disk=100 * 1024**2)
    runner = Runner(ContainerRequest(image, unique_name(), limits), Workspace(lambda: HostFolder(tmp_path)), engine)
    runner.start()
    try:
        done = python(runner, f"{FILL}import time\ntime.sleep(30)")
        assert (done.verdict, done.notes) == (Verdict.DISK, (ROOM_GIVEN_BACK,))
        assert tell_person(done, limits).startswith("Stopped: the files of the sandbox took more than 100 MiB.")
        assert (python(runner, THERE).output, runner.number) == ("False\n", 2)
        # A program that ends before anybody has looked: its files are looked at afterwards.
        assert python(runner, f"{FILL}open('small', 'w').write('kept')").verdict is Verdict.OK
        assert "small" in names(runner.collect())
        assert "more than 100 MiB" in runner.workspace.left_out[-1].reason
        after = python(runner, THERE)
        assert (after.output, after.notes, runner.number) == ("False\n", (STATE_LOST,), 3)
        # The control: a container that holds no more than it may is kept.
        python(runner, "open('big0', 'wb').write(bytes(40 * 2**20))")
        runner.collect()
        assert (python(runner, THERE).output, runner.number) == ("True\n", 3)
    finally:
        runner.stop()


def test_a_program_that_cannot_be_saved_here_still_runs(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(tmp_path / "missing")), engine)
    runner.start()
    try:
        done = python(runner, "print(1)")
        assert (done.output, done.notes) == ("1\n", (f"program.py {NOT_SAVED}",))
    finally:
        runner.stop()


def test_stopping_ends_what_runs_and_leaves_no_thread_waiting(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    runner = Runner(ContainerRequest(image, unique_name(), LIMITS), Workspace(lambda: HostFolder(tmp_path)), engine)
    runner.start()
    runs: list[ProgramRun] = []
    thread = threading.Thread(target=lambda: runs.append(python(runner, "import time\ntime.sleep(60)")))
    thread.start()
    time.sleep(0.4)
    began = time.monotonic()
    runner.stop()
    thread.join(30)
    assert time.monotonic() - began < 20
    assert runs[0].verdict is not Verdict.OK


def test_the_init_command_runs_first_and_its_failure_is_an_error(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    request = ContainerRequest(image, unique_name(), LIMITS)
    failing = Runner(request, Workspace(lambda: HostFolder(tmp_path)), engine, "echo no such thing >&2; exit 3")
    with pytest.raises(EngineError, match="no such thing"):
        failing.start()
    failing.stop()
    assert engine.containers(all=True, filters={"name": request.name}) == []
    runner = Runner(request, Workspace(lambda: HostFolder(tmp_path)), engine, "echo made > made.txt")
    runner.start()
    try:
        assert (tmp_path / "made.txt").read_text() == "made\n"
        assert python(runner, "print(open('made.txt').read())").output == "made\n\n"
    finally:
        runner.stop()


def test_a_listener_of_the_host_cannot_be_reached_while_the_network_is_off(
    runner: Runner, engine: docker.APIClient, image: str, tmp_path: Path
) -> None:
    opened = Runner(ContainerRequest(image, unique_name(), Limits(network="on")), Workspace(lambda: HostFolder(tmp_path)), engine)
    opened.start()
    try:
        with socket.create_server(("0.0.0.0", 0)) as listener:
            listener.settimeout(0.2)
            route = "print(next(line.split()[2] for line in open('/proc/net/route') if line.split()[1] == '00000000'))"
            gateway = socket.inet_ntoa(bytes.fromhex(python(opened, route).output.strip())[::-1])
            call = f"import socket\nsocket.create_connection(({gateway!r}, {listener.getsockname()[1]}), timeout=1)"
            refused = python(runner, call)
            assert refused.verdict is Verdict.FAILED
            assert "unreachable" in refused.output
            with pytest.raises(TimeoutError):
                listener.accept()
            # The control: with the network on, the same program reaches it.
            assert python(opened, call).verdict is Verdict.OK
            listener.accept()[0].close()
    finally:
        opened.stop()
