"""The file name that an answer gives a block: in the fence's info string, in the block's first comment, or in the prose before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from sandbox.files.names import header_name, safe_name
from utils.code_blocks import Fence
from utils.labels import canonical, language_of

_BARE = r"(?:Dockerfile|Makefile|Procfile|\.(?:gitignore|dockerignore|editorconfig|env(?:\.example)?))"
_NAME = rf"(?:\./|/workspace/)?(?P<name>(?:[\w.-]+/)*(?:[\w-][\w.-]*\.[A-Za-z][A-Za-z0-9]{{0,9}}|{_BARE}))"
_WORD = r"(?:file[ _-]?name|file[ _-]?path|file|path|title|name|save(?:d)? (?:this )?(?:as|to|in))"
_DATA = (
    "csv|tsv|jsonl?|ndjson|txt|md|html?|css|xml|svg|ya?ml|toml|ini|cfg|conf|tex|sql|log|ics|png|jpe?g|gif|webp|bmp|tiff?|pdf|zip|gz|tgz"
    "|tar|bz2|xz|db|sqlite3?|xlsx|docx|pptx|parquet|pickle|pkl|npy|npz|wav|mp3|dat|bin"
)
_MENTIONED = re.compile(
    rf"(?<![\w./@:-])(?:\./|/workspace/)?(?P<name>(?:[\w-][\w.-]*/)*[\w-][\w.-]*\.(?:{_DATA}))(?![\w/-]|\.\w)", re.IGNORECASE
)
_TAKES_AWAY = re.compile(r"\b(?:delet|remov|renam|eras|clean)\w*", re.IGNORECASE)
_RESULT = re.compile(r"\.(?:png|jpe?g|gif|svg|pdf)$", re.IGNORECASE)
_ATTRIBUTE = re.compile(rf"(?:file_?name|file|path|title|name)\s*=\s*[\"']?{_NAME}(?=[\"'\s}}]|$)", re.IGNORECASE)
_ALONE = re.compile(_NAME)
# A heading or a line that is nothing but the name: `### 1. utils.py`, `**utils.py**`, "File: `utils.py`:", "utils.py - helpers".
_LINE = re.compile(
    rf"[\s#>*_+-]*(?:\(?\d+[.)]\s*)?[\s*_`]*(?:(?:step|part) \d+[.:]\s*)?(?:{_WORD}\b[\s*_]*[:=]?\s*)?[*_`\"']*{_NAME}[*_`\"']*\s*"
    r"(?:\([^()]*\)\s*)?:?[*_\s]*(?:(?:-|–|—|:)\s.*)?",
    re.IGNORECASE,
)
_SENTENCE = re.compile(rf".*\b(?:saved?|created?|named?|called)\b[^`*]*(?:`|\*\*){_NAME}(?:`|\*\*)[^`]*:\s*", re.IGNORECASE)
# A sentence about what a run leads to, or about how to run it, names no file that is given.
_ABOUT_A_RUN = re.compile(r"\b(?:run(?:s|ning)?|execut\w*|will|should|would|outputs?|generat\w*|produc\w*|after|when|if)\b", re.IGNORECASE)
_ENDINGS = {
    **{"javascript": ("js", "mjs"), "typescript": ("ts", "tsx"), "yaml": ("yml",), "markdown": ("md",), "html": ("htm",), "rust": ("rs",)},
    **{"c": ("h",), "c++": ("cpp", "h"), "cpp": ("h",), "csharp": ("cs",), "latex": ("tex",), "ini": ("cfg", "conf"), "ruby": ("rb",)},
}
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_COMMENT = re.compile(
    rf"\s*(?:#|//|--|;|%|<!--|/\*|\"\"\"|''')+\s*(?P<word>{_WORD}\s*[:=]\s*)?[`\"']?{_NAME}(?:`|\"(?!\"\")|'(?!''))?(?P<rest>.*)",
    re.IGNORECASE,
)
_REST = re.compile(r"\s*(?:-->|\*/|\"\"\"|''')?\s*(?:(?:-|–|—|:|\()\s*.*)?")
_FIRST_LINES = re.compile(r"#!|\s*#.*coding[:=]")
_SEEN_AS_NAMES = {"node.js", "next.js", "vue.js", "react.js", "express.js", "three.js", "d3.js", "asp.net", "socket.io"}
_SHOWN = ("output", "text", "txt", "console", "stdout", "log", "plaintext", "terminal")
_CHANGES = ("diff", "patch")
_WITHOUT_COMMENTS = ("json", "csv", "tsv", "txt")


def named(fence: Fence, aliases: Mapping[str, str]) -> tuple[str, str]:
    """Return the name that the block is given, "" for none, and its text, without a comment that names it if its format has none."""
    label = language_of(fence.info)
    if canonical(label, aliases):
        try:
            asked = header_name(fence.text)
        except ValueError:  # whoever stores it says that
            return "", fence.text
        if asked:
            return asked, fence.text
    name = _fitting(_in_info(fence.info, label), label, aliases)
    if name:
        return name, fence.text
    name = _fitting(_in_comment(fence.text), label, aliases)
    if name:
        return name, _without_first_line(fence.text) if name.rpartition(".")[2].lower() in _WITHOUT_COMMENTS else fence.text
    return _fitting(_in_prose(fence.before, label, bool(canonical(label, aliases))), label, aliases), fence.text


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of data files that a task mentions, relative to the programs' folder, each once."""
    found = (safe_name(match["name"]) for match in _MENTIONED.finditer(text))
    return tuple(dict.fromkeys(name for name in found if name))


def missing_files(task: str, is_there: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the files that the task names and that a program should have made, as far as names tell; `is_there` looks for one.

    If some are there, the others may have been read, renamed or removed as asked: only a picture or document is a result by itself.
    """
    wanted = () if _TAKES_AWAY.search(task) else names_in(task)
    missing = tuple(name for name in wanted if not is_there(name))
    return missing if missing == wanted else tuple(name for name in missing if _RESULT.search(name))


def named_by_task(fences: Sequence[Fence], aliases: Mapping[str, str], task: str) -> dict[int, str]:
    """Return by the lines of their fences the blocks that can only be a certain file of those that the task names.

    An answer with a program makes its files itself.
    """
    if any(canonical(language_of(fence.info), aliases) for fence in fences):
        return {}
    wanted = names_in(task)
    found = {}
    for name in wanted:
        alike = [fence for fence in fences if _is_kind(fence, name)]
        if len(alike) == 1 and sum(_is_kind(alike[0], other) for other in wanted) == 1 and not named(alike[0], aliases)[0]:
            found[alike[0].line] = name
    return found


def _is_kind(fence: Fence, name: str) -> bool:
    label = language_of(fence.info)
    return bool(label) and name.rpartition(".")[2].lower() in (label, *_ENDINGS.get(label, ()))


def _in_info(info: str, label: str) -> str:
    found = _ATTRIBUTE.search(info)
    if found:
        return found["name"]
    if "=" in info:
        return ""
    words = re.split(r"[\s:,{}\[\]()]+", info.strip())
    return next((match["name"] for word in words if (match := _ALONE.fullmatch(word))), "")


def _in_comment(text: str) -> str:
    lines = (line for line in text.split("\n", 4)[:4] if line.strip() and not _FIRST_LINES.match(line))
    found = _COMMENT.fullmatch(next(lines, ""))
    return found["name"] if found and (found["word"] or _REST.fullmatch(found["rest"])) else ""


def _in_prose(lines: tuple[str, ...], label: str, is_run: bool) -> str:
    written = [line for line in lines if line.strip()]
    if not written:
        return ""
    heading = next((line for line in reversed(written) if _HEADING.match(line)), "")
    for line in (written[-1], heading):
        found = _LINE.fullmatch(line)
        if found:
            return found["name"]
    said = _SENTENCE.fullmatch(written[-1]) if label not in _SHOWN else None
    if said is None:
        return ""
    ending = said["name"].rpartition(".")[2].lower()
    alike = is_run or not label or "." not in said["name"].strip(".") or ending in (label, *_ENDINGS.get(label, ()))
    return said["name"] if alike and (is_run or not _ABOUT_A_RUN.search(written[-1])) else ""


def _fitting(name: str, label: str, aliases: Mapping[str, str]) -> str:
    """Return the name made safe if it can be that of a block with this label; "" if not."""
    if not name or name.lower() in _SEEN_AS_NAMES:
        return ""
    language, of_name = canonical(label, aliases), language_of_file(name, aliases)
    if label in _CHANGES:
        return ""
    ending = name.rpartition(".")[2].lower()
    fits = of_name == language or ending in _ENDINGS.get(label, ()) if language else not (of_name and label in _SHOWN)
    return (safe_name(name) or "") if fits else ""


def language_of_file(name: str, aliases: Mapping[str, str]) -> str:
    """Return the language in which a file of this name is run, "" if none."""
    ending = name.rpartition("/")[2].rpartition(".")[2].lower()
    return aliases.get({"pyw": "py"}.get(ending, ending), "") if "." in name else ""


def _without_first_line(text: str) -> str:
    return text.lstrip("\n").partition("\n")[2]


def module_of(name: str) -> str:
    """Return the module as which Python imports a file of the working folder: `pkg.mod` for pkg/mod.py, "" for what is no module."""
    if not name.endswith(".py"):
        return ""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def own_modules(names: Iterable[str]) -> tuple[str, ...]:
    """Return every name under which one of the files can be imported: with "src/utils.py" that is "src" and "utils"."""
    return tuple(dict.fromkeys(part for name in names for part in module_of(name).split(".") if part))
