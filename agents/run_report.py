"""What the model hears about the runs of its programs: few words and bounded output, however many programs and files there are."""

from __future__ import annotations

from collections.abc import Sequence

from autogen_agentchat.messages import BaseAgentEvent

from agents import package_steps
from agents.events import BlocksSkipped, FilesProduced, Notice, PackagesInstalled
from sandbox.verdicts import MODEL_CHARACTERS, ProgramRun, tell_model
from utils.code_blocks import Answer, CodeBlock
from utils.docker_utils import Limits
from utils.text import names_listed
from utils.words import STOP

NOTHING_TO_RUN = "[sandbox] Nothing was run: the answer holds no program."
NOT_THERE = ("is not there", "are not there")
NOTHING_LEFT = f"[sandbox] If the user is satisfied and nothing is left to do, answer with the word {STOP} alone."
_MOST_NAMES = 20  # of files or blocks that are named to the model
_LONGEST_NAME = 100  # characters


def grouped(told: str, items: Sequence[tuple[str, str]]) -> list[str]:
    """Say for each reason which names it is about, and of the others beyond _MOST_NAMES how many there are."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in items:
        by_reason.setdefault(reason, []).append(name)
    said = []
    room = _MOST_NAMES
    for reason, names in list(by_reason.items())[:_MOST_NAMES]:
        named = [_on_one_line(name) for name in names[:room]]
        room -= len(named)
        more = len(names) - len(named)
        said += [f"{told.format(name)}: {reason}." for name in named]
        said += [f"The same for {more} more: {reason}."] if more else []
    others = sum(map(len, list(by_reason.values())[_MOST_NAMES:]))
    return [*said, f"The same for {others} more, for other reasons."] if others else said


def _on_one_line(name: str) -> str:
    # Programs choose the names of files: none may look like further words of ours.
    shown = "".join(c if c.isprintable() else "?" for c in name)
    return shown if len(shown) <= _LONGEST_NAME else shown[: _LONGEST_NAME - 1] + "…"


def _shares(wanted: Sequence[int], room: int) -> list[int]:
    """Share the room out: each gets what it wants, or else as much as every other that wants more than there is for it."""
    shares = [0] * len(wanted)
    for left, at in zip(range(len(wanted), 0, -1), sorted(range(len(wanted)), key=wanted.__getitem__), strict=True):
        shares[at] = min(wanted[at], room // left)
        room -= shares[at]
    return shares


def tell_runs(runs: Sequence[ProgramRun], total: int, limits: Limits) -> list[str]:
    """Report the result of each of an answer's programs; together they get no more room for output than one."""
    parts = [
        f"[sandbox] Block {number} of {total} was not run, because the one before it failed." for number in range(len(runs) + 1, total + 1)
    ]
    rooms = _shares([len(run.plain_output) for run in runs], MODEL_CHARACTERS)
    for number, (run, room) in enumerate(zip(runs, rooms, strict=True), 1):
        heading = f"Block {number} of {total} ({run.language}):\n" if total > 1 else ""
        parts.append(heading + tell_model(run, limits, room))
    return parts


def events_of_answer(source: str, answer: Answer) -> list[BaseAgentEvent]:
    """Return what the user is told about an answer before anything runs: the blocks that will not, and what was guessed."""
    skipped = [BlocksSkipped(source=source, blocks=answer.skipped)] if answer.skipped else []
    return [*skipped, *(Notice(source=source, content=note) for note in answer.notes)]


def notes_of_answer(answer: Answer, run: Sequence[CodeBlock]) -> list[str]:
    """Return what the model has to know of how its answer was read, and of what the user changed before it ran."""
    skipped = grouped("The block at line {} was not run", [(str(each.line), each.reason) for each in answer.skipped])
    return [*changed_by_hand(answer.blocks, run), *(f"{note}." for note in answer.notes), *skipped]


def notes_of_event(event: BaseAgentEvent) -> list[str]:
    """Return what the model has to know of something that happened while its programs ran."""
    if isinstance(event, FilesProduced):
        return grouped("{} was not given to the user", [(each.name, each.reason) for each in event.left_out])
    return package_steps.notes(event) if isinstance(event, PackagesInstalled) else []


def changed_by_hand(proposed: Sequence[CodeBlock], run: Sequence[CodeBlock]) -> list[str]:
    """Return what the model has to know if the user changed its programs before they ran."""
    codes = {block.code for block in proposed}
    changed = [f"```{block.language}\n{block.code.rstrip()}\n```" for block in run if block.code not in codes]
    return ["\n".join(["The user changed the program before it ran. This is what ran:", *changed])] if changed else []


def why_nothing_ran(answer: Answer) -> str:
    """Say why no program of the answer was run."""
    if answer.cut:
        return "[sandbox] Nothing was run: the answer was cut off before its last code block was closed. Send the whole program again."
    names = ", ".join(_on_one_line(file.name) for file in answer.files[:_MOST_NAMES])
    stored = f"[sandbox] Stored: {names}. Nothing was run: the answer holds no program." if answer.files else ""
    if answer.skipped:
        reasons = grouped("the block at line {}", [(str(block.line), block.reason) for block in answer.skipped])
        return "\n- ".join([stored or NOTHING_TO_RUN, *reasons])
    return stored or NOTHING_TO_RUN


def missing_text(missing: Sequence[str], elsewhere: Sequence[str]) -> str:
    """Say which files are not there, and which of the same names are in other folders: "a.txt is not there, but out/a.txt is"."""
    there = [_on_one_line(name) for name in elsewhere]
    return f"{names_listed(missing)} {NOT_THERE[len(missing) > 1]}" + (f", but {names_listed(there)} {_are(there)}" if there else "")


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"
