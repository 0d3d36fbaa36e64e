"""How a task's result is judged: by what the program printed and by the files it left, never by what the model says of them."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_TIME = re.compile(r"\b\d+:\d\d:\d\d\b")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's colour types


@dataclass(frozen=True)
class Result:
    """What a task left behind: what the programs of the last answer printed, and files by name."""

    output: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


Check = Callable[[str, Result], bool]
"""Tells whether a result is right for a task, given the task's text: numbers that the task itself names may be repeated in a label."""


def numbers(text: str) -> list[float]:
    """Return the numbers that a text holds, in order, without the time of day."""
    return [float(found) for found in _NUMBER.findall(_TIME.sub("", text))]


def close(one: float, other: float) -> bool:
    """Tell whether two numbers agree to two digits behind the point, or to nine in all."""
    return abs(one - other) <= max(0.0051, 1e-9 * abs(other)) if other != int(other) else abs(one - other) <= 1e-9 * max(1, abs(other))


def number(*wanted: float) -> Check:
    """Want these numbers to be the last ones printed, on lines with no others; numbers of the task do not count."""

    def check(task: str, result: Result) -> bool:
        given = {value for value in numbers(task) if not any(close(value, each) for each in wanted)}
        last: list[float] = []
        for line in reversed(result.output.splitlines()):
            if len(last) < len(wanted):
                last[:0] = [value for value in numbers(line) if value not in given]
        return len(last) == len(wanted) and all(map(close, last, wanted))

    return check


def only(*wanted: float) -> Check:
    """Want these numbers and no others at all."""
    return lambda _task, result: numbers(result.output) == list(wanted)


def sequence(*wanted: float) -> Check:
    """Want these numbers at the end, and before them none but those of the task."""

    def check(task: str, result: Result) -> bool:
        found, given = numbers(result.output), numbers(task)
        label, rest = found[: -len(wanted)], found[-len(wanted) :]
        return len(rest) == len(wanted) and all(map(close, rest, wanted)) and all(value in given for value in label)

    return check


def says(*wanted: str) -> Check:
    """Want one of these texts on the last line that is not empty, apart from other words."""
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)")

    def check(_task: str, result: Result) -> bool:
        lines = [line for line in result.output.splitlines() if line.strip()]
        return bool(lines) and pattern.search(lines[-1]) is not None

    return check


def words(*wanted: str) -> Check:
    """Want these words in this order, behind everything else that holds one of them."""
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)")
    return lambda _task, result: pattern.findall(result.output)[-len(wanted) :] == list(wanted)


def pairs(wanted: Mapping[str, float]) -> Check:
    """Want each name with its number behind it, in any order, behind everything else of that kind."""

    def check(_task: str, result: Result) -> bool:
        found = re.findall(rf"(?<!\w)({'|'.join(map(re.escape, wanted))})(?!\w)[^\w\n-]*(-?\d+(?:\.\d+)?)", result.output)[-len(wanted) :]
        return {name for name, _ in found} == set(wanted) and all(close(float(value), wanted[name]) for name, value in found)

    return check


def both(*checks: Check) -> Check:
    """Want all of it."""
    return lambda task, result: all(check(task, result) for check in checks)


def file(name: str, holds: Callable[[str], bool]) -> Check:
    """Want a text file of this name whose text, without blanks at its ends, is right."""

    def check(_task: str, result: Result) -> bool:
        data = result.files.get(name)
        return data is not None and holds(data.decode("utf-8", "replace").replace("\r\n", "\n").strip())

    return check


def rows(name: str, *wanted: Sequence[str]) -> Check:
    """Want a CSV file with exactly these rows; blanks and quotes around a value do not count."""

    def holds(text: str) -> bool:
        found = [[value.strip(" \"'").lower() for value in line.split(",")] for line in text.splitlines() if line.strip()]
        return found == [[value.lower() for value in row] for row in wanted]

    return file(name, holds)


def json_file(name: str, wanted: Any) -> Check:
    """Want a JSON file that says exactly this."""

    def holds(text: str) -> bool:
        try:
            return bool(json.loads(text) == wanted)
        except ValueError:
            return False

    return file(name, holds)


def zip_file(name: str, wanted: Mapping[str, str]) -> Check:
    """Want a ZIP archive with exactly these texts, whatever folders they stand in."""

    def check(_task: str, result: Result) -> bool:
        try:
            with zipfile.ZipFile(io.BytesIO(result.files.get(name, b""))) as archive:
                found = {each.rpartition("/")[2]: archive.read(each).decode().strip() for each in archive.namelist() if each[-1] != "/"}
        except (zipfile.BadZipFile, UnicodeDecodeError):
            return False
        return found == dict(wanted)

    return check


def database(name: str, query: str, *wanted: tuple[object, ...]) -> Check:
    """Want an SQLite database that answers the query with these rows, in any order."""

    def check(_task: str, result: Result) -> bool:
        if not result.files.get(name, b"").startswith(b"SQLite format 3\0"):
            return False
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                _load(connection, result.files[name])
                return sorted(connection.execute(query).fetchall()) == sorted(wanted)
            except sqlite3.Error:
                return False

    return check


def _load(connection: sqlite3.Connection, data: bytes) -> None:
    from tempfile import NamedTemporaryFile

    # `deserialize` is missing from Python 3.10.
    with NamedTemporaryFile(suffix=".db") as stored:
        stored.write(data)
        stored.flush()
        with closing(sqlite3.connect(stored.name)) as source:
            source.backup(connection)


def xml(name: str, root: str, holds: Callable[[ElementTree.Element], bool]) -> Check:
    """Want an XML file with this root, whose tree is right."""

    def right(text: str) -> bool:
        try:
            tree = ElementTree.fromstring(text)
        except ElementTree.ParseError:
            return False
        return tree.tag == root and holds(tree)

    return file(name, right)


def picture(name: str, size: tuple[int, int] | None = None, colour: tuple[int, int, int] | None = None) -> Check:
    """Want a PNG picture: of this size and all of this colour, or otherwise with a drawing in it."""

    def check(_task: str, result: Result) -> bool:
        try:
            found, colours = read_png(result.files.get(name, b""))
        except (ValueError, zlib.error, struct.error, IndexError, KeyError):
            return False
        return size in (None, found) and (colours == {colour} if colour else len(colours) >= 3)

    return check


def read_png(data: bytes) -> tuple[tuple[int, int], set[tuple[int, int, int]]]:
    """Return a PNG's size in pixels and its colours; raises ValueError for what is none or has not 8 bits a channel."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    parts: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        parts[kind] = parts.get(kind, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    if depth != 8 or interlaced:
        raise ValueError("an unusual PNG")
    channels = _CHANNELS[colour]
    lines = _unfiltered(zlib.decompress(parts[b"IDAT"]), width * channels, height, channels)
    found = {bytes(line[i : i + channels]) for line in lines for i in range(0, width * channels, channels)}
    if colour == 3:
        found = {parts[b"PLTE"][3 * pixel[0] : 3 * pixel[0] + 3] for pixel in found}
    return (width, height), {(p[0], p[1], p[2]) if len(p) > 2 else (p[0], p[0], p[0]) for p in found}


def _unfiltered(raw: bytes, width: int, height: int, step: int) -> list[bytearray]:
    lines: list[bytearray] = []
    above = bytearray(width)
    for row in range(height):
        kind, line = raw[row * (width + 1)], bytearray(raw[row * (width + 1) + 1 : (row + 1) * (width + 1)])
        for i in range(width) if kind else ():
            left = line[i - step] if i >= step else 0
            corner = above[i - step] if i >= step else 0
            line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, _paeth(left, above[i], corner))[kind]) & 255
        lines.append(line)
        above = line
    return lines


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


@dataclass(frozen=True)
class Task:
    """What is asked for, how it is judged, a right result, wrong ones, and what the user says to the first result if it is not APPROVE.

    A result that is given as text stands for what was printed.
    """

    name: str
    text: str
    check: Check
    right: str | Result
    wrong: Sequence[str | Result]
    feedback: str = ""

    def is_right(self, result: str | Result) -> bool:
        """Judge a result."""
        return self.check(self.text, Result(result) if isinstance(result, str) else result)
