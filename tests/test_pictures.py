"""Pictures in the terminal: only if it says that it can show them, and as it understands them."""

from __future__ import annotations

import base64
import os
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.output.pictures import protocol, says_sixel, show_picture
from cli.output.screen import Screen
from cli.output.sixel import sixels
from tests.views import TerminalStream, pipe


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, pixels: list[bytes], *, kind: int = 2, filters: tuple[int, ...] = (0,), palette: bytes = b"") -> bytes:
    """Write a picture whose rows are stored with these filters, in turn."""
    channels = len(pixels[0])
    rows, above = [], bytes(width * channels)
    for number in range(height):
        row = b"".join(pixels[number * width : (number + 1) * width])
        used = filters[number % len(filters)]
        rows.append(bytes([used]) + bytes(filtered(used, row, above, channels)))
        above = row
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *([(b"PLTE", palette)] if palette else []), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in parts)


def filtered(used: int, row: bytes, above: bytes, channels: int) -> Iterator[int]:
    for at, value in enumerate(row):
        left, up = row[at - channels] if at >= channels else 0, above[at]
        corner = above[at - channels] if at >= channels else 0
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda near: abs(guess - near))
        yield (value - (0, left, up, (left + up) // 2, paeth)[used]) & 255


def painted(sequence: str) -> list[list[int]]:
    """Return what a terminal paints: the number of each pixel's colour."""
    found = re.fullmatch(r'\x1bPq"1;1;(\d+);(\d+)((?:#\d+;2;\d+;\d+;\d+)*)(.*)\x1b\\', sequence, re.DOTALL)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    rows = [[-1] * width for _ in range(height)]
    for band, text in enumerate(found[4].split("-")):
        for line in text.split("$"):
            color, runs = re.match(r"#(\d+)(.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
            column = 0
            for count, character in re.findall(r"!(\d+)(.)", runs):
                for _ in range(int(count)):
                    for bit in range(6):
                        if (ord(character) - 63) >> bit & 1:
                            rows[band * 6 + bit][column] = int(color)
                    column += 1
    return rows


RED, GREEN, BLUE, WHITE, BLACK = 5 * 36, 5 * 6, 5, 215, 0


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0)])
def test_a_picture_becomes_its_own_pixels(filters: tuple[int, ...]) -> None:
    colors = [b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff\xff\xff", b"\0\0\0"]
    picture = png(5, 14, [colors[(row + column) % 5] for row in range(14) for column in range(5)], filters=filters)
    sequence = sixels(picture, 100)
    assert sequence is not None
    wanted = [RED, GREEN, BLUE, WHITE, BLACK]
    assert painted(sequence) == [[wanted[(row + column) % 5] for column in range(5)] for row in range(14)]


def test_grey_transparent_and_indexed_pictures() -> None:
    for picture, color in (
        (png(1, 1, [b"\0"], kind=0), BLACK),
        (png(1, 1, [b"\0\0"], kind=4), WHITE),
        (png(1, 1, [b"\0\0\xff\xff"], kind=6), BLUE),
        (png(1, 1, [b"\1"], kind=3, palette=b"\0\0\0\xff\0\0"), RED),
    ):
        sequence = sixels(picture, 10)
        assert sequence is not None
        assert painted(sequence) == [[color]]


def test_a_wide_picture_is_made_smaller() -> None:
    sequence = sixels(png(100, 10, [b"\0"] * 1000, kind=0), 30)
    assert sequence is not None
    assert (len(painted(sequence)), len(painted(sequence)[0])) == (3, 25)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(2, 2, [b"\0"] * 4, kind=0)[:45],
        png(2, 2, [b"\0"] * 4, kind=0).replace(b"IDAT", b"IDOT"),
        png(2, 2, [b"\7"] * 4, kind=3, palette=b"\0\0\0"),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)),
    ],
)
def test_a_broken_or_huge_picture_is_none(data: bytes) -> None:
    assert sixels(data, 100) is None


@pytest.mark.parametrize(
    ("environment", "way"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux"}, ""),
        ({"TERM": "screen-256color", "TERM_PROGRAM": "iTerm.app"}, ""),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, ""),
        ({}, ""),
    ],
)
def test_what_the_terminal_says_of_itself(environment: dict[str, str], way: str) -> None:
    assert protocol(environment) == way


@contextmanager
def answering(answer: bytes) -> Iterator[TerminalStream]:
    """Be a terminal that answers what it is asked."""
    stream = TerminalStream()
    master = stream._master

    asked = threading.Event()

    def reply() -> None:
        asked.wait(5)
        os.write(master, answer)

    write = stream.write

    def written(text: str) -> int:
        asked.set()
        return write(text)

    stream.write = written  # type: ignore[method-assign]
    thread = threading.Thread(target=reply)
    thread.start()
    yield stream
    asked.set()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "can"), [(b"\x1b[?62;4;22c", True), (b"\x1b[?4;6c", False), (b"\x1b[?62;22c", False), (b"x\x1b[?1;2;4c", True), (b"", False)]
)
def test_sixels_are_for_terminals_that_answer_so(answer: bytes, can: bool) -> None:
    with answering(answer) as stream:
        assert says_sixel(stream.fileno(), Screen(stream, control_codes=True)) is can


async def test_a_picture_is_sent_as_the_terminal_understands_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMUX", raising=False)
    data = png(900, 3, [bytes([n % 251]) for n in range(2700)], kind=0)
    (tmp_path / "a.png").write_bytes(data)
    for name, value in (("TERM", "xterm-kitty"), ("TERM_PROGRAM", "iTerm.app")):
        stream = TerminalStream()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("TERM_PROGRAM", "")
        monkeypatch.setenv(name, value)
        assert await show_picture(Screen(stream, control_codes=True), tmp_path / "a.png")
        written = stream.getvalue()
        if name == "TERM":
            assert re.match(r"\x1b_Ga=T,f=100,q=2,c=79,m=\d;", written)
            sent = "".join(re.findall(r";([^;\x1b]*)\x1b\\", written))
        else:
            sent = written.partition(":")[2].rstrip("\x07\n")
        assert base64.b64decode(sent) == data


async def test_nothing_is_written_to_a_terminal_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("TERM_PROGRAM", "")
    (tmp_path / "a.png").write_bytes(png(1, 1, [b"\0"], kind=0))
    (tmp_path / "a.txt").write_text("text")
    stream = TerminalStream()
    screen = Screen(stream, control_codes=True)
    assert not await show_picture(screen, tmp_path / "a.png")
    monkeypatch.setenv("TERM", "xterm-kitty")
    for name in ("a.txt", "missing.png"):
        assert not await show_picture(screen, tmp_path / name)
    paper, written = pipe()
    assert not await show_picture(paper, tmp_path / "a.png")
    assert stream.getvalue() + written.getvalue() == ""
