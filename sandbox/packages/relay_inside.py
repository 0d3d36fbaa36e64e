"""Runs in the container, as pip's user: carries the connections that pip opens on the loopback to our process, over standard streams.

It knows nothing of addresses or permissions; those are checked on the other side. Frames in both directions: kind, connection, length,
payload. Neither side sends more than WINDOW bytes of a connection that the other has not taken, so that no slow one blocks the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys

FRAME = struct.Struct(">BLL")
OPEN, DATA, CLOSE, TAKEN = range(4)
WINDOW = 256 * 1024
_PIECE = 64 * 1024


class Credit:
    """Counts the bytes that the other side has not taken yet."""

    def __init__(self) -> None:
        """Start with a whole window."""
        self._left = WINDOW
        self._changed = asyncio.Condition()

    async def spend(self, count: int) -> None:
        """Wait until that many bytes may be sent."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= count)
            self._left -= count

    async def earn(self, count: int) -> None:
        """Note that the other side has taken bytes."""
        async with self._changed:
            self._left += count
            self._changed.notify_all()


class Relay:
    """All connections that are open, by number."""

    def __init__(self, out: asyncio.StreamWriter) -> None:
        """Take the stream to our process."""
        self._out = out
        self._open: dict[int, tuple[Credit, asyncio.Queue[bytes]]] = {}
        self._count = 0

    async def post(self, kind: int, number: int, payload: bytes = b"") -> None:
        """Send a frame."""
        self._out.write(FRAME.pack(kind, number, len(payload)) + payload)
        await self._out.drain()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until both sides have closed it."""
        self._count += 1
        number = self._count
        credit, inbox = self._open[number] = Credit(), asyncio.Queue()
        feeding = asyncio.ensure_future(self._feed(number, writer, inbox))
        await self.post(OPEN, number)
        try:
            while True:
                data = await reader.read(_PIECE)
                if not data:
                    break
                await credit.spend(len(data))
                await self.post(DATA, number, data)
            await self.post(CLOSE, number)
            await feeding
        except OSError:
            await self.post(CLOSE, number)
        finally:
            feeding.cancel()
            del self._open[number]
            writer.close()

    async def _feed(self, number: int, writer: asyncio.StreamWriter, inbox: asyncio.Queue[bytes]) -> None:
        while True:
            data = await inbox.get()
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()
            await self.post(TAKEN, number, struct.pack(">L", len(data)))

    async def listen(self, source: asyncio.StreamReader) -> None:
        """Hand out frames from our process until it hangs up."""
        while True:
            kind, number, length = FRAME.unpack(await source.readexactly(FRAME.size))
            payload = await source.readexactly(length)
            if number not in self._open:
                continue  # it has been closed here meanwhile
            credit, inbox = self._open[number]
            if kind == TAKEN:
                await credit.earn(struct.unpack(">L", payload)[0])
            else:
                inbox.put_nowait(payload if kind == DATA else b"")


async def _standard_streams() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    source = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(source), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    return source, asyncio.StreamWriter(transport, protocol, None, loop)


async def main() -> None:
    """Listen on a free port of the loopback, say which, and relay until our process hangs up."""
    source, out = await _standard_streams()
    relay = Relay(out)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    await relay.post(OPEN, server.sockets[0].getsockname()[1])
    with contextlib.suppress(asyncio.IncompleteReadError):  # the other side hung up
        await relay.listen(source)


if __name__ == "__main__":
    asyncio.run(main())
