from pathlib import Path
from typing import cast

import pytest

from sandbox.container import SandboxContainer
from sandbox.exec_stream import Command, Outcome
from sandbox.files.host_folder import HostFolder
from sandbox.files.names import HostNames
from sandbox.files.transfer import Entry, LeftOut, Listing, choose, left_elsewhere, list_files, mirror
from sandbox.verdicts import Ended
from utils.docker_utils import Limits
from utils.errors import ContainerLost

FILE = Entry("f", 5, "1:1")


class Scripted:
    """A container whose one exec prints what the test says, in pieces of three bytes."""

    def __init__(self, output: bytes, ended: Ended = Ended.EXIT) -> None:
        self.output, self.ended = output, ended

    def run(self, command: Command, stop: object = None, on_output: object = None) -> Outcome:
        if callable(on_output):
            for at in range(0, len(self.output), 3):
                on_output(self.output[at : at + 3])
        return Outcome(self.ended, 0, self.output, 0, b"", 0.1)


def scripted(output: bytes, ended: Ended = Ended.EXIT) -> SandboxContainer:
    return cast(SandboxContainer, Scripted(output, ended))


def fetch(output: bytes, folder: Path, ended: Ended = Ended.EXIT) -> tuple[list[str], list[LeftOut]]:
    wanted = {"a": FILE, "b": Entry("f", 0, "1:1"), "c": Entry("f", 3, "1:1")}
    produced, left_out = mirror(scripted(output, ended), wanted, {"c"}, HostFolder(folder), HostNames())
    return [f"{file.name}{'+' if file.new else ''}" for file in produced], left_out


def test_a_listing_is_read_with_any_name() -> None:
    listing = list_files(scripted(b"f 5 1:1 ./a b\0l 9 1:1 ./x\ny\0f 1 1:1 ./bad\xff\0d 0 - /\0f 5 1:1 /tmp/a.csv\0f 1 1:"))
    assert listing.files == {"a b": FILE, "x\ny": Entry("l", 9, "1:1"), "bad\\xff": Entry("?", 1, "1:1")}
    assert listing.elsewhere == {"/tmp/a.csv": FILE}
    assert listing.complete


def test_a_listing_that_was_cut_says_so_and_a_broken_one_is_an_error() -> None:
    assert not list_files(scripted(b"f 5 1:1 ./a\0f 5 1:1", Ended.OUTPUT)).complete
    assert list_files(scripted(b"f 5 1:1 ./a\0d 0 - /\0f 5 1:1 /tmp", Ended.OUTPUT)).complete
    with pytest.raises(ContainerLost):
        list_files(scripted(b"", Ended.LOST))


def test_files_arrive_whole(tmp_path: Path) -> None:
    assert fetch(b"5\n5\n\0x\n0\n3\nend" + b"end\n", tmp_path) == (["a+", "b+", "c"], [])
    assert (tmp_path / "a").read_bytes() == b"5\n\0x\n"
    assert (tmp_path / "b").read_bytes() == b""
    assert (tmp_path / "c").read_bytes() == b"end"


def test_a_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert fetch(b"-\n0\n3\nabcend\n", tmp_path) == (["b+", "c"], [LeftOut("a", "it cannot be read")])


@pytest.mark.parametrize(
    "output", [b"", b"5\nabc", b"5\nabcde0\n3\nabc", b"5\nabcde0\n3\nab" + b"end\n", b"6\nabcdef0\n3\nabcend\n", b"5\nabcde7\n"]
)
def test_a_stream_that_lies_or_is_cut_leaves_no_file_and_no_half(tmp_path: Path, output: bytes) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(ContainerLost):
        fetch(output, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_lost_container_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ContainerLost):
        fetch(b"5\nabcde0\n3\nabcend\n", tmp_path, Ended.LOST)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_costs_only_its_file(tmp_path: Path) -> None:
    (tmp_path / "a" / "x").mkdir(parents=True)
    produced, left_out = fetch(b"5\nabcde0\n3\nabcend\n", tmp_path)
    assert produced == ["b+", "c"]
    assert left_out[0].name == "a"
    assert not list(tmp_path.glob(".*"))


def test_limits_choose_what_is_copied() -> None:
    limits = Limits(copied_files=3, copied_file=10, copied_total=15)
    files = {"a": Entry("f", 10, ""), "b": Entry("f", 11, ""), "c": Entry("f", 6, ""), "d": FILE, "e": FILE, "f": Entry("p", 0, "")}
    chosen, left_out = choose(files, True, limits)
    assert list(chosen) == ["d", "e"]
    assert {left.name: left.reason for left in left_out} == {
        "a": "more than 15 bytes in all",
        "b": "larger than 10 bytes",
        "c": "more than 15 bytes in all",
        "f": "a pipe",
    }
    assert choose({}, False, limits)[1] == [LeftOut("...", "there are more files than can be listed")]


def test_small_files_at_the_top_come_first_and_caches_never() -> None:
    heap = {f".venv/lib/{number}.py": FILE for number in range(300)}
    pack = {f"node_modules/a/{number}.js": FILE for number in range(300)}
    files = {
        **heap,
        **pack,
        "__pycache__/a.pyc": FILE,
        "a/deep/b.csv": FILE,
        "report.csv": FILE,
        "big.bin": Entry("f", 9, ""),
        "sub/x.csv": FILE,
    }
    chosen, left_out = choose(files, True, Limits(copied_files=3))
    assert list(chosen) == ["big.bin", "report.csv", "sub/x.csv"]
    assert [left.name for left in left_out] == [".venv/", "__pycache__/", "node_modules/", "a/deep/b.csv"]


def test_what_was_left_elsewhere_is_named_once_and_scratch_is_not() -> None:
    before = Listing({}, elsewhere={"/tmp/old.csv": FILE, "/tmp/changed.csv": FILE})
    names = (
        "/tmp/old.csv",
        "/tmp/report.csv",
        "/tmp/tmpab12cd_9",
        "/tmp/tmpab12cd_9/inner.csv",
        "/home/sandbox/Desktop/x.png",
        "/tmp/venv/a.py",
    )
    now = Listing({}, elsewhere={**dict.fromkeys(names, FILE), "/tmp/changed.csv": Entry("f", 6, "2:2")})
    told = [left.name for left in left_elsewhere(before, now)]
    assert told == ["/home/sandbox/Desktop/x.png", "/tmp/changed.csv", "/tmp/report.csv", "/tmp/tmpab12cd_9/inner.csv"]
    many = Listing({}, elsewhere={f"/tmp/{number}.csv": FILE for number in range(500)})
    assert len(left_elsewhere(before, many)) == 20
