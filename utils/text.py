"""Text made safe to show, short enough to keep, and put into words: that of programs, models and file names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

# Joiners are ordinary inside emoji, and between the letters of the scripts that need them; anywhere else they only hide.
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_JOINING = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff"
_CHOOSERS = "\ufe00-\ufe0f"  # variation selectors: one behind a character picks its shape, a chain of them carries hidden data
_UNSAFE = re.compile(
    "\r\n?"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # control characters, ESC and the one-byte CSI among them
    "|[\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0]"  # nothing to see
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # direction: shows text in another order than it is
    "|[\u2028\u2029\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"  # line separators, annotations, no characters at all
    "|[\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # tag characters and other invisible marks
    f"|(?<![^\n{_CHOOSERS}])[{_CHOOSERS}]"
    f"|(?<![{_EMOJI}\ufe0f{_JOINING}])[\u200c\u200d]"
    f"|(?<=[{_EMOJI}\ufe0f])(?:\u200c|\u200d(?![{_EMOJI}]))"
    f"|(?<=[{_JOINING}])[\u200c\u200d](?![{_JOINING}])"
)


class StreamSanitizer:
    """Does what sanitize does to a text that arrives in pieces; the pieces may be split anywhere."""

    def __init__(self) -> None:
        """Start before the first piece."""
        self._before = ""
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown so far; a joiner at the end waits for the next piece."""
        text = self._held + piece
        self._held = text[-1:] if text.endswith(("\u200c", "\u200d")) else ""
        return self._clean(text.removesuffix(self._held))

    def finish(self) -> str:
        """Return what was held back."""
        text, self._held = self._held, ""
        return self._clean(text)

    def _clean(self, text: str) -> str:
        if not text:
            return ""
        context = len(self._before)

        def show(match: re.Match[str]) -> str:
            return match[0][:context] if match.start() < context else _visible(match[0])

        shown = _UNSAFE.sub(show, self._before + text)[context:]
        self._before = text[-1]
        return shown


def sanitize(text: str) -> str:
    r"""Return the text with every control, invisible or direction character written out as \x1b, \u202e or \U000e0041.

    Line ends become \n (a lone \r too: progress bars); tabs and ordinary Unicode stay. Nothing in the result can steer a terminal.
    """
    sanitizer = StreamSanitizer()
    return sanitizer.feed(text) + sanitizer.finish()


def _visible(found: str) -> str:
    return "\n" if found[0] == "\r" else escaped(found)


def escaped(character: str) -> str:
    r"""Write a character out, as \x1b, \u202e or \U000e0041."""
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def whole_characters(text: str) -> str:
    """Return the text with every lone half of a character replaced by \ufffd: no request, file or terminal can take it.

    Such halves come from bytes that are not UTF-8 and from JSON; two that belong together become the character that they mean.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def shorten(text: str, limit: int) -> str:
    """Return the text if it has at most limit characters, else its head and tail with the number of characters cut between them.

    The result has at most limit characters, unless limit leaves no room for the mark, which is then all that is left.
    """
    if len(text) <= limit:
        return text
    room = max(0, limit - len(_mark(len(text))))
    head, tail = room - room // 2, room // 2
    return text[:head] + _mark(len(text) - room) + text[len(text) - tail :]


def _mark(count: int) -> str:
    return f"\n… {count} characters cut …\n"


_ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, moves, erasing
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"  # titles, links
    "|\x1b[PX^_][^\x1b\n]*(?:\x1b\\\\)?"
    "|\x1b[ -/]*[0-~]?"
)
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str) -> str:
    """Return the text as a terminal shows it in the end, as far as characters go: without escape codes and other control characters."""
    shown = last_states(_ESCAPE.sub("", text))
    return _CONTROL.sub("", _rubbed_out(shown) if "\b" in shown else shown)


def _rubbed_out(text: str) -> str:
    kept: list[str] = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)


def times(count: int) -> str:
    """Write how often: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def last_line(text: str) -> str:
    """Return the last line that is not blank, without the blanks around it; "" if there is none."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def last_states(text: str) -> str:
    """Return the text with each line as a terminal shows it in the end: of what carriage returns wrote over each other, the last."""
    if "\r" not in text:
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        shown = line.rstrip("\r")
        lines[number] = shown.rpartition("\r")[2] + line[len(shown) :]
    return "\n".join(lines)


def names_listed(names: Sequence[str], most: int = 4) -> str:
    """List the first names in words: "a.py and b.py", "a.py, b.py, c.py, d.py and 3 more"."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def fenced(text: str, language: str) -> str:
    """Put a text into a fence that nothing in it can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def diff_lines(before: str, after: str) -> list[str]:
    """Return the lines of the difference in diff(1)'s unified form, without its head."""
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]


def counted(number: int, what: str) -> str:
    """Write how many: 1 file, 2 files."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def size_text(count: int) -> str:
    """Write a number of bytes: 1 byte, 999 bytes, 1.5 KiB, 50 MiB, 2 GiB."""
    power = min((count.bit_length() - 1) // 10, 3)
    return counted(count, "byte") if power < 1 else f"{count / 1024**power:.1f}".removesuffix(".0") + f" {'KMG'[power - 1]}iB"


def duration(seconds: float) -> str:
    """Write a time as it is said: 0.04 s, 3.2 s, 12 s, 3 min 5 s, 2 h 10 min, 3 days."""
    if seconds < 10:
        return f"{round(seconds, 3):.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours // 24} days" if hours >= 48 else f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def one_line(text: str, most: int) -> str:
    """Return the text on one line, cut to so many characters if it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
