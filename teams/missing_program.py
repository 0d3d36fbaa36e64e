"""What is said to the generator about an answer from which nothing came, and which such answers are the user's to judge."""

from __future__ import annotations

import re

from agents.answers.parts import DOES_NOTHING
from agents.events import USE_PRINT, WRITE_FILE, WRITE_ONE
from sandbox.languages import LANGUAGES
from utils.code_blocks import Answer, SkippedBlock
from utils.labels import DATA, SHOWN, why_not_run
from utils.text import shorten

SEND_CODE = "No program was run, as said above. Send one whole program in one closed block, marked with its language."
# Chosen by measuring with a small model: it repeats what it is told. After "Nothing was run: the answer holds no program" its next program
# printed that sentence, or did nothing at all; with the words below alone, 6 of 8 tasks without a program came right instead of none, 6 of
# 7 programs that printed nothing instead of none, and 5 of 6 that wrote no file instead of 2.
NUDGE = WRITE_ONE + " program in a fenced block that computes the result of the task and prints it."
NUDGE_IN = WRITE_ONE + " {language} program in a fenced block that computes the result of the task and prints it."
PRINT = USE_PRINT + ", and send the whole program again."
PRINT_FOR = USE_PRINT + " of this task, and send the whole program: {task}"
NO_FILE = "{fact}. " + WRITE_FILE + " {files}, in the current folder, under exactly that name."

_IN_THE_FIRST = NUDGE_IN.format(language=LANGUAGES[0].name.capitalize())
_LONGEST_TASK = 1000  # characters that are said again
# What tasks call a language if not by its label.
_NAMES = {
    "html": "web ?page|web ?site|page|site",
    "css": "style",
    "jsx": "javascript|react",
    "tsx": "typescript|react",
    "sql": "query|queries|database",
    "cs": r"c#|csharp|\.net",
    "csharp": r"c#|\.net",
    "yml": "yaml",
    "yaml": "docker|compose|kubernetes|workflow|config\\w*",
    "dockerfile": "docker\\w*",
    "regex": "regular expression",
    "latex": "tex",
    "mermaid": "diagram|chart",
}


def what_to_send_back(answer: Answer, task: str | None) -> str:
    """Return the words that ask for a program; "" if the answer is the user's to judge.

    `task` is the text of a task whose first answer this is: then a program was due, unless the task asks for a language that is not run
    here. Without one, only a block that was meant to run and could not is sent back.
    """
    if answer.cut:
        return SEND_CODE
    if answer.files:
        return ""
    foreign = [block.language for block in answer.skipped if _is_foreign(block)]
    if foreign:
        return _IN_THE_FIRST if task is not None and not any(_asks_for(task, label) for label in foreign) else ""
    if any(block.reason == DOES_NOTHING for block in answer.skipped):
        return PRINT_FOR.format(task=shorten(task, _LONGEST_TASK)) if task is not None else ""
    if any(block.language not in SHOWN for block in answer.skipped):
        return SEND_CODE
    return NUDGE if task is not None else ""


def _is_foreign(block: SkippedBlock) -> bool:
    return bool(block.language) and block.language not in SHOWN and block.reason == why_not_run(block.language)


def _asks_for(task: str, label: str) -> bool:
    if label in DATA:
        return False
    names = "|".join(filter(None, [re.escape(label), _NAMES.get(label, "")]))
    return re.search(rf"(?<!\w)(?:{names})(?![\w+#])", task, re.IGNORECASE) is not None
