"""What the generator's model is sent of the conversation: all of it while it is short, then the old part of it folded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import AssistantMessage, FunctionExecutionResultMessage, LLMMessage, SystemMessage, UserMessage

from agents.answers.reading import read_answer
from agents.events import FAILED_ALIKE, FAILED_TOO, RECOVERY_SOURCE, STARTS_OVER, TASK_SOURCE, USE_PRINT, WRITE_FILE, WRITE_ONE
from agents.finished_tasks import SOURCE, fold_finished
from agents.run_report import NOT_THERE, NOTHING_LEFT, NOTHING_TO_RUN
from agents.user_proxy_agent import NAME as USER
from sandbox.files.names import header_name
from sandbox.languages import ALIASES
from sandbox.packages.shell_scan import ends_in_here_document
from sandbox.verdicts import ENDED_NORMALLY, OUTPUT_FOLLOWS, PRINTED_NOTHING
from utils.code_blocks import CodeBlock, split_blocks
from utils.text import shorten

# All sizes are in characters; four make about one token.
MOST_OLD = 24_000
"""Size of the old part from which on it is folded: a full result (16 KiB) of the round before, its program and some talk stay whole."""
KEPT_OLD = 12_000
"""Size down to which it is folded then. The gap lets the rounds that follow begin as the one before did, so that services' prompt
caches hit."""
LONGEST_REPORT = 40_000
"""Size of a result that is sent as it is. The sandbox cuts each program's output, but an answer may hold many programs."""

_REMEMBERED = 4_096  # answers
_SHORT_REPORT = 800
_SHORT_PROSE = 500  # of each paragraph or more between two blocks
_SHORT_ANSWER = 1_500
_REPORT = "[sandbox]"
_SAYS_NO_MORE = re.compile(
    "|".join(map(re.escape, (ENDED_NORMALLY, PRINTED_NOTHING, OUTPUT_FOLLOWS, NOTHING_LEFT, NOTHING_TO_RUN, NOT_THERE[0], NOT_THERE[1])))
)
_TELLS_WHY = re.compile(r"error|exception|fail|warning|denied|invalid|cannot|could not|not found|not given|unable", re.IGNORECASE)
_SENT_BACK = "[sent back automatically]"


class ConversationContext(ChatCompletionContext):
    """Keeps the conversation, and gives the model a view of it that does not grow without bound.

    Tasks that are over become one message (agents/finished_tasks.py), for good when the conversation is loaded for the next task. Of the
    rest, always whole in the view: the user's words; the newest answer; the newest program with the messages that answered it; the newest
    message of each other agent (cut beyond LONGEST_REPORT). The rest is old. If it exceeds MOST_OLD, it is folded to KEPT_OLD from
    the oldest message on: programs and long messages are cut to a few lines. If all of it is folded and
    still too much, the oldest messages are left out, with a note of how many. The view depends on the messages alone.
    """

    def __init__(self, initial_messages: list[LLMMessage] | None = None) -> None:
        """Begin with the messages given."""
        super().__init__(initial_messages)
        # Each call looks at the whole conversation again; no answer is parsed twice.
        self._short_answer = lru_cache(_REMEMBERED)(short_answer)
        self._holds_program = lru_cache(_REMEMBERED)(_holds_program)

    async def get_messages(self) -> list[LLMMessage]:
        """Return what the model is to be sent now."""
        fold = _Fold(self._short_answer, self._holds_program)
        for message in _without_what_misleads(fold_finished(self._messages, self._holds_program)):
            fold.add(message)
        return fold.view()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what was saved; a session of many tasks stays as quick as it began, because what is over is folded here."""
        await super().load_state(state)
        self._messages = fold_finished(self._messages, self._holds_program)

    async def clear(self) -> None:
        """Forget everything."""
        await super().clear()
        self._short_answer.cache_clear()
        self._holds_program.cache_clear()


def starts_over(message: LLMMessage) -> bool:
    """Tell whether the message asks for a program that is unlike the ones before."""
    begins = (STARTS_OVER, FAILED_ALIKE, FAILED_TOO)
    return isinstance(message, UserMessage) and message.source == RECOVERY_SOURCE and str(message.content).startswith(begins)


def _asks_for_what_is_missing(message: LLMMessage) -> bool:
    asks = (WRITE_ONE, USE_PRINT, WRITE_FILE)
    return isinstance(message, UserMessage) and message.source == RECOVERY_SOURCE and any(words in message.content for words in asks)


def _is_about_nothing(report: LLMMessage, message: LLMMessage) -> bool:
    """Tell whether the user speaks about a program that ended well and printed nothing: what it wrote, the user has seen."""
    says = isinstance(message, UserMessage) and message.source == USER
    return says and str(report.content).endswith(PRINTED_NOTHING) and ENDED_NORMALLY in str(report.content)


def _only_says_what_is_missing(message: LLMMessage) -> bool:
    """Tell whether it is the report of a run that ended well, or of none, and holds nothing that the model needs to do better."""
    if isinstance(message, AssistantMessage) or _is_kept(message):
        return False
    ours = [line for line in str(message.content).splitlines() if line.startswith(_REPORT)]
    return bool(ours) and all(map(_SAYS_NO_MORE.search, ours)) and _TELLS_WHY.search(str(message.content)) is None


def _without_what_misleads(messages: Sequence[LLMMessage]) -> list[LLMMessage]:
    """Leave out what a small model copies because it is shown to it.

    First, the programs that failed alike, with the attempts before them: of 16 programs of a 0.5B model, 1 was mended in two tries with
    the failed ones in view, and 4 without. Second, the report that nothing came about, if the message after it asks for just that, or is
    the user's: told that a program printed nothing, it changed none of 4 programs as the user wished; without that, 2.
    """
    kept: list[LLMMessage] = []
    for message in messages:
        while starts_over(message) and kept and not _is_kept(kept[-1]):
            kept.pop()
        if kept and _only_says_what_is_missing(kept[-1]) and (_asks_for_what_is_missing(message) or _is_about_nothing(kept[-1], message)):
            kept.pop()
        kept.append(message)
    return kept


def short_answer(text: str) -> str:
    """Return an answer's prose with a line in place of each block; the answer itself if that is no shorter."""
    parts = []
    names = {file.line: file.name for file in read_answer(text, ALIASES).files}
    for part in split_blocks(text, ALIASES, ends_in_here_document):
        if isinstance(part, str):
            parts.append(shorten(part, _SHORT_PROSE))
        elif isinstance(part, CodeBlock):
            parts.append(_mark(part.code, names.get(part.line)))
        else:
            stored = f"[a file stood here; it was stored as {names[part.line]}]" if part.line in names else ""
            parts.append(stored or "[a block that was not run stood here]")
    short = shorten("\n\n".join(parts), _SHORT_ANSWER) or "[an earlier answer stood here]"
    return short if len(short) < len(text) else text


def _mark(code: str, name: str | None) -> str:
    count = len(code.splitlines())
    what = f"an earlier program of {count} line{'' if count == 1 else 's'}"
    try:
        name = name or header_name(code)
    except ValueError:
        name = None
    # A program with a name of its own may be a part of what came later.
    return f"[{what} stood here; it was stored as {name}]" if name else f"[{what} stood here; it was replaced]"


def _holds_program(text: str) -> bool:
    answer = read_answer(text, ALIASES)
    return bool(answer.blocks) and not answer.cut


def _length(message: LLMMessage) -> int:
    if isinstance(message, FunctionExecutionResultMessage):
        return sum(len(result.content) for result in message.content)
    if isinstance(message.content, str):
        return len(message.content)
    return sum(len(part) if isinstance(part, str) else 1000 for part in message.content)  # images and calls of tools: a guess


class _Fold:
    """Goes through a conversation once, as it came about, and makes room before each answer if there is too much.

    Two borders move forward only: messages before `_folded` are sent short, those before `_dropped` not at all, except what is held
    whole. So the view before one answer begins as the view before the last one did, unless more had to be folded.
    """

    def __init__(self, short_answer: Callable[[str], str], holds_program: Callable[[str], bool]) -> None:
        self._short_answer = short_answer
        self._holds_program = holds_program
        self._messages: list[LLMMessage] = []
        self._folded = 0
        self._dropped = 0
        self._old = 0  # size of the old part as it is sent
        self._slots: dict[tuple[str, str], int] = {}  # why a message is held whole and, for reports, whose it is: its position
        self._holds: Counter[int] = Counter()  # for how many reasons the message at a position is held

    def add(self, message: LLMMessage) -> None:
        position = len(self._messages)
        if isinstance(message, AssistantMessage):
            self._make_room()
        self._messages.append(message)
        if isinstance(message, AssistantMessage):
            self._release("automatic")
            self._hold("answer", position)
            if isinstance(message.content, str) and self._holds_program(message.content):
                self._hold("program", position)
                self._release("about the program")
        elif isinstance(message, UserMessage) and not _is_kept(message):
            self._add_report(message, position)
        elif not _is_kept(message):
            self._old += _length(message)

    def _add_report(self, message: UserMessage, position: int) -> None:
        if message.source == RECOVERY_SOURCE:
            self._hold("automatic", position)
            return
        self._hold("newest", position, message.source)
        # Behind later talk, the model needs what came of its program as well; and the user may have changed it by hand before it ran.
        if ("program", "") in self._slots and self._slots["program", ""] == self._slots["answer", ""]:
            self._hold("about the program", position, message.source)

    def view(self) -> list[LLMMessage]:
        self._make_room()
        seen: list[LLMMessage] = []
        left_out = 0
        for position, message in enumerate(self._messages):
            if position < self._dropped and self._is_old(position):
                left_out += 1
                continue
            if left_out:
                seen.append(_note(left_out))
                left_out = 0
            seen.append(self._as_sent(position, message))
        return seen

    def _hold(self, reason: str, position: int, source: str = "") -> None:
        self._holds[position] += 1
        self._release(reason, source)
        self._slots[reason, source] = position

    def _release(self, reason: str, source: str | None = None) -> None:
        """Let go of what is held for the reason: of one source, or of all."""
        for slot in [slot for slot in self._slots if slot[0] == reason and source in (None, slot[1])]:
            position = self._slots.pop(slot)
            self._holds[position] -= 1
            if not self._holds[position] and position >= self._dropped:
                self._old += _length(self._as_sent(position, self._messages[position]))

    def _is_old(self, position: int) -> bool:
        return not self._holds[position] and not _is_kept(self._messages[position])

    def _make_room(self) -> None:
        if self._old <= MOST_OLD:
            return
        while self._old > KEPT_OLD and self._folded < len(self._messages):
            message = self._messages[self._folded]
            if self._is_old(self._folded):
                self._old -= _length(message) - _length(self._short(message))
            self._folded += 1
        if self._old > MOST_OLD:
            self._drop(self._slots.get(("answer", ""), 0))

    def _drop(self, end: int) -> None:
        # The results of tools go with their calls: services refuse the one without the other.
        while self._dropped < end and (self._old > KEPT_OLD or isinstance(self._messages[self._dropped], FunctionExecutionResultMessage)):
            if self._is_old(self._dropped):
                self._old -= _length(self._as_sent(self._dropped, self._messages[self._dropped]))
            self._dropped += 1

    def _as_sent(self, position: int, message: LLMMessage) -> LLMMessage:
        if self._is_old(position):
            return self._short(message) if position < self._folded else message
        if isinstance(message, UserMessage) and isinstance(message.content, str) and not _is_kept(message):
            return _with_content(message, shorten(message.content, LONGEST_REPORT))
        return message

    def _short(self, message: LLMMessage) -> LLMMessage:
        if isinstance(message, AssistantMessage) and isinstance(message.content, str):
            return _with_content(message, self._short_answer(message.content))
        if isinstance(message, UserMessage) and isinstance(message.content, str):
            return _with_content(message, _SENT_BACK if message.source == RECOVERY_SOURCE else shorten(message.content, _SHORT_REPORT))
        return message


def _is_kept(message: LLMMessage) -> bool:
    """Tell whether a message is never cut: the user's words, and what a memory has put before the conversation."""
    return isinstance(message, SystemMessage) or (isinstance(message, UserMessage) and message.source in (TASK_SOURCE, USER))


def _with_content(message: LLMMessage, content: str) -> LLMMessage:
    return message if message.content == content else message.model_copy(update={"content": content})


def _note(count: int) -> UserMessage:
    what = "1 earlier message is" if count == 1 else f"{count} earlier messages are"
    return UserMessage(content=f"[{what} left out here]", source=SOURCE)
