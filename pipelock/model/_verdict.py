"""What may be done with a message, and which of two answers is the stricter."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

__all__ = ["Verdict", "strictest"]


class Verdict(StrEnum):
    """The closed set of answers the engine gives."""

    ALLOW = "allow"
    WARN = "warn"
    STRIP = "strip"
    REDACT = "redact"
    ASK = "ask"
    REDIRECT = "redirect"
    BLOCK = "block"

    @classmethod
    def parse(cls, word: str) -> Verdict:
        """Read an action word from config or the wire; a word nobody knows counts as `BLOCK`."""
        try:
            return cls(word)
        except ValueError:
            return cls.BLOCK

    @property
    def rank(self) -> int:
        """Strictness, 0 (allow) to 5 (block); strip and redact are equals."""
        return _RANK[self]


_RANK = {
    Verdict.ALLOW: 0,
    Verdict.WARN: 1,
    Verdict.STRIP: 2,
    Verdict.REDACT: 2,
    Verdict.ASK: 3,
    Verdict.REDIRECT: 4,
    Verdict.BLOCK: 5,
}


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The strictest of `verdicts`, the first of equals; `ALLOW` where there are none."""
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.ALLOW)
