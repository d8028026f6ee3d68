"""The control protocol without any I/O: bytes in, frames out; frames in, bytes out.

Wire format: one JSON object (RFC 8259) a line, ended by a line feed, at most `MAX_FRAME` bytes. The frames are in
`pipelock.control.frames`; docs/control-protocol.md describes the conversation.

Both ends run the same state machine, `TRANSITIONS`, over what was said, whoever said it; they differ only in which
frames they may send and which they read. So the table exists once and a disagreement between the two ends would be a
fault in one of them, which is then named: `LocalProtocolError` is this end's, `RemoteProtocolError` the other's.

How a driver works: hand every read to `receive`, then call `next_frame` until it gives `None`; it may stop in between
and go on later (that is how the server paces its peers), but should not read more from its socket until then.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from pipelock.control import frames
from pipelock.control.frames import MAX_FRAME, ClientFrame, ServerFrame
from pipelock.model import escape

__all__ = [
    "MAX_NUMBER",
    "MAX_OPEN_REQUESTS",
    "TRANSITIONS",
    "ClientConnection",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "Said",
    "ServerConnection",
    "State",
]

MAX_NUMBER = 2**53 - 1
"""Largest integer in a frame: what every JSON implementation holds exactly (RFC 8259 section 6)."""
MAX_OPEN_REQUESTS = 256
"""How many requests of one connection may wait for their reply at a time."""


class ProtocolError(Exception):
    """The conversation broke the protocol; the connection is of no more use."""


class LocalProtocolError(ProtocolError):
    """This end tried to say something it may not say now, or that does not fit into a frame."""


class RemoteProtocolError(ProtocolError):
    """The other end said something it may not say now, or that is no frame. The message is escaped."""


class State(StrEnum):
    """Where a conversation stands."""

    WAITING = "waiting"
    """Connected; the client has not said `Hello`."""
    GREETED = "greeted"
    """`Hello` was said; the server owes `Welcome` or `Refused`."""
    OPEN = "open"
    CLOSED = "closed"


class Said(StrEnum):
    """What moves a conversation along."""

    HELLO = "hello"
    WELCOME = "welcome"
    REFUSED = "refused"
    REQUEST = "request"
    REPLY = "reply"
    PUSH = "push"
    END = "end"
    """The connection ended, or a fault made it useless."""


# What is not in the table is a fault of whoever said it. docs/control-protocol.md draws the same edges.
TRANSITIONS: dict[tuple[State, Said], State] = {
    (State.WAITING, Said.HELLO): State.GREETED,
    (State.WAITING, Said.REFUSED): State.CLOSED,
    (State.WAITING, Said.END): State.CLOSED,
    (State.GREETED, Said.WELCOME): State.OPEN,
    (State.GREETED, Said.REFUSED): State.CLOSED,
    (State.GREETED, Said.END): State.CLOSED,
    (State.OPEN, Said.REQUEST): State.OPEN,
    (State.OPEN, Said.REPLY): State.OPEN,
    (State.OPEN, Said.PUSH): State.OPEN,
    (State.OPEN, Said.REFUSED): State.CLOSED,
    (State.OPEN, Said.END): State.CLOSED,
}

_SAID: dict[type[msgspec.Struct], Said] = {
    frames.Hello: Said.HELLO,
    frames.Subscribe: Said.REQUEST,
    frames.Unsubscribe: Said.REQUEST,
    frames.QueryStatus: Said.REQUEST,
    frames.ListPending: Said.REQUEST,
    frames.ListSessions: Said.REQUEST,
    frames.AnswerPending: Said.REQUEST,
    frames.LookAt: Said.REQUEST,
    frames.ReadBody: Said.REQUEST,
    frames.ListGrants: Said.REQUEST,
    frames.RevokeGrant: Said.REQUEST,
    frames.ReviewGrants: Said.REQUEST,
    frames.InspectSession: Said.REQUEST,
    frames.ActOnSession: Said.REQUEST,
    frames.AskContainment: Said.REQUEST,
    frames.Contain: Said.REQUEST,
    frames.ReportDenial: Said.REQUEST,
    frames.SearchHistory: Said.REQUEST,
    frames.ProposeFix: Said.REQUEST,
    frames.ApplyFix: Said.REQUEST,
    frames.RemoveSuppression: Said.REQUEST,
    frames.ListRules: Said.REQUEST,
    frames.ReviewConfig: Said.REQUEST,
    frames.RunDoctor: Said.REQUEST,
    frames.ReadAudit: Said.REQUEST,
    frames.SwitchKill: Said.REQUEST,
    frames.Reload: Said.REQUEST,
    frames.Welcome: Said.WELCOME,
    frames.Refused: Said.REFUSED,
    frames.Reply: Said.REPLY,
    frames.Push: Said.PUSH,
    frames.Gap: Said.PUSH,
    frames.Ordered: Said.PUSH,
}

Incoming = TypeVar("Incoming", bound=msgspec.Struct)
Outgoing = TypeVar("Outgoing", bound=msgspec.Struct)


class _Lines:
    """Cuts a byte stream into lines of at most `MAX_FRAME` bytes, in time linear in the bytes.

    Holds at most one unfinished line and what one `feed` brought; an over-long line is noticed before it is kept.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._tail = 0
        self.overlong = False

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Add what was read. Nothing is kept of an over-long line's excess, nor of what follows it."""
        if self.overlong:
            return
        end = data.find(b"\n")
        if self._tail + (end + 1 if end >= 0 else len(data)) > MAX_FRAME:
            self.overlong = True
            return
        last = data.rfind(b"\n")
        self._tail = len(data) - last - 1 if last >= 0 else self._tail + len(data)
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole line without its line feed; `None` where there is none yet, or it is over-long."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            self.overlong = self.overlong or self._searched > MAX_FRAME
            return None
        if end >= MAX_FRAME:
            self.overlong = True
            return None
        line = bytes(self._buffer[:end])
        # CPython drops the front of a bytearray without moving the rest.
        del self._buffer[: end + 1]
        self._searched = 0
        return line


class _Connection(Generic[Incoming, Outgoing]):
    """What both ends share: the state, the buffer and the requests that wait for their reply."""

    def __init__(self, decoder: msgspec.json.Decoder[Incoming]) -> None:
        self._decoder = decoder
        self._encoder = msgspec.json.Encoder()
        self._lines = _Lines()
        self._ended = False
        self._waiting: set[int] = set()
        self._state = State.WAITING

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._state

    @property
    def buffered(self) -> int:
        """Bytes received and not yet given out as frames."""
        return len(self._lines)

    def receive(self, data: bytes) -> None:
        """Take what was read from the socket; empty means that the other end will send no more."""
        if data:
            self._lines.feed(data)
        else:
            self._ended = True

    def next_frame(self) -> Incoming | None:
        """The next frame the other end sent, `None` until there is a whole one, or when all is over.

        Raises:
            RemoteProtocolError: What came is no frame, too long, or may not be said now. The connection is closed.
        """
        if self._state is State.CLOSED:
            return None
        line = self._lines.next()
        if line is None:
            self._at_end_of_lines()
            return None
        try:
            frame = self._decoder.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise self._remote_fault(f"not a frame of this protocol: {escape(str(error), 200)}") from error
        self._move(frame, RemoteProtocolError)
        return frame

    def send(self, frame: Outgoing) -> bytes:
        """The bytes that say `frame`.

        Raises:
            LocalProtocolError: It may not be said now, or does not fit into a frame; nothing has changed then.
        """
        try:
            line = self._encoder.encode(frame) + b"\n"
        except (UnicodeError, OverflowError, ValueError, TypeError) as error:
            raise LocalProtocolError(f"this {type(frame).__name__} can't be written as JSON: {error}") from error
        if len(line) > MAX_FRAME:
            raise LocalProtocolError(f"this {type(frame).__name__} takes {len(line)} bytes, {MAX_FRAME} are allowed")
        self._move(frame, LocalProtocolError)
        return line

    def close(self) -> None:
        """Note that the connection ended. Whoever waits for a reply waits in vain."""
        self._state = State.CLOSED
        self._waiting.clear()

    def _at_end_of_lines(self) -> None:
        if self._lines.overlong:
            raise self._remote_fault(f"a frame is longer than {MAX_FRAME} bytes")
        if self._ended:
            if self.buffered:
                raise self._remote_fault("the connection ended in the middle of a frame")
            self.close()

    def _remote_fault(self, message: str) -> RemoteProtocolError:
        self.close()
        return RemoteProtocolError(message)

    def _move(self, frame: msgspec.Struct, fault: type[ProtocolError]) -> None:
        """Check `frame` against the table and the open requests, then make the step."""
        said = _SAID[type(frame)]
        after = TRANSITIONS.get((self._state, said))
        complaint = f"{said} may not be said while {self._state}" if after is None else self._check(frame)
        if after is None or complaint:
            if fault is RemoteProtocolError:
                raise self._remote_fault(complaint)
            raise fault(complaint)
        number: int = getattr(frame, "id", 0)
        if said is Said.REQUEST:
            self._waiting.add(number)
        elif said is Said.REPLY:
            self._waiting.discard(number)
        self._state = after

    def _check(self, frame: msgspec.Struct) -> str:
        """What is wrong with a frame that may be said now; empty where nothing is."""
        number: int = getattr(frame, "id", 1)
        if not 1 <= number <= MAX_NUMBER:
            return f"an id is a number from 1 to {MAX_NUMBER}"
        if isinstance(frame, frames.Reply):
            return "" if number in self._waiting else f"a reply to request {number}, which is not open"
        if _SAID[type(frame)] is not Said.REQUEST:
            return ""
        if number in self._waiting:
            return f"request {number} is already open"
        return "" if len(self._waiting) < MAX_OPEN_REQUESTS else f"more than {MAX_OPEN_REQUESTS} requests are open"


class ServerConnection(_Connection[ClientFrame, ServerFrame]):
    """The daemon's end: reads client frames, sends server frames."""

    def __init__(self) -> None:
        super().__init__(msgspec.json.Decoder(ClientFrame))


class LaunchReply(frames.Reply, frozen=True, tag="reply"):
    """A reply as a launcher reads it: one of those to the few questions that it asks."""

    result: frames.Ok | frames.Failed | frames.ContainmentReply | frames.ContainReply


_SAID[LaunchReply] = Said.REPLY
_LaunchFrame = frames.Welcome | frames.Refused | frames.Ordered | LaunchReply


class ClientConnection(_Connection[ServerFrame, ClientFrame]):
    """A client's end: sends client frames, reads server frames.

    With `launches` it reads no more of them than a launcher is sent: to learn all takes msgspec five milliseconds.
    """

    def __init__(self, *, launches: bool = False) -> None:
        super().__init__(msgspec.json.Decoder(_LaunchFrame if launches else ServerFrame))
        self._last_id = 0

    def next_id(self) -> int:
        """A number for the next request, never used before on this connection."""
        self._last_id += 1
        return self._last_id
