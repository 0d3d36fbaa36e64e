"""What is handed over on approval: the program, what it needs, and true words about how to run it."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from history.handover import ADDED, MOST_FILE, Handover, hand_over, plan, run_lines
from history.records import Attempt, Message, StoredFile, StoredPackage, StoredSession
from history.steps import TASK
from sandbox.languages import BY_NAME
from tests.histories import PROGRAM, START, info, whole_session

UV = shutil.which("uv") or shutil.which(str(Path(sys.executable).with_name("uv")))


def session(*programs: str, language: str = "python", verdict: str = "ok", **more: Any) -> StoredSession:
    attempts = tuple(
        Attempt(number, 2, language, code, START, START + 1, verdict, 0, 1.0, "out\n", file_name=BY_NAME[language].file_name)
        for number, code in enumerate(programs, 1)
    )
    return replace(StoredSession(info(image_digest="python@sha256:" + "a" * 64), attempts=attempts), **more)


def stored(folder: Path, name: str, data: bytes, **more: Any) -> StoredFile:
    path = folder / (f"{ADDED}/{name}" if more.get("added") else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return StoredFile(name, hashlib.sha256(data).hexdigest(), len(data), **more)


def test_the_program_gets_a_fitting_name_a_header_and_a_folder(tmp_path: Path) -> None:
    kept = replace(whole_session(), approvals=(), files=())
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    assert (approval.number, approval.folder, approval.attempts) == (1, "approved/01-factorial", (2,))
    folder = tmp_path / approval.folder
    assert sorted(path.name for path in folder.iterdir()) == ["Dockerfile", "README.md", "factorial.py", "requirements.txt"]
    code = (folder / "factorial.py").read_text()
    assert code == '# /// script\n# requires-python = ">=3.12"\n# dependencies = ["numpy==2.1.0"]\n# ///\n' + PROGRAM
    ast.parse(code)
    assert (folder / "requirements.txt").read_text() == f"numpy==2.1.0 --hash=sha256:{'3' * 64}\n"
    assert "--require-hashes" in (folder / "Dockerfile").read_text()
    second = hand_over(replace(kept, approvals=(approval,)), tmp_path)
    assert second is not None
    assert second.folder == "approved/02-factorial"


def test_the_readme_names_the_image_by_its_digest_and_marks_what_runs_without_the_sandbox(tmp_path: Path) -> None:
    kept = session(PROGRAM, info=info(image_digest="python@sha256:" + "a" * 64, facts={"memory": 1024**3, "pids": 64}))
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    readme = (tmp_path / approval.folder / "README.md").read_text()
    assert f"python:3.12-slim@sha256:{'a' * 64} python3 factorial.py" in readme
    assert "--network none" in readme
    assert "--memory 1073741824 --pids-limit 64 " in readme
    assert readme.index("docker run") < readme.index("Without the sandbox") < readme.index("uv run factorial.py")
    assert not (tmp_path / approval.folder / "Dockerfile").exists()
    assert not (tmp_path / approval.folder / "requirements.txt").exists()


def test_nothing_is_handed_over_when_nothing_ran(tmp_path: Path) -> None:
    assert hand_over(session(), tmp_path) is None
    assert hand_over(StoredSession(info(), attempts=(Attempt(1, 2, "python", "x", START),)), tmp_path) is None


def test_the_program_of_an_earlier_task_is_not_handed_over_again(tmp_path: Path) -> None:
    kept = replace(whole_session(), approvals=())
    later = (Message("user", TASK, "m8", START + 80), Message("CodeGeneratorAgent", "```html\n<p>\n```\n", "m9", START + 90))
    assert hand_over(replace(kept, messages=(*kept.messages, *later)), tmp_path) is None
    assert not (tmp_path / "approved").exists()
    assert hand_over(replace(kept, messages=(*kept.messages, Message("UserProxyAgent", "Thanks", "m8", START + 80)), files=()), tmp_path)


def planned(kept: StoredSession, folder: Path) -> Handover:
    found = plan(kept, folder)
    assert found is not None
    return found


def test_all_programs_of_the_newest_answer_are_handed_over_in_their_order(tmp_path: Path) -> None:
    kept = session("# filename: lib.py\nX = 1\n", "from lib import X\nprint(X)\n")
    assert [program.name for program in planned(kept, tmp_path).programs] == ["lib.py", "factorial.py"]
    line = run_lines(kept, planned(kept, tmp_path), "01-factorial")[0][1]
    assert line.endswith("sh -c 'python3 lib.py && python3 factorial.py'")


def test_a_second_program_of_a_name_gets_a_number_in_the_same_folder(tmp_path: Path) -> None:
    kept = session("# filename: src/a.py\nprint(1)\n", "# filename: src/a.py\nprint(2)\n")
    assert [program.name for program in planned(kept, tmp_path).programs] == ["src/a.py", "src/a-2.py"]


def test_lines_that_install_packages_are_left_to_the_requirements(tmp_path: Path) -> None:
    kept = session("print(1)\n")
    install = replace(kept.attempts[0], language="sh", code="pip install numpy\n")
    repaired = replace(kept.attempts[0], number=3, code="!pip install six\nprint(1)\n")
    again = replace(repaired, number=4, output="the second time\n")
    found = planned(replace(kept, attempts=(install, repaired, again)), tmp_path)
    assert [attempt.number for attempt in found.attempts] == [4]
    assert "pip" not in found.programs[0].code
    assert found.programs[0].code.count("\n") - found.programs[0].moved == 2


def test_modules_of_earlier_answers_come_along_and_files_of_programs_do_not(tmp_path: Path) -> None:
    first = Attempt(1, 2, "python", "# filename: tools/lib.py\nX = 1\n", START, START + 1, "ok", 0, 0.1)
    second = Attempt(2, 5, "python", "from tools.lib import X\nopen('out.txt', 'w').write('x')\n", START, START + 1, "ok", 0, 0.1)
    left = stored(tmp_path, "left.txt", b"by program 1", attempt=1)
    made = stored(tmp_path, "out.txt", b"x", attempt=2)
    approval = hand_over(session(attempts=(first, second), files=(left, made)), tmp_path)
    assert approval is not None
    names = sorted(path.relative_to(tmp_path / approval.folder).as_posix() for path in (tmp_path / approval.folder).rglob("*.*"))
    assert names == ["README.md", "factorial.py", "results/out.txt", "tools/lib.py"]


def test_added_files_come_along_unless_they_are_too_large_or_gone(tmp_path: Path) -> None:
    small = stored(tmp_path, "data/sales.csv", b"a,b\n", added=True)
    gone = stored(tmp_path, "gone.csv", b"a,b\n", added=True)
    (tmp_path / ADDED / "gone.csv").unlink()
    mine = stored(tmp_path, "README.md", b"mine", added=True)
    large = StoredFile("large.bin", "0" * 64, MOST_FILE + 1, added=True)
    approval = hand_over(session("print(1)", files=(gone, large, mine, small)), tmp_path)
    assert approval is not None
    folder = tmp_path / approval.folder
    assert (folder / "data/sales.csv").read_bytes() == b"a,b\n"
    readme = (folder / "README.md").read_text()
    for name, why in (("gone.csv", "no longer there"), ("large.bin", "too large"), ("README.md", "already has its name")):
        assert re.search(rf"Not in this folder: `{name}`, because .*{why}", readme), name


def test_no_program_takes_the_place_of_a_file_of_ours_or_leaves_the_folder(tmp_path: Path) -> None:
    for name in ("README.md", "Dockerfile", "requirements.txt", "results/x.py", "../../evil.py"):
        approval = hand_over(session(f"# filename: {name}\nprint(1)\n"), tmp_path / "s")
        assert approval is not None
        folder = tmp_path / "s" / approval.folder
        assert (folder / "README.md").read_text().startswith("# ")
        assert not (folder / "results").exists()
        assert len(list(folder.glob("*"))) == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]
        shutil.rmtree(tmp_path / "s")


def test_a_link_in_the_place_of_a_result_is_not_followed(tmp_path: Path) -> None:
    made = stored(tmp_path, "out.txt", b"x", attempt=1)
    (tmp_path / "out.txt").unlink()
    (tmp_path / "out.txt").symlink_to("/etc/hostname")
    approval = hand_over(session("print(1)", files=(made,)), tmp_path)
    assert approval is not None
    assert not (tmp_path / approval.folder / "results").exists()


def test_each_task_of_a_session_names_its_own_program(tmp_path: Path) -> None:
    said = (Message("user", "Print primes."), Message("CodeGeneratorAgent", "1"), Message("user", "Sort words."), Message("x", "2"))
    first, second = (Attempt(n, 2 * n, "python", f"print({n})", START, START + 1, "ok", 0, 0.1) for n in (1, 2))
    kept = session(messages=said, attempts=(first, second))
    assert [program.name for program in planned(kept, tmp_path).programs] == ["sort.py"]
    assert planned(replace(kept, attempts=(first,)), tmp_path).programs[0].name == "primes.py"


def test_what_an_answer_stored_beside_its_program_comes_along(tmp_path: Path) -> None:
    attempt = Attempt(1, 2, "python", "import tools.lib", START, START + 1, "ok", 0, 0.1, given=(("tools/lib.py", "X = 1\n"),))
    approval = hand_over(session(attempts=(attempt,)), tmp_path)
    assert approval is not None
    assert (tmp_path / approval.folder / "tools/lib.py").read_text() == "X = 1\n"


def test_packages_without_a_known_hash_are_named_by_version(tmp_path: Path) -> None:
    kept = session("import six", packages=(StoredPackage("six", "1.17.0"), StoredPackage("a", "1", "0" * 64)))
    found = planned(kept, tmp_path)
    assert (found.lock, found.hashed) == ("six==1.17.0\na==1\n", False)
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    assert "--require-hashes" not in (tmp_path / approval.folder / "Dockerfile").read_text()


def test_each_program_runs_in_the_image_that_it_ran_in(tmp_path: Path) -> None:
    node = f"node@sha256:{'b' * 64}"
    kept = session("open('a.csv', 'w')", "require('left-pad')")
    attempts = (kept.attempts[0], replace(kept.attempts[1], language="javascript", file_name="program.js", said={"image": node}))
    kept = replace(kept, attempts=attempts)
    lines = [line for _, line in run_lines(kept, planned(kept, tmp_path), "01-x")]
    assert [line.rpartition("/work ")[2] for line in lines] == [
        f"python:3.12-slim@sha256:{'a' * 64} python3 factorial.py",
        f"{node} node factorial.js",
    ]
    # Packages go into the image of the programs that import them.
    packages = (StoredPackage("six", "1.17.0"), StoredPackage("npm:left-pad", "1.3.0"), StoredPackage("npm:other", "1.0.0", "", False))
    kept = replace(kept, packages=packages)
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    folder = tmp_path / approval.folder
    assert json.loads((folder / "package.json").read_text())["dependencies"] == {"left-pad": "1.3.0"}
    assert (folder / "requirements.txt").read_text() == "six==1.17.0\n"
    first, second = (folder / "Dockerfile").read_text().split("\n\n")
    assert first.startswith(f"FROM python:3.12-slim@sha256:{'a' * 64} AS image-1\nCOPY requirements.txt")
    assert second.startswith(f"FROM {node} AS image-2\nCOPY package.json")
    lines = [line for _, line in run_lines(kept, planned(kept, tmp_path), "01-x")]
    assert lines[:2] == ["docker build --target image-1 -t x-1 .", "docker build --target image-2 -t x-2 ."]
    assert [line.rpartition("/work ")[2] for line in lines[2:]] == ["x-1 python3 factorial.py", "x-2 node factorial.js"]
    only = replace(kept, attempts=attempts[1:], packages=packages[1:])
    lines = [line for _, line in run_lines(only, planned(only, tmp_path), "01-x")]
    assert (lines[0], lines[1].rpartition("/work ")[2]) == ("docker build -t x .", "x node factorial.js")


def test_a_shell_program_has_no_line_for_uv(tmp_path: Path) -> None:
    kept = session("ls\n", language="sh")
    found = planned(kept, tmp_path)
    assert found.programs[0].name == "factorial.sh"
    assert found.programs[0].code == "ls\n"
    [(meaning, line)] = run_lines(kept, found, "01-x")
    assert line.endswith("bash factorial.sh")


def test_an_image_that_was_built_here_is_named_by_its_id_and_that_is_said(tmp_path: Path) -> None:
    kept = session(PROGRAM, info=info(image="mine:local", image_digest="sha256:" + "b" * 64))
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    readme = (tmp_path / approval.folder / "README.md").read_text()
    assert f"-w /work sha256:{'b' * 64} python3" in readme
    assert "Elsewhere, use mine:local" in readme


@pytest.mark.skipif(not UV, reason="uv is not installed")
def test_uv_runs_the_program_as_the_readme_says(tmp_path: Path) -> None:
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    kept = session(PROGRAM, info=info(image=f"python:{python}-slim"))
    approval = hand_over(kept, tmp_path)
    assert approval is not None
    line = re.search(r"^uv run (\S+)$", (tmp_path / approval.folder / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    command = [str(UV), "run", "--python", sys.executable, line[1]]
    ran = subprocess.run(command, cwd=tmp_path / approval.folder, capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, "factorial(5) = 120\n"), ran.stderr
