"""Asks with one of Python's HTTP libraries, set up by its environment alone, and tells what its user gets to see.

    python http_clients.py urllib|requests|httpx|aiohttp REQUESTS

REQUESTS is a JSON list of [method, URL, body or null]. One line of JSON for each: [status, block reason, text].
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

Told = tuple[int, str, str]
REASON = "X-Pipelock-Block-Reason"
SECONDS = 20


def by_urllib(method: str, url: str, body: bytes | None) -> Told:
    """The standard library's."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, "", answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get(REASON, ""), error.read().decode()


def by_requests() -> Callable[..., Told]:
    """With a session, as programs that ask more than once use it."""
    import requests  # noqa: PLC0415 - each run needs one library

    session = requests.Session()

    def ask(method: str, url: str, body: bytes | None) -> Told:
        answer = session.request(method, url, data=body, timeout=SECONDS)
        return answer.status_code, answer.headers.get(REASON, ""), answer.text

    return ask


def by_httpx() -> Callable[..., Told]:
    """The client that vendors' own libraries are built on."""
    import httpx  # noqa: PLC0415 - as above

    client = httpx.Client(timeout=SECONDS)

    def ask(method: str, url: str, body: bytes | None) -> Told:
        answer = client.request(method, url, content=body)
        return answer.status_code, answer.headers.get(REASON, ""), answer.text

    return ask


async def by_aiohttp(wanted: list[Any]) -> list[Told]:
    """It reads the environment only if it is told to."""
    import aiohttp  # noqa: PLC0415 - as above

    told: list[Told] = []
    async with aiohttp.ClientSession(trust_env=True) as session:
        for method, url, body in wanted:
            async with session.request(method, url, data=body) as answer:
                told.append((answer.status, answer.headers.get(REASON, ""), await answer.text()))
    return told


def main(library: str, text: str) -> None:
    """Ask, and print what came."""
    wanted = [(method, url, body and body.encode()) for method, url, body in json.loads(text)]
    if library == "aiohttp":
        told = asyncio.run(by_aiohttp(wanted))
    else:
        ask = {"urllib": lambda: by_urllib, "requests": by_requests, "httpx": by_httpx}[library]()
        told = [ask(*one) for one in wanted]
    for one in told:
        sys.stdout.write(json.dumps(one) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
