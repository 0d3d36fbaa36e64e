"""A model client that asks again after failures that pass, asks a cut answer to continue, and hands on only whole answers.

It wraps AutoGen's client of any provider; the rules are written once, here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, cast

from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from agents.models.budget import Budget
from agents.models.choice import ModelChoice
from agents.models.continuation import close_last_block, join_continuation, repeats_itself, without_repetition
from agents.models.errors import TIMES_SILENT, explain_model_error
from agents.models.gate import Gate
from agents.models.recorder import Recorder, Seen
from agents.models.requests import prepare, size_of, with_continuation, without_tools
from agents.models.retries import most_tries, notice, wait_before
from agents.models.server_words import status_of, what_was_said
from agents.models.wire import BrokenAnswer
from utils.errors import ModelError
from utils.text import whole_characters
from utils.thoughts import split_thoughts, without_opening

MOST_CONTINUATIONS = 3
_MAY_BE_A_QUIRK = (400, 403, 404, 422, 500, 501)
_NOT_STREAMED = "This service does not stream this model, so the answer arrives all at once."
_PIECE_MISSING = "Part of the answer could not be read and is missing."
_REPEATS = "The answer repeats itself, so the model is not asked to continue."
_LOOPS = "The answer repeats itself without end, so the model was stopped."
JsonOutput = bool | type[BaseModel] | None
ToolChoice = Tool | Literal["auto", "required", "none"]


class ResilientClient(ChatCompletionClient):
    """AutoGen's ChatCompletionClient around a provider's own.

    `last_error` is why the newest answer failed (AutoGen turns exceptions into RuntimeError(str), so the program reads it here),
    `last_finish` the finish reason of the newest answer, `calls` the number of requests made. `notify` may be replaced at any
    time, and `vary` be set, which asks for answers that differ from the ones before.
    """

    def __init__(
        self,
        inner: ChatCompletionClient,
        recorder: Recorder,
        choice: ModelChoice,
        notify: Callable[[str], None],
        *,
        timeout: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        gate: Gate | None = None,
    ) -> None:
        """Take the provider's client, the recorder inside it, which model it asks, and whom to tell of waits; `timeout` in seconds.

        Clients that share a gate wait together if the service is busy, and then ask as often as it takes.
        """
        self.choice = choice
        self.notify = notify
        self.last_error: ModelError | None = None
        self.last_finish: str = ""
        self.calls = 0
        self.vary = False
        self._inner = inner
        self._recorder = recorder
        self._timeout = timeout
        self._sleep = sleep
        self._gate = gate
        self._budget: Budget | None = None
        self._usage = RequestUsage(0, 0)

    def set_budget(self, budget: Budget | None) -> None:
        """Keep each task to the limits from now on; a request that would pass them raises BudgetReached and is not made."""
        self._budget = budget

    def start_task(self) -> None:
        """Count what a task costs from nothing."""
        self._budget = self._budget.renewed() if self._budget else None

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: ToolChoice = "auto",
        json_output: JsonOutput = None,
        extra_create_args: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """Ask for one answer; it is streamed all the same, so that a stall or a cut is noticed."""
        options = {"tools": tools, "tool_choice": tool_choice, "json_output": json_output, "extra_create_args": extra_create_args or {}}
        result = None
        async for item in self.create_stream(messages, cancellation_token=cancellation_token, **options):  # type: ignore[arg-type]
            result = item
        assert isinstance(result, CreateResult)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: ToolChoice = "auto",
        json_output: JsonOutput = None,
        extra_create_args: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Ask for one answer and yield it in pieces, then whole.

        Pieces of a thought are put between `<think>` and `</think>`; the whole answer keeps them separate. Pieces of an answer that then
        broke off are announced as dropped by `notify`: only the CreateResult at the end counts. Raises ModelError.
        """
        options = {"tools": tools, "tool_choice": tool_choice, "json_output": json_output, "extra_create_args": extra_create_args or {}}
        token = cancellation_token or CancellationToken()
        self.last_error = None
        parts: list[CreateResult] = []
        text = ""
        try:
            while True:
                async for item in self._ask_until_answered(with_continuation(messages, text), options, token):
                    if isinstance(item, str):
                        yield item
                    else:
                        parts.append(item)
                text = join_continuation(text, str(parts[-1].content))
                if not self._goes_on(parts, text):
                    break
            result = _join(parts, text)
        except Exception as error:
            self.last_error = explain_model_error(error, self.choice, self._timeout)
            # Without its cause: AutoGen would put the cause's text, which may hold the key, into the message of its own error.
            raise self.last_error from None
        self.last_finish = result.finish_reason
        yield result

    def _goes_on(self, parts: Sequence[CreateResult], text: str) -> bool:
        """Tell, and say, whether the model is asked to go on with its answer."""
        if parts[-1].finish_reason != "length" or len(parts) > MOST_CONTINUATIONS:
            return False
        if repeats_itself(text):
            self.notify(_LOOPS if self._recorder.seen.loops else _REPEATS)
            return False
        self.notify(f"The answer reached the model's length limit. Asking the model to continue ({len(parts)} of {MOST_CONTINUATIONS}).")
        return True

    async def _ask_until_answered(
        self, messages: Sequence[LLMMessage], options: Mapping[str, Any], token: CancellationToken
    ) -> AsyncGenerator[str | CreateResult, None]:
        tries = 0
        while True:
            tries += 1
            try:
                async for item in self._ask_once(messages, options, token):
                    yield item
                return
            except Exception as error:
                explained = explain_model_error(error, self.choice, self._timeout, begun=self._recorder.exchange.begun)
                if self._recorder.seen.thinking:
                    yield "</think>\n"
                if self._learns_from(error):
                    tries -= 1
                    continue
                most = most_tries(error, explained.kind, shared=self._gate is not None)
                if tries >= most:
                    raise explained from error
                wait = wait_before(tries, error)
                self.notify(notice(error, explained.kind, wait, f"{tries + 1} of {most}", self._timeout))
            if explained.kind == "tools":
                messages = without_tools(messages)
            await self._pause(explained.kind, wait, token)

    async def _pause(self, kind: str, seconds: float, token: CancellationToken) -> None:
        if self._gate and kind == "rate-limit":
            self._gate.close(seconds)  # the next request waits there, and those of all other clients too
        else:
            await _until_cancelled(self._sleep(seconds), token)

    def _learns_from(self, error: Exception) -> bool:
        """Tell whether the server refused something that the request can do without."""
        if status_of(error) not in _MAY_BE_A_QUIRK:
            return False
        said = what_was_said(error)
        if (learned := self._recorder.learn(f"{said.code} {said.words}")) == "stream":
            self.notify(_NOT_STREAMED)
        return bool(learned)

    async def _ask_once(
        self, messages: Sequence[LLMMessage], options: Mapping[str, Any], token: CancellationToken
    ) -> AsyncGenerator[str | CreateResult, None]:
        if self._gate:
            await _until_cancelled(self._gate.wait(), token)
        # A request that fails before its first byte must not be judged by what the one before it has left.
        exchange = self._recorder.begin()
        self._recorder.varies = self.vary
        messages = prepare(messages, system_role="system" not in self._recorder.quirks.refused)
        self._recorder.most_tokens = self._budget.room_for_answer(size_of(messages)) if self._budget else None
        await _until_cancelled(self._recorder.make_ready(self.notify), token)
        self.calls += 1
        stream = self._inner.create_stream(messages, cancellation_token=token, **options)
        try:
            while (item := await self._next(stream, token)) is not None:
                yield self._whole(item, exchange.seen) if isinstance(item, CreateResult) else item
        finally:
            await stream.aclose()
            await exchange.close()
            self._count(size_of(messages), exchange.seen)

    async def _next(self, stream: AsyncGenerator[str | CreateResult, None], token: CancellationToken) -> str | CreateResult | None:
        # The SDKs wait for the next byte; a server that keeps the connection open without an answer sends one every few seconds.
        until = asyncio.wait_for(anext(stream, None), self._timeout * TIMES_SILENT)
        try:
            return cast("str | CreateResult | None", await _until_cancelled(until, token))
        except asyncio.TimeoutError as error:
            raise BrokenAnswer("silent") from error

    def _count(self, sent: int, seen: Seen) -> None:
        self._usage.prompt_tokens += seen.prompt_tokens
        self._usage.completion_tokens += seen.completion_tokens
        if self._budget and (seen.size or seen.prompt_tokens):
            self._budget.spend(sent, seen.size, seen.prompt_tokens, seen.completion_tokens)

    def _whole(self, result: CreateResult, seen: Seen) -> CreateResult:
        if seen.broken:
            self.notify(_PIECE_MISSING)
        text: Any = result.content if seen.tools else whole_characters("".join(seen.text))
        return CreateResult(
            finish_reason=seen.finish or result.finish_reason,
            content=text,
            thought=whole_characters("".join(seen.thought)) or (result.thought if seen.tools else None),
            usage=RequestUsage(seen.prompt_tokens, seen.completion_tokens),
            cached=False,
        )

    def again(self) -> ResilientClient:
        """Return a client for the next conversation over the same connections, which counts from nothing; one may ask at a time."""
        client = ResilientClient(
            self._inner, self._recorder, self.choice, self.notify, timeout=self._timeout, sleep=self._sleep, gate=self._gate
        )
        client.set_budget(self._budget)
        client.start_task()
        return client

    async def take_over(self, other: ResilientClient) -> None:
        """Ask the other client's model from now on; what was counted so far stays counted, and the old connections are closed."""
        left, self._recorder = self._recorder, other._recorder
        self._inner, self.choice = other._inner, other.choice
        await left.close()

    async def make_ready(self) -> None:
        """Load the model, if it is one that has to be loaded first; a request would do that, too. Raises ModelError."""
        await self._recorder.make_ready(self.notify)

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._recorder.close()

    def actual_usage(self) -> RequestUsage:
        """Tokens of every request so far, as the service counted them."""
        return RequestUsage(self._usage.prompt_tokens, self._usage.completion_tokens)

    def total_usage(self) -> RequestUsage:
        """Tokens of every request so far, also of those whose answer was dropped, as the service counted them."""
        return self.actual_usage()

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Estimate the tokens of messages at four characters each: an exact count would have to download a tokenizer."""
        return sum(len(str(message.content)) // 4 + 4 for message in messages) + sum(len(str(tool)) // 4 for tool in tools)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Estimate what is left of a context of 128 000 tokens: the services do not say how long theirs is."""
        return 128_000 - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelInfo:
        """Tell what the model is able to do, by the older name that AutoGen still asks for."""
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        """Tell what the model is able to do."""
        return self._inner.model_info


async def _until_cancelled(work: Awaitable[Any], token: CancellationToken) -> Any:
    # Linked here for every provider: AutoGen's own clients do not all look at the token while they read.
    return await token.link_future(asyncio.ensure_future(work))


def _join(parts: Sequence[CreateResult], text: str) -> CreateResult:
    last = parts[-1]
    usage = RequestUsage(sum(part.usage.prompt_tokens for part in parts), sum(part.usage.completion_tokens for part in parts))
    thoughts = [part.thought for part in parts if part.thought]
    if not isinstance(last.content, str):
        return last.model_copy(update={"usage": usage})
    thought, answer = split_thoughts(text)
    if not answer.strip() and last.finish_reason == "stop" and "```" in text:
        thought, answer = [], without_opening(text)  # the end of the thought is missing, not the program
    if not answer.strip():
        raise BrokenAnswer("thinking")
    if last.finish_reason == "length":
        answer = without_repetition(answer)
    if last.finish_reason == "stop":  # nothing more comes: what a model forgot is only the fence
        answer = close_last_block(answer)
    return last.model_copy(update={"content": answer, "thought": "\n".join([*thoughts, *thought]) or None, "usage": usage})
