"""The agent that represents the user: it asks for feedback, approval or rejection, and lets a failure go back without asking."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import asdict, dataclass

from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, UserInputRequestedEvent
from autogen_core import CancellationToken

from agents.events import RECOVERY_SOURCE, Answers, Question, RunResult, SentBack

NAME = "UserProxyAgent"


@dataclass(frozen=True)
class SendBack:
    """The decision to send a failure back to the generator: what to say to it, and what to show."""

    message: str
    failure: str
    attempt: int
    attempts: int


@dataclass(frozen=True)
class AskUser:
    """The decision to ask the user: why, if something failed, what was tried, and whether a program ran or files were stored."""

    because: str = ""
    tried: tuple[str, ...] = ()
    ran: bool = True
    stored: bool = False


Decide = Callable[[Sequence[BaseChatMessage]], SendBack | AskUser]
"""Look at what was said since the user's last turn, and decide who comes next."""


class UserAgent(UserProxyAgent):
    """A UserProxyAgent whose question is an event, and whose turn passes without one if a failure goes back to the generator."""

    def __init__(self, answers: Answers, decide: Decide) -> None:
        """Take where the user's replies arrive and how it is decided whether the user has to be asked."""
        self._answers = answers
        self._decide = decide
        self._key = ""

        async def input_func(prompt: str, cancellation_token: CancellationToken | None) -> str:
            return (await self._answers.wait(self._key, cancellation_token)).text

        super().__init__(NAME, description="The user who asked for the program.", input_func=input_func)

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Send a failure back, pass on what the user said instead of letting a program run, or ask the user."""
        said = next((message.said for message in reversed(messages) if isinstance(message, RunResult)), "")
        if said:
            yield Response(chat_message=TextMessage(source=self.name, content=said))
            return
        decision = self._decide(messages)
        if isinstance(decision, SendBack):
            yield SentBack(source=self.name, failure=decision.failure, attempt=decision.attempt, attempts=decision.attempts)
            yield Response(chat_message=TextMessage(source=RECOVERY_SOURCE, content=decision.message))
            return
        self._key = self._answers.open()
        async for item in super().on_messages_stream(messages, cancellation_token):
            yield item
            if isinstance(item, UserInputRequestedEvent):
                # Last before the wait, so that the question is the newest event for as long as it is open.
                yield Question(source=self.name, key=self._key, kind="approve", **asdict(decision))


def create_user_proxy(answers: Answers, decide: Decide) -> UserAgent:
    """Make the agent that asks the user."""
    return UserAgent(answers, decide)
