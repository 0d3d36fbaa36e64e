"""What the user reads about a resumed session: its state, what came back, and what did not."""

from __future__ import annotations

from history.records import StoredSession, npm_versions, python_packages
from history.steps import steps_of
from utils.text import counted, duration, one_line

_STEPS = 4  # of the end of a session that are shown
_TEXT = 100  # characters of a message
_LINES = 6  # of the newest output


def short_id(session: str) -> str:
    """Return the part of an ID that is quick to type."""
    return session.rpartition("-")[2]


def resume_line(session: str) -> str:
    """Return the command that resumes the session."""
    return f"python main.py resume {short_id(session)}"


def story(stored: StoredSession) -> list[str]:
    """Return the lines that bring the session back to mind: its task, its newest steps and its newest output."""
    info = stored.info
    lines = [f"Resuming {info.id}{f' ({info.name})' if info.name else ''}: {' '.join(info.task.split())[:200]}"]
    steps = steps_of(stored)
    if len(steps) > _STEPS:
        lines.append(f"  … {len(steps) - _STEPS} earlier steps: python main.py history show {short_id(info.id)}")
    newest = stored.attempts[-1] if stored.attempts else None
    output = [f"  │ {line}" for line in newest.output.splitlines()[-_LINES:]] if newest is not None else []
    for step in steps[-_STEPS:]:
        ran = step.ran[-1] if step.ran else None
        sign = "" if ran is None else " · ✔" if ran.worked else " · ?" if ran.worked is None else " · ✘"
        told = f" {ran.verdict}" if ran else f": {one_line(step.text, _TEXT)}" if step.text else ""
        lines.append(f"  {step.name}: {step.title}{sign}{told}{f' ({duration(step.seconds)})' if step.ran else ''}")
        if newest is not None and any(each.attempt.number == newest.number for each in step.ran):
            lines += output
            output = []
    if newest is not None and output:
        lines += [f"  Program {newest.number} printed:", *output]
    return [*lines, what_came_back(stored)]


def what_came_back(stored: StoredSession) -> str:
    """Say in one line what a resumed session has again, and what is gone."""
    parts = [counted(len(stored.messages), "message")]
    parts += [f"program {stored.attempts[-1].number}"] if stored.attempts else []
    parts += [counted(len(stored.files), "file")] if stored.files else []
    ours, from_npm = len(python_packages(stored.packages)), len(npm_versions(stored.packages))
    later = f"; {counted(ours, 'package')} will be installed at the next run" if ours else ""
    if from_npm:
        later += f"; {counted(from_npm, 'package')} from npm will be installed once a program imports {'it' if from_npm == 1 else 'them'}"
    return f"Restored: {', '.join(parts)}{later}. What was in memory or running in the background is gone."


def question_about(stored: StoredSession) -> str:
    """Return what the user is asked about a program that was running when the session ended; "" if there is none."""
    unknown = stored.unknown
    return f"Program {unknown.number} was running when the session ended: its result is unknown. Run it again? y/N" if unknown else ""
