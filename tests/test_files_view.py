"""The files that programs made, on the screen."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from cli.output.files import MOST_LINES, file_lines, left_out_lines, open_file, place, shows_links
from sandbox.files.transfer import LeftOut
from sandbox.verdicts import ProducedFile
from tests.views import HOSTILE, assert_only_ours, assert_plain, pipe, terminal


def test_each_file_has_a_line() -> None:
    files = [ProducedFile(Path("kept/a.txt"), "a.txt", 12, True), ProducedFile(Path("kept/b/c.png"), "b/c.png", 2048, False)]
    assert [line.plain for line in file_lines(files)] == [
        "  new: a.txt (12 bytes) → kept/a.txt",
        "  changed: b/c.png (2 KiB) → kept/b/c.png",
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_file_name_steers_the_terminal(hostile: str) -> None:
    (screen, stream), (plain, paper) = terminal(), pipe()
    name = hostile.replace("\x00", "")
    for each in (screen, plain):
        each.print(*file_lines([ProducedFile(Path("kept") / name, name, 1, True)]))
        each.say(asyncio.run(open_file(Path("kept") / f"{name}.sh")))
    assert_only_ours(stream.getvalue())
    assert_plain(paper.getvalue())


def desktop(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str = "") -> Path:
    """Put a viewer in the path that notes what it is asked to open, and a display; return the note."""
    note = folder / "opened"
    viewer = folder / "bin" / ("open" if sys.platform == "darwin" else "xdg-open")
    viewer.parent.mkdir()
    viewer.write_text(f'#!/bin/sh\necho "$1" > {note}\n{script}\n')
    viewer.chmod(0o700)
    monkeypatch.setenv("PATH", str(viewer.parent), prepend=":")
    monkeypatch.setenv("DISPLAY", ":7")
    return note


async def opened(path: Path) -> str:
    return (await open_file(path)).plain


@pytest.mark.parametrize("name", ["run.sh", "a.desktop", "page.html", "x.svg", "noending", "a.exe"])
async def test_what_a_desktop_might_run_is_not_opened(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = desktop(tmp_path, monkeypatch)
    assert await opened(tmp_path / name) == f"It is here: {tmp_path / name}"
    assert not note.exists()


@pytest.mark.parametrize("script", ["", "sleep 6"], ids=["an opener that ends", "one that is the viewer itself"])
async def test_a_picture_is_opened_with_the_desktops_viewer(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = desktop(tmp_path, monkeypatch, f"exec {script}" if script else "")
    assert await opened(tmp_path / "plot.PNG") == f"Opened {tmp_path / 'plot.PNG'}"
    assert note.read_text().strip() == str(tmp_path / "plot.PNG")


async def test_an_opener_that_fails_opened_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desktop(tmp_path, monkeypatch, "exit 3")
    said = await opened(tmp_path / "plot.png")
    assert said.endswith(f"could not open it (status 3). It is here: {tmp_path / 'plot.png'}")


@pytest.mark.parametrize("missing", ["PATH", "DISPLAY"])
async def test_without_a_viewer_or_a_display_the_place_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = desktop(tmp_path, monkeypatch)
    monkeypatch.setenv(missing, str(tmp_path) if missing == "PATH" else "")
    for name in ("WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert await opened(tmp_path / "plot.png") == f"It is here: {tmp_path / 'plot.png'}"
    assert not note.exists()


@pytest.mark.parametrize(
    ("environment", "links"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "6800"}, True),
        ({"TERM": "xterm-256color", "VTE_VERSION": "4205"}, False),
        ({"TERM": "xterm-256color", "VTE_VERSION": "new"}, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_links_are_for_terminals_that_are_known_to_show_them(environment: dict[str, str], links: bool) -> None:
    assert shows_links(environment) is links


def test_a_path_is_a_link_that_steers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    path = Path("/kept/a \x1b]0;x\x07ü.txt")
    (screen, stream), (plain, paper) = terminal(), pipe()
    for each in (screen, plain):
        each.say(place(path))
    assert f"{quote(str(path))}\x1b\\" in stream.getvalue()
    assert_only_ours(re.sub(r"\x1b\]8;(id=\d+)?;(file://[!-~]*)?\x1b\\", "", stream.getvalue()))
    assert_plain(paper.getvalue())


def test_of_many_files_only_the_first_are_listed() -> None:
    files = [ProducedFile(Path(f"kept/{number}"), str(number), 1, True) for number in range(200)]
    lines = [line.plain for line in file_lines(files, MOST_LINES)]
    assert len(lines) == MOST_LINES + 1
    assert lines[-1] == "  and 180 more: /files"
    assert len(file_lines(files)) == 200
    assert len(file_lines(files[:MOST_LINES], MOST_LINES)) == MOST_LINES


def test_what_was_left_out_is_grouped_by_reason() -> None:
    left_out = [LeftOut(f"{number}\x1b[31m", "more than 200 files") for number in range(50)]
    first, second = left_out_lines([*left_out, LeftOut("big", "too large")])
    assert first.plain.startswith("  left out: 0\\x1b[31m, 1\\x1b[31m, ")
    assert first.plain.endswith(", 19\\x1b[31m and 30 more: more than 200 files")
    assert second.plain == "  left out: big: too large"
