"""GIF (GIF87a and GIF89a) without comments, plain text and application blocks; the loop count of animations stays."""

from __future__ import annotations

from pipelock.detect._media_parts import MediaError, Parts

__all__ = ["clean_gif"]

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})


def clean_gif(data: bytes, parts: Parts) -> None:
    """Copy the picture of `data` into `parts`. Raises MediaError or IndexError for what is no whole GIF."""
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise MediaError("not a GIF")
    position = 13 + _table(data[10])
    parts.keep(data[:position])
    pictured = False
    while data[position] != _TRAILER:
        start = position
        if data[position] == _IMAGE:
            position = _after(data, start + 11 + _table(data[start + 9]))
            parts.keep(data[start:position])
            pictured = True
        elif data[position] == _EXTENSION:
            label = data[position + 1]
            position = _after(data, position + 2)
            body = data[start + 2 : position]
            if _stays(label, body):
                parts.keep(data[start:position])
            else:
                parts.drop(_joined(body))
        else:
            raise MediaError("the image has a block that no GIF has")
    if not pictured:
        raise MediaError("the image has no picture")
    if position + 1 != len(data):
        raise MediaError("bytes follow the end of the image")
    parts.keep(b"\x3b")


def _table(flags: int) -> int:
    """Bytes of the colour table that `flags` announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after(data: bytes, position: int) -> int:
    """Behind the sub-blocks that start at `position` and their end mark. Raises IndexError where there is none."""
    while size := data[position]:
        position += size + 1
    return position + 1


def _stays(label: int, body: bytes) -> bool:
    if label == _CONTROL:
        return len(body) == 6
    # One block of eleven bytes names the application, one of three says how often to loop.
    return label == _APPLICATION and len(body) == 17 and body[1:12] in _LOOPS and body[12:14] == b"\x03\x01"


def _joined(blocks: bytes) -> bytes:
    """The content of sub-blocks without the bytes that count them."""
    out = []
    position = 0
    while position < len(blocks) and blocks[position]:
        out.append(blocks[position + 1 : position + 1 + blocks[position]])
        position += blocks[position] + 1
    return b"".join(out)
