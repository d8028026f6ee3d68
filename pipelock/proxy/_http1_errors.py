"""Whose fault a broken message is: theirs (`RemoteProtocolError`) or ours (`LocalProtocolError`)."""

from __future__ import annotations

from pipelock.model import BlockReason, Fault

__all__ = ["LocalProtocolError", "ProtocolError", "RemoteProtocolError"]


class ProtocolError(Exception):
    """A message is not HTTP/1.1 as this proxy speaks it."""


class LocalProtocolError(ProtocolError):
    """We were about to send something malformed, or used a reader out of order: a fault of this program."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something malformed or ambiguous. The connection must be closed after the answer.

    Attributes:
        status: What a client is best answered with: 4xx or 501/505 for a request, 502 for a response.
        message: One sentence about what was wrong; it never repeats bytes of the peer.
        reason: The block-reason code that belongs to it.
    """

    def __init__(self, status: int, message: str, reason: BlockReason | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or (BlockReason.PARSE_ERROR if status == 502 else BlockReason.BAD_REQUEST)

    def fault(self) -> Fault:
        """The same as a value that an action can carry to the engine."""
        return Fault(reason=self.reason, detail=self.message, status=self.status)
