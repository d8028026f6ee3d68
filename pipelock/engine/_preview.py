"""The start of a body for the person who is asked about it."""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.model import Action, Finding

__all__ = ["MAX_PREVIEW", "preview"]

MAX_PREVIEW = 2048
"""Bytes of the body, and characters of the preview, at most."""
_LONGEST_NEEDLE = 1024
_MASK = b"[masked]"
_NOT_SHOWN = "[not shown: it holds a secret in another spelling]"


def preview(action: Action, findings: Iterable[Finding]) -> str:
    """The first 2 048 bytes of `action`'s body as text.

    Of a request every place is masked where what was found stands, also where it stands again; of a response nothing
    is, because there it is the instruction that the person has to read.
    """
    body = action.body
    if action.comes_in:
        return _text(body[:MAX_PREVIEW])
    hidden = bytearray(MAX_PREVIEW)
    for finding in findings:
        if not finding.place.startswith("body"):
            continue
        if finding.span is None:
            return _NOT_SHOWN
        _hide(hidden, body, finding.span.start, finding.span.end)
    return _text(_masked(body[:MAX_PREVIEW], hidden))


def _hide(hidden: bytearray, body: bytes, start: int, end: int) -> None:
    """Mark the span, and every other place in the preview where the same bytes stand."""
    _mark(hidden, start, end)
    needle = body[start:end]
    # A scanner reports equal texts once. A needle that is too long to be looked for is at least not shown where it is.
    if not 0 < len(needle) <= _LONGEST_NEEDLE:
        return
    at = body.find(needle, 0, MAX_PREVIEW + len(needle))
    while at >= 0:
        _mark(hidden, at, at + len(needle))
        at = body.find(needle, at + 1, MAX_PREVIEW + len(needle))


def _mark(hidden: bytearray, start: int, end: int) -> None:
    start, end = min(start, MAX_PREVIEW), min(end, MAX_PREVIEW)
    hidden[start:end] = b"\x01" * (end - start)


def _masked(head: bytes, hidden: bytearray) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while at < len(head):
        start = hidden.find(1, at, len(head))
        if start < 0:
            break
        end = hidden.find(0, start, len(head))
        pieces += (head[at:start], _MASK)
        at = len(head) if end < 0 else end
    pieces.append(head[at:])
    return b"".join(pieces)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")[:MAX_PREVIEW]
