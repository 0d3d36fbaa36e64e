"""What a program's author would miss: which runs are explained by which fact about this place, and which are not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from sandbox.advice import ADVICE, GONE, HIDES, NO_KEYBOARD, SERVES, SHOWN_TO_NOBODY, advise
from sandbox.outdated import replacement
from sandbox.verdicts import ProgramRun, Verdict, tell_model, tell_person
from utils.docker_utils import Limits

OK, FAILED, TIME, OUTPUT = Verdict.OK, Verdict.FAILED, Verdict.TIME, Verdict.OUTPUT
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1])\n"
LOOP = "while True:\n    try:\n        n = int(input('n? '))\n    except EOFError:\n        print('again')\n"


def run(code: str, verdict: Verdict, output: str = "", language: str = "python", name: str = "program.py") -> ProgramRun:
    return ProgramRun(language, code, name, verdict, 0 if verdict is OK else 1, 0.1, output)


def facts(code: str, verdict: Verdict, output: str = "", language: str = "python") -> list[str]:
    return list(advise(run(code, verdict, output, language)).notes)


@pytest.mark.parametrize(
    ("code", "verdict", "output", "word"),
    [
        (f"{PLOT}plt.show()", OK, "", SHOWN_TO_NOBODY.fact),
        ("from matplotlib import pyplot\npyplot.plot([1])\npyplot.show()", OK, "", SHOWN_TO_NOBODY.fact),
        ("from PIL import Image\nImage.new('RGB', (1, 1)).show()", OK, "", SHOWN_TO_NOBODY.fact),
        ("import plotly.express as px\npx.line(y=[1]).show()", FAILED, "", SHOWN_TO_NOBODY.fact),
        ("import cv2\ncv2.imshow('a', x)", FAILED, "", SHOWN_TO_NOBODY.fact),
        ("from http.server import *\nHTTPServer(('', 8000), H).serve_forever()", TIME, "", SERVES.fact),
        ("from flask import Flask\napp = Flask('x')\napp.run()", TIME, " * Running on\n", SERVES.fact),
        ("import pygame\nwhile True:\n    pygame.event.get()", TIME, "", SERVES.fact),
        ("import asyncio\nasyncio.get_event_loop().run_forever()", TIME, "", SERVES.fact),
        (LOOP, OUTPUT, "again\n" * 9, NO_KEYBOARD.fact),
        (LOOP, TIME, "", NO_KEYBOARD.fact),
        ("import sys\nwhile True:\n    sys.stdin.readline()", TIME, "", NO_KEYBOARD.fact),
        ("input()", FAILED, "EOFError: EOF when reading a line\n", NO_KEYBOARD.fact),
        ("import tkinter", FAILED, "ModuleNotFoundError: No module named 'tkinter'\n", "no desktop"),
        ("import turtle", FAILED, "ImportError: libtk8.6.so: cannot open shared object file\n", "no desktop"),
        ("import tkinter", FAILED, "_tkinter.TclError: no display name and no $DISPLAY environment variable\n", "no desktop"),
        ("import cv2", FAILED, "ImportError: libGL.so.1: cannot open shared object file\n", "opencv-python"),
        ("import curses", FAILED, "_curses.error: setupterm: could not find terminal\n", "curses has no screen"),
        (
            "import selenium",
            FAILED,
            "NoSuchDriverException: Message: Unable to obtain driver\n",
            "no web browser",
        ),
        ("import subprocess", FAILED, "FileNotFoundError: [Errno 2] No such file or directory: 'sudo'\n", "apt or sudo"),
        ("import urllib", FAILED, "ConnectionRefusedError: [Errno 111] Connection refused\n", "ends with it"),
        ("import subprocess", FAILED, "subprocess.CalledProcessError: pip install x returned non-zero exit status 1.\n", "cannot install"),
        ("import subprocess", FAILED, "ERROR: Could not install: [Errno 13] Permission denied: '/opt/x'\n", "cannot install"),
    ],
)
def test_a_run_is_explained(code: str, verdict: Verdict, output: str, word: str) -> None:
    said = facts(code, verdict, output)
    assert [fact for fact in said if word in fact] == said != []


@pytest.mark.parametrize(
    ("code", "verdict", "output", "word"),
    [
        ("python3 -m http.server 8000", TIME, "", SERVES.fact),
        ("cd site && flask run", TIME, "", SERVES.fact),
        ("sudo apt-get install jq", FAILED, "script.sh: line 1: sudo: command not found\n", "apt or sudo"),
        ("apt-get install jq", FAILED, "E: Unable to lock directory, are you root?\n", "apt or sudo"),
        ("curl localhost:8000", FAILED, "curl: (7) Failed to connect to localhost port 8000: Connection refused\n", "ends with it"),
        ("python -m venv v\n. v/bin/activate\n: \npython a.py", FAILED, "ModuleNotFoundError: No module named 'six'\n", "virtual"),
    ],
)
def test_a_shell_run_is_explained(code: str, verdict: Verdict, output: str, word: str) -> None:
    said = facts(code, verdict, output, "sh")
    assert [fact for fact in said if word in fact] == said != []


@pytest.mark.parametrize(
    ("code", "verdict", "output"),
    [
        (f"{PLOT}plt.savefig('a.png')\nplt.show()", OK, ""),
        ("import numpy as np\nimport matplotlib.pyplot as plt\nplt.imshow(np.eye(2))\nplt.savefig('a.png')", OK, ""),
        ("class A:\n    def show(self): print(1)\nA().show()", OK, ""),
        ("while True:\n    pass", TIME, ""),
        ("from flask import Flask\nprint(Flask('x').test_client())", OK, ""),
        ("name = input()", OK, ""),
        ("print('EOFError')", OK, "EOFError\n"),
        ("print('Connection refused')", OK, "Connection refused\n"),
        ("def run(:\n", FAILED, "SyntaxError: invalid syntax\n"),
        ("while True:\n    print('flood')", OUTPUT, "flood\n" * 9),
        ("import six", FAILED, "ModuleNotFoundError: No module named 'six'\n"),
        ("raise ValueError('a window')", FAILED, "ValueError: a window\n"),
        ("x = " + "(" * 300 + "1" + ")" * 300, FAILED, ""),
        ("echo flask run", TIME, ""),
    ],
)
def test_no_other_run_is(code: str, verdict: Verdict, output: str) -> None:
    assert facts(code, verdict, output) == []
    assert facts(code, verdict, output, "sh") == []


def test_a_file_that_hides_a_module_of_python_is_named() -> None:
    named = advise(run("print(1)", OK, name="calendar.py"), ["random.py", "sub/json.py", "tools.py", "json.csv"])
    assert named.notes == (HIDES.format("calendar.py"), HIDES.format("random.py"))
    assert named.advice == ("Give the file another name.",)


def test_both_hear_the_fact_and_the_model_what_to_do() -> None:
    seen = advise(replace(run(LOOP, TIME), notes=("something else",)))
    assert seen.notes == ("something else", NO_KEYBOARD.fact)
    assert f"Note: {NO_KEYBOARD.fact}." in tell_person(seen, Limits())
    told = tell_model(seen, Limits())
    assert f"[sandbox] {NO_KEYBOARD.fact}\n[sandbox] {NO_KEYBOARD.remedy}\n" in told
    assert "faster" not in told


def test_every_fact_is_one_short_sentence_that_a_line_can_hold() -> None:
    for advice in ADVICE:
        assert "\n" not in advice.fact + advice.remedy
        assert len(advice.fact) <= 100
        assert advice.remedy.endswith(".")
        assert not advice.fact.endswith(".")


# The first program of each row is run here, so that its error is the real one.
@pytest.mark.parametrize(
    ("code", "instead"),
    [
        ("from collections import Iterable", "collections.abc.Iterable"),
        ("import collections\ncollections.Mapping", "collections.abc.Mapping"),
        ("import time\ntime.clock()", "time.perf_counter()"),
        ("from fractions import gcd", "math.gcd"),
        ("import urllib2", "urllib.request and urllib.parse"),
        ("import Queue", "queue"),
        ("'a'.decode()", "the str as it is: only bytes are decoded"),
        ("{}.keys()[0]", "list(d) and sorted(d)"),
        ("map(str, [])[0]", "list() around map, filter and zip"),
        ("import itertools\nitertools.izip", "zip, map and filter"),
        ("import sys\nsys.maxint", "sys.maxsize"),
        ("reduce(max, [])", "functools.reduce"),
        ("{}.has_key(1)", "`key in d`"),
        ("{}.iteritems()", "items(), keys() and values()"),
        ("xrange(3)", "range"),
        ("import string\nstring.letters", "string.ascii_letters and methods of str"),
        ("import inspect\ninspect.getargspec(print)", "inspect.getfullargspec" if sys.version_info >= (3, 11) else ""),
        ("from collections import Nothing", ""),
        ("import time\ntime.clocks()", ""),
        ("nothing", ""),
        ("from typing import Iterables", ""),
        ("raise AttributeError(\"name 'Set'\")", ""),
    ],
)
def test_what_is_gone_from_python_is_named_with_what_replaces_it(code: str, instead: str) -> None:
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr
    seen = advise(run(code, FAILED, output))
    assert (seen.notes, seen.advice) == (((GONE,), (f"Use {instead}.",)) if instead else ((), ()))


@pytest.mark.parametrize(
    ("error", "instead"),
    [
        ("AttributeError: module 'numpy' has no attribute 'float'.", "float, int, bool, object, complex and str themselves"),
        ("AttributeError: `np.float_` was removed in the NumPy 2.0 release. Use `np.float64` instead.", "np.float64, np.inf"),
        ("AttributeError: 'DataFrame' object has no attribute 'append'. Did you mean: '_append'?", "pd.concat([a, b])"),
        ("AttributeError: module 'PIL.Image' has no attribute 'ANTIALIAS'", "Image.Resampling.LANCZOS"),
        ("AttributeError: 'ImageDraw' object has no attribute 'textsize'", "textbbox() and getbbox()"),
        ("AttributeError: module 'numpy' has no attribute 'trapz'. Did you mean: 'trace'?", "np.trapezoid"),
        ("AttributeError: module 'numpy' has no attribute 'tripz'", ""),
        ("AttributeError: 'DataFrame' object has no attribute 'applymap'", "map()"),
        ("TypeError: NDFrame.fillna() got an unexpected keyword argument 'method'", "ffill() and bfill()"),
        ("TypeError: read_csv() got an unexpected keyword argument 'delim_whitespace'", r"sep=r'\s+'"),
        ("TypeError: read_config() got an unexpected keyword argument 'path'", ""),
        ("ValueError: Invalid frequency: M. Failed to parse with error message: ValueError(\"'M' is no longer supported\")", "ME, QE"),
        ("ValueError: Invalid frequency: 30T. Did you mean 30min?", "ME, QE"),
        ("ValueError: Invalid frequency: XYZ", ""),
        ("ModuleNotFoundError: No module named 'pandas.util.testing'", "pandas.testing"),
        ("ValueError: No engine for filetype: 'xls'", "an .xlsx file"),
        ("ModuleNotFoundError: No module named 'sklearn.cross_validation'", "sklearn.model_selection"),
        ("TypeError: OneHotEncoder.__init__() got an unexpected keyword argument 'sparse'", "sparse_output"),
        ("TypeError: Matrix.__init__() got an unexpected keyword argument 'sparse'", ""),
        ("TypeError: got an unexpected keyword argument 'squared'", "root_mean_squared_error"),
        ("TypeError: power() got an unexpected keyword argument 'squared'", ""),
        ("TypeError: BaggingClassifier.__init__() got an unexpected keyword argument 'base_estimator'", "estimator"),
        (
            "AttributeError: 'CountVectorizer' object has no attribute 'get_feature_names'. Did you mean: 'get_feature_names_out'?",
            "get_feature_names_out()",
        ),
        ("`load_boston` has been removed from scikit-learn since version 1.2.", "load_diabetes"),
        ("ImportError: cannot import name 'simps' from 'scipy.integrate' (/x/__init__.py)", "simpson"),
        ("AttributeError: Module 'scipy' has no attribute 'array'", "numpy"),
        ("AttributeError: module 'networkx' has no attribute 'info'", "print(G)"),
        ("AttributeError: 'Graph' object has no attribute 'node'. Did you mean: '_node'?", "G.nodes"),
        ("AttributeError: 'Graph' object has no attribute 'node'", ""),
        ("OSError: 'seaborn-whitegrid' is not a valid package style, path of style file", "plt.style.use('seaborn-v0_8')"),
        ("AttributeError: Rectangle.set() got an unexpected keyword argument 'normed'", "density"),
        ("AttributeError: module 'matplotlib.cm' has no attribute 'get_cmap'", "matplotlib.colormaps"),
        ("ImportError: cannot import name 'Markup' from 'jinja2' (/x/__init__.py)", "the package markupsafe"),
        ("AttributeError: 'Engine' object has no attribute 'execute'", "with engine.connect()"),
        ("sqlalchemy.exc.ObjectNotExecutableError: Not an executable object: 'select 1'", "with engine.connect()"),
        ("TypeError: constr() got an unexpected keyword argument 'regex'", "pattern"),
        ("TypeError: find() got an unexpected keyword argument 'regex'", ""),
        ("TypeError: load() missing 1 required positional argument: 'Loader'", "yaml.safe_load"),
        ("AttributeError: 'Frame' object has no attribute 'append'", ""),
    ],
)
def test_what_is_gone_from_packages_is_named_with_what_replaces_it(error: str, instead: str) -> None:
    assert replacement(f"Traceback\n{error}\n").startswith(instead)
    assert bool(replacement(error)) is bool(instead)
