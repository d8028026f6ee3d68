"""One side of a WebSocket: bytes to messages, messages to bytes. wsproto reads and writes the frames."""

from __future__ import annotations

import msgspec
from wsproto.frame_protocol import CloseReason, Frame, FrameProtocol, Opcode, ParseFailed

from pipelock.proxy.websocket.close import INVALID_DATA, NO_STATUS, PROTOCOL_ERROR, Close, clipped
from pipelock.proxy.websocket.compression import Deflate, MessageGuard

__all__ = ["FRAMES_AT_ONCE", "Broken", "Busy", "Closed", "Endpoint", "Happening", "Message", "Ping", "Pong"]


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message, its fragments joined.

    Attributes:
        data: As it is judged; UTF-8 for a text.
        text: The same as text; `None` for binary data.
        compressed: It came compressed, and is passed on so.
    """

    data: bytes
    text: str | None = None
    compressed: bool = False

    @property
    def is_binary(self) -> bool:
        """Whether it is no text."""
        return self.text is None


class Ping(msgspec.Struct, frozen=True, gc=False):
    """A ping of at most 125 bytes, which wants them back."""

    payload: bytes


class Pong(msgspec.Struct, frozen=True, gc=False):
    """A pong. What it holds concerns nobody."""


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The peer sends nothing more."""

    close: Close


class Broken(msgspec.Struct, frozen=True, gc=False):
    """The peer broke a rule or a limit, and is not read any more; `close` is what it is to be told."""

    close: Close


class Busy(msgspec.Struct, frozen=True, gc=False):
    """Many frames were read that were nothing whole, and there may be more. `is_idle`: next to nothing was in them."""

    is_idle: bool


Happening = Message | Ping | Pong | Closed | Broken | Busy

FRAMES_AT_ONCE = 512
"""A frame costs a peer two bytes and us ten microseconds, so this is 5 ms."""

_TINY = 16
"""Bytes in a frame, on average, below which nobody means well."""

_WORDS = {
    CloseReason.PROTOCOL_ERROR: "protocol error",
    CloseReason.INVALID_FRAME_PAYLOAD_DATA: "invalid UTF-8",
    CloseReason.MESSAGE_TOO_BIG: "message too large",
}


class Endpoint:
    """Reads what one peer sends, and writes what it is sent.

    Args:
        is_client: We are the client here and the peer is the server: we mask, it does not.
        max_message: Bytes that a message may have, decompressed.
        deflate: What was agreed on about compression.

    Bytes are only read when somebody polls: of compressed messages, a few bytes may stand for a lot.
    """

    def __init__(self, *, is_client: bool, max_message: int, deflate: Deflate | None = None) -> None:
        self._guard = MessageGuard(max_message, deflate)
        self._frames = FrameProtocol(is_client, [self._guard])
        self._held = bytearray()  # not a list: fragments may have one byte each
        self._is_done = False

    @property
    def held(self) -> int:
        """Bytes of a message of which the last fragment has not come."""
        return len(self._held)

    def feed(self, data: bytes) -> None:
        """Take bytes of the peer; what comes after its Close, or after it broke a rule, is dropped."""
        if not self._is_done:
            self._frames.receive_bytes(data)

    def poll(self) -> Happening | None:
        """The next thing that happened, if all its bytes are there. `Closed` and `Broken` are the last ones."""
        if self._is_done:
            return None
        try:
            size = 0
            for count, frame in enumerate(self._frames.received_frames(), 1):
                happening = self._read(frame)
                if happening is not None:
                    return happening
                size += len(frame.payload)
                if count == FRAMES_AT_ONCE:
                    return Busy(size < FRAMES_AT_ONCE * _TINY)
        except ParseFailed as error:
            self._is_done = True
            self._held.clear()
            return Broken(Close(int(error.code), _words(error)))
        return None

    def _read(self, frame: Frame) -> Happening | None:
        match frame.payload:
            case tuple():
                self._is_done = True
                self._held.clear()
                code, reason = frame.payload
                return Closed(Close(int(code), reason))
            case str():
                return self._text(frame.payload, last=frame.message_finished)
            case _:
                if frame.opcode is Opcode.PING:
                    return Ping(bytes(frame.payload))
                if frame.opcode is Opcode.PONG:
                    return Pong()
                return self._binary(bytes(frame.payload), last=frame.message_finished)

    def _text(self, piece: str, *, last: bool) -> Message | None:
        if not last:
            self._held += piece.encode()
            return None
        if not self._held:
            return Message(piece.encode(), piece, self._guard.was_compressed)
        data = self._taken(piece.encode())
        return Message(data, data.decode(), self._guard.was_compressed)

    def _binary(self, piece: bytes, *, last: bool) -> Message | None:
        if not last:
            self._held += piece
            return None
        return Message(self._taken(piece), None, self._guard.was_compressed)

    def _taken(self, piece: bytes) -> bytes:
        data = bytes(self._held + piece)
        self._held.clear()
        return data

    # -- writing ---------------------------------------------------------------------------------------------------

    def message(self, message: Message) -> bytes:
        """`message` in one frame, compressed if it came so and the peer agreed to that."""
        self._guard.compresses = message.compressed
        return bytes(self._frames.send_data(message.data if message.text is None else message.text))

    def ping(self) -> bytes:
        """An empty ping."""
        return bytes(self._frames.ping())

    def pong(self, payload: bytes = b"") -> bytes:
        """A pong."""
        return bytes(self._frames.pong(payload))

    def close(self, close: Close) -> bytes:
        """A Close frame; nothing may be written after it."""
        if close.code == NO_STATUS:
            return bytes(self._frames.close())
        return bytes(self._frames.close(close.code, clipped(close.reason)))


def _words(error: ParseFailed) -> str:
    """What is told of a broken rule: ours, because wsproto's may quote what was sent."""
    if error.code == PROTOCOL_ERROR:
        text = str(error)
        for sign, words in _RULES:
            if sign in text:
                return words
    if error.code == INVALID_DATA and "extension" in str(error):
        return "invalid compressed data"
    return _WORDS.get(error.code, "protocol error")


_RULES = (
    ("payload len > 125", "control frame too large"),
    ("unexpected CONTINUATION", "unexpected continuation frame"),
    ("expected CONTINUATION", "new data frame during fragmentation"),
    ("Reserved bit", "reserved bit set"),
    ("Invalid opcode", "reserved opcode"),
    ("fragment control", "fragmented control frame"),
    ("unexpected masked", "masked frame from a server"),
    ("unexpected unmasked", "unmasked frame from a client"),
    ("CLOSE with", "invalid close frame"),
)
