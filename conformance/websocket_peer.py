"""The other ends of the WebSocket suite, run by an interpreter that has `websockets`.

    websocket_peer.py serve PORT [CERT KEY]    echo what is received, over TLS where a certificate is given
    websocket_peer.py fuzzed URL AGENT PROXY CA [LAST]
                                               be the client of every case of the fuzzing server at URL

PROXY is empty for none. Both take what the suite sends, so whatever fails fails in between.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

_CASE_SECONDS = 300


async def echo(connection: ServerConnection) -> None:
    """Send every message back as it came."""
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def listen(port: int, *files: str) -> None:
    """Serve until killed."""
    context = None
    if files:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    # No pings of our own: they are not part of the cases.
    async with serve(echo, "127.0.0.1", port, max_size=None, ping_interval=None, ssl=context) as server:
        await server.serve_forever()


async def be_fuzzed(url: str, agent: str, proxy: str, authority: str, last: int) -> int:
    """Run the cases one by one; the number of cases whose connection could not even be made."""
    options: dict[str, Any] = {"max_size": None, "ping_interval": None, "proxy": proxy or None, "close_timeout": 10}
    if url.startswith("wss:"):
        options["ssl"] = ssl.create_default_context(cafile=authority)
    async with connect(f"{url}/getCaseCount", **options) as connection:
        count = json.loads(await connection.recv())
    failed = 0
    for case in range(1, min(count, last or count) + 1):
        try:
            async with (
                asyncio.timeout(_CASE_SECONDS),
                connect(f"{url}/runCase?case={case}&agent={agent}", **options) as connection,
            ):
                async for message in connection:
                    await connection.send(message)
        except ConnectionClosed:
            pass
        except (OSError, InvalidHandshake, InvalidMessage, TimeoutError) as error:
            print(f"case {case}: {type(error).__name__}: {error}", flush=True)
            failed += 1
    async with connect(f"{url}/updateReports?agent={agent}", **options) as connection:
        await connection.wait_closed()
    return failed


def main() -> int:
    """See above."""
    match sys.argv[1:]:
        case ["serve", port, *files]:
            asyncio.run(listen(int(port), *files))
            return 0
        case ["fuzzed", url, agent, proxy, authority, *last]:
            return 1 if asyncio.run(be_fuzzed(url, agent, proxy, authority, int(last[0]) if last else 0)) else 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
