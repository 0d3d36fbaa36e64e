"""What a model is sent: messages whose text can be sent, in an order that every server takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autogen_core.models import AssistantMessage, LLMMessage, SystemMessage, UserMessage

from agents.events import RECOVERY_SOURCE
from utils.text import whole_characters

BETWEEN_JOINED = "\n\n\n"
"""The text between two joined messages: more than what separates the paragraphs of one."""
_CONTINUE = (
    "Your answer was cut off at its length limit. Continue exactly where it stopped: do not repeat anything, do not comment, "
    "and do not open a new code fence if one is open."
)
_NO_TOOLS = "There are no tools to call here. Answer in plain text; a program goes into a fenced code block."


def prepare(messages: Sequence[LLMMessage], *, system_role: bool = True) -> list[LLMMessage]:
    """Return the messages as every server takes them: neighbours of one role are joined, for templates in which roles must alternate.

    Without `system_role` the system message becomes the beginning of the first message of the user.
    """
    prepared: list[LLMMessage] = []
    for message in messages:
        message = _mended(message)
        if isinstance(message, SystemMessage) and not system_role:
            message = UserMessage(content=message.content, source="user")
        before = prepared[-1] if prepared else None
        if before is not None and _can_be_joined(before, message):
            content = f"{before.content}{BETWEEN_JOINED}{message.content}"
            if isinstance(message, UserMessage) and message.source == RECOVERY_SOURCE:  # it is about what is right before it
                content = f"{str(before.content).rstrip()}\n\n{message.content}"
            prepared[-1] = before.model_copy(update={"content": content})
        else:
            prepared.append(message)
    return prepared


def with_continuation(messages: Sequence[LLMMessage], text: str) -> Sequence[LLMMessage]:
    """Return the messages with a request to go on where the text stopped; unchanged if there is no text."""
    if not text:
        return messages
    return [*messages, AssistantMessage(content=text, source="assistant"), UserMessage(content=_CONTINUE, source="user")]


def without_tools(messages: Sequence[LLMMessage]) -> Sequence[LLMMessage]:
    """Return the messages with a word to a model that called a tool although none was offered."""
    return [*messages, UserMessage(content=_NO_TOOLS, source="user")]


def size_of(messages: Sequence[LLMMessage]) -> int:
    """Return the size of the messages, in characters."""
    return sum(len(str(message.content)) for message in messages)


def _can_be_joined(one: LLMMessage, other: LLMMessage) -> bool:
    same = type(one) is type(other) and isinstance(one, UserMessage | AssistantMessage)
    return same and isinstance(one.content, str) and isinstance(other.content, str)


def _mended(message: LLMMessage) -> LLMMessage:
    content = _mended_content(message.content)
    return message if content == message.content else message.model_copy(update={"content": content})


def _mended_content(content: Any) -> Any:
    if isinstance(content, str):
        return whole_characters(content)
    return [whole_characters(part) if isinstance(part, str) else part for part in content]
