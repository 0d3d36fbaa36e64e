"""Every shape of answer and error that servers were seen to send: how many requests it costs, and what the user reads.

Each goes through the client as the program builds it, to an endpoint on loopback that counts. No answer that was paid for is asked for
again because of its form.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from agents.models.recorder import VARIED
from tests.asking import KEY, PROGRAM, ask, client_at
from tests.endpoint import HTML_PAGE, Answer, ModelEndpoint
from utils.errors import ModelError

SSE = {"Content-Type": "text/event-stream"}
WHO = "The model service at ADDRESS"
MODEL = "gpt-4.1"


@dataclass(frozen=True)
class Shape:
    """What the endpoint sends (the last one again and again), what that costs, and what comes of it.

    `said` is the answer, or with a `kind` the sentence of the error; `notices` is how each notice begins.
    """

    answers: Sequence[Answer]
    requests: int
    said: str = PROGRAM
    kind: str = ""
    notices: tuple[str, ...] = ()
    provider: str = "openai-compatible"


def chunk(delta: Any, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **rest}


HALVES = [chunk({"content": PROGRAM[:20]}), chunk({"content": PROGRAM[20:]})]
END = chunk({}, "stop")
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "python", "arguments": '{"code": "print(1)"}'}}


def sse(*events: Any, done: bool = True, between: str = "\n\n", **how: Any) -> Answer:
    """A stream of events, as texts or as JSON."""
    data = [event if isinstance(event, str) else json.dumps(event) for event in events]
    body = "".join(f"data: {each}{between}" for each in [*data, *(["[DONE]"] if done else [])])
    return Answer(headers=SSE, body=body, **how)


def whole(message: Any, finish: str | None = "stop", **rest: Any) -> dict[str, Any]:
    return {"id": "1", "object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **rest}


def sent(body: Any, **how: Any) -> Answer:
    """One JSON document."""
    return Answer(body=json.dumps(body), **how)


def refused(status: int, message: str, code: str | None = None, **rest: Any) -> Answer:
    """An error as OpenAI sends it: with its type, which says "invalid" beside every refusal."""
    return sent({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code, **rest}}, status=status)


def failed(status: int, body: Any, **headers: str) -> Answer:
    """An error in a form of its own: a text as it is, anything else as JSON."""
    return Answer(status=status, body=body if isinstance(body, str) else json.dumps(body), headers=headers)


def moved(index: Any) -> list[dict[str, Any]]:
    """The usual events, with another index for the choice."""
    return [{**each, "choices": [{**each["choices"][0], "index": index}]} for each in (*HALVES, END)]


def anthropic(*events: dict[str, Any], **how: Any) -> Answer:
    return Answer(headers=SSE, body="".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events), **how)


def block(text: str, **rest: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text, **rest}}


def lines(*objects: Any, **how: Any) -> Answer:
    return Answer(headers={"Content-Type": "application/x-ndjson"}, body="".join(json.dumps(each) + "\n" for each in objects), **how)


def part(text: str, **rest: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": text}, "done": False, **rest}


OK = sse(*HALVES, END)
AGAIN = "Trying again in "
UNICODE = "héé 😀\n```python\nprint(1)\n```"
RAW = f"data: {json.dumps(chunk({'content': UNICODE}), ensure_ascii=False)}\n\ndata: {json.dumps(END)}\n\n"
CUT_CALL = sse(chunk({"tool_calls": [CALL]}), chunk({}, "tool_calls"))
LOOP = "```python\n" + "print('again and again')\n" * 100
ENDLESS = Answer(LOOP + LOOP.removeprefix("```python\n") * 9, stall_after=900)
LONG = "".join(f"This is line {number} of a paragraph that comes again.\n" for number in range(20))
ROWS = "```python\nrows = [\n" + "    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],\n" * 100 + "]\nprint(rows)\n```"
TWICE = ("```python\n" + "print('again and again')\n" * 2).rstrip()
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

ANSWERS = {
    "the usual": Shape([OK], 1),
    # How it ends
    "no finish reason, but [DONE]": Shape([sse(*HALVES)], 1),
    "no finish reason, but [DONE], on a connection that just closes": Shape([sse(*HALVES, chunked=False)], 1),
    "no finish reason and no [DONE], but a proper end": Shape([sse(*HALVES, done=False)], 1),
    "no finish reason and no [DONE], in chunks with a proper end": Shape([sse(*HALVES, done=False, body_piece=50)], 1),
    "nothing that says it is the end": Shape([sse(*HALVES, done=False, chunked=False), OK], 2, notices=("The answer broke off",)),
    "a length in the words of another service": Shape(
        [sse(chunk({"content": "```python\nx = "}), chunk({}, "max_output_tokens")), Answer("1\n```\n")],
        2,
        "```python\nx = 1\n```\n",
        notices=("The answer reached",),
    ),
    "a finish reason that is no text": Shape([sse(*HALVES, chunk({}, 5))], 1),  # type: ignore[arg-type]
    "an interruption as the finish reason": Shape(
        [sse(HALVES[0], chunk({}, "insufficient_system_resource")), OK], 2, notices=("The model's server failed. " + AGAIN,)
    ),
    "closed in the middle of an event": Shape(
        [Answer(headers=SSE, body=RAW[:-40], chunked=False), OK], 2, notices=("The answer broke off",)
    ),
    "more announced than came": Shape(
        [Answer(headers={"Content-Length": "99999"}, body=json.dumps(whole({"content": PROGRAM})), chunked=False)], 1
    ),
    "hung up in the middle": Shape([Answer(PROGRAM, cut_after=2), OK], 2, notices=("The answer broke off",)),
    "a finish reason that is empty": Shape([sse(*HALVES, chunk({}, ""))], 1),
    "a finish reason that nobody knows": Shape([sse(*HALVES, chunk({}, "eos_token"))], 1),
    "a stop in every chunk": Shape([sse(*(chunk(each["choices"][0]["delta"], "stop") for each in HALVES))], 1),
    "tool_calls as the reason though none was called": Shape([sse(*HALVES, chunk({}, "tool_calls"))], 1),
    "text behind [DONE]": Shape([sse(*HALVES, END, "[DONE]", chunk({"content": "more"}))], 1),
    "an error behind the finish reason": Shape([sse(*HALVES, END, {"error": {"message": "late"}})], 1),
    # The form of the stream
    "no empty lines between the events": Shape([sse(*HALVES, END, between="\n")], 1),
    "lines that end as on Windows": Shape([sse(*HALVES, END, between="\r\n\r\n")], 1),
    "a byte order mark before it": Shape([Answer(headers=SSE, body="\ufeff" + str(OK.body))], 1),
    "one byte at a time": Shape([Answer(headers=SSE, body=RAW, body_piece=1)], 1, UNICODE),
    "packed": Shape([Answer(headers={**SSE, "Content-Encoding": "gzip"}, body=gzip.compress(str(OK.body).encode()))], 1),
    "comments that keep it open": Shape([Answer(PROGRAM, comments=True)], 1),
    "events that are no JSON": Shape([sse("ping", HALVES[0], "", "ping", HALVES[1], END)], 1),
    "named events": Shape([Answer(headers=SSE, body=str(OK.body).replace("data: {", "event: message\nid: 1\ndata: {"))], 1),
    "no space behind the colon": Shape([Answer(headers=SSE, body=str(OK.body).replace("data: ", "data:"))], 1),
    "no content type": Shape([Answer(headers={"Content-Type": ""}, body=OK.body)], 1),
    "a content type that is wrong": Shape([Answer(headers={"Content-Type": "application/json"}, body=OK.body)], 1),
    "a content type of a web page": Shape([Answer(headers={"Content-Type": "text/html; charset=utf-8"}, body=OK.body)], 1),
    "one JSON object a line": Shape([lines(*HALVES, END)], 1),
    "one JSON object behind another": Shape([Answer(body="".join(map(json.dumps, (*HALVES, END))))], 1),
    "JSON text sequences": Shape([Answer(body="".join(f"\x1e{json.dumps(each)}\n" for each in (*HALVES, END)))], 1),
    "all events in an array": Shape([sent([*HALVES, END])], 1),
    "an array over several lines": Shape([Answer(body="[\n" + ",\n".join(map(json.dumps, (*HALVES, END))) + "\n]", body_piece=7)], 1),
    "a byte order mark before each event": Shape([Answer(headers=SSE, body=str(OK.body).replace("data", "\ufeffdata"))], 1),
    "zero bytes between the events": Shape([Answer(headers=SSE, body="\0" + str(OK.body).replace("\n\n", "\n\n\0"))], 1),
    "names of fields in capitals, and blanks around them": Shape([Answer(headers=SSE, body=str(OK.body).replace("data:", " DATA :  "))], 1),
    "JSON too deep to be read": Shape([sse("[" * 100_000, *HALVES, END)], 1, notices=("Part of the answer",)),
    "bytes that are no UTF-8": Shape(
        [Answer(headers=SSE, body=str(OK.body).encode().replace(b"goodbye", b"\xff\xfe"))], 1, PROGRAM.replace("goodbye", "\ufffd\ufffd")
    ),
    "half a character": Shape([sse(chunk({"content": "a \ud83d"}), chunk({"content": "\ude00 b \ud83d."}), END)], 1, "a 😀 b \ufffd."),
    "a broken event between good ones": Shape([sse(*HALVES, '{"choices": [{', END)], 1, notices=("Part of the answer",)),
    # What the events hold
    "null for delta, choices and usage": Shape(
        [sse(chunk(None), chunk({"content": None}), {"choices": None}, *HALVES, {**END, "usage": None}, {"choices": [], "usage": {}})], 1
    ),
    "empty lists of tool calls": Shape([sse(*(chunk({**each["choices"][0]["delta"], "tool_calls": []}) for each in HALVES), END)], 1),
    "a second choice": Shape([sse(*HALVES, {"choices": [{"index": 1, "delta": {"content": "other"}}]}, END)], 1),
    "no choice but one with another number": Shape([sse(*moved(1))], 1),
    "numbers of choices as text": Shape([sse(*moved("0"))], 1),
    "a choice that is in no list": Shape([sse(*({**each, "choices": each["choices"][0]} for each in (*HALVES, END)))], 1),
    "pieces in messages": Shape([sse(*({"choices": [{"message": each["choices"][0]["delta"]}]} for each in HALVES), END)], 1),
    "the message so far in each event": Shape(
        [sse(*({"choices": [{"index": 0, "delta": {}, "message": {"content": text}}]} for text in (PROGRAM[:20], PROGRAM)), END)], 1
    ),
    "pieces of text where a chat has a delta": Shape(
        [sse({"choices": [{"index": 0, "text": PROGRAM[:20]}]}, {"choices": [{"index": 0, "text": PROGRAM[20:]}]}, END)], 1
    ),
    "a text as the message": Shape([sent({"choices": [{"message": PROGRAM, "finish_reason": "stop"}]})], 1),
    "a text as the delta": Shape([sse(chunk(PROGRAM), END)], 1),
    "parts that name their text otherwise": Shape(
        [sse(chunk({"content": [{"type": "text", "text": {"value": PROGRAM[:20]}}, {"type": "text", "content": PROGRAM[20:]}]}), END)], 1
    ),
    "the whole message again at the end": Shape([sse(*HALVES, whole({"role": "assistant", "content": PROGRAM}))], 1),
    "text where a chat has a delta": Shape([sse({"choices": [{"index": 0, "text": PROGRAM, "finish_reason": "stop"}]})], 1),
    "content as parts": Shape([sse(chunk({"content": [{"type": "text", "text": PROGRAM}]}), END)], 1),
    "content as parts with a thought": Shape(
        [sse(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}), *HALVES, END)], 1
    ),
    "a thought in a field of its own": Shape([sse(chunk({"reasoning": "hm", "reasoning_content": ""}), *HALVES, END)], 1),
    "a thought without its end": Shape([sse(chunk({"content": f"<think>{PROGRAM}"}), END)], 1),
    "the program in the thought": Shape([sse(chunk({"reasoning_content": PROGRAM}), END)], 1),
    # A whole answer though a stream was asked for
    "a whole answer": Shape([sent(whole({"role": "assistant", "content": PROGRAM}))], 1),
    "a whole answer without a finish reason": Shape([sent(whole({"content": PROGRAM}, None))], 1),
    "a whole answer over several lines": Shape([Answer(body=json.dumps(whole({"content": PROGRAM}), indent=2))], 1),
    "a whole answer in one event": Shape([sse(whole({"content": PROGRAM}))], 1),
    "a whole answer called a stream": Shape([sent(whole({"content": PROGRAM}), headers=SSE)], 1),
    "a whole answer of parts": Shape(
        [sent(whole({"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": PROGRAM}]}))], 1
    ),
    # Tool calls that nobody offered
    "a tool call beside the text": Shape([sse(*HALVES, chunk({"tool_calls": [CALL]}), chunk({}, "tool_calls"))], 1),
    "a tool call in the chunk of the text": Shape([sse(chunk({"content": PROGRAM, "tool_calls": [CALL]}), END)], 1),
    "nothing but a tool call": Shape([CUT_CALL, OK], 2, notices=("The model called a tool instead of answering. " + AGAIN,)),
    "a whole answer that is a tool call": Shape(
        [sent(whole({"content": None, "tool_calls": [CALL]}, "tool_calls")), OK], 2, notices=("The model called a tool",)
    ),
    # Length
    "an answer that reached its length": Shape(
        [Answer("```python\nx = ", finish="length"), Answer("1\n```\n")], 2, "```python\nx = 1\n```\n", notices=("The answer reached",)
    ),
    "a loop up to the length": Shape([Answer(LOOP, finish="length", piece=500)], 1, TWICE, notices=("The answer repeats itself",)),
    **{
        f"a loop without end, of {provider}": Shape([ENDLESS], 1, TWICE, provider=provider, notices=("The answer repeats itself without",))
        for provider in ("openai-compatible", "anthropic", "ollama")
    },
    "a loop of a long piece": Shape([Answer(LONG * 20, stall_after=1_500)], 1, LONG * 2, notices=("The answer repeats itself without",)),
    "a long piece a few times": Shape([Answer(LONG * 6)], 1, LONG * 6),
    "a loop of blank lines": Shape(
        [Answer(PROGRAM + "\n" * 20_000)], 1, PROGRAM + "\n", notices=("The answer repeats itself without end",)
    ),
    "a long table that ends": Shape([Answer(ROWS, piece=500)], 1, ROWS),
    # What a server does not know
    "stream_options": Shape([refused(400, "Unrecognized request argument supplied: stream_options"), OK], 2),
    "stream_options, as FastAPI says it": Shape(
        [sent({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, status=422), OK], 2
    ),
    "no streaming without verification": Shape(
        [refused(400, "Your organization must be verified to stream this model.", "unsupported_value"), Answer(PROGRAM)],
        2,
        notices=("This service does not stream this model",),
    ),
    "no streaming at all": Shape(
        [refused(400, "Streaming is not supported for this model"), Answer(PROGRAM)], 2, notices=("This service does not stream",)
    ),
    "no system role": Shape([refused(400, "System role not supported"), OK], 2),
    "no developer instruction": Shape([refused(400, "Developer instruction is not enabled for models/gemma-3-27b-it"), OK], 2),
    "a template without a system role": Shape([refused(500, "Conversation roles must alternate user/assistant/user/assistant/..."), OK], 2),
    "no streaming, in other words": Shape(
        [refused(400, "Unsupported value: 'stream' does not support true with this model."), Answer(PROGRAM)],
        2,
        notices=("This service does not stream",),
    ),
    "no system role, as pydantic says it": Shape(
        [sent({"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}]}, status=422), OK], 2
    ),
    "no system role, by its name": Shape([refused(400, "Unexpected role 'system' in messages"), OK], 2),
    "no stored completions": Shape([refused(400, "'store' parameter is not supported for ZDR organizations"), OK], 2),
    # Busy
    "a wait in the server's words": Shape(
        [refused(429, "Rate limit reached. Please try again in 7.66s."), OK], 2, notices=("The model is busy (429). Trying again in 8 s",)
    ),
    "a wait in milliseconds": Shape(
        [failed(429, {"error": "slow"}, **{"Retry-After-Ms": "3500"}), OK], 2, notices=("The model is busy (429). Trying again in 4 s",)
    ),
    "a limit per minute that is called a quota": Shape(
        [refused(429, "You exceeded your current quota. Please retry in 34.07s."), OK],
        2,
        notices=("The quota is used up for now (429). Trying again in 34 s",),
    ),
    # Anthropic
    "anthropic: the usual": Shape([Answer(PROGRAM)], 1, provider="anthropic"),
    "anthropic: no stop reason, but message_stop": Shape(
        [anthropic(block(PROGRAM), {"type": "message_stop"}, chunked=False)], 1, provider="anthropic"
    ),
    "anthropic: a proper end and nothing else": Shape([anthropic(block(PROGRAM))], 1, provider="anthropic"),
    "anthropic: nothing that says it is the end": Shape(
        [anthropic(block(PROGRAM), chunked=False), Answer(PROGRAM)], 2, notices=("The answer broke off",), provider="anthropic"
    ),
    "anthropic: a whole answer": Shape(
        [sent({"type": "message", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": PROGRAM}]})],
        1,
        provider="anthropic",
    ),
    "anthropic: a limit above the model's own": Shape(
        [refused(400, "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens"), Answer(PROGRAM)],
        2,
        provider="anthropic",
    ),
    "anthropic: counts that are no counts": Shape(
        [anthropic({"type": "message_start", "message": {"usage": "many"}}, block(PROGRAM), {"type": "message_stop"})],
        1,
        provider="anthropic",
    ),
    "anthropic: a tool call beside the text": Shape(
        [
            anthropic(
                block(PROGRAM),
                {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "x", "input": {}}},
                {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
                {"type": "content_block_stop", "index": 1},
                {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
            )
        ],
        1,
        provider="anthropic",
    ),
    "anthropic: overloaded in the middle": Shape(
        [anthropic(block("half"), OVERLOADED), Answer(PROGRAM)], 2, notices=("The model's server failed. " + AGAIN,), provider="anthropic"
    ),
    # Ollama
    "ollama: the usual": Shape([Answer(PROGRAM)], 1, provider="ollama"),
    "ollama: no last line, but a proper end": Shape([lines(part(PROGRAM[:9]), part(PROGRAM[9:]))], 1, provider="ollama"),
    "ollama: a whole answer over several lines": Shape(
        [Answer(body=json.dumps(part(PROGRAM, done=True, done_reason="stop"), indent=1))], 1, provider="ollama"
    ),
    "ollama: nothing but a tool call": Shape(
        [
            lines(part("", message={"content": "", "tool_calls": [{"function": {"name": "x", "arguments": {}}}]}, done=True)),
            Answer(PROGRAM),
        ],
        2,
        notices=("The model called a tool",),
        provider="ollama",
    ),
    "ollama: a broken line between good ones": Shape(
        [Answer(body=f'{json.dumps(part(PROGRAM))}\n{{"mess\n{json.dumps(part("", done=True))}\n')],
        1,
        notices=("Part of the answer",),
        provider="ollama",
    ),
}

ERRORS = {
    # Told as what they are, though "type": "invalid_request_error" stands beside them
    "a parameter": Shape(
        [refused(400, "'temperature' is not supported with this model")],
        1,
        f"{WHO} refused the request (status 400): 'temperature' is not supported with this model",
        "bad-request",
    ),
    "a model for another protocol": Shape(
        [refused(404, "This model is only supported in v1/responses and not in v1/chat/completions.")],
        1,
        f"{WHO} refused the request (status 404): This model is only supported in v1/responses and not in v1/chat/completions.",
        "bad-request",
    ),
    "no endpoints": Shape(
        [sent({"error": {"message": "No endpoints found that support tool use", "code": 404}}, status=404)],
        1,
        f"{WHO} refused the request (status 404): No endpoints found that support tool use",
        "bad-request",
    ),
    "no such model": Shape(
        [refused(404, "The model `gpt-4.1` does not exist or you do not have access to it.", "model_not_found")],
        1,
        f"{WHO} has no model named gpt-4.1 (status 404): The model `gpt-4.1` does not exist or you do not have access to it.",
        "unknown-model",
    ),
    "no such model, with a 400": Shape(
        [refused(400, "x/y is not a valid model ID")],
        1,
        f"{WHO} has no model named gpt-4.1 (status 400): x/y is not a valid model ID",
        "unknown-model",
    ),
    "no such path": Shape(
        [sent({"detail": "Not Found"}, status=404)], 1, "there is no model service at ADDRESS (status 404): Not Found", "wrong-url"
    ),
    "no such path, as a page": Shape(
        [Answer(status=404, body="<html>nope</html>")], 1, "there is no model service at ADDRESS (status 404): nope", "wrong-url"
    ),
    # Too long
    "llama.cpp's context": Shape(
        [sent({"error": {"code": 400, "message": "request (9000 tokens) exceeds the available context size (4096 tokens)"}}, status=400)],
        1,
        f"the conversation is too long for {MODEL} (status 400): request (9000 tokens) exceeds the available context size (4096 tokens)",
        "too-long",
    ),
    "OpenAI's context": Shape(
        [refused(400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded")],
        1,
        f"the conversation is too long for {MODEL} (status 400): This model's maximum context length is 8192 tokens.",
        "too-long",
    ),
    "an answer's limit is no context": Shape(
        [refused(400, "max_tokens: 9 > 8, which is the maximum allowed number of output tokens")],
        1,
        f"{WHO} refused the request (status 400): max_tokens: 9 > 8, which is the maximum allowed number of output tokens",
        "bad-request",
    ),
    # Keys and accounts
    "a wrong key": Shape(
        [refused(401, f"Incorrect API key provided: {KEY[:10]}******6789.", "invalid_api_key")],
        1,
        f"{WHO} rejected the API key (status 401): Incorrect API key provided: ***",
        "wrong-key",
    ),
    "a wrong key, with a 400 and in a list": Shape(
        [sent([{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}], status=400)],
        1,
        f"{WHO} rejected the API key (status 400): API key not valid. Please pass a valid API key.",
        "wrong-key",
    ),
    "no quota": Shape(
        [refused(429, "You exceeded your current quota.", "insufficient_quota")],
        1,
        f"{WHO} says that your quota is used up (status 429): You exceeded your current quota.",
        "quota",
    ),
    "no credit": Shape(
        [sent({"error": {"message": "Insufficient credits"}}, status=402)],
        1,
        f"{WHO} says that your quota is used up (status 402): Insufficient credits",
        "quota",
    ),
    "forbidden": Shape([refused(403, "Country not supported")], 1, f"{WHO} does not allow this request (status 403): Coun", "forbidden"),
    "a thought without end": Shape([Answer(thought="Wait. " * 2_000, stall_after=0)], 1, "gpt-4.1 spent its whole answer on", "thinking"),
    "filtered": Shape(
        [refused(400, "The response was filtered", "content_filter")],
        1,
        f"{WHO} blocked the answer with its content filter (status 400): The response was filtered",
        "filtered",
    ),
    # What passes, and did not
    "busy": Shape(
        [refused(429, "Rate limit reached for requests")],
        4,
        f"{WHO} is still busy after several tries (status 429): Rate limit reached for requests",
        "rate-limit",
        ("The model is busy (429). " + AGAIN,) * 3,
    ),
    "busy behind a gateway": Shape(
        [sent({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "slow down, please"}}}, status=429)],
        4,
        f"{WHO} is still busy after several tries (status 429): Provider returned error (slow down, please)",
        "rate-limit",
        ("The model is busy (429). ",) * 3,
    ),
    "an error with status 200": Shape(
        [sent({"error": {"message": "no worker", "code": 503}})],
        4,
        f"{WHO} failed (status 503): no worker",
        "server",
        ("The model's server failed (503). " + AGAIN,) * 3,
    ),
    "an error event without a number": Shape(
        [sse({"error": {"message": "overloaded"}}, done=False)],
        4,
        f"{WHO} failed: overloaded",
        "server",
        ("The model's server failed. " + AGAIN,) * 3,
    ),
    "an error as the finish reason": Shape(
        [sse(*HALVES, chunk({}, "error"))],
        4,
        f"{WHO} failed: the answer ended with",
        "server",
        ("The model's server failed. ",) * 3,
    ),
    "an error in words alone": Shape([Answer(status=500, body="boom")], 4, f"{WHO} failed (status 500): boom", "server", ("The",) * 3),
    "a web page": Shape(
        [HTML_PAGE],
        2,
        "ADDRESS answered with a web page, not with a model's answer: Welcome to nginx",
        "html",
        ("The model's address",),
    ),
    "a web page called a stream": Shape([Answer(headers=SSE, body="<!doctype html>")], 2, "ADDRESS answered with a web", "html", ("The",)),
    "no answer at all": Shape([sse()], 2, f"{WHO} sent an empty answer", "empty", ("The model sent an empty answer. ",)),
    "half an object": Shape(
        [Answer(headers=SSE, body='data: {"choices": [{"delta"')],
        2,
        'ADDRESS sent something that is not a model\'s answer: {"choices": [{"delta"',
        "malformed",
        ("The model's server sent something that is not an answer. ",),
    ),
    "some other JSON": Shape([sent([1, 2])], 2, "ADDRESS sent something that is not a model's answer: [1, 2]", "malformed", ("The",)),
    "tools again and again": Shape(
        [CUT_CALL], 2, f"{MODEL} called a tool instead of answering, and there are no tools here", "tools", ("The model called a tool",)
    ),
    "no system role, and then nothing": Shape(
        [refused(400, "System role not supported")], 2, f"{WHO} refused the request (status 400): System role not supported", "bad-request"
    ),
    # The server's own words, in whatever form
    **{
        f"words in {name}": Shape([failed(400, body)], 1, f"{WHO} refused the request (status 400): {told}", "bad-request")
        for name, body, told in (
            ("a text", {"error": "some words"}, "some words"),
            ("a list of objects", {"errors": [{"code": 1, "message": "one"}, {"message": "two"}]}, "one; two"),
            ("a list of texts", {"errors": ["one", "two"]}, "one; two"),
            ("a list of errors", [{"error": {"message": "one"}}, {"error": {"message": "two"}}], "one; two"),
            ("an object by field", {"errors": {"model": ["is odd"]}}, '{"model": ["is odd"]}'),
            ("a detail of its own", {"detail": {"message": "within"}}, "within"),
            ("the detail beside a title", {"error": "Bad Request", "detail": "the reason"}, "the reason"),
            ("a title", {"type": "about:blank", "title": "Odd", "status": 400}, "Odd"),
            ("capitals", {"Message": "no such user"}, "no such user"),
            ("JSON within JSON", {"error": {"message": '{"error": {"message": "the innermost"}}'}}, "the innermost"),
            ("fields of its own", {"foo": "bar", "n": 1}, '{"foo": "bar", "n": 1}'),
            ("a flag and a text", {"error": True, "message": "beside it"}, "beside it"),
            ("text that begins with a sign", {"error": {"message": "<400> Internal.Odd: x"}}, "<400> Internal.Odd: x"),
            ("no form", "upstream connect error", "upstream connect error"),
        )
    },
    "words of a page": Shape(
        [failed(403, "<title>403 Forbidden</title><style>a{}</style><h1>403 Forbidden</h1>nginx &amp; co<!-- never closed <p>hidden")],
        1,
        f"{WHO} does not allow this request (status 403): 403 Forbidden; nginx & co",
        "forbidden",
    ),
    "words of XML": Shape(
        [failed(403, '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Expired</Message></Error>')],
        1,
        f"{WHO} does not allow this request (status 403): AccessDenied; Expired",
        "forbidden",
    ),
    "another method": Shape(
        [failed(405, "405 method not allowed")], 1, "there is no model service at ADDRESS (status 405): 405 method not allowed", "wrong-url"
    ),
    # An error in place of an answer, with status 200
    "an event that is an error in words": Shape(
        [Answer(headers=SSE, body="event: error\ndata: it broke\n\n")], 4, f"{WHO} failed: it broke", "server", ("The",) * 3
    ),
    "a refusal within the stream": Shape(
        [sse({"error": {"message": "top_k is odd", "type": "invalid_request_error"}})],
        1,
        f"{WHO} refused the request: top_k is odd",
        "bad-request",
    ),
    "a status as text": Shape(
        [sse({"error": {"message": "slow", "code": "429"}})],
        4,
        f"{WHO} is still busy after several tries (status 429): slow",
        "rate-limit",
        ("The model is busy (429). ",) * 3,
    ),
    "an error as vLLM sends it": Shape(
        [sse({"object": "error", "message": "top_k is odd", "type": "BadRequestError", "code": 400})],
        1,
        f"{WHO} refused the request (status 400): top_k is odd",
        "bad-request",
    ),
    "an error beside a finish reason": Shape(
        [sse({"choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 502, "message": "upstream said no"}}]})],
        4,
        f"{WHO} failed (status 502): upstream said no",
        "server",
        ("The model's server failed (502). ",) * 3,
    ),
    "a status of its own": Shape(
        [sent({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}})],
        4,
        f"{WHO} failed: login fail",
        "server",
        ("The",) * 3,
    ),
    "the answer of another protocol": Shape(
        [sent({"candidates": [{"content": {"parts": [{"text": PROGRAM}]}}]})],
        1,
        'ADDRESS sent something that is not a model\'s answer: {"candidates": [',
        "foreign",
    ),
    "a refusal as a part": Shape(
        [sse(chunk({"content": [{"type": "refusal", "refusal": "No."}]}), END)],
        1,
        f"{WHO} blocked the answer with its content filter: No.",
        "filtered",
    ),
    **{
        f"blocked by {reason}": Shape([sse(*HALVES, chunk({}, reason))], 1, f"{WHO} blocked the answer with its content filter", "filtered")
        for reason in ("PROHIBITED_CONTENT", "sensitive", "guardrail_intervened", "content_filtered")
    },
    # Kinds told by words
    **{
        f"too long: {words[:30]}": Shape([refused(400, words)], 1, f"the conversation is too long for {MODEL} (status 400): ", "too-long")
        for words in (
            "invalid params, context window exceeds limit",
            "Your request exceeded model token limit: 8192",
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
            "Input validation error: `inputs` must have less than 1024 tokens.",
            "Invalid 'messages[1].content': string too long.",
            "Request body too large for gpt-4o model. Max size: 8000 tokens.",
            "Prompt length 9000 exceeds maximum of 8192",
        )
    },
    "too long for a minute": Shape(
        [refused(429, "Request too large for gpt-4 on tokens per min (TPM): Limit 10000, Requested 20000.", "rate_limit_exceeded")],
        1,
        f"the conversation is too long for {MODEL} (status 429): Request too large",
        "too-long",
    ),
    **{
        f"gone: {words[:40]}": Shape([refused(status, words)], 1, f"{WHO} has no model named {MODEL} (status {status}): ", "unknown-model")
        for status, words in (
            (400, "The model `llama3-8b` has been decommissioned and is no longer supported."),
            (404, "The model `text-davinci-003` has been deprecated."),
            (410, "model x-1 has been retired"),
            (400, "The provided model identifier is invalid."),
            (400, "The requested model 'a/b' is not supported by any provider you have enabled."),
            (404, "No models loaded. Please load a model."),
        )
    },
    **{
        f"key: {words}": Shape([refused(status, words)], 1, f"{WHO} rejected the API key (status {status}): ", "wrong-key")
        for status, words in (
            (403, "Invalid API Key"),
            (403, "Your API key was reported as leaked."),
            (400, "invalid token"),
            (400, "Missing Authorization header"),
        )
    },
    "a wait that is too long": Shape(
        [failed(429, {"error": {"message": "slow"}}, **{"Retry-After": "86400"})], 1, f"{WHO} is busy (status 429): slow", "rate-limit"
    ),
    "a proxy's refusal": Shape(
        [failed(407, "authentication required")], 1, "a proxy refused the request (status 407): authentication required", "proxy"
    ),
    "words without end": Shape([failed(400, "y " * 2_000_000)], 1, f"{WHO} refused the request (status 400): y y y", "bad-request"),
    "no answer, hung up": Shape(
        [Answer(drop=True)],
        4,
        "ADDRESS closed the connection without an answer: Server disconnected without sending a response.",
        "hung-up",
        ("The model's server closed the connection without an answer. ",) * 3,
    ),
    "too early": Shape([failed(425, {"error": "early"})], 4, f"{WHO} failed (status 425): early", "server", ("The",) * 3),
    "anthropic: a refusal within the stream": Shape(
        [anthropic(block("half"), {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}})],
        1,
        "Anthropic rejected the API key: invalid x-api-key",
        "wrong-key",
        provider="anthropic",
    ),
    "anthropic: no such model": Shape(
        [sent({"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}, status=404)],
        1,
        "Anthropic has no model named claude-sonnet-4-5 (status 404): model: claude-x",
        "unknown-model",
        provider="anthropic",
    ),
    "anthropic: too long": Shape(
        [sent({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 8"}}, status=400)],
        1,
        "the conversation is too long for claude-sonnet-4-5 (status 400): prompt is too long: 9 > 8",
        "too-long",
        provider="anthropic",
    ),
    "ollama: no such model": Shape(
        [sent({"error": "model 'qwen2.5-coder' not found"}, status=404)],
        1,
        "Ollama has no model named qwen2.5-coder (status 404): model 'qwen2.5-coder' not found",
        "unknown-model",
        provider="ollama",
    ),
    "ollama: an error in the stream": Shape(
        [lines(part("half"), {"error": "llama runner process has terminated"})],
        4,
        "Ollama failed: llama runner process has terminated",
        "server",
        ("The model's server failed. ",) * 3,
        provider="ollama",
    ),
}


def environment(provider: str, endpoint: ModelEndpoint) -> dict[str, str]:
    if provider == "anthropic":
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": endpoint.root}
    if provider == "ollama":
        return {"MODEL_PROVIDER": "ollama", "OLLAMA_HOST": endpoint.root}
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url}


def check_notices(notices: Sequence[str], expected: Sequence[str]) -> None:
    assert len(notices) == len(expected), notices
    assert [notice for notice, begin in zip(notices, expected, strict=True) if not notice.startswith(begin)] == []
    assert [notice for notice in notices if "()" in notice or "none" in notice] == []


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_is_read_at_the_cost_of(name: str) -> None:
    shape, notices = ANSWERS[name], list[str]()
    with ModelEndpoint(shape.answers, repeat=True) as endpoint:
        async with client_at(environment(shape.provider, endpoint), notices) as client:
            shown, answer = await ask(client)
            assert client.calls == len(endpoint.requests) == shape.requests
    assert answer.content == shape.said
    is_loop = any("repeats itself" in notice for notice in shape.notices)
    assert (
        (shown.startswith if is_loop else shown.endswith)(shape.said)
        or "</think>" in shown
        or shape.requests > 1
        or name == "the program in the thought"
    )
    check_notices(notices, shape.notices)


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_is_told_at_the_cost_of(name: str) -> None:
    shape, notices = ERRORS[name], list[str]()
    with ModelEndpoint(shape.answers, repeat=True) as endpoint:
        async with client_at(environment(shape.provider, endpoint), notices) as client:
            with pytest.raises(ModelError) as failed:
                await ask(client)
            assert client.calls == len(endpoint.requests) == shape.requests
            told = failed.value.message.replace(client.choice.address, "ADDRESS")
    assert (failed.value.kind, told[: len(shape.said)]) == (shape.kind, shape.said)
    assert KEY not in failed.value.message
    check_notices(notices, shape.notices)


def test_there_are_many_shapes() -> None:
    assert len(ANSWERS) + len(ERRORS) >= 100


async def test_what_a_server_does_not_know_is_not_sent_again() -> None:
    quirks = [refused(400, "stream_options"), refused(400, "System role not supported"), refused(400, "Streaming is not supported")]
    with ModelEndpoint([*quirks, Answer(PROGRAM), Answer(PROGRAM)]) as endpoint:
        async with client_at(environment("openai-compatible", endpoint)) as client:
            for _ in range(2):
                assert (await ask(client))[1].content == PROGRAM
    assert [request.body["stream"] for request in endpoint.requests] == [True, True, True, False, False]
    assert ["stream_options" in request.body for request in endpoint.requests] == [True, False, False, False, False]


async def test_a_varied_answer_is_asked_for_with_a_temperature_if_the_server_takes_one() -> None:
    answers = [Answer(PROGRAM), Answer(PROGRAM), refused(400, "Unsupported value: 'temperature' does not support 0.8"), Answer(PROGRAM)]
    with ModelEndpoint([*answers, Answer(PROGRAM), Answer(PROGRAM)]) as endpoint:
        async with client_at(environment("openai-compatible", endpoint)) as client:
            for client.vary in (False, True, True, True, False):
                assert (await ask(client))[1].content == PROGRAM
    assert [request.body.get("temperature") for request in endpoint.requests] == [None, VARIED, VARIED, None, None, None]


async def test_ollama_takes_the_temperature_among_its_options() -> None:
    with ModelEndpoint([Answer(PROGRAM)]) as endpoint:
        async with client_at(environment("ollama", endpoint)) as client:
            client.vary = True
            assert (await ask(client))[1].content == PROGRAM
    assert endpoint.requests[0].body["options"]["temperature"] == VARIED
