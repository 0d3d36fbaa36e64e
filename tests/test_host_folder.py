import os
from pathlib import Path

import pytest

from sandbox.files.host_folder import HostFolder


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
