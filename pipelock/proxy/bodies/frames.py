"""The binary event streams of AWS (`application/vnd.amazon.eventstream`): frames with headers and a payload.

    total length (4) · length of headers (4) · CRC-32 of these 8 bytes · headers · payload · CRC-32 of all before

A model's answer comes as JSON in the payload, or as JSON in base64 in the member `bytes` of such a payload. A frame
whose sums are wrong is read by no client, and ends the stream here: what follows it could be cut in two ways.
"""

from __future__ import annotations

import binascii
import struct
import zlib

import msgspec

__all__ = ["MAX_HEADERS", "FrameError", "frame", "frame_length", "read_payload"]

MIN_FRAME = 16
PRELUDE = 12
MAX_HEADERS = 64
"""Headers of one frame; AWS sends three."""
_STRING = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a header's value by its type; those of types 6 (bytes) and 7 (text) have their length in front."""


class FrameError(ValueError):
    """These bytes are no frame."""


def frame_length(prelude: bytes) -> int:
    """How long the frame is that begins with these 12 bytes.

    Raises:
        FrameError: none does.
    """
    total, headers, checksum = struct.unpack(">III", prelude)
    if checksum != zlib.crc32(prelude[:8]) or total < MIN_FRAME or headers > total - MIN_FRAME:
        raise FrameError("the stream of events is no such stream")
    length: int = total
    return length


def read_payload(block: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a frame's payload, what is no UTF-8 in it replaced, and its headers as `name: value`.

    Raises:
        FrameError: the frame is damaged.
    """
    if zlib.crc32(block[:-4]) != int.from_bytes(block[-4:], "big"):
        raise FrameError("a frame is damaged")
    start = PRELUDE + int.from_bytes(block[4:8], "big")
    headers = _headers(block[PRELUDE:start])
    payload = block[start:-4]
    inner, rest = _unpacked(payload)
    return inner.decode("utf-8", "replace"), (*headers, *rest)


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """A frame with these headers, all of them texts of less than 64 KiB with names of less than 256 bytes."""
    lines = b""
    for name, value in headers.items():
        lines += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()
    prelude = struct.pack(">II", MIN_FRAME + len(lines) + len(payload), len(lines))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + lines + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _headers(data: bytes) -> tuple[str, ...]:
    found: list[str] = []
    at = 0
    while at < len(data):
        try:
            name_end = at + 1 + data[at]
            kind = data[name_end]
            start = name_end + 1
            size = _SIZES.get(kind, -1)
            if size < 0:
                if kind not in {6, _STRING}:
                    raise FrameError("a header of a frame has a type that nobody knows")
                size = int.from_bytes(data[start : start + 2], "big")
                start += 2
        except IndexError as e:
            raise FrameError("the headers of a frame break off") from e
        if start + size > len(data) or len(found) >= MAX_HEADERS:
            raise FrameError("the headers of a frame break off, or are too many")
        name = data[at + 1 : name_end].decode("utf-8", "replace")
        found.append(f"{name}: {data[start : start + size].decode('utf-8', 'replace')}")
        at = start + size
    return tuple(found)


def _unpacked(payload: bytes) -> tuple[bytes, tuple[str, ...]]:
    """What is in the member `bytes` of a payload, and its other members; the payload where it has no such member."""
    if b'"bytes"' not in payload:
        return payload, ()
    try:
        document = msgspec.json.decode(payload)
        inner = binascii.a2b_base64(document.pop("bytes"), strict_mode=True)
    except (msgspec.DecodeError, RecursionError, ValueError, KeyError, AttributeError, TypeError):
        return payload, ()
    # A key that is there twice has another value for another reader: then the payload is read as it is, too.
    twice = payload.count(b'"bytes"') > 1
    rest = [payload.decode("utf-8", "replace")] if twice else []
    return inner, (*rest, *(f"{key}: {msgspec.json.encode(value).decode()}" for key, value in document.items()))
