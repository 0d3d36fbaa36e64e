import os
import re
import time
from pathlib import Path

import pytest

from sandbox.files.host_folder import HostFolder, remove_stale


def test_a_file_is_written_with_its_folders_and_ordinary_rights(tmp_path: Path) -> None:
    path = HostFolder(tmp_path).write("a/b/c.txt", b"text")
    assert path == tmp_path / "a/b/c.txt"
    assert path.read_bytes() == b"text"
    assert path.stat().st_mode & 0o7777 & ~0o644 == 0


@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_link_is_replaced_and_not_followed(tmp_path: Path, target: str) -> None:
    canary = tmp_path / "canary"
    if target == "there":
        canary.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").symlink_to(canary)
    HostFolder(folder).write("a.txt", b"text")
    assert not (folder / "a.txt").is_symlink()
    assert (folder / "a.txt").read_bytes() == b"text"
    assert (canary.read_text() == "mine") if target == "there" else not canary.exists()


def test_a_folder_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "sub").symlink_to(outside)
    with pytest.raises(OSError):  # noqa: PT011  # the kernel's words differ
        HostFolder(folder).write("sub/a.txt", b"text")
    assert list(outside.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["sub"]


def test_a_pipe_in_the_way_is_replaced_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    HostFolder(tmp_path).write("a.txt", b"text")
    assert (tmp_path / "a.txt").read_bytes() == b"text"


def test_a_file_that_is_not_committed_leaves_nothing(tmp_path: Path) -> None:
    folder = HostFolder(tmp_path)
    (tmp_path / "a.txt").write_text("old")
    pending = folder.begin()
    pending.stream.write(b"half")
    assert (tmp_path / "a.txt").read_text() == "old"
    folder.discard(pending)
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    folder = HostFolder(tmp_path)
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


def test_the_control_a_process_that_is_killed_while_it_writes_leaves_such_a_file(tmp_path: Path) -> None:
    HostFolder(tmp_path / ".").begin().stream.close()
    assert [bool(re.fullmatch(r"\.[0-9a-f]{32}\.part", path.name)) for path in tmp_path.iterdir()] == [True]
