"""Web pages of an answer: the names by which a page refers to the answer's other blocks, and which scripts run in it and not here."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence, Set

from agents.answers.file_names import named
from agents.answers.parts import Part, Sorted
from utils.code_blocks import Fence
from utils.labels import canonical, language_of

IN_THE_PAGE = "it runs in the web page, not here"

_PAGES = ("html", "htm", "xhtml")
_PAGE = "index.html"
_NODE = ("javascript", "typescript")
_REFERENCE = re.compile(
    r"""\b(?:src|href)\s*=\s*["']?(?![\w+.-]*:|//)[./]*(?P<path>[\w-][\w./-]*\.(?:js|mjs|css|jsx|tsx?))(?=["'\s>?])""", re.IGNORECASE
)
_IN_BROWSER = re.compile(r"(?<![\w.])(?:document|window|localStorage)\s*\.\s*\w")
_IN_NODE = re.compile(r"\brequire\s*\(|\bprocess\.|\bjsdom\b|\bfrom\s+['\"]node:")


def named_by_page(fences: Sequence[Fence], aliases: Mapping[str, str]) -> dict[int, str]:
    """Return by the lines of their fences the blocks that a page of the answer refers to, with the names that it uses, and the page."""
    pages = [fence for fence in fences if language_of(fence.info) in _PAGES]
    names = {fence.line: named(fence, aliases).name for fence in fences} if pages else {}
    found: dict[int, str] = {}
    for path in dict.fromkeys(path for page in pages for path in references(page.text)):
        if posixpath.basename(path) in map(posixpath.basename, names.values()):
            continue
        alike = [fence.line for fence in fences if not names[fence.line] and _kind(fence, aliases) == _kind_of(path)]
        if len(alike) == 1:
            found[alike[0]] = path
    parts = any(name and _kind_of(name) in (*_NODE, "css") for name in names.values())
    if len(pages) == 1 and not names[pages[0].line] and (found or parts):
        found[pages[0].line] = _PAGE
    return found


def why_named(name: str) -> str:
    """Say why a block was named by `named_by_page`."""
    return "it is the answer's web page" if name == _PAGE else "the web page refers to it"


def references(page: str) -> list[str]:
    """Return the scripts and styles of its own site that a page's text refers to."""
    return [posixpath.normpath(found["path"]) for found in _REFERENCE.finditer(page)]


def leave_out_scripts_of_pages(found: Sorted, pages: Iterable[str]) -> None:
    """Leave out the programs that a page loads, and those that they import; without a browser they could only fail."""
    pages = [*pages, *(file.text for file in found.files if file.name.rpartition(".")[2].lower() in _PAGES)]
    if not pages:
        return
    loaded = {posixpath.basename(path) for page in pages for path in references(page)}
    before: Set[str] = set()
    scripts = [part for part in found.programs if part.language in _NODE]
    while loaded != before:
        before = set(loaded)
        loaded |= {posixpath.basename(path) for part in scripts if _is_loaded(part, loaded) and part.other for path in part.other.taken}
    for part in scripts:
        if _is_loaded(part, loaded) or (_IN_BROWSER.search(part.text) and not _IN_NODE.search(part.text)):
            found.programs.remove(part)
            found.skip(part, IN_THE_PAGE)


def _is_loaded(part: Part, loaded: Set[str]) -> bool:
    return bool(part.name) and posixpath.basename(part.name) in loaded


def _kind(fence: Fence, aliases: Mapping[str, str]) -> str:
    label = language_of(fence.info)
    return "css" if label == "css" else canonical(label, aliases) or label


def _kind_of(path: str) -> str:
    ending = path.rpartition(".")[2].lower()
    return {"js": "javascript", "mjs": "javascript", "ts": "typescript"}.get(ending, ending)
