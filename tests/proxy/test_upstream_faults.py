"""An origin that goes wrong at every phase: one word to whoever asked, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet import error
from twisted.python.failure import Failure

from pipelock.proxy.http1 import Limits
from pipelock.proxy.limits import CONNECT_SECONDS
from pipelock.proxy.tls_client import UpstreamTlsError
from pipelock.proxy.tls_wire import TruncatedError
from pipelock.proxy.upstream import Origin, UpstreamRequest
from tests.proxy.far_side import HTTP, HTTPS, ONE, TWO, Asker, FarSide, get, ok, post, streamed, upgrade
from tests.proxy.lines import Dialled

FIN = error.ConnectionDone
RST = error.ConnectionLost

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = HEAD + b"Content-Length: 10\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = HEAD + b"\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"

PHASES: list[tuple[str, bytes]] = [
    ("after accept", b""),
    ("in the middle of the status line", b"HTTP/1.1 2"),
    ("in the middle of the head", HEAD + b"Content-"),
    ("after an interim response", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("after the head, length", LENGTH),
    ("in the body, length", LENGTH + b"12345"),
    ("after the head, chunked", CHUNKED),
    ("in a chunk size", CHUNKED + b"5"),
    ("in a chunk", CHUNKED + b"5\r\nab"),
    ("between chunks", CHUNKED + b"2\r\nab\r\n"),
    ("in the trailers", CHUNKED + b"2\r\nab\r\n0\r\nX-Sum: 1\r\n"),
]
GARBAGE: list[tuple[str, bytes]] = [
    ("another protocol", b"SSH-2.0-OpenSSH_9\r\n\r\n"),
    ("binary", bytes(range(256))),
    ("two lengths", HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ("a head without end", HEAD + b"X: " + b"x" * Limits().head),
    ("a chunk that is longer than it says", CHUNKED + b"2\r\nabc\r\n"),
    ("a forbidden trailer", CHUNKED + b"0\r\nSet-Cookie: a=b\r\n\r\n"),
    ("trailers without end", CHUNKED + b"0\r\n" + b"A: b\r\n" * 2000),
    ("interim responses without end", b"HTTP/1.1 100 Continue\r\n\r\n" * 20),
    ("a switch nobody asked for", SWITCH),
]
REQUESTS: dict[str, Callable[[], UpstreamRequest]] = {
    "GET": get,
    "POST": lambda: post(b"body"),
    "large": lambda: post(b"x" * 1_000_000),
    "streamed": streamed,
}


def asked(far: FarSide, name: str, origin: Origin = HTTP, addresses: tuple[str, ...] = ONE) -> Asker:
    asker = far.ask(REQUESTS[name](), origin, addresses)
    if name == "streamed":
        asker.sending.write(b"a piece")
    return asker


def assert_failed_once(far: FarSide, asker: Asker, *, status: int = 502) -> None:
    """One failure, with a reason; afterwards neither time nor the asker changes anything."""
    assert asker.why
    assert asker.status == status
    assert not asker.untrusted
    asker.sending.write(b"more")
    asker.sending.finish()
    asker.sending.pause()
    asker.sending.resume()
    asker.sending.cancel()
    far.wait(60)
    assert len(asker.ends) == 1
    far.assert_nothing_is_left()


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("how", [FIN, RST])
@pytest.mark.parametrize(("phase", "said"), PHASES, ids=[phase for phase, _ in PHASES])
def test_it_dies(phase: str, said: bytes, how: type[Exception], name: str, kept: bool) -> None:
    far = FarSide(takes=100)
    if kept:
        far.ask(get())
        far.dials[0].answer().says(ok())
        far.dials[0].line.clear()
    asker = asked(far, name)
    dial = far.dials[-1]
    if not kept:
        dial.answer()
    if said:
        dial.says(said)
    dial.hangs_up(how())
    if kept and not said and name == "GET":
        assert asker.ends == [], "the usual race: it is asked again"
        far.dials[1].answer().hangs_up(how())
    assert (asker.head is None) == (b"\r\n\r\n" not in said or b" 100 " in said)
    assert_failed_once(far, asker)


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(("case", "said"), GARBAGE, ids=[case for case, _ in GARBAGE])
def test_it_talks_nonsense(case: str, said: bytes, name: str) -> None:
    far = FarSide(takes=100)
    asker = asked(far, name)
    far.dials[0].answer().says(said)
    assert "malformed" in asker.why
    assert far.dials[0].line.is_closing
    assert_failed_once(far, asker)


def test_a_body_that_lasts_until_the_end_is_whole_only_if_that_was_in_order() -> None:
    for how, whole in ((FIN, True), (RST, False)):
        far = FarSide()
        asker = far.ask(get())
        far.dials[0].answer().says(UNTIL_CLOSE + b"all of it?")
        far.dials[0].hangs_up(how())
        assert asker.is_answered == whole
        assert len(asker.ends) == 1
        far.assert_nothing_is_left()


def test_after_the_answer_it_may_leave() -> None:
    for how in (FIN, RST):
        far = FarSide()
        asker = far.ask(get())
        far.dials[0].answer().says(ok())
        far.dials[0].hangs_up(how())
        assert asker.is_answered
        far.assert_nothing_is_left()


# -- before there is a connection --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize(
    ("failure", "told", "status"),
    [
        (error.ConnectionRefusedError(111, "Connection refused"), "Connection refused", 502),
        (error.NoRouteError(113, "No route to host"), "113: No route to host", 502),
        (error.TCPTimedOutError(110, "Connection timed out"), "110: Connection timed out", 502),
        (error.TimeoutError(), "no answer within 10 s", 504),
        (error.ConnectBindError(24, "Too many open files"), "Too many open files", 502),
        (OSError(24, "Too many open files"), "Too many open files", 502),
    ],
)
def test_it_cannot_be_reached(failure: Exception, told: str, status: int, name: str) -> None:
    far = FarSide()
    asker = asked(far, name, addresses=TWO)
    for number in range(2):
        far.dials[number].fails(failure)
    assert asker.why.startswith("cannot connect to origin.example:80: ")
    assert asker.why.count(told) == 2
    assert_failed_once(far, asker, status=status)


@pytest.mark.parametrize("name", REQUESTS)
def test_nobody_answers(name: str) -> None:
    far = FarSide()
    asker = asked(far, name)
    far.wait(CONNECT_SECONDS)
    assert far.dials[0].is_cancelled
    assert_failed_once(far, asker, status=504)


def test_there_is_no_address() -> None:
    far = FarSide()
    asker = far.ask(get(), addresses=())
    assert "no address" in asker.why
    far.assert_nothing_is_left()


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REQUESTS)
def test_it_is_not_who_it_should_be(name: str) -> None:
    far = FarSide()
    asker = asked(far, name, HTTPS, TWO)
    why = "origin.example can't be trusted: its certificate is for evil.example; only its operator can put that right"
    far.dials[0].fails(UpstreamTlsError(why))
    assert asker.why == why, "word for word"
    assert asker.untrusted
    assert len(far.dials) == 1
    far.assert_nothing_is_left()


@pytest.mark.parametrize("name", REQUESTS)
def test_it_dies_in_the_handshake(name: str) -> None:
    far = FarSide()
    asker = asked(far, name, HTTPS, TWO)
    for number in range(2):
        far.dials[number].fails(UpstreamTlsError("origin.example closed the connection", is_final=False))
    assert_failed_once(far, asker)


@pytest.mark.parametrize("error", [UpstreamTlsError("origin.example asks for a client certificate"), TruncatedError()])
@pytest.mark.parametrize("said", [b"", LENGTH, CHUNKED + b"2\r\nab\r\n", UNTIL_CLOSE + b"all of it?"])
def test_its_tls_breaks(error: Exception, said: bytes) -> None:
    """With TLS 1.3 a server judges our certificate when the handshake is over for us; and anyone can cut a cable."""
    far = FarSide()
    asker = far.ask(get(), HTTPS)
    dial = far.dials[0].answer()
    if said:
        dial.says(said)
    dial.hangs_up(error)
    assert str(error) in asker.why
    assert_failed_once(far, asker)


# -- others ------------------------------------------------------------------------------------------------------------


def test_it_dies_while_somebody_waits_for_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.proxy.upstream.MAX_PER_ORIGIN", 1)
    far = FarSide()
    first, second = far.ask(get()), far.ask(get())
    far.dials[0].answer().hangs_up(RST())
    assert first.why
    far.dials[1].answer().says(ok())
    assert second.is_answered
    far.pool.close_idle()
    far.assert_nothing_is_left()


def test_it_cannot_be_reached_while_somebody_waits_for_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.proxy.upstream.MAX_PER_ORIGIN", 1)
    far = FarSide()
    askers = [far.ask(get()) for _ in range(4)]
    for number in range(4):
        far.dials[number].fails(error.ConnectionRefusedError())
    assert [len(asker.ends) for asker in askers] == [1, 1, 1, 1]
    far.assert_nothing_is_left()


@pytest.mark.parametrize("how", [FIN, RST, TruncatedError])
def test_an_idle_connection_dies(how: type[Exception]) -> None:
    far = FarSide()
    asker = far.ask(get())
    far.dials[0].answer().says(ok())
    far.dials[0].hangs_up(how())
    assert len(asker.ends) == 1
    far.assert_nothing_is_left()


@pytest.mark.parametrize("how", [FIN, RST])
def test_it_dies_after_a_switch_of_protocols(how: type[Exception]) -> None:
    far = FarSide()
    asker = far.ask(upgrade())
    far.dials[0].answer().says(SWITCH)
    far.dials[0].hangs_up(how())
    assert_failed_once(far, asker)


def test_an_asker_that_cancels_in_the_middle_of_a_call_hears_no_more() -> None:
    far = FarSide()
    asker = far.ask(get())
    asker.on_head = asker.sending.cancel
    far.dials[0].answer().says(ok(b"never told"))
    assert asker.head is not None
    assert asker.body == b""
    assert asker.ends == []
    far.assert_nothing_is_left()


def test_failures_are_told_where_a_dial_fails_at_once() -> None:
    far = FarSide()

    def dial(origin: Origin, address: str, factory: object, timeout: float) -> Dialled:
        dialled = Dialled(address, origin.port, factory)  # type: ignore[arg-type]
        far.dials.append(dialled)
        factory.clientConnectionFailed(dialled, Failure(error.ConnectBindError(24, "Too many open files")))  # type: ignore[attr-defined]
        return dialled

    far.pool.dial = dial  # type: ignore[assignment]
    asker = far.ask(get(), addresses=TWO)
    assert asker.why.count("Too many open files") == 2
    far.assert_nothing_is_left()
