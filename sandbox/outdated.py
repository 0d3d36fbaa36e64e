"""What was taken out of Python and well-known packages: models write what they learnt, and much of it ran only in earlier years.

Sources: "Removed" in the "What's New" pages of Python 3.3 to 3.13, and the release notes of NumPy 1.24 and 2.0, pandas 2.0, Pillow 10,
and scikit-learn 1.2.
"""

from __future__ import annotations

import re

_ABCS = (
    "Awaitable|Callable|Collection|Container|Coroutine|Generator|Hashable|ItemsView|Iterable|Iterator|KeysView|Mapping|MappingView"
    "|MutableMapping|MutableSequence|MutableSet|Reversible|Sequence|Set|Sized|ValuesView"
)
# The last words of an error (a whole line of a traceback, by re.search), and what takes the place of what is gone.
_GONE = {
    rf"(?:name|attribute) '({_ABCS})'.*|module 'collections' has no attribute '({_ABCS})'": "",
    r"module 'time' has no attribute 'clock'": "time.perf_counter()",
    r"cannot import name 'gcd' from 'fractions'|module 'fractions' has no attribute 'gcd'": "math.gcd",
    r"No module named 'imp'": "importlib",
    r"No module named 'distutils": "shutil, sysconfig or the package setuptools",
    r"No module named '(?:asyncore|asynchat|smtpd)'": "asyncio",
    r"No module named '(?:cgi|cgitb)'": "urllib.parse and html",
    r"No module named 'telnetlib'": "socket",
    r"No module named '(?:urllib2|urlparse)'": "urllib.request and urllib.parse",
    r"No module named 'ConfigParser'": "configparser",
    r"No module named 'StringIO'": "io.StringIO",
    r"No module named 'Tkinter'": "a picture file, since there is no desktop here",
    r"module 'inspect' has no attribute 'getargspec'": "inspect.getfullargspec",
    r"module 'asyncio' has no attribute '(?:coroutine|async)'|cannot import name 'coroutine' from 'asyncio'": "async def",
    r"module 'string' has no attribute '(?:letters|lowercase|uppercase|maketrans|join)'": "string.ascii_letters and methods of str",
    r"'dict' object has no attribute 'has_key'": "`key in d`",
    r"'dict' object has no attribute 'iter(?:items|keys|values)'": "items(), keys() and values()",
    r"name 'xrange' is not defined": "range",
    r"name '(?:unicode|basestring)' is not defined": "str",
    r"name '(?:raw_input|unichr|long)' is not defined": "input, chr or int",
    r"module 'numpy' has no attribute '(?:float|int|bool|object|complex|str)'": "float, int, bool, object, complex and str themselves",
    r"module 'numpy' has no attribute '(?:product|alltrue|sometrue)'": "np.prod, np.all and np.any",
    r"`np\.(?:float_|Inf|NaN|unicode_|string_)` was removed": "np.float64, np.inf, np.nan, np.str_ and np.bytes_",
    r"'(?:DataFrame|Series)' object has no attribute 'append'": "pd.concat([a, b])",
    r"'(?:DataFrame|Series)' object has no attribute 'iteritems'": "items()",
    r"'(?:DataFrame|Series)' object has no attribute 'ix'": ".loc and .iloc",
    r"module 'PIL.Image' has no attribute '(?:ANTIALIAS|LINEAR|CUBIC)'": "Image.Resampling.LANCZOS, BILINEAR and BICUBIC",
    r"'ImageDraw' object has no attribute 'textsize'|'\w*Font\w*' object has no attribute 'getsize'": "textbbox() and getbbox()",
    r"`load_boston` has been removed": "fetch_california_housing or a set of your own",
}
_PATTERNS = [(re.compile(pattern), instead) for pattern, instead in _GONE.items()]
_ERROR = re.compile(r"(?:ImportError|ModuleNotFoundError|AttributeError|NameError): ")


def replacement(output: str) -> str:
    """Say what replaces the outdated name over which a Python program failed, by the last error of its output; "" if it is none."""
    lines = [line for line in output.splitlines() if _ERROR.search(line) or "was removed" in line or "has been removed" in line]
    last = lines[-1] if lines else ""
    for pattern, instead in _PATTERNS:
        if found := pattern.search(last):
            abc = next((group for group in found.groups() if group), "")
            return instead or (f"collections.abc.{abc}" if "collections" in last else "")
    return ""
