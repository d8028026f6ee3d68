"""What is used of Twisted, as types: its own interfaces are zope's, which type checkers can't read."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

__all__ = ["Call", "Clock", "Port", "UnixReactor", "Wire"]


class Call(Protocol):
    """Something that will happen later."""

    def cancel(self) -> None:
        """Have it not happen."""


class Clock(Protocol):
    """The part of IReactorTime that is used; `twisted.internet.task.Clock` has it too."""

    def seconds(self) -> float:
        """The time."""

    def callLater(self, delay: float, callable: Callable[[], None], /) -> Call:  # noqa: A002 - Twisted's name for it
        """Call `callable` in `delay` seconds."""


class Port(Protocol):
    """IListeningPort."""

    def stopListening(self) -> Deferred[None] | None:
        """Listen no more."""


class UnixReactor(Clock, Protocol):
    """IReactorUNIX and IReactorTime."""

    def listenUNIX(self, address: str, factory: Factory, backlog: int, mode: int) -> Port:
        """Listen on the socket `address`."""


class Wire(Protocol):
    """A connected transport: Twisted's Unix connections and its StringTransport."""

    def getHandle(self) -> socket.socket:
        """The socket; not on a StringTransport."""

    def write(self, data: bytes) -> None:
        """Send, or buffer."""

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: FBT001 - Twisted's signature
        """Have `producer` told when the buffer is full and when it has emptied."""

    def unregisterProducer(self) -> None:
        """Tell it no more."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read again."""

    def loseConnection(self) -> None:
        """Close when all is written."""

    def abortConnection(self) -> None:
        """Close now."""
