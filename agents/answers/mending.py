"""What is changed in a program that as it stands could only fail, or show nothing: each change is certain, and is named."""

from __future__ import annotations

from collections.abc import Set

from agents.answers.missing_imports import missing_imports, with_imports
from agents.answers.moved_names import moved_names, with_edits
from agents.answers.parts import Part, Sorted, with_text
from agents.answers.shown_values import unshown_values
from utils.text import names_listed, shorten

_LONGEST_SHOWN = 60  # characters


def mended(part: Part, files: Set[str], found: Sorted) -> Part:
    """Return the program with what it forgot; each change is noted."""
    if part.other and (text := part.other.with_endings(files)) != part.text:
        found.notes.append(f"added the ending `{part.other.language.ending}` where the program imports the answer's files")
        return with_text(part, text)
    if part.other and part.other.is_unopened:
        found.notes.append(f"added `<?php` to the program at line {part.line}: without it, PHP prints the program")
        return with_text(part, f"<?php\n{part.text}")
    return _with_values_shown(_with_names(part, files, found), found)


def _with_names(part: Part, files: Set[str], found: Sorted) -> Part:
    """Add the imports that a Python program forgot, and put new names in place of old ones."""
    if part.python is None:
        return part
    lines, moves = missing_imports(part.python), moved_names(part.python, files)
    if lines:
        found.notes.append(f"added {names_listed([f'`{line}`' for line in lines])}: the program uses {'it' if len(lines) == 1 else 'them'}")
    if moves:
        changes = names_listed(list(dict.fromkeys(f"`{move.old}` with `{move.new}`" for move in moves)))
        found.notes.append(f"replaced {changes}: {'an old name' if len(moves) == 1 else 'old names'}")
    lines += dict.fromkeys(move.imports for move in moves if move.imports)
    return with_text(part, with_imports(with_edits(part.text, moves), part.python, lines)) if lines or moves else part


def _with_values_shown(part: Part, found: Sorted) -> Part:
    """Print the values with which a Python program ends, if nothing else does."""
    values = unshown_values(part.python) if part.python else []
    if not values:
        return part
    shown = names_listed([f"`{shorten(value.old, _LONGEST_SHOWN)}`" for value in values])
    found.notes.append(f"added print() for {shown}: the program ends with {'that value' if len(values) == 1 else 'these values'}")
    return with_text(part, with_edits(part.text, values))
