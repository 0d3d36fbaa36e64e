"""Python packages: which names are well known, which package an import comes from, and what may be asked of pip."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sandbox.outdated import replacement
from utils.text import last_line

_KNOWN = Path(__file__).with_name("known_packages.txt")
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9][\w.*+!-]*"
_SPECIFIER = rf"{_CLAUSE}(?:\s*,\s*{_CLAUSE})*,?"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?P<extras>\[[\w.,\s-]*\])?\s*(?P<version>{_SPECIFIER}|\(\s*{_SPECIFIER}\s*\))?"
    r"\s*(?P<marker>;[\w\s.\"'<>=!()~,-]+)?",
    re.ASCII,
)
_ARCHIVE = re.compile(r"\.(?:whl|zip|tar|tgz|tbz|txz|tlz|gz|bz2|xz|lz|lzma)$", re.IGNORECASE)
_MODULE = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_SAID = r"(?:\w+\.)*(?:ModuleNotFoundError|ImportError): No module named "
_MISSING = re.compile(rf"{_SAID}(?:'(?P<module>{_MODULE})'(?:; .*)?|(?P<plain>{_MODULE}))")
_NEEDED = r"[A-Za-z_][\w.-]*[\w]"
# How Python's launcher and some packages say that they lack another one. The last line of the output is matched as a whole.
_OTHER_WORDS = tuple(
    re.compile(pattern.replace("NAME", f"(?P<name>{_NEEDED})").replace("ERROR", r"(?:\w+\.)*(?:Import|ModuleNotFound|Value)Error:"))
    for pattern in (
        r"(?:\S*/)?python[\d.]*: No module named NAME(?:\.__main__)?.*",
        r"ERROR Missing optional dependency '?NAME'?\..*",
        r"ERROR [`']?Import NAME[`']? failed\..*",
        r"ERROR \w[\w ]* requires? (?:the )?[`'\"]?NAME[`'\"]? (?:package )?to be installed.*",
        r"(?:\w+\.)*FeatureNotFound: .*the features you requested: NAME\. Do you need to install a parser library.*",
        r"ERROR .*requires? the [`'\"]?NAME[`'\"]? package.*",
        r"ERROR [`'\"]?NAME[`'\"]? (?:is required|not found, please install it|must be installed|is not installed)\b.*",
        r".*\bpip3? install (?:-U |--upgrade )?[`'\"]?NAME(?![\w.\[-]).*",
        r"(?:\w+\.)*CalledProcessError: Command .*\bpip3?'?,? '?install'?,? (?:'?-[\w=-]+'?,? )*'?NAME.* returned non-zero.*",
    )
)
# The last error of a program may go on for some lines, with the advice to install what it lacks behind it.
_LAST_ERROR = re.compile(r"(?s).*^(?=(?:\w+\.)*(?:Import|ModuleNotFound|Runtime|Value)Error:)(.*)", re.MULTILINE)
_ADVISED = re.compile(rf"pip3? install (?:-U |--upgrade )?[`'\"]?({_NEEDED})(?![\w.\[-])|- `Import ({_NEEDED})` failed")
_ERROR_LINES = 15
# Modules that have left the standard library since a version that we support; they are in no package of their name, or a stranger's.
_LEFT = {"distutils": "setuptools", "imp": "", "asynchat": "", "asyncore": "", "smtpd": "", "cgi": "", "telnetlib": "", "pipes": ""}
_LEFT |= dict.fromkeys(("win32api", "win32com", "win32con", "win32gui", "pythoncom", "pywintypes", "wmi"), "")  # those of Windows

_SHARED = {"google"}  # modules of which many packages bring a part; the package of that name is a stranger's

PACKAGES: Mapping[str, str] = {
    "ahocorasick": "pyahocorasick",
    "attr": "attrs",
    "barcode": "python-barcode",
    "bidi": "python-bidi",
    "Bio": "biopython",
    "box": "python-box",
    "bs4": "beautifulsoup4",
    "camelot": "camelot-py",
    "community": "python-louvain",
    "cpuinfo": "py-cpuinfo",
    "Crypto": "pycryptodome",
    "Cryptodome": "pycryptodomex",
    "currency_converter": "currencyconverter",
    "cv2": "opencv-python-headless",  # the other one needs libraries of a desktop, which small images do not have
    "dateutil": "python-dateutil",
    "decouple": "python-decouple",
    "discord": "discord-py",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "engineio": "python-engineio",
    "faiss": "faiss-cpu",
    "ffmpeg": "ffmpeg-python",
    "fitz": "pymupdf",
    "flask_cors": "flask-cors",
    "flask_sqlalchemy": "flask-sqlalchemy",
    "fpdf": "fpdf2",
    "frontmatter": "python-frontmatter",
    "git": "gitpython",
    "github": "pygithub",
    "gnupg": "python-gnupg",
    "google.auth": "google-auth",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "graphql": "graphql-core",
    "grpc": "grpcio",
    "hydra": "hydra-core",
    "igraph": "python-igraph",
    "imblearn": "imbalanced-learn",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "Levenshtein": "levenshtein",
    "lxml.html.clean": "lxml-html-clean",
    "magic": "python-magic",
    "markdown_it": "markdown-it-py",
    "matplotlib_venn": "matplotlib-venn",
    "mpl_toolkits": "matplotlib",
    "msgpack": "msgpack",
    "mysql.connector": "mysql-connector-python",
    "MySQLdb": "mysqlclient",
    "nacl": "pynacl",
    "odf": "odfpy",
    "OpenGL": "pyopengl",
    "OpenSSL": "pyopenssl",
    "paho": "paho-mqtt",
    "pdfminer": "pdfminer-six",
    "PIL": "pillow",
    "pip_tools": "pip-tools",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "progressbar": "progressbar2",
    "psycopg2": "psycopg2-binary",  # the other one is built with a compiler
    "pylab": "matplotlib",
    "PyPDF2": "pypdf2",
    "pythonjsonlogger": "python-json-logger",
    "pywt": "pywavelets",
    "pyximport": "cython",
    "rapidjson": "python-rapidjson",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "ruamel.yaml": "ruamel-yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearn_extra": "scikit-learn-extra",
    "skopt": "scikit-optimize",
    "slack_sdk": "slack-sdk",
    "slugify": "python-slugify",
    "snappy": "python-snappy",
    "socketio": "python-socketio",
    "socks": "pysocks",
    "speech_recognition": "speechrecognition",
    "spellchecker": "pyspellchecker",
    "stdnum": "python-stdnum",
    "stl": "numpy-stl",
    "strawberry": "strawberry-graphql",
    "surprise": "scikit-surprise",
    "tabula": "tabula-py",
    "talib": "ta-lib",
    "telebot": "pytelegrambotapi",
    "telegram": "python-telegram-bot",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vl_convert": "vl-convert-python",
    "websocket": "websocket-client",
    "whisper": "openai-whisper",
    "whois": "python-whois",
    "wikipediaapi": "wikipedia-api",
    "wx": "wxpython",
    "xlsxwriter": "xlsxwriter",
    "yaml": "pyyaml",
    "z3": "z3-solver",
    "zmq": "pyzmq",
    "zope.interface": "zope-interface",
}
"""The package that a module comes from, if the two have different names."""


@dataclass(frozen=True)
class Package:
    """A package that is installed."""

    name: str
    version: str
    sha256: str = field(default="", compare=False)  # of the very archive that it came from; "" if pip gave none
    requested: bool = field(default=True, compare=False)  # False: another package needs it

    def __str__(self) -> str:
        """Write name and version as they are listed."""
        return f"{self.name} {self.version}"


def normalize(name: str) -> str:
    """Return the one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def known_packages() -> frozenset[str]:
    """Return the names that are installed without a question, normalised."""
    lines = _KNOWN.read_text("ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def name_of(requirement: str) -> str | None:
    """Return the normalised name that a requirement begins with, or None if it is none of a package index: a path, a URL, an archive."""
    # Long runs of spaces could be shared out among the parts in very many ways.
    match = _REQUIREMENT.fullmatch(re.sub(r"[ \t\n\r\f\v]+", " ", requirement.strip()))
    return None if match is None or is_archive(match["name"]) else normalize(match["name"])


def is_archive(name: str) -> bool:
    """Whether pip would take the name for a file beside it, if there is one."""
    return _ARCHIVE.search(name) is not None


def is_known(requirement: str) -> bool:
    """Whether the requirement names a package that is installed without a question."""
    return name_of(requirement) in known_packages()


def package_of(module: str, code: str = "") -> str | None:
    """Return the package that a missing module comes from, None if it is part of Python or of a notebook (`google.colab`).

    A module such as `google` is shared by many packages: what the program imports from it says which one is meant.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in _LEFT:
        return _LEFT.get(top) or None
    if replacement(f"ModuleNotFoundError: No module named '{module}'"):
        return None  # a package of that name would be a stranger's, or is there and has no such module any more
    for name in [module, *sorted(each for each in imports_of(code) if each.startswith(f"{module}."))]:
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            found = PACKAGES.get(".".join(parts[:length]))
            if found is not None:
                return found
    return None if top in _SHARED else normalize(top)


def missing_module(output: str) -> str | None:
    """Return the module that a program's last error says is missing. The program can print such words, too: it is a hint."""
    last = last_line(output[-4000:])
    match = _MISSING.fullmatch(last)
    module = (match["module"] or match["plain"]) if match else _needed(last) or _advised(output[-4000:])
    return module if module and len(module) <= 100 else None


def _needed(line: str) -> str | None:
    if len(line) > 1000:
        return None
    names = (match["name"].replace("-", "_") for pattern in _OTHER_WORDS if (match := pattern.fullmatch(line)))
    # Such a sentence may be about anything; Python's own launcher is clear.
    return next((name for name in names if ": No module named " in line or is_known(package_of(name) or "")), None)


def _advised(output: str) -> str | None:
    """Return the well-known package that the lines behind the last error say should be installed."""
    error = _LAST_ERROR.match(output)
    if error is None or error[1].rstrip().count("\n") > _ERROR_LINES:
        return None
    names = (next(filter(None, match.groups())).replace("-", "_") for match in _ADVISED.finditer(error[1]))
    return next((name for name in names if is_known(package_of(name) or "")), None)


def imports_of(code: str) -> set[str]:
    """Return what the program imports at its outermost level, if it does so in any case; empty if the code is no Python."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names
