"""The words of each protocol that tests/endpoint.py speaks: a scripted answer in, the bytes of a stream or a whole answer out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

CUT = b"\0cut"  # in place of an event: close the connection here
STALL = b"\0stall"  # in place of an event: say nothing more, keep the connection


@dataclass(frozen=True)
class Answer:
    """One scripted answer: a text in small pieces, and how it goes wrong."""

    text: str = ""
    finish: str | None = "stop"  # by OpenAI's names; None: the stream ends without one
    thought: str = ""
    thought_key: str = "reasoning_content"  # or "reasoning", as other servers name it
    usage: tuple[int, int] | None = (11, 7)  # tokens of the prompt and of the answer
    usage_in_last_chunk: bool = False  # beside the finish reason, instead of in a chunk of its own
    piece: int = 12  # characters
    delay: float = 0.0  # seconds before each event
    cut_after: int | None = None  # pieces
    stall_after: int | None = None  # pieces
    chunked: bool = True  # False: the end of the connection is the end of the answer
    comments: bool = False  # SSE comments between the pieces
    empty_chunks: int = 0  # chunks without a choice, before the first piece
    done: bool = True  # OpenAI's streams: a [DONE] at the end
    drop: bool = False  # hang up without a byte
    status: int = 200  # used with body
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | None = None  # sent as it is, in place of an answer
    body_piece: int = 0  # bytes of it that are sent at once, in chunks of HTTP; 0: all, with its length before it

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces, then CUT or STALL at the place where the answer breaks off."""
        for number, start in enumerate(range(0, len(self.text) + self.piece, self.piece)):
            if number in (self.cut_after, self.stall_after):
                yield (CUT if number == self.cut_after else STALL).decode()
                return
            if start < len(self.text):
                yield self.text[start : start + self.piece]


@dataclass(frozen=True)
class Protocol:
    """How one provider's requests are answered."""

    content_type: str
    streams_by_default: bool
    stream: Callable[[Answer, dict[str, Any]], Iterator[bytes]]
    whole: Callable[[Answer, dict[str, Any]], dict[str, Any]]


def _broken(piece: str) -> bool:
    return piece.encode("utf-8", "surrogatepass") in (CUT, STALL)


def _sse(event: dict[str, Any], name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event)}\n\n".encode()


def _openai_usage(answer: Answer) -> dict[str, int] | None:
    if answer.usage is None:
        return None
    prompt, completion = answer.usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _openai_chunk(body: dict[str, Any], delta: dict[str, Any] | None, **rest: Any) -> bytes:
    finish = rest.pop("finish_reason", None)
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    return _sse({**head, "choices": choices, **rest})


def _openai_end(answer: Answer, body: dict[str, Any]) -> Iterator[bytes]:
    asked = body.get("stream_options", {}).get("include_usage")
    usage = {"usage": _openai_usage(answer)} if asked and answer.usage else {}
    if answer.finish is not None:
        yield _openai_chunk(body, {}, finish_reason=answer.finish, **(usage if answer.usage_in_last_chunk else {}))
    if usage and not answer.usage_in_last_chunk:
        yield _openai_chunk(body, None, **usage)
    if answer.done:
        yield b"data: [DONE]\n\n"


def _openai_stream(answer: Answer, body: dict[str, Any]) -> Iterator[bytes]:
    yield _openai_chunk(body, {"role": "assistant", "content": ""})
    for _ in range(answer.empty_chunks):
        yield _openai_chunk(body, None)
    for start in range(0, len(answer.thought), answer.piece):
        yield _openai_chunk(body, {answer.thought_key: answer.thought[start : start + answer.piece]})
    for piece in answer.pieces():
        if _broken(piece):
            yield piece.encode()
            return
        if answer.comments:
            yield b": keep-alive\n\n"
        yield _openai_chunk(body, {"content": piece})
    yield from _openai_end(answer, body)


def _openai_whole(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": answer.text}, "finish_reason": answer.finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": body["model"]}
    return {**head, "choices": [choice], "usage": _openai_usage(answer)}


_ANTHROPIC_FINISH = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def _anthropic_stream(answer: Answer, body: dict[str, Any]) -> Iterator[bytes]:
    prompt, completion = answer.usage or (0, 0)
    message = {**_anthropic_whole(answer, body), "content": [], "stop_reason": None}
    yield _sse({"type": "message_start", "message": {**message, "usage": {"input_tokens": prompt, "output_tokens": 1}}}, "message_start")
    index = 0
    if answer.thought:
        start = {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}
        yield _sse(start, "content_block_start")
        delta = {"type": "thinking_delta", "thinking": answer.thought}
        yield _sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        yield _sse({"type": "content_block_stop", "index": 0}, "content_block_stop")
        index = 1
    block = {"type": "text", "text": ""}
    yield _sse({"type": "content_block_start", "index": index, "content_block": block}, "content_block_start")
    for piece in answer.pieces():
        if _broken(piece):
            yield piece.encode()
            return
        delta = {"type": "text_delta", "text": piece}
        yield _sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
    yield _sse({"type": "content_block_stop", "index": index}, "content_block_stop")
    if answer.finish is not None:
        reason = {"stop_reason": _ANTHROPIC_FINISH.get(answer.finish, answer.finish), "stop_sequence": None}
        yield _sse({"type": "message_delta", "delta": reason, "usage": {"output_tokens": completion}}, "message_delta")
        yield _sse({"type": "message_stop"}, "message_stop")


def _anthropic_whole(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    prompt, completion = answer.usage or (0, 0)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": answer.text}],
        "stop_reason": _ANTHROPIC_FINISH.get(answer.finish or "", answer.finish),
        "stop_sequence": None,
        "usage": {"input_tokens": prompt, "output_tokens": completion},
    }


def _ollama_stream(answer: Answer, body: dict[str, Any]) -> Iterator[bytes]:
    def line(message: dict[str, Any], **rest: Any) -> bytes:
        head = {"model": body["model"], "created_at": "2025-01-01T00:00:00Z", "done": False}
        return json.dumps({**head, "message": {"role": "assistant", "content": "", **message}, **rest}).encode() + b"\n"

    if answer.thought:
        yield line({"thinking": answer.thought})
    for piece in answer.pieces():
        if _broken(piece):
            yield piece.encode()
            return
        yield line({"content": piece})
    if answer.finish is not None:
        prompt, completion = answer.usage or (0, 0)
        yield line({}, done=True, done_reason=answer.finish, prompt_eval_count=prompt, eval_count=completion)


def _ollama_whole(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    prompt, completion = answer.usage or (0, 0)
    head = {"model": body["model"], "created_at": "2025-01-01T00:00:00Z", "done": True, "done_reason": answer.finish}
    return {
        **head,
        "message": {"role": "assistant", "content": answer.text},
        "prompt_eval_count": prompt,
        "eval_count": completion,
    }


_OPENAI = Protocol("text/event-stream", False, _openai_stream, _openai_whole)
_ANTHROPIC = Protocol("text/event-stream", False, _anthropic_stream, _anthropic_whole)
_OLLAMA = Protocol("application/x-ndjson", True, _ollama_stream, _ollama_whole)
_PATHS = {"/v1/chat/completions": _OPENAI, "/v1/messages": _ANTHROPIC, "/api/chat": _OLLAMA}
GET_PAGES: dict[str, dict[str, Any]] = {
    "/v1/models": {"object": "list", "data": [{"id": "gpt-4.1", "object": "model", "created": 1, "owned_by": "loopback"}]},
    "/api/version": {"version": "0.12.0"},
    "/api/tags": {"models": [{"name": "qwen2.5-coder:latest"}]},
}


def protocol_of(path: str) -> Protocol | None:
    """Find the protocol by the path of a request; None for a path that no provider has."""
    path = path.split("?")[0]
    if path.startswith("/openai/deployments/") and path.endswith("/chat/completions"):
        return _OPENAI
    return _PATHS.get(path)
