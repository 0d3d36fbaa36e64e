"""Files in: copies what the person adds into the programs' folder, says what was left out, and lets the generator know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output.files import size_text
from utils.text import sanitize

if TYPE_CHECKING:
    from teams.session import Session

_MOST_NAMES = 20  # told one by one


async def add_files(session: Session, paths: Sequence[Path], notes: list[str]) -> list[str]:
    """Copy the files and folders in; return the lines to tell the person, and put the generator's note into `notes`. Raises AppError."""
    selection = await session.add_files(paths)
    told = []
    if selection.files:
        names = _some([f"{sanitize(name)} ({size_text(length)})" for name, _, length in selection.files])
        told.append(f"Added to the programs' folder: {names}.")
        notes.append(f"These files of mine are in the working folder: {names}. Open them by these names.")
    reasons: dict[str, list[str]] = {}
    for left in selection.left_out:
        reasons.setdefault(left.reason, []).append(sanitize(left.name))
    told += [f"Not added, {reason}: {_some(names)}." for reason, names in reasons.items()]
    return told or ["There is nothing to add."]


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
