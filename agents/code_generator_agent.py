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
from agents.conversation_context import ConversationContext
from agents.events import Notice, TokensUsed
from sandbox.languages import ALIASES, LANGUAGES
from utils.settings import Settings
from utils.words import STOP

NAME = "CodeGeneratorAgent"
Item = TypeVar("Item")
_STOP_LINE = re.compile(rf"(\*\*|__|[*_])?{STOP}[.!]?(?(1)\1)[.!]?")

_SYSTEM_MESSAGE = """\
You write programs for a person. Your answer goes to CodeExecutorAgent, which runs your code in a container and shows the person what
it printed; then the person approves it or says what to change.

How your code is run:
- Only fenced code blocks are run, marked with one of: {languages}. Each block is saved and run on its own, in order,
  up to the first that fails.
- Send one whole program in one block, every time: nothing of an earlier answer is put in front of it, and a fragment or a diff
  cannot be run. Show nothing else in a marked block: no usage examples, no output.
- The program has no keyboard and no display. Never call input() or wait for a key; take values as constants, and show plots by
  saving them to a file.
- It has {timeout} seconds and {memory} of memory. {network}
- It runs in the folder /workspace, which stays between runs. Files that it writes there are given to the person.
- Print the result, with a word that says what it is.

In a long conversation your old answers and old results come back to you shortened, with marks in square brackets where something
is left out. Never write such a mark yourself.

If a run fails, find the cause in the output, mend it, and send the whole program again.
If the person asks a question, answer it; send code only where something is to be run.
When there is nothing left to write or to run because the person has said that all is well, answer with a line that holds only the
word {stop}.
Never write {stop} in an answer that holds code.
"""

_PACKAGES = """Packages that it needs are installed before it: put
  `pip install NAME` lines into a ```sh block of their own, ahead of the program's block; they stay for the session. Write plain names
  with versions where they matter. Well-known packages are installed at once, for any other the person is asked, so never guess a name."""
_NETWORK = {
    "off": "There is no network; use what the standard library and the image have.",
    "install": "There is no network while it runs. " + _PACKAGES,
    "on": "It may use the network. " + _PACKAGES,
}


def system_message(settings: Settings) -> str:
    """Tell the model what it has to know to succeed in this sandbox."""
    fences = " or ".join(f"```{language.name}" for language in LANGUAGES)
    memory = f"{settings.memory / 1024**2:.0f} MiB"
    return _SYSTEM_MESSAGE.format(languages=fences, timeout=settings.timeout, memory=memory, network=_NETWORK[settings.network], stop=STOP)


class CodeGeneratorAgent(AssistantAgent):
    """An AssistantAgent whose stream also carries what its model client reports: waits, requests made again, and tokens."""

    def __init__(self, model_client: ChatCompletionClient, system_message: str, model_context: ChatCompletionContext) -> None:
        """Take the model, what it is told first, and the context that decides what it is sent."""
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
        async for item in _with_notices(super().on_messages_stream(messages, cancellation_token), notices, self.name):
            if isinstance(item, Response):
                yield tokens_used(self._model_client, self.name)
            yield item


@runtime_checkable
class ReportsWaits(Protocol):
    """A model client that reports what it waits for."""

    notify: Callable[[str], None]


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
    """Return STOP where the generator's message ends with that word alone on its last line and holds no code left to run."""
    answer = read_answer(text, ALIASES)
    if answer.blocks or answer.skipped or answer.files or answer.cut:
        return None
    # Bare, or emphasised: a quoted line ("> STOP"), a heading or an item of a list speaks about the word.
    return STOP if _STOP_LINE.fullmatch(answer.last_line.strip()) else None
