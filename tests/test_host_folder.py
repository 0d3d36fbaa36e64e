import os
import re
import time
from pathlib import Path

import pytest

from sandbox.files.host_folder import HostFolder, remove_stale
from tests.windows.hiding import CLOUD, JUNCTIONS, answers_for_windows


@pytest.fixture(params=["posix", "windows"])
def folder_of(request: pytest.FixtureRequest) -> type[HostFolder]:
    """Give the class with each system's way to open files."""
    found: type[HostFolder] = HostFolder if request.param == "posix" else answers_for_windows("sandbox.files.host_folder").HostFolder
    return found


def test_a_file_is_written_with_its_folders_and_ordinary_rights(folder_of: type[HostFolder], tmp_path: Path) -> None:
    path = folder_of(tmp_path).write("a/b/c.txt", b"text")
    assert path == tmp_path / "a/b/c.txt"
    assert path.read_bytes() == b"text"
    assert path.stat().st_mode & 0o7777 & ~0o644 == 0


@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_link_is_replaced_and_not_followed(folder_of: type[HostFolder], tmp_path: Path, target: str) -> None:
    canary = tmp_path / "canary"
    if target == "there":
        canary.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").symlink_to(canary)
    folder_of(folder).write("a.txt", b"text")
    assert not (folder / "a.txt").is_symlink()
    assert (folder / "a.txt").read_bytes() == b"text"
    assert (canary.read_text() == "mine") if target == "there" else not canary.exists()


def test_a_folder_that_is_a_link_is_not_entered(folder_of: type[HostFolder], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sub").symlink_to(outside)
    with pytest.raises(OSError):  # noqa: PT011  # the kernel's words differ
        folder_of(folder).write("sub/a.txt", b"text")
    assert list(outside.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["sub"]


def test_a_pipe_in_the_way_is_replaced_and_nobody_waits_for_it(folder_of: type[HostFolder], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    folder_of(tmp_path).write("a.txt", b"text")
    assert (tmp_path / "a.txt").read_bytes() == b"text"


def test_a_file_that_is_not_committed_leaves_nothing(folder_of: type[HostFolder], tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (tmp_path / "a.txt").write_text("old")
    pending = folder.begin()
    pending.stream.write(b"half")
    assert (tmp_path / "a.txt").read_text() == "old"
    folder.discard(pending)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_removing_what_is_not_there_is_no_error(folder_of: type[HostFolder], tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    folder.write("a/b.txt", b"")
    folder.remove("a/b.txt")
    folder.remove("a/b.txt")
    folder.remove("no/such.txt")
    assert list((tmp_path / "a").iterdir()) == []


def test_what_a_killed_process_left_half_written_is_removed_and_nothing_else(tmp_path: Path) -> None:
    hours_ago = time.time() - 2 * 3600
    session = tmp_path / "20260101-000000-abcd"
    session.mkdir()
    half = f".{'0' * 32}.part"
    for name in (half, f".{'1' * 32}.part", "mine.part", f"{'2' * 32}.part", f".{'3' * 32}.part.txt"):
        (session / name).write_text("half")
        os.utime(session / name, (hours_ago, hours_ago))
    os.utime(session / f".{'1' * 32}.part")  # being written
    (tmp_path / half).write_text("not in a session")
    os.utime(tmp_path / half, (hours_ago, hours_ago))
    (session / f".{'4' * 32}.part").symlink_to(tmp_path / half)
    assert remove_stale(tmp_path) == 1
    assert not (session / half).exists()
    assert len(list(session.iterdir())) == 5
    assert (tmp_path / half).exists()
    assert remove_stale(tmp_path / "missing") == 0


def test_the_control_a_process_that_is_killed_while_it_writes_leaves_such_a_file(folder_of: type[HostFolder], tmp_path: Path) -> None:
    folder_of(tmp_path / ".").begin().stream.close()
    assert [bool(re.fullmatch(r"\.[0-9a-f]{32}\.part", path.name)) for path in tmp_path.iterdir()] == [True]


@pytest.mark.parametrize(
    "name", ["../a", "a/../../b", "/a", "a//b", "CON", "sub/aux.txt", "com1", "lpt9.x", "a:stream", "a\\b", "ends.", "ends ", ""]
)
def test_a_name_that_means_something_else_to_some_system_is_refused(folder_of: type[HostFolder], name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(OSError, match="not allowed"):
        folder_of(inside).write(name, b"x")
    assert list(inside.iterdir()) == []
    assert list(tmp_path.iterdir()) == [inside]
    folder_of(inside).write("console.txt", b"x")  # the control


def test_a_folder_that_changes_its_name_meanwhile_is_not_left_for_a_link(folder_of: type[HostFolder], tmp_path: Path) -> None:
    for name in ("session", "outside"):
        (tmp_path / name / "sub").mkdir(parents=True)
    folder = folder_of(tmp_path / "session")
    pending = folder.begin()
    (tmp_path / "session" / "sub").rename(tmp_path / "session" / "moved")
    (tmp_path / "session" / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError):  # noqa: PT011  # the systems' words differ
        folder.commit(pending, "sub/a.txt")
    assert sorted(tmp_path.glob("outside/**/*.txt")) == []
    (tmp_path / "session" / "sub" / "a.txt").write_text("the control: a plain path leads there")
    assert (tmp_path / "outside" / "a.txt").exists()


def test_on_windows_a_junction_is_no_folder_and_one_in_the_cloud_is(tmp_path: Path) -> None:
    folder = answers_for_windows("sandbox.files.host_folder").HostFolder(tmp_path)
    for name, kind in (("junction", JUNCTIONS), ("cloud", CLOUD)):
        (tmp_path / name).mkdir()
        kind.add(tmp_path / name)
    with pytest.raises(OSError, match="it is a link"):
        folder.write("junction/a.txt", b"x")
    assert list((tmp_path / "junction").iterdir()) == []
    assert folder.write("cloud/a.txt", b"x").read_bytes() == b"x"


def test_on_windows_a_folder_that_is_replaced_after_the_look_is_noticed(tmp_path: Path) -> None:
    answers = answers_for_windows("utils.platform.windows")
    (tmp_path / "session").mkdir()
    (tmp_path / "outside").mkdir()
    opened = answers.Folder.open(tmp_path / "session")
    opened.create("before.txt").close()  # the control
    with pytest.raises(FileExistsError):
        opened.create("before.txt")
    (tmp_path / "session").rename(tmp_path / "moved")
    (tmp_path / "session").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="it is a link"):
        opened.create("a.txt")
    with pytest.raises(OSError, match="it is a link"):
        opened.inner("sub", make=True)
    with pytest.raises(OSError, match="it is a link"):
        opened.remove("before.txt")
    (tmp_path / "session").unlink()
    (tmp_path / "session").mkdir()
    with pytest.raises(OSError, match="something else has taken its place"):
        opened.create("a.txt")
    assert list((tmp_path / "outside").iterdir()) == []
