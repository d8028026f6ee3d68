"""Transports in memory: what a peer was written, how fast it takes it, and how connections to it begin and end."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure


class Line(StringTransport):
    """A transport that says when its producer must wait, and keeps what was asked of it.

    `takes` is how many bytes the peer takes before it stops; `None` for all.
    """

    def __init__(self, takes: int | None = None) -> None:
        super().__init__()
        self.takes = takes
        self.bufferSize = 65536
        self.half_closed = False
        self.is_lost = False
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        if self.is_lost or self.disconnecting:
            return
        super().write(data)
        if self.takes is not None and len(self.value()) > self.takes and self.producer is not None:
            self.producer.pauseProducing()

    def take(self) -> bytes:
        """The peer takes what was written, and there is room again."""
        taken = self.value()
        self.clear()
        if self.producer is not None:
            self.producer.resumeProducing()
        return taken

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def pauseProducing(self) -> None:
        # The base class takes a second pause for an error; real transports do not.
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        self.producerState = "producing"

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    @property
    def is_read(self) -> bool:
        return self.producerState == "producing"

    @property
    def is_closing(self) -> bool:
        return bool(self.disconnecting or self.disconnected)


class Dialled:
    """One attempt to connect. `answer` it, or `refuse` it."""

    def __init__(self, address: str, port: int, factory: Factory) -> None:
        self.address = address
        self.port = port
        self.line = Line()
        self.protocol: Any = None
        self.is_cancelled = False
        self._factory: Any = factory

    def answer(self) -> Dialled:
        self.protocol = self._factory.buildProtocol(None)
        if self.protocol is None:
            self.line.loseConnection()
        else:
            self.protocol.makeConnection(self.line)
        return self

    def refuse(self) -> None:
        self.fails(error.ConnectionRefusedError())

    def fails(self, why: Exception) -> None:
        self._factory.clientConnectionFailed(self, Failure(why))

    def disconnect(self) -> None:
        self.is_cancelled = True
        self._factory.clientConnectionFailed(self, Failure(error.ConnectionRefusedError("cancelled")))

    def says(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def hangs_up(self, why: Exception | None = None) -> None:
        self.line.is_lost = True
        self.protocol.connectionLost(Failure(why or ConnectionDone()))

    @property
    def heard(self) -> bytes:
        return self.line.value()
