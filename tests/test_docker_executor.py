import asyncio
import hashlib
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, with_requirements
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from docker.errors import NotFound

from sandbox.docker_executor import SandboxExecutor
from sandbox.languages import ALIASES
from sandbox.verdicts import ProgramRun, Verdict
from utils.docker_utils import LABEL, Limits
from utils.errors import EngineError
from utils.owner import owner

LIMITS = Limits(timeout=10, memory=256 * 1024**2, pids=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def executor(image: str, folder: Path) -> Iterator[SandboxExecutor]:
    # Started and stopped on event loops of their own: an executor belongs to none.
    executor = SandboxExecutor(image, work_dir=folder, limits=LIMITS, session="tests")
    asyncio.run(executor.start())
    yield executor
    asyncio.run(executor.stop())


@pytest.fixture
async def fresh(image: str, tmp_path: Path) -> AsyncIterator[SandboxExecutor]:
    async with SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS) as executor:
        yield executor


def python(code: str) -> CodeBlock:
    return CodeBlock(code=code, language="python")


async def run(executor: SandboxExecutor, code: str, token: CancellationToken | None = None) -> ProgramRun:
    return await executor.sandbox.run_block(python(code), token or CancellationToken())


def is_gone(engine: docker.APIClient, name: str) -> bool:
    try:
        engine.inspect_container(name)
    except NotFound:
        return True
    return False


# --- without an engine ---------------------------------------------------------------------------------------------------------


def test_the_base_classes_parameters_are_taken_and_checked(tmp_path: Path) -> None:
    executor = SandboxExecutor(timeout=7, work_dir=tmp_path, bind_dir="/elsewhere", functions_module="tools")
    assert isinstance(executor, DockerCommandLineCodeExecutor)
    assert (executor.timeout, executor.sandbox.limits.timeout, executor.work_dir, executor.bind_dir) == (7, 7, tmp_path, Path("/elsewhere"))
    assert SandboxExecutor(limits=Limits(timeout=9)).timeout == 9
    assert SandboxExecutor().timeout == 60
    with pytest.raises(ValueError, match=r"[Tt]imeout"):
        SandboxExecutor(timeout=0)
    with pytest.raises(ValueError, match="identifier"):
        SandboxExecutor(functions_module="not a name")
    assert set(SandboxExecutor.SUPPORTED_LANGUAGES) == set(ALIASES)


def test_without_a_folder_there_is_none_before_the_start() -> None:
    with pytest.raises(RuntimeError, match="not properly initialized"):
        _ = SandboxExecutor().work_dir


def test_the_current_folder_is_deprecated_as_in_the_base_class() -> None:
    with pytest.warns(DeprecationWarning, match="current directory"):
        SandboxExecutor(work_dir=".")


def test_an_executor_is_stored_and_made_again(tmp_path: Path) -> None:
    executor = SandboxExecutor("image:1", "name", work_dir=tmp_path, limits=LIMITS, session="s", init_command="true", delete_tmp_files=True)
    again = SandboxExecutor.load_component(executor.dump_component())
    assert type(again) is SandboxExecutor
    assert (again.bind_dir, again.timeout, again.sandbox.limits, again.sandbox.session, again.container_name) == (
        tmp_path,
        10,
        LIMITS,
        "s",
        "name",
    )
    assert again.dump_component() == executor.dump_component()


async def test_what_is_not_started_says_so_and_stopping_it_is_no_error() -> None:
    executor = SandboxExecutor()
    await executor.stop()
    for call in (
        executor.restart(),
        executor.sandbox.collect_files(),
        run(executor, "1"),
        executor.execute_code_blocks([], CancellationToken()),
    ):
        with pytest.raises(ValueError, match="not running"):
            await call


async def test_an_engine_that_is_not_there_is_one_error_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    executor = SandboxExecutor()
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9"):
        await executor.start()
    with pytest.raises(RuntimeError):
        _ = executor.work_dir


# --- AutoGen's contract --------------------------------------------------------------------------------------------------------


@pytest.mark.engine
async def test_blocks_run_in_order_up_to_the_first_that_fails(executor: SandboxExecutor, folder: Path) -> None:
    blocks = [python("print('one')"), CodeBlock(code="echo two; exit 3", language="bash"), python("print('three')")]
    result = await executor.execute_code_blocks(blocks, CancellationToken())
    assert (result.exit_code, result.output) == (3, "one\ntwo\n")
    assert result.code_file == str(folder / "program.py")
    assert (folder / "program.py").read_text() == "print('one')"
    with pytest.raises(ValueError, match="No code blocks"):
        await executor.execute_code_blocks([], CancellationToken())


@pytest.mark.engine
async def test_files_are_there_when_the_blocks_are_done(executor: SandboxExecutor, folder: Path) -> None:
    await executor.execute_code_blocks([python("open('made.txt', 'w').write('x')")], CancellationToken())
    assert (folder / "made.txt").read_text() == "x"


@pytest.mark.engine
@pytest.mark.parametrize("name", ["named.py", "sub/named.py"])
async def test_a_named_file_is_kept_under_its_name(executor: SandboxExecutor, folder: Path, name: str) -> None:
    result = await executor.execute_code_blocks([python(f"# filename: {name}\nprint(__file__)")], CancellationToken())
    assert result.output == f"/workspace/{name}\n"
    assert result.code_file == str(folder / name)
    assert (folder / name).is_file()


@pytest.mark.engine
@pytest.mark.parametrize("name", ["/tmp/outside.py", "../outside.py", "a\\b.py", "x\0y", "x/" * 1500])
async def test_a_name_outside_is_a_result_and_not_an_exception(executor: SandboxExecutor, folder: Path, name: str) -> None:
    before = sorted(folder.rglob("*"))
    result = await executor.execute_code_blocks([python(f"# filename: {name}\nprint('ran')")], CancellationToken())
    assert (result.exit_code, result.output, result.code_file) == (1, "Filename is not in the workspace", None)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.engine
async def test_files_of_an_answer_are_stored_beside_its_program_and_are_not_produced_by_it(fresh: SandboxExecutor, tmp_path: Path) -> None:
    files = (("lib/tools.py", "X = 41\n"), ("data.csv", "a\n1\n"))
    code = "from lib.tools import X\nprint(X + int(open('data.csv').read().split()[1]))\nopen('made.txt', 'w').write('x')"
    run = await fresh.sandbox.run_block(python(code), CancellationToken(), name="main.py", files=files)
    assert (run.verdict, run.output, run.file_name) == (Verdict.OK, "42\n", "main.py")
    assert [file.name for file in await fresh.sandbox.collect_files()] == ["made.txt"]
    assert (tmp_path / "lib/tools.py").read_text() == "X = 41\n"
    assert (tmp_path / "data.csv").read_text() == "a\n1\n"
    await fresh.sandbox.run_block(
        python("open('data.csv', 'a').write('2\\n'); open('lib/tools.py', 'a').write('Y')"), CancellationToken(), files=files
    )
    assert sorted(file.name for file in await fresh.sandbox.collect_files()) == ["data.csv", "lib/tools~2.py"]
    assert (tmp_path / "data.csv").read_text() == "a\n1\n2\n"
    assert (tmp_path / "lib/tools.py").read_text() == "X = 41\n"  # code stays as it was shown before it ran


@pytest.mark.engine
@pytest.mark.parametrize("name", ["../a.csv", "/etc/a.csv", "a/../../b.csv", ".git/config", "a:b.csv"])
async def test_a_file_of_an_answer_is_stored_in_the_folder_or_not_at_all(executor: SandboxExecutor, folder: Path, name: str) -> None:
    before = sorted(folder.rglob("*"))
    run = await executor.sandbox.run_block(python("print('ran')"), CancellationToken(), files=[(name, "1")])
    assert (run.verdict, run.reason) == (Verdict.NOT_RUN, "Filename is not in the workspace")
    assert (await executor.sandbox.run_block(python("print('ran')"), CancellationToken(), name=name)).verdict is Verdict.NOT_RUN
    assert sorted(folder.rglob("*")) == before


@pytest.mark.engine
async def test_a_link_in_the_place_of_an_answers_file_is_replaced(fresh: SandboxExecutor) -> None:
    await fresh.sandbox.run_block(
        python("import os; os.symlink('/workspace/other', 'data.csv'); open('other', 'w').write('kept')"), CancellationToken()
    )
    run = await fresh.sandbox.run_block(
        python("print(open('other').read(), open('data.csv').read())"), CancellationToken(), files=[("data.csv", "1")]
    )
    assert run.output == "kept 1\n"


@pytest.mark.engine
@pytest.mark.parametrize("language", ["cobol", "", "python/../../x", "pwsh"])
async def test_an_unknown_language_is_a_result_that_names_the_known_ones(executor: SandboxExecutor, language: str) -> None:
    done = await executor.sandbox.run_block(CodeBlock(code="x", language=language), CancellationToken())
    assert (done.verdict, done.exit_code, done.output) == (Verdict.NOT_RUN, None, "")
    assert "python, sh" in done.reason


@pytest.mark.engine
async def test_limits_end_in_words_and_a_bad_exit_code(image: str, tmp_path: Path) -> None:
    async with SandboxExecutor(image, timeout=1, work_dir=tmp_path) as executor:
        late = await executor.execute_code_blocks([python("import time\nprint('begun', end='')\ntime.sleep(9)")], CancellationToken())
        assert late.exit_code != 0
        assert late.output.startswith("begun\nTimeout")
        flood = await executor.execute_code_blocks([python("while True: print('x' * 1000)")], CancellationToken())
        assert flood.exit_code != 0
        assert "more than 1 MiB" in flood.output


@pytest.mark.engine
async def test_init_command_hosts_and_volumes_keep_their_meaning(image: str, tmp_path: Path) -> None:
    shared = tmp_path / "shared.txt"
    shared.write_text("from the host")
    work = tmp_path / "work"
    async with SandboxExecutor(
        image,
        work_dir=work,
        extra_volumes={str(shared): {"bind": "/data/shared.txt", "mode": "ro"}},
        extra_hosts={"example.test": "127.0.0.1"},
        init_command="echo early > early.txt",
    ) as executor:
        assert (work / "early.txt").read_text() == "early\n"
        assert (await run(executor, "print(open('/data/shared.txt').read())")).output == "from the host\n"
        assert (await run(executor, "import socket; print(socket.gethostbyname('example.test'))")).output == "127.0.0.1\n"


@with_requirements(global_imports=["math"])
def area(radius: float) -> float:
    return math.pi * radius**2  # type: ignore[name-defined,no-any-return]  # noqa: F821  # the requirement imports it


@pytest.mark.engine
async def test_functions_can_be_imported_even_after_the_container_was_replaced(image: str, tmp_path: Path) -> None:
    async with SandboxExecutor(image, work_dir=tmp_path, functions=[area], functions_module="shapes") as executor:
        blocks = [python("from shapes import area\nprint(round(area(1), 2))")]
        assert (await executor.execute_code_blocks(blocks, CancellationToken())).output == "3.14\n"
        assert (tmp_path / "shapes.py").is_file()
        await executor.restart()
        assert (await executor.execute_code_blocks(blocks, CancellationToken())).output == "3.14\n"


@pytest.mark.engine
async def test_program_files_can_be_left_out(image: str, tmp_path: Path) -> None:
    async with SandboxExecutor(image, work_dir=tmp_path, delete_tmp_files=True) as executor:
        for code in ("print(1)", "raise SystemExit(1)"):
            result = await executor.execute_code_blocks([python(code)], CancellationToken())
            assert result.code_file == str(tmp_path / "program.py")
            assert list(tmp_path.iterdir()) == []


@pytest.mark.engine
async def test_a_passing_folder_goes_with_the_executor_which_can_be_started_again(engine: docker.APIClient, image: str) -> None:
    executor = SandboxExecutor(image, limits=LIMITS)
    for _ in range(2):
        await executor.start()
        await executor.start()
        work = executor.work_dir
        assert (await run(executor, "open('x', 'w')")).verdict is Verdict.OK
        assert len(engine.containers(filters={"name": executor.container_name})) == 1
        await executor.stop()
        await executor.stop()
        assert not work.exists()
        assert is_gone(engine, executor.container_name)


@pytest.mark.engine
async def test_a_restart_gives_an_empty_container(fresh: SandboxExecutor) -> None:
    await run(fresh, "open('state', 'w')")
    await fresh.restart()
    again = await run(fresh, "import os; print(os.path.exists('state'))")
    assert (again.output, again.notes) == ("False\n", ())


@pytest.mark.engine
async def test_without_auto_remove_the_container_stays_stopped(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    executor = SandboxExecutor(image, work_dir=tmp_path, auto_remove=False)
    async with executor:
        pass
    state = engine.inspect_container(executor.container_name)["State"]
    engine.remove_container(executor.container_name, force=True)
    assert not state["Running"]


@pytest.mark.engine
async def test_a_strangers_container_of_the_same_name_is_not_removed(engine: docker.APIClient, image: str) -> None:
    strangers = engine.create_container(image, ["sleep", "60"], name="sandbox-test-stranger")["Id"]
    try:
        executor = SandboxExecutor(image, "sandbox-test-stranger")
        with pytest.raises(EngineError, match="sandbox-test-stranger"):
            await executor.start()
        assert engine.inspect_container("sandbox-test-stranger")["Id"] == strangers
    finally:
        engine.remove_container(strangers, force=True)


# --- cancelling and stopping ---------------------------------------------------------------------------------------------------

LINGER = "import os, time\nos.fork()\nos.setsid()\nprint('begun')\nwhile True:\n  open('beat', 'a').write('x'); time.sleep(0.02)"


async def _is_still_running(executor: SandboxExecutor) -> bool:
    """Ask without sweeping: a further exec as another user counts the processes of the programs' user."""
    count = "n=0; for p in /proc/[0-9]*; do case $(stat -c %u $p 2>/dev/null) in 1000) n=$((n+1));; esac; done; echo $n"
    client = docker.from_env().api
    try:
        exec_id = client.exec_create(executor.container_name, ["sh", "-c", count])["Id"]
        return int(client.exec_start(exec_id)) > 0
    finally:
        client.close()


@pytest.mark.engine
async def test_a_cancelled_token_kills_what_runs_in_the_container(fresh: SandboxExecutor) -> None:
    token = CancellationToken()
    task = asyncio.create_task(run(fresh, LINGER, token))
    await asyncio.sleep(0.5)
    assert await _is_still_running(fresh)
    began = time.monotonic()
    token.cancel()
    done = await task
    assert time.monotonic() - began < 20
    # Two processes print at once: what they wrote is all there, and their lines may stand inside each other.
    assert (done.verdict, sorted(done.output)) == (Verdict.CANCELLED, sorted("begun\nbegun\n"))
    assert not await _is_still_running(fresh)
    result = await fresh.execute_code_blocks([python("print(1)")], token)
    assert result.exit_code == 1
    assert "Code execution was cancelled" in result.output
    assert (await run(fresh, "print('next')")).output == "next\n"


@pytest.mark.engine
async def test_a_cancelled_task_kills_what_runs_and_is_cancelled(fresh: SandboxExecutor) -> None:
    task = asyncio.create_task(run(fresh, LINGER))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await _is_still_running(fresh)


@pytest.mark.engine
async def test_another_threads_event_loop_may_run_and_cancel(executor: SandboxExecutor) -> None:
    async def elsewhere() -> ProgramRun:
        token = CancellationToken()
        task = asyncio.create_task(run(executor, "import time\ntime.sleep(60)", token))
        await asyncio.sleep(0.3)
        token.cancel()
        return await task

    began = time.monotonic()
    done = await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
    assert done.verdict is Verdict.CANCELLED
    assert time.monotonic() - began < 20


@pytest.mark.engine
async def test_two_programs_at_once_wait_for_each_other(executor: SandboxExecutor) -> None:
    slow = "import time\ntime.sleep(0.3)\nprint('whole')"
    done = await asyncio.gather(run(executor, slow), run(executor, slow))
    assert [each.output for each in done] == ["whole\n", "whole\n"]


@pytest.mark.engine
async def test_stopping_while_a_program_runs_is_quick(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    executor = SandboxExecutor(image, work_dir=tmp_path, limits=LIMITS)
    await executor.start()
    task = asyncio.create_task(run(executor, "import time\ntime.sleep(60)"))
    await asyncio.sleep(0.4)
    began = time.monotonic()
    await executor.stop()
    assert time.monotonic() - began < 20
    assert (await task).verdict is not Verdict.OK
    assert is_gone(engine, executor.container_name)


@pytest.mark.engine
async def test_a_start_that_is_cancelled_leaves_no_container(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    executor = SandboxExecutor(image, work_dir=tmp_path)
    task = asyncio.create_task(executor.start())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert is_gone(engine, executor.container_name)


@pytest.mark.engine
async def test_many_sessions_leave_no_thread_no_file_descriptor_and_no_container(engine: docker.APIClient, image: str) -> None:
    async def session() -> None:
        async with SandboxExecutor(image, client=engine) as executor:
            await run(executor, "print(1)")
            await executor.sandbox.collect_files()

    def ours() -> int:
        return sum(thread.name.startswith("sandbox") and thread.is_alive() for thread in threading.enumerate())

    await session()
    threads, files = ours(), len(list(Path("/proc/self/fd").iterdir()))
    containers = len(engine.containers(all=True, filters={"label": f"{LABEL}.owner={owner()}"}))
    for _ in range(4):
        await session()
    await asyncio.sleep(0.1)
    assert ours() <= threads
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
    assert len(engine.containers(all=True, filters={"label": f"{LABEL}.owner={owner()}"})) == containers


# --- the host ------------------------------------------------------------------------------------------------------------------


def _attack(canary: Path) -> list[CodeBlock]:
    """Make two blocks: the first plants links to the canary where the second would be stored, under every name that is known."""
    second = python("print('I was written through your link')")
    name = f"tmp_code_{hashlib.sha256(second.code.encode()).hexdigest()}.python"
    plant = f"import os\nfor name in ({name!r}, 'planted.py'):\n  os.symlink({str(canary)!r}, name)"
    replace = f"import os\nos.remove('program.py')\nos.symlink({str(canary)!r}, 'program.py')"
    return [python(plant), python(replace), second]


@pytest.mark.engine
async def test_a_planted_link_does_not_lead_our_writing_out_of_the_folder(fresh: SandboxExecutor, tmp_path: Path) -> None:
    canary = tmp_path.parent / f"{tmp_path.name}-canary"
    canary.write_text("mine")
    for block in _attack(canary):
        result = await fresh.execute_code_blocks([block], CancellationToken())
        assert result.exit_code == 0
    assert canary.read_text() == "mine"
    assert (tmp_path / "program.py").read_text() == "print('I was written through your link')"
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]
    assert {left.reason for left in fresh.sandbox.left_out} <= {"a link"}


@pytest.mark.engine
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_control_the_same_link_leads_the_stock_executor_out(engine: docker.APIClient, image: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("mine")
    work = tmp_path / "work"
    stock = DockerCommandLineCodeExecutor(image, work_dir=work, stop_container=False)
    await stock.start()
    try:
        plant, _, second = _attack(canary)
        for block in (plant, second):
            await stock.execute_code_blocks([block], CancellationToken())
    finally:
        engine.remove_container(stock.container_name, force=True)  # its own stop takes ten seconds
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            await stock.stop()
    assert canary.read_text() == "print('I was written through your link')"


@pytest.mark.engine
async def test_the_container_has_no_mount_and_bears_the_sessions_labels(engine: docker.APIClient, executor: SandboxExecutor) -> None:
    seen = engine.inspect_container(executor.container_name)
    assert seen["Mounts"] == []
    assert seen["Config"]["Labels"][f"{LABEL}.session"] == "tests"


@pytest.mark.engine
async def test_output_comes_on_the_event_loop_before_the_result(executor: SandboxExecutor) -> None:
    shown: list[tuple[str, int]] = []
    await executor.sandbox.run_block(
        python("print('a'); print('b')"), CancellationToken(), lambda text: shown.append((text, threading.get_ident()))
    )
    assert "".join(text for text, _ in shown) == "a\nb\n"
    assert {thread for _, thread in shown} == {threading.get_ident()}
