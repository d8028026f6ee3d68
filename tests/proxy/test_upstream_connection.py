"""One connection to an origin: bodies that stream to it, back-pressure both ways, silence, and a switch of protocols."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from pipelock.proxy.http1 import LocalProtocolError
from pipelock.proxy.limits import CHUNK, UPSTREAM_CLOSE_SECONDS
from pipelock.proxy.upstream_connection import MAX_SWITCHED
from tests.proxy.far_side import FarSide, get, ok, post, streamed, upgrade

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"


# -- streamed requests -------------------------------------------------------------------------------------------------


def test_a_streamed_body_goes_out_in_chunks_with_its_trailers() -> None:
    far = FarSide()
    asker = far.ask(streamed())
    origin = far.dials[0].answer()
    asker.sending.write(b"hello")
    asker.sending.write(b"")
    asker.sending.write(b"x" * (CHUNK + 1))
    asker.sending.finish((("x-sum", "1"),))
    origin.says(ok())
    head, _, body = origin.heard.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert body == b"5\r\nhello\r\n10001\r\n" + b"x" * (CHUNK + 1) + b"\r\n0\r\nx-sum: 1\r\n\r\n"
    assert asker.is_answered
    assert not origin.line.is_closing, "all was sent and answered: the connection is kept"
    far.assert_nothing_is_left(idle=1)


def test_what_is_written_before_there_is_a_connection_is_kept_and_held() -> None:
    far = FarSide()
    asker = far.ask(streamed())
    assert not asker.is_held, "nothing was written yet"
    asker.sending.write(b"early")
    asker.sending.write(b" bird")
    assert asker.holds == 1
    origin = far.dials[0].answer()
    assert not asker.is_held
    asker.sending.finish()
    assert origin.heard.endswith(b"5\r\nearly\r\n5\r\n bird\r\n0\r\n\r\n")


def test_a_body_that_was_complete_before_there_was_a_connection() -> None:
    far = FarSide()
    asker = far.ask(streamed(5))
    asker.sending.write(b"hello")
    asker.sending.finish()
    asker.sending.write(b"too late")
    origin = far.dials[0].answer()
    assert origin.heard.endswith(b"\r\n\r\nhello")
    origin.says(ok())
    assert asker.is_answered


def test_an_origin_that_takes_slowly_holds_the_sender() -> None:
    far = FarSide(takes=1000)
    asker = far.ask(streamed())
    origin = far.dials[0].answer()
    asker.sending.write(b"a" * 500)
    assert not asker.is_held
    asker.sending.write(b"b" * 1000)
    assert asker.is_held
    asker.sending.write(b"nevertheless")
    assert b"nevertheless" in origin.line.take()
    assert not asker.is_held
    asker.sending.finish()
    assert origin.line.producer is None


@pytest.mark.parametrize(
    ("pieces", "finish"), [((b"12345", b"6"), False), ((b"123456",), False), ((b"1234",), True), ((), True)]
)
def test_a_body_of_another_length_than_announced_never_reaches_the_next_request(
    pieces: tuple[bytes, ...], finish: bool
) -> None:
    far = FarSide()
    asker = far.ask(streamed(5))
    origin = far.dials[0].answer()
    for piece in pieces:
        asker.sending.write(piece)
    if finish:
        asker.sending.finish()
    assert "length" in asker.why
    assert origin.line.is_closing
    assert len(origin.heard.partition(b"\r\n\r\n")[2]) <= 5
    far.assert_nothing_is_left()


def test_a_large_whole_body_goes_as_the_origin_takes_it() -> None:
    body = bytes(range(256)) * 8192
    far = FarSide(takes=100_000)
    asker = far.ask(post(body))
    origin = far.dials[0].answer()
    got = origin.line.take()
    assert len(got) < len(body) // 2
    assert asker.holds == 0, "its sender has nothing to wait for"
    while taken := origin.line.take():
        got += taken
    assert got.endswith(b"\r\n\r\n" + body)
    assert origin.line.producer is None
    origin.says(ok())
    assert asker.is_answered
    far.assert_nothing_is_left(idle=1)


@pytest.mark.parametrize("whole", [False, True])
def test_an_early_answer_is_delivered_and_the_connection_not_used_again(whole: bool) -> None:
    far = FarSide(takes=1000)
    asker = far.ask(post(b"x" * 2_000_000) if whole else streamed())
    origin = far.dials[0].answer()
    if not whole:
        asker.sending.write(b"the first part")
    origin.says(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nlong")
    assert asker.head.status == 413
    assert asker.body == b"long"
    assert asker.is_answered
    assert origin.line.is_closing
    before = origin.heard
    asker.sending.write(b"the rest")
    asker.sending.finish()
    assert origin.heard == before
    far.assert_nothing_is_left()


def test_an_answer_that_begins_while_the_body_is_sent_lets_it_be_sent() -> None:
    far = FarSide()
    asker = far.ask(streamed())
    origin = far.dials[0].answer()
    asker.sending.write(b"ping")
    origin.says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n")
    assert asker.body == b"pong"
    asker.sending.write(b"ping")
    asker.sending.finish()
    origin.says(b"4\r\npong\r\n0\r\nX-Sum: 2\r\n\r\n")
    assert asker.body == b"pongpong"
    assert asker.trailers == (("x-sum", "2"),)
    assert not origin.line.is_closing


def test_a_streamed_request_is_never_repeated() -> None:
    far = FarSide()
    far.ask(get())
    origin = far.dials[0].answer()
    origin.says(ok())
    asker = far.ask(streamed(method="PUT"))
    asker.sending.write(b"once")
    origin.hangs_up()
    assert "may be repeated" in asker.why
    assert len(far.dials) == 1
    far.assert_nothing_is_left()


# -- reading slowly ----------------------------------------------------------------------------------------------------


def test_a_paused_answer_is_not_read_and_a_kept_connection_is() -> None:
    far = FarSide()
    asker = far.ask(get())
    origin = far.dials[0].answer()
    origin.says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
    asker.sending.pause()
    assert not origin.line.is_read
    asker.sending.resume()
    assert origin.line.is_read
    asker.sending.pause()
    origin.says(b"world")
    assert asker.is_answered
    assert origin.line.is_read, "or nobody would see that it is closed"


def test_a_large_answer_is_read_in_large_pieces_and_the_next_one_is_not() -> None:
    far = FarSide()
    asker = far.ask(get())
    origin = far.dials[0].answer()
    origin.says(ok(b"x" * 300_000)[:65_536])
    assert origin.line.bufferSize == 4 * CHUNK
    origin.says(ok(b"x" * 300_000)[65_536:])
    assert asker.is_answered
    assert origin.line.bufferSize == CHUNK


def test_who_pauses_before_there_is_a_connection_has_it_paused() -> None:
    far = FarSide()
    asker = far.ask(get())
    asker.sending.pause()
    origin = far.dials[0].answer()
    assert not origin.line.is_read
    asker.sending.resume()
    assert origin.line.is_read


# -- silence -----------------------------------------------------------------------------------------------------------


def test_an_origin_that_does_not_answer_is_given_up() -> None:
    far = FarSide()
    far.pool.silence = 30.0
    asker = far.ask(get())
    far.dials[0].answer()
    far.wait(29)
    assert asker.ends == []
    far.wait(1)
    assert (asker.why, asker.status) == ("the upstream did not answer within 30 s", 504)
    far.assert_nothing_is_left()


def test_every_byte_is_a_sign_of_life() -> None:
    far = FarSide()
    far.pool.silence = 30.0
    asker = far.ask(get())
    origin = far.dials[0].answer()
    for piece in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n\r\n", b"he", b"ll"):
        far.wait(29)
        origin.says(piece)
    far.wait(30)
    assert (asker.why, asker.status) == ("the upstream's answer stalled for 30 s", 504)


def test_an_answer_that_its_receiver_paused_is_not_late() -> None:
    far = FarSide()
    far.pool.silence = 30.0
    asker = far.ask(get())
    origin = far.dials[0].answer()
    origin.says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
    asker.sending.pause()
    far.wait(300)
    assert asker.ends == []
    asker.sending.resume()
    far.wait(29)
    origin.says(b"llo")
    assert asker.is_answered


@pytest.mark.parametrize("whole", [False, True])
def test_an_upload_that_the_origin_does_not_take_is_given_up(whole: bool) -> None:
    far = FarSide(takes=1000)
    far.pool.silence = 30.0
    asker = far.ask(post(b"x" * 2_000_000) if whole else streamed())
    origin = far.dials[0].answer()
    if not whole:
        asker.sending.write(b"x" * 2000)
    for _ in range(4):
        far.wait(29)
        origin.line.take()
        if not whole:
            asker.sending.write(b"x" * 2000)
    far.wait(30)
    assert (asker.why, asker.status) == ("the upstream took nothing of the request for 30 s", 504)
    far.assert_nothing_is_left()


def test_an_upload_whose_sender_pauses_is_not_the_origins_fault() -> None:
    far = FarSide()
    far.pool.silence = 30.0
    asker = far.ask(streamed())
    far.dials[0].answer()
    far.wait(300)
    assert asker.ends == []


def test_silence_can_be_allowed_for() -> None:
    far = FarSide()
    far.pool.silence = 30.0
    asker = far.ask(get())
    origin = far.dials[0].answer()
    origin.says(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    asker.sending.be_patient(None)
    far.wait(1000)
    assert asker.ends == []
    asker.sending.be_patient(10.0)
    far.wait(1)
    assert asker.status == 504


def test_a_kept_connection_forgets_how_patient_the_last_one_was() -> None:
    far = FarSide()
    far.pool.silence = 5.0
    first = far.ask(get())
    first.sending.be_patient(100.0)
    origin = far.dials[0].answer()
    origin.says(ok())
    second = far.ask(get())
    far.wait(5)
    assert second.status == 504


# -- another protocol --------------------------------------------------------------------------------------------------


class Taker(Protocol):
    def __init__(self) -> None:
        self.got = b""
        self.lost = 0

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1


@pytest.mark.parametrize("step", [1, 1000])
def test_a_connection_is_taken_over_after_a_switch_of_protocols(step: int) -> None:
    far = FarSide()
    asker = far.ask(upgrade())
    origin = far.dials[0].answer()
    for at in range(0, len(SWITCH), step):
        origin.says(SWITCH[at : at + step])
    assert asker.head.status == 101
    assert not origin.line.is_read, "nothing is read that nobody takes"
    origin.says(b"already there")
    taker = Taker()
    wire, early = asker.sending.take_over(taker)
    assert wire is origin.line
    assert taker.transport is origin.line
    assert early == b"already there"
    assert origin.line.is_read
    origin.says(b"and on")
    assert taker.got == b"and on"
    assert len(far.pool) == 1, "it still takes up a place"
    far.pool.silence = 1.0
    far.wait(100)
    asker.sending.cancel()
    assert not origin.line.is_closing, "it is somebody else's now"
    origin.hangs_up()
    assert taker.lost == 1
    assert asker.ends == []
    far.assert_nothing_is_left()


def test_what_is_taken_over_within_the_call_has_the_bytes_of_the_same_read() -> None:
    far = FarSide()
    taker = Taker()
    got: list[bytes] = []
    asker = far.ask(upgrade())
    asker.on_head = lambda: got.append(asker.sending.take_over(taker)[1])
    far.dials[0].answer().says(SWITCH + b"\x81\x05hello")
    assert got == [b"\x81\x05hello"]


def test_nothing_is_taken_over_that_did_not_switch() -> None:
    far = FarSide()
    asker = far.ask(upgrade())
    with pytest.raises(LocalProtocolError):
        asker.sending.take_over(Taker())
    origin = far.dials[0].answer()
    with pytest.raises(LocalProtocolError):
        asker.sending.take_over(Taker())
    origin.says(ok(b"no"))
    assert asker.is_answered
    with pytest.raises(LocalProtocolError):
        asker.sending.take_over(Taker())


def test_a_switch_that_nobody_takes_is_bounded_and_can_be_cancelled() -> None:
    far = FarSide()
    asker = far.ask(upgrade())
    origin = far.dials[0].answer()
    origin.says(SWITCH)
    origin.says(b"x" * MAX_SWITCHED)
    assert asker.ends == []
    origin.says(b"x")
    assert "before anybody listens" in asker.why
    other = far.ask(upgrade())
    far.dials[1].answer().says(SWITCH)
    other.sending.cancel()
    assert far.dials[1].line.is_closing
    far.assert_nothing_is_left()


def test_an_origin_that_leaves_right_after_the_switch() -> None:
    far = FarSide()
    asker = far.ask(upgrade())
    origin = far.dials[0].answer()
    origin.says(SWITCH)
    origin.hangs_up()
    assert "right after it switched" in asker.why
    far.assert_nothing_is_left()


# -- closing -----------------------------------------------------------------------------------------------------------


def test_an_origin_that_does_not_play_along_in_closing_is_cut_off() -> None:
    far = FarSide()
    asker = far.ask(get())
    origin = far.dials[0].answer()
    origin.says(ok(extra="Connection: close\r\n"))
    assert asker.is_answered
    assert len(far.pool) == 0
    assert origin.line.disconnecting
    assert not origin.line.disconnected
    far.wait(UPSTREAM_CLOSE_SECONDS + 1)
    assert origin.line.disconnected or origin.line.aborting
