"""An origin over TLS for what nginx can't serve: event streams and WebSockets.

    origins.py PORT CERTIFICATE KEY

`GET /events?count=N&interval=S` sends N events in the form that chat models stream their words in, one each S seconds;
each says when it was sent, by the machine's monotonic clock. `/echo` with an upgrade returns WebSocket messages.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import json
import ssl
import sys
import time
from urllib.parse import parse_qs, urlsplit

_WORDS = (
    "The",
    "report",
    "lists",
    "every",
    "order",
    "that",
    "was",
    "shipped",
    "with",
    "its",
    "carrier",
    "last",
    "week.",
)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MASKED = 128


def event(number: int) -> bytes:
    """One event. Its time comes last, so that a reader finds it without parsing the rest."""
    delta = {"index": 0, "delta": {"content": _WORDS[number % len(_WORDS)] + " "}, "finish_reason": None}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "bench", "choices": [delta]}
    return f'data: {json.dumps(chunk)[:-1]}, "t": {time.monotonic():.6f}}}\n\n'.encode()


async def events(writer: asyncio.StreamWriter, count: int, interval: float) -> None:
    """A whole response."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    due = time.monotonic()
    for number in range(count):
        data = event(number)
        writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await writer.drain()
        due += interval
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    writer.write(b"0\r\n\r\n")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> None:
    """Frames come back as they came, unmasked."""
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    )
    while True:
        first, size = await reader.readexactly(2)
        is_masked, size = size & _MASKED, size & 127
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
        mask = await reader.readexactly(4) if is_masked else bytes(4)
        payload = await reader.readexactly(size)
        repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        plain = (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")
        length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        writer.write(bytes([first]) + length + plain)
        if first & 15 == 8:
            return


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode("latin-1")
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
            }
            if b"sec-websocket-key" in fields:
                await echo(reader, writer, fields[b"sec-websocket-key"])
                break
            query = parse_qs(urlsplit(target).query)
            await events(writer, int(query["count"][0]), float(query["interval"][0]))
    writer.close()


async def main() -> None:
    """Serve until killed."""
    port, certificate, key = sys.argv[1:4]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    # Its pauses would be measured as the proxies'.
    gc.freeze()
    gc.disable()
    server = await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
