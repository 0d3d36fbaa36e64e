"""The import lines that a Python program forgot: names that mean one thing to everyone who writes Python."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Sequence, Set

from agents.answers.python_code import PythonCode

# Modules of the standard library that can be looked into here: importing one of them does nothing else.
_MODULES = frozenset(
    """
    argparse ast asyncio base64 bisect calendar cmath collections concurrent contextlib copy csv ctypes dataclasses datetime decimal
    difflib enum fractions functools glob gzip hashlib heapq hmac html inspect io itertools json locale logging math multiprocessing
    operator os pathlib pickle platform pprint queue random re secrets shutil signal socket sqlite3 statistics string struct subprocess
    sys tempfile textwrap threading time timeit traceback types typing unicodedata urllib uuid zipfile zlib zoneinfo
    """.split()  # noqa: SIM905  # forty lines of quotes say no more
)
_ALIASES = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "plt": "import matplotlib.pyplot as plt",
    "sns": "import seaborn as sns",
    "ET": "import xml.etree.ElementTree as ET",
}
_FROM = {
    "abc": "ABC abstractmethod",
    "collections": "Counter OrderedDict defaultdict deque namedtuple",
    "dataclasses": "dataclass",
    "datetime": "timedelta timezone",
    "decimal": "Decimal",
    "enum": "Enum IntEnum",
    "fractions": "Fraction",
    "functools": "cached_property lru_cache partial reduce",
    "itertools": "accumulate combinations permutations",
    "math": "ceil factorial floor gcd sqrt",
    "pathlib": "Path",
    "typing": "Any Callable Dict Generator Iterable Iterator List Optional Sequence Set Tuple Union",
    "zoneinfo": "ZoneInfo",
}
_NAMES = {name: module for module, names in _FROM.items() for name in names.split()}


def missing_imports(code: PythonCode) -> list[str]:
    """Return the import lines for names that the program uses and never binds, as far as their meaning is beyond doubt."""
    unbound = code.needs - code.defines
    if not unbound or code.has_star_import:
        return []
    attributes, called = _uses(code.tree, unbound)
    lines: list[str] = []
    for name in sorted(unbound):
        if name in _NAMES:
            lines.append(f"from {_NAMES[name]} import {name}")
        elif name in _ALIASES and attributes[name]:
            lines.append(_ALIASES[name])
        elif name in _MODULES and (attributes[name] or name in called):
            lines += _lines_for_module(name, attributes[name], name in called)
    return lines


def _uses(tree: ast.Module, names: Set[str]) -> tuple[dict[str, set[str]], set[str]]:
    """Return which attributes of each name the program uses, and which functions it calls by a bare name."""
    attributes: dict[str, set[str]] = {name: set() for name in names}
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            attributes[node.value.id].add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
    return attributes, called


def _lines_for_module(name: str, attributes: set[str], called: bool) -> list[str]:
    """Import the module, its submodules, or what it holds under its own name (`datetime.now()`); nothing if that would not do."""
    module = importlib.import_module(name)
    inner = getattr(module, name, None)
    if called or not any(_offers(module, attribute) for attribute in attributes):
        return [f"from {name} import {name}"] if callable(inner) and all(hasattr(inner, attribute) for attribute in attributes) else []
    if not all(_offers(module, attribute) for attribute in attributes):
        return []
    submodules = [f"import {name}.{attribute}" for attribute in sorted(attributes) if _is_submodule(module, attribute)]
    return submodules or [f"import {name}"]


def _offers(module: object, attribute: str) -> bool:
    return hasattr(module, attribute) or _is_submodule(module, attribute)


def _is_submodule(module: object, attribute: str) -> bool:
    return hasattr(module, "__path__") and importlib.util.find_spec(f"{getattr(module, '__name__', '')}.{attribute}") is not None


def with_imports(text: str, code: PythonCode, lines: Sequence[str]) -> str:
    """Return the program's text with the lines where imports go: behind its docstring and its `from __future__` lines."""
    at = 0
    for node in code.tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if not (docstring and at == 0) and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        at = node.end_lineno or at
    written = text.split("\n")
    while written[at : at + 1] and written[at].startswith("#"):  # a `#!` line, the coding, the file's name
        at += 1
    return "\n".join([*written[:at], *lines, *written[at:]])
