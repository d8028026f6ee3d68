"""How a WebSocket ends: codes (RFC 6455 §7.4) and the reasons that go with them."""

from __future__ import annotations

import string

import msgspec

from pipelock.model import BlockReason, Decision

__all__ = [
    "ABNORMAL",
    "BINARY_REFUSED",
    "GOING_AWAY",
    "INVALID_DATA",
    "MAX_REASON",
    "NO_STATUS",
    "POLICY",
    "PROTOCOL_ERROR",
    "TOO_BIG",
    "TRY_LATER",
    "Close",
    "blocked",
    "clipped",
]

GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
NO_STATUS = 1005
"""A Close frame without a code was received (RFC 6455 §7.1.5); it never travels."""
ABNORMAL = 1006
INVALID_DATA = 1007
POLICY = 1008
TOO_BIG = 1009
TRY_LATER = 1013

MAX_REASON = 123
"""Bytes of UTF-8: a control frame holds 125, the code takes two."""

_LAYER_CHARS = frozenset(string.ascii_letters + string.digits + "_")
_MAX_LAYER = 32
_OVERFLOW = '{"block_reason":"block_reason_overflow","version":"1"}'


class Close(msgspec.Struct, frozen=True, gc=False):
    """A Close frame: `code` 1000..4999, or `NO_STATUS` for one without; `reason` at most `MAX_REASON` bytes."""

    code: int
    reason: str = ""


BINARY_REFUSED = Close(POLICY, "binary frames not allowed")


def blocked(decision: Decision) -> Close:
    """What a client is told when content was refused: codes alone, as the block-reason headers tell them over HTTP.

    Members that do not fit are left out, the least useful first: layer, retry, severity, version.
    """
    code = decision.code or BlockReason.PARSE_ERROR
    members = {
        "block_reason": code.value,
        "version": "1",
        "severity": code.severity,
        "retry": code.retry.value,
    }
    if 0 < len(decision.layer) <= _MAX_LAYER and _LAYER_CHARS.issuperset(decision.layer):
        members["layer"] = decision.layer
    for dropped in ("", "layer", "retry", "severity", "version"):
        members.pop(dropped, None)
        reason = msgspec.json.encode(members)
        if len(reason) <= MAX_REASON:
            return Close(POLICY, reason.decode("ascii"))
    return Close(POLICY, _OVERFLOW)


def clipped(text: str) -> str:
    """As much of `text` as fits into a Close frame, cut between characters."""
    return text.encode("utf-8", "replace")[:MAX_REASON].decode("utf-8", "ignore")
