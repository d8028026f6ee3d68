"""What is remembered of one session's requests, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from pipelock.engine._fragments import Fragments, Piece

__all__ = ["SessionPieces"]

_WIRE = 2_048
_MOST_KEYS = 256
_RECENT = 64
_OVERHEAD = 200
"""Bytes that a piece costs besides its own, roughly."""


class SessionPieces:
    """The pieces by the place that they were sent to, the end of the wire order, and the names of parameters.

    Attributes:
        count: Requests that are remembered.
        size: Bytes, overhead estimated.
        wire: The end of all values in the order of the wire.
        keys: Names of parameters in the order in which each was first used.
    """

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self._slots: OrderedDict[str, deque[tuple[float, Piece]]] = OrderedDict()
        self._recent: deque[tuple[float, Piece]] = deque(maxlen=_RECENT)
        self._wire: deque[tuple[float, bytes]] = deque()
        self._last_wire = 0
        self._keys: OrderedDict[bytes, float] = OrderedDict()

    @property
    def wire(self) -> bytes:
        """At most `_WIRE` bytes."""
        return b"".join([data for _, data in self._wire])[-_WIRE:]

    @property
    def keys(self) -> bytes:
        """All of them in a row."""
        return b"".join(self._keys)

    @property
    def recent(self) -> list[Piece]:
        """The last pieces, wherever they were sent."""
        return [piece for _, piece in self._recent]

    def in_slot(self, piece: Piece) -> Sequence[Piece]:
        """What was sent to the same place, unless the last was the same: a repetition is not a part."""
        pieces = self._slots.get(piece.slot)
        if not pieces or pieces[-1][1].data == piece.data:
            return ()
        return [one for _, one in pieces]

    def fresh_keys(self, keys: Sequence[bytes]) -> bytes:
        """Those names that were not used before; the same ones time and again carry nothing."""
        return b"".join([key for key in keys if key not in self._keys])

    def forget(self, before: float) -> None:
        """Let go of what was sent before a time (monotonic seconds)."""
        while self._wire and self._wire[0][0] < before:
            self._shrink(self._wire.popleft()[1])
            self.count = max(0, self.count - 1)
        for rows in (self._recent,):
            while rows and rows[0][0] < before:
                rows.popleft()
        for slot in [slot for slot, pieces in self._slots.items() if pieces[0][0] < before]:
            pieces = self._slots[slot]
            while pieces and pieces[0][0] < before:
                self._shrink(pieces.popleft()[1].data)
            if not pieces:
                del self._slots[slot]
        while self._keys and next(iter(self._keys.values())) < before:
            self._shrink(self._keys.popitem(last=False)[0])

    def add(self, fragments: Fragments, now: float, limit: int) -> None:
        """Remember a request, and forget the least promising until `limit` bytes hold all."""
        if fragments.wire and hash(fragments.wire) != self._last_wire:
            self._last_wire = hash(fragments.wire)
            self._wire.append((now, fragments.wire[-_WIRE:]))
            self._grow(fragments.wire[-_WIRE:])
            self.count += 1
            self._trim_wire()
        for key in fragments.keys:
            if key not in self._keys and len(key) <= _WIRE:
                self._keys[key] = now
                self._grow(key)
                if len(self._keys) > _MOST_KEYS:
                    self._shrink(self._keys.popitem(last=False)[0])
        for piece in fragments.pieces:
            pieces = self._slots.setdefault(piece.slot, deque())
            if not pieces or pieces[-1][1].data != piece.data:
                pieces.append((now, piece))
                self._recent.append((now, piece))
                self._grow(piece.data)
            self._slots.move_to_end(piece.slot)
        while self.size > limit and self._slots:
            self._drop_piece()

    def _trim_wire(self) -> None:
        held = sum(len(data) for _, data in self._wire)
        while len(self._wire) > 1 and held - len(self._wire[0][1]) >= _WIRE:
            data = self._wire.popleft()[1]
            held -= len(data)
            self._shrink(data)

    def _drop_piece(self) -> None:
        """The oldest place that got only one piece; where all got several, the oldest piece of the longest row."""
        slot = next((slot for slot, pieces in self._slots.items() if len(pieces) == 1), "")
        if not slot:
            slot = max(self._slots, key=lambda name: len(self._slots[name]))
        pieces = self._slots[slot]
        self._shrink(pieces.popleft()[1].data)
        if not pieces:
            del self._slots[slot]

    def _grow(self, data: bytes) -> None:
        self.size += len(data) + _OVERHEAD

    def _shrink(self, data: bytes) -> None:
        self.size -= len(data) + _OVERHEAD
