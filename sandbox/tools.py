"""Programs of a system that models take for granted, and what does their work in a sandbox that lacks them."""

from __future__ import annotations

import re

_BLOCK = "a block of its own in that language, such as ```{}: it is compiled and run"
_INSTEAD = {
    "jq": "Python's module json",
    "bc": "$((...)), or Python",
    "curl wget": "Python's urllib.request, for a server that the same program starts: there is no network",
    "git": "Python's difflib and shutil, as far as no repository is needed",
    "zip unzip 7z": "Python's modules zipfile and shutil",
    "tree": "find",
    "less more man nano vim vi": "cat",
    "ps top free uptime htop": "the files in /proc, or the package psutil",
    "ip ifconfig netstat ping nslookup dig traceroute": "Python's module socket: there is no network",
    "sqlite3 mysql psql mongo mongosh redis-cli redis-server": "Python's module sqlite3",
    "crontab systemctl service": "a loop in the program that ends after a few rounds: there are no services",
    "docker docker-compose podman kubectl": "the program itself, without a container",
    "ssh scp rsync": "files of the current folder: no other machine can be reached",
    "conda mamba npm yarn": "`pip install NAME` lines in a ```sh block, and the imports of a ```javascript block",
    "gcc cc make cmake": _BLOCK.format("c"),
    "g++ clang++": _BLOCK.format("cpp"),
    "node": _BLOCK.format("javascript"),
    "java javac": _BLOCK.format("java"),
    "go": _BLOCK.format("go"),
    "rustc cargo": _BLOCK.format("rust"),
    "python2": "python3",
    "dot": "matplotlib (and networkx), or write the .dot file alone",
    "ffmpeg ffprobe avconv": 'a .gif with writer="pillow", or the package imageio-ffmpeg, which brings ffmpeg',
    "pdfinfo pdftoppm pdftotext": "the package pymupdf",
    "tesseract": "no OCR: take the text from elsewhere",
    "wkhtmltopdf": "the package fpdf2 or reportlab",
    "espeak": "print() instead of a voice",
    "xdg-open open": "print() with the name of the file",
    "latex pdflatex xelatex": "matplotlib's own mathtext, or the package reportlab",
    "which": "command -v",
}
_BY_NAME = {name: instead for names, instead in _INSTEAD.items() for name in names.split()}
_OTHERWISE = "Python's standard library, or a package that `pip install` gets"
_NAME = r"([A-Za-z][\w.+-]*)"
# How the shell, Python's subprocess, and packages that call such a program say that it is not there.
_LACKS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf"^[^\n]*: (?:line )?\d+: {_NAME}: (?:command )?not found$",
        rf"_execute_child[\s\S]*FileNotFoundError: \[Errno 2\] No such file or directory: '(?:/usr/bin/)?{_NAME}'$",
        rf"failed to execute (?:PosixPath\()?'{_NAME}'",
        rf'"{_NAME}" not found in path\.',
        rf"{_NAME} is not installed or it's not in your PATH",
        rf"No {_NAME} executable found",
        rf"MovieWriter {_NAME} unavailable",
        r"Bad (git) executable",
    )
]
_IN_OTHER_WORDS = {"Is poppler installed": "pdfinfo", "do not have eSpeak": "espeak"}


def missing_tool(output: str) -> str:
    """Return the program that another one called in vain, as its output says; "" if it says nothing of the kind."""
    for pattern in _LACKS:
        found = pattern.findall(output)
        if found:
            return str(found[-1])
    return next((name for words, name in _IN_OTHER_WORDS.items() if words in output), "")


def instead_of(tool: str) -> str:
    """Say what does the work of such a program."""
    return _BY_NAME.get(tool, _OTHERWISE)
