"""What a Java program says about itself: the file that it has to be stored in, and the class that is started."""

from __future__ import annotations

import re

# What is not code: comments, text blocks, strings and characters.
_NOT_CODE = re.compile(r'//[^\n]*|/\*.*?(?:\*/|\Z)|"""(?:\\.|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?', re.DOTALL)
_PACKAGE = re.compile(r"^[ \t]*package\s+([\w.]+)\s*;", re.MULTILINE)
_WORDS = re.compile(
    r"(?P<open>\{)|(?P<close>\})|(?P<main>\bstatic\s+(?:\w+\s+){0,3}void\s+main\s*\()"
    r"|(?P<public>\bpublic\s+)?(?:\b(?:abstract|final|sealed|strictfp)\s+){0,3}\b(?:class|interface|enum|record)\s+(?P<name>\w+)"
)


def read_java(code: str) -> tuple[str, str]:
    """Return the name of the file (after the public class, as javac wants it) and that of the main class, with its package."""
    bare = _NOT_CODE.sub(" ", code)
    depth, last, public, starts = 0, "", "", ""
    for found in _WORDS.finditer(bare):
        depth += bool(found["open"]) - bool(found["close"])
        if found["name"] and depth == 0:
            last = found["name"]
            public = public or (last if found["public"] else "")
        if found["main"] and not starts:
            starts = last
    starts = starts or public or last or "Main"
    package = _PACKAGE.search(bare)
    return f"{public or starts}.java", f"{package[1]}.{starts}" if package else starts
