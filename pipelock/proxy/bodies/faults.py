"""Why a body is not judged at all."""

from __future__ import annotations

from pipelock.model import BlockReason, Fault

__all__ = ["BEGAN_BEFORE", "TOO_BUSY", "UNREADABLE"]

TOO_BUSY = Fault(
    BlockReason.PATTERN_UNAVAILABLE,
    "too many bodies are in memory at this moment; try again",
    503,
)
BEGAN_BEFORE = Fault(
    BlockReason.PARSE_ERROR,
    "what has to be taken out of the body can't be: some of it, or the length of the whole, was sent before",
    502,
)
UNREADABLE = Fault(BlockReason.PARSE_ERROR, "the body could not be read", 502)
