"""When a fact about this place matters to a run: what its code and its output say of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sandbox.calls import LONGEST, Code
from sandbox.packages.shell_scan import simple_commands
from sandbox.tools import missing_tool
from sandbox.verdicts import WAITED, ProgramRun, Verdict
from utils.docker_utils import WORKSPACE
from utils.text import last_line

_PICTURES = {"matplotlib", "pylab", "PIL", "plotly", "cv2", "seaborn"}
_SAVED = {"savefig", "save", "imwrite", "imsave", "write_image", "write_html", "to_image"}
_ENDLESS = {"serve_forever", "run_forever", "mainloop", "serve", "run_app", "run_server", "start_polling", "accept", "recvfrom"}
_SERVERS = {"flask", "uvicorn", "fastapi", "bottle", "aiohttp", "tornado", "dash", "sanic", "waitress", "gradio", "cherrypy", "websockets"}
_TOOLKITS = {"PyQt5", "PyQt6", "PySide2", "PySide6", "kivy", "wx"}
_GAMES = {"pygame", "arcade", "pyglet"}
_SERVES = re.compile(r"\s*(?:python[\d.]*\s+-m\s+(?:http\.server|flask|uvicorn)|flask\s+run|uvicorn|gunicorn|streamlit\s+run)\b")
ENDED = {Verdict.OK, Verdict.FAILED}
_CUT = {Verdict.TIME, Verdict.OUTPUT}
_NO_FILE = re.compile(
    r"(?:FileNotFoundError|NotADirectoryError|PermissionError|OSError): [^\n]*"
    r"(?:No such file or directory|Permission denied|Read-only file system|non-existent directory): '([^'\n]+)'$"
    r"|(?:: |: cannot \w+ '|can't open file ')(?!cannot open shared)([^':\n]+)'?: "
    r"(?:\[Errno 2\] )?(?:No such file or directory|Permission denied|Read-only file system)$"
)
_NO_PICTURE = re.compile(r"imread_\('([^'\n]+)'\): can't open")
_OWN_FILE = re.compile(rf'File "{WORKSPACE}/(\w+\.py)"')
# The folder's own name in a relative one, too: models that have heard of /workspace write to workspace/.
FAR = re.compile(r"(?:/workspace/)?workspace/|(?!/workspace\b|/tmp\b|/opt\b|/proc\b|/sys\b|/var/lib\b)(?:/|~|[A-Za-z]:[\\/])")


class Seen(NamedTuple):
    """A run, what its code says about it, and the end of what it printed."""

    run: ProgramRun
    code: Code
    tail: str

    def calls_any(self, names: set[str]) -> bool:
        """Whether it calls a function or method of one of these names."""
        return any(call.rpartition(".")[2] in names for call in self.code.calls)


def printed(pattern: str, *verdicts: Verdict) -> Callable[[Seen], bool]:
    """Match runs that ended so (FAILED if nothing is said), and whose output the pattern is found in, line by line."""
    found = re.compile(pattern, re.MULTILINE)
    return lambda seen: seen.run.verdict in (verdicts or (Verdict.FAILED,)) and found.search(seen.tail) is not None


def showed_a_picture(seen: Seen) -> bool:
    """Whether it showed a picture and saved none."""
    shown = seen.calls_any({"show"}) or "cv2.imshow" in seen.code.calls
    reached = seen.run.verdict is Verdict.OK or re.search(r"\b(?:im)?show\b", seen.tail) is not None
    return seen.run.verdict in ENDED and bool(seen.code.imports & _PICTURES) and shown and reached and not seen.calls_any(_SAVED)


def plays(seen: Seen) -> bool:
    """Whether it is a game whose loop had to be stopped."""
    return seen.run.verdict is Verdict.TIME and bool(seen.code.imports & _GAMES)


def serves(seen: Seen) -> bool:
    """Whether it is a server that had to be stopped."""
    if seen.run.verdict is not Verdict.TIME or plays(seen):
        return False
    if seen.run.reason == WAITED:
        return True
    if seen.run.language == "sh":
        return any(_SERVES.match(seen.run.code[each.start : each.end]) for each in simple_commands(seen.run.code[:LONGEST]))
    return seen.calls_any(_ENDLESS) or bool(seen.code.imports & _SERVERS)


def goes_on(seen: Seen) -> bool:
    """Whether it is a loop that was meant to go on, and had to be stopped."""
    endless = seen.code.endless or seen.calls_any({"BlockingScheduler"})
    return seen.run.verdict is Verdict.TIME and endless and not (serves(seen) or plays(seen) or asks(seen))


def asks(seen: Seen) -> bool:
    """Whether it asked for input, of which there is none."""
    if seen.run.language == "sh":
        return seen.run.verdict in ENDED and re.search(r"^\s*read\s+-\w*p\b", seen.run.code[:LONGEST], re.MULTILINE) is not None
    reads = any(call.startswith("sys.stdin.") for call in seen.code.calls)
    if seen.run.verdict in _CUT:
        return reads or "input" in seen.code.calls
    if any(len(text) > 1 and re.search(f"^{re.escape(text)}", seen.tail, re.MULTILINE) for text in seen.code.prompts):
        return seen.run.verdict in ENDED  # it got as far as its question
    if seen.code.imports & {"click", "typer"} and re.search(r"\bAborted[!.]\s*\Z", seen.tail):
        return seen.run.verdict is Verdict.FAILED
    error = r"EOFError" if not reads else r"EOFError|^(?:ValueError|IndexError|StopIteration)\b"
    return seen.run.verdict is Verdict.FAILED and re.search(error, seen.tail[-2000:], re.MULTILINE) is not None


def lacks_arguments(seen: Seen) -> bool:
    """Whether it ended because it was started without arguments."""
    said = printed(r"(?i:^\s*usage:)|the following arguments are required|Missing (?:argument|option|parameter)|\$\d: unbound variable")(
        seen
    )
    return said or ("argv" in seen.run.code[:LONGEST] and printed(r"IndexError: list index out of range")(seen))


def tests_failed(seen: Seen) -> bool:
    """Whether it ended well although tests that it ran did not."""
    said = printed(r"^=* ?\d+ failed\b.* in [\d.]+s|^FAILED \((?:failures|errors)=|^\*\*\*Test Failed\*\*\* \d", Verdict.OK)(seen)
    return said and re.search(r"pytest|unittest|doctest", seen.run.code[:LONGEST]) is not None


def installs_into_its_own(seen: Seen) -> bool:
    """Whether it looked for packages in a virtual environment of its own."""
    own = re.search(r"\bactivate\b|\bvenv\b|\bvirtualenv\b", seen.run.code[:LONGEST]) is not None
    return own and printed(r"No module named|ModuleNotFoundError")(seen)


def imports_itself(seen: Seen) -> bool:
    """Whether its file stood in for the package of that name, which it imports."""
    found = re.search(rf"partially initialized module '(\w+)'|from '(\w+)' \({WORKSPACE}/", last_line(seen.tail))
    return seen.run.verdict is Verdict.FAILED and found is not None and seen.run.file_name == f"{found[1] or found[2]}.py"


def unreadable(seen: Seen) -> str:
    """Return the file that it could not open, "" if it did not fail over one."""
    if seen.run.verdict is not Verdict.FAILED or missing_tool(seen.tail):
        return ""
    found = _NO_FILE.search(last_line(seen.tail)) or _NO_PICTURE.search(seen.tail)
    return next(filter(None, found.groups())) if found else ""


calls_apt = printed(
    r"\b(?:sudo|apt|apt-get|apk|dnf|yum|brew): (?:command )?not found|are you root\?|No such file or directory: '(?:su|ap)"
    r"|/var/lib/(?:apt|dpkg)/",
    *ENDED,
)
_WINDOW = printed(
    r"No module named '?_?(?:tkinter|turtle)|libtk|TclError|no display name|cannot connect to X|could not connect to display"
    r"|No available video device|The function is not implemented\. Rebuild the library with|Bad display name|Unable to get a Window"
    r"|KeyError: 'DISPLAY'|You must be root to use this library|could not find a copy/paste mechanism"
)


def no_desktop(seen: Seen) -> bool:
    """Whether it failed because there is no window, keyboard or clipboard of a desktop."""
    lacks_library = bool(seen.code.imports & _TOOLKITS) and printed(r"cannot open shared object")(seen)
    return lacks_library or _WINDOW(seen)


_LIBRARY = printed(
    r"cannot load library '|no library called \"|(?<!\w)lib(?!GL|gthread|SM|tk)[\w.+-]+\.so[\w.]*: cannot open shared object"
)


def lacks_library(seen: Seen) -> bool:
    """Whether a package needs a library of the system; one that a browser needs is of no use without it."""
    return "playwright" not in seen.code.imports and _LIBRARY(seen)


def hidden_by(seen: Seen, stored: Sequence[str]) -> list[str]:
    """Return the files of earlier programs that stood in for a module of Python when this one failed."""
    named = dict.fromkeys(_OWN_FILE.findall(seen.tail)) if seen.run.verdict is Verdict.FAILED else {}
    return [name for name in named if hides_a_module(name) and name not in (seen.run.file_name, *stored)]


def hides_a_module(name: str) -> bool:
    """Whether a file of this name would be imported in place of a module of Python."""
    return name.endswith(".py") and name.removesuffix(".py") in sys.stdlib_module_names
