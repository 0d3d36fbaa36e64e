"""What a program's author would miss: facts about this place that explain a run, each with what to do about it.

They are recognised by the program's code and by what it printed, so they never decide a verdict: they are added to it. Each fact is true of
every program here; only whether it matters is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from sandbox.calls import Code, read_code
from sandbox.conditions import (
    FAR,
    Seen,
    asks,
    calls_apt,
    goes_on,
    hidden_by,
    hides_a_module,
    imports_itself,
    installs_into_its_own,
    lacks_arguments,
    lacks_library,
    no_desktop,
    plays,
    printed,
    serves,
    showed_a_picture,
    tests_failed,
    unreadable,
)
from sandbox.languages import BY_NAME
from sandbox.outdated import replacement
from sandbox.packages.names import missing_module
from sandbox.tools import instead_of, missing_tool
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict
from utils.text import last_line, plain

_TAIL = 4000  # characters of the output that are looked at


class Advice(NamedTuple):
    """A fact for the user and the model, what the model should do, and when they matter."""

    fact: str
    remedy: str
    matters: Callable[[Seen], bool]


SHOWN_TO_NOBODY = Advice(
    "nobody saw what show() displayed: there is no display here",
    "Save the picture to a file, such as plt.savefig('figure.png'), instead of showing it.",
    showed_a_picture,
)
SERVES = Advice(
    "it waits for requests or events without end, and nobody can reach it here",
    "To show that a server works, start it in a thread, send it requests from the same program, print the answers, and end it.",
    serves,
)
NO_KEYBOARD = Advice(
    "it asked for input, but there is no keyboard here",
    "Take values as constants in the program instead of asking for them.",
    asks,
)
NO_ARGUMENTS = Advice(
    "programs are started without arguments here",
    "Give the arguments default values in the program.",
    lacks_arguments,
)
HIDES = "{} hides Python's own module of that name from every program in this folder"
GONE = "what it uses has been taken out of Python or of the package"
NO_TOOL = "{} is not here, and nothing can be installed with apt or sudo"
NO_MODULE = "There is no module {} here: do without it, or write it as a file of its own in the same answer."
ADVICE = (
    SHOWN_TO_NOBODY,
    SERVES,
    Advice(
        "it waits for events without end, and nobody sees its window here",
        "Let the loop end after a few frames, and save a picture of one of them to a file.",
        plays,
    ),
    Advice(
        "it is written to go on without end, and every program is stopped after a while",
        "Let the loop end by itself after a few short rounds.",
        goes_on,
    ),
    NO_KEYBOARD,
    NO_ARGUMENTS,
    Advice(
        "packages are installed for Python itself, not for a virtual environment",
        "Leave the virtual environment out; `pip install NAME` lines in a ```sh block are enough.",
        installs_into_its_own,
    ),
    Advice(
        "a program cannot install packages",
        "Put `pip install NAME` lines into a ```sh block before the program instead of calling pip in it.",
        printed(r"Permission denied: '?/opt/|pip.*returned non-zero exit status|No matching distribution found for"),
    ),
    Advice(
        "nothing can be installed with apt or sudo here",
        "Do without system packages: use the standard library, or a package that `pip install` gets.",
        calls_apt,
    ),
    Advice(
        "there is no desktop here: no window can be opened",
        "Do without a window: compute and print, or draw into a picture file (matplotlib, pillow) instead of tkinter, turtle or pygame.",
        no_desktop,
    ),
    Advice(
        "opencv-python needs libraries of a desktop, which are not here",
        "Install opencv-python-headless instead; it is imported as cv2, too.",
        lambda seen: ("cv2" in seen.code.imports or "cv2" in seen.tail) and printed(r"libGL\.so|libgthread|libSM\.so")(seen),
    ),
    Advice(
        "a library of the system that it needs is not here, and nothing can be installed with apt",
        "Use a package that brings all it needs: fpdf2 or reportlab for PDF, matplotlib or pillow for pictures.",
        lacks_library,
    ),
    Advice(
        "there is no terminal here",
        "Print lines instead of drawing on a terminal or reading single keys.",
        printed(
            r"_?curses\.error|setupterm|Error opening terminal|TERM environment variable not set|Inappropriate ioctl for device'?\)?\s*\Z"
        ),
    ),
    Advice(
        "there is no web browser here",
        "Do without selenium or playwright: work on the page's text, with the standard library or beautifulsoup4.",
        printed(r"(?:NoSuchDriver|WebDriver)Exception|reading from the driver|Executable doesn't exist at .*(?:chrom|firefox|webkit)"),
    ),
    Advice(
        "plotly draws picture files with a web browser, which is not here",
        "Save the figure as a page with fig.write_html('figure.html'), or draw the picture with matplotlib.",
        printed(r"[Kk]aleido requires Google Chrome|ChromeNotFoundError|BrowserFailedError|BrowserDepsError"),
    ),
    Advice(
        "nothing answers there: whatever a program starts ends with it",
        "Start the server and its client in one program; use sqlite3 in place of a database server.",
        printed(r"Connection refused|ConnectionRefusedError|Failed to connect to (?:localhost|127\.0\.0\.1)"),
    ),
    Advice(
        "there is no IPv6 here, which the name localhost may stand for",
        "Use the address 127.0.0.1 instead of localhost.",
        printed(r"bind\w* on address \('::1'|EADDRNOTAVAIL|Cannot assign requested address\s*\Z"),
    ),
    Advice(
        "programs run on Linux here, without what only Windows has",
        "Use what every system has, such as pathlib, shutil and subprocess.",
        printed(
            r"No module named '(?:msvcrt|winreg|winsound|_winapi|win32\w+|pythoncom|pywintypes|wmi)\b"
            r"|module '(?:ctypes|os|subprocess|signal)' has no attribute '(?:windll|WinDLL|startfile|STARTUPINFO|CREATE_\w+|CTRL_\w+)'"
        ),
    ),
    Advice(
        "this is no notebook",
        "Use print() instead of display(), and nothing of IPython or Colab.",
        printed(r"name '(?:display|get_ipython)' is not defined|No module named '(?:google|google\.colab|IPython)'$"),
    ),
    Advice(
        "models and data sets that packages download are not here",
        "Use data that a package brings with it or that the program makes, and plain Python in place of a model.",
        printed(
            r"\[E050\]|Resource \S+ not found|nltk\.download\(|https://huggingface\.co|spacy\.io/models"
            r"|LocalEntryNotFound|URL fetch failure",
            Verdict.FAILED,
            Verdict.TIME,
        ),
    ),
    Advice(
        "programs get no keys or passwords of the user's",
        "Do without the service: let the program make up its answers.",
        printed(
            r"\benviron\b[\s\S]*^KeyError: '\w*(?:KEY|TOKEN|SECRET|PASSWORD)'"
            r"|^[\w.]*(?:Error|Exception): .*(?i:api.?key|credentials|access.?token)"
        ),
    ),
    Advice(
        "the locale that it sets is not here",
        "Write numbers and dates without it, as f'{amount:,.2f}' does, or with the package babel.",
        printed(r"locale\.Error: unsupported locale setting"),
    ),
    Advice(
        "fonts of Windows and of the Mac are not here",
        "Use ImageFont.load_default(size=20), or DejaVu Sans, which matplotlib brings.",
        printed(r"OSError: cannot open resource"),
    ),
    Advice(
        "what it imports anew in each process starts processes itself",
        "Put all that starts processes under `if __name__ == '__main__':`.",
        printed(r"before the current process has finished its bootstrapping|context has already been set", Verdict.FAILED, Verdict.TIME),
    ),
    Advice(
        "its tests failed, although it ended with exit code 0",
        "End the program with the result of the tests: sys.exit(pytest.main([__file__])), or unittest.main().",
        tests_failed,
    ),
    Advice(
        "its shell ends without a word at the first command that fails (set -e)",
        "Print what each step does, and add `|| true` to a command that may fail, such as grep.",
        lambda seen: seen.run.verdict is Verdict.FAILED and not seen.tail and seen.run.language == "sh" and "set -" in seen.run.code,
    ),
    Advice(
        "an error ended one of its threads, although it ended with exit code 0",
        "Let errors of threads end the program: run them with concurrent.futures, and ask each for its result().",
        printed(r"^Exception in thread .*:$", Verdict.OK),
    ),
    Advice(
        "programs have no rights of an administrator here",
        "Do without raw sockets, mounts, and the files of other users.",
        printed(r"PermissionError: \[Errno 1\] Operation not permitted|(?:must be|run as|requires) root\b(?! to use this library)"),
    ),
    Advice(
        "it imports its own file in place of the package of that name",
        "Give the file another name.",
        lambda seen: imports_itself(seen) and not hides_a_module(seen.run.file_name),
    ),
    Advice(
        "it defines tests and starts none of them",
        "Start them at the end of the program: sys.exit(pytest.main([__file__])), or unittest.main().",
        lambda seen: seen.run.verdict is Verdict.OK and seen.code.idle_tests,
    ),
    Advice(
        "nobody can open the page of this app here: only its code ran, once",
        "To show that it works, test it with streamlit.testing.v1.AppTest from a second program.",
        lambda seen: seen.run.verdict is Verdict.OK and "streamlit" in seen.code.imports and "AppTest" not in seen.run.code,
    ),
    Advice(
        "there are no folders here but the program's own: what it reads and writes lies in the current folder",
        "Use names of files relative to the current folder.",
        lambda seen: FAR.match(unreadable(seen)) is not None,
    ),
    Advice(
        "the folder holds only what was added to it and what programs have made",
        "Let the program make the files and folders that it needs, with data of its own, unless the user is to add them.",
        lambda seen: bool(unreadable(seen)) and not FAR.match(unreadable(seen)) and not calls_apt(seen),
    ),
)


def advise(run: ProgramRun, stored: Sequence[str] = ()) -> ProgramRun:
    """Return the run with the facts that matter for it, and what to do about them; `stored` are the files stored beside the program."""
    seen = Seen(run, read_code(run.code) if run.language == "python" else Code(), plain(run.output[-_TAIL:]))
    found = [(each.fact, each.remedy) for each in ADVICE if each.matters(seen)]
    found += [*_of_its_language(seen), *_of_names(seen)]
    module = missing_module(seen.tail) if run.verdict is Verdict.FAILED and not found and " module named " in last_line(seen.tail) else None
    remedies = dict.fromkeys([remedy for _, remedy in found] + ([NO_MODULE.format(module)] if module else []))
    found += [(HIDES.format(name), "Give the file another name.") for name in (run.file_name, *stored) if hides_a_module(name)]
    found += [(HIDES.format(name), f"Delete it before the program, with `rm {name}` in a ```sh block.") for name in hidden_by(seen, stored)]
    # A server looks up its own address by way of a network.
    notes = tuple(note for note in run.notes if note != TRIED_NETWORK or not SERVES.matters(seen))
    remedies |= dict.fromkeys(remedy for _, remedy in found)
    return replace(run, notes=notes + tuple(fact for fact, _ in found), advice=run.advice + tuple(remedies))


def _of_its_language(seen: Seen) -> Iterator[tuple[str, str]]:
    language = BY_NAME.get(seen.run.language)
    if language is not None and language.lacks and printed(language.lacks)(seen):
        yield f"no packages are installed for {language.name} programs", language.cannot


def _of_names(seen: Seen) -> Iterator[tuple[str, str]]:
    """Yield what is not here, or not any more, by the name that the program's output gives it."""
    instead = replacement(seen.tail) if seen.run.language == "python" and seen.run.verdict is Verdict.FAILED else ""
    if instead:
        yield GONE, f"Use {instead}."
    # A script goes on behind a command that is not there, and can end well without what it was to do.
    tool = (
        missing_tool(seen.tail) if seen.run.verdict is Verdict.FAILED or (seen.run.verdict, seen.run.language) == (Verdict.OK, "sh") else ""
    )
    if tool and not calls_apt(seen):
        yield NO_TOOL.format(tool), f"Use {instead_of(tool)}."
