"""What remains of tasks that are over in the conversation that the model is sent: one line each, in one message."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from autogen_core.models import AssistantMessage, LLMMessage, SystemMessage, UserMessage

from agents.events import RECOVERY_SOURCE, TASK_SOURCE
from agents.user_proxy_agent import NAME as USER
from utils.text import one_line, shorten
from utils.words import APPROVE, STOPPED_STEP, spoken_word

SOURCE = "Context"
FOLD_FROM = 6_000
"""Characters that finished tasks may have before they are folded: a few short ones say more as they are."""
MOST_LINES = 16
_LONGEST_TASK = 120  # characters
_LONGEST_FEEDBACK = 60
_LONGEST_LINE = 240
_LONGEST_REPORT = 2_000
_LONGEST_WORD = 40  # with punctuation and blanks around it
_HEAD = "[Finished tasks of this conversation, oldest first"
# Told of a stopped task in these words, a 0.5B model did the next one in 6 of 6 tries; as "[Stopped before it was done]", in 3.
_BEFORE_STOPPED = f"{_HEAD}]\n"
_STOPPED = ("- ", " (stopped)")
_COUNT = re.compile(re.escape(_HEAD) + r"(?:; (\d+) earlier ones are not listed)?\]")


def fold_finished(messages: Sequence[LLMMessage], holds_program: Callable[[str], bool]) -> list[LLMMessage]:
    """Return the conversation with its finished tasks in one message, if they are long; the task at hand stays as it is.

    The newest finished program stays, with what came of it: the next task is often about it. Folding what is folded changes nothing.
    """
    messages = _with_unfinished_marked(messages)
    end = max((position + 1 for position, message in enumerate(messages) if _ends_task(message)), default=0)
    over, at_hand = messages[:end], messages[end:]
    if sum(len(str(message.content)) for message in over) <= FOLD_FROM:
        return list(messages)
    lines, left_out = _lines(over)
    left_out += max(0, len(lines) - MOST_LINES)
    head = f"{_HEAD}; {left_out} earlier ones are not listed]" if left_out else f"{_HEAD}]"
    summary = UserMessage(content="\n".join([head, *lines[-MOST_LINES:]]), source=SOURCE)
    memories = [message for message in over if isinstance(message, SystemMessage)]
    return [*memories, summary, *_newest_program(over, holds_program), *at_hand]


def _with_unfinished_marked(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Return the conversation in which each task that was stopped or failed, and was followed by another, says so.

    Requests join two tasks in a row, and a small model goes on with the first. If the user said something about a result between them,
    the second may be about that result, too, and both stay as they are.
    """
    kept: list[LLMMessage] = []
    unfinished: int | None = None  # where the task at hand is
    head = _BEFORE_STOPPED  # of the first in a row
    for message in messages:
        if isinstance(message, UserMessage) and message.source == TASK_SOURCE and message.content != STOPPED_STEP:
            if unfinished is not None:
                kept[unfinished], head = _marked(kept[unfinished], head), ""
                if kept[-1].content == STOPPED_STEP:
                    kept.pop()
            unfinished = len(kept)
        elif _ends_task(message) or (isinstance(message, UserMessage) and message.source == USER):
            unfinished, head = None, _BEFORE_STOPPED
        kept.append(message)
    return kept


def _marked(task: LLMMessage, head: str) -> LLMMessage:
    text = str(task.content).removeprefix(_BEFORE_STOPPED)
    return UserMessage(content=head + (text if _is_marked(text) else text.join(_STOPPED)), source=TASK_SOURCE)


def _is_marked(text: str) -> bool:
    return text.startswith(_STOPPED[0]) and text.endswith(_STOPPED[1])


def _ends_task(message: LLMMessage) -> bool:
    if not isinstance(message.content, str):
        return False
    if isinstance(message, UserMessage):
        return message.source == USER and len(message.content) <= _LONGEST_WORD and spoken_word(message.content) is not None
    # The generator's STOP is alone on its last line, in a message without code.
    last = message.content.rstrip().rpartition("\n")[2]
    is_word = len(last) <= _LONGEST_WORD and spoken_word(last) is not None
    return isinstance(message, AssistantMessage) and is_word and "```" not in message.content


def _lines(over: Sequence[LLMMessage]) -> tuple[list[str], int]:
    """Return a line for each finished task, and how many tasks an earlier folding has left out."""
    lines: list[str] = []
    left_out = 0
    said: list[str] = []
    for message in over:
        if isinstance(message, UserMessage) and message.source == SOURCE and (found := _COUNT.match(str(message.content))):
            lines += str(message.content).splitlines()[1:]
            left_out += int(found[1] or 0)
        elif _ends_task(message):
            ended = "approved" if spoken_word(str(message.content)) == APPROVE else "ended"
            lines += [_line(said, ended)] if said else []
            said = []
        elif isinstance(message, UserMessage) and message.source in (TASK_SOURCE, USER):
            text = str(message.content).removeprefix(_BEFORE_STOPPED)
            if _is_marked(text):
                lines.append(_line([text.removeprefix(_STOPPED[0]).removesuffix(_STOPPED[1])], "stopped"))
            else:
                said.append(text)
    return lines, left_out


def _line(said: Sequence[str], ended: str) -> str:
    first, *rest = said
    parts = [one_line(first, _LONGEST_TASK), *(one_line(text, _LONGEST_FEEDBACK) for text in rest)]
    return f"- {one_line(' | '.join(parts), _LONGEST_LINE)} ({ended})"


def _newest_program(over: Sequence[LLMMessage], holds_program: Callable[[str], bool]) -> list[LLMMessage]:
    """Return the newest answer that holds a program, and what the other agents said about it."""
    found: list[LLMMessage] = []
    about_it = False
    for message in over:
        if isinstance(message, AssistantMessage):
            about_it = isinstance(message.content, str) and holds_program(message.content)
            found = [message] if about_it else found
        elif about_it and isinstance(message, UserMessage) and message.source not in (TASK_SOURCE, USER, RECOVERY_SOURCE, SOURCE):
            found.append(message.model_copy(update={"content": shorten(str(message.content), _LONGEST_REPORT)}))
    return found
