"""PNG (W3C PNG, third edition) and APNG without text, EXIF, time and private chunks."""

from __future__ import annotations

import zlib

from pipelock.detect._media_parts import MAX_PROFILE, MediaError, Parts, inflated, is_profile, whole

__all__ = ["clean_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
# How many bytes a chunk that describes colour, size or animation may have: a larger one holds something else.
_KEPT = {
    b"tRNS": 256, b"cHRM": 32, b"gAMA": 4, b"sBIT": 4, b"sRGB": 1, b"bKGD": 6, b"hIST": 512, b"pHYs": 9, b"cICP": 4,
    b"mDCV": 24, b"cLLI": 8, b"acTL": 8, b"fcTL": 26,
}  # fmt: skip
_MAX_CHUNK = 0x7FFFFFFF


def clean_png(data: bytes, parts: Parts) -> None:
    """Copy the picture of `data` into `parts`. Raises MediaError for what is no whole PNG."""
    if not data.startswith(_SIGNATURE):
        raise MediaError("not a PNG")
    parts.keep(_SIGNATURE)
    position = len(_SIGNATURE)
    kind = b""
    pictured = False
    while kind != b"IEND":
        first = not kind
        size = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        end = position + 12 + size
        if end > len(data) or size > _MAX_CHUNK:
            raise MediaError("the image is cut off")
        if first is not (kind == b"IHDR"):
            raise MediaError("the image has no head, or two")
        if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise MediaError("a checksum of the image is wrong")
        body = data[position + 8 : end - 4]
        if _stays(kind, body, parts):
            parts.keep(data[position:end])
        pictured |= kind == b"IDAT"
        position = end
    if not pictured:
        raise MediaError("the image has no picture")
    if position != len(data):
        raise MediaError("bytes follow the end of the image")


def _stays(kind: bytes, body: bytes, parts: Parts) -> bool:
    if kind in _CRITICAL:
        limit = {b"IHDR": 13, b"PLTE": 768, b"IEND": 0}.get(kind)
        if limit is not None and len(body) > limit:
            raise MediaError("a chunk of the image is larger than it can be")
        return True
    if not kind.isalpha() or not kind[:1].islower():
        raise MediaError("the image has a chunk that no reader can do without, and that is not known here")
    if kind == b"fdAT" or len(body) <= _KEPT.get(kind, -1):
        return True
    if kind == b"iCCP":
        name, _, rest = body.partition(b"\0")
        profile = whole(rest[1:], MAX_PROFILE)
        parts.read(name + b"\n" + (profile or inflated(rest[1:])))
        return rest[:1] == b"\0" and len(name) <= 79 and is_profile(profile)
    parts.drop(_text(kind, body))
    return False


def _text(kind: bytes, body: bytes) -> bytes:
    """What a text chunk says; of any other chunk its bytes."""
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        return keyword + b"\n" + inflated(rest[1:])
    if kind == b"iTXt" and rest[:1] == b"\x01":
        head, _, text = rest[2:].partition(b"\0")
        translated, _, text = text.partition(b"\0")
        return b"\n".join((keyword, head, translated, inflated(text)))
    return body
