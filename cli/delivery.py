"""What a task leaves in a folder of the user's: the program under a fitting name, and the files that it made."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import UsageError
from utils.free_path import free_path

if TYPE_CHECKING:
    from teams.record import Record


def deliver(record: Record, folder: Path) -> list[Path]:
    """Write the newest program and copy the files into the folder; return their paths.

    A name that is taken gets a number; nothing is written over. Raises UsageError if the folder cannot be written.
    """
    from teams.naming import fitting_name

    if record.newest is None:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        program = free_path(folder / fitting_name(record.task, record.newest.code, record.newest.language))
        program.write_text(record.newest.code, encoding="utf-8", errors="replace", newline="\n")
        paths = [program]
        for file in record.files.values():
            if file.path.name == program.name and filecmp.cmp(file.path, program, shallow=False):
                continue
            target = free_path(folder / file.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, target)
            paths.append(target)
    except OSError as error:
        raise UsageError(f"--output {folder}: {error.strerror or error}", "name a folder that can be written", kind="usage") from error
    return paths
