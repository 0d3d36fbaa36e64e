"""The model's answer on the screen, as it is written: Markdown rendered, code in colours, thoughts dimmed."""

from __future__ import annotations

import re
import time

from rich.text import Text

from cli.output.code import Highlighter
from cli.output.prose import ProseLine, is_rule, rule, table_rows
from cli.output.screen import QUIET_STYLE, Screen
from cli.output.wrapping import columns, fold
from sandbox.languages import ALIASES
from utils.markdown import fence_mid_line
from utils.text import StreamSanitizer
from utils.thoughts import LONGEST_MARK, begins_thought, may_open

MARK = "▏ "
"""Before each row of the model's prose: without it, an answer could show a run that never was."""
# Also inside a list or a quotation: utils/code_blocks.py decides what is code, here it only gets its colours.
_FENCE = re.compile(r"([\s>]*(?:(?:[-*+]|\d+[.)])\s+)?)(`{3,}(?=[^`]*$)|~{3,})\s*([^\s`]*)")
_TRIPLE_QUOTES = re.compile(r'"""|\'\'\'')
# A row of code that begins as a row of ours does, or that a wide gap puts somewhere else, gets the mark.
_SIGNS = r"[\u2022\u2026\u203a\u2190-\u21ff\u2500-\u25ff\u2700-\u27bf]"
_LIKE_OURS = re.compile(rf"\s*(?:{_SIGNS}|\w*Agent\b|Type APPROVE|error:|Stopped\b)", re.IGNORECASE)
_GAP = re.compile(r"\S\s{8,}\S")
_ENOUGH = 24  # characters that show the kind of a line
_LONGEST_HELD = 4000  # characters of a line whose end shows its kind
_MOST_TABLE = 200  # rows
_REDRAW_SECONDS = 0.04
_MOST_DRAWN = 6  # rows


class AnswerView:
    """Shows an answer that comes in pieces; what is complete is printed for good, the rest is shown in transient rows."""

    def __init__(self, screen: Screen) -> None:
        """Take the screen to show on."""
        self._screen = screen
        self._drawn = 0.0  # when the transient rows were last drawn
        self._mark = self._bare_mark = Text()
        self.start()
        self._start_over()

    def _start_over(self) -> None:
        self.began = False
        self._sanitizer = StreamSanitizer()
        self._source = ""  # of the line that is being written, as long as its kind is not known
        self._prose: ProseLine | None = None
        self._line = ""  # of prose, as it was written
        self._table: list[str] = []
        self._fence = ""
        self._margin: re.Pattern[str] = re.compile("")  # what a list or a quotation puts before each line of code
        self._quotes = ""  # of a Python string that is open: a fence inside it is text
        self._colors = Highlighter("")
        self._is_python = False
        self._closing: re.Pattern[str] | None = None  # what ends the thought that is being written
        self._ends_thought = False
        self._newest = ""  # of a thought, enough to hold the mark that ends it
        self._blank = False
        self._written = False

    def start(self, style: str = "") -> None:
        """Begin an answer of the agent that has this style."""
        self._mark = Text.assemble((MARK, style))
        self._bare_mark = Text(MARK.rstrip(), style=style)
        self.began = True

    def feed(self, piece: str) -> None:
        """Show a piece of the answer."""
        self.began = True
        text = self._sanitizer.feed(piece)
        if not self._screen.is_terminal:
            self._write(text)
            return
        printed: list[Text] = []
        *complete, pending = text.split("\n")
        for line in complete:
            printed += self._grow(line)
            printed += self._close_line()
        printed += self._grow(pending)
        if printed:
            self._screen.show()
            self._screen.print(*printed)
        if printed or time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._draw()

    def tick(self) -> None:
        """Draw the rows that are being written if their newest piece came too soon after the last drawing."""
        if self.began and self._screen.is_terminal:
            self._draw()

    def finish(self) -> None:
        """Show what is left of the answer and clear the rows below."""
        if not self.began:
            return
        rest = self._sanitizer.finish()
        if not self._screen.is_terminal:
            self._write(rest)
            self._screen.raw("\n" if self._source else "")
        else:
            rows = self._grow(rest)
            rows += self._close_line() if self._source or self._prose else []
            rows += self._close_table()
            rows += [self._panel_end()] if self._fence else []
            self._screen.show()
            self._screen.print(*rows)
        self._start_over()

    def _write(self, text: str) -> None:
        """Write the text as it is, a mark before each line."""
        for number, part in enumerate(text.split("\n")):
            if number:
                self._screen.raw(f"{'' if self._source else MARK.rstrip()}\n")
                self._source = ""
            if part:
                self._screen.raw(part if self._source else MARK + part)
                self._source = "begun"

    # What is complete, in rows

    def _grow(self, piece: str) -> list[Text]:
        """Take characters of a line; return the rows of prose that are full. What follows a thought is a line of its own."""
        rows: list[Text] = []
        while True:
            if self._prose is None:
                self._source += piece
                if self._fence or not self._shows_its_kind(self._source):
                    return rows
                piece, behind = self._split_at_end(self._source)
                rows += [*self._begin_prose(piece), *self._prose_rows("")]
            else:
                piece, behind = self._split_at_end(piece)
                rows += self._prose_rows(piece)
            if not behind:
                return rows
            rows += self._close_line()
            piece = behind

    def _prose_rows(self, piece: str) -> list[Text]:
        self._line = (self._line + piece)[:_LONGEST_HELD]
        return self._prose.feed(piece) if self._prose else []

    def _shows_its_kind(self, source: str) -> bool:
        if may_open(source):
            return False
        if self._closing.search(source) if self._closing else begins_thought(source, first=not self._written):
            return True
        return len(source) >= (_LONGEST_HELD if _may_end_otherwise(source) else _ENOUGH)

    def _split_at_end(self, piece: str) -> tuple[str, str]:
        """Note where a thought begins and ends in the next characters of a line; return them, and what is behind the thought."""
        begins = 0
        if self._prose is None and self._closing is None:
            begins, self._closing = begins_thought(piece, first=not self._written) or (0, None)
        if self._closing is None:
            return piece, ""
        before = len(self._newest)
        self._newest += piece
        found = None if self._ends_thought else self._closing.search(self._newest, before + begins if begins else 0)
        self._newest = self._newest[-LONGEST_MARK:]
        end = max(found.end() - before, 0) if found else 0 if self._ends_thought else len(piece)
        self._ends_thought |= found is not None
        behind = piece[end:].lstrip()
        return (piece[:end], behind) if behind else (piece, "")

    def _begin_prose(self, source: str) -> list[Text]:
        """Begin a line of prose; return what has to be shown before it."""
        rows = [*self._close_table(), *self._space()]
        self._prose = ProseLine(source, self._mark, self._room, QUIET_STYLE if self._closing else "")
        self._source, self._line = "", source
        return rows

    def _space(self) -> list[Text]:
        """Return an empty row if there is one between what was written and what comes."""
        rows = [self._bare_mark] if self._blank and self._written else []
        self._blank, self._written = False, True
        return rows

    def _close_line(self) -> list[Text]:
        line, self._source = self._source, ""
        if self._prose is not None:
            return self._close_prose(self._prose)
        if self._fence:
            return self._code_line(line)
        if line.lstrip().startswith("|") and len(self._table) < _MOST_TABLE:
            self._table.append(line)
            return []
        if fence := _FENCE.match(line):
            self._blank = False  # the panel's frame is space enough
            return [*self._close_table(), *self._space(), self._open_panel(*fence.groups())]
        if not line.strip():
            rows = self._close_table()
            self._blank = True
            return rows
        self._split_at_end(line)  # a mark that breaks off
        rows = self._begin_prose(line)
        if is_rule(line):
            rows, self._prose = [*rows, self._mark + rule(self._room - len(MARK))], None
        else:
            rows += self._close_line()
        return rows

    def _close_prose(self, prose: ProseLine) -> list[Text]:
        rows, self._prose = prose.finish(), None
        sign, language = fence_mid_line(self._line, ALIASES)
        rows += [self._open_panel("", sign, language)] if sign and not self._closing else []
        if self._ends_thought:
            self._closing, self._ends_thought = None, False
        self._newest = ""
        return rows

    def _close_table(self) -> list[Text]:
        lines, self._table = self._table, []
        if not lines:
            return []
        rows = table_rows(lines, self._room - len(MARK))
        if rows is not None:
            return [*self._space(), *(self._mark + row for row in rows)]
        return [row for line in lines for row in (*self._begin_prose(line), *self._close_line())]

    def _open_panel(self, before: str, sign: str, language: str) -> Text:
        self._fence = sign
        self._margin = re.compile(r"\s*> ?" if ">" in before else f" {{0,{len(before)}}}")
        self._colors = Highlighter(language)
        self._is_python = language.lower() in ("python", "py", "python3")
        self._quotes = ""
        return self._panel("╭─", f" {language} " if language else "")

    def _panel_end(self) -> Text:
        self._fence = ""
        return self._panel("╰─", "")

    def _panel(self, corner: str, title: str) -> Text:
        edge = corner + title
        return Text(edge + rule(self._room).plain[columns(edge) :], style=QUIET_STYLE)

    def _code_line(self, line: str) -> list[Text]:
        line = line[margin.end() :] if (margin := self._margin.match(line)) else line
        fence = _FENCE.match(line)
        closes = fence and fence[2].startswith(self._fence) and not line.strip().strip(self._fence[0])
        if closes and not self._quotes:
            return [self._panel_end()]
        if self._is_python:
            for quotes in _TRIPLE_QUOTES.findall(line):
                self._quotes = quotes if not self._quotes else "" if quotes == self._quotes else self._quotes
        colored = self._colors.line(line)
        rows = fold(colored, self._screen.width)
        if any(_LIKE_OURS.match(row.plain) for row in rows) or (len(rows) > 1 and _GAP.search(line)):
            return [self._mark + row for row in fold(colored, self._room - len(MARK))]
        return [colored]  # in one piece, however long, so that it can be copied

    # What is being written

    @property
    def _room(self) -> int:
        return self._screen.width - 1

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        style = QUIET_STYLE if self._closing else ""
        rows = [self._mark + Text(line, style=QUIET_STYLE) for line in self._table[-_MOST_DRAWN:]]
        if self._prose is not None:
            rows += self._prose.preview()
        elif self._fence and self._source:
            # A line of code may be very long, but only one row of it is drawn.
            rows.append(Text(self._source[: self._screen.width * 4]))
        elif self._source and _may_end_otherwise(self._source):
            rows.append(self._mark + Text(self._source[: self._screen.width * 4], style=QUIET_STYLE))
        elif self._source:
            rows += ProseLine(self._source, self._mark, self._room, style).preview()
        self._screen.show(*rows[-_MOST_DRAWN:])


def _may_end_otherwise(line: str) -> bool:
    """Whether only the end of the line shows if it is prose: a fence, a row of a table, a rule."""
    return line.lstrip().startswith("|") or _FENCE.match(line) is not None or not line.strip(" -*_`~>")
