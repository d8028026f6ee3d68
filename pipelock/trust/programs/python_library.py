"""Fetch a URL with one of Python's HTTP libraries, used as its manual begins. Runs on any Python from 3.6 on."""

import importlib
import sys
import urllib.request
from types import ModuleType

LIMIT = 8  # seconds
MISSING = 77


def _urllib(url: str) -> None:
    print("version", sys.version.split()[0])
    urllib.request.urlopen(url, timeout=LIMIT).read()


def _requests(url: str) -> None:
    _library("requests").get(url, timeout=LIMIT)


def _httpx(url: str) -> None:
    _library("httpx").get(url, timeout=LIMIT)


def _urllib3(url: str) -> None:
    _library("urllib3").PoolManager(retries=False, timeout=LIMIT).request("GET", url)


def _aiohttp(url: str) -> None:
    aiohttp = _library("aiohttp")
    asyncio = importlib.import_module("asyncio")

    async def fetch() -> None:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            await answer.read()

    asyncio.run(asyncio.wait_for(fetch(), LIMIT))


def _library(name: str) -> ModuleType:
    """The library; without it the program ends with a code that says so."""
    try:
        found = importlib.import_module(name)
    except ImportError:
        sys.exit(MISSING)
    print("version", found.__version__)
    return found


WAYS = {"urllib": _urllib, "requests": _requests, "httpx": _httpx, "urllib3": _urllib3, "aiohttp": _aiohttp}

if __name__ == "__main__":
    WAYS[sys.argv[1]](sys.argv[2])
