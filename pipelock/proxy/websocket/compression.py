"""permessage-deflate (RFC 7692) and the size of messages, as an extension of wsproto's frame protocol.

wsproto has an extension of that name. This one stands in its place because it must not inflate more than a message may
hold, must count messages that are not compressed too, and must survive a ping between two fragments of a compressed
message.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec
from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, Opcode, RsvBits

if TYPE_CHECKING:
    # zlib names neither of its classes.
    from zlib import _Compress, _Decompress

    from wsproto.frame_protocol import FrameDecoder, FrameProtocol

__all__ = ["EXTENSION", "MIN_BITS", "Deflate", "MessageGuard"]

EXTENSION = "permessage-deflate"

MIN_BITS = 9
"""The smallest window zlib compresses raw data with; for 8, which RFC 7692 knows too, messages go uncompressed."""

_MAX_BITS = 13
_MEMORY = 6
"""A window of 8 KiB and this level of memory take 64 KiB a side; the largest take 256 KiB, for a little more."""
_TAIL = b"\x00\x00\xff\xff"
_NO_BITS = RsvBits(rsv1=False, rsv2=False, rsv3=False)
_RSV1 = RsvBits(rsv1=True, rsv2=False, rsv3=False)


class Deflate(msgspec.Struct, frozen=True, gc=False):
    """What was agreed on with one side.

    Attributes:
        bits: The window for what we send, 8..15.
        forget_ours: Each message we send is compressed by itself.
        forget_theirs: The peer does likewise, so nothing of it need be remembered.
    """

    bits: int = 15
    forget_ours: bool = False
    forget_theirs: bool = False


class MessageGuard(Extension):
    """Keeps messages of one side within `limit` bytes, and takes compression off and puts it on if it was agreed on.

    A message is refused with 1009 by the header of the frame that makes it too large, a compressed one as soon as it
    has become too large; never is more than `limit` + 1 bytes of it made. What can't be inflated is refused with 1007.
    """

    name = EXTENSION

    def __init__(self, limit: int, deflate: Deflate | None) -> None:
        self.compresses = False
        self.was_compressed = False
        self._limit = limit
        # Data that does not shrink grows by 5 bytes each 16 KiB; a little more is padding, a lot is an attack.
        self._wire_limit = limit + limit // 1024 + 1024
        self._deflate = deflate
        self._is_control = False
        self._wire = self._size = 0
        self._inflater: _Decompress | None = None
        self._compressor: _Compress | None = None

    def enabled(self) -> bool:
        """Always: sizes are checked whatever was agreed on."""
        return True

    def offer(self) -> bool | str:
        """Nothing: the handshake is not wsproto's."""
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        """Check a header. wsproto calls this again for the same frame if the mask had not come."""
        self._is_control = opcode.iscontrol()
        if self._is_control:
            return _NO_BITS
        if opcode is not Opcode.CONTINUATION:
            self.was_compressed = rsv.rsv1 and self._deflate is not None
            self._wire = self._size = 0
        elif rsv.rsv1:
            return CloseReason.PROTOCOL_ERROR
        if self._wire + payload_length > (self._wire_limit if self.was_compressed else self._limit):
            return CloseReason.MESSAGE_TOO_BIG
        return _RSV1 if self.was_compressed and opcode is not Opcode.CONTINUATION else _NO_BITS

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Inflate a piece."""
        if self._is_control:
            return data
        self._wire += len(data)
        return self._inflate(data) if self.was_compressed else data

    def frame_inbound_complete(self, proto: FrameDecoder | FrameProtocol, fin: bool) -> bytes | CloseReason | None:  # noqa: FBT001 - wsproto's signature
        """Inflate what the end of a message stands for (RFC 7692 §7.2.2)."""
        if self._is_control or not fin or not self.was_compressed:
            return None
        rest = self._inflate(_TAIL)
        if self._inflater is not None and (self._inflater.eof or (self._deflate and self._deflate.forget_theirs)):
            self._inflater = None
        return rest

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        inflater = self._inflater
        if inflater is None:
            # The largest window reads what was written with any.
            inflater = self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        if inflater.eof:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA if _is_more(data) else b""
        try:
            made = inflater.decompress(data, self._limit - self._size + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._size += len(made)
        if self._size > self._limit:
            return CloseReason.MESSAGE_TOO_BIG
        return CloseReason.INVALID_FRAME_PAYLOAD_DATA if _is_more(inflater.unused_data) else made

    def frame_outbound(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,  # noqa: FBT001 - wsproto's signature
    ) -> tuple[RsvBits, bytes]:
        """Compress a message, all of which is `data`, if `compresses` says so. An empty one would not get smaller."""
        deflate = self._deflate
        if opcode.iscontrol() or deflate is None or not self.compresses or not data or deflate.bits < MIN_BITS:
            return rsv, data
        if self._compressor is None:
            self._compressor = zlib.compressobj(
                zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -min(deflate.bits, _MAX_BITS), _MEMORY
            )
        small = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        if deflate.forget_ours:
            self._compressor = None
        return _RSV1, small.removesuffix(_TAIL)


def _is_more(data: bytes) -> bool:
    """Whether `data`, which follows the last block of a message that ends its stream, is more than padding."""
    return bool(data.strip(b"\x00\xff"))
