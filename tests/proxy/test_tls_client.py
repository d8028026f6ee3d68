"""TLS with a server: who is connected when, what a refusal says, and that nothing waits for ever."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.proxy.tls_client import TlsClientFactory, UpstreamTlsError
from pipelock.proxy.tls_wire import TruncatedError
from pipelock.tls.upstream import UpstreamTls
from tests.proxy.lines import Dialled
from tests.tls.peers import PythonSide, Signer, Wish, authority, server_side, signed

HOST = "origin.example"
ROOT = authority()


class Inside(Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.lost: Exception | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason.value


class InsideFactory(ClientFactory):
    noisy = False

    def __init__(self) -> None:
        self.made: list[Inside] = []
        self.failed: list[Exception] = []
        self.lost = 0

    def buildProtocol(self, addr: object) -> Inside:
        self.made.append(Inside())
        return self.made[-1]

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.failed.append(reason.value)

    def clientConnectionLost(self, connector: object, reason: Failure) -> None:
        self.lost += 1


class Visit:
    """A connection to a server of Python's."""

    def __init__(
        self, folder: Path, shown: Signer | None = None, upstream: UpstreamTls | None = None, **server: object
    ) -> None:
        bundle = folder / "root.pem"
        bundle.write_bytes(ROOT.pem)
        self.upstream = upstream or UpstreamTls(environ={"SSL_CERT_FILE": str(bundle)})
        self.clock = Clock()
        self.factory = InsideFactory()
        self.wrapped = TlsClientFactory(self.factory, self.upstream, HOST, 443, self.clock, 10.0)
        self.dialled = Dialled("192.0.2.1", 443, self.wrapped)
        self.server = PythonSide(server_side(folder, shown or signed(Wish(), ROOT), **server))

    def carry(self) -> None:
        for _ in range(20):
            ours = self.dialled.line.value()
            self.dialled.line.clear()
            self.server.take(ours)
            theirs = self.server.give()
            if theirs:
                self.dialled.says(theirs)
            elif not ours:
                return

    def opened(self) -> Inside:
        self.dialled.answer()
        self.carry()
        (inside,) = self.factory.made
        return inside


def test_connected_means_that_the_right_server_answered(tmp_path):
    visit = Visit(tmp_path)
    visit.dialled.answer()
    assert visit.factory.made == []
    visit.carry()
    (inside,) = visit.factory.made
    inside.transport.write(b"GET")
    visit.carry()
    assert visit.server.heard == b"GET"
    visit.server.say(b"200")
    visit.carry()
    assert inside.heard == b"200"
    assert visit.clock.getDelayedCalls() == []


def test_the_wrong_server_is_a_connection_that_failed(tmp_path):
    visit = Visit(tmp_path, signed(Wish(names=("other.example",)), ROOT))
    visit.dialled.answer()
    visit.carry()
    (error,) = visit.factory.failed
    assert isinstance(error, UpstreamTlsError)
    assert str(error).startswith("origin.example can't be trusted: its certificate is not for that name")
    assert Failure(error).getErrorMessage() == str(error)
    assert visit.dialled.line.disconnecting
    assert visit.server.error is not None
    assert "alert" in str(visit.server.error)
    visit.dialled.hangs_up()
    visit.wrapped.clientConnectionLost(visit.dialled, Failure(ConnectionDone()))
    assert (len(visit.factory.failed), visit.factory.made, visit.factory.lost) == (1, [], 0)
    assert visit.clock.getDelayedCalls() == []


def test_tcp_that_fails_is_passed_on(tmp_path):
    visit = Visit(tmp_path)
    visit.dialled.refuse()
    assert isinstance(visit.factory.failed[0], ConnectError)
    assert not isinstance(visit.factory.failed[0], UpstreamTlsError)


def test_a_server_that_hangs_up_meanwhile(tmp_path):
    visit = Visit(tmp_path)
    visit.dialled.answer()
    visit.dialled.hangs_up()
    assert str(visit.factory.failed[0]) == "origin.example closed the connection during the TLS handshake"


def test_a_server_that_speaks_no_tls(tmp_path):
    visit = Visit(tmp_path)
    visit.dialled.answer()
    visit.dialled.says(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert "does not speak TLS on this port" in str(visit.factory.failed[0])


def test_a_server_that_says_nothing(tmp_path):
    visit = Visit(tmp_path)
    visit.dialled.answer()
    visit.clock.advance(9.9)
    assert visit.factory.failed == []
    visit.clock.advance(0.2)
    visit.dialled.hangs_up(ConnectionLost())
    assert str(visit.factory.failed[0]) == "origin.example did not finish the TLS handshake in 10 s"


def test_an_end_without_goodbye_is_a_cut(tmp_path):
    visit = Visit(tmp_path)
    inside = visit.opened()
    visit.server.say(b"half of it")
    visit.carry()
    visit.dialled.hangs_up()
    assert inside.heard == b"half of it"
    assert isinstance(inside.lost, TruncatedError)


def test_a_goodbye_is_an_end(tmp_path):
    visit = Visit(tmp_path)
    inside = visit.opened()
    visit.server.say(b"all of it")
    with pytest.raises(ssl.SSLWantReadError):
        visit.server.tls.unwrap()
    visit.dialled.says(visit.server.give())
    assert inside.heard == b"all of it"
    assert visit.dialled.line.disconnecting
    visit.dialled.hangs_up()
    assert isinstance(inside.lost, ConnectionDone)


def test_a_refusal_after_the_handshake_names_the_reason(tmp_path):
    """With TLS 1.3 a server looks at client certificates when we are done already."""
    visit = Visit(tmp_path, verify_mode=ssl.CERT_REQUIRED)
    inside = visit.opened()
    assert visit.dialled.line.disconnecting
    visit.dialled.hangs_up()
    assert "tls_interception.client_certificates" in str(inside.lost)


@pytest.mark.parametrize("leaves", ["closes", "aborts", "is cut"])
def test_sessions_are_resumed_however_the_last_connection_ended(tmp_path, leaves):
    first = Visit(tmp_path)
    inside = first.opened()
    if leaves == "closes":
        inside.transport.loseConnection()
    elif leaves == "aborts":
        inside.transport.abortConnection()
    first.dialled.hangs_up()
    again = Visit(tmp_path, upstream=first.upstream)
    again.server = PythonSide(first.server.tls.context)
    again.opened()
    assert again.server.tls.session_reused
