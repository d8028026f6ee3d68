"""JPEG (ITU-T T.81 annex B) without application segments and comments.

Kept are the segments that a decoder needs, JFIF without its thumbnail, Adobe's colour transform, and a colour profile
that is one. All other APPn segments and comments go.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pipelock.detect._media_parts import MediaError, Parts, is_profile
from pipelock.detect._pattern import compile_linear

__all__ = ["clean_jpeg"]

_SOI, _EOI, _SOS, _COM = 0xD8, 0xD9, 0xDA, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NEEDED = _FRAMES | {0xC4, 0xCC, _SOS, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF}
_APPLICATION = frozenset(range(0xE0, 0xF0))
_ICC = b"ICC_PROFILE\0\x01\x01"


def clean_jpeg(data: bytes, parts: Parts) -> None:
    """Copy the picture of `data` into `parts`. Raises MediaError or IndexError for what is no whole JPEG."""
    if data[:2] != b"\xff\xd8":
        raise MediaError("not a JPEG")
    parts.keep(data[:2])
    position = 2
    framed = scanned = False
    while True:
        marker, start = _marker(data, position)
        if marker == _EOI:
            break
        if marker not in _NEEDED and marker not in _APPLICATION and marker != _COM:
            raise MediaError("the image has a segment that no JPEG has there")
        end = start + int.from_bytes(data[start : start + 2], "big")
        if end < start + 2 or end > len(data):
            raise MediaError("the image is cut off")
        body = data[start + 2 : end]
        _segment(marker, body, parts)
        framed |= marker in _FRAMES
        position = end
        if marker == _SOS:
            scanned = True
            position = _scan_end(data, end)
            parts.keep(data[end:position])
    if not (framed and scanned):
        raise MediaError("the image has no picture")
    if start != len(data):
        raise MediaError("bytes follow the end of the image")
    parts.keep(b"\xff\xd9")


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at `position` and where it ends; any number of fill bytes may stand before it."""
    if data[position] != 0xFF:
        raise MediaError("the image has bytes between its segments")
    while data[position] == 0xFF:
        position += 1
    return data[position], position + 1


def _segment(marker: int, body: bytes, parts: Parts) -> None:
    if marker in _NEEDED:
        kept = body
    elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
        kept = body[:12] + b"\0\0"
    elif marker == 0xE2 and body.startswith(_ICC) and is_profile(body[len(_ICC) :]):
        kept = body
        parts.read(body)
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) == 12:
        kept = body
    else:
        parts.drop(body)
        return
    if len(kept) < len(body):
        parts.drop(body[len(kept) :])
    parts.keep(b"\xff" + bytes((marker,)) + (len(kept) + 2).to_bytes(2, "big") + kept)


def _scan_end(data: bytes, position: int) -> int:
    """Where the entropy-coded data that starts at `position` ends: at a marker that is no restart (T.81 §B.1.1.5)."""
    found = _markers().search(data, position)
    if found is None:
        raise MediaError("the image is cut off")
    return int(found.start())


@cache
def _markers() -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(rb"\xff[\x01-\xcf\xd8-\xfe]")
