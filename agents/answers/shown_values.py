"""Values that a Python program ends with and does not print: it was written for a notebook or a prompt, which show them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import takewhile

from agents.answers.moved_names import Edit
from agents.answers.python_code import PythonCode, is_literal_value

# What shows or writes something by itself: the value behind it may be a count of characters, or a status for the system.
_SHOWS = frozenset({"display", "exec", "help", "input", "open", "pprint", "print", "stderr", "stdout", "subprocess", "system"})
# Calls of these return what was drawn, which nobody wants to read.
_DRAW = frozenset({"matplotlib", "plotly", "pygame", "pylab", "seaborn", "tkinter", "turtle"})
_WRITES = ("print", "write")
_VALUES = frozenset(
    """
    abs all any bin bool bytes chr complex dict divmod float format hash hex int isinstance len list max min oct ord pow repr round set
    sorted str sum tuple type
    """.split()  # noqa: SIM905  # thirty quotes say no more
)
# What has to be gone through before there is anything to see.
_ITERATORS = frozenset(
    {"accumulate", "chain", "combinations", "enumerate", "filter", "map", "permutations", "product", "range", "reversed", "zip"}
)
# How calls are named that are made for what they do. Whatever else returns nothing prints nothing.
_ACTIONS = tuple(
    """
    add append close commit configure connect create exit extend grid insert main make mkdir pack plot quit remove rename run save seed
    serve set show sleep start stop to_ train unlink update
    """.split()  # noqa: SIM905
)


def unshown_values(code: PythonCode) -> list[Edit]:
    """Return the edits that print the values of the expressions with which the program ends, unless it prints by itself.

    What is no call can have no other purpose: if such a value is the last thing, it is printed in any case.
    """
    shows = any(map(_is_shown, ast.walk(code.tree)))
    draws = any(name.partition(".")[0] in _DRAW for name in code.imports)
    functions = dict(_functions(code.tree))
    edits: list[Edit] = []
    for node in takewhile(lambda each: isinstance(each, ast.Expr), reversed(code.tree.body)):
        assert isinstance(node, ast.Expr)
        text = ast.get_source_segment(code.source, node.value) or ""
        fails = any(isinstance(each, ast.Name) and each.id in code.needs for each in ast.walk(node.value))
        if not fails and (node is code.tree.body[-1] or not shows):
            new = _printed(node, text, functions, only_values=shows, only_own=draws)
            edits += [Edit(node, text, new)] if new else []
    return edits[::-1]


def _printed(node: ast.Expr, text: str, functions: dict[str, bool], *, only_values: bool, only_own: bool) -> str:
    """Return the statement that prints the value of this one, "" if it has none that is to be shown.

    `only_values` leaves all calls alone, `only_own` those of functions that are not the program's.
    """
    value = node.value
    calls = any(isinstance(each, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom)) for each in ast.walk(value))
    if is_literal_value(value) or (calls and only_values) or isinstance(value, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
        return ""
    if not isinstance(value, ast.Call):
        return f"print({text})"
    called = value.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    if isinstance(called, ast.Name) and functions.get(name, name in _VALUES):
        return f"print({text})"
    is_own = isinstance(called, ast.Name) and name in functions
    of = called.value if isinstance(called, ast.Attribute) else None
    if name in _ITERATORS and not is_own and (of is None or (isinstance(of, ast.Name) and of.id == "itertools")):
        return f"print(list({text}))"
    if is_own or only_own or not name or name.startswith(_ACTIONS) or node.col_offset:
        return ""
    return f"_ = {text}\nif _ is not None:\n    print(_)"


def _is_shown(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _SHOWS
    return isinstance(node, ast.Attribute) and (node.attr in _SHOWS or node.attr.startswith(_WRITES))


def _functions(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield each function and class that the program defines at its outermost level, and whether calling it gives a value to show."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, any(isinstance(each, ast.Return) and each.value is not None for each in ast.walk(node))
        elif isinstance(node, (ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, False
