"""What is used of Twisted, as types: its own interfaces are zope's, which type checkers can't read."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, ProcessProtocol

__all__ = ["Address", "Call", "Clock", "Connector", "Port", "Process", "Reactor", "UnixReactor", "Wire"]


class Call(Protocol):
    """IDelayedCall."""

    def cancel(self) -> None:
        """Have it not happen."""

    def active(self) -> bool:
        """Whether it is still to happen."""


class Clock(Protocol):
    """The part of IReactorTime that is used; `twisted.internet.task.Clock` has it too."""

    def seconds(self) -> float:
        """The time."""

    def callLater(self, delay: float, callable: Callable[..., object], /, *args: object) -> Call:  # noqa: A002
        """Call `callable` in `delay` seconds."""


class Address(Protocol):
    """IPv4Address and IPv6Address."""

    host: str
    port: int


class Port(Protocol):
    """IListeningPort."""

    def getHost(self) -> Address:
        """Where it listens."""

    def stopListening(self) -> Deferred[None] | None:
        """Listen no more."""


class Connector(Protocol):
    """IConnector."""

    def disconnect(self) -> None:
        """Stop connecting, or close what is connected."""


class Process(Protocol):
    """IProcessTransport."""

    pid: int | None

    def signalProcess(self, signalID: str, /) -> None:
        """Send a signal by its name, without `SIG`. Raises `ProcessExitedAlready`."""


class Wire(Protocol):
    """A connected transport: TCP, TLS, Unix, and (but for the handle) Twisted's StringTransport."""

    bufferSize: int

    def getHost(self) -> Address:
        """Our end."""

    def getPeer(self) -> Address:
        """The other one's."""

    def getHandle(self) -> socket.socket:
        """The socket."""

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

    def loseWriteConnection(self) -> None:
        """Send FIN when all is written; keep reading."""

    def abortConnection(self) -> None:
        """Close now."""


class UnixReactor(Clock, Protocol):
    """IReactorUNIX and IReactorTime."""

    def listenUNIX(self, address: str, factory: Factory, backlog: int, mode: int) -> Port:
        """Listen on a Unix socket."""


class Reactor(UnixReactor, Protocol):
    """The parts of the reactor that the daemon uses."""

    running: bool

    def run(self) -> None:
        """Run until stopped."""

    def stop(self) -> None:
        """Stop, after the shutdown triggers."""

    def callFromThread(self, callable: Callable[..., object], /, *args: object) -> None:  # noqa: A002
        """Call on the reactor's thread; safe in signal handlers."""

    def callWhenRunning(self, callable: Callable[..., object], /) -> object:  # noqa: A002
        """Call once signal handlers are installed and everything is about to run."""

    def addSystemEventTrigger(self, phase: str, event: str, callable: Callable[..., object], /) -> object:  # noqa: A002
        """Call at a phase of an event."""

    def listenTCP(self, port: int, factory: Factory, backlog: int = ..., interface: str = ...) -> Port:
        """Listen."""

    def connectTCP(self, host: str, port: int, factory: Factory, timeout: float = ...) -> Connector:
        """Connect."""

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: Factory) -> Port:
        """Listen on a copy of a socket that listens already (IReactorSocket)."""

    def addReader(self, reader: object, /) -> None:
        """Call `doRead` when there is something to be read (IReactorFDSet)."""

    def removeReader(self, reader: object, /) -> None:
        """Do so no more."""

    def spawnProcess(  # noqa: PLR0917 - Twisted's signature
        self,
        processProtocol: ProcessProtocol,
        executable: bytes,
        args: Sequence[bytes],
        env: Mapping[bytes, bytes],
        path: bytes | None,
        childFDs: Mapping[int, int],
    ) -> Process:
        """Start a process."""
