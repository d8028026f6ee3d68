"""A request's body while it arrives: bounded by policy, and counted in the memory that all connections share."""

from __future__ import annotations

from pipelock.model import BlockReason, Direction, Fault
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.bodies.encoding import decode_body
from pipelock.proxy.roundtrip import TOO_BUSY

__all__ = ["RequestBody", "too_large"]


def too_large(limit: int) -> Fault:
    """What is said of a body of more than `limit` bytes."""
    return Fault(
        BlockReason.BAD_REQUEST,
        f"the body is larger than {limit // 1024} KiB, more than is scanned; "
        "raise request_body_scanning.max_body_bytes",
        413,
    )


class RequestBody:
    """Pieces of one body. `drop` gives back what they took of the shared budget; it may be called again."""

    def __init__(self, context: ProxyContext) -> None:
        self.size = 0
        self._context = context
        self._pieces: list[bytes] = []
        self._taken = 0

    def add(self, data: bytes) -> Fault | None:
        """Keep `data`; why not, where it is too much."""
        limit = self._context.settings.max_request_body
        if self.size + len(data) > limit:
            self.size += len(data)
            return too_large(limit)
        if not self._context.budget.take(len(data)):
            return TOO_BUSY
        self.size += len(data)
        self._taken += len(data)
        self._pieces.append(data)
        return None

    def read(self, headers: tuple[tuple[str, str], ...]) -> bytes | Fault:
        """The whole body as it is judged and sent: its content codings taken off."""
        wire = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        encodings = [value for name, value in headers if name == "content-encoding"]
        if not encodings or not wire:
            return wire
        limit = self._context.settings.max_request_body
        decoded = decode_body(", ".join(encodings), wire, limit, direction=Direction.OUTBOUND)
        if isinstance(decoded, Fault):
            return decoded
        if not self._context.budget.take(len(decoded.data)):
            return TOO_BUSY
        self._taken += len(decoded.data)
        return decoded.data

    def drop(self) -> None:
        """Let go of everything."""
        self._context.budget.give(self._taken)
        self._taken = self.size = 0
        self._pieces = []
