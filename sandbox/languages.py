"""The languages that programs are run in: one row each. Adding a language is adding a row (and an image that has its tools)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """How programs of one language are named, stored and started."""

    name: str
    aliases: tuple[str, ...]  # what a fence may say, in lower case
    file_name: str  # where a program without a `# filename:` line is stored
    interpreters: tuple[str, ...]  # the first of these that the image has is started
    arguments: tuple[str, ...] = ("{file}",)  # one line each; {file} stands for the program's path
    image_setting: str = "SANDBOX_IMAGE"


LANGUAGES = (
    Language("python", ("python", "py", "python3"), "program.py", ("python3", "python")),
    Language("sh", ("sh", "bash", "shell"), "script.sh", ("bash", "sh")),
)

BY_NAME: Mapping[str, Language] = {language.name: language for language in LANGUAGES}
ALIASES: Mapping[str, str] = {alias: language.name for language in LANGUAGES for alias in language.aliases}


def find_language(word: str) -> Language | None:
    """Return the language that a fence's word means, in any case, or None."""
    name = ALIASES.get(word.strip().lower())
    return None if name is None else BY_NAME[name]
