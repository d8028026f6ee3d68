"""WebP (RFC 9649) without EXIF, XMP and unknown chunks, also those inside the frames of an animation."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.detect._media_parts import MediaError, Parts, is_profile

__all__ = ["clean_webp"]

_PICTURE = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
_HAS_PROFILE, _HAS_EXIF, _HAS_XMP = 0x20, 0x08, 0x04
_FRAME_HEAD = 16


def clean_webp(data: bytes, parts: Parts) -> None:
    """Copy the picture of `data` into `parts`. Raises MediaError for what is no whole WebP."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise MediaError("not a WebP")
    size = int.from_bytes(data[4:8], "little") + 8
    if size > len(data):
        raise MediaError("the image is cut off")
    if size < len(data):
        raise MediaError("bytes follow the end of the image")
    kept: list[tuple[bytes, bytes]] = []
    for kind, body in _chunks(data[12:]):
        if kind in _PICTURE or (kind == b"ANIM" and len(body) == 6) or (kind == b"VP8X" and len(body) == 10):
            kept.append((kind, body))
        elif kind == b"ANMF":
            kept.append((kind, _frame(body, parts)))
        elif kind == b"ICCP" and is_profile(body):
            parts.read(body)
            kept.append((kind, body))
        else:
            parts.drop(body)
    names = {kind for kind, _ in kept}
    if not names & {b"VP8 ", b"VP8L", b"ANMF"}:
        raise MediaError("the image has no picture")
    body = b"".join(_chunk(kind, _flags(body, names) if kind == b"VP8X" else body) for kind, body in kept)
    parts.keep(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position + 4 : position + 8], "little")
        end = position + 8 + size
        if end + size % 2 > len(data):
            raise MediaError("the image is cut off")
        yield data[position : position + 4], data[position + 8 : end]
        position = end + size % 2


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def _frame(body: bytes, parts: Parts) -> bytes:
    """A frame of an animation, with nothing in it but its picture."""
    if len(body) < _FRAME_HEAD:
        raise MediaError("the image is cut off")
    out = [body[:_FRAME_HEAD]]
    for kind, inner in _chunks(body[_FRAME_HEAD:]):
        if kind in _PICTURE:
            out.append(_chunk(kind, inner))
        else:
            parts.drop(inner)
    return b"".join(out)


def _flags(body: bytes, names: set[bytes]) -> bytes:
    """The head of an extended file, which must announce no more than is there."""
    flags = body[0] & ~(_HAS_EXIF | _HAS_XMP)
    if b"ICCP" not in names:
        flags &= ~_HAS_PROFILE
    return bytes((flags,)) + body[1:]
