"""What Python code defines, needs from elsewhere, imports and does: by parsing, never by running it."""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
import symtable
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from agents.answers.python_forms import forms_of

MOST_CHARACTERS = 200_000
"""Longer code is not looked into: it is run as it is labelled."""

_LONGEST_COMMAND = 200  # characters
_LONGEST_OUTLINE = 100  # lines
_GIVEN = {*dir(builtins), "__name__", "__file__", "__doc__", "__spec__", "__builtins__", "__annotations__", "__package__", "__loader__"}
_FAULTS = (SyntaxError, ValueError, RecursionError, MemoryError)
NOTEBOOK_LINE = re.compile(r"^([ \t]*)[!%].*$", re.MULTILINE)
_SESSION = re.compile(r"(?:>>>|In \[\d+\]:)(?:\s|$)")
_BEGINS_STATEMENT = re.compile(
    r"^(?:(?:async\s+)?def\s+\w|class\s+\w|import\s+\w|from\s+[\w.]+\s+import\b|@\w|print\b|(?:if|for|while|with|try|elif|else)\b.*:"
    r"|\w+\s*=\s*[\w.]+\()",
    re.MULTILINE,
)
_COMPOUND = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.With, ast.Try)
_DOES = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)
_EVALUATED_FIRST = ("value", "iter", "generators", "decorator_list")
_SCOPES = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.ClassDef)


@dataclass(frozen=True)
class PythonCode:
    """Python code that parses, without the lines that only a notebook understands."""

    tree: ast.Module
    source: str

    @cached_property
    def _names(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Return the names bound at the outermost level, those that functions bind there, and those that are looked up there."""
        try:
            top = symtable.symtable(self.source, "answer", "exec")
        except _FAULTS:
            return frozenset(), frozenset(), frozenset()
        own = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
        late: set[str] = set()
        used = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
        for table in _scopes_in(top):
            for symbol in table.get_symbols():
                if symbol.is_declared_global() and symbol.is_assigned():
                    late.add(symbol.get_name())
                elif symbol.is_global() and symbol.is_referenced():
                    used.add(symbol.get_name())
        return frozenset(own), frozenset(late), frozenset(used)

    @property
    def defines(self) -> frozenset[str]:
        """The names that others can use once the code has run."""
        own, late, _ = self._names
        return own | late

    @cached_property
    def needs(self) -> frozenset[str]:
        """The names that it uses and that neither it nor Python defines, or that it defines only after their first use."""
        own, late, used = self._names
        early = _EarlyUses(own)
        with contextlib.suppress(RecursionError):
            early.visit(self.tree)
        return frozenset((used - own - late - _GIVEN) | early.found)

    @cached_property
    def imports(self) -> frozenset[str]:
        """The full names of the modules that it imports, anywhere in it, with a leading dot if relative."""
        found = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                found |= {base} if node.module else set()
                found |= {f"{base}.{alias.name}" if node.module else f"{base}{alias.name}" for alias in node.names}
        return frozenset(found)

    @cached_property
    def imported(self) -> frozenset[str]:
        """The names under which it knows what it imports."""
        aliases = (each for node in ast.walk(self.tree) if isinstance(node, (ast.Import, ast.ImportFrom)) for each in node.names)
        return frozenset(each.asname or each.name.partition(".")[0] for each in aliases)

    @cached_property
    def taken(self) -> dict[str, set[str]]:
        """The names that it takes from each module without dots: `from m import a` and `import m` with `m.a`."""
        taken: dict[str, set[str]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                taken.setdefault(node.module, set()).update(alias.name for alias in node.names)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self.imports:
                taken.setdefault(node.value.id, set()).add(node.attr)
        return taken

    @cached_property
    def has_star_import(self) -> bool:
        """Whether it imports names that it does not list."""
        return any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in self.tree.body)

    @cached_property
    def strings(self) -> frozenset[str]:
        """The words of its short string constants, such as names of files, but for those that are only shown to somebody."""
        shown = {id(inner) for node in ast.walk(self.tree) if _shows(node) for inner in ast.walk(node)}
        constants = (node.value for node in ast.walk(self.tree) if isinstance(node, ast.Constant) and id(node) not in shown)
        texts = (text.split() for text in constants if isinstance(text, str) and len(text) < _LONGEST_COMMAND)
        return frozenset(word for words in texts for word in words)

    @property
    def is_guarded(self) -> bool:
        """Whether it has an `if __name__ == "__main__"` of its own."""
        return any(isinstance(node, ast.If) and is_guard(node) for node in self.tree.body)

    @property
    def does_something(self) -> bool:
        """Whether running it does more than define names."""
        return any(map(_acts, self.tree.body))

    @property
    def is_only_shown(self) -> bool:
        """Whether running it would do nothing: values, names and comments."""
        return all(map(_is_value, self.tree.body))

    @property
    def is_literal(self) -> bool:
        """Whether it computes nothing: literal values and comments."""
        return all(isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and is_literal_value(node.value)) for node in self.tree.body)

    @property
    def stands_alone(self) -> bool:
        """Whether Python would run it: no `return` outside of a function and the like."""
        try:
            compile(self.tree, "answer", "exec", dont_inherit=True)
        except _FAULTS:
            return False
        return True

    @property
    def is_beyond_doubt(self) -> bool:
        """Whether code that is labelled as a text is Python: it defines or imports."""
        return any(isinstance(node, _COMPOUND) for node in self.tree.body)

    @property
    def is_program(self) -> bool:
        """Whether code without a label is Python beyond doubt: it defines, imports, or calls what there is to call."""
        if self.is_beyond_doubt or self.is_only_shown:
            return self.is_beyond_doubt
        return not self.needs and any(isinstance(node, (ast.Call, *_DOES)) for node in ast.walk(self.tree))

    @cached_property
    def _forms(self) -> Mapping[ast.AST, str]:
        return forms_of(self.tree)

    @property
    def form(self) -> str:
        """The whole in a form that does not depend on layout and comments."""
        return self._forms[self.tree]

    @cached_property
    def statements(self) -> frozenset[str]:
        """Its statements at any depth, each in a form that does not depend on layout and comments."""
        return frozenset(form for node, form in self._forms.items() if isinstance(node, ast.stmt))

    @cached_property
    def _outermost(self) -> frozenset[str]:
        return frozenset(self._forms[node] for node in self.tree.body)

    def is_part_of(self, other: PythonCode) -> bool:
        """Whether every statement of it occurs in the other."""
        return bool(self._outermost) and self._outermost <= other.statements


def read_python(code: str) -> PythonCode | None:
    """Parse the code; None if it is no Python that this Python knows, or too long to look into."""
    if len(code) > MOST_CHARACTERS:
        return None
    for source in (code, NOTEBOOK_LINE.sub(r"\1pass", code)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return PythonCode(ast.parse(source), source)
            except _FAULTS:
                continue
    return None


def is_session(code: str) -> bool:
    """Whether the code is what a session at a Python prompt looks like."""
    return _SESSION.match(code.lstrip()) is not None


def looks_broken(code: str) -> bool:
    """Whether code that does not parse is meant as a program: one of its lines begins a statement, and it is no traceback."""
    if len(code) > MOST_CHARACTERS:
        return True
    return not code.lstrip().startswith("Traceback (") and _BEGINS_STATEMENT.search(textwrap.dedent(code)) is not None


def is_outline(code: str) -> bool:
    """Whether the code is Python but for bodies that are left out, or are comments only."""
    lines = [line for line in code.split("\n") if line.strip()]
    if len(lines) > _LONGEST_OUTLINE:
        return False
    filled = list(lines)
    for at, line in enumerate(lines):
        rest = lines[at + 1 :]
        body = next((each for each in rest if not _is_comment(each)), None)
        left_out = body is None or (_is_comment(rest[0]) and _indent(body) <= _indent(line))
        if line.rstrip().endswith(":") and not _is_comment(line) and left_out:
            filled[at] += " pass"
    return filled != lines and read_python("\n".join(filled)) is not None


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _scopes_in(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    waiting = table.get_children()
    while waiting:
        scope = waiting.pop()
        yield scope
        waiting += scope.get_children()


class _EarlyUses(ast.NodeVisitor):
    """Goes through a module in the order of running; `found` are its own names that it uses before it has bound them."""

    def __init__(self, own: frozenset[str]) -> None:
        self.found: set[str] = set()
        self._own = own
        self._bound: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bound.add(node.id)
        elif node.id in self._own and node.id not in self._bound:
            self.found.add(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.visit_Name(ast.Name(node.target.id, ast.Load()))
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self._bound |= _bound_by(node)
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        outside = self._bound
        if isinstance(node, _SCOPES):
            self._bound = set(outside)
        # A function's body runs later, when everything is there.
        later = ("body",) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) else ()
        for field in sorted(set(node._fields).difference(later), key=lambda name: (name not in _EVALUATED_FIRST, node._fields.index(name))):
            found = getattr(node, field, None)
            for child in found if isinstance(found, list) else [found]:
                if isinstance(child, ast.AST):
                    self.visit(child)
        self._bound = outside
        self._bound |= _bound_by(node)


def _bound_by(node: ast.AST) -> set[str]:
    if isinstance(node, ast.alias):
        return {node.asname or node.name.partition(".")[0]}
    names = (getattr(node, field, None) for field in ("name", "rest"))
    return {name for name in names if isinstance(name, str)}


def _shows(node: ast.AST) -> bool:
    """Whether what is in it is for somebody to read: a docstring, what is printed, the text of an error."""
    if isinstance(node, ast.Call):
        return called_name(node) in (
            "print",
            "input",
            "exit",
            "info",
            "warning",
            "error",
            "debug",
            "echo",
            "add_argument",
            "ArgumentParser",
            "SystemExit",
        )
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def called_name(call: ast.Call) -> str:
    """Return the last part of the name of what is called: "open" for `open(x)` and `path.open()`; "" for no name."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_guard(node: ast.If) -> bool:
    """Whether it is an `if __name__ == "__main__"`."""
    return any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test))


def _acts(node: ast.stmt) -> bool:
    if isinstance(node, _DOES) or (isinstance(node, ast.If) and is_guard(node)):
        return True
    if isinstance(node, (ast.If, ast.Try)):
        return any(map(_acts, node.body))
    return isinstance(node, ast.Expr) and _has_effect(node.value)


def _has_effect(node: ast.expr) -> bool:
    return any(isinstance(each, (ast.Call, ast.Await, ast.NamedExpr, ast.Yield)) for each in ast.walk(node))


def is_literal_value(node: ast.expr) -> bool:
    """Tell whether an expression is a value as it is written: a number, a text, or a list of them and the like."""
    try:
        ast.literal_eval(node)
    except _FAULTS:
        return False
    return True


def _is_value(node: ast.stmt) -> bool:
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and not _has_effect(node.value))
