"""What the code of a Python program says about it: it is read, and never run."""

from __future__ import annotations

import ast
from typing import NamedTuple, TypeGuard

LONGEST = 200_000
"""Characters; longer code is not looked into."""
_ASKS = {"input", "getpass.getpass", "click.prompt", "click.confirm", "typer.prompt", "typer.confirm", "rich.prompt.Prompt.ask"}
_WAITS = {"sleep", "run_pending", "accept", "recv", "recvfrom"}
_ENDS = {"exit", "_exit", "quit", "abort"}
_STARTS_TESTS = {"main", "TextTestRunner", "run_module_suite", "testmod", "globals", "locals", "getattr", "exec"}


class Code(NamedTuple):
    """What a program calls (dotted names, aliases replaced) and imports, and what else can be seen of it."""

    calls: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    prompts: tuple[str, ...] = ()  # fixed texts that it shows before it reads what is typed
    endless: bool = False  # it has a loop that waits in each round, and that nothing in it ends
    idle_tests: bool = False  # it defines tests and starts none of them


def read_code(code: str) -> Code:
    """Read a program; one that is no Python, or too long, says nothing."""
    try:
        tree = ast.parse(code if len(code) <= LONGEST else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Code()
    names = _imports(tree)
    found = [(_dotted(node.func, names), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    calls = frozenset(name for name, _ in found if name)
    prompts = (text for name, node in found if name in _ASKS and (text := _first_text(node)))
    endless = any(_goes_on(node) for node in ast.walk(tree) if isinstance(node, ast.While))
    return Code(calls, frozenset(name.partition(".")[0] for name in names.values()), tuple(prompts), endless, _has_idle_tests(tree, calls))


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value.strip() if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _goes_on(loop: ast.While) -> bool:
    if not (isinstance(loop.test, ast.Constant) and loop.test.value):
        return False
    inside = [each for node in loop.body for each in ast.walk(node)]
    called = {_last(_dotted(each.func, {})) for each in inside if isinstance(each, ast.Call)}
    return bool(called & _WAITS) and not called & _ENDS and not any(isinstance(each, (ast.Break, ast.Return, ast.Raise)) for each in inside)


def tests_in(tree: ast.Module) -> dict[str, str]:
    """Return the tests that a program defines, by their names, each with what runs it: "pytest" or "unittest"."""
    with_pytest = any(name.partition(".")[0] == "pytest" for name in _imports(tree).values())
    tests = {}
    for node in tree.body:
        if _is_test(node, with_pytest):
            tests[node.name] = "pytest"
        elif isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("TestCase") for base in node.bases):
            tests |= {node.name: "unittest"} if any(_is_test(each, with_pytest, own=1) for each in node.body) else {}
    return tests


def _is_test(node: ast.stmt, with_pytest: bool, own: int = 0) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Whether pytest takes it for a test or a class of tests, and its author meant that; `own` is how many arguments it gets by itself."""
    if isinstance(node, ast.ClassDef):
        return node.name.startswith("Test") and not node.bases and any(_is_test(each, with_pytest, own=1) for each in node.body)
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or not node.name.startswith("test"):
        return False
    checks = any(isinstance(each, (ast.Assert, ast.Raise)) or "assert" in getattr(each, "attr", "") for each in ast.walk(node))
    return with_pytest or (checks and len(node.args.args) <= own)


def _has_idle_tests(tree: ast.Module, calls: frozenset[str]) -> bool:
    tests = tests_in(tree).keys()
    named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return bool(tests) and not tests & named and not {_last(name) for name in calls} & _STARTS_TESTS


def _imports(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name stands for: {"plt": "matplotlib.pyplot"}."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _dotted(node: ast.expr, imports: dict[str, str]) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(imports.get(node.id, node.id) if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))
