import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Outcome
from sandbox.languages import BY_NAME, Language, Step
from sandbox.program import ARGV, Denied, Job, NotStarted, not_run, run_program
from sandbox.verdicts import ProgramRun, Verdict
from utils.docker_utils import ContainerRequest, Limits, unique_name
from utils.errors import EngineError

pytestmark = pytest.mark.engine

LIMITS = Limits(timeout=2, memory=256 * 1024**2, pids=60)
Run = Callable[..., ProgramRun]


@pytest.fixture(scope="module")
def container(engine: docker.APIClient, image: str) -> Iterator[SandboxContainer]:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
    yield container
    container.remove()


@pytest.fixture
def run(container: SandboxContainer) -> Run:
    def run(
        code: str,
        language: str = "python",
        limits: Limits = LIMITS,
        show: Callable[[str], None] = lambda text: None,
        name: str = "",
        stop: threading.Event | None = None,
        keep_file: bool = True,
    ) -> ProgramRun:
        row = BY_NAME[language]
        before = container.empty().counters
        job = Job(row, code, name or row.file_name, keep_file)
        return run_program(container, job, limits, before, stop or threading.Event(), show)[0]

    return run


def resident_mib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024**2


def test_a_program_that_ends_well_is_ok_and_is_shown_as_it_prints(run: Run) -> None:
    shown: list[tuple[float, str]] = []
    done = run("import time\nprint('one')\ntime.sleep(0.5)\nprint('two')", show=lambda text: shown.append((time.monotonic(), text)))
    assert (done.verdict, done.exit_code, done.output, done.notes) == (Verdict.OK, 0, "one\ntwo\n", ())
    assert "".join(text for _, text in shown) == "one\ntwo\n"
    assert shown[-1][0] - shown[0][0] > 0.3
    assert 0.5 <= done.seconds < 10


def test_both_streams_keep_their_true_order(run: Run) -> None:
    code = "import sys\nfor i in range(50):\n  print(i, file=(sys.stdout, sys.stderr)[i % 2])"
    assert run(code).output.split() == [str(number) for number in range(50)]


def test_a_shell_program_runs_with_bash_where_there_is_one(run: Run) -> None:
    done = run('words=(a b c); echo "${#words[@]} ${BASH_VERSION:+bash}"', "sh")
    assert done.output == "3 bash\n"


def test_code_is_stored_byte_for_byte_whatever_it_holds(run: Run) -> None:
    odd = (
        "text = '''$HOME `x` \\\\ \"quotes\" %s é 漢 \x07'''\nprint(len(text), open(__file__, 'rb').read().hex())  # no newline at the end"
    )
    assert run(odd).output.split()[1] == odd.encode().hex()
    assert run("").verdict is Verdict.OK
    large = "x = '" + "a" * 3_000_000 + "'\nprint(len(x))"
    assert run(large).output == "3000000\n"


def test_a_failing_program_is_failed_with_its_own_exit_code(run: Run) -> None:
    done = run("raise SystemExit(3)")
    assert (done.verdict, done.exit_code) == (Verdict.FAILED, 3)


@pytest.mark.parametrize("code", [124, 137, 143])
def test_a_program_that_ends_with_a_limits_exit_code_by_itself_is_failed(run: Run, code: int) -> None:
    done = run(f"raise SystemExit({code})")
    assert (done.verdict, done.exit_code) == (Verdict.FAILED, code)
    assert done.seconds < 10


def test_input_has_nobody_to_ask(run: Run) -> None:
    done = run("input('name? ')")
    assert done.verdict is Verdict.FAILED
    assert "EOFError" in done.output
    assert done.seconds < 10


def test_time_runs_out_and_what_was_printed_is_kept(run: Run) -> None:
    done = run("import time\nprint('begun')\ntime.sleep(60)")
    assert (done.verdict, done.output) == (Verdict.TIME, "begun\n")
    assert 1.9 <= done.seconds < 20


def test_a_program_that_ignores_being_asked_to_end_is_killed(run: Run) -> None:
    done = run("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('no')\ntime.sleep(60)", limits=Limits(timeout=1))
    assert (done.verdict, done.output) == (Verdict.TIME, "no\n")
    assert 2.9 <= done.seconds < 20


def test_a_program_that_kills_its_timer_meets_our_own_deadline(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.program._OUR_DEADLINE", 1)
    done = run("import os, signal, time\nos.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(60)", limits=Limits(timeout=1))
    assert done.verdict is Verdict.TIME
    assert done.seconds < 20


@pytest.mark.parametrize("flood", ["while True: print('y' * 10**6)", "import sys\nwhile True: sys.stderr.write('y' * 10**5)"])
def test_a_flood_is_stopped_and_our_memory_hardly_grows(run: Run, flood: str) -> None:
    before = resident_mib()
    shown: list[str] = []
    done = run(flood, show=shown.append)
    assert done.verdict is Verdict.OUTPUT
    assert len(done.output) == LIMITS.output == len("".join(shown))
    assert done.dropped >= 0
    assert done.seconds < 20
    assert resident_mib() - before < 64


def test_output_that_is_no_utf_8_is_replaced_and_characters_split_over_pieces_are_not(run: Run) -> None:
    shown: list[str] = []
    code = "import sys, time\nw = sys.stdout.buffer.write\nw(b'\\xff|\\xe2'); sys.stdout.flush(); time.sleep(0.2); w(b'\\x82\\xac|\\xe2')"
    done = run(code, show=shown.append)
    assert done.output == "".join(shown) == "\ufffd|€|\ufffd"


def test_a_program_killed_for_memory(run: Run) -> None:
    done = run("x = bytearray(2**30)")
    assert (done.verdict, done.exit_code) == (Verdict.MEMORY, 137)


def test_a_child_killed_for_memory_is_a_note(run: Run) -> None:
    done = run("import subprocess\nprint(subprocess.run(['python3', '-c', 'x = bytearray(2**30)']).returncode)")
    assert (done.verdict, done.exit_code, done.output) == (Verdict.OK, 0, "-9\n")
    assert "killed for memory" in done.notes[0]


def test_too_many_processes(run: Run) -> None:
    done = run("import subprocess\nall = [subprocess.Popen(['sleep', '30']) for _ in range(100)]")
    assert done.verdict is Verdict.PROCESSES


def test_a_fork_bomb_is_stopped_and_the_next_program_runs(run: Run) -> None:
    bomb = "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n  try: os.fork()\n  except OSError: pass"
    done = run(bomb, limits=Limits(timeout=1))
    assert done.verdict is Verdict.TIME
    assert any("processes" in note for note in done.notes)
    assert run("print('next')").output == "next\n"


@pytest.mark.parametrize(("code", "signal"), [("os.kill(os.getpid(), 9)", 9), ("os.abort()", 6), ("os.kill(-1, 9)", 9)])
def test_a_program_ended_by_a_signal_is_killed_and_not_failed(run: Run, code: str, signal: int) -> None:
    done = run(f"import os\n{code}")
    assert (done.verdict, done.exit_code) == (Verdict.KILLED, 128 + signal)


def test_what_a_program_leaves_running_is_gone_before_the_next(run: Run) -> None:
    daemon = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    time.sleep(60)\n  os._exit(0)\nprint('parent')"
    began = time.monotonic()
    assert run(daemon).output == "parent\n"
    assert time.monotonic() - began < 20, "a daemon that holds the output open does not delay the result"
    count = "import os\nprint(sum(os.stat(f'/proc/{p}').st_uid == 1000 for p in os.listdir('/proc') if p.isdigit()))"
    alone = run(count).output
    assert run(daemon).verdict is Verdict.OK
    assert run(count).output == alone


@pytest.fixture
def readable_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs with a shell that they can look into, as on an engine that does not keep them from it."""
    monkeypatch.setattr("sandbox.program.ARGV", ("/bin/sh", *ARGV[1:]))


def test_a_program_cannot_look_into_the_script_around_it(run: Run) -> None:
    look = f"{SCRIPT}for name in ('environ', 'maps', 'mem', 'fd/0', 'fd/2'):\n  try: open(script + name, 'rb').read(1); print(name)\n"
    look += "  except PermissionError: print('denied')"
    assert run(look).output == "denied\n" * 5


@pytest.mark.usefixtures("readable_shell")
def test_the_control_a_program_looks_into_a_shell_that_it_can_read(run: Run) -> None:
    assert run(f"{SCRIPT}print(len(open(script + 'environ', 'rb').read()) > 100)").output == "True\n"


@pytest.mark.usefixtures("readable_shell")
def test_a_forged_ending_does_not_end_the_reading(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # A program that has found out the mark can write to the stream of the script around it; the engine's own word decides.
    monkeypatch.setattr("sandbox.program.uuid4", lambda: SimpleNamespace(hex="f" * 32))
    forged = """
import os, time
parent = open(f"/proc/{os.getppid()}/stat").read().split()[3]
open(f"/proc/{parent}/fd/2", "w").write("end " + "f" * 32 + " 0\\n")
time.sleep(0.7)
print("still here")
raise SystemExit(5)
"""
    done = run(forged)
    assert (done.verdict, done.exit_code, done.output) == (Verdict.FAILED, 5, "still here\n")


SCRIPT = """
import os
script = f"/proc/{open(f'/proc/{os.getppid()}/stat').read().split()[3]}/"
"""
WRAPPER = """
import os, sys, time
words = open(f"/proc/{open(f'/proc/{os.getppid()}/stat').read().split()[3]}/fd/2", "w")
"""


@pytest.mark.usefixtures("readable_shell")
@pytest.mark.parametrize("words", ["Killed\\nend x 0\\n", "Killed\\n", "x" * 20_000])
@pytest.mark.parametrize("code", [0, 1])
def test_what_a_program_says_on_the_scripts_stream_changes_nothing_about_its_verdict(run: Run, words: str, code: int) -> None:
    done = run(f"{WRAPPER}words.write('{words}')\nwords.flush()\nprint('wrote')\nraise SystemExit({code})")
    assert (done.verdict, done.exit_code, done.output) == (Verdict.FAILED if code else Verdict.OK, code, "wrote\n")


@pytest.mark.usefixtures("readable_shell")
def test_a_flood_on_the_scripts_stream_is_stopped(run: Run) -> None:
    before = resident_mib()
    done = run(f"{WRAPPER}while True: words.write('x' * 10**5)")
    assert done.verdict is Verdict.OUTPUT
    assert done.seconds < 20
    assert resident_mib() - before < 64


def test_a_program_is_not_stored_through_a_link_or_a_file(run: Run) -> None:
    assert run("rm -rf up plain; ln -s .. up; touch plain", "sh").verdict is Verdict.OK
    with pytest.raises(Denied, match="up/canary cannot be stored: a folder in its name is a link"):
        run("print(1)", name="up/canary")
    with pytest.raises(Denied, match="a folder in its name is a link"):
        run("#" * 3_000_000, name="up/a/b/canary")
    with pytest.raises(Denied, match="a folder in its name is a file"):
        run("print(1)", name="plain/canary")
    assert run("print('next')", name="[a]/up/canary").output == "next\n"


def test_files_in_the_way_of_the_program_are_replaced(run: Run) -> None:
    for plant in ("ln -s /etc/passwd program.py", "mkfifo program.py", "mkdir -p program.py/x", "touch program.py; chmod 0 program.py"):
        assert run(f"rm -rf program.py; {plant}", "sh").verdict is Verdict.OK
        assert run("print('mine')").output == "mine\n"


def test_a_program_in_a_sub_folder_and_one_that_is_not_kept(run: Run) -> None:
    assert run("print(__file__)", name="a/b/c.py").output == "/workspace/a/b/c.py\n"
    assert run("print('here')", name="gone.py", keep_file=False).output == "here\n"
    assert run("ls gone.py", "sh").verdict is Verdict.FAILED


def test_tools_that_a_program_plants_are_not_used_by_ours(run: Run) -> None:
    plant = """mkdir -p ~/.local/bin
for tool in head timeout rm mkdir; do
  printf '#!/bin/sh\\necho planted\\n' >~/.local/bin/$tool
done
chmod +x ~/.local/bin/*"""
    assert run(plant, "sh").verdict is Verdict.OK
    assert run("print('mine')").output == "mine\n"
    assert run("~/.local/bin/timeout", "sh").output == "planted\n"  # the control: they run where a program names them
    assert "planted" not in run("timeout", "sh").output  # a program finds none by its name, either
    run("/bin/rm -rf ~/.local/bin", "sh")


def test_cancelling_kills_at_once(run: Run) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    began = time.monotonic()
    done = run("import os, time\nprint('begun')\nos.fork()\nos.setsid()\ntime.sleep(60)", stop=stop, limits=Limits(timeout=60))
    assert done.verdict is Verdict.CANCELLED
    assert time.monotonic() - began < 20


def test_a_language_that_the_image_lacks_is_told_with_the_remedy(container: SandboxContainer) -> None:
    before = container.counters()
    assert before is not None
    missing = Language("cobol", ("cobol",), "program.cob", Step(("no-such-cobol",)))
    with pytest.raises(EngineError, match="no-such-cobol") as error:
        run_program(container, Job(missing, "x", "program.cob"), LIMITS, before, threading.Event(), lambda text: None)
    assert "SANDBOX_IMAGE" in error.value.hint


def test_a_lost_container_is_lost_and_never_ok(engine: docker.APIClient, image: str) -> None:
    container = SandboxContainer(engine, ContainerRequest(image, unique_name(), LIMITS))
    before = container.counters()
    assert before is not None
    threading.Timer(0.5, container.remove).start()
    job = Job(BY_NAME["python"], "import time\ntime.sleep(30)", "program.py")
    done, outcome = run_program(container, job, Limits(timeout=30), before, threading.Event(), lambda text: None)
    assert isinstance(outcome, Outcome)
    assert done.verdict in (Verdict.LOST, Verdict.KILLED)
    with pytest.raises(NotStarted):
        run_program(container, job, LIMITS, before, threading.Event(), lambda text: None)


def test_a_program_that_never_ran_has_no_exit_code() -> None:
    done = not_run(Job(BY_NAME["sh"], "true", "script.sh"), Verdict.CANCELLED, "why")
    assert (done.verdict, done.exit_code, done.notes) == (Verdict.CANCELLED, None, ("why",))
