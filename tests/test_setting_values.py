"""How the text of a setting is read; what a wrong one says is in test_settings.py."""

from __future__ import annotations

import pytest

from utils.setting_values import read_size

MIB = 1024**2


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("16m", 16 * MIB),
        ("2g", 2048 * MIB),
        ("2G", 2048 * MIB),
        ("2GB", 2048 * MIB),
        ("2GiB", 2048 * MIB),
        ("0.5g", 512 * MIB),
        ("512 m", 512 * MIB),
        ("65536k", 64 * MIB),
        ("16777216", 16 * MIB),
        ("16777216b", 16 * MIB),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "m", "1", "15.9m", "2t", "1e9", "-2g", "2g2", "9999999g", "2 g b"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the message is load_settings' affair
        read_size(text)
