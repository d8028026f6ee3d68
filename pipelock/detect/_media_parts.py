"""What the image parsers share: the parts they keep, the text they leave out, colour profiles."""

from __future__ import annotations

import zlib
from typing import NamedTuple

__all__ = ["MAX_PROFILE", "MAX_TEXT", "Cleaned", "MediaError", "Parts", "inflated", "is_profile", "whole"]

MAX_TEXT = 262_144
"""Bytes of left-out text that are handed on."""
MAX_PROFILE = 1_048_576
"""Bytes of a colour profile."""


class MediaError(ValueError):
    """The file is not a whole image of its kind; the text says what is wrong with it."""


class Cleaned(NamedTuple):
    """An image without metadata, how many bytes of it went, and what could be read in them."""

    data: bytes
    removed: int
    texts: bytes


class Parts:
    """The parts of a file that stay, in their order, and the text of the others."""

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._texts: list[bytes] = []
        self._room = MAX_TEXT

    def keep(self, data: bytes) -> None:
        """Copy `data` to the result."""
        self._kept.append(data)

    def drop(self, data: bytes) -> None:
        """Leave `data` out, and remember the text in it; characters of two bytes lose their zeros."""
        text = data[: 2 * self._room].replace(b"\0", b"")[: self._room]
        self._room -= len(text)
        if text:
            self._texts.append(text)

    def read(self, data: bytes) -> None:
        """Remember the text of something that stays."""
        self.drop(data)

    def cleaned(self, original: bytes) -> Cleaned:
        """The result; the original itself where nothing was left out."""
        data = b"".join(self._kept)
        if data == original:
            data = original
        return Cleaned(data, max(0, len(original) - len(data)), b"\n".join(self._texts))


def inflated(data: bytes, limit: int = MAX_TEXT) -> bytes:
    """A zlib stream (RFC 1950) inflated, at most `limit` bytes; what could be read of one that is broken."""
    inflater = zlib.decompressobj()
    try:
        return inflater.decompress(data, limit)
    except zlib.error:
        return b""


def whole(data: bytes, limit: int) -> bytes:
    """A zlib stream inflated that ends where `data` ends and has at most `limit` bytes; empty otherwise."""
    inflater = zlib.decompressobj()
    try:
        result = inflater.decompress(data, limit + 1)
    except zlib.error:
        return b""
    return result if inflater.eof and not inflater.unused_data and len(result) <= limit else b""


def is_profile(data: bytes) -> bool:
    """Whether `data` is one whole ICC profile (ICC.1:2022 §7.2: its size first, the signature at byte 36)."""
    return 128 <= len(data) <= MAX_PROFILE and data[36:40] == b"acsp" and int.from_bytes(data[:4], "big") == len(data)
