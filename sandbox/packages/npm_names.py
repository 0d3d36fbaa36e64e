"""Packages of npm: which are well known, and which ones a program in JavaScript or TypeScript imports."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

NPM = "npm:"
"""What the names of npm's packages begin with wherever Python's are named, too."""
_KNOWN = Path(__file__).with_name("known_npm_packages.txt")
_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~][a-z0-9._~-]*")
_LONGEST_NAME = 214
# Comments and texts, in the order in which they begin; a text becomes its number, so that nothing in it is read as code.
_TOKENS = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)|`(?:\\.|[^\\`])*(?:`|\Z)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
_NAMED = r"[\w$*{},\s]+?\bfrom\s*"
_IMPORTS = re.compile(
    rf"(?:^|[;}}])\s*import(?!\s+type\b\s*(?!from\b)[\w${{*])\s*(?:{_NAMED})?'(\d+)'"
    rf"|(?:^|[;}}])\s*export(?!\s+type\b)\s*{_NAMED}'(\d+)'"
    r"|(?<![\w$.])(?:require|import)\s*\(\s*'(\d+)'\s*[,)]",
    re.MULTILINE,
)


@cache
def known_npm_packages() -> frozenset[str]:
    """Return the names that are installed without a question."""
    lines = _KNOWN.read_text("ascii").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def npm_package_of(specifier: str) -> str | None:
    """Return the package that an import names, None for a path, an address, or a module of Node's that says so (`node:`)."""
    parts = specifier.split("/")
    name = "/".join(parts[:2]) if specifier.startswith("@") else parts[0]
    return name if len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) else None


def npm_imports(code: str) -> set[str]:
    """Return the packages that a program imports or requires by fixed names; some of them may be Node's own modules."""
    texts: list[str] = []

    def numbered(token: re.Match[str]) -> str:
        if token[0][0] == "/":
            return " "
        texts.append(token[0][1:-1])
        return f"'{len(texts) - 1}'"

    bare = _TOKENS.sub(numbered, code)
    found = {next(filter(None, match.groups())) for match in _IMPORTS.finditer(bare)}
    return {name for number in found if (name := npm_package_of(texts[int(number)]))}
