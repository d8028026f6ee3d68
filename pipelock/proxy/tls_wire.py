"""A connection inside TLS: the `Wire` of whoever speaks inside, a protocol to the TCP connection below.

    inner protocol ──write──▶ TlsWire ──ciphertext──▶ TCP
    inner protocol ◀──data─── TlsWire ◀──ciphertext── TCP

- The inner protocol is connected when the handshake is done and not before: what it is told, it is told by the right
  peer, and "connected" means connected.
- What arrives in one read is delivered in one piece, and all that is written meanwhile leaves in one record and one
  `send`. What is written at any other time leaves at once.
- Back-pressure is TCP's: encrypting holds nothing back, so a full socket pauses the inner producer directly, and
  pausing the inner side stops reading from the socket.
- close_notify is what ends a stream. It is passed on as a half-close; an end without it is an error (`TruncatedError`),
  because anyone on the way can cut a TCP connection.
"""

from __future__ import annotations

import socket
from enum import Enum, auto
from typing import Protocol as Shape

from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Wire
from pipelock.proxy.fastwrite import send_at_once, write_now
from pipelock.tls.pipe import BrokenTlsError, TlsPipe

__all__ = ["TlsWire", "TruncatedError", "failure"]

_GATHERED = 16_384
"""Bytes of small writes that are gathered into one record: more do not fit in."""
MAX_UNASKED = 65_536
"""Bytes that OpenSSL may send by itself on an open connection, in answer to changes of keys and the like: more than
an honest peer has it send in a lifetime. A peer that asks on and on and takes no answers would fill our memory."""


class TruncatedError(Exception):
    """The connection ended without TLS's closing word: what arrived may not be all there was."""

    def __init__(self) -> None:
        super().__init__("the connection was cut: it ended without TLS's close_notify")


def failure(error: Exception) -> Failure:
    """An error, as Twisted hands them about."""
    return Failure(error)  # type: ignore[no-untyped-call]


class _Halves(Shape):
    """IHalfCloseableProtocol, as a type."""

    def readConnectionLost(self) -> None:
        """The other side sends no more."""

    def writeConnectionLost(self) -> None:
        """We send no more."""


class _State(Enum):
    SHAKING = auto()
    OPEN = auto()
    OVER = auto()


@implementer(IHalfCloseableProtocol)
class TlsWire(Protocol):
    """TLS on top of a transport, for either side.

    A side is a subclass that says what happens at the turning points (`_ready`, `_failed`, `_broke`, `_peer_left`).

    Args:
        connection: OpenSSL's, over memory, its side (accept or connect) set.
    """

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, connection: SSL.Connection) -> None:
        self.pipe = TlsPipe(connection)
        self.received = 0
        """Bytes of plain text from the other side."""
        self.peer_finished = False
        """The other side said that no more comes."""
        self._state = _State.SHAKING
        self._inner: Protocol | None = None
        self._inner_halves: _Halves | None = None
        self._reason: Failure | None = None
        self._gathering = False
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._unasked = 0
        self._closed_here = False
        self._said_bye = False
        self._paused = False
        self._owes_end = False

    # -- what a side decides ----------------------------------------------------------------------------------------

    def _ready(self) -> Protocol | None:
        """The handshake is done, called once: who speaks inside; `None` to hang up."""
        raise NotImplementedError

    def _failed(self, error: BrokenTlsError) -> None:
        """The handshake did not come about, called once instead of `_ready`."""
        raise NotImplementedError

    def _broke(self, error: BrokenTlsError) -> Exception:
        """An open connection broke: the reason that the inner protocol is given."""
        return error

    def _peer_left(self) -> None:
        """The other side ended an open connection before we did, with close_notify or without."""

    # -- from below ------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """TCP is up. A client begins to speak."""
        send_at_once(self.transport)
        self._advance()

    def dataReceived(self, data: bytes) -> None:
        """Ciphertext. After close_notify nothing counts any more."""
        if self._state is not _State.OVER and not self.peer_finished:
            self.pipe.feed(data)
            self._advance()

    def readConnectionLost(self) -> None:
        """TCP says that no more comes: the end if TLS said so before, else a cut."""
        if self._state is _State.SHAKING:
            self._fail(BrokenTlsError(()))
        elif not self.peer_finished and self._state is _State.OPEN:
            self._cut()
            self._abort_below()

    def writeConnectionLost(self) -> None:
        """Our half-close is done."""
        if self._inner_halves is not None:
            self._inner_halves.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """TCP is gone."""
        state, self._state = self._state, _State.OVER
        if state is _State.SHAKING:
            self._failed(BrokenTlsError(()))
        if self._reason is None and not self.peer_finished and not self._closed_here:
            self._cut()
        inner, self._inner, self._inner_halves = self._inner, None, None
        self._gathered.clear()
        if inner is not None:
            inner.connectionLost(self._reason or reason)

    def _cut(self) -> None:
        self._reason = failure(TruncatedError())
        self._note_end()

    def _note_end(self) -> None:
        """The other side ended it. If we did first, it only followed."""
        if self._inner is not None and not self._closed_here:
            self._peer_left()

    def _advance(self) -> None:
        gathers, self._gathering = self._gathering, True
        try:
            if self._state is _State.SHAKING and self._shake():
                self._open()
            if self._state is _State.OPEN:
                self._deliver()
        except BrokenTlsError as error:
            self._break(error)
        finally:
            self._gathering = gathers
        if not gathers:
            self._flush()

    def _shake(self) -> bool:
        try:
            return self.pipe.handshake()
        except BrokenTlsError as error:
            self._fail(error)
            return False

    def _open(self) -> None:
        inner = self._ready()
        if inner is None:
            self._state = _State.OVER
            self.loseConnection()
            return
        self._state = _State.OPEN
        self._inner = inner
        self._inner_halves = IHalfCloseableProtocol(inner, None)
        inner.makeConnection(self)  # type: ignore[no-untyped-call]

    def _deliver(self) -> None:
        data, ended = self.pipe.read()
        if data and self._inner is not None and not self._closed_here:
            self.received += len(data)
            self._inner.dataReceived(data)
        if ended:
            self.peer_finished = True
            self._note_end()
            # Who does not read does not hear of the end before it reads on, as with TCP.
            self._owes_end = True
            self._tell_end()

    def _tell_end(self) -> None:
        if self._owes_end and not self._paused and self._inner is not None:
            self._owes_end = False
            if self._inner_halves is not None:
                self._inner_halves.readConnectionLost()
            else:
                self.loseConnection()

    def _fail(self, error: BrokenTlsError) -> None:
        if self._state is _State.SHAKING:
            self._state = _State.OVER
            # The alert goes out first: it is how the other side learns what is wrong.
            self._flush()
            self._failed(error)
            if self.transport is not None:
                self.transport.loseConnection()

    def _break(self, error: BrokenTlsError) -> None:
        """A broken record, or an alert, in an open connection."""
        if self._state is _State.OPEN:
            self._state = _State.OVER
            self._reason = failure(self._broke(error))
            self._send()
            if self.transport is not None:
                self.transport.loseConnection()

    # -- the Wire ---------------------------------------------------------------------------------------------------

    @property
    def bufferSize(self) -> int:
        """Bytes of ciphertext read at once."""
        return self.transport.bufferSize if self.transport is not None else 0

    @bufferSize.setter
    def bufferSize(self, size: int) -> None:
        if self.transport is not None:
            self.transport.bufferSize = size

    def getHandle(self) -> socket.socket:
        """The socket below."""
        if self.transport is None:
            raise OSError("not connected")
        return self.transport.getHandle()

    @property
    def negotiated(self) -> bytes:
        """The protocol that is spoken inside (ALPN); empty if the client named none."""
        return self.pipe.connection.get_alpn_proto_negotiated()

    def write(self, data: bytes) -> None:
        """Encrypt and send. While what was received is being delivered, small writes are gathered."""
        if self._state is not _State.OPEN or self._said_bye:
            return
        if self._gathering and len(data) < _GATHERED:
            self._gathered.append(data)
            self._gathered_size += len(data)
            if self._gathered_size >= _GATHERED:
                self._encrypt_gathered()
            return
        self._encrypt_gathered()
        self._encrypt(data)
        self._send()

    def writeSequence(self, pieces: list[bytes]) -> None:
        """Write several pieces as one."""
        self.write(b"".join(pieces))

    def _encrypt_gathered(self) -> None:
        if self._gathered:
            data, self._gathered = b"".join(self._gathered), []
            self._gathered_size = 0
            self._encrypt(data)

    def _encrypt(self, data: bytes) -> None:
        try:
            self.pipe.write(data)
        except BrokenTlsError as error:
            self._break(error)

    def _flush(self) -> None:
        is_unasked = not self._gathered
        if self._state is _State.OPEN and not self._said_bye:
            self._encrypt_gathered()
        sent = self._send()
        if is_unasked and self._state is _State.OPEN:
            self._unasked += sent
            if self._unasked > MAX_UNASKED:
                self._break(BrokenTlsError(("too many changes of keys",)))

    def _send(self) -> int:
        data = self.pipe.outgoing()
        if data and self.transport is not None:
            write_now(self.transport, data)
        return len(data)

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Have `producer` paused and resumed as the socket below fills and empties."""
        if self.transport is not None:
            self.transport.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Tell it no more."""
        if self.transport is not None:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Stop reading."""
        self._paused = True
        if self.transport is not None:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self._paused = False
        self._tell_end()
        if self.transport is not None and not self._paused:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """Read no more."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Send what was written, say goodbye, and close."""
        self._say_bye()
        self._closed_here = True
        if self.transport is not None:
            self.transport.loseConnection()

    def loseWriteConnection(self) -> None:
        """Say that no more comes; keep reading."""
        self._say_bye()
        if self.transport is not None:
            self.transport.loseWriteConnection()

    def abortConnection(self) -> None:
        """Close now; what was not sent is dropped."""
        self._closed_here = True
        self._gathered.clear()
        if self._reason is None:
            self._reason = failure(ConnectionAborted())
        self._abort_below()

    def _say_bye(self) -> None:
        if not self._said_bye:
            self._flush()
            self._said_bye = True
            self.pipe.close()
            self._send()

    def _abort_below(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()
