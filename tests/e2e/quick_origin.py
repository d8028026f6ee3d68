"""An origin that costs next to nothing: a program of its own, one loop, keep-alive, the same small answer to all.

Prints its port, then serves on loopback until its standard input ends, and prints how many requests it answered.
Requests come without a body.
"""

from __future__ import annotations

import asyncio
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\nhello from the origin\n"
MAX_HEAD = 65_536


class Exchange(asyncio.Protocol):
    """One connection of the proxy's pool."""

    answered = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.unread = b""

    def data_received(self, data: bytes) -> None:
        self.unread += data
        *heads, self.unread = self.unread.split(b"\r\n\r\n")
        if len(self.unread) > MAX_HEAD:
            self.transport.close()
            return
        Exchange.answered += len(heads)
        self.transport.write(ANSWER * len(heads))


async def main() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    server = await loop.create_server(Exchange, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    loop.add_reader(sys.stdin, ended.set)
    await ended.wait()
    server.close()
    sys.stdout.write(f"{Exchange.answered}\n")


if __name__ == "__main__":
    asyncio.run(main())
