"""What is copied in for the person, and what never is: keys, caches, links that lead out, and what .sandboxignore lists."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from sandbox.files import added as files_in
from sandbox.files.added import IGNORE_FILE, Selection, select
from sandbox.files.host_folder import HostFolder
from sandbox.languages import BY_NAME
from sandbox.program import Job
from sandbox.runner import Runner
from sandbox.workspace import Workspace
from utils.docker_utils import ContainerRequest, Limits, remove_container, unique_name
from utils.errors import EngineError, ExitStatus, UsageError

SECRETS = (
    *(".env", ".env.local", "prod.env", "id_rsa", "id_ed25519", "id_ed25519.pub", "server.pem", "server.key", "cert.p12", ".netrc"),
    *(".npmrc", ".pypirc", "credentials.json", "secrets.yaml", "terraform.tfstate", ".git-credentials", "service-account-1.json"),
    *("wallet.kdbx", ".envrc", ".env-prod", ".env_local", ".dev.vars", ".bash_history", ".zsh_history", ".s3cfg", ".boto", ".vault_pass"),
    *(".vault_pass.txt", "pip.conf", "kubeconfig", "kubeconfig.yaml", "rclone.conf", "client_secret_1.json", "secrets-prod.yml"),
    *("secrets_dev.json", "credentials", "credentials-prod", "credentials.db"),
)
FOLDERS = (".ssh", ".aws", ".docker", ".gnupg", ".git", "__pycache__", ".venv", "node_modules", ".kube", ".pip")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with two files of the person's, every kind of secret at two depths, and what tools leave."""
    root = tmp_path / "project"
    (root / "sub").mkdir(parents=True)
    for where in (root, root / "sub"):
        for name in SECRETS:
            (where / name).write_text("canary")
        for name in FOLDERS:
            (where / name).mkdir()
            (where / name / "config").write_text("canary")
    (root / "data.csv").write_text("a,b\n1,2\n")
    (root / "sub/tool.py").write_text("print('tool')\n")
    return root


def names(selection: Selection) -> list[str]:
    return [name for name, _, _ in selection.files]


def reasons(selection: Selection) -> dict[str, str]:
    return {left.name: left.reason for left in selection.left_out}


def test_a_folder_comes_under_its_own_name_without_secrets_and_caches_and_each_of_them_is_named(project: Path) -> None:
    selection = select([project])
    assert names(selection) == ["project/data.csv", "project/sub/tool.py"]
    assert all("canary" not in file.read_text() for _, file, _ in selection.files)
    expected = {f"{where}{name}" for where in ("", "sub/") for name in [*SECRETS, *(f"{folder}/" for folder in FOLDERS)]}
    assert set(reasons(selection)) == expected
    assert set(reasons(selection).values()) == {"may hold secrets", "caches and installed packages"}


def test_the_current_folder_comes_without_a_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert names(select([Path()])) == ["data.csv", "sub/tool.py"]
    assert names(select([Path("data.csv"), Path("sub")])) == ["data.csv", "sub/tool.py"]


@pytest.mark.parametrize("name", ["id_rsa", ".env", ".ssh/config", ".git/config", ".aws"])
def test_a_secret_that_is_named_outright_is_refused_just_the_same(project: Path, name: str) -> None:
    selection = select([project / name])
    assert names(selection) == []
    assert len(selection.left_out) == 1


def test_a_secret_behind_a_harmless_name_is_refused(project: Path) -> None:
    (project / "notes.txt").symlink_to(project / ".env")
    assert names(select([project / "notes.txt"])) == []
    assert "notes.txt" in reasons(select([project]))


def test_links_that_lead_out_are_not_followed_and_those_that_stay_inside_are(project: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("canary")
    (project / "out.txt").symlink_to(tmp_path / "outside.txt")
    (project / "passwd").symlink_to("/etc/passwd")
    (project / "up").symlink_to("..")
    (project / "loop").symlink_to("loop")
    (project / "in.csv").symlink_to("data.csv")
    selection = select([project])
    assert names(selection) == ["project/data.csv", "project/in.csv", "project/sub/tool.py"]
    for name in ("out.txt", "passwd", "up"):
        assert reasons(selection)[f"project/{name}"] == "links that lead elsewhere"


def test_a_folder_of_ours_is_not_copied_with_one_that_holds_it_and_what_is_named_outright_is(project: Path) -> None:
    (project / "work/sessions/one").mkdir(parents=True)
    (project / "work/sessions/one/result.csv").write_text("x")
    ours = [project / "work", project / "work/sessions"]
    assert names(select([project], ours)) == ["project/data.csv", "project/sub/tool.py"]
    assert "sessions" in reasons(select([project], ours))["work/"]
    assert names(select([project / "work"], ours)) == []
    assert names(select([project / "work/sessions/one"], ours)) == ["one/result.csv"]
    assert "project/work/sessions/one/result.csv" in names(select([project])), "the control"


def test_what_the_ignore_file_lists_stays_here_by_gits_rules(project: Path) -> None:
    (project / "logs").mkdir()
    for name in ("logs/a.txt", "b.log", "keep.log"):
        (project / name).write_text("x")
    (project / IGNORE_FILE).write_text("# comment\n*.log\n!keep.log\nlogs/\n")
    selection = select([project])
    assert names(selection) == [f"project/{IGNORE_FILE}", "project/data.csv", "project/keep.log", "project/sub/tool.py"]
    assert reasons(selection)["logs/"] == reasons(selection)["b.log"] == f"listed in {IGNORE_FILE}"


def test_odd_things_are_left_out_without_a_hang(project: Path) -> None:
    os.mkfifo(project / "pipe")
    (project / "a\nb").write_text("x")
    (project / "bad\x1b[2J").write_text("x")
    selection = select([project])
    assert reasons(selection)["project/pipe"] == "not regular files"
    assert reasons(selection)["project/a\nb"] == "names that are not allowed there"
    assert names(select([project / "pipe"])) == []


def test_there_is_an_end_to_count_and_size(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_in, "LARGEST_FILE", 100)
    (project / "big").write_bytes(b"x" * 101)
    assert reasons(select([project]))["project/big"] == "larger than 100 bytes"
    monkeypatch.setattr(files_in, "LARGEST_TOTAL", 10)
    assert "in all" in reasons(select([project]))["project/sub/tool.py"]
    monkeypatch.setattr(files_in, "MOST_FILES", 1)
    assert reasons(select([project]))["project/..."] == "more than 1 files"


def test_what_is_not_there_or_cannot_be_read_is_one_line_with_the_remedy(project: Path) -> None:
    with pytest.raises(UsageError, match=r"nosuch cannot be added: there is no such file or folder") as error:
        select([project / "nosuch"])
    assert error.value.status is ExitStatus.USAGE
    assert error.value.hint
    if os.getuid() != 0:  # root may read everything
        (project / "data.csv").chmod(0)
        with pytest.raises(UsageError, match="Permission denied"):
            select([project / "data.csv"])


@pytest.fixture
def runner(engine: docker.APIClient, image: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Runner]:
    folder = tmp_path / "session"
    folder.mkdir()
    strict = getattr(request, "param", False)
    limits = Limits(timeout=5, memory=256 * 1024**2, pids=50)
    runner = Runner(ContainerRequest(image, unique_name(), limits, strict=strict), Workspace(lambda: HostFolder(folder)), engine)
    runner.start()
    yield runner
    runner.stop()


def python(runner: Runner, code: str) -> str:
    return runner.run(Job(BY_NAME["python"], code, "program.py"), threading.Event(), lambda text: None).output


LIST = """
import hashlib, os
for at, _, names in sorted(os.walk("project")):
    for name in sorted(names):
        path = os.path.join(at, name)
        print(path, hashlib.md5(open(path, "rb").read()).hexdigest()[:8])
"""


@pytest.mark.engine
@pytest.mark.parametrize("runner", [False, True], indirect=True, ids=["ordinary", "strict"])
def test_programs_find_the_files_byte_for_byte_and_may_change_them(runner: Runner, project: Path) -> None:
    content = bytes(range(256)) * 50_000
    (project / "big file.bin").write_bytes(content)
    (project / "empty").write_bytes(b"")
    runner.add(select([project]))
    seen = python(runner, LIST)
    expected = [
        ("project/big file.bin", content),
        ("project/data.csv", b"a,b\n1,2\n"),
        ("project/empty", b""),
        ("project/sub/tool.py", b"print('tool')\n"),
    ]
    assert seen.splitlines() == [f"{name} {hashlib.md5(data).hexdigest()[:8]}" for name, data in expected]
    assert runner.collect() == [], "what was added is not what programs made"
    python(runner, "open('project/data.csv', 'a').write('3,4')")
    assert [file.name for file in runner.collect()] == ["project/data.csv"]
    assert (project / "data.csv").read_text() == "a,b\n1,2\n", "the person's own file is not touched"


@pytest.mark.engine
def test_a_container_in_the_place_of_one_that_was_lost_has_them_too(runner: Runner, engine: docker.APIClient, project: Path) -> None:
    runner.add(select([project / "data.csv"]))
    assert runner._container is not None
    remove_container(engine, runner._container.id)
    assert python(runner, "print(open('data.csv').read())") == "a,b\n1,2\n\n"


@pytest.mark.engine
def test_a_link_that_a_program_planted_under_the_name_is_replaced(runner: Runner, project: Path) -> None:
    python(runner, "import os\nopen('target', 'w').write('kept')\nos.symlink('target', 'data.csv')\nos.mkdir('x')")
    runner.add(select([project / "data.csv"]))
    assert python(runner, "import os\nprint(os.path.islink('data.csv'), open('target').read())") == "False kept\n"


@pytest.mark.engine
@pytest.mark.parametrize("runner", [True], indirect=True, ids=["strict"])
def test_more_than_there_is_room_for_is_one_line(runner: Runner, project: Path) -> None:
    python(runner, "import os\nos.posix_fallocate(os.open('fill', os.O_CREAT | os.O_WRONLY), 0, 250 * 2**20)")
    (project / "big.bin").write_bytes(bytes(10 * 1024**2))
    with pytest.raises(EngineError, match="could not be copied into the sandbox"):
        runner.add(select([project / "big.bin"]))
