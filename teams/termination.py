"""What is looked at before the next speaker is chosen: the words that end the talk, by who said them and where, and the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autogen_agentchat.base import TerminatedException, TerminationCondition
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage, TextMessage

from agents.events import Journal


class SpokenWordTermination(TextMentionTermination):
    """End the talk when somebody who may say the word says it, and nothing else.

    TextMentionTermination looks for a substring in every message, so that "do NOT APPROVE" approves, code that holds STOPWORDS stops,
    and a program that prints APPROVE approves itself. Here each speaker who may end the talk has a function that reads the word
    out of a message of theirs, and nobody else's messages are looked at.
    """

    def __init__(self, word: str, speakers: dict[str, Callable[[str], str | None]]) -> None:
        """Take the word and, for each agent that may say it, how the word is read out of its message."""
        super().__init__(word, sources=list(speakers))
        self._word = word
        self._speakers = speakers
        self._ended = False

    @property
    def terminated(self) -> bool:
        """Whether the word has been said since the last reset."""
        return self._ended

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Return a StopMessage whose content is the word and whose source is the speaker, if it was said."""
        if self._ended:
            raise TerminatedException("Termination condition has already been reached")
        for message in messages:
            read = self._speakers.get(message.source)
            if read is None or not isinstance(message, TextMessage):
                continue
            if read(message.content) == self._word:
                self._ended = True
                return StopMessage(content=self._word, source=message.source)
        return None

    async def reset(self) -> None:
        """Forget that the word was said."""
        self._ended = False


class JournalCondition(TerminationCondition):
    """Never ends the talk: hands every message to the journal, which the team awaits before it chooses the next speaker, and to a list.

    A reader of the stream cannot promise that, since nobody waits for the stream to be read.
    """

    def __init__(self, journal: Journal, said: list[BaseChatMessage]) -> None:
        """Take the journal and the list."""
        self._journal = journal
        self._said = said

    @property
    def terminated(self) -> bool:
        """Always False."""
        return False

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Hand the messages on."""
        said = [message for message in messages if isinstance(message, BaseChatMessage)]
        self._said += said
        await self._journal.wrote(said)
        return None

    async def reset(self) -> None:
        """Do nothing."""
