"""Names of files that nothing has yet."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path


def free_path(path: Path, is_taken: Callable[[Path], bool] = os.path.lexists) -> Path:
    """Return the path or, if it is taken, the first that is not with a number behind its stem: a.txt, a-2.txt, a-3.txt."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(each for each in numbered if not is_taken(each)) if is_taken(path) else path
