"""The file name that an answer gives a block: in the fence's info string, in the block's first comment, or in the prose before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from agents.answers.labelled_files import has_jsx, is_file_of, is_json
from agents.answers.python_code import read_python
from agents.answers.shell_code import read_shell
from sandbox.files.names import header_name, safe_name
from utils.code_blocks import Fence
from utils.labels import DATA, canonical, language_of

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
_QUOTED = re.compile(r"(?<!\w)(?:'([^'\n]{1,200})'(?!\w)|\"([^\"\n]{1,200})\")")
_ATTRIBUTE = re.compile(rf"(?:file_?name|file|path|title|name)\s*=\s*[\"']?{_NAME}(?=[\"'\s}}]|$)", re.IGNORECASE)
_ALONE = re.compile(_NAME)
# A heading or a line that is nothing but the name: `### 1. utils.py`, `**utils.py**`, "File: `utils.py`:", "utils.py - helpers".
# For `_plain` lines. Each part that repeats without an end begins with what the one before it cannot be: so the time grows with the length.
_LINE = re.compile(
    rf"(?:[ #>*+]|-+ )*-{{0,3}}(?:\(?\d{{1,4}}[.)] ?)?[*`]{{0,3}} ?[*`]{{0,3}}(?:(?:step|part) \d{{1,4}}[.:] ?)?"
    rf"(?:{_WORD}\b ?\*{{0,3}}[:=]?\*{{0,3}} ?)?[*`\"']{{0,4}}{_NAME}[*`\"']{{0,4}} ?(?:\([^()]*\) ?)?:?\*{{0,3}} ?(?:[-–—:] .*)?",
    re.IGNORECASE,
)
_NAME_ALONE = re.compile(rf"(?:[ >*`\"']|-+ )*-{{0,3}}{_NAME}[ *`\"':]*")
_EMPHASIS = re.compile(r"(?<!\w)(_{1,2})(?=[^\s_])(.*?[^\s_])\1(?![\w./-])")
_LONGEST_TITLE = 300
_LONGEST_COMMENT = 1000
_IN_A_SENTENCE = re.compile(rf"(?<![\w./@:-]){_NAME}(?![\w/-]|\.\w|\()")
# A sentence about what a run leads to, or about how to run it, names no file that is given.
_ABOUT_A_RUN = re.compile(
    r"\b(?:run(?:s|ning)?|execut\w*|will|should|would|outputs?|generat\w*|produc\w*|creates|writes|saves|prints|after|when"
    r"|if)\b",
    re.IGNORECASE,
)
_ENDINGS = {
    **{"javascript": ("js", "mjs"), "typescript": ("ts",), "yaml": ("yml",), "markdown": ("md",), "html": ("htm",), "rust": ("rs",)},
    **{"c": ("h",), "c++": ("cpp", "h"), "cpp": ("h",), "csharp": ("cs",), "latex": ("tex",), "ini": ("cfg", "conf"), "ruby": ("rb",)},
}
_HEADING = re.compile(r"\s*(?:#{1,6}\s|\*\*[^*]+\*\*:?\s*$)")
_COMMENT = re.compile(
    rf"\s*(?:#|//|--|;|%|<!--|/\*|\"\"\"|''')+\s*(?P<word>{_WORD}\s*[:=]\s*)?[`\"']?{_NAME}(?:`|\"(?!\"\")|'(?!''))?(?P<rest>.*)",
    re.IGNORECASE,
)
_REST = re.compile(r"\s*(?:-->|\*/|\"\"\"|''')?\s*(?:(?:-|–|—|:|\()\s*.*)?")
_FIRST_LINES = re.compile(r"#!|\s*#.*coding[:=]")
# Libraries and versions that look like names of files.
_NO_FILES = re.compile(
    r"(?:node|next|nuxt|nest|vue|react|angular|express|three|d3|p5|chart|moment|discord|socket|ember|backbone|knockout|alpine|handlebars|babylon"
    r"|phaser|brain|tensorflow|jquery|lodash|underscore|leaflet|anime|matter|ml5|plotly|pdf|chess|asp|ml)\.(?:js|ts|io|net)|[\d.]+\.\w",
    re.IGNORECASE,
)
_TEXT = ("text", "txt", "plaintext")
_OUTPUT = ("output", "console", "stdout", "log", "terminal")
_SHOWN = (*_TEXT, *_OUTPUT)
_FAMILIES = ({"c", "c++"}, {"javascript", "typescript"})
_CHANGES = ("diff", "patch")
_WITHOUT_COMMENTS = ("json", "csv", "tsv", "txt")


class Named(NamedTuple):
    """The name that a block is given, "" for none, its text without a line that only names it, and whether it is a file, not a program."""

    name: str
    text: str
    is_file: bool = False


def named(fence: Fence, aliases: Mapping[str, str]) -> Named:
    """Return what the answer calls the block."""
    label = language_of(fence.info)
    if canonical(label, aliases):
        try:
            asked = header_name(fence.text)
        except ValueError:  # whoever stores it says that
            return Named("", fence.text)
        if asked:
            return Named(asked, fence.text)
    name = _fitting(_in_info(fence.info, label), label, fence.text, aliases)
    if name:
        return name
    name = _fitting(_in_comment(fence.text), label, fence.text, aliases)
    if name:
        ending = name.name.rpartition(".")[2].lower()
        return name._replace(text=_without_first_line(fence.text)) if ending in _WITHOUT_COMMENTS else name
    found = (_fitting(each, label, fence.text, aliases) for each in _in_prose(fence, label, aliases))
    return next((each for each in found if each and not _imports_itself(each)), Named("", fence.text))


def _imports_itself(given: Named) -> bool:
    """Whether the block uses the file that a sentence mentions, and so cannot be it."""
    code = read_python(given.text) if (module := module_of(given.name)) else None
    return code is not None and module in code.imports


def with_names_carried(fences: Sequence[Fence], aliases: Mapping[str, str]) -> Iterator[Fence]:
    """Give the lines before a block of commands, which may name the file that is meant, to the block behind it as well."""
    carried: tuple[str, ...] = ()
    for fence in fences:
        yield replace(fence, before=(*carried, *fence.before))
        language = canonical(language_of(fence.info), aliases)
        commands = read_shell(fence.text) if language and language == aliases.get("sh") else None
        carried = fence.before if commands and (commands.is_instruction or not commands.anything_else) else ()


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
        alike = [fence for fence in fences if _is_kind(fence, name) and not _is_incomplete(fence, task)]
        if len(alike) == 1 and sum(_is_kind(alike[0], other) for other in wanted) == 1 and not named(alike[0], aliases).name:
            found[alike[0].line] = name
    return found


def _is_incomplete(fence: Fence, task: str) -> bool:
    """Whether data lacks words that the task quotes, other than names of files: then it cannot be what was asked for."""
    quoted = [single or double for single, double in _QUOTED.findall(task)]
    words = {word for text in quoted if safe_name(text) not in names_in(task) for word in re.findall(r"\w+", text)}
    return language_of(fence.info) in DATA and not words.issubset(re.findall(r"\w+", fence.text))


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
    found = _COMMENT.fullmatch(next(lines, "")[:_LONGEST_COMMENT])
    return found["name"] if found and (found["word"] or _REST.fullmatch(found["rest"])) else ""


def _in_prose(fence: Fence, label: str, aliases: Mapping[str, str]) -> Iterator[str]:
    """Yield the names that the lines before the block may give it, the likeliest first."""
    written = [line for line in fence.before if line.strip()]
    if not written:
        return
    last = written[-1]
    title = next((line for line in reversed(written) if _HEADING.match(line) or _NAME_ALONE.fullmatch(_plain(line))), last)
    for line in (last, title):
        found = _LINE.fullmatch(_plain(line))
        if found:
            yield found["name"]
    if re.match(r"\s*<\w", last) and (tag := _ATTRIBUTE.search(last)):
        yield tag["name"]
    is_run = bool(canonical(label, aliases))
    for line in (last, title):
        is_title = _HEADING.match(line) is not None
        if not is_title and (
            line.rstrip(" *_`").endswith((".", "!", "?")) or label in _OUTPUT or (_ABOUT_A_RUN.search(line) and not is_run)
        ):
            continue
        said = {
            name
            for found in _IN_A_SENTENCE.finditer(line)
            if _is_alike(name := found["name"], label, aliases) and _is_text_of(name, fence.text)
        }
        if len(said) == 1:
            yield said.pop()


def _plain(line: str) -> str:
    """Return a line with single spaces and without the `_` that emphasise words; "" if it is longer than a title."""
    return _EMPHASIS.sub(r"\2", " ".join(line.split())) if len(line) <= _LONGEST_TITLE else ""


def _is_text_of(name: str, text: str) -> bool:
    """Whether a block can be all of a file of this name: what is to be added to a JSON file is not."""
    return not name.lower().endswith(".json") or is_json(text)


def _is_alike(name: str, label: str, aliases: Mapping[str, str]) -> bool:
    """Whether a name that a sentence mentions can be that of a block with this label."""
    if "." not in name.strip("."):
        return True
    ending = name.rpartition(".")[2].lower()
    if canonical(label, aliases):
        return language_of_file(name, aliases) == canonical(label, aliases) or ending in _ENDINGS.get(label, ())
    return not label or label in _TEXT or ending in (label, *_ENDINGS.get(label, ()))


def _fitting(name: str, label: str, text: str, aliases: Mapping[str, str]) -> Named | None:
    """Return the name made safe if it can be that of a block with this label and text."""
    if not name or _NO_FILES.fullmatch(name) or label in _CHANGES:
        return None
    language, of_name = canonical(label, aliases), language_of_file(name, aliases)
    ending = name.rpartition(".")[2].lower()
    needs_build = has_jsx(of_name, text)
    is_file = needs_build or (bool(language) and not of_name and is_file_of(name, language, text))
    if language:
        fits = of_name == language or are_relatives(language, name, aliases) or ending in _ENDINGS.get(label, ())
    else:
        fits = not (of_name and label in _SHOWN)
    safe = safe_name(name) if fits or is_file else None
    return Named(safe, text, needs_build or (is_file and not fits)) if safe else None


def are_relatives(language: str, name: str, aliases: Mapping[str, str]) -> bool:
    """Whether the label may have been meant for a file of this name, which says better what it is in: `main.cpp` labelled as C."""
    return not name.endswith(".h") and any({language, language_of_file(name, aliases)} <= family for family in _FAMILIES)


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
