"""What a provider really sent, recorded on its way to AutoGen's client.

AutoGen 0.7.5 loses some of it: the finish reason that comes together with the token counts, the reason of a refusal, the beginning and
end of a thought, the `reasoning` field that many servers use, and Ollama's "length".
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agents.models.continuation import ENDLESS, repeats_itself
from agents.models.local import LocalServer
from agents.models.quirks import Quirks
from agents.models.wire import Body, BrokenAnswer, ErrorEvent
from utils.text import whole_characters

Finish = Literal["stop", "length", "function_calls", "content_filter"]
LONGEST_ANSWER = 2_000_000  # characters; no model means to send more
_LOOK_EVERY = 1_000  # characters
# The words of all providers for why a model stopped; the first that fits. Whatever fits none is a proper end.
_FINISHES: tuple[tuple[re.Pattern[str], Finish | Literal["error"]], ...] = (
    (re.compile(r"error|abort|cancel|insufficient|malformed", re.I), "error"),
    (re.compile(r"length|max_|limit|context_window", re.I), "length"),
    (re.compile(r"filter|refus|safety|recitation|sensitive|prohibited|blocklist|guardrail|spii", re.I), "content_filter"),
    (re.compile(r"tool|function", re.I), "function_calls"),
)


@dataclass
class Seen:
    """One streamed answer, as far as it has come."""

    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    refusal: str = ""
    finish: Finish | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tools_offered: bool = False
    tools: bool = False  # one of the tools that were offered is called
    uninvited_tools: bool = False  # a tool is called though none was offered
    broken: bool = False  # a piece of it could not be read
    strange: dict[str, Any] | None = None  # the first object that is no part of an answer, as far as we know
    choice: Any = None  # the index of the choice that is read, which is the first that comes
    thinking: bool = False
    size: int = 0  # characters of text and thought
    loops: bool = False  # it repeats itself without end
    _held: str = ""  # the first half of a character, whose second half is in the next piece

    def add(self, text: str, thought: str) -> str:
        """Note a piece; return what the screen is to show of it: thoughts are put between <think> and </think>."""
        shown, text, thought = "", self._mended(text), whole_characters(thought)
        if thought:
            shown = thought if self.thinking else f"<think>{thought}"
            self.thinking = True
            self.thought.append(thought)
        if text:
            shown += f"</think>\n{text}" if self.thinking else text
            self.thinking = False
            self.text.append(text)
        looked = self.size // _LOOK_EVERY
        self.size += len(text) + len(thought)
        if self.size // _LOOK_EVERY > looked and _is_loop(self.text if text else self.thought):
            self.loops, self.finish = True, "length"
        if self.size > LONGEST_ANSWER:
            raise BrokenAnswer("endless")
        return shown

    def _mended(self, text: str) -> str:
        text = self._held + text
        self._held = text[-1:] if "\ud800" <= text[-1:] <= "\udbff" else ""
        return whole_characters(text.removesuffix(self._held))

    def count(self, prompt: Any, completion: Any) -> None:
        """Note the tokens that the service counted; what it left out stays as it was."""
        self.prompt_tokens = _tokens(prompt) or self.prompt_tokens
        self.completion_tokens = _tokens(completion) or self.completion_tokens

    def end(self, reason: Any) -> None:
        """Note why the model stopped, in the provider's word for it."""
        if not isinstance(reason, str) or not reason:
            return
        stop: Finish = "stop"
        finish = next((finish for words, finish in _FINISHES if words.search(reason)), stop)
        if finish == "error":
            raise ErrorEvent({"message": f'the answer ended with "{reason}"'})
        self.finish = finish

    def check(self, body: Body) -> None:
        """Raise BrokenAnswer unless this is an answer that can be handed on, by what came and by how its body ended."""
        if self.finish == "content_filter" or self.refusal:
            raise BrokenAnswer("filtered", self.refusal)
        if self.finish is None and not body.ended:
            raise BrokenAnswer("cut")
        if self.tools:
            return
        if not "".join(self.text).strip():
            if body.broken:
                raise BrokenAnswer("malformed", body.broken)
            if self.strange and not self.thought:
                raise BrokenAnswer("foreign", json.dumps(self.strange, ensure_ascii=False))
            self._use_thought()
        self.broken = bool(body.broken)
        if self.finish in (None, "function_calls"):
            self.finish = "stop"

    def _use_thought(self) -> None:
        # A server that misses the end of the thought sends the program as a part of it.
        if self.finish != "length" and "```" in "".join(self.thought):
            self.text, self.thought = self.thought, []
        elif self.thought and self.finish == "length":
            raise BrokenAnswer("thinking")
        else:
            raise BrokenAnswer("tools" if self.uninvited_tools else "empty")


def _is_loop(pieces: Sequence[str]) -> bool:
    """Tell whether a text goes on without end; its end alone is looked at."""
    size, first = 0, len(pieces)
    while first and size < 2 * max(least for least, _ in ENDLESS):
        first -= 1
        size += len(pieces[first])
    return repeats_itself("".join(pieces[first:]), ENDLESS) > 0


def _tokens(count: Any) -> int:
    try:
        return max(int(count), 0)
    except (TypeError, ValueError, OverflowError):
        return 0


@dataclass
class Exchange:
    """One request: what was seen of its answer, and the response that is being followed."""

    seen: Seen = field(default_factory=Seen)
    response: Any = None
    begun: bool = False  # whether an answer, or what stands for one, began to come

    async def close(self) -> None:
        """Close its response, and no other: AutoGen leaves that to the garbage collector, which may come when the next request runs."""
        response, self.response = self.response, None
        if response is not None:
            await response.aclose()


VARIED = 0.8
"""The temperature that makes a model which repeats itself word for word try something else: of 16 failed programs, which a small one
had copied 11 times at 0, it copied 1 at 0.8; at 1.0 it got fewer of the others right."""


class Recorder:
    """Follows the answers of one client, one at a time; `seen` is the newest, `quirks` what the server does not know."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.exchange = Exchange()
        self.quirks = Quirks()
        self.most_tokens: int | None = None  # that the next answer may have
        self.always_limits = False  # whether every request names a limit, as Anthropic wants it
        self.varies = False  # whether the next answer is to differ from the one before
        self.sdk: Any = None
        self.server: LocalServer | None = None  # the process that serves a model file

    @property
    def seen(self) -> Seen:
        """What was seen of the newest answer."""
        return self.exchange.seen

    @property
    def sampling(self) -> dict[str, float]:
        """The request's fields for an answer that differs, if the server takes them."""
        return {"temperature": VARIED} if self.varies and "temperature" not in self.quirks.refused else {}

    def learn(self, words: str) -> str:
        """Read a server's refusal; return the name of what it refuses of the newest request, "" if it is nothing that can be left out."""
        return self.quirks.learn(words, limited=self.always_limits or self.most_tokens is not None, varied=self.varies)

    async def make_ready(self, notify: Callable[[str], None]) -> None:
        """See that the process of a model file runs, and that the SDK's client asks it; raises ModelError."""
        if self.server is not None:
            self.sdk.base_url = await self.server.ensure(notify)
            self.sdk.api_key = self.server.key

    def begin(self) -> Exchange:
        """Begin a request, of which nothing has been seen yet."""
        self.exchange = Exchange()
        return self.exchange

    async def follow(
        self, response: Any, read: Callable[[dict[str, Any], Seen], Iterable[Any]], *, tools_offered: bool
    ) -> AsyncIterator[Any]:
        """Hand on what `read` makes of the response's events for AutoGen, and judge the answer at its end."""
        exchange = self.exchange
        exchange.seen = seen = Seen(tools_offered=tools_offered)
        exchange.response, exchange.begun = response, True
        body = Body(response)
        try:
            async for event in body.objects():
                for shown in read(event, seen):
                    yield shown
                if seen.loops:
                    break
        except Exception as error:
            # What breaks after the finish reason (a server that does not close properly) takes nothing from the answer.
            if seen.finish is None or (isinstance(error, BrokenAnswer) and error.kind == "endless"):
                raise
        finally:
            await exchange.close()
        seen.check(body)

    async def close(self) -> None:
        """Close the connections of the SDK's client: AutoGen's client for Ollama does not."""
        await self.exchange.close()
        if self.sdk is not None:
            # Older releases of ollama have no close() of their own.
            await (self.sdk.close() if hasattr(self.sdk, "close") else self.sdk._client.aclose())
        server, self.server = self.server, None
        if server is not None:
            await server.give_back()
