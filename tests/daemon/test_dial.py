"""What is dialled, and with what around it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.protocol import ClientFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.daemon import dial
from pipelock.daemon.dial import Dial
from pipelock.proxy.tls_client import TlsClientFactory
from pipelock.proxy.upstream import Origin
from pipelock.tls.upstream import TrustError


class FakeReactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def connectTCP(self, *call: Any) -> str:
        self.calls.append(call)
        return "connector"


class Inside(ClientFactory):
    def __init__(self) -> None:
        self.failed: list[str] = []

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.failed.append(reason.getErrorMessage())


def test_plain_connections_are_plain() -> None:
    reactor, inside = FakeReactor(), Inside()
    dialled = Dial(reactor)
    assert dialled(Origin("http", "a.example", 80), "192.0.2.1", inside, 5.0) == "connector"
    assert dialled.tunnel("192.0.2.1", 443, inside, 6.0) == "connector"
    assert reactor.calls == [("192.0.2.1", 80, inside, 5.0), ("192.0.2.1", 443, inside, 6.0)]


def test_https_is_wrapped_and_the_host_named() -> None:
    reactor, inside = FakeReactor(), Inside()
    Dial(reactor)(Origin("https", "a.example", 8443), "192.0.2.1", inside, 5.0)
    ((address, port, wrapped, timeout),) = reactor.calls
    assert (address, port, timeout) == ("192.0.2.1", 8443, 5.0)
    assert isinstance(wrapped, TlsClientFactory)
    assert (wrapped.inner, wrapped.host, wrapped.port, wrapped.timeout) == (inside, "a.example", 8443, 5.0)


def test_without_anybody_to_trust_nothing_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(**_: object) -> None:
        raise TrustError("there are no authorities")

    monkeypatch.setattr(dial, "UpstreamTls", nobody)
    reactor, inside = FakeReactor(), Inside()
    Dial(reactor)(Origin("https", "a.example", 443), "192.0.2.1", inside, 5.0)
    assert inside.failed == []
    reactor.advance(0)
    assert inside.failed == ["a.example can't be checked: there are no authorities"]
    assert reactor.calls == []
    Dial(reactor)(Origin("https", "a.example", 443), "192.0.2.1", inside, 5.0).disconnect()
    reactor.advance(0)
    assert len(inside.failed) == 1
