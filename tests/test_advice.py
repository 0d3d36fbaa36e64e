"""What a program's author would miss: which runs are explained by which fact about this place, and which are not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from sandbox.advice import ADVICE, GONE, HIDES, NO_ARGUMENTS, NO_KEYBOARD, NO_MODULE, SERVES, SHOWN_TO_NOBODY, advise
from sandbox.outdated import replacement
from sandbox.tools import instead_of, missing_tool
from sandbox.verdicts import TRIED_NETWORK, ProgramRun, Verdict, tell_model, tell_person
from utils.docker_utils import Limits

OK, FAILED, TIME, OUTPUT = Verdict.OK, Verdict.FAILED, Verdict.TIME, Verdict.OUTPUT
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1])\n"
POPEN = """\
  File "/usr/lib/python3.11/subprocess.py", line 1901, in _execute_child
FileNotFoundError: [Errno 2] No such file or directory: '{}'
"""
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
        (
            "import plotly.express as px\npx.line(y=[1]).show()",
            FAILED,
            "  File 'a.py', line 2, in show\nValueError: no\n",
            SHOWN_TO_NOBODY.fact,
        ),
        ("import cv2\ncv2.imshow('a', x)", FAILED, "cv2.error: in function 'imshow'\n", SHOWN_TO_NOBODY.fact),
        ("from http.server import *\nHTTPServer(('', 8000), H).serve_forever()", TIME, "", SERVES.fact),
        ("from flask import Flask\napp = Flask('x')\napp.run()", TIME, " * Running on\n", SERVES.fact),
        ("import pygame\nwhile True:\n    pygame.event.get()", TIME, "", "nobody sees its window"),
        ("import socket\ns = socket.socket()\nwhile True:\n    s.accept()", TIME, "", SERVES.fact),
        ("import time\nwhile True:\n    print(1)\n    time.sleep(60)", TIME, "1\n", "written to go on"),
        ("import schedule, time\nwhile True:\n    schedule.run_pending()", TIME, "", "written to go on"),
        ("try:\n    n = int(input('n: '))\nexcept Exception:\n    print('bad')", OK, "n: bad\n", NO_KEYBOARD.fact),
        (
            "import click\n@click.command()\n@click.option('--a')\ndef f(a): click.prompt('Age')",
            FAILED,
            "Age: \nAborted!\n",
            NO_KEYBOARD.fact,
        ),
        ("import click\n@click.option('--a', prompt='Age')\ndef f(a): pass", FAILED, "Age: Aborted!\n", NO_KEYBOARD.fact),
        ("import sys\nint(sys.stdin.readline())", FAILED, "ValueError: invalid literal for int() with base 10: ''\n", NO_KEYBOARD.fact),
        ("import sys\nsys.argv[1]", FAILED, "IndexError: list index out of range\n", NO_ARGUMENTS.fact),
        ("import argparse", FAILED, "usage: a.py [-h] f\na.py: error: the following arguments are required: f\n", NO_ARGUMENTS.fact),
        ("import click", FAILED, "Usage: a.py [OPTIONS] NAME\n\nError: Missing argument 'NAME'.\n", NO_ARGUMENTS.fact),
        ("import msvcrt", FAILED, "ModuleNotFoundError: No module named 'msvcrt'\n", "only Windows has"),
        ("import ctypes", FAILED, "AttributeError: module 'ctypes' has no attribute 'windll'\n", "only Windows has"),
        ("import os", FAILED, "AttributeError: module 'os' has no attribute 'startfile'\n", "only Windows has"),
        ("import pynput", FAILED, 'Xlib.error.DisplayNameError: Bad display name ""\n', "no desktop"),
        (
            "import PyQt5.QtWidgets",
            FAILED,
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory\n",
            "no desktop",
        ),
        ("import weasyprint", FAILED, "OSError: cannot load library 'libgobject-2.0-0': not found\n", "library of the system"),
        (
            "import pyzbar",
            FAILED,
            "ImportError: libzbar.so.0: cannot open shared object file: No such file or directory\n",
            "library of the system",
        ),
        ("import termios", FAILED, "termios.error: (25, 'Inappropriate ioctl for device')\n", "no terminal"),
        ("import plotly", FAILED, "RuntimeError: \nKaleido requires Google Chrome to be installed.\n", "plotly draws"),
        ("import websockets", FAILED, "OSError: [Errno 99] error while attempting to bind on address ('::1', 8765, 0, 0)\n", "no IPv6"),
        ("display(1)", FAILED, "NameError: name 'display' is not defined\n", "no notebook"),
        ("import spacy", FAILED, "OSError: [E050] Can't find model 'en_core_web_sm'.\n", "models and data sets"),
        ("import os", FAILED, "    os.environ['OPENAI_API_KEY']\nKeyError: 'OPENAI_API_KEY'\n", "keys or passwords"),
        ("import openai", FAILED, "openai.OpenAIError: Missing credentials. Please pass an `api_key`\n", "keys or passwords"),
        ("import transformers", TIME, "error thrown while requesting HEAD https://huggingface.co/x/config.json\n", "models and data sets"),
        ("import cv2", FAILED, "findDecoder imread_('a.jpg'): can't open/read file\ncv2.error: !_src.empty()\n", "holds only"),
        ("import threading", OK, "Exception in thread Thread-1 (f):\nTraceback\nValueError: no\ndone\n", "one of its threads"),
        ("import socket", FAILED, "PermissionError: [Errno 1] Operation not permitted\n", "no rights of an administrator"),
        ("from apscheduler.schedulers.blocking import BlockingScheduler\nBlockingScheduler().start()", TIME, "", "written to go on"),
        ("import PIL", FAILED, "OSError: cannot open resource\n", "fonts of Windows"),
        ("import playwright", FAILED, "Exception: Connection closed while reading from the driver\n", "no web browser"),
        ("import locale", FAILED, "locale.Error: unsupported locale setting\n", "locale that it sets"),
        (
            "import psycopg2",
            FAILED,
            "Error: connection to ::1 failed: Cannot assign requested address\nto 127.0.0.1 failed: Connection refused\n\tIs it?\n",
            "ends with it",
        ),
        ("import multiprocessing", TIME, "RuntimeError: context has already been set\n", "in each process"),
        ("import pytest\npytest.main()", OK, "1 failed in 0.05s\n", "tests failed"),
        ("import doctest\ndoctest.testmod()", OK, "***Test Failed*** 1 failure.\n", "tests failed"),
        ("def test_a(): assert 2 > 1\nprint(2)", OK, "2\n", "starts none"),
        ("import unittest\nclass T(unittest.TestCase):\n def test_a(self): self.assertTrue(1)", OK, "", "starts none"),
        ("import streamlit as st\nst.title('a')", OK, "", "page of this app"),
        (
            "open('/content/a.txt', 'w')",
            FAILED,
            "FileNotFoundError: [Errno 2] No such file or directory: '/content/a.txt'\n",
            "no folders here",
        ),
        ("open('D:\\\\')", FAILED, "FileNotFoundError: [Errno 2] No such file or directory: 'D:\\\\'\n", "no folders here"),
        ("import os\nos.mkdir('/data')", FAILED, "PermissionError: [Errno 13] Permission denied: '/data'\n", "no folders here"),
        (
            "open('workspace/a.txt', 'w')",
            FAILED,
            "FileNotFoundError: [Errno 2] No such file or directory: 'workspace/a.txt'\n",
            "no folders here",
        ),
        (
            "open('/workspace/workspace/a.txt', 'w')",
            FAILED,
            "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/workspace/a.txt'\n",
            "no folders here",
        ),
        (
            "open('/workspace/a.txt')",
            FAILED,
            "FileNotFoundError: [Errno 2] No such file or directory: '/workspace/a.txt'\n",
            "holds only what was added",
        ),
        ("open('data.csv')", FAILED, "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'\n", "holds only"),
        ("df.to_csv('out/a.csv')", FAILED, "OSError: Cannot save file into a non-existent directory: 'out'\n", "holds only"),
        (POPEN.format("ffmpeg"), FAILED, POPEN.format("ffmpeg"), "ffmpeg is not here"),
        ("import graphviz", FAILED, "graphviz.ExecutableNotFound: failed to execute PosixPath('dot'), make sure\n", "dot is not here"),
        (
            "import pdf2image",
            FAILED,
            "PDFInfoNotInstalledError: Unable to get page count. Is poppler installed and in PATH?\n",
            "pdfinfo is not",
        ),
        (
            "import pytesseract",
            FAILED,
            "TesseractNotFoundError: tesseract is not installed or it's not in your PATH.\n",
            "tesseract is not here",
        ),
        ("import asyncio\nasyncio.get_event_loop().run_forever()", TIME, "", SERVES.fact),
        (LOOP, OUTPUT, "again\n" * 9, NO_KEYBOARD.fact),
        (LOOP, TIME, "", NO_KEYBOARD.fact),
        ("import sys\nwhile True:\n    sys.stdin.readline()", TIME, "", NO_KEYBOARD.fact),
        ("input()", FAILED, "EOFError: EOF when reading a line\n", NO_KEYBOARD.fact),
        ("import tkinter", FAILED, "ModuleNotFoundError: No module named 'tkinter'\n", "no desktop"),
        ("import turtle", FAILED, "ImportError: libtk8.6.so: cannot open shared object file\n", "no desktop"),
        ("import tkinter", FAILED, "_tkinter.TclError: no display name and no $DISPLAY environment variable\n", "no desktop"),
        ("import cv2", FAILED, "ImportError: libGL.so.1: cannot open shared object file: No such file or directory\n", "opencv-python"),
        ("import curses", FAILED, "_curses.error: setupterm: could not find terminal\n", "no terminal"),
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
        ("jq .a x.json", FAILED, "script.sh: line 3: jq: command not found\n", "jq is not here"),
        ("x=$(echo 1 | bc)\necho $x", OK, "script.sh: line 1: bc: command not found\n\n", "bc is not here"),
        ("read -p 'Name: ' name\necho Hi $name", OK, "Hi \n", NO_KEYBOARD.fact),
        ("set -e\ngrep foo /etc/hostname\necho never", FAILED, "", "set -e"),
        ('echo "$1"', FAILED, "script.sh: line 1: $1: unbound variable\n", NO_ARGUMENTS.fact),
        (
            "apt-get update",
            FAILED,
            "E: List directory /var/lib/apt/lists/partial is missing. - Acquire (13: Permission denied)\n",
            "apt or sudo",
        ),
        ("ls 'my files'", FAILED, "ls: cannot access 'my files': No such file or directory\n", "holds only"),
        ("cat /data/a.txt", FAILED, "cat: /data/a.txt: Permission denied\n", "no folders here"),
        ("cat a.txt", FAILED, "cat: a.txt: No such file or directory\n", "holds only"),
        ("python3 a.py", FAILED, "python3: can't open file '/workspace/a.py': [Errno 2] No such file or directory\n", "holds only"),
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
        (f"{PLOT}plt.show()", FAILED, "ModuleNotFoundError: No module named 'matplotlib'\n"),
        ("import time\nwhile True:\n    time.sleep(1)\n    if a: break", TIME, ""),
        ("while True:\n    n += 1", TIME, ""),
        ("def test_a(): assert 1\ntest_a()", OK, ""),
        ("def test_a(): assert 1\nfor each in [test_a]: each()", OK, ""),
        ("def test_a(): assert 1\nfor name in globals(): print(name)", OK, ""),
        ("print('3 failed in 2.0s')", OK, "3 failed in 2.0s\n"),
        ("print({}['TOKEN'])", FAILED, "    print({}['TOKEN'])\nKeyError: 'TOKEN'\n"),
        ("import dask", FAILED, 'ImportError: not there\n  pip install "acme[all]"\n'),
        ("import unittest\nclass T(unittest.TestCase):\n def test_a(self): self.assertTrue(1)\nunittest.main()", OK, ""),
        ("def test_number(n): return n > 0\nprint(1)", OK, "1\n"),
        ("print('jq: command not found')", FAILED, "jq: command not found\n"),
        ("agent.prompt('Hello')", OK, "Hello\n"),
        ("input('>')", OK, "> a quotation\n"),
        ("input('Name')", OK, "My Name\n"),
        ("raise ValueError('no api')", FAILED, "ValueError: no key\n"),
        ("open('/tmp/x/y')", OK, "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x/y'\n"),
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


@pytest.mark.parametrize(
    ("tool", "instead"),
    [
        ("jq", "Use Python's module json."),
        ("gcc", "Use a block of its own in that language, such as ```c: it is compiled and run."),
        ("acme", "Use Python's standard library, or a package that `pip install` gets."),
    ],
)
def test_a_program_that_is_not_here_is_named_with_what_does_its_work(tool: str, instead: str) -> None:
    seen = advise(run(f"{tool} -x", FAILED, f"script.sh: line 1: {tool}: command not found\n", "sh"))
    assert seen.notes == (f"{tool} is not here, and nothing can be installed with apt or sudo",)
    assert seen.advice == (instead,) == (f"Use {instead_of(tool)}.",)


@pytest.mark.parametrize(
    ("output", "tool"),
    [
        ("sh: 1: convert: not found\n", "convert"),
        ("script.sh: line 2: x-y.z: command not found\nand on\n", "x-y.z"),
        ('FileNotFoundError: [Errno 2] "dot" not found in path.\n', "dot"),
        ("OSError: No wkhtmltopdf executable found: \"b''\"\n", "wkhtmltopdf"),
        ("MovieWriter ffmpeg unavailable; using Pillow instead.\nValueError: unknown file extension: .mp4\n", "ffmpeg"),
        ("RuntimeError: This means you probably do not have eSpeak or eSpeak-ng installed!\n", "espeak"),
        ("jq: command not found\n", ""),
        ("404: page: not found\n", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'data'\n", ""),
        (POPEN.format("./run.sh"), ""),
        ("", ""),
    ],
)
def test_how_a_program_is_said_not_to_be_there(output: str, tool: str) -> None:
    assert missing_tool(output) == tool


@pytest.mark.parametrize("module", ["flask_debug", "utils", "flask.nothing"])
def test_the_model_is_told_that_there_is_no_package_for_a_module(module: str) -> None:
    seen = advise(run(f"import {module}", FAILED, f"ModuleNotFoundError: No module named '{module}'\n"))
    assert (seen.notes, seen.advice) == ((), (NO_MODULE.format(module),))  # the user sees what becomes of the package
    assert "[sandbox] There is no module" in tell_model(seen, Limits())
    assert advise(run("import imp", FAILED, "ModuleNotFoundError: No module named 'imp'\n")).advice == ("Use importlib.",)


def test_a_server_that_looks_up_its_own_address_has_not_tried_the_network() -> None:
    code = "from flask import Flask\nFlask('x').run(host='0.0.0.0')"
    assert advise(replace(run(code, TIME), notes=(TRIED_NETWORK,))).notes == (SERVES.fact,)
    assert advise(replace(run("1", TIME), notes=(TRIED_NETWORK,))).notes == (TRIED_NETWORK,)


@pytest.mark.parametrize(
    "error",
    [
        "AttributeError: partially initialized module 'requests' has no attribute 'get' (most likely due to a circular import)",
        "ImportError: cannot import name 'get' from 'requests' (/workspace/requests.py)",
    ],
)
def test_a_program_that_is_named_as_the_package_that_it_imports_is_told_so(error: str) -> None:
    seen = advise(run("import requests\nrequests.get", FAILED, f"{error}\n", name="requests.py"))
    assert (seen.notes, seen.advice) == (
        ("it imports its own file in place of the package of that name",),
        ("Give the file another name.",),
    )
    assert advise(run("import requests", FAILED, f"{error}\n", name="client.py")).notes == ()


def test_a_file_of_an_earlier_program_that_hides_a_module_is_named_when_a_program_fails_over_it() -> None:
    output = """\
  File "/workspace/program.py", line 1, in <module>
    import tempfile
  File "/workspace/random.py", line 2, in <module>
AttributeError: partially initialized module 'random' has no attribute 'randint'
"""
    seen = advise(run("import tempfile", FAILED, output))
    assert seen.notes == (HIDES.format("random.py"),)
    assert seen.advice == ("Delete it before the program, with `rm random.py` in a ```sh block.",)
    assert advise(run("import tempfile", FAILED, output.replace("random.py", "tools.py"))).notes == ()
    assert advise(run("import tempfile", FAILED, output, name="random.py")).advice == ("Give the file another name.",)


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
        ("TypeError: boxplot() got an unexpected keyword argument 'labels'", "tick_labels"),
        ("TypeError: barplot() takes from 0 to 1 positional arguments but 2 were given", "x=, y= and data="),
        ("TypeError: f() takes from 0 to 1 positional arguments but 2 were given", ""),
        ("ModuleNotFoundError: No module named 'moviepy.editor'", "from moviepy import"),
        ("ModuleNotFoundError: No module named 'gym'", "the package gymnasium"),
        ("ImportError: cannot import name 'ChatOpenAI' from 'langchain.chat_models' (/x.py)", "langchain_openai"),
        ("TypeError: load() missing 1 required positional argument: 'Loader'", "yaml.safe_load"),
        ("AttributeError: 'Frame' object has no attribute 'append'", ""),
    ],
)
def test_what_is_gone_from_packages_is_named_with_what_replaces_it(error: str, instead: str) -> None:
    assert replacement(f"Traceback\n{error}\n").startswith(instead)
    assert bool(replacement(error)) is bool(instead)
