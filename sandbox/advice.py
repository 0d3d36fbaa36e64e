"""What a program's author would miss: facts about this place that explain a run, each with what to do about it.

They are recognised by the program's code and by what it printed, so they never decide a verdict: they are added to it. Each fact is true of
every program here; only whether it matters is a guess.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from sandbox.languages import BY_NAME
from sandbox.outdated import replacement
from sandbox.packages.shell_scan import simple_commands
from sandbox.verdicts import ProgramRun, Verdict
from utils.text import plain

_TAIL = 4000  # characters of the output that are looked at
_LONGEST = 200_000  # characters; longer code is not looked into
_PICTURES = {"matplotlib", "pylab", "PIL", "plotly", "cv2", "seaborn"}
_SAVED = {"savefig", "save", "imwrite", "imsave", "write_image", "write_html", "to_image"}
_ENDLESS = {"serve_forever", "run_forever", "mainloop", "serve", "run_app", "run_server", "start_polling"}
_SERVERS = {"flask", "uvicorn", "fastapi", "bottle", "aiohttp", "tornado", "dash", "sanic", "waitress", "gradio", "pygame", "cherrypy"}
_SERVES = re.compile(r"\s*(?:python[\d.]*\s+-m\s+(?:http\.server|flask|uvicorn)|flask\s+run|uvicorn|gunicorn|streamlit\s+run)\b")
_ENDED = {Verdict.OK, Verdict.FAILED}
_CUT = {Verdict.TIME, Verdict.OUTPUT}


class Seen(NamedTuple):
    """A run, with what its code calls (dotted names, aliases replaced) and imports."""

    run: ProgramRun
    calls: frozenset[str]
    imports: frozenset[str]

    @property
    def tail(self) -> str:
        """The end of what it printed."""
        return plain(self.run.output[-_TAIL:])

    def calls_any(self, names: set[str]) -> bool:
        """Whether it calls a function or method of one of these names."""
        return any(call.rpartition(".")[2] in names for call in self.calls)


class Advice(NamedTuple):
    """A fact for the user and the model, what the model should do, and when they matter."""

    fact: str
    remedy: str
    matters: Callable[[Seen], bool]


def _printed(pattern: str, *verdicts: Verdict) -> Callable[[Seen], bool]:
    found = re.compile(pattern, re.MULTILINE)
    return lambda seen: seen.run.verdict in (verdicts or (Verdict.FAILED,)) and found.search(seen.tail) is not None


def _showed_a_picture(seen: Seen) -> bool:
    shown = seen.calls_any({"show"}) or "cv2.imshow" in seen.calls
    return seen.run.verdict in _ENDED and bool(seen.imports & _PICTURES) and shown and not seen.calls_any(_SAVED)


def _serves(seen: Seen) -> bool:
    if seen.run.verdict is not Verdict.TIME:
        return False
    if seen.run.language == "sh":
        return any(_SERVES.match(seen.run.code[each.start : each.end]) for each in simple_commands(seen.run.code[:_LONGEST]))
    return seen.calls_any(_ENDLESS) or bool(seen.imports & _SERVERS)


def _asks(seen: Seen) -> bool:
    asks = "input" in seen.calls or any(call.startswith("sys.stdin.") for call in seen.calls)
    return (seen.run.verdict in _CUT and asks) or (seen.run.verdict is Verdict.FAILED and "EOFError" in seen.tail[-2000:])


def _installs_into_its_own(seen: Seen) -> bool:
    own = re.search(r"\bactivate\b|\bvenv\b|\bvirtualenv\b", seen.run.code[:_LONGEST]) is not None
    return own and _printed(r"No module named|ModuleNotFoundError")(seen)


SHOWN_TO_NOBODY = Advice(
    "nobody saw what show() displayed: there is no display here",
    "Save the picture to a file, such as plt.savefig('figure.png'), instead of showing it.",
    _showed_a_picture,
)
SERVES = Advice(
    "it waits for requests or events without end, and nobody can reach it here",
    "To show that a server works, start it in a thread, send it requests from the same program, print the answers, and end it.",
    _serves,
)
NO_KEYBOARD = Advice(
    "it asked for input, but there is no keyboard here",
    "Take values as constants in the program instead of asking for them.",
    _asks,
)
HIDES = "{} hides Python's own module of that name from every program in this folder"
GONE = "what it uses has been taken out of Python or of the package"
ADVICE = (
    SHOWN_TO_NOBODY,
    SERVES,
    NO_KEYBOARD,
    Advice(
        "packages are installed for Python itself, not for a virtual environment",
        "Leave the virtual environment out; `pip install NAME` lines in a ```sh block are enough.",
        _installs_into_its_own,
    ),
    Advice(
        "a program cannot install packages",
        "Put `pip install NAME` lines into a ```sh block before the program instead of calling pip in it.",
        _printed(r"Permission denied: '?/opt/|pip.*returned non-zero exit status|No matching distribution found for"),
    ),
    Advice(
        "nothing can be installed with apt or sudo here",
        "Do without system packages: use the standard library, or a package that `pip install` gets.",
        _printed(r"\b(?:sudo|apt|apt-get|apk|dnf|yum|brew): (?:command )?not found|are you root\?|No such file or directory: '(?:su|ap)"),
    ),
    Advice(
        "there is no desktop here: no window can be opened",
        "Do without a window: compute and print, or draw into a picture file (matplotlib, pillow) instead of tkinter, turtle or pygame.",
        _printed(
            r"No module named '?_?(?:tkinter|turtle)|libtk|TclError|no display name|cannot connect to X|could not connect to display"
            r"|No available video device|The function is not implemented\. Rebuild the library with"
        ),
    ),
    Advice(
        "opencv-python needs libraries of a desktop, which are not here",
        "Install opencv-python-headless instead; it is imported as cv2, too.",
        _printed(r"libGL\.so|libgthread|libSM\.so"),
    ),
    Advice(
        "there is no terminal here: curses has no screen",
        "Print lines instead of drawing on a terminal.",
        _printed(r"_?curses\.error|setupterm|Error opening terminal|TERM environment variable not set|Inappropriate ioctl for device"),
    ),
    Advice(
        "there is no web browser here",
        "Do without selenium or playwright: work on the page's text, with the standard library or beautifulsoup4.",
        _printed(r"(?:NoSuchDriver|WebDriver)Exception|Unable to obtain driver|Executable doesn't exist at .*(?:chrom|firefox|webkit)"),
    ),
    Advice(
        "nothing answers there: whatever a program starts ends with it",
        "Start the server and its client in one program.",
        _printed(r"Connection refused|ConnectionRefusedError|Failed to connect to (?:localhost|127\.0\.0\.1)"),
    ),
)


def advise(run: ProgramRun, stored: Sequence[str] = ()) -> ProgramRun:
    """Return the run with the facts that matter for it, and what to do about them; `stored` are the files stored beside the program."""
    tree = _parse(run)
    imports = _imports(tree)
    calls = frozenset(filter(None, (_dotted(node.func, imports) for node in ast.walk(tree) if isinstance(node, ast.Call))))
    seen = Seen(run, calls, frozenset(name.partition(".")[0] for name in imports.values()))
    found = [(each.fact, each.remedy) for each in ADVICE if each.matters(seen)]
    language = BY_NAME.get(run.language)
    if language is not None and language.lacks and _printed(language.lacks)(seen):
        found.append((f"no packages are installed for {language.name} programs", language.cannot))
    instead = replacement(seen.tail) if run.language == "python" and run.verdict is Verdict.FAILED else ""
    found += [(GONE, f"Use {instead}.")] if instead else []
    found += [(HIDES.format(name), "Give the file another name.") for name in (run.file_name, *stored) if _hides_a_module(name)]
    facts, remedies = tuple(fact for fact, _ in found), tuple(remedy for _, remedy in found)
    return replace(run, notes=run.notes + facts, advice=run.advice + tuple(dict.fromkeys(remedies)))


def _hides_a_module(name: str) -> bool:
    return name.endswith(".py") and name.removesuffix(".py") in sys.stdlib_module_names


def _parse(run: ProgramRun) -> ast.Module:
    try:
        return ast.parse(run.code if run.language == "python" and len(run.code) <= _LONGEST else "")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


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
