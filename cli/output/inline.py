"""Emphasis, code and links in a line of Markdown, as styles."""

from __future__ import annotations

import re

from rich.text import Text

CODE_STYLE = "cyan"
_LINK_STYLE = "underline"
_EMPHASIS = {"*": "italic", "**": "bold", "***": "bold italic", "_": "italic", "__": "bold", "___": "bold italic", "~~": "strike"}
_SPECIAL = re.compile(r"[\\`*_~\[]|!(?=\[|$)")
_ESCAPED = re.compile(r"[!-/:-@\[-`{-~]")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^()\s]*)\)")
_LONGEST_OPEN = 1000  # characters after which a mark without an end is no mark


class Inline:
    """A line of prose that grows: `text` is what is settled; a mark whose end has not come holds back what is behind it.

    It is more careful than CommonMark with what might be code that nobody marked: a mark begins and ends a word, and `__name__` is a name.
    """

    def __init__(self) -> None:
        """Start before the first character."""
        self.text = Text()
        self._source = ""  # from the first mark on whose end has not come
        self._before = " "

    def feed(self, piece: str, *, final: bool = False) -> None:
        """Take the next characters; after the final ones, nothing is held back."""
        source, position = self._source + piece, 0
        while position < len(source):
            found = _SPECIAL.search(source, position)
            end = found.start() if found else len(source)
            self._settle(source[position:end], "")
            position = end
            if position < len(source):
                taken = self._mark(source[position:], final or len(source) - position > _LONGEST_OPEN)
                if not taken:
                    break
                self._before = source[position + taken - 1]
                position += taken
        self._source = source[position:]

    def preview(self) -> Text:
        """Return the line so far, as if the mark that is open ended here."""
        opener = re.match(r"`+|[*_~]{1,3}", self._source)
        mark = opener[0] if opener else ""
        style = CODE_STYLE if mark.startswith("`") else _EMPHASIS.get(mark, "")
        return self.text.copy().append(self._source[len(mark) :], style=style)

    def _settle(self, text: str, style: str) -> None:
        if text:
            self.text.append(text, style=style)
            self._before = text[-1]

    def _mark(self, source: str, final: bool) -> int:
        """Settle the mark at the beginning of the source and what it encloses; return the number of characters taken, 0 to wait."""
        mark = re.match(r"`+|\*+|_+|~+|.", source, re.DOTALL)
        assert mark is not None
        if mark.end() == len(source) and not final:
            return 0  # it may still become longer
        if source[0] == "\\":
            return self._escape(source)
        if source[0] in "[!":
            return self._link(source, final)
        return self._code(source, mark[0], final) if source[0] == "`" else self._emphasis(source, mark[0], final)

    def _literal(self, text: str) -> int:
        self._settle(text, "")
        return len(text)

    def _escape(self, source: str) -> int:
        if not _ESCAPED.match(source, 1):
            return self._literal("\\")
        self._settle(source[1], "")
        return 2

    def _code(self, source: str, mark: str, final: bool) -> int:
        end = re.compile(rf"(?<!`){mark}(?!`)").search(source, len(mark))
        if end is None or (end.end() == len(source) and not final):
            return self._literal(mark) if final else 0
        content = source[len(mark) : end.start()]
        stripped = content[1:-1] if content.startswith(" ") and content.endswith(" ") and content.strip() else content
        self._settle(stripped, CODE_STYLE)
        return end.end()

    def _emphasis(self, source: str, mark: str, final: bool) -> int:
        after = source[len(mark) : len(mark) + 1]
        if mark not in _EMPHASIS or not after.strip() or self._before.isalnum() or self._before in "_)]":
            return self._literal(mark)
        character = re.escape(mark[0])
        end = re.compile(rf"(?<![\s{character}]){re.escape(mark)}(?![\w{character}])").search(source, len(mark) + 1)
        if end is None or (end.end() == len(source) and not final):
            return self._literal(mark) if final else 0
        content = source[len(mark) : end.start()]
        if mark == "__" and content.isidentifier():
            return self._literal(end.string[: end.end()])
        inner = Inline()
        inner.feed(content, final=True)
        inner.text.stylize(_EMPHASIS[mark])
        self.text.append_text(inner.text)
        return end.end()

    def _link(self, source: str, final: bool) -> int:
        """Show a link as its words and its address, so that nobody has to trust the words."""
        link = _LINK.match(source)
        if self._before.isalnum() or self._before in "_)]":  # an index, and a call of what is there
            return self._literal(source[0])
        if link is None:
            label, ended, rest = source.partition("]")
            waits = not final and (not ended or not rest or (rest.startswith("(") and ")" not in rest and " " not in rest))
            return 0 if waits else self._literal(source[0])
        words, address = link[1], link[2]
        if words and words != address:
            self._settle(words, "")
            self._settle(" (", "")
            self._settle(address, _LINK_STYLE)
            self._settle(")", "")
        else:
            self._settle(address, _LINK_STYLE)
        return link.end()
