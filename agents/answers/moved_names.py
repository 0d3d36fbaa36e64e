"""Names that Python and well-known packages have moved since models learnt them: each has one new place, where it means the same.

Only what also works with the older versions is replaced, since the image may hold any. What has no such place is named when the program
fails over it (sandbox/outdated.py, which also lists the sources).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from dataclasses import dataclass

from agents.answers.python_code import PythonCode

_ABCS = (
    "Awaitable Callable Collection Container Coroutine Generator Hashable ItemsView Iterable Iterator KeysView Mapping MappingView "
    "MutableMapping MutableSequence MutableSet Reversible Sequence Set Sized ValuesView"
)
_TYPES = "float int bool object complex str"
# Where it was: the names, and where each is now; "" is what needs no import.
_MOVED = (
    ("collections", _ABCS, "collections.abc"),
    ("fractions", "gcd", "math"),
    ("flask", "Markup escape", "markupsafe"),
    ("jinja2", "Markup escape", "markupsafe"),
    ("werkzeug", "secure_filename", "werkzeug.utils"),
    ("scipy.misc", "comb factorial logsumexp", "scipy.special"),
    ("scipy.signal", "blackman gaussian hamming hann", "scipy.signal.windows"),
    ("sklearn.cross_validation", "cross_val_score train_test_split", "sklearn.model_selection"),
    ("sklearn.grid_search", "GridSearchCV", "sklearn.model_selection"),
    ("sklearn.learning_curve", "learning_curve validation_curve", "sklearn.model_selection"),
    ("keras.utils.np_utils", "to_categorical", "keras.utils"),
    ("pandas.util.testing", "assert_frame_equal assert_index_equal assert_series_equal", "pandas.testing"),
    ("numpy", _TYPES, ""),
)
_MOST_DOTS = 3
_PLACES = {(module, name): place for module, names, place in _MOVED for name in names.split()}
_RENAMED = {
    ("time", "clock"): "perf_counter",
    ("sys", "maxint"): "maxsize",
    ("string", "letters"): "ascii_letters",
    ("string", "lowercase"): "ascii_lowercase",
    ("string", "uppercase"): "ascii_uppercase",
    ("numpy", "Inf"): "inf",
    ("numpy", "NaN"): "nan",
    ("numpy", "product"): "prod",
    ("numpy", "cumproduct"): "cumprod",
    ("numpy", "alltrue"): "all",
    ("numpy", "sometrue"): "any",
    ("numpy", "in1d"): "isin",
    ("numpy", "row_stack"): "vstack",
    ("PIL.Image", "ANTIALIAS"): "LANCZOS",
    ("PIL.Image", "LINEAR"): "BILINEAR",
    ("PIL.Image", "CUBIC"): "BICUBIC",
}


@dataclass(frozen=True)
class Edit:
    """A piece of a program's text, and the text that takes its place."""

    node: ast.stmt | ast.expr
    old: str
    new: str
    imports: str = ""
    """The line that the new text needs at the top of the program."""


def moved_names(code: PythonCode, files: Set[str]) -> list[Edit]:
    """Return what the program names by where it no longer is, unless it means one of the answer's own files.

    What stands in a `try` is left as it is: such a program knows both places.
    """
    own = {name.removesuffix(".py") for name in files}
    tried = {id(inner) for node in ast.walk(code.tree) if isinstance(node, ast.Try) for inner in ast.walk(node)}
    nodes = [node for node in ast.walk(code.tree) if id(node) not in tried]
    bound = set(_bound(code.tree))
    modules = {name: module for name, module in _modules(code.tree) if name not in bound}
    found: list[Edit] = []
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module not in own:
            found += _import_moved(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            module = modules.get(_dotted(node.value), "")
            found += _attribute_moved(node, module) if module not in own and node.attr not in bound else []
    return sorted(found, key=lambda edit: (edit.node.lineno, edit.node.col_offset))


def with_edits(text: str, edits: list[Edit]) -> str:
    """Return the program's text with these edits, which are in the order of the text and do not overlap."""
    lines = [line.encode() for line in text.split("\n")]
    for edit in reversed(edits):  # the positions of the earlier ones stay true
        first, last = edit.node.lineno - 1, (edit.node.end_lineno or edit.node.lineno) - 1
        end = lines[last][edit.node.end_col_offset :]
        lines[first : last + 1] = [lines[first][: edit.node.col_offset] + edit.new.encode() + end]
    return b"\n".join(lines).decode()


def _modules(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that imports bind, and the module or the name of a module behind it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname or alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _dotted(node: ast.expr) -> str:
    """Return a name with the dots in it, "" for anything else, or for more dots than modules have."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < _MOST_DOTS:
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name


def _import_moved(node: ast.ImportFrom) -> list[Edit]:
    """Split the statement into one for each module in which its names are now."""
    by_module: dict[str, list[ast.alias]] = {}
    lines = []
    for alias in node.names:
        was = (node.module or "", alias.name)
        if was not in _PLACES and was not in _RENAMED:
            by_module.setdefault(was[0], []).append(alias)
        elif _PLACES.get(was) == "":
            lines += [f"{alias.asname} = {alias.name}"] if alias.asname else []
        else:
            new = _RENAMED.get(was, alias.name)
            kept = alias.asname or alias.name
            by_module.setdefault(_PLACES.get(was, was[0]), []).append(ast.alias(new, kept if kept != new else None))
    old = ast.unparse(node)
    texts = [f"from {module} import {', '.join(map(ast.unparse, names))}" for module, names in by_module.items()]
    new = "; ".join([*texts, *lines]) or "pass"
    return [Edit(node, old, new)] if new != old else []


def _attribute_moved(node: ast.Attribute, module: str) -> list[Edit]:
    old = ast.unparse(node)
    if new := _RENAMED.get((module, node.attr)):
        return [Edit(node, old, f"{ast.unparse(node.value)}.{new}")]
    place = _PLACES.get((module, node.attr))
    if place is None:
        return []
    return [Edit(node, old, f"{place}.{node.attr}", f"import {place}") if place else Edit(node, old, node.attr)]
