"""The programs of the session: the newest, the one before it, what became of them, and the changes between two of them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.text import Text

from cli.output.screen import QUIET_STYLE
from utils.text import sanitize

if TYPE_CHECKING:  # these import the engine's client and the Markdown parser, and the prompt does not wait for them
    from sandbox.verdicts import ProducedFile, ProgramRun
    from utils.code_blocks import CodeBlock

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@dataclass
class Programs:
    """What has been run, as the slash commands and the closing lines need it."""

    newest: CodeBlock | None = None
    before: CodeBlock | None = None
    last_run: ProgramRun | None = None
    """The last run of the present task; None before its first."""
    files: dict[str, ProducedFile] = field(default_factory=dict)
    """Every file that programs made in this session, by name, as it was when it last changed."""

    def start_task(self) -> None:
        """Forget the last run: it belongs to the task before."""
        self.last_run = None

    def started(self, language: str, code: str) -> None:
        """Take a program that begins to run as the newest."""
        if self.newest is not None and self.newest.code == code:
            return
        from utils.code_blocks import CodeBlock

        self.before, self.newest = self.newest, CodeBlock(language, code, 0)

    def diff(self) -> list[Text]:
        """Return the changes from the program before to the newest, as coloured lines of a unified diff; empty where there are none."""
        if self.newest is None or self.before is None or self.newest.language != self.before.language:
            return []
        return changes(self.before.code, self.newest.code)


def changes(before: str, after: str) -> list[Text]:
    """Return the changes from one program to another, as coloured lines of a unified diff; empty where there are none."""
    if before == after:
        return []
    if not _statements(before) & _statements(after):
        return [Text("every line is new", style=QUIET_STYLE)]
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return [Text(sanitize(line), style=_STYLES.get(line[:1], QUIET_STYLE)) for line in list(lines)[2:]]


def _statements(code: str) -> set[str]:
    return {line for line in code.splitlines() if line.strip()}
