"""The agent that writes the code with the model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_core import CancellationToken
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import ChatCompletionClient

from agents.answers.reading import read_answer
from agents.conversation_context import ConversationContext, starts_over
from agents.events import Notice, TokensUsed
from sandbox.languages import ALIASES, LANGUAGES
from utils.markdown import without_stop_tokens
from utils.settings import Settings
from utils.words import STOP

NAME = "CodeGeneratorAgent"
Item = TypeVar("Item")
_STOP_LINE = re.compile(rf"(\*\*|__|[*_])?{STOP}[.!]?(?(1)\1)[.!]?")

# Chosen by measuring with a small model, on the even tasks of `make outcome` and 127 more: it heeds what is short and what is last. The
# mere mention of a second language, or of the word that ends the talk, cost it a quarter of the tasks and more; examples as earlier
# turns a tenth of them, a plan before the program almost all. What else it has to know comes with the run that it belongs to.
_SYSTEM_MESSAGE = """\
Your programs run in a container without a keyboard and without a display, in the folder /workspace; files written there reach the user\
{network}
Answer every task with one complete {language} program in a fenced block that computes the result and prints it. \
Never answer with the result itself.
"""
_NETWORK = {
    "off": ". There is no network, and nothing can be installed.",
    "install": ", and packages that a program imports are installed by themselves.",
    "on": ", packages that a program imports are installed by themselves, and it may use the network.",
}


def system_message(settings: Settings) -> str:
    """Tell the model what it has to know from the start, in at most 250 tokens."""
    return _SYSTEM_MESSAGE.format(language=LANGUAGES[0].name.capitalize(), network=_NETWORK[settings.network])


class CodeGeneratorAgent(AssistantAgent):
    """An AssistantAgent whose stream also carries what its model client reports: waits, requests made again, and tokens."""

    def __init__(self, model_client: ChatCompletionClient, system_message: str, model_context: ChatCompletionContext) -> None:
        """Take the model, its system message, and the context that decides what it is sent."""
        super().__init__(
            NAME,
            model_client,
            description="Writes the program and fixes it.",
            system_message=system_message,
            model_client_stream=True,
            model_context=model_context,
        )

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Stream the answer; a notice comes at once, in its place between two pieces, and the tokens before the response."""
        notices: asyncio.Queue[str] = asyncio.Queue()
        if isinstance(self._model_client, ReportsWaits):
            self._model_client.notify = notices.put_nowait
        if isinstance(self._model_client, CanVary):
            self._model_client.vary = bool(messages) and starts_over(messages[-1].to_model_message())
        async for item in _with_notices(super().on_messages_stream(messages, cancellation_token), notices, self.name):
            if isinstance(item, Response):
                yield tokens_used(self._model_client, self.name)
            yield item


@runtime_checkable
class ReportsWaits(Protocol):
    """A model client that reports what it waits for."""

    notify: Callable[[str], None]


@runtime_checkable
class CanVary(Protocol):
    """A model client that can be asked to answer less predictably."""

    vary: bool


async def _with_notices(
    stream: AsyncGenerator[Item, None], notices: asyncio.Queue[str], source: str
) -> AsyncGenerator[Item | Notice, None]:
    step: asyncio.Future[Item | None] = asyncio.ensure_future(anext(stream, None))
    notice = asyncio.ensure_future(notices.get())
    try:
        while True:
            either: set[asyncio.Future[Any]] = {step, notice}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if notice.done():
                yield Notice(source=source, content=notice.result())
                notice = asyncio.ensure_future(notices.get())
                await asyncio.sleep(0)  # a queue that holds more notices hands over the next one
                continue
            item = step.result()
            if item is None:
                return
            yield item
            step = asyncio.ensure_future(anext(stream, None))
    finally:
        notice.cancel()
        if not step.done():
            step.cancel()
            await asyncio.wait({step})
        await stream.aclose()


def tokens_used(model_client: ChatCompletionClient, source: str = NAME) -> TokensUsed:
    """Return what the client has used so far."""
    usage = model_client.total_usage()
    calls = getattr(model_client, "calls", 0)  # the scripted client counts none
    return TokensUsed(source=source, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, calls=calls)


def create_code_generator(
    model_client: ChatCompletionClient, settings: Settings, model_context: ChatCompletionContext | None = None
) -> CodeGeneratorAgent:
    """Make the agent that answers with code, streaming as the model writes; a ConversationContext decides what the model is sent."""
    return CodeGeneratorAgent(model_client, system_message(settings), model_context or ConversationContext())


def word_of_the_generator(text: str) -> str | None:
    """Return STOP if the generator's message ends with that word alone on its last line and holds no code left to run."""
    answer = read_answer(text, ALIASES)
    if answer.blocks or answer.skipped or answer.files or answer.cut:
        return None
    # Bare, or emphasised: a quoted line ("> STOP"), a heading or an item of a list speaks about the word.
    return STOP if _STOP_LINE.fullmatch(without_stop_tokens(answer.last_line).strip()) else None
