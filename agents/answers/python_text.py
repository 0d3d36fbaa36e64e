"""Python programs put together from the blocks of an answer, as text."""

from __future__ import annotations

import ast

from agents.answers.python_code import PythonCode, called_name, is_guard, read_python

_ENDLESS = {"exit", "quit", "SystemExit", "main", "run", "mainloop", "serve_forever", "run_forever"}


def join_python(codes: list[str]) -> str:
    """Join programs into one that runs them in order; `from __future__` lines come first, as Python wants them.

    A `if __name__ == "__main__"` after which nothing would run comes last.
    """
    future: list[str] = []
    last: list[str] = []
    parts: list[str] = []
    for number, code in enumerate(codes):
        lines = code.split("\n")
        parsed = read_python(code)
        for node in parsed.tree.body if parsed else ():
            end = node.end_lineno or node.lineno
            if number > 0 and isinstance(node, ast.ImportFrom) and node.module == "__future__":
                future.append(ast.unparse(node))
            elif number < len(codes) - 1 and isinstance(node, ast.If) and is_guard(node) and _may_not_return(node):
                last.append("\n".join(lines[node.lineno - 1 : end]))
            else:
                continue
            lines[node.lineno - 1 : end] = [""] * (end - node.lineno + 1)
        parts.append("\n".join(lines))
    joined = "\n\n\n".join(part.rstrip("\n") for part in [*parts, *last])
    return "\n".join([*dict.fromkeys(future), joined]) + "\n"


def with_definitions(text: str, code: PythonCode, newer: PythonCode) -> str:
    """Return the text with the functions and classes of the newer code in the place of its own; "" if that holds anything else."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = {node.name: node for node in newer.tree.body if isinstance(node, kinds)}
    if len(nodes) != len(newer.tree.body):
        return ""
    lines, source = text.split("\n"), newer.source.split("\n")
    for old in reversed([node for node in code.tree.body if isinstance(node, kinds) and node.name in nodes]):
        node = nodes[old.name]
        lines[_first_line(old) - 1 : old.end_lineno] = source[_first_line(node) - 1 : node.end_lineno]
    return "\n".join(lines)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _may_not_return(guard: ast.If) -> bool:
    """Whether the program may end in it, or serve without end."""
    names = {called_name(node) for node in ast.walk(guard) if isinstance(node, ast.Call)}
    binds = any(isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) for node in ast.walk(guard))
    return not binds and bool(names & _ENDLESS)
