"""Where a zstd stream may be cut so that a piece of it decodes to little (RFC 8878 §3.1).

Four bytes of a stream can stand for 128 KiB, and the decoder gives all that its input holds. So the headers of frames
and blocks are read here, which say how much a block becomes at most; nothing else of the format is, and whether the
stream is valid is the decoder's business. Streams of far more blocks than a compressor makes, even one that is flushed
after every few words, are told from others: it is the blocks that cost time.
"""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["ZstdCuts"]

_MAGIC = 0xFD2FB528
_SKIPPABLE = 0x184D2A50
_BLOCK = 131_072
_DICTIONARY_SIZES = (0, 1, 2, 4)
_CONTENT_SIZES = (0, 2, 4, 8)
_HEADER = 5
_COMPRESSED = 2
_SPARE_BLOCKS = 4_096
_LEAST = 12
"""Bytes that a block has on average, beyond the first few thousand."""


class _Next(Enum):
    """What the stream has next, behind what is skipped."""

    FRAME = auto()
    BLOCK = auto()
    NONSENSE = auto()


class ZstdCuts:
    """Reads along. `most` is how many bytes a piece may become; a single block may become 128 KiB all the same."""

    def __init__(self, most: int) -> None:
        self.is_crumbled = False
        """Whether there are too many blocks for their size."""
        self._blocks = 0
        self._before = 0
        self._most = most
        self._next = _Next.FRAME
        self._skip = 0
        self._checksum = 0

    def next(self, data: bytes, start: int) -> int:
        """How many bytes of `data` from `start` on are the next piece; 0 where more must come first.

        The caller goes on behind the piece, and keeps what is behind it for the next call. No piece goes beyond the
        end of a frame.
        """
        position = start
        becomes = 0
        while position < len(data):
            if self._next is _Next.NONSENSE:
                return len(data) - start
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                if self._next is _Next.FRAME and not self._skip:
                    break
                continue
            if self._next is _Next.FRAME:
                size = self._frame(data, position)
            else:
                size, grows = self._block(data, position)
                if size and becomes and becomes + grows > self._most:
                    break
                becomes += grows
                size = size and self._enter(data, position)
                self._blocks += 1
                if self._blocks > _SPARE_BLOCKS + (self._before + position - start) // _LEAST:
                    self.is_crumbled = True
                    break
            if not size:
                break
            position += size
            if self._next is _Next.FRAME and not self._skip:
                break
        self._before += position - start
        return position - start

    def _frame(self, data: bytes, at: int) -> int:
        """Read the header of a frame at `at`: its size, 0 where it is not all there."""
        if len(data) - at < _HEADER:
            return 0
        magic = int.from_bytes(data[at : at + 4], "little")
        if magic & ~0xF == _SKIPPABLE:
            if len(data) - at < 8:
                return 0
            self._skip = int.from_bytes(data[at + 4 : at + 8], "little")
            return 8
        if magic != _MAGIC:
            self._next = _Next.NONSENSE
            return 4
        flags = data[at + 4]
        single = flags >> 5 & 1
        size = _HEADER + 1 - single + _DICTIONARY_SIZES[flags & 3]
        size += _CONTENT_SIZES[flags >> 6] or single
        if len(data) - at < size:
            return 0
        self._checksum = 4 * (flags >> 2 & 1)
        self._next = _Next.BLOCK
        return size

    @staticmethod
    def _block(data: bytes, at: int) -> tuple[int, int]:
        """The size of the block header at `at`, 0 where it is not all there, and what the block becomes at most."""
        if len(data) - at < 3:
            return 0, 0
        header = int.from_bytes(data[at : at + 3], "little")
        return 3, _BLOCK if header >> 1 & 3 == _COMPRESSED else min(header >> 3, _BLOCK)

    def _enter(self, data: bytes, at: int) -> int:
        """Go into the block at `at`: the size of its header."""
        header = int.from_bytes(data[at : at + 3], "little")
        kind = header >> 1 & 3
        # A run is one byte, whatever its size.
        self._skip = 1 if kind == 1 else header >> 3
        if header & 1:
            self._skip += self._checksum
            self._next = _Next.FRAME
        return 3
