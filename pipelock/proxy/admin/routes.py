"""From a request's target to what is asked: the table of routes, and nothing else. No state.

A session's key is one segment of the path, percent-encoded: it holds no `/` and no NUL, raw or encoded.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote_to_bytes

import msgspec

__all__ = ["MAX_KEY", "PREFIXES", "Ask", "Route", "RouteError", "find_route", "is_admin_path"]

MAX_KEY = 400
"""Characters of a session's key."""

PREFIXES = ("/api/v1/killswitch", "/api/v1/sessions", "/api/v1/adaptive", "/api/v1/pending", "/api/v1/answers")
_BASE = "/api/v1/"
_HEX = frozenset("0123456789abcdefABCDEF")


class Ask(Enum):
    """What may be asked. The value is the word for it in the record and for its rate limit."""

    KILL = "killswitch"
    KILL_STATUS = "killswitch_status"
    LIST = "list"
    INSPECT = "inspect"
    EXPLAIN = "explain"
    AIRLOCK = "airlock"
    RESET = "reset"
    TERMINATE = "terminate"
    TASK = "task"
    TRUST = "trust"
    STATUS = "adaptive_status"
    FLUSH = "adaptive_flush"
    WHOAMI = "adaptive_whoami"
    PENDING = "pending"
    ANSWER = "answer"
    SIGNED = "signed_answer"

    @property
    def method(self) -> str:
        """The one method that asks it."""
        return "GET" if self in _READS else "POST"


_READS = frozenset(
    {Ask.KILL_STATUS, Ask.LIST, Ask.INSPECT, Ask.EXPLAIN, Ask.STATUS, Ask.WHOAMI, Ask.PENDING},
)

_PLAIN = {
    "killswitch": Ask.KILL,
    "killswitch/status": Ask.KILL_STATUS,
    "sessions": Ask.LIST,
    "adaptive/status": Ask.STATUS,
    "adaptive/flush": Ask.FLUSH,
    "adaptive/whoami": Ask.WHOAMI,
    "pending": Ask.PENDING,
    "answers": Ask.SIGNED,
}
_OF_A_SESSION = {
    "": Ask.INSPECT,
    "explain": Ask.EXPLAIN,
    "airlock": Ask.AIRLOCK,
    "reset": Ask.RESET,
    "terminate": Ask.TERMINATE,
    "task": Ask.TASK,
    "trust": Ask.TRUST,
}


class RouteError(ValueError):
    """The target leads nowhere (404), or the key in it is none (400); `status` says which."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Route(msgspec.Struct, frozen=True):
    """What is asked, about which session or held request, with which query string."""

    ask: Ask
    key: str = ""
    query: str = ""


def is_admin_path(path: str) -> bool:
    """Whether a path (without its query) is one of the admin API's, right or wrong."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)


def find_route(target: str) -> Route:
    """Read the target of a request.

    Raises:
        RouteError: there is no such route, or its key is no key.
    """
    path, _, query = target.partition("?")
    if not path.startswith(_BASE):
        raise RouteError(404, "there is nothing here but the admin API below /api/v1/")
    rest = path[len(_BASE) :]
    if rest in _PLAIN:
        return Route(_PLAIN[rest], query=query)
    place, _, rest = rest.partition("/")
    key, slash, verb = rest.partition("/")
    if place == "sessions" and verb in _OF_A_SESSION and (verb or not slash):
        return Route(_OF_A_SESSION[verb], _decoded(key), query)
    if place == "pending" and verb == "answer":
        return Route(Ask.ANSWER, _decoded(key), query)
    raise RouteError(404, "there is no such route in the admin API")


def _decoded(segment: str) -> str:
    """The key that a segment spells.

    Raises:
        RouteError: it is empty, too long, wrongly encoded, not UTF-8, or holds `/` or NUL.
    """
    pieces = segment.split("%")
    if any(not _HEX.issuperset(piece[:2]) or len(piece) < 2 for piece in pieces[1:]):
        raise RouteError(400, "the key is not percent-encoded as it should be")
    try:
        # One character per byte on the wire, so that what was not encoded is still what the client sent.
        key = unquote_to_bytes(segment.encode("latin-1")).decode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise RouteError(400, "the key is not UTF-8") from error
    if not key or len(key) > MAX_KEY or "/" in key or "\0" in key:
        raise RouteError(400, f"a key has 1 to {MAX_KEY} characters, and neither / nor NUL")
    return key
