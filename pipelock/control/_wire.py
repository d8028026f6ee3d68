"""Making what the daemon tells fit into frames.

Events and pending items carry text that an agent or a server chose. None of it may keep the operator from seeing the
rest: what can't be written as JSON, or is too large, is sent shortened and escaped rather than not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from pipelock.control.frames import MAX_FRAME
from pipelock.model import Decided, Event, Notice, escape

__all__ = ["MAX_ITEM", "PAGE", "fit", "fit_event", "fit_page", "newer_than"]

MAX_ITEM = MAX_FRAME // 4
"""Bytes of one event, pending item or session; a larger one is shortened."""
PAGE = MAX_FRAME // 2
"""Bytes of items in one reply before the rest is left for the next; one item always fits."""
_SHORT_TEXT = 1_000
_SHORT_LIST = 50
_MAX_DEPTH = 16

T = TypeVar("T", bound=msgspec.Struct)

_encoder = msgspec.json.Encoder()


def fit(value: T) -> tuple[T, int]:
    """`value`, or a shortened form of it, that can be written in `MAX_ITEM` bytes, and its size.

    Texts are escaped and cut to 1 000 characters, lists to 50 items. Size 0 means that not even that fits.
    """
    size = _size(value)
    if 0 < size <= MAX_ITEM:
        return value, size
    short = msgspec.convert(_shorten(msgspec.to_builtins(value), 0), type(value))
    size = _size(short)
    return (short, size) if size <= MAX_ITEM else (value, 0)


def fit_event(event: Event) -> Event:
    """`event` as it is pushed: without replacement bodies, shortened if need be, at worst a notice in its place."""
    payload = event.payload
    if isinstance(payload, Decided) and payload.record.decision.body is not None:
        decision = msgspec.structs.replace(payload.record.decision, body=None)
        record = msgspec.structs.replace(payload.record, decision=decision)
        event = msgspec.structs.replace(event, payload=Decided(record))
    fitted, size = fit(event)
    if size:
        return fitted
    text = f"event {event.seq} is too large to be shown; the audit log has it"
    return msgspec.structs.replace(event, payload=Notice("warn", text))


def fit_page(items: Iterable[T]) -> tuple[tuple[T, ...], bool]:
    """As many of `items` from the front as one reply holds, and whether there are more.

    An item that can't be made to fit is left out.
    """
    page: list[T] = []
    total = 0
    for item in items:
        fitted, size = fit(item)
        if total + size > PAGE and page:
            return tuple(page), True
        if size:
            page.append(fitted)
            total += size + 1
    return tuple(page), False


def newer_than(items: Sequence[T], name: Callable[[T], str], after: str) -> Sequence[T]:
    """The part of `items` behind `after`; ids are decimal numbers that grow, so `after` itself may be gone."""
    if not after:
        return items
    key = (len(after), after)
    return [item for item in items if (len(name(item)), name(item)) > key]


def _size(value: msgspec.Struct) -> int:
    """Bytes of `value` as JSON, 0 where it can't be written."""
    try:
        return len(_encoder.encode(value))
    except (UnicodeError, OverflowError, ValueError, TypeError):
        return 0


def _shorten(value: object, depth: int) -> object:
    if isinstance(value, str):
        return escape(value, _SHORT_TEXT)
    if depth >= _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return {str(key): _shorten(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shorten(item, depth + 1) for item in value[:_SHORT_LIST]]
    return value
