"""TLS with a client in a tunnel: the handshake and how it is refused, carrying, waiting, and every way to end."""

from __future__ import annotations

import contextlib
import ssl
from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.proxy.limits import HANDSHAKE_SECONDS
from pipelock.proxy.tls_server import SILENT_SECONDS, TlsFailure, TlsServer, start_tls
from pipelock.proxy.tls_wire import MAX_UNASKED, TruncatedError
from pipelock.tls.authority import Authority
from pipelock.tls.certificates import make_authority
from tests.proxy.lines import Line
from tests.tls.peers import DAY, PythonSide, client_side

HOST = "a.example"


@cache
def ours() -> Authority:
    return Authority(make_authority("Pipelock", "test", datetime.now(UTC), 9 * DAY))


@implementer(IHalfCloseableProtocol)
class Inside(Protocol):
    """Whoever speaks inside; notes what it is told."""

    def __init__(self) -> None:
        self.heard = b""
        self.pieces = 0
        self.ended = False
        self.lost: Exception | None = None
        self.replies: list[bytes] = []
        self.pauses_at_once = False

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self.pieces += 1
        if self.pauses_at_once:
            self.transport.pauseProducing()
        for reply in self.replies:
            self.transport.write(reply)

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason.value


class Talk:
    """A client (Python's) and our side, with a line between that is carried by hand."""

    def __init__(self, client: ssl.SSLContext | None = None, agent: str = "", inside: Protocol | None = None) -> None:
        self.inside = inside or Inside()
        self.line = Line()
        self.failures: list[TlsFailure] = []
        self.client = PythonSide(client or client_side(ours().pem), host=HOST)
        self.client.step()
        self.clock = Clock()
        hello = self.client.give()
        context = ours().context_for(HOST)
        self.server: TlsServer = start_tls(
            self.line, context, hello, self.inside, self.failures.append, agent, self.clock
        )

    def carry(self) -> bytes:
        """Bring what both have to say to the other side, until there is nothing more; the last of our bytes."""
        last = b""
        for _ in range(20):
            ours_now = self.line.value()
            self.line.clear()
            if ours_now:
                last = ours_now
                self.client.take(ours_now)
            theirs = self.client.give()
            if theirs:
                self.server.dataReceived(theirs)
            if not ours_now and not theirs:
                break
        return last

    def cut(self, why: Exception | None = None) -> None:
        self.server.connectionLost(Failure(why or ConnectionDone()))


def opened(**options: object) -> Talk:
    talk = Talk(**options)
    talk.carry()
    assert talk.client.done
    assert talk.inside.transport is talk.server
    assert talk.clock.getDelayedCalls() == []
    return talk


def test_both_sides_hear_each_other():
    talk = opened()
    talk.client.say(b"GET")
    talk.carry()
    assert talk.inside.heard == b"GET"
    talk.server.write(b"200")
    talk.carry()
    assert talk.client.heard == b"200"
    assert talk.failures == []


def test_nobody_is_connected_before_the_handshake_is_done():
    talk = Talk()
    assert talk.inside.transport is None
    talk.carry()
    assert talk.inside.transport is talk.server


def test_a_byte_at_a_time_is_the_same():
    talk = Talk()
    for _ in range(10):
        talk.client.take(talk.line.value())
        talk.line.clear()
        for byte in talk.client.give():
            talk.server.dataReceived(bytes([byte]))
        if talk.client.done:
            break
    talk.client.say(b"hello")
    for byte in talk.client.give():
        talk.server.dataReceived(bytes([byte]))
    assert talk.inside.heard == b"hello"


def records(data: bytes) -> int:
    count = 0
    while data:
        data = data[5 + int.from_bytes(data[3:5], "big") :]
        count += 1
    return count


def test_what_is_written_while_reading_is_one_record():
    talk = opened()
    talk.inside.replies = [b"HTTP/1.1 200 OK\r\n", b"content-length: 2\r\n", b"\r\n", b"ok"]
    talk.client.say(b"GET")
    talk.server.dataReceived(talk.client.give())
    assert records(talk.line.value()) == 1
    talk.carry()
    assert talk.client.heard.endswith(b"\r\n\r\nok")


def test_what_is_written_later_leaves_at_once():
    talk = opened()
    talk.line.clear()
    talk.server.write(b"data: 1\n\n")
    assert records(talk.line.value()) == 1


def test_order_holds_between_small_and_large():
    talk = opened()
    talk.inside.replies = [b"a" * 10, b"b" * 100_000, b"c" * 10, b"d" * 16_383]
    talk.client.say(b"GET")
    talk.carry()
    assert talk.client.heard == b"".join(talk.inside.replies)


def test_one_read_is_delivered_in_one_piece():
    talk = opened()
    talk.client.say(b"x" * 100_000)
    talk.server.dataReceived(talk.client.give())
    assert (len(talk.inside.heard), talk.inside.pieces) == (100_000, 1)


# -- refusals ----------------------------------------------------------------------------------------------------------


def distrusting(**options: object) -> ssl.SSLContext:
    return client_side(None, **options)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_an_alert_about_the_authority_is_seen_and_answered_with_help(version):
    talk = Talk(distrusting(maximum_version=version), agent="curl/8.9.1")
    talk.carry()
    (failure,) = talk.failures
    assert failure.refused_ca
    assert "alert: unknown ca" in failure.why
    assert "CURL_CA_BUNDLE" in failure.hint
    assert talk.line.disconnecting
    talk.cut()
    assert len(talk.failures) == 1


def test_a_client_that_closes_on_our_certificate_refused_it():
    talk = Talk()
    assert talk.line.value()
    talk.cut()
    (failure,) = talk.failures
    assert failure.refused_ca
    assert "closed as soon as it saw" in failure.why
    assert "GnuTLS" in failure.hint


def test_so_did_one_that_looks_and_leaves_after_the_handshake():
    """Node checks when the handshake is done, and hangs up."""
    talk = opened()
    talk.cut()
    assert [failure.refused_ca for failure in talk.failures] == [True]
    assert isinstance(talk.inside.lost, TruncatedError)


def test_one_that_leaves_later_did_not():
    talk = opened()
    talk.clock.advance(SILENT_SECONDS)
    talk.cut()
    assert talk.failures == []


@pytest.mark.parametrize("says_bye", [True, False])
def test_one_that_we_hung_up_on_did_not(says_bye):
    talk = opened()
    talk.server.loseConnection()
    talk.client.take(talk.line.value())
    if says_bye:
        talk.client.tls.unwrap()
        talk.server.dataReceived(talk.client.give())
    else:
        talk.server.readConnectionLost()
    talk.cut()
    assert talk.failures == []


def test_one_that_spoke_did_not():
    talk = opened()
    talk.client.say(b"GET")
    talk.carry()
    talk.cut()
    assert talk.failures == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_client_that_is_too_old_is_told_apart():
    old = client_side(ours().pem)
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    talk = Talk(old)
    talk.carry()
    (failure,) = talk.failures
    assert not failure.refused_ca
    assert "no TLS newer than 1.1" in failure.why
    assert talk.client.error is not None


def test_a_client_that_wants_another_protocol_is_told_apart():
    other = client_side(ours().pem)
    other.set_alpn_protocols(["h2", "x\x1b"])
    talk = Talk(other)
    talk.carry()
    (failure,) = talk.failures
    assert not failure.refused_ca
    assert "h2, x\\x1b" in failure.why
    assert "no application protocol" in str(talk.client.error).casefold()


def test_what_is_no_tls_is_no_refusal():
    line, failures = Line(), []
    start_tls(line, ours().context_for(HOST), b"GET / HTTP/1.1\r\n\r\n", Inside(), failures.append)
    assert not failures[0].refused_ca
    assert "plain HTTP" in failures[0].why
    assert line.disconnecting


def test_a_handshake_takes_no_longer_than_it_may():
    talk = Talk()
    talk.clock.advance(HANDSHAKE_SECONDS - 0.1)
    assert talk.failures == []
    talk.clock.advance(0.2)
    talk.cut(ConnectionAborted())
    assert [failure.why for failure in talk.failures] == ["the TLS handshake with the client did not finish in time"]
    assert talk.inside.transport is None


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_full_socket_pauses_who_writes():
    talk = opened()
    calls: list[str] = []

    class Producer:
        def pauseProducing(self) -> None:
            calls.append("pause")

        def resumeProducing(self) -> None:
            calls.append("resume")

    talk.server.registerProducer(Producer(), True)
    talk.line.takes = 1000
    talk.server.write(b"x" * 2000)
    assert calls == ["pause"]
    talk.client.take(talk.line.take())
    assert calls == ["pause", "resume"]
    talk.server.unregisterProducer()
    assert talk.line.producer is None


def test_pausing_stops_reading_below():
    talk = opened()
    talk.server.pauseProducing()
    assert not talk.line.is_read
    talk.server.resumeProducing()
    assert talk.line.is_read


def test_the_end_is_not_told_to_who_does_not_read():
    talk = opened()
    talk.inside.pauses_at_once = True
    talk.client.say(b"last")
    with pytest.raises(ssl.SSLWantReadError):
        talk.client.tls.unwrap()
    talk.server.dataReceived(talk.client.give())
    assert (talk.inside.heard, talk.inside.ended) == (b"last", False)
    talk.server.resumeProducing()
    assert talk.inside.ended


# -- ends --------------------------------------------------------------------------------------------------------------


def test_closing_says_goodbye_after_what_was_written():
    talk = opened()
    talk.server.write(b"last")
    talk.server.loseConnection()
    talk.client.take(talk.line.value())
    assert (talk.client.heard, talk.client.finished) == (b"last", True)
    assert talk.line.disconnecting
    talk.cut()
    assert isinstance(talk.inside.lost, ConnectionDone)
    talk.server.write(b"too late")


def test_half_closing_goes_on_reading():
    talk = opened()
    talk.server.write(b"all")
    talk.server.loseWriteConnection()
    assert talk.line.half_closed
    talk.client.take(talk.line.value())
    assert talk.client.finished
    talk.client.say(b"thanks")
    talk.server.dataReceived(talk.client.give())
    assert talk.inside.heard == b"thanks"


def test_their_half_close_leaves_ours_open():
    talk = opened()
    with pytest.raises(ssl.SSLWantReadError):
        talk.client.tls.unwrap()
    talk.server.dataReceived(talk.client.give())
    assert talk.inside.ended
    assert not talk.line.is_closing
    talk.line.clear()
    talk.server.write(b"still here")
    assert talk.line.value()
    talk.server.readConnectionLost()
    assert not talk.line.is_closing
    talk.cut()
    assert isinstance(talk.inside.lost, ConnectionDone)


def test_who_knows_no_half_close_is_closed():
    class Whole(Protocol):
        lost: Exception | None = None

        def connectionLost(self, reason: Failure) -> None:
            self.lost = reason.value

    whole = Whole()
    talk = opened(inside=whole)
    with pytest.raises(ssl.SSLWantReadError):
        talk.client.tls.unwrap()
    talk.server.dataReceived(talk.client.give())
    assert talk.line.disconnecting
    talk.cut()
    assert isinstance(whole.lost, ConnectionDone)


@pytest.mark.parametrize("why", [ConnectionDone(), ConnectionLost()])
def test_an_end_without_goodbye_is_a_cut(why):
    talk = opened()
    talk.client.say(b"half a requ")
    talk.carry()
    talk.server.readConnectionLost()
    talk.cut(why)
    assert isinstance(talk.inside.lost, TruncatedError)


def test_aborting_says_nothing():
    talk = opened()
    talk.line.clear()
    talk.server.abortConnection()
    assert talk.line.value() == b""
    talk.cut()
    assert isinstance(talk.inside.lost, ConnectionAborted)


def test_a_broken_record_ends_it():
    talk = opened()
    talk.client.say(b"GET")
    data = bytearray(talk.client.give())
    data[-1] ^= 1
    talk.server.dataReceived(bytes(data))
    assert talk.inside.heard == b""
    assert talk.line.disconnecting
    assert talk.line.value()
    talk.cut()
    assert "mac" in str(talk.inside.lost)


def test_a_peer_that_has_us_answer_for_ever_is_cut_off(monkeypatch):
    """Changes of keys ask for an answer each (RFC 8446 §4.6.3); what is written by us does not count."""
    talk = opened()
    for _ in range(20):
        talk.server.write(b"x" * MAX_UNASKED)
    talk.line.clear()
    monkeypatch.setattr(talk.server.pipe, "read", lambda: (b"", False))
    monkeypatch.setattr(talk.server.pipe, "outgoing", lambda: b"k" * 1024)
    asked = 0
    while not talk.line.disconnecting and asked < 100:
        asked += 1
        talk.client.say(b"x")
        talk.server.dataReceived(talk.client.give())
    assert 60 <= asked <= 65
    talk.cut()
    assert "changes of keys" in str(talk.inside.lost)


def test_renegotiation_is_refused():
    """A TLS 1.2 client that asks for it (RFC 5746) gets an alert, not a second handshake."""
    line, inside, failures = Line(), Inside(), []
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    client = SSL.Connection(context, None)
    client.set_connect_state()
    client.set_tlsext_host_name(HOST.encode())
    server = start_tls(line, ours().context_for(HOST), b"", inside, failures.append)

    def step(*, reads: bool = False) -> None:
        with contextlib.suppress(SSL.WantReadError):
            client.recv(10) if reads else client.do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            server.dataReceived(client.bio_read(65536))
        if line.value():
            client.bio_write(line.value())
            line.clear()

    def on(times: int) -> None:
        for _ in range(times):
            step()
            step(reads=True)

    for _ in range(4):
        step()
    assert inside.transport is server
    client.renegotiate()
    with pytest.raises(SSL.Error):
        on(4)


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_garbage_fails_once_and_nothing_is_raised(pieces):
    line, inside, failures = Line(), Inside(), []
    server = start_tls(line, ours().context_for(HOST), b"", inside, failures.append, "", Clock())
    for piece in pieces:
        server.dataReceived(piece)
    server.connectionLost(Failure(ConnectionDone()))
    assert len(failures) == 1
    assert inside.transport is None


def test_a_client_that_leaves_before_our_certificate_refused_nothing():
    line, failures = Line(), []
    server = start_tls(line, ours().context_for(HOST), b"\x16\x03\x01", Inside(), failures.append, "", Clock())
    server.readConnectionLost()
    assert [failure.refused_ca for failure in failures] == [False]
    assert line.disconnecting
