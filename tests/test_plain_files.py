"""Files that the user may have put into a folder: what is no readable text is told with its remedy, and never waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.first_run import keep
from sandbox.files.added import IGNORE_FILE, select
from utils.errors import UsageError
from utils.plain_files import read_text_file
from utils.settings import load_settings

ELSE = "put a file in its place, or remove it"
TEXT = "save it as UTF-8, or remove it"


def no_file(kind: str, file: Path) -> None:
    if kind == "a folder":
        file.mkdir()
    elif kind == "a named pipe":
        os.mkfifo(file)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(file))  # the address may be no longer than about 100 bytes
    elif kind == "a device":
        file.symlink_to("/dev/zero")
    elif kind == "a link to itself":
        file.symlink_to(file.name)
    else:
        file.write_bytes("MODEL=ä".encode("utf-16" if kind == "UTF-16" else "latin-1"))


@pytest.mark.parametrize(
    ("kind", "told", "hint"),
    [
        ("a folder", "it is a folder", ELSE),
        ("a named pipe", "it is a named pipe", ELSE),
        ("a socket", "it is a socket", ELSE),
        ("a device", "it is a device", ELSE),
        ("a link to itself", "Too many levels of symbolic links", "make it readable, or remove it"),
        ("UTF-16", "it is not UTF-8 text (byte 0)", TEXT),
        ("Latin-1", "it is not UTF-8 text (byte 6)", TEXT),
    ],
)
@pytest.mark.parametrize(
    ("name", "read"),
    [
        (".env", lambda file: load_settings({}, {}, file)),
        ("env", lambda file: load_settings({}, {}, None, file)),
        ("env", lambda file: keep({"MODEL": "m"}, file)),
        (IGNORE_FILE, lambda file: select([file.parent])),
    ],
    ids=["dotenv", "user-wide file", "user-wide file that is kept", "list of what is ignored"],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, read: Callable[[Path], object], kind: str, told: str, hint: str) -> None:
    file = tmp_path / name
    no_file(kind, file)
    if (name, kind) == (".env", "a folder"):
        return  # it may be meant as one, so it is a warning: test_setting_sources.py
    with pytest.raises(UsageError) as failed:
        read(file)
    assert (failed.value.message, failed.value.hint) == (f"{file} cannot be read: {told}", hint)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]  # nothing was begun


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("closed", ["file", "folder"])
def test_a_file_without_the_right_to_read_it_is_told(tmp_path: Path, closed: str) -> None:
    file = tmp_path / "folder" / ".env"
    file.parent.mkdir()
    file.touch()
    shut = file if closed == "file" else file.parent
    shut.chmod(0)
    try:
        with pytest.raises(UsageError, match="Permission denied") as failed:
            load_settings({}, {}, file)
    finally:
        shut.chmod(0o700)
    assert failed.value.hint == "make it readable, or remove it"


def test_a_text_is_read_without_its_mark_and_with_plain_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"\xef\xbb\xbfA=1\r\nB=2\r\n")
    assert read_text_file(file) == "A=1\nB=2\n"
    assert read_text_file(tmp_path / "none") == ""
