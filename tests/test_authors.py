"""What a program's author would miss, with a real engine: where files went, what was handed over, and what a run really did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from sandbox.advice import HIDES, NO_KEYBOARD, SERVES
from sandbox.docker_executor import SandboxExecutor
from sandbox.files.transfer import ELSEWHERE
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict
from utils.docker_utils import Limits

pytestmark = pytest.mark.engine


@pytest.fixture
async def executor(image: str, tmp_path: Path) -> AsyncIterator[SandboxExecutor]:
    async with SandboxExecutor(image, limits=Limits(timeout=6), work_dir=tmp_path / "files") as executor:
        yield executor


async def run(executor: SandboxExecutor, code: str, language: str = "python", name: str = "") -> ProgramRun:
    return await executor.sandbox.run_block(CodeBlock(code=code, language=language), CancellationToken(), name=name)


async def collected(executor: SandboxExecutor) -> tuple[list[str], dict[str, str]]:
    files = [file.name for file in await executor.sandbox.collect_files()]
    return files, {each.name: each.reason for each in executor.sandbox.left_out}


async def test_files_that_were_left_elsewhere_are_named_once(executor: SandboxExecutor) -> None:
    code = """\
import os, tempfile
os.makedirs(os.path.expanduser('~/Desktop'))
for name in ('/tmp/report.csv', os.path.expanduser('~/Desktop/chart.png'), os.path.join(tempfile.mkdtemp(), 'inner.csv'), 'here.csv'):
    open(name, 'w').write('1')
tempfile.NamedTemporaryFile(delete=False)
os.makedirs(os.path.expanduser('~/.cache/x'))
open(os.path.expanduser('~/.cache/x/y'), 'w')
"""
    assert (await run(executor, code)).verdict is Verdict.OK
    files, left_out = await collected(executor)
    assert files == ["here.csv"]
    assert set(left_out.values()) == {ELSEWHERE}
    assert {name.rpartition("/")[2] for name in left_out} == {"report.csv", "chart.png", "inner.csv"}
    await run(executor, "print(1)")
    assert await collected(executor) == ([], {})
    await run(executor, "open('/tmp/report.csv', 'a').write('2')")
    assert await collected(executor) == ([], {"/tmp/report.csv": ELSEWHERE})


async def test_an_environment_beside_the_result_costs_no_result(executor: SandboxExecutor) -> None:
    code = """\
import os
for folder in ('.venv/lib', 'node_modules/a', 'deep/er'):
    os.makedirs(folder)
    for number in range(150):
        open(f'{folder}/{number}.txt', 'w').write('x')
open('report.csv', 'w').write('1')
"""
    await run(executor, code)
    files, left_out = await collected(executor)
    assert "report.csv" in files
    assert not any(name.startswith((".venv", "node_modules")) for name in files)
    assert {".venv/", "node_modules/"} <= left_out.keys()


async def test_an_added_file_that_a_program_changes_is_changed(executor: SandboxExecutor, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n")
    await executor.sandbox.add_files([tmp_path / "data.csv"])
    await run(executor, "open('data.csv', 'a').write('b\\n'); open('new.csv', 'w').write('c')")
    assert [(file.name, file.new) for file in await executor.sandbox.collect_files()] == [("data.csv", False), ("new.csv", True)]


async def test_a_server_that_never_ends_is_told_as_that_and_has_not_tried_the_network(executor: SandboxExecutor) -> None:
    code = """\
from http.server import HTTPServer, SimpleHTTPRequestHandler
server = HTTPServer(('0.0.0.0', 8000), SimpleHTTPRequestHandler)
print(server.server_name)
server.serve_forever()
"""
    seen = await run(executor, code)
    assert (seen.verdict, seen.notes) == (Verdict.TIME, (SERVES.fact,))
    assert seen.output.strip()


async def test_its_own_name_is_no_use_of_the_network_and_another_is(executor: SandboxExecutor) -> None:
    seen = await run(executor, "import socket\nprint(socket.gethostbyname(socket.gethostname()), bool(socket.getfqdn()))")
    assert (seen.output, seen.notes) == ("127.0.0.1 True\n", ())
    seen = await run(executor, "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), 2)\nexcept OSError:\n    print('no')")
    assert TRIED_NETWORK in seen.notes


async def test_a_program_that_keeps_asking_hears_that_there_is_no_keyboard(executor: SandboxExecutor) -> None:
    seen = await run(executor, "while True:\n    try:\n        input('? ')\n    except EOFError:\n        print('again ' * 1000)")
    assert seen.verdict in (Verdict.OUTPUT, Verdict.TIME)
    assert seen.notes == (NO_KEYBOARD.fact,)


async def test_a_progress_bar_is_told_as_it_ended(executor: SandboxExecutor) -> None:
    seen = await run(executor, "for n in range(101):\n    print(f'\\r{n} %', end='')\nprint()\nprint('done')")
    assert seen.output == "100 %\ndone\n"


async def test_a_file_that_hides_a_module_is_named(executor: SandboxExecutor) -> None:
    seen = await run(executor, "print(1)", name="calendar.py")
    assert seen.notes == (HIDES.format("calendar.py"),)


async def test_a_server_started_in_the_block_before_is_gone(executor: SandboxExecutor) -> None:
    await run(executor, "python3 -m http.server 8123 >/dev/null 2>&1 &\nsleep 1", "sh")
    seen = await run(executor, "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:8123')")
    assert seen.verdict is Verdict.FAILED
    assert seen.notes == ("nothing answers there: whatever a program starts ends with it",)


async def test_a_program_that_calls_pip_does_not_try_for_long(executor: SandboxExecutor) -> None:
    seen = await run(executor, "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'pip', 'install', 'toolz'])")
    assert seen.output.count("Retrying (Retry(total=") == 1
    assert "No matching distribution found for toolz" in seen.output
