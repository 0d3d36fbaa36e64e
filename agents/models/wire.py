"""The body of a model's answer as JSON objects, whether it is a stream of events, one object a line, or one document.

The SDKs read a body in one of these forms only, and stop at the first thing that they do not expect; a gateway may send any of them.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST_BODY = 16_000_000  # characters that are held while one object is not complete
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
_EVENT_FIELD = re.compile(r"(data|event|id|retry)?[ \t]*:", re.I)
_BETWEEN = "\ufeff\0\x1e"  # marks of the byte order and of records, and padding: part of no line
_LONGEST_PAGE = 100_000  # characters
_DONE = "[DONE]"
# What some services send in place of an answer; that "message" is an object in an answer is for the caller to know.
_ERROR_FIELDS = ("errors", "detail", "msg", "error_msg", "error_message", "base_resp")
_DRAIN = 0.1  # seconds


class BrokenAnswer(Exception):
    """An answer that arrived but cannot be handed on; `kind` is one of the kinds of ModelError."""

    def __init__(self, kind: str, detail: str = "") -> None:
        """Take the kind, and what the server said about it."""
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


class ErrorEvent(Exception):
    """What a server said in place of an answer, or in the middle of one; `status_code` is 0 if the HTTP status told nothing."""

    def __init__(self, body: Any, status_code: int = 0) -> None:
        """Take the body as it was sent (parsed, if it was JSON) and the HTTP status."""
        super().__init__("the server sent an error")
        self.body = body
        self.status_code = status_code


@dataclass
class Body:
    """Follows one response (httpx's, or one shaped like it); `ended` says at the end whether that was a proper one.

    A proper end is [DONE], or the end that the framing of HTTP announces. Where only the closed connection is the end, a cut looks
    the same. `broken` is the newest piece that could not be read, "" if there was none.
    """

    response: Any
    ended: bool = False
    broken: str = ""
    _pending: list[str] = field(default_factory=list, repr=False)
    _size: int = 0  # of what is pending

    async def objects(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each JSON object; raises BrokenAnswer ("html", "malformed", "endless") or ErrorEvent."""
        found_any = False
        async for found in self._all_objects():
            found_any = True
            yield found
        if self.broken and not found_any:
            raise BrokenAnswer("malformed", self.broken)

    async def _all_objects(self) -> AsyncIterator[dict[str, Any]]:
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        reader: _Events | _Documents | None = None
        pieces = self.response.aiter_bytes()
        try:
            async for raw in pieces:
                self._pending.append(decoder.decode(raw))
                reader = reader or await self._reader(pieces, decoder)
                for found in self._take_lines(reader) if reader else ():
                    yield found
                if isinstance(reader, _Events) and reader.done:
                    self.ended = True
                    await _drain(pieces)
                    return
        except (BrokenAnswer, ErrorEvent):
            raise
        except Exception:
            # A document that came whole is an answer, even if more was announced than came.
            for found in self._take_rest(reader or _Documents()):
                yield found
            self.ended = False
            raise
        self._pending.append(decoder.decode(b"", final=True))
        for found in self._take_rest(reader or _Documents()):
            yield found

    async def _reader(self, pieces: AsyncIterator[bytes], decoder: codecs.IncrementalDecoder) -> _Events | _Documents | None:
        """Tell the form from what has come; None while that is too little. Raises BrokenAnswer with all of a page."""
        self._pending = ["".join(self._pending)]
        text = self._pending[0].lstrip().lstrip(_BETWEEN)
        if not text.startswith("<"):
            return _reader_for(text)
        async for raw in pieces:
            text += decoder.decode(raw)
            if len(text) > _LONGEST_PAGE:
                break
        raise BrokenAnswer("malformed" if text.startswith("<?xml") else "html", text)

    def _take_lines(self, reader: _Events | _Documents) -> Iterator[dict[str, Any]]:
        newest = self._pending[-1]
        self._size += len(newest)
        if self._size > LONGEST_BODY:
            raise BrokenAnswer("endless")
        if "\n" not in newest and "\r" not in newest:
            return  # a long line in many pieces is searched once
        *lines, rest = _LINE_END.split("".join(self._pending))
        self._pending, self._size = [rest], len(rest)
        for line in lines:
            yield from _checked(reader.feed(line.lstrip(_BETWEEN)))
        self.broken = reader.broken

    def _take_rest(self, reader: _Events | _Documents) -> list[dict[str, Any]]:
        framed = _is_framed(self.response)
        found = list(_checked([*reader.feed("".join(self._pending).lstrip(_BETWEEN)), *reader.finish()]))
        # Without a frame, what cannot be read at the very end is an object in whose middle the connection was closed.
        self.broken = reader.broken if framed else self.broken
        self.ended = framed or (isinstance(reader, _Events) and reader.done)
        return found


async def _drain(pieces: AsyncIterator[bytes]) -> None:
    # Only a connection whose answer was read to the end can be used again; a server that keeps it open is not waited for.
    with contextlib.suppress(Exception):
        await asyncio.wait_for(_read_all(pieces), _DRAIN)


async def _read_all(pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        pass


def _is_framed(response: Any) -> bool:
    headers = response.headers
    return (
        "content-length" in headers
        or "chunked" in headers.get("transfer-encoding", "").lower()
        or str(getattr(response, "http_version", "")).startswith("HTTP/2")
    )


def _reader_for(text: str) -> _Events | _Documents | None:
    if text.startswith(("{", "[")):
        return _Documents()
    if _EVENT_FIELD.match(text):
        return _Events()
    return _Documents() if len(text) > len("retry:") else None


class _Events:
    """Server-sent events, whose data is one JSON object each."""

    def __init__(self) -> None:
        self.done = False
        self.broken = ""
        self._name = ""
        self._data: list[str] = []

    def feed(self, line: str) -> list[Any]:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == "event" and colon:
            self._name = value
        if name == "data" and colon and not self.done:
            if value.startswith(_DONE):
                found, self.done = self.finish(), True
                return found
            self._data.append(value)
        return self.finish() if not line else []

    def finish(self) -> list[Any]:
        data, self._data = self._data, []
        name, self._name = self._name, ""
        found = []
        # As one text by the rules of the format; as one for each line if a server leaves out the empty line between two events.
        for text in ["\n".join(data)] if _parsed("\n".join(data)) else data:
            parsed = _parsed(text)
            if name == "error" and text and not isinstance(parsed, dict):
                found.append({"error": text if parsed is None else parsed})
            elif parsed is not None:
                found.append(parsed)
            elif text.startswith(("{", "[")):  # others, such as "ping", keep a connection open
                self.broken = text
        return found


class _Documents:
    """JSON objects one after another, or in an array; each ends with a line, or is followed by the next."""

    def __init__(self) -> None:
        self.broken = ""
        self._text: list[str] = []

    def feed(self, line: str) -> list[Any]:
        # Only the last line of a document that is written over several lines has its closing bracket in the first column.
        if not (line.startswith(("{", "[", "}", "]")) and line.rstrip().endswith(("}", "]"))):
            self._text.append(line)
            return []
        in_array = bool(self._text) and self._text[0].startswith("[")
        alone = None if in_array else _parsed(line)
        if alone is not None:
            return [*self.finish(), alone]
        self._text.append(line)
        return self.finish() if line[0] in "}]" and _parsed("\n".join(self._text)) is not None else []

    def finish(self) -> list[Any]:
        text, self._text = "\n".join(self._text).strip(), []
        found = []
        while text:
            try:
                parsed, end = _DECODER.raw_decode(text)
            except (ValueError, RecursionError):
                self.broken = text
                break
            found.append(parsed)
            text = text[end:].lstrip().lstrip(_BETWEEN)
        return found


_DECODER = json.JSONDecoder()


def _parsed(text: str) -> Any:
    """Return what a text holds as JSON; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _checked(found: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects; raises ErrorEvent for one that tells an error, and BrokenAnswer for what is no object."""
    for each in found:
        if isinstance(each, list) and all(isinstance(item, dict) for item in each):
            yield from _checked(each)  # Google sends an error in a list, and some gateways send all events in one
        elif not isinstance(each, dict):
            raise BrokenAnswer("malformed", json.dumps(each))
        elif _tells_error(each):
            raise ErrorEvent(each)
        else:
            yield each


def _tells_error(found: dict[str, Any]) -> bool:
    error = found.get("error")
    if error:
        return not isinstance(error, dict) or any(error.values())
    if isinstance(found.get("choices"), list):
        return False
    return isinstance(found.get("message"), str) or any(found.get(name) for name in _ERROR_FIELDS)
