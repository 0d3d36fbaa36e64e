"""Which files a program writes, as far as literal names tell."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping, Set

from agents.answers.python_code import PythonCode, called_name

_WRITERS = ("write_", "to_", "save", "imwrite", "imsave")
_READERS = ("read", "load", "imread", "exists", "isfile", "is_file", "getsize", "stat")


_NAMED = r"""\s*(?:\(\s*)?["'`](?:[\w.-]*/)*([\w-][\w.-]*\.\w+)["'`]"""
_WRITES = re.compile(
    r"\b(?:writeFile|writeFileSync|createWriteStream|file_put_contents|File\.write|WriteFile|os\.Create|File::create|ofstream[ \t]+\w+)"
    + _NAMED
    + r"|\b(?:fopen|File\.open|io\.open)"
    + _NAMED
    + r"""\s*,\s*["'][wa]b?["']|(?<![<\d&])>[ \t]*([\w./-]+\.\w+)[ \t]*$""",
    re.MULTILINE,
)


def written_by_other(text: str) -> frozenset[str]:
    """Return the names of the files that a program in another language than Python writes and mentions once."""
    found = {name for each in _WRITES.finditer(text) for name in each.groups() if name}
    return frozenset(posixpath.basename(name) for name in found if text.count(name) == 1)


def written_files(code: PythonCode) -> frozenset[str]:
    """Return the names, without folders, of the files that a Python program writes and never reads."""
    known = {
        target.id: text
        for node in ast.walk(code.tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and (text := _text(node.value, {}))
    }
    own = {node.name for node in ast.walk(code.tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    written, read = set[str](), set[str]()
    for node in ast.walk(code.tree):
        if isinstance(node, ast.Call) and (way := _way(node, own)):
            (written if way == "write" else read).update(_files_of(node, known))
    return frozenset(written - read)


def _way(call: ast.Call, own: Set[str]) -> str:
    """Return "write" or "read" for a call that does that with a file, "" for any other; one of the program's own may do both."""
    name = called_name(call)
    if name in own:
        return "read"
    if name == "open":
        # Path("x").open("w") has no name among its arguments.
        place = 0 if isinstance(call.func, ast.Attribute) and not _is_module(call.func.value) else 1
        modes = [*call.args[place : place + 1], *(each.value for each in call.keywords if each.arg == "mode")]
        mode = next((each.value for each in modes if isinstance(each, ast.Constant)), "r")
        return "write" if isinstance(mode, str) and mode[:1] in ("w", "x", "a") and "+" not in mode else "read"
    if name.startswith(_WRITERS):
        return "write"
    return "read" if name.startswith(_READERS) else ""


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("io", "codecs", "gzip", "bz2", "lzma", "os")


def _files_of(call: ast.Call, known: Mapping[str, str]) -> Iterator[str]:
    receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
    for value in [*call.args[:2], *(each.value for each in call.keywords), *receiver]:
        text = _text(value, known)
        if "." in text and "\n" not in text:
            yield posixpath.basename(text)


def _text(node: ast.expr, known: Mapping[str, str]) -> str:
    """Return the literal text that an expression is, or that the path which it makes ends with; "" for any other."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _text(node.right, known)
    if isinstance(node, ast.Call):
        return _text(node.args[-1], known) if called_name(node) in ("Path", "join", "PurePath") and node.args else ""
    return ""
