"""Ways in which pieces of a secret that came in several requests may belong together.

Whoever cuts a secret up decides the order, so several are tried; each is one text with the newest piece in it once.
Each is at most `MAX_JOIN` bytes, around the newest piece; what stands in wire order twice `MAX_WIRE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations
from typing import NamedTuple

from pipelock.engine._fragments import Piece

__all__ = ["MAX_JOIN", "MAX_WIRE", "Join", "is_part", "of_slot", "of_strangers", "wire_order"]

MAX_JOIN = 1_024
MAX_WIRE = 2_048
_SHORT = 96
_NEAR = 16
_NEAREST = 5


class Join(NamedTuple):
    """A text put together, where in it the newest piece stands, and how it was ordered."""

    text: bytes
    start: int
    end: int
    order: str
    decoded: bool = True
    """Whether encoded runs are looked for in it: costly, so only in the orders that a sender most likely chose."""


def wire_order(before: bytes, newest: bytes) -> Join:
    """What was sent last, and then the newest."""
    head = before[-MAX_WIRE:]
    text = head + newest[:MAX_WIRE]
    return Join(text, len(head), len(text), "as they were sent")


def of_slot(pieces: Sequence[Piece], newest: Piece) -> list[Join]:
    """The pieces that came in the same place before, in the orders in which one would send parts."""
    joins = [_join([*pieces, newest], newest, "in the same place")]
    backwards = _join([newest, *reversed(pieces)], newest, "in the same place, last first", decoded=is_part(newest))
    joins.append(backwards)
    if newest.order >= 0 and any(piece.order not in (-1, newest.order) for piece in pieces):
        ordered = sorted([*pieces, newest], key=lambda piece: piece.order)
        joins.append(_join(ordered, newest, "by their numbers"))
    return joins


def of_strangers(recent: Sequence[Piece], newest: Piece) -> list[Join]:
    """Pieces of the session that look like parts (`is_part`), whatever they were sent as: two or three in any order.

    Also all of them that are as long as each other, and all of them by name: a cutter makes parts of one length, and
    names that sort.
    """
    parts = [piece for piece in recent if is_part(piece)]
    if not parts:
        return []
    joins = []
    length = max(len(newest.data), len(parts[-1].data))
    joins.append(_join([*(piece for piece in parts if len(piece.data) == length), newest], newest, "of one length"))
    named = sorted([*parts, newest], key=lambda piece: (piece.name, piece.order))
    joins.append(_join(named, newest, "by their names"))
    for other in parts[-_NEAR:]:
        joins.append(_join([other, newest], newest, "two of them"))
        joins.append(_join([newest, other], newest, "two of them"))
    for two in permutations(parts[-_NEAREST:], 2):
        joins += [
            _join([*two, newest], newest, "three of them"),
            _join([two[0], newest, two[1]], newest, "three of them"),
            _join([newest, *two], newest, "three of them"),
        ]
    return joins


def is_part(piece: Piece) -> bool:
    """Whether a value could be a part of a key: short, in one word, and neither a plain word nor a number."""
    data = piece.data
    if not 3 <= len(data) <= _SHORT or data.isdigit() or b" " in data:
        return False
    return not (data.isalpha() and (data.islower() or data.istitle()))


def _join(pieces: Iterable[Piece], newest: Piece, order: str, *, decoded: bool = True) -> Join:
    """Pieces in this order, the newest (the same object) once; of what is too long, what stands around the newest."""
    data: list[bytes] = []
    start = length = 0
    for piece in pieces:
        if piece is newest:
            start = length
        data.append(piece.data)
        length += len(piece.data)
    text = b"".join(data)
    first = max(0, start - MAX_JOIN // 2)
    text = text[first : start + len(newest.data) + MAX_JOIN // 2]
    return Join(text, start - first, start - first + len(newest.data), order, decoded)
