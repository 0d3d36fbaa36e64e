"""Text files that the user may have put into a folder, such as `.env`: whatever else has such a name is told, and nothing is waited for."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from utils.errors import UsageError
from utils.platform import open_file

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISREG, ""))


def read_text_file(file: Path, encoding: str = "utf-8-sig") -> str:
    """Return a file's text, "" if there is no such file or it is the null device; raises UsageError if it is no file or cannot be read."""
    try:
        mode = file.stat().st_mode
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "a device")
        if kind == "a device" and file.samefile(os.devnull):
            return ""
        if kind:
            raise UsageError(f"{file} cannot be read: it is {kind}", "put a file in its place, or remove it", kind="setting")
        with io.TextIOWrapper(open_file(file, follow=True), encoding=encoding) as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} cannot be read: it is not UTF-8 text (byte {error.start})", "save it as UTF-8, or remove it", kind="setting"
        ) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", "make it readable, or remove it", kind="setting") from error
