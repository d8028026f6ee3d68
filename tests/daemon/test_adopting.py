"""The sockets of one agent on a reactor that only remembers."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from pipelock.daemon.adopting import Adopting
from pipelock.identity import ContainedCaller
from pipelock.model import Contained, HandedKind, HandedSocket
from pipelock.proxy.contained import ContainedFactory

BOX = Contained(id="0123456789ab", agent="claude")
CALLER = ContainedCaller("0123456789ab", "claude")


class FakePort:
    is_open = True

    def stopListening(self) -> None:
        self.is_open = False


class FakeReactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.adopted: list[tuple[int, int, Any]] = []
        self.ports: list[FakePort] = []
        self.readers: list[Any] = []
        self.room = 10

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> FakePort:
        if len(self.ports) >= self.room:
            raise OSError("too many open files")
        self.adopted.append((descriptor, family, factory))
        self.ports.append(FakePort())
        return self.ports[-1]

    def addReader(self, reader: Any) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)


@pytest.fixture
def dns() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        yield link


def handed(dns: socket.socket) -> list[tuple[HandedSocket, int]]:
    return [
        (HandedSocket(HandedKind.DNS, 53), dns.fileno()),
        (HandedSocket(HandedKind.PROXY, 8888), 101),
        (HandedSocket(HandedKind.PROXY, 8888, 6), 102),
        (HandedSocket(HandedKind.HOST_PORT, 5432), 103),
    ]


def test_each_socket_is_served_by_its_kind_and_can_be_stopped(dns: socket.socket) -> None:
    reactor = FakeReactor()
    ports = Adopting(cast("Any", reactor), cast("Any", object()))(BOX, CALLER, handed(dns))
    assert [(descriptor, family) for descriptor, family, _ in reactor.adopted] == [
        (101, socket.AF_INET),
        (102, socket.AF_INET6),
        (103, socket.AF_INET),
    ]
    assert all(isinstance(factory, ContainedFactory) for _, _, factory in reactor.adopted)
    (names,) = reactor.readers
    copy = names.fileno()
    assert copy != dns.fileno()
    assert not os.get_inheritable(copy)
    for port in ports:
        port.stopListening()
    assert not reactor.readers
    assert not any(port.is_open for port in reactor.ports)
    os.fstat(dns.fileno())  # the launcher's own is left alone


def test_where_one_can_not_be_served_none_is(dns: socket.socket) -> None:
    reactor = FakeReactor()
    reactor.room = 2
    with pytest.raises(OSError, match="too many"):
        Adopting(cast("Any", reactor), cast("Any", object()))(BOX, CALLER, handed(dns))
    assert not reactor.readers
    assert len(reactor.ports) == 2
    assert not any(port.is_open for port in reactor.ports)
