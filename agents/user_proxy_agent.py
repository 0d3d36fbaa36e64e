"""The agent that stands for the person: it asks for feedback, approval or rejection, and hands a failed run back unasked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from autogen_core import CancellationToken

NAME = "UserProxyAgent"
TASK_SOURCE = "user"
"""The source of a task's message, by which AutoGen names whoever gives the task."""

MEND = "The program failed as shown above. Find the cause, mend it, and send the whole program again."
SEND_CODE = "No program was run, as said above. Send one whole program in one closed block, marked with its language."
AUTOMATIC = (MEND, SEND_CODE)
"""What goes back to the generator unasked, in this agent's name."""

AskPerson = Callable[[str, CancellationToken | None], Awaitable[str]]
"""Ask the person: takes AutoGen's prompt and the token that cancels the question, returns what the person typed."""

Decide = Callable[[Sequence[BaseChatMessage]], TextMessage | None]
"""Look at what was said since the person's last turn, and return a message that goes back unasked, or None to ask the person."""


class PersonAgent(UserProxyAgent):
    """A UserProxyAgent whose turn passes without a question where a failed run is to be mended first.

    Such a message bears the key "automatic" in its metadata: it is never taken for the person's own word.
    """

    def __init__(self, ask: AskPerson, decide: Decide) -> None:
        """Take how the person is asked and how it is decided whether the person has to be."""

        async def input_func(prompt: str, cancellation_token: CancellationToken | None) -> str:
            return await ask(prompt, cancellation_token)

        super().__init__(NAME, description="The person who asked for the program.", input_func=input_func)
        self._decide = decide

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Hand a failed run back to the generator, or else ask the person."""
        automatic = self._decide(messages)
        if automatic is not None:
            yield Response(chat_message=automatic)
            return
        async for item in super().on_messages_stream(messages, cancellation_token):
            yield item


def is_persons_word(source: str, content: object) -> bool:
    """Tell whether a message of a model's context is the person's own: there, messages have no metadata.

    The texts that go back unasked are told by their whole wording. Where in doubt, it is the person's.
    """
    return source == TASK_SOURCE or (source == NAME and content not in AUTOMATIC)


def create_user_proxy(ask: AskPerson, decide: Decide) -> PersonAgent:
    """Make the agent that asks the person."""
    return PersonAgent(ask, decide)
