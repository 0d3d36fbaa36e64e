"""The check of what was handed over: run again with nothing else, and every difference is said."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from history.handover import ADDED, hand_over
from history.records import Approval, Attempt, HistoryError, StoredFile, StoredPackage, StoredSession
from history.replay import check
from sandbox.clean_room import open_clean_room
from sandbox.docker_executor import SandboxExecutor
from sandbox.engine.images import digest_of
from sandbox.packages.install import PipRequest
from tests.histories import PROGRAM, START, info
from tests.network import certificates, why_no_index
from utils.docker_utils import Limits
from utils.settings import load_settings

SAME = {"reproduced": True, "differences": []}


class LocalRoom:
    """A room whose container is a folder of this machine; good for programs of our own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.installed: list[str] = []
        self._known: set[str] = set()

    async def install(self, lock: str, hashed: bool) -> None:
        self.installed.append(lock)

    async def install_from_npm(self, versions: Mapping[str, str], language: str) -> None:
        self.installed.append(f"{dict(versions)} for {language}")

    async def put(self, files: Mapping[str, Path]) -> None:
        for name, path in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.folder / name)
            self._known.add(name)

    async def run(self, language: str, code: str, name: str) -> Any:
        (self.folder / name).write_text(code)
        self._known.add(name)
        ran = subprocess.run([sys.executable, name], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return SimpleNamespace(exit_code=ran.returncode, output=ran.stdout.replace(f"{self.folder}/", ""))

    async def files(self) -> Sequence[Any]:
        found = [path for path in self.folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        made = [(path.relative_to(self.folder).as_posix(), path) for path in found]
        return [SimpleNamespace(name=name, path=path) for name, path in made if name not in self._known]


async def replayed(code: str, output: str, tmp_path: Path, *, exit_code: int = 0, **more: Any) -> dict[str, Any]:
    """Hand the program over as one that has printed the output, and check it."""
    attempt = Attempt(1, 2, "python", code, START, START + 1, "ok", exit_code, 1.0, output, file_name="program.py")
    session = replace(StoredSession(info(), attempts=(attempt,)), **more)
    approval = hand_over(session, tmp_path / "session")
    assert approval is not None
    room = LocalRoom(tmp_path / "room")
    room.folder.mkdir()

    @asynccontextmanager
    async def open_room() -> AsyncIterator[Any]:
        yield room

    checked = await check(replace(session, approvals=(approval,)), approval, tmp_path / "session", open_room)
    assert checked.checked is not None
    return dict(checked.result)


async def test_a_program_that_does_the_same_is_reproduced(tmp_path: Path) -> None:
    assert await replayed(PROGRAM, "factorial(5) = 120\n", tmp_path) == SAME


async def test_each_difference_is_a_line_and_numbers_that_differ_are_called_that(tmp_path: Path) -> None:
    code = "print('same')\nprint('took 17 ms at 0x7f00')\nprint('b')\nopen('out.txt', 'w').write('new')\nopen('more.txt', 'w').write('x')\n"
    made = StoredFile("out.txt", hashlib.sha256(b"old").hexdigest(), 3, 1)
    gone = StoredFile("gone.txt", "0" * 64, 3, 1)
    (tmp_path / "session").mkdir()
    for file in (made, gone):
        (tmp_path / "session" / file.name).write_bytes(b"old")
    result = await replayed(code, "same\ntook 23 ms at 0x7fff\na\nc\n", tmp_path, exit_code=1, files=(made, gone))
    assert not result["reproduced"]
    assert result["differences"] == [
        "exit code 0, it was 1",
        "line 2: “took 17 ms at 0x7f00”, it was “took 23 ms at 0x7fff” (only numbers differ: a time, an address or something random)",
        "line 3: “b”, it was “a”",
        "line 4: nothing, it was “c”",
        f"out.txt: other content ({hashlib.sha256(b'new').hexdigest()[:12]}…)",
        "gone.txt: was not made",
        "more.txt: was not made before",
    ]


async def test_line_numbers_and_the_name_in_messages_are_those_from_before_the_header(tmp_path: Path) -> None:
    code = "import warnings\n\nwarnings.warn('old')\n"
    before = "program.py:3: UserWarning: old\n  warnings.warn('old')\n"
    result = await replayed(code, before, tmp_path)
    assert [line for line in result["differences"] if "line 1" in line] == []


async def test_packages_of_npm_are_installed_for_the_language_that_imports_them(tmp_path: Path) -> None:
    attempt = Attempt(1, 2, "javascript", "1", START, START + 1, "ok", 0, 1.0, "", file_name="program.js")
    packages = (StoredPackage("npm:left-pad", "1.3.0", attempt=1),)
    session = StoredSession(info(), attempts=(attempt,), packages=packages)
    approval = hand_over(session, tmp_path / "session")
    assert approval is not None
    room = LocalRoom(tmp_path)

    @asynccontextmanager
    async def open_room() -> AsyncIterator[Any]:
        yield room

    await check(session, approval, tmp_path / "session", open_room)
    assert room.installed == ["{'left-pad': '1.3.0'} for javascript"]


async def test_very_many_differences_are_counted(tmp_path: Path) -> None:
    result = await replayed("for n in range(100): print('x', n)", "", tmp_path)
    assert len(result["differences"]) == 21
    assert result["differences"][-1] == "and 80 more differences"


async def test_a_folder_that_is_gone_or_was_changed_is_said(tmp_path: Path) -> None:
    session = StoredSession(info(), attempts=(Attempt(1, 2, "python", "print(1)", START, START + 1, "ok", 0, 1.0, "1\n"),))
    approval = hand_over(session, tmp_path)
    assert approval is not None
    shutil.rmtree(tmp_path / approval.folder)
    with pytest.raises(HistoryError, match="no longer there"):
        await check(session, approval, tmp_path, lambda: pytest.fail("no room is needed"))
    (tmp_path / approval.folder).mkdir()

    @asynccontextmanager
    async def open_room() -> AsyncIterator[Any]:
        yield LocalRoom(tmp_path)

    with pytest.raises(HistoryError, match="cannot be read"):
        await check(session, approval, tmp_path, open_room)


# --- In a real container ----------------------------------------------------------------------------------------------------------------


@dataclass
class Life:
    """A session in a real container, kept as a session is."""

    executor: SandboxExecutor
    folder: Path
    image: str
    attempts: list[Attempt] = field(default_factory=list)
    files: dict[str, StoredFile] = field(default_factory=dict)
    packages: list[StoredPackage] = field(default_factory=list)

    async def run(self, code: str) -> Attempt:
        run = await self.executor.sandbox.run_block(CodeBlock(code=code, language="python"), CancellationToken())
        number = len(self.attempts) + 1
        self.attempts.append(
            Attempt(
                *(number, 3 * number, "python", code, START, START + 1, run.verdict.value, run.exit_code, run.seconds, run.output),
                file_name=run.file_name,
            )
        )
        for file in await self.executor.sandbox.collect_files():
            data = file.path.read_bytes()
            self.files[file.name] = StoredFile(file.name, hashlib.sha256(data).hexdigest(), len(data), number)
        return self.attempts[-1]

    async def install(self, *names: str) -> None:
        done = await self.executor.sandbox.install([PipRequest(names)], CancellationToken())
        assert done.installed, done.output
        self.packages += [
            StoredPackage(each.name, each.version, each.sha256, each.requested, len(self.attempts)) for each in done.installed
        ]

    async def add(self, name: str, data: bytes) -> None:
        path = self.folder / ADDED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        await self.executor.sandbox.put_files({name: path})
        self.files[name] = StoredFile(name, hashlib.sha256(data).hexdigest(), len(data), added=True)

    def session(self) -> StoredSession:
        return StoredSession(
            info(image=self.image, task="sum the file"), (), tuple(self.attempts), tuple(self.files.values()), tuple(self.packages)
        )

    def approve(self) -> Approval:
        approval = hand_over(self.session(), self.folder)
        assert approval is not None
        return approval

    async def check(self) -> dict[str, Any]:
        authorities = self.folder.with_name("authorities.pem")
        authorities.write_bytes(certificates())
        bundle = {"SANDBOX_CA_BUNDLE": str(authorities)} if certificates() else {}
        settings = load_settings({"image": self.image, "network": "install"}, bundle)

        def open_room() -> Any:
            return open_clean_room(settings, print)

        return dict((await check(self.session(), self.approve(), self.folder, open_room)).result)


@pytest.fixture
async def life(tmp_path: Path, image: str, engine: docker.APIClient) -> AsyncIterator[Life]:
    (tmp_path / "session").mkdir()
    limits = Limits(timeout=30, memory=1024**3, network="install")
    async with SandboxExecutor(image, work_dir=tmp_path / "session", limits=limits, client=engine, certificates=certificates()) as executor:
        yield Life(executor, tmp_path / "session", image)


@pytest.mark.engine
async def test_a_program_with_its_files_is_reproduced_in_a_fresh_container(life: Life) -> None:
    await life.add("data/sales.csv", b"month,amount\nJanuary,40\n")
    await life.run("import csv\nrows = list(csv.reader(open('data/sales.csv')))\nprint(rows)\nopen('out.txt', 'w').write('x')\n")
    assert life.attempts[-1].exit_code == 0
    assert await life.check() == SAME


@pytest.mark.engine
async def test_what_an_earlier_program_left_behind_is_missed(life: Life) -> None:
    await life.run("open('left.txt', 'w').write('42')\n")
    assert (await life.run("print(open('left.txt').read())\n")).output == "42\n"
    result = await life.check()
    assert not result["reproduced"]
    assert result["differences"][0] == "exit code 1, it was 0"
    assert "left.txt" in " ".join(result["differences"])


@pytest.mark.engine
async def test_a_module_planted_at_home_is_missed(life: Life) -> None:
    await life.run("from pathlib import Path\n(Path.home() / 'planted.py').write_text('X = 1')\n")
    code = "import sys\nfrom pathlib import Path\nsys.path.append(str(Path.home()))\nimport planted\nprint(planted.X)\n"
    assert (await life.run(code)).output == "1\n"
    result = await life.check()
    assert result["differences"][0] == "exit code 1, it was 0"
    assert "planted" in " ".join(result["differences"])


@pytest.mark.engine
async def test_an_added_file_that_is_too_large_to_hand_over_is_missed_and_named(life: Life) -> None:
    await life.add("large.bin", b"x" * (10 * 1024**2 + 1))
    assert (await life.run("print(len(open('large.bin', 'rb').read()))\n")).output == "10485761\n"
    result = await life.check()
    assert result["differences"][0] == "exit code 1, it was 0"
    assert "`large.bin`, because it is too large" in (life.folder / "approved" / "01-sum_file" / "README.md").read_text()


@pytest.mark.engine
async def test_a_package_of_the_first_program_comes_along_and_one_that_is_in_no_lock_is_missed(life: Life) -> None:
    if reason := why_no_index():
        pytest.skip(reason)
    await life.run("print('first')\n")
    await life.install("six==1.17.0")
    assert (await life.run("import six\nprint(six.__version__)\n")).output == "1.17.0\n"
    assert await life.check() == SAME
    life.packages.clear()
    result = await life.check()
    assert result["differences"][0] == "exit code 1, it was 0"
    assert "No module named 'six'" in " ".join(result["differences"])


@pytest.mark.engine
async def test_the_docker_line_of_the_readme_runs_the_program(life: Life, engine: docker.APIClient) -> None:
    if not shutil.which("docker"):
        pytest.skip("the docker command is not installed")
    await life.add("data.txt", b"forty-two")
    printed = (await life.run("print(open('data.txt').read())\nopen('out.txt', 'w').write('made')\n")).output
    session = life.session()
    session = replace(session, info=replace(session.info, image_digest=digest_of(engine.inspect_image(life.image))))  # type: ignore[no-untyped-call]
    approval = hand_over(session, life.folder)
    assert approval is not None
    folder = life.folder / approval.folder
    [line] = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("docker run")]
    for each in (*folder.parents, folder):
        if each.is_relative_to(life.folder.parent):
            each.chmod(0o755)
    ran = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, printed), ran.stderr
    assert (folder / "out.txt").read_text() == "made"
