"""What a provider really streamed, recorded between its SDK and AutoGen's client.

AutoGen 0.7.5 loses some of it on the way: the finish reason where it comes together with the token counts, the reason of a refusal,
the beginning and end of a thought, the `reasoning` field that many servers use, and Ollama's "length". The SDK objects
here stand in for the SDK's client, hand every call on to it, and note what passes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

Finish = Literal["stop", "length", "function_calls", "content_filter"]
LONGEST_ANSWER = 2_000_000  # characters; no model means to send more
_FINISHES: dict[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "tool_calls": "function_calls",
    "tool_use": "function_calls",
}


class BrokenAnswer(Exception):
    """An answer that arrived but cannot be handed on; `kind` is one of the kinds of ModelError."""

    def __init__(self, kind: str, detail: str = "") -> None:
        """Take the kind, and what the server said about it."""
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


@dataclass
class Seen:
    """One streamed answer, as far as it has come."""

    text: list[str] = field(default_factory=list)
    thought: list[str] = field(default_factory=list)
    refusal: str = ""
    finish: Finish | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tools: bool = False
    thinking: bool = False
    size: int = 0  # characters of text and thought

    def add(self, text: str, thought: str) -> str:
        """Note a piece; return what the screen is to show of it: thoughts stand between <think> and </think>."""
        shown = ""
        if thought:
            shown = thought if self.thinking else f"<think>{thought}"
            self.thinking = True
            self.thought.append(thought)
        if text:
            shown += f"</think>\n{text}" if self.thinking else text
            self.thinking = False
            self.text.append(text)
        self.size += len(text) + len(thought)
        if self.size > LONGEST_ANSWER:
            raise BrokenAnswer("endless")
        return shown

    def end(self, reason: str | None) -> None:
        """Note why the model stopped, in the provider's word for it."""
        if reason:
            self.finish = _FINISHES.get(reason.lower(), "stop")

    def check(self) -> None:
        """Raise BrokenAnswer unless this is an answer that can be handed on."""
        if self.finish == "content_filter" or self.refusal:
            raise BrokenAnswer("filtered", self.refusal)
        if self.tools and self.finish:
            return
        if not "".join(self.text).strip():
            raise BrokenAnswer("thinking" if self.thought and self.finish == "length" else "empty")
        if self.finish is None:
            raise BrokenAnswer("cut")


class Recorder:
    """Follows the streams of one client, one at a time; `seen` is the newest."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.seen = Seen()
        self.sdk: Any = None
        self._stream: Any = None

    def reset(self) -> None:
        """Forget what was seen."""
        self.seen = Seen()

    async def follow(self, stream: Any, read: Callable[[Any, Seen], Any]) -> AsyncIterator[Any]:
        """Hand on the stream's events as `read` returns them (None: not at all) and judge the answer at its end."""
        self.seen = seen = Seen()
        self._stream = stream
        try:
            await _check_content_type(stream)
            async for event in stream:
                shown = read(event, seen)
                if shown is not None:
                    yield shown
        except Exception as error:
            # What breaks after the finish reason (a server that does not close properly) takes nothing from the answer.
            if seen.finish is None or isinstance(error, BrokenAnswer):
                raise
        finally:
            await self.release()
        seen.check()

    async def release(self) -> None:
        """Close the connection of the stream that is being followed, if any: AutoGen leaves that to the garbage collector."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await (stream.aclose() if hasattr(stream, "aclose") else stream.close())

    async def close(self) -> None:
        """Close the connections of the SDK's client: AutoGen's client for Ollama does not."""
        await self.release()
        if self.sdk is not None:
            # Older releases of ollama have no close() of their own.
            await (self.sdk.close() if hasattr(self.sdk, "close") else self.sdk._client.aclose())


async def _check_content_type(stream: Any) -> None:
    # The SDKs take a web page for a stream without events, which is an empty answer.
    response = getattr(stream, "response", None)
    kind = response.headers.get("content-type", "") if response is not None else ""
    if kind.startswith("text/html"):
        raise BrokenAnswer("html")
    if response is not None and kind.startswith("application/json"):
        raise BrokenAnswer("malformed", (await response.aread()).decode("utf-8", "replace"))


class OpenAISDK:
    """Stands in for openai.AsyncOpenAI or AsyncAzureOpenAI."""

    def __init__(self, sdk: Any, recorder: Recorder) -> None:
        """Take the SDK's client and the recorder that follows its streams."""
        self._sdk = sdk
        self._recorder = recorder
        recorder.sdk = sdk
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create))

    async def _create(self, **request: Any) -> Any:
        try:
            stream = await self._sdk.chat.completions.create(**request)
        except Exception as error:
            # Some servers know nothing of stream_options; then the tokens stay uncounted, but the answer comes.
            said = f"{error} {getattr(error, 'body', '')}"
            if getattr(error, "status_code", 0) not in (400, 422) or "stream_options" not in said:
                raise
            del request["stream_options"]
            stream = await self._sdk.chat.completions.create(**request)
        return self._recorder.follow(stream, _read_openai)


def _read_openai(chunk: Any, seen: Seen) -> Any:
    if chunk.usage:
        seen.prompt_tokens, seen.completion_tokens = chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0
    if not chunk.choices or chunk.choices[0].delta is None:
        return None
    choice = chunk.choices[0]
    delta = choice.delta
    extra = delta.model_extra or {}
    thoughts = [extra.pop(name, None) for name in ("reasoning_content", "reasoning")]
    thought = next((text for text in thoughts if isinstance(text, str) and text), "")
    delta.content = seen.add(delta.content or "", thought) or None
    seen.refusal += delta.refusal or ""
    seen.tools = seen.tools or bool(delta.tool_calls)
    seen.end(choice.finish_reason)
    return chunk


class AnthropicSDK:
    """Stands in for anthropic.AsyncAnthropic."""

    def __init__(self, sdk: Any, recorder: Recorder) -> None:
        """Take the SDK's client and the recorder that follows its streams."""
        self._sdk = sdk
        self._recorder = recorder
        recorder.sdk = sdk
        self.messages = SimpleNamespace(create=self._create)

    async def _create(self, **request: Any) -> Any:
        # AutoGen always sends the service's own default, which newer models refuse.
        if request.get("temperature") == 1.0:
            del request["temperature"]
        return self._recorder.follow(await self._sdk.messages.create(**request), _read_anthropic)


def _read_anthropic(event: Any, seen: Seen) -> Any:
    if event.type == "message_start":
        seen.prompt_tokens = event.message.usage.input_tokens
    elif event.type == "message_delta":
        seen.completion_tokens = event.usage.output_tokens
        seen.end(event.delta.stop_reason)
    elif event.type == "content_block_delta":
        delta = event.delta
        seen.tools = seen.tools or delta.type == "input_json_delta"
        shown = seen.add(getattr(delta, "text", None) or "", getattr(delta, "thinking", None) or "")
        if shown:
            # AutoGen streams a thought as if it were prose; as text it carries its marks.
            event.delta = SimpleNamespace(type="text_delta", text=shown)
    return event


class OllamaSDK:
    """Stands in for ollama.AsyncClient."""

    def __init__(self, sdk: Any, recorder: Recorder) -> None:
        """Take the SDK's client and the recorder that follows its streams."""
        self._sdk = sdk
        self._recorder = recorder
        recorder.sdk = sdk

    async def chat(self, **request: Any) -> Any:
        """Ask for an answer, streamed."""
        return self._recorder.follow(await self._sdk.chat(**request), _read_ollama)


def _read_ollama(part: Any, seen: Seen) -> Any:
    seen.prompt_tokens = part.prompt_eval_count or seen.prompt_tokens
    seen.completion_tokens = part.eval_count or seen.completion_tokens
    part.message.content = seen.add(part.message.content or "", getattr(part.message, "thinking", None) or "")
    seen.tools = seen.tools or bool(part.message.tool_calls)
    if part.done:
        seen.end(part.done_reason or "stop")
    return part
