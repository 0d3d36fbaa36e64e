"""The three protocols: stand-ins for the SDKs' clients that read what was sent themselves, and hand AutoGen what it understands."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from agents.models.recorder import Recorder, Seen
from agents.models.wire import ErrorEvent

_EVERY_CLAUDE = 4096  # tokens that every model of Anthropic's can answer with


class OpenAISDK:
    """Stands in for openai.AsyncOpenAI or AsyncAzureOpenAI."""

    def __init__(self, sdk: Any, recorder: Recorder, tokens_field: str = "max_tokens") -> None:
        """Take the SDK's client, the recorder that follows its answers, and what this service calls the limit of an answer."""
        self._sdk = sdk
        self._recorder = recorder
        self._tokens_field = tokens_field
        recorder.sdk = sdk
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self._create))

    async def _create(self, **request: Any) -> Any:
        refused = self._recorder.quirks.refused
        if "stream_options" in refused or "stream" in refused:
            request.pop("stream_options", None)
        if "store" in refused:
            request.pop("store", None)
        if self._recorder.most_tokens is not None and "max_output" not in refused:
            other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
            name = other[self._tokens_field] if self._tokens_field in refused else self._tokens_field
            request[name] = self._recorder.most_tokens
        request |= self._recorder.sampling
        completions = self._sdk.chat.completions
        if "stream" in refused:
            response = (await completions.with_raw_response.create(**{**request, "stream": False})).http_response
        else:
            response = (await completions.create(**request)).response
        return self._recorder.follow(response, read_openai, tools_offered=bool(request.get("tools")))


class AnthropicSDK:
    """Stands in for anthropic.AsyncAnthropic."""

    def __init__(self, sdk: Any, recorder: Recorder) -> None:
        """Take the SDK's client and the recorder that follows its answers."""
        self._sdk = sdk
        self._recorder = recorder
        recorder.sdk = sdk
        recorder.always_limits = True
        self.messages = SimpleNamespace(create=self._create)

    async def _create(self, **request: Any) -> Any:
        # AutoGen always sends the service's own default, which newer models refuse.
        if request.get("temperature") == 1.0:
            del request["temperature"]
        request |= self._recorder.sampling
        most = [request["max_tokens"], self._recorder.most_tokens, _EVERY_CLAUDE if "max_output" in self._recorder.quirks.refused else None]
        request["max_tokens"] = min(limit for limit in most if limit is not None)
        stream = await self._sdk.messages.create(**request)
        return self._recorder.follow(stream.response, read_anthropic, tools_offered=bool(request.get("tools")))


class OllamaSDK:
    """Stands in for ollama.AsyncClient."""

    def __init__(self, sdk: Any, recorder: Recorder) -> None:
        """Take the SDK's client, whose connection is used, and the recorder that follows its answers."""
        self._http = sdk._client
        self._recorder = recorder
        recorder.sdk = sdk

    async def chat(self, **request: Any) -> Any:
        """Ask for an answer, streamed; the SDK's own reader takes one object a line and nothing else."""
        if self._recorder.most_tokens is not None:
            request["options"] = {**(request.get("options") or {}), "num_predict": self._recorder.most_tokens}
        if self._recorder.sampling:
            request["options"] = {**(request.get("options") or {}), **self._recorder.sampling}
        body = {name: _plain(value) for name, value in request.items() if value is not None}
        response = await self._http.send(self._http.build_request("POST", "/api/chat", json=body), stream=True)
        if response.status_code >= 300:
            try:
                said = (await response.aread()).decode("utf-8", "replace")
            finally:
                await response.aclose()
            error = ErrorEvent(said, response.status_code)
            error.response = response  # type: ignore[attr-defined]  # as the SDKs' errors have it, for Retry-After
            raise error
        return self._recorder.follow(response, read_ollama, tools_offered=bool(request.get("tools")))


def read_openai(event: dict[str, Any], seen: Seen) -> Iterator[Any]:
    """Note an event of chat completions, or a whole answer, and yield the chunks that AutoGen is to see."""
    usage = _object(event.get("usage"))
    seen.count(usage.get("prompt_tokens"), usage.get("completion_tokens"))
    choice = _choice(event, seen)
    if _object(choice.get("error")):
        raise ErrorEvent(choice)
    delta = choice.get("delta") or _not_yet_seen(choice, seen)
    delta = delta if isinstance(delta, dict) else {"content": delta}
    text, thought = _split_content(delta.get("content"))
    thoughts = (delta.get("reasoning_content"), delta.get("reasoning"))
    shown = seen.add(text, next((each for each in thoughts if isinstance(each, str) and each), thought))
    seen.refusal += _refusal(delta)
    if shown:
        yield _openai_chunk(event, content=shown)
    calls = delta.get("tool_calls") or delta.get("function_call")
    if calls and _tools_are_wanted(seen) and isinstance(calls, list):
        yield _openai_chunk(event, tool_calls=[_openai_call(number, call) for number, call in enumerate(calls)])
    seen.end(choice.get("finish_reason"))


def _choice(event: dict[str, Any], seen: Seen) -> dict[str, Any]:
    """Return the part of an event that belongs to the choice that is read; {} if there is none."""
    choices = event.get("choices")
    if isinstance(choices, dict):
        choices = [choices]
    if not isinstance(choices, list):
        seen.strange = seen.strange or event
        return {}
    for each in choices:
        if isinstance(each, dict) and seen.choice in (None, each.get("index") or 0):
            seen.choice = each.get("index") or 0
            return each
    return {}


def _not_yet_seen(choice: dict[str, Any], seen: Seen) -> Any:
    """Return the message of a choice that has no delta, without what came before: some servers repeat the answer so far, or all of it."""
    message = choice.get("message")
    if not message:
        return {"content": choice.get("text")}
    content = message.get("content") if isinstance(message, dict) else message
    before = "".join(seen.text)
    if not (before and isinstance(content, str)):
        return message
    return {"content": "" if content.strip() == before.strip() else content.removeprefix(before)}


def _refusal(delta: dict[str, Any]) -> str:
    content = delta.get("content")
    parts = [delta, *(content if isinstance(content, list) else ())]
    return "".join(part["refusal"] for part in parts if isinstance(part, dict) and isinstance(part.get("refusal"), str))


def _openai_chunk(event: dict[str, Any], content: str | None = None, tool_calls: Any = None) -> Any:
    delta = SimpleNamespace(content=content, tool_calls=tool_calls, model_extra=None)
    choice = SimpleNamespace(delta=delta, finish_reason=None, logprobs=None)
    return SimpleNamespace(model=str(event.get("model") or ""), usage=None, choices=[choice])


def _openai_call(number: int, call: dict[str, Any]) -> Any:
    function = call.get("function") or {}
    named = SimpleNamespace(name=function.get("name"), arguments=function.get("arguments"))
    index = call.get("index")
    return SimpleNamespace(index=number if index is None else index, id=call.get("id"), function=named)


def read_anthropic(event: dict[str, Any], seen: Seen) -> Iterator[Any]:
    """Note an event of Anthropic's messages, or a whole answer, and yield the events that AutoGen is to see."""
    kind = event.get("type")
    message = event if kind == "message" else _object(event.get("message"))
    usage = _object(event.get("usage")) or _object(message.get("usage"))
    seen.count(usage.get("input_tokens"), usage.get("output_tokens"))
    if kind == "message":
        content = message.get("content")
        for block in content if isinstance(content, list) else [content]:
            yield from _anthropic_block(block, seen)
            yield from _anthropic_block_end(seen)
        seen.end(message.get("stop_reason"))
    elif kind == "content_block_start":
        yield from _anthropic_block(event.get("content_block"), seen)
    elif kind == "content_block_delta":
        yield from _anthropic_delta(_object(event.get("delta")), seen)
    elif kind == "content_block_stop":
        yield from _anthropic_block_end(seen)
    else:
        if kind not in ("message_start", "message_delta", "message_stop", "ping"):
            seen.strange = seen.strange or event
        seen.end(_object(event.get("delta")).get("stop_reason") or ("stop" if kind == "message_stop" and seen.finish is None else ""))


def _anthropic_delta(delta: dict[str, Any], seen: Seen) -> Iterator[Any]:
    if delta.get("type") == "input_json_delta" and seen.tools:
        yield SimpleNamespace(type="content_block_delta", delta=SimpleNamespace(**delta))
    yield from _anthropic_text(seen.add(*_split_content(delta)))


def _anthropic_block(block: Any, seen: Seen) -> Iterator[Any]:
    if isinstance(block, dict) and block.get("type") == "tool_use":
        if _tools_are_wanted(seen):
            yield SimpleNamespace(type="content_block_start", content_block=SimpleNamespace(**block))
    else:
        yield from _anthropic_text(seen.add(*_split_content(block)))


def _anthropic_block_end(seen: Seen) -> Iterator[Any]:
    if seen.tools:
        yield SimpleNamespace(type="content_block_stop")


def _anthropic_text(shown: str) -> Iterator[Any]:
    if shown:
        # AutoGen streams a thought as if it were prose; as text it carries its marks.
        yield SimpleNamespace(type="content_block_delta", delta=SimpleNamespace(type="text_delta", text=shown))


def read_ollama(event: dict[str, Any], seen: Seen) -> Iterator[Any]:
    """Note an object of Ollama's chat and yield the part that AutoGen is to see."""
    seen.count(event.get("prompt_eval_count"), event.get("eval_count"))
    message = _object(event.get("message"))
    if not message:
        seen.strange = seen.strange or event
    text, thought = _split_content(message.get("content"))
    shown = seen.add(text, str(message.get("thinking") or "") or thought)
    calls = None
    if message.get("tool_calls") and _tools_are_wanted(seen):
        functions = [call.get("function") or {} for call in message["tool_calls"]]
        named = [SimpleNamespace(name=each.get("name"), arguments=each.get("arguments")) for each in functions]
        calls = [SimpleNamespace(function=function) for function in named]
    if shown or calls:
        counts = {"done": False, "done_reason": None, "prompt_eval_count": 0, "eval_count": 0}
        yield SimpleNamespace(message=SimpleNamespace(content=shown, tool_calls=calls), **counts)
    if event.get("done"):
        seen.end(event.get("done_reason") or "stop")


def _tools_are_wanted(seen: Seen) -> bool:
    """Note that a tool is called; AutoGen is handed the call only if tools were offered."""
    if seen.tools_offered:
        seen.tools = True
    else:
        seen.uninvited_tools = True
    return seen.tools_offered


def _split_content(content: Any) -> tuple[str, str]:
    """Return text and thought of a content: a text, a part of it, or a list of either (Mistral's reasoning models)."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, list):
        parts = [_split_content(part) for part in content]
        return "".join(text for text, _ in parts), "".join(thought for _, thought in parts)
    if not isinstance(content, dict):
        return "", ""
    thought = content.get("thinking") or content.get("reasoning")
    text = next((content[name] for name in ("text", "content", "value") if name in content), "")
    return _split_content(text)[0], "".join(_split_content(thought))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value.model_dump(exclude_none=True) if hasattr(value, "model_dump") else value
