"""Forms of Python code that do not depend on layout and comments: equal code has equal forms."""

from __future__ import annotations

import ast
import hashlib


def forms_of(tree: ast.Module) -> dict[ast.AST, str]:
    """Return the form of each node of the tree.

    It goes from the leaves up, without recursion and once to each node: `ast.dump` fails on long chains of calls and of `elif`.
    """
    forms: dict[ast.AST, str] = {}

    def form(value: object) -> str:
        if isinstance(value, ast.AST):
            return forms[value]
        if isinstance(value, list):
            return f"[{','.join(map(form, value))}]"
        # Python writes no long integers in decimal.
        return hex(value) if type(value) is int else repr(value)

    for node in reversed(list(ast.walk(tree))):
        written = f"{type(node).__name__}({','.join(form(getattr(node, name, None)) for name in node._fields)})"
        forms[node] = written if len(written) < 100 else hashlib.sha256(written.encode()).hexdigest()
    return forms
