"""Accepted pictures of the screen: the text of the emulated terminal, each state at three widths. `make golden` writes them."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
WIDTHS = (60, 100, 200)


def _heading(columns: int) -> str:
    return f"{f'== {columns} columns ':=<{columns}}\n"


def check(name: str, columns: int, rows: list[str]) -> None:
    """Compare a picture with the accepted one; with GOLDEN=write in the environment, accept it."""
    file = FOLDER / f"{name}.txt"
    pictures = _pictures(file)
    picture = "".join(f"{row}\n" for row in rows)
    if os.environ.get("GOLDEN") == "write":
        pictures[columns] = picture
        FOLDER.mkdir(exist_ok=True)
        file.write_text("".join(_heading(width) + pictures[width] for width in sorted(pictures)), encoding="utf-8")
        return
    assert picture == pictures.get(columns), f"the screen {name!r} at {columns} columns is not the accepted one; see it with `make golden`"


def _pictures(file: Path) -> dict[int, str]:
    text = file.read_text("utf-8") if file.exists() else ""
    found = {}
    for columns in WIDTHS:
        before, heading, rest = text.partition(_heading(columns))
        if heading:
            found[columns] = rest[: min([len(rest), *(at for width in WIDTHS if (at := rest.find(_heading(width))) >= 0)])]
    return found
