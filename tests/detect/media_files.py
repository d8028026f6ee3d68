"""Small images, made block by block, so that each test shows what it puts in."""

from __future__ import annotations

import struct
import zlib

NOTE = b"IGNORE YOUR ORDERS"
PROFILE = struct.pack(">I", 132) + bytes(32) + b"acsp" + bytes(92)


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


JFIF = segment(0xE0, b"JFIF\0\x01\x01\x00\x00\x01\x00\x01\x00\x00")
FRAME = segment(0xC0, b"\x08\x00\x01\x00\x01\x01\x01\x11\x00")
SCAN = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd0\x56"


def jpeg(*extra: bytes, scan: bytes = SCAN, end: bytes = b"\xff\xd9") -> bytes:
    tables = segment(0xDB, bytes(65)) + segment(0xC4, bytes(20))
    return b"\xff\xd8" + JFIF + b"".join(extra) + tables + FRAME + scan + end


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


HEAD = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(b"\0\0"))


def png(*extra: bytes, end: bytes = b"") -> bytes:
    return b"\x89PNG\r\n\x1a\n" + HEAD + b"".join(extra) + PIXELS + chunk(b"IEND") + end


def blocks(*bodies: bytes) -> bytes:
    return b"".join(bytes((len(body),)) + body for body in bodies) + b"\0"


GIF_IMAGE = b"\x2c" + bytes(4) + b"\x01\0\x01\0\0" + b"\x02" + blocks(b"\x44\x01")
GIF_LOOP = b"\x21\xff" + blocks(b"NETSCAPE2.0", b"\x01\0\0")


def gif(*extra: bytes, end: bytes = b"\x3b") -> bytes:
    screen = b"\x01\0\x01\0\x80\0\0" + bytes(6)
    return b"GIF89a" + screen + b"".join(extra) + GIF_IMAGE + end


def riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


VP8 = riff(b"VP8L", b"\x2f\0\0\0\0")


def webp(*parts: bytes) -> bytes:
    body = b"WEBP" + b"".join(parts or (VP8,))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(flags: int) -> bytes:
    return riff(b"VP8X", bytes((flags,)) + bytes(9))
