"""Who may call the admin API, and how often. Time is an argument."""

from __future__ import annotations

import hmac
from collections import deque

from pipelock.proxy.admin.routes import Ask
from pipelock.proxy.http1 import RequestHead

__all__ = ["CALLS_PER_MINUTE", "REFUSALS_WRITTEN", "RETRY_SECONDS", "Refusals", "Turnstile", "bearer", "is_known"]

RETRY_SECONDS = 60
CALLS_PER_MINUTE = 10
"""Of one action; listing and asking for the kill switch's state are not counted."""
ANSWERS_PER_MINUTE = 60
REFUSALS_WRITTEN = 10
"""Refused calls that are written down in a minute: who has no token must not fill the log."""

# Whether a signed answer is anybody's who may call is known only when its body was read.
_UNCOUNTED = frozenset({Ask.LIST, Ask.KILL_STATUS, Ask.PENDING, Ask.SIGNED})
_LIMITS = {Ask.ANSWER: ANSWERS_PER_MINUTE}


def bearer(head: RequestHead) -> str:
    """The token in the Authorization field; empty where there is none, or more than one such field."""
    fields = [value for name, value in head.headers if name == "authorization"]
    if len(fields) != 1:
        return ""
    scheme, _, token = fields[0].partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def is_known(given: str, token: str) -> bool:
    """Whether the token is the one in force, in a time that tells nothing about it; an empty one never is."""
    # Header values have one character per byte.
    same = hmac.compare_digest(given.encode("latin-1", "replace"), token.encode("utf-8", "surrogateescape"))
    return same and bool(token)


class Turnstile:
    """Lets each action happen so many times in any minute."""

    def __init__(self) -> None:
        self._calls: dict[Ask, deque[float]] = {}

    def passes(self, ask: Ask, now: float) -> bool:
        """Count one call at `now` (seconds on any monotonic clock); false where it is one too many."""
        if ask in _UNCOUNTED:
            return True
        calls = self._calls.setdefault(ask, deque())
        while calls and calls[0] <= now - RETRY_SECONDS:
            calls.popleft()
        if len(calls) >= _LIMITS.get(ask, CALLS_PER_MINUTE):
            return False
        calls.append(now)
        return True


class Refusals:
    """Which refused calls are written down: the first few of a minute. Counts the others."""

    def __init__(self) -> None:
        self._written: deque[float] = deque()
        self._left_out = 0

    def take(self, now: float) -> bool:
        """Whether one at `now` is to be written down."""
        while self._written and self._written[0] <= now - RETRY_SECONDS:
            self._written.popleft()
        if len(self._written) >= REFUSALS_WRITTEN:
            self._left_out += 1
            return False
        self._written.append(now)
        return True

    def left_out(self) -> int:
        """How many were not, since this was last asked."""
        number, self._left_out = self._left_out, 0
        return number
