"""The body of a model's answer as JSON objects, whether it is a stream of events, one object a line, or one document.

The SDKs read a body in one of these forms only, and stop at the first thing that they do not expect; a gateway may send any of them.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

LONGEST_BODY = 16_000_000  # characters that are held while one object is not complete
_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
_EVENT_FIELD = re.compile(r"(data|event|id|retry)?:")
_DONE = "[DONE]"
_DRAIN = 0.1  # seconds


class BrokenAnswer(Exception):
    """An answer that arrived but cannot be handed on; `kind` is one of the kinds of ModelError."""

    def __init__(self, kind: str, detail: str = "") -> None:
        """Take the kind, and what the server said about it."""
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail


class ErrorEvent(Exception):
    """What a server said in place of an answer, or in the middle of one; `status_code` is 0 if it named none."""

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
    _pending: str = field(default="", repr=False)

    async def objects(self) -> AsyncIterator[dict[str, Any]]:
        """Yield each JSON object; raises BrokenAnswer ("html", "malformed", "endless") or ErrorEvent."""
        if self.response.headers.get("content-type", "").startswith("text/html"):
            raise BrokenAnswer("html")
        decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        reader: _Events | _Documents | None = None
        found_any = False
        pieces = self.response.aiter_bytes()
        async for raw in pieces:
            self._pending += decoder.decode(raw)
            reader = reader or _reader_for(self._pending)
            for found in self._take_lines(reader) if reader else ():
                found_any = True
                yield found
            if len(self._pending) > LONGEST_BODY:
                raise BrokenAnswer("endless")
            if isinstance(reader, _Events) and reader.done:
                self.ended = True
                await _drain(pieces)
                return
        self._pending += decoder.decode(b"", final=True)
        for found in self._take_rest(reader or _Documents()):
            found_any = True
            yield found
        if self.broken and not found_any:
            raise BrokenAnswer("malformed", self.broken)

    def _take_lines(self, reader: _Events | _Documents) -> Iterator[dict[str, Any]]:
        *lines, self._pending = _LINE_END.split(self._pending)
        for line in lines:
            yield from map(_checked, reader.feed(line))
        self.broken = reader.broken

    def _take_rest(self, reader: _Events | _Documents) -> list[dict[str, Any]]:
        framed = _is_framed(self.response)
        found = [_checked(each) for each in (*reader.feed(self._pending), *reader.finish())]
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
    """Tell the form from the beginning of a body; None while there is too little of it."""
    text = text.lstrip()
    if text.startswith("<"):
        raise BrokenAnswer("html")
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
        self._data: list[str] = []

    def feed(self, line: str) -> list[Any]:
        name, colon, value = line.partition(":")
        if name == "data" and colon and not self.done:
            value = value.removeprefix(" ")
            if value.startswith(_DONE):
                found, self.done = self.finish(), True
                return found
            self._data.append(value)
        return self.finish() if not line else []

    def finish(self) -> list[Any]:
        data, self._data = self._data, []
        found = []
        # As one text by the rules of the format; as one for each line if a server leaves out the empty line between two events.
        for text in ["\n".join(data)] if _parsed("\n".join(data)) else data:
            if (parsed := _parsed(text)) is not None:
                found.append(parsed)
            elif text.lstrip().startswith(("{", "[")):  # others, such as "ping", keep a connection open
                self.broken = text
        return found


class _Documents:
    """JSON objects one after another; each ends with a line."""

    def __init__(self) -> None:
        self.broken = ""
        self._text: list[str] = []

    def feed(self, line: str) -> list[Any]:
        # Only the last line of a document that is written over several lines has its closing bracket in the first column.
        if not (line.startswith(("{", "[", "}", "]")) and line.rstrip().endswith(("}", "]"))):
            self._text.append(line)
            return []
        alone = _parsed(line)
        if alone is not None:
            return [*self.finish(), alone]
        self._text.append(line)
        return self.finish() if _parsed("\n".join(self._text)) is not None else []

    def finish(self) -> list[Any]:
        text, self._text = "\n".join(self._text), []
        parsed = _parsed(text)
        self.broken = text if parsed is None and text.strip() else self.broken
        return [] if parsed is None else [parsed]


def _parsed(text: str) -> Any:
    """Return what a text holds as JSON; None if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _checked(found: Any) -> dict[str, Any]:
    """Return an object; raises ErrorEvent for one that tells an error, and BrokenAnswer for what is no object."""
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # Google's way to send an error
    if not isinstance(found, dict):
        raise BrokenAnswer("malformed", json.dumps(found))
    error = found.get("error")
    if error:
        code = error.get("code") if isinstance(error, dict) else None
        raise ErrorEvent(found, code if isinstance(code, int) and 400 <= code < 600 else 0)
    return found
