import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.files.host_folder import HostFolder
from sandbox.files.names import HostNames, header_name, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.txt", "a.txt"),
        ("sub/./a.txt", "sub/a.txt"),
        ("-rf", "_rf"),
        ("a\nb\x1b[2J", "a_b_[2J"),
        ("left\u202eright", "left_right"),
        ("x:y|z?", "x_y_z_"),
        ("CON", "_CON"),
        ("aux.py", "_aux.py"),
        ("nul .txt", "_nul .txt"),
        ("CONOUT$", "_CONOUT$"),
        ("com¹.log", "_com¹.log"),
        ("com10", "com10"),
        ("console.py", "console.py"),
        ("ends. ", "ends_"),
        ("..", None),
        ("a/../../b", None),
        (".git/config", None),
        ("sub/.GIT/hooks/post-checkout", None),
        ("a/.Hg/hgrc", None),
        ("HEAD", "HEAD_"),
        ("repo/Head/x", "repo/Head_/x"),
        ("head.txt", "head.txt"),
        ("", None),
        ("/".join("abcdefghijklmnopqrstuvwxyz"), None),
        ("/".join(["x" * 190] * 6), None),
    ],
)
def test_a_name_is_made_safe_or_refused(name: str, safe: str | None) -> None:
    assert safe_name(name) == safe


def test_a_long_name_is_cut_and_keeps_its_ending() -> None:
    cut = safe_name("é" * 200 + ".csv")
    assert cut is not None
    assert cut.endswith(".csv")
    assert len(cut.encode()) <= 200


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("print(1)", None),
        ("# filename: a.py\nprint(1)", "a.py"),
        ("\n\n# filename: a.py\r\nprint(1)", "a.py"),
        ("#filename:a.py", "a.py"),
        ("// filename: a.js", "a.js"),
        ("# filename: `sub/a.py`", "sub/a.py"),
        ("# filename: /workspace/a.py", "a.py"),
        ("# filename: sub/../a.py", "a.py"),
        ("# filename: -c", "_c"),
        ("# filename: ", None),
        ("print(1)\n# filename: a.py", None),
    ],
)
def test_the_header_names_the_file(code: str, name: str | None) -> None:
    assert header_name(code) == name


@pytest.mark.parametrize(
    "asked", ["/tmp/a.py", "../a.py", "a/../../b.py", "a\0b", "C:\\a.py", "c:a.py", "a\\b.py", "/workspace", ".", "x/" * 1500]
)
def test_a_name_outside_of_the_working_folder_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match="Filename is not in the workspace"):
        header_name(f"# filename: {asked}\nprint(1)")


def test_two_files_never_get_one_name_and_each_keeps_its_own() -> None:
    names = HostNames()
    given = [names.name(name) for name in ("A.txt", "a.txt", "x:y", "x_y", "A.txt")]
    assert given == ["A.txt", "a~2.txt", "x_y", "x_y~2", "A.txt"]
    assert names.name("../x") is None


def test_what_must_not_replace_a_file_has_a_second_name_of_its_own() -> None:
    names = HostNames()
    given = [names.name("a.py"), names.name("a.py", beside=True), names.name("a~2.py"), names.name("a.py", beside=True)]
    assert given == ["a.py", "a~2.py", "a~2~2.py", "a~2.py"]
    assert names.name("../x", beside=True) is None


def bare_repository(marker: Path) -> dict[str, str]:
    """Return the files of a repository without a working copy, whose config names a command to be run by `git status`."""
    config = f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = touch {marker}; false\n"
    return {"HEAD": "ref: refs/heads/main\n", "config": config, "objects/info/x": "", "refs/heads/x": ""}


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git to try it with")
@pytest.mark.parametrize("where", ["", "sub/"])
@pytest.mark.parametrize("head", ["HEAD", "head"])
def test_a_planted_repository_does_not_make_git_run_its_commands(tmp_path: Path, where: str, head: str) -> None:
    marker, plain, session = tmp_path / "ran", tmp_path / "plain", tmp_path / "session"
    names = HostNames()
    for folder in (plain, session):
        folder.mkdir()
    for name, content in bare_repository(marker).items():
        (plain / where / name).parent.mkdir(parents=True, exist_ok=True)
        (plain / where / name).write_text(content)
        target = names.name(where + name.replace("HEAD", head))
        assert target is not None
        HostFolder(session).write(target, content.encode())

    def git_status(folder: Path) -> None:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(tmp_path)}
        subprocess.run(["git", "status"], cwd=folder, env=environment, capture_output=True, timeout=10, check=False)

    git_status(session)
    git_status(session / where)
    assert not marker.exists()
    git_status(plain / where)
    assert marker.exists(), "the control: the same files under their own names"


def test_no_file_of_a_program_gets_into_the_folders_that_this_program_keeps_for_itself() -> None:
    names = HostNames()
    assert names.name("approved/01-x/program.py") == "_approved/01-x/program.py"
    assert names.name("APPROVED/x") == "_APPROVED/x"
    assert names.name("./added/x") == "_added/x"
    assert names.name("sub/approved/x") == "sub/approved/x"


@pytest.mark.parametrize("name", [".envrc", ".BASHRC", ".zshenv", "sitecustomize.py", "x.pth", ".gdbinit"])
def test_what_a_shell_or_an_editor_runs_by_itself_arrives_under_another_name(name: str) -> None:
    names = HostNames()
    assert names.name(name) == f"_{name}"
    assert names.name(f"sub/{name}") == f"sub/_{name}"
    assert names.name(f"_{name}") not in (None, name, f"_{name}")
    assert safe_name(name) == name, "in the sandbox it keeps its name"


def test_a_folder_of_settings_for_an_editor_arrives_under_another_name() -> None:
    assert HostNames().name(".vscode/tasks.json") == "_.vscode/tasks.json"
    assert HostNames().name("vscode/x.py") == "vscode/x.py"


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash to try it with")
def test_the_control_bash_runs_the_file_under_its_own_name(tmp_path: Path) -> None:
    for name, ran in ((".bashrc", "ran"), (str(HostNames().name(".bashrc")), "")):
        home = tmp_path / name.lstrip("._") / ("own" if ran else "other")
        home.mkdir(parents=True)
        (home / name).write_text("echo ran")
        environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["bash", "-i", "-c", "true"], env=environment, cwd=home, capture_output=True, text=True, timeout=10, check=False
        )
        assert done.stdout.strip() == ran
