"""Clients in a sandbox: they come to its own listeners, and where they want to go is told by their sockets."""

from __future__ import annotations

from typing import Any

from pipelock.identity import ContainedCaller
from pipelock.model import Contained, HandedKind, HandedSocket
from pipelock.proxy.contained import factory_for
from pipelock.proxy.fake_dns import FakeNames
from tests.proxy.house import Caller, House
from tests.proxy.lines import Line

SANDBOX = Contained(id="0123456789ab", agent="tester")
SESSION = ContainedCaller("0123456789ab", "tester")
KEY = "tester@sandbox-0123456789ab|127.0.0.1"


class Place:
    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port


class InsideLine(Line):
    """A line whose near end has the name of the place that the client wanted to reach."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place

    def getHost(self) -> Any:
        return self._place


class Inside(Caller):
    """A client in the sandbox."""

    def __init__(
        self, house: House, kind: HandedKind, host: str, port: int, names: FakeNames | None = None, listener: int = 0
    ) -> None:
        factory = factory_for(
            house.context, SANDBOX, SESSION, HandedSocket(kind, listener or port), names or FakeNames()
        )
        self.line = InsideLine(Place(host, port))
        self.line.protocol = factory.buildProtocol(None)
        self.line.protocol.makeConnection(self.line)

    def finishes(self) -> None:
        """It sends its FIN."""
        self.protocol.readConnectionLost()
