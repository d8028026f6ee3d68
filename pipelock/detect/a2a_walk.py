"""What the documents of an A2A message hold: every text with its place, URLs apart, files apart, by conversation.

Limits: 20 levels and 10 000 nodes; what lies beyond is not looked into, and `exceeded` says so.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Sequence
from typing import NamedTuple

from pipelock.detect.a2a import Json

__all__ = ["MAX_DEPTH", "MAX_NODES", "Item", "Walk", "decoded_text", "walk"]

MAX_DEPTH = 20
MAX_NODES = 10_000
_MAX_PLACE = 200

_URL_NAMES = ("url", "uri", "href", "endpoint", "webhook", "callback", "jku")
_SCHEMES = ("http://", "https://", "ws://", "wss://", "ftp://")
# What these lead to is this machine, or a program.
_HARMFUL = ("file:", "javascript:", "vbscript:", "data:text/", "jar:", "gopher:", "dict:", "ldap:")
_RAW_NAMES = frozenset({"raw", "bytes"})
_CONTEXT_NAMES = frozenset({"contextId", "context_id"})


class Item(NamedTuple):
    """A text and where it stands, such as `a2a:params.message.parts[0].text`."""

    place: str
    text: str


class Walk(NamedTuple):
    """What was found on the way.

    Attributes:
        texts: All strings and numbers that are no files, keys included.
        urls: Those that are URLs. Of a scheme that is no web's and does no harm only the place is judged, as `https`.
        raw: Encoded files.
        contexts: The conversations that the message belongs to.
        said: The texts of message parts, which a model will read one after the other.
        exceeded: There was more than the limits allow.
    """

    texts: list[Item]
    urls: list[Item]
    raw: list[Item]
    contexts: list[str]
    said: list[str]
    exceeded: bool


def walk(documents: Sequence[Json]) -> Walk:
    """Visit every node of `documents`, in their order."""
    result = Walk([], [], [], [], [], exceeded=False)
    stack: list[tuple[Json, str, str, int]] = [(one, "a2a:", "", 0) for one in reversed(documents)]
    nodes = 0
    exceeded = False
    while stack:
        node, place, name, depth = stack.pop()
        nodes += 1
        if nodes > MAX_NODES:
            exceeded = True
            break
        if isinstance(node, (dict, list)) and depth >= MAX_DEPTH:
            exceeded = True
        elif isinstance(node, dict):
            dot = "" if place.endswith(":") else "."
            for key in node:
                result.texts.append(Item(place, key))
            stack.extend(
                (value, f"{place}{dot}{key}"[:_MAX_PLACE], key, depth + 1) for key, value in reversed(node.items())
            )
        elif isinstance(node, list):
            stack.extend(
                (value, f"{place}[{index}]"[:_MAX_PLACE], name, depth + 1)
                for index, value in reversed(list(enumerate(node[: MAX_NODES + 1])))
            )
        elif isinstance(node, str):
            _text(result, node, place, name)
    return result._replace(exceeded=exceeded)


def _text(result: Walk, text: str, place: str, name: str) -> None:
    if not text:
        return
    if name in _RAW_NAMES:
        result.raw.append(Item(place, text))
        return
    result.texts.append(Item(place, text))
    if name in _CONTEXT_NAMES:
        result.contexts.append(text)
    elif name == "text":
        result.said.append(text)
    url = text.strip()
    start = url[:16].lower()
    if start.startswith(_HARMFUL):
        result.urls.append(Item(place, url))
    elif start.startswith(_SCHEMES) or (name.lower().endswith(_URL_NAMES) and "://" in url):
        web = start.startswith(("http://", "https://"))
        result.urls.append(Item(place, url if web else f"https://{url.partition('://')[2]}"))


def decoded_text(encoded: str) -> str:
    """A file's content where it is text: base64 (either alphabet) of UTF-8 without control bytes; empty otherwise."""
    compact = "".join(encoded.split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        data = b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (BinasciiError, ValueError):
        return ""
    if b"\0" in data[:1024] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return ""
    try:
        return data.decode("utf-16" if b"\0" in data[:1024] else "utf-8")
    except UnicodeDecodeError:
        return ""
