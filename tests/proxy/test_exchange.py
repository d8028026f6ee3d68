"""Requests and answers whose bodies flow, as conversations. What is held whole is tested with the server."""

from __future__ import annotations

import zlib

import pytest

from pipelock.model import Answer, AnswerWord, Kind, Verdict
from pipelock.proxy.limits import WRITE_SECONDS
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy
from tests.proxy.house import House, get, ok

KIB = 1024
LARGE = 700 * KIB
WHOLE = 64 * KIB
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def flowing(**settings: object) -> House:
    """A proxy that holds little and lets the rest flow."""
    return House(max_request_body=WHOLE, max_response_body=WHOLE, **settings)


def words(size: int) -> bytes:
    """Text that nobody objects to."""
    return (b"all is well in every line of this long report\n" * (size // 46 + 1))[:size]


def upload(length: int | None, extra: str = "") -> bytes:
    framing = f"Content-Length: {length}\r\n" if length is not None else "Transfer-Encoding: chunked\r\n"
    return get(method="POST", extra=framing + extra)


def in_pieces(data: bytes, size: int = 16 * KIB) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def body_of(heard: bytes) -> bytes:
    return heard.partition(b"\r\n\r\n")[2]


def unchunked(heard: bytes) -> bytes:
    """The body of a chunked message; fails where it is not complete."""
    body, rest = b"", body_of(heard)
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert rest == b"\r\n"
            return body
        body, rest = body + rest[:length], rest[length + 2 :]


# -- answers -----------------------------------------------------------------------------------------------------------


def test_a_large_answer_flows_with_its_length_and_arrives_unchanged() -> None:
    house, sent = flowing(), words(LARGE)
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % LARGE)
    for piece in in_pieces(sent):
        origin.says(piece)
    heard = client.takes_all()
    assert b"content-length: %d\r\n" % LARGE in heard
    assert body_of(heard) == sent
    client.says(get("/next"))
    assert origin.heard.count(b"GET /") == 2, "both connections are kept"
    assert [record.action.kind for record in house.records] == [Kind.REQUEST, Kind.RESPONSE, Kind.REQUEST]


def test_the_beginning_of_a_large_answer_arrives_before_its_end_is_sent() -> None:
    house = flowing()
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    sent = words(400 * KIB)
    for piece in in_pieces(sent):
        origin.says(b"%x\r\n%b\r\n" % (len(piece), piece))
    assert len(client.heard) > 200 * KIB
    origin.says(b"0\r\n\r\n")
    assert unchunked(client.takes_all()) == sent


def test_an_old_client_learns_the_end_of_a_flowing_answer_from_the_connection() -> None:
    house, sent = flowing(), words(LARGE)
    client = house.caller()
    client.says(get(version="1.0"))
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for piece in in_pieces(sent):
        origin.says(b"%x\r\n%b\r\n" % (len(piece), piece))
    origin.says(b"0\r\n\r\n")
    heard = client.takes_all()
    assert b"chunked" not in heard.partition(b"\r\n\r\n")[0]
    assert body_of(heard) == sent
    assert client.line.half_closed


@pytest.mark.parametrize("at", [10, WHOLE, 262_144 - 9, 262_144 - 16_384 - 5, LARGE - 100])
def test_an_order_in_a_large_answer_is_held_back_and_the_answer_breaks_off(at: int) -> None:
    house, clean = flowing(), words(LARGE)
    sent = clean[:at] + FAKE_ORDER.encode() + clean[at:]
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % len(sent))
    for piece in in_pieces(sent):
        if not origin.line.is_closing:
            origin.says(piece)
    heard = client.takes_all()
    assert FAKE_ORDER.encode()[:12] not in heard
    assert client.line.is_closing or heard.startswith(b"HTTP/1.1 403")
    assert origin.line.is_closing or at > LARGE - 1000, "an origin that has sent everything keeps its connection"
    refusing = [record for record in house.records if record.decision.verdict is Verdict.BLOCK]
    assert len(refusing) == 1
    client.leaves()
    if origin.line.is_closing:
        origin.hangs_up()
    house.assert_nothing_is_left()


def test_a_compressed_large_answer_flows_decoded() -> None:
    house, sent = flowing(), words(LARGE)
    client = house.caller()
    client.says(get())
    packed = zlib.compress(sent, 0)
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(packed))
    for piece in in_pieces(packed):
        origin.says(piece)
    heard = client.takes_all()
    assert b"content-encoding" not in heard.partition(b"\r\n\r\n")[0]
    assert unchunked(heard) == sent


def test_a_client_that_takes_slowly_stops_the_origin_and_costs_bounded_memory() -> None:
    house, sent = flowing(), words(4 * LARGE)
    client = house.caller(takes=64 * KIB)
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % len(sent))
    waiting, got = in_pieces(sent), b""
    most = 0
    for _ in range(10_000):
        while waiting and origin.line.is_read:
            origin.says(waiting.pop(0))
        most = max(most, house.context.budget.used + len(client.heard))
        got += client.takes_all()
        if not waiting:
            break
    got += client.takes_all()
    assert body_of(got) == sent
    assert most < 2 * 1024 * KIB


def test_an_answer_that_breaks_off_breaks_off_for_the_client_too() -> None:
    house = flowing()
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % LARGE + words(600 * KIB))
    origin.hangs_up()
    assert client.line.is_closing
    assert not client.line.half_closed, "a clean end would pass for the whole answer"
    client.leaves()
    house.assert_nothing_is_left()


def test_a_person_is_asked_about_the_piece_and_the_rest_waits() -> None:
    house = House(a_policy(response_action=Verdict.ASK), max_response_body=WHOLE)
    sent = words(300 * KIB) + FAKE_ORDER.encode() + words(100 * KIB)
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % len(sent))
    for piece in in_pieces(sent):
        origin.says(piece)
    pending = house.approvals.waiting()
    assert len(pending) == 1
    assert FAKE_ORDER.encode()[:12] not in client.heard
    house.door.answer(pending[0].id, Answer(AnswerWord.ALLOW))
    assert body_of(client.takes_all()) == sent


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_request_flows_and_arrives_unchanged(chunked: bool) -> None:
    house, sent = flowing(), words(LARGE)
    client = house.caller()
    client.says(upload(None if chunked else LARGE))
    for piece in in_pieces(sent):
        client.says(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if house.dials and house.dials[0].protocol is None:
            house.dials[0].answer()
    if chunked:
        client.says(b"0\r\n\r\n")
    heard = house.dials[0].heard
    assert (unchunked(heard) if chunked else body_of(heard)) == sent
    house.dials[0].says(ok(b"done"))
    assert client.heard.endswith(b"done")
    assert len(house.dials) == 1


@pytest.mark.parametrize("at", [10, WHOLE, 262_144 - 9, 262_144 - 16_384 - 5, LARGE - 100])
def test_a_secret_in_a_large_request_does_not_leave(at: int) -> None:
    house, clean = flowing(), words(LARGE)
    sent = clean[:at] + FAKE_KEY.encode() + clean[at:]
    policy = a_policy(body_action=Verdict.BLOCK)
    house.engine.replace_policy(policy)
    client = house.caller()
    client.says(upload(len(sent)))
    for piece in in_pieces(sent):
        client.says(piece)
        if house.dials and house.dials[0].protocol is None:
            house.dials[0].answer()
    assert all(FAKE_KEY.encode()[:8] not in dial.heard for dial in house.dials)
    assert all(dial.line.is_closing for dial in house.dials)
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert b"x-pipelock-block-reason: dlp_match" in client.heard
    assert sum(record.decision.verdict is Verdict.BLOCK for record in house.records) == 1


def test_an_origin_that_takes_slowly_stops_the_client() -> None:
    house, sent = flowing(), words(4 * LARGE)
    client = house.caller()
    client.says(upload(len(sent)))
    waiting, most = in_pieces(sent), 0
    got = b""
    for _ in range(10_000):
        while waiting and client.line.is_read:
            client.says(waiting.pop(0))
        if house.dials[0].protocol is None:
            house.dials[0].line.takes = 64 * KIB
            house.dials[0].answer()
        line = house.dials[0].line
        most = max(most, house.context.budget.used + len(line.value()))
        got += line.value()
        line.clear()
        if line.producer is not None:
            line.producer.resumeProducing()
        if not waiting and not line.value():
            break
    assert body_of(got) == sent
    assert most < 3 * 1024 * KIB


def test_an_answer_to_half_a_request_is_given_and_the_connections_end() -> None:
    house = flowing()
    client = house.caller()
    client.says(upload(LARGE) + words(400 * KIB))
    origin = house.dials[0].answer()
    origin.says(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
    assert client.heard.startswith(b"HTTP/1.1 413")
    assert client.heard.endswith(b"no!")
    assert b"connection: close" in client.heard
    assert client.line.half_closed
    client.leaves()
    origin.hangs_up()
    house.assert_nothing_is_left()


def test_a_client_that_leaves_in_the_midst_leaves_nothing_behind() -> None:
    house = flowing()
    client = house.caller()
    client.says(upload(LARGE) + words(400 * KIB))
    origin = house.dials[0].answer()
    client.leaves()
    assert origin.line.is_closing
    origin.hangs_up()
    house.assert_nothing_is_left()


def test_a_client_that_does_not_take_a_flowing_answer_is_given_up() -> None:
    house = flowing()
    client = house.caller(takes=1)
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % LARGE + words(LARGE))
    house.wait(WRITE_SECONDS + 1)
    assert client.line.is_closing


def test_where_pieces_are_not_wanted_what_is_too_large_is_refused() -> None:
    house = flowing(streams_responses=False, streams_requests=False)
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(HEAD + b"Content-Length: %d\r\n\r\n" % LARGE)
    house.dials[0].says(words(WHOLE + 1))
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert b"x-pipelock-block-reason: response_size" in client.heard


def test_a_client_may_take_its_time_over_a_large_request_and_an_origin_may_not() -> None:
    house, sent = flowing(), words(LARGE)
    client = house.caller()
    client.says(upload(LARGE))
    for piece in in_pieces(sent):
        client.says(piece)
        if house.dials and house.dials[0].protocol is None:
            house.dials[0].answer()
        house.wait(10)
    assert not client.heard, "seven minutes, and nobody complains"
    house.wait(31)
    assert client.heard.startswith(b"HTTP/1.1 504")


def test_an_origin_may_take_its_time_over_a_request_that_was_held_whole_as_long_as_it_takes() -> None:
    house, sent = House(upstream_seconds=30.0), words(1000 * KIB)
    client = house.caller()
    client.says(upload(len(sent)) + sent)
    house.dials[0].line.takes = 64 * KIB
    origin, got = house.dials[0].answer(), b""
    while len(body_of(got)) < len(sent):
        house.wait(29)
        got += origin.line.take()
    assert client.heard == b""
    origin.says(ok(b"thanks"))
    assert client.heard.endswith(b"thanks")
    client.leaves()
    house.assert_nothing_is_left()


def test_an_origin_that_stops_taking_a_request_is_given_up() -> None:
    house = flowing()
    client = house.caller()
    client.says(upload(8 * LARGE) + words(400 * KIB))
    house.dials[0].line.takes = 1
    house.dials[0].answer()
    while client.line.is_read:
        client.says(words(64 * KIB))
    house.wait(31)
    assert client.heard.startswith(b"HTTP/1.1 504")
    assert house.dials[0].line.is_closing


def test_what_is_taken_out_of_a_large_answer_is_missing_and_the_rest_arrives() -> None:
    house = House(a_policy(response_action=Verdict.STRIP), max_response_body=WHOLE)
    before, after = words(300 * KIB), words(100 * KIB)
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    sent = before + FAKE_ORDER.encode() + after
    origin.says(HEAD + b"Content-Length: %d\r\n\r\n" % len(sent))
    for piece in in_pieces(sent):
        origin.says(piece)
    body = unchunked(client.takes_all())
    assert body.startswith(before)
    assert body.endswith(after)
    assert FAKE_ORDER.encode() not in body
