"""A port whose connections come out of a proxy's tunnel, for programs that can't, or not quite, speak to proxies.

    tunnelled_port.py PORT PROXY_PORT HOST:PORT

sslyze, for one, asks for tunnels without a Host field, which is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

_READ = 65_536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until it ends, then end the other side."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ):
            writer.write(data)
            await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until killed."""
    port, proxy, target = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", proxy)
        far_writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        head = await far_reader.readuntil(b"\r\n\r\n")
        if b" 200" in head.split(b"\r\n", 1)[0]:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        writer.close()
        far_writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
