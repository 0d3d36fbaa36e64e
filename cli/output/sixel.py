"""A PNG picture as sixels, for terminals that show nothing else; no library is needed for what programs usually save."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import groupby

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of each colour type
_MOST_PIXELS = 2_000_000
_LEVELS = 6  # of red, green and blue each


def sixels(png: bytes, most_columns: int) -> str | None:
    """Return the picture as one sixel sequence of at most `most_columns` pixels a row; None if it is not a PNG of an ordinary kind."""
    try:
        width, height, rows = _decode(png)
    except (ValueError, IndexError, struct.error, zlib.error):
        return None
    step = max(1, -(-width // most_columns))
    bands = _bands([row[::step] for row in rows[::step]])
    palette = "".join(f"#{number};2;{number // 36 * 20};{number // 6 % 6 * 20};{number % 6 * 20}" for number in range(_LEVELS**3))
    size = f"{len(range(0, width, step))};{len(range(0, height, step))}"
    return f'\x1bPq"1;1;{size}{palette}' + "-".join(bands) + "\x1b\\"


def png_size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels; ValueError if it is not a PNG."""
    if not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR":
        raise ValueError("not a PNG")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def _decode(png: bytes) -> tuple[int, int, list[list[int]]]:
    """Return width, height, and the number of each pixel's colour in the palette, row by row."""
    width, height = png_size(png)
    depth, kind, _, _, interlaced = png[24:29]
    if depth != 8 or kind not in _CHANNELS or interlaced or not 0 < width * height <= _MOST_PIXELS:
        raise ValueError("not an ordinary PNG")
    chunks = list(_chunks(png))
    palette = next((data for name, data in chunks if name == b"PLTE"), b"")
    channels = _CHANNELS[kind]
    packed = b"".join(data for name, data in chunks if name == b"IDAT")
    # No more is unpacked than a picture of this size holds.
    data = zlib.decompressobj().decompress(packed, (width * channels + 1) * height)
    rows = [
        [_color(pixel, kind, palette) for pixel in zip(*[iter(row)] * channels, strict=True)]
        for row in _rows(data, width, height, channels)
    ]
    return width, height, rows


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 8 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += length + 12


def _rows(data: bytes, width: int, height: int, channels: int) -> Iterator[bytes]:
    """Yield the rows without the filter that each was stored with."""
    length = width * channels
    above = bytes(length)
    for number in range(height):
        start = number * (length + 1)
        row = bytearray(data[start + 1 : start + 1 + length])
        if len(row) != length:
            raise ValueError("the picture is cut")
        _unfilter(data[start], row, above, channels)
        above = bytes(row)
        yield above


def _unfilter(kind: int, row: bytearray, above: bytes, channels: int) -> None:
    for at in range(len(row)):
        left = row[at - channels] if at >= channels else 0
        if kind == 1:
            row[at] = (row[at] + left) & 255
        elif kind == 2:
            row[at] = (row[at] + above[at]) & 255
        elif kind == 3:
            row[at] = (row[at] + (left + above[at]) // 2) & 255
        elif kind == 4:
            row[at] = (row[at] + _paeth(left, above[at], above[at - channels] if at >= channels else 0)) & 255
        elif kind == 0:
            return
        else:
            raise ValueError("an unknown filter")


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def _color(pixel: tuple[int, ...], kind: int, palette: bytes) -> int:
    """Return the number in the palette of the nearest colour, on a white ground."""
    opaque = pixel[-1] if kind in (4, 6) else 255
    rgb = tuple(palette[pixel[0] * 3 : pixel[0] * 3 + 3]) if kind == 3 else pixel[:3] if kind in (2, 6) else pixel[:1] * 3
    red, green, blue = (round((value * opaque / 255 + 255 - opaque) * (_LEVELS - 1) / 255) for value in rgb)
    return red * 36 + green * 6 + blue


def _bands(rows: list[list[int]]) -> Iterator[str]:
    """Yield six rows at a time: for each colour, which pixels have it."""
    for top in range(0, len(rows), 6):
        bits: dict[int, bytearray] = {}
        for number, row in enumerate(rows[top : top + 6]):
            for column, color in enumerate(row):
                bits.setdefault(color, bytearray(len(row)))[column] |= 1 << number
        yield "$".join(f"#{color}" + "".join(map(_run, groupby(line))) for color, line in bits.items())


def _run(group: tuple[int, Iterator[int]]) -> str:
    value, same = group
    return f"!{sum(1 for _ in same)}{chr(63 + value)}"
