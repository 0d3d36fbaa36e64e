"""/undo and the files: the programs' folder in a real container and its copy here become what they were."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock

from cli.output.files import put_back_lines
from sandbox.files.states import PutBack
from sandbox.files.transfer import LeftOut
from sandbox.sandbox import Sandbox
from tests.fakes import program
from tests.talks import rehearsal
from utils.docker_utils import ContainerRequest, Limits, unique_name

LIMITS = Limits(timeout=30, network="off", copied_file=100_000, copied_total=1_000_000)
# Each of them fails when it finds what only a later one leaves.
ONE = """import os
assert not os.path.exists("made.txt")
with open("log.txt", "x") as file:
    file.write("one")
os.makedirs("sub", exist_ok=True)
open("sub/kept.txt", "w").write("kept")
"""
TWO = """import os
open("log.txt", "a").write(" two")
os.remove("sub/kept.txt")
open("made.txt", "w").write("made")
"""
THREE = """open("log.txt", "a").write(" three")
open("made.txt", "w").write("made again")
"""
SHOW = "find . -name '*.txt' | sort | while read -r name; do echo \"$name $(cat $name)\"; done; ls -d sub 2>&1"


@pytest.fixture
async def sandbox(image: str, tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(ContainerRequest(image, unique_name(), LIMITS), lambda: tmp_path) as made:
        await made.keep_states()
        yield made


async def inside(sandbox: Sandbox) -> list[str]:
    """Return the text files in the container, with what is in them."""
    run = await sandbox.run_block(CodeBlock(code=SHOW, language="sh"), CancellationToken())
    return run.output.splitlines()[:-1]


def here(folder: Path) -> dict[str, str]:
    """Return the text files of the copy on this machine."""
    return {file.relative_to(folder).as_posix(): file.read_text() for file in sorted(folder.rglob("*.txt"))}


async def run(sandbox: Sandbox, code: str) -> None:
    done = await sandbox.run_block(CodeBlock(code=code, language="python"), CancellationToken())
    assert done.exit_code == 0, done.output
    await sandbox.collect_files()


@pytest.mark.engine
async def test_undo_puts_files_back_one_attempt_after_the_other(sandbox: Sandbox, tmp_path: Path) -> None:
    typed = ["more", "more", "/undo", "/files", "/undo", "/undo", "STOP"]
    async with rehearsal([program(ONE), program(TWO), program(THREE)], typed=typed, sandbox=sandbox) as session:
        seen = await session.converse("count")
        assert await inside(sandbox) == ["./log.txt one", "./sub/kept.txt kept"]
        assert here(tmp_path) == {"log.txt": "one", "sub/kept.txt": "kept"}
        first, second = seen.split("This is the newest program again. The model will see this.\n")[1:]
        assert first.startswith("Files are as it left them: put back ")
        assert "log.txt" in first.splitlines()[0]
        assert "made.txt (" in first  # /files still has it
        assert "sub/kept.txt" in second.splitlines()[0]
        assert "removed made.txt" in second.splitlines()[0]
        assert "There is no earlier program in this task." in second
        assert seen.count("exit code 0") == 5
        assert set(session.session.record.files) >= {"log.txt", "sub/kept.txt"}
        assert "made.txt" not in session.session.record.files


@pytest.mark.engine
async def test_a_second_undo_is_exact_although_programs_never_do_the_same_twice(sandbox: Sandbox, tmp_path: Path) -> None:
    codes = [f"import uuid; open('id.txt', 'w').write(uuid.uuid4().hex + ' {number}')" for number in range(3)]
    contents: list[str] = []

    async with rehearsal(list(map(program, codes)), typed=["more", "more", "STOP"], sandbox=sandbox) as session:
        states = []
        for code in codes:
            states.append(sandbox.state)
            await run(sandbox, code)
            contents.append((tmp_path / "id.txt").read_text())
        assert len(set(contents)) == 3
        for state, content in ((states[2], contents[1]), (states[1], contents[0])):
            done = await sandbox.put_back(state)
            assert done is not None
            assert "id.txt" in done.stored
            assert here(tmp_path) == {"id.txt": content}
            assert await inside(sandbox) == [f"./id.txt {content}"]
            again = await sandbox.put_back(state)
            assert again is not None
            assert "id.txt" not in again.stored
        assert session.session.record.attempts == []


@pytest.mark.engine
async def test_files_above_the_limit_are_named_and_unchanged_ones_are_not(sandbox: Sandbox, tmp_path: Path) -> None:
    await run(sandbox, "open('big.bin', 'w').write('a' * 200_000); open('still.bin', 'w').write('b' * 200_000); open('a.txt', 'w')")
    state = sandbox.state
    await run(sandbox, "open('big.bin', 'w').write('c' * 200_000); open('a.txt', 'w').write('changed')")
    done = await sandbox.put_back(state)
    assert done is not None
    assert [each.name for each in done.left_out] == ["big.bin"]
    assert "larger than" in done.left_out[0].reason
    assert here(tmp_path) == {"a.txt": ""}
    check = "print(open('big.bin').read(1), open('still.bin').read(1))"
    assert (await sandbox.run_block(CodeBlock(code=check, language="python"), CancellationToken())).output == "c b\n"


@pytest.mark.engine
async def test_what_the_user_added_since_stays_and_a_new_container_gets_all(sandbox: Sandbox, tmp_path: Path) -> None:
    await run(sandbox, "open('a.txt', 'w').write('a')")
    state = sandbox.state
    own = tmp_path.parent / f"{tmp_path.name}-own.csv"
    own.write_text("1,2")
    await sandbox.add_files([own])
    await sandbox.restart()
    done = await sandbox.put_back(state)
    assert done is not None
    assert "a.txt" in done.stored
    assert done.removed == ()
    assert await inside(sandbox) == ["./a.txt a"]
    check = f"print(open({own.name!r}).read())"
    assert (await sandbox.run_block(CodeBlock(code=check, language="python"), CancellationToken())).output == "1,2\n"


@pytest.mark.engine
async def test_states_are_bounded_and_an_old_one_says_that_it_is_gone(image: str, tmp_path: Path) -> None:
    limits = Limits(timeout=30, network="off", copied_file=60_000, copied_total=100_000)
    async with Sandbox(ContainerRequest(image, unique_name(), limits), lambda: tmp_path) as sandbox:
        await sandbox.keep_states()
        states = []
        for number in range(4):
            await run(sandbox, f"open('a.bin', 'w').write('{number}' * 40_000)")
            states.append(sandbox.state)
        assert await sandbox.put_back(states[0]) is None
        assert (tmp_path / "a.bin").read_text() == "3" * 40_000
        assert await sandbox.put_back(states[2]) is not None
        assert (tmp_path / "a.bin").read_text() == "2" * 40_000


@pytest.mark.engine
async def test_a_program_that_rewrote_itself_is_not_put_over_what_was_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    await run(sandbox, "# filename: own.py\nopen('own.py', 'w').write('rewritten')")
    state = sandbox.state
    await run(sandbox, "open('own.py', 'w').write('again')")
    assert await sandbox.put_back(state) is not None
    assert (tmp_path / "own.py").read_text().startswith("# filename: own.py")
    assert (tmp_path / "own~2.py").read_text() == "rewritten"


@pytest.mark.parametrize(
    ("done", "lines"),
    [
        (PutBack(), ["Files are as it left them; none had changed."]),
        (PutBack(("a", "b"), ("c",)), ["Files are as it left them: put back a and b; removed c."]),
        (
            PutBack(("a",), (), (LeftOut("big", "larger than 50 MiB"), LeftOut("\x1b[2J", "a link"))),
            ["Files: put back a; not put back: big (larger than 50 MiB); \\x1b[2J (a link)."],
        ),
    ],
)
def test_what_came_back_is_said_in_one_sentence(done: PutBack, lines: list[str]) -> None:
    assert put_back_lines(done) == lines
