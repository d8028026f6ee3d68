"""One client of the proxy, as conversations."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import Answer, AnswerWord, Kind, Verdict
from pipelock.proxy.limits import (
    BODY_IDLE_SECONDS,
    BUSY_BUFFER,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    REQUEST_SECONDS,
    WRITE_SECONDS,
)
from tests.factories import FAKE_KEY, FAKE_ORDER, a_policy
from tests.proxy.house import House, get, ok, post

BIG = b"x" * 300_000
ASK_POSTS = EgressRules(
    [EgressRule(name="posts", action=Verdict.ASK, methods=frozenset({"POST"}))], default=Verdict.ALLOW
)


def served(house: House, answer: bytes = b"") -> None:
    """Let the newest dial answer."""
    house.dials[-1].answer().says(answer or ok())


# -- requests ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_bytes", [get(), post(b"abc"), get(version="1.0"), get(method="HEAD")])
def test_a_request_dripped_byte_by_byte_goes_out_as_if_it_came_at_once(request_bytes: bytes) -> None:
    house = House()
    house.caller().says(request_bytes)
    house.dials[0].answer()
    house.caller().drips(request_bytes)
    house.dials[1].answer()
    assert house.dials[0].heard == house.dials[1].heard != b""


def test_hundreds_of_pipelined_requests_are_answered_in_order() -> None:
    house = House()
    client = house.caller()
    client.says(get("/0"))
    served(house, ok(b"0;"))
    client.line.clear()
    client.says(b"".join(b"GET /health HTTP/1.1\r\nHost: localhost:8888\r\n\r\n" for _ in range(900)))
    assert client.heard.count(b"HTTP/1.1 200") == 900
    client.line.clear()
    client.says(get("/1") + get("/2") + get("/3"))
    for number in (b"1", b"2", b"3"):
        assert house.dials[0].heard.count(b"GET /") == 1 + int(number), "one at a time"
        house.dials[0].says(ok(number))
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in client.heard.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"1", b"2", b"3"]
    assert len(house.records) == 8, "one decision for each request and one for each response"


def test_every_request_and_response_is_recorded_once() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    served(house)
    assert [record.action.kind for record in house.records] == [Kind.REQUEST, Kind.RESPONSE]


@pytest.mark.parametrize(
    ("extra", "version", "kept", "said"),
    [
        ("", "1.1", True, None),
        ("Connection: close\r\n", "1.1", False, b"connection: close"),
        ("", "1.0", False, b"connection: close"),
        ("Connection: keep-alive\r\n", "1.0", True, b"connection: keep-alive"),
    ],
)
def test_keep_alive(extra: str, version: str, kept: bool, said: bytes | None) -> None:
    house = House()
    client = house.caller()
    client.says(get(extra=extra, version=version))
    served(house)
    assert client.line.half_closed is not kept
    assert (said is None and b"connection:" not in client.heard) or (said is not None and said in client.heard)


@pytest.mark.parametrize(
    ("method", "answer", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n", b"content-length: 77"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", None),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", None),
    ],
)
def test_answers_without_a_body(method: str, answer: bytes, length: bytes | None) -> None:
    house = House()
    client = house.caller()
    client.says(get(method=method))
    served(house, answer)
    assert client.heard.endswith(b"\r\n\r\n")
    assert (length in client.heard) if length else (b"content-length" not in client.heard)
    client.line.clear()
    client.says(get())
    house.dials[0].says(ok(b"next"))
    assert client.heard.endswith(b"next")


def test_100_continue_is_said_only_where_a_body_is_wanted() -> None:
    house = House(max_request_body=1000, streams_requests=False)
    client = house.caller()
    head = b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nExpect: 100-continue\r\n"
    client.says(head + b"Content-Length: 3\r\n\r\n")
    assert client.heard == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.says(b"abc")
    assert b"expect" not in house.dials[0].answer().heard.lower()
    other = house.caller()
    other.says(head + b"Content-Length: 1001\r\n\r\n")
    assert other.heard.startswith(b"HTTP/1.1 413")


def test_what_concerns_one_hop_or_the_proxy_does_not_go_out() -> None:
    house = House()
    secretive = (
        "Connection: x-hop, content-length\r\nX-Hop: 1\r\nProxy-Authorization: Basic eA==\r\nTE: trailers\r\n"
        "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=1\r\nVia: 1.1 x\r\nX-Real-IP: 1\r\nX-Pipelock-Agent: bob\r\n"
        "Range: bytes=0-9\r\nIf-Range: x\r\nX-Kept: yes\r\n"
    )
    house.caller().says(post(b"abc", extra=secretive))
    head, _, body = house.dials[0].answer().heard.partition(b"\r\n\r\n")
    names = sorted(line.partition(b":")[0] for line in head.split(b"\r\n")[1:])
    assert names == [b"accept-encoding", b"content-length", b"host", b"x-kept"]
    assert body == b"abc", "a nominated Content-Length is written anew: the body stays framed"


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "request_bytes", "status"),
    [
        ("garbage", b"\x16\x03\x01\r\n\r\n", b"400"),
        ("two lengths", get(method="POST", extra="Content-Length: 1\r\nContent-Length: 2\r\n"), b"400"),
        ("length and chunks", get(method="POST", extra="Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), b"400"),
        ("foreign Host for a page", b"GET /stats HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
        ("too large", get(method="POST", extra="Content-Length: 1001\r\n"), b"413"),
        (
            "too large in chunks",
            get(method="POST", extra="Transfer-Encoding: chunked\r\n") + b"3e9\r\n" + b"x" * 1001 + b"\r\n",
            b"413",
        ),
    ],
)
def test_an_early_refusal_can_be_read_and_nothing_goes_out(case: str, request_bytes: bytes, status: bytes) -> None:
    house = House(max_request_body=1000, streams_requests=False)
    client = house.caller()
    client.says(request_bytes)
    assert client.heard.startswith(b"HTTP/1.1 " + status), case
    assert b"connection: close" in client.heard
    assert client.line.half_closed
    assert not client.line.is_closing
    client.says(get() * 5)
    assert not house.dials
    assert len(house.records) == 1
    house.wait(LINGER_SECONDS)
    assert not client.line.is_closing, "what was written may still be on its way"
    client.protocol.writeConnectionLost()
    house.wait(LINGER_SECONDS)
    assert client.line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


def test_what_is_read_after_a_refusal_is_bounded() -> None:
    house = House()
    client = house.caller()
    client.says(b"nonsense\r\n\r\n")
    client.says(b"x" * LINGER_BYTES)
    assert not client.line.is_closing
    client.says(b"x")
    assert client.line.is_closing


def test_bodies_that_do_not_fit_into_memory_are_refused_and_given_back() -> None:
    house = House()
    house.context.budget.limit = 10
    client, other = house.caller(), house.caller()
    client.says(post(b"x" * 10)[:-1])
    assert house.context.budget.used == 9
    other.says(post(b"yy"))
    assert other.heard.startswith(b"HTTP/1.1 503")
    assert house.context.budget.used == 9
    client.says(b"x")
    served(house, ok(b""))
    assert client.heard.startswith(b"HTTP/1.1 200")
    assert house.context.budget.used == 0


def test_a_refused_request_with_a_secret_does_not_go_out() -> None:
    house = House()
    client = house.caller()
    client.says(get(f"/?k={FAKE_KEY}"))
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert FAKE_KEY.encode() not in client.heard
    assert not house.dials
    client.line.clear()
    client.says(get("/innocent"))
    served(house)
    assert client.heard.startswith(b"HTTP/1.1 200"), "the connection serves on"


def test_a_stripped_answer_is_framed_anew() -> None:
    house = House(a_policy(response_action=Verdict.STRIP))
    client = house.caller()
    client.says(get())
    served(house, ok(f"please {FAKE_ORDER} now".encode(), extra='ETag: "a"\r\nContent-MD5: x\r\n'))
    head, _, body = client.heard.partition(b"\r\n\r\n")
    assert FAKE_ORDER.encode() not in body
    assert f"content-length: {len(body)}".encode() in head
    assert b"etag" not in head.lower()


@pytest.mark.parametrize("extra", ["", "Content-Length: 999999999\r\n"])
def test_an_answer_too_large_is_refused_and_its_connection_cut(extra: str) -> None:
    house = House(max_response_body=1000, streams_responses=False)
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(f"HTTP/1.1 200 OK\r\n{extra}\r\n".encode() + b"x" * 1001)
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert b"xxx" not in client.heard
    assert origin.line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


# -- the pages of its own, the kill switch ------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "status"), [("/health", b"200"), ("/stats", b"503")])
def test_the_kill_switch_leaves_only_exempt_pages(path: str, status: bytes) -> None:
    house = House()
    house.kill.configure(config=True, message="stop", exempt=(), probe=lambda: False)
    client = house.caller()
    client.says(f"GET {path} HTTP/1.1\r\nHost: localhost:8888\r\n\r\n".encode())
    assert client.heard.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(("exempt", "dials"), [((), 0), ((ip_network("127.0.0.0/8"),), 1)])
def test_the_kill_switch_stops_all_but_exempt_clients(exempt: tuple[object, ...], dials: int) -> None:
    house = House()
    house.kill.configure(config=True, message="stop", exempt=exempt, probe=lambda: False)
    house.caller().says(get())
    assert len(house.dials) == dials


# -- time --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "seconds", "heard"),
    [
        (b"", HEAD_SECONDS, b""),
        (b"GET http://exa", HEAD_SECONDS, b"HTTP/1.1 408"),
        (post(b"abc")[:-1], HEAD_SECONDS + BODY_IDLE_SECONDS, b"HTTP/1.1 408"),
    ],
)
def test_deadlines_of_reading(said: bytes, seconds: float, heard: bytes) -> None:
    house = House()
    client = house.caller()
    if said:
        client.says(said)
    house.wait(seconds)
    assert client.heard[: len(heard)] == heard
    assert client.line.is_closing or client.line.half_closed
    assert not house.dials


def test_a_body_that_drips_for_ever_is_cut_in_the_end() -> None:
    house = House()
    client = house.caller()
    client.says(post(b"x" * 10_000)[:-10_000])
    for _ in range(int(REQUEST_SECONDS / 10) + 1):
        client.says(b"x")
        house.wait(10)
        if client.heard:
            break
    assert client.heard.startswith(b"HTTP/1.1 408")


def test_an_idle_connection_is_closed() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    served(house)
    house.wait(IDLE_SECONDS - 1)
    assert not client.line.is_closing
    house.wait(1)
    assert client.line.is_closing


@pytest.mark.parametrize(
    ("said", "status"), [(b"", b"504"), (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"504")]
)
def test_an_upstream_that_falls_silent(said: bytes, status: bytes) -> None:
    house = House(upstream_seconds=30.0)
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    if said:
        origin.says(said)
    house.wait(30)
    assert client.heard.startswith(b"HTTP/1.1 " + status)
    assert origin.line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


# -- back-pressure -----------------------------------------------------------------------------------------------------


def test_a_big_answer_is_written_as_fast_as_it_is_taken_and_then_the_connection_is_idle() -> None:
    house = House()
    client = house.caller(takes=65536)
    client.says(get())
    served(house, ok(BIG))
    assert len(client.heard) < len(BIG)
    assert house.context.budget.used == len(BIG)
    got = client.takes_all()
    assert got.endswith(b"\r\n\r\n" + BIG)
    assert house.context.budget.used == 0
    house.wait(IDLE_SECONDS)
    assert client.line.is_closing, "a connection that was blocked once is idle like any other"


def test_a_client_that_leaves_in_the_middle_of_its_answer_leaves_no_memory_behind() -> None:
    house = House()
    client = house.caller(takes=65536)
    client.says(get())
    served(house, ok(BIG))
    client.leaves()
    house.assert_nothing_is_left()


def test_a_client_that_takes_nothing_is_cut() -> None:
    house = House()
    client = house.caller(takes=65536)
    client.says(get())
    served(house, ok(BIG))
    house.wait(WRITE_SECONDS)
    assert client.line.is_closing


def test_what_a_client_sends_while_it_takes_nothing_does_not_pile_up() -> None:
    house = House()
    client = house.caller(takes=10_000)
    client.says(get())
    served(house, ok(b"x" * 20_000))  # written at once, not taken: the connection reads, and is blocked
    client.says(get("/upload", method="POST", extra="Transfer-Encoding: chunked\r\n") + b"5\r\nhello\r\n")
    assert not client.line.is_read
    client.says(b"0\r\n\r\n")
    client.takes_all()
    assert client.line.is_read
    assert house.dials[0].heard.endswith(b"hello"), "and is taken up where it stood"


def test_pipelined_bytes_behind_a_request_under_way_are_bounded() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    client.says(get(extra="X-Pad: " + "x" * 1000 + "\r\n") * (BUSY_BUFFER // 1000 + 1))
    assert not client.line.is_read
    served(house)
    assert client.line.is_read


# -- leaving -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["head", "body", "lookup", "held", "dialling", "waiting", "receiving", "judging"])
@pytest.mark.parametrize("by", ["reset", "fin"])
def test_a_client_that_leaves_releases_everything_and_has_nothing_sent(phase: str, by: str) -> None:
    house = House(a_policy(egress=ASK_POSTS) if phase == "held" else None)
    house.slow_names = phase == "lookup"
    client = house.caller()
    client.says({"head": b"GET http://exam", "body": post(b"abc")[:-1], "held": post(b"abc")}.get(phase, get()))
    if phase in {"waiting", "receiving", "judging"}:
        origin = house.dials[0].answer()
        house.slow_threads = phase == "judging"
        if phase != "waiting":
            origin.says(ok(BIG) if phase == "judging" else ok()[:-1])
    dials = len(house.dials)
    assert bool(dials) == (phase in {"dialling", "waiting", "receiving", "judging"})
    if by == "fin":
        client.protocol.readConnectionLost()
        assert client.line.is_closing
    client.leaves()
    house.go_on()
    assert len(house.dials) == dials
    house.assert_nothing_is_left()
    assert len(house.approvals) == 0


def test_a_held_request_goes_on_when_a_person_says_so() -> None:
    house = House(a_policy(egress=ASK_POSTS))
    client = house.caller()
    client.says(post(b"abc"))
    assert not house.dials
    (pending,) = house.approvals.waiting()
    house.door.answer(pending.id, Answer(AnswerWord.ALLOW, by="ann"), pending.binding)
    served(house)
    assert client.heard.startswith(b"HTTP/1.1 200")


def test_too_much_behind_an_answer_being_written_ends_the_connection_and_adds_nothing_to_the_answer() -> None:
    house = House()
    client = house.caller(takes=65536)
    client.says(get())
    served(house, ok(BIG))
    before = client.heard
    client.says(post(BIG))
    assert client.line.is_closing
    assert client.heard == before
    client.leaves()
    house.assert_nothing_is_left()


STEPS = st.lists(
    st.sampled_from(
        ["get", "post", "half", "big", "dial", "ok", "cut", "refuse", "take", "wait", "leave", "fin", "go"]
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.booleans())
def test_whatever_happens_everything_is_given_back(steps: list[str], slow: bool) -> None:  # noqa: C901 - a table of steps
    house = House()
    house.slow_threads = slow
    client = house.caller(takes=100_000)
    unanswered: list[int] = []
    gone = False
    for step in steps:
        unanswered = [i for i, dial in enumerate(house.dials) if dial.protocol is None and not dial.is_cancelled]
        live = [dial for dial in house.dials if dial.protocol is not None and not dial.line.is_lost]
        if step in {"get", "post", "half", "big"} and not gone and not client.line.is_closing:
            client.says({"get": get(), "post": post(b"abc"), "half": post(b"abcdef")[:-3], "big": post(BIG)}[step])
        elif step == "dial" and unanswered:
            house.dials[unanswered[0]].answer()
        elif step == "refuse" and unanswered:
            house.dials[unanswered[0]].is_cancelled = True
            house.dials[unanswered[0]].refuse()
        elif step == "ok" and live and not live[-1].line.is_closing:
            live[-1].says(ok(BIG))
        elif step == "cut" and live:
            live[-1].hangs_up()
        elif step == "take" and not gone:
            client.takes_all()
        elif step == "wait":
            house.wait(7)
        elif step == "go":
            house.go_on()
        elif step == "fin" and not gone:
            client.protocol.readConnectionLost()
        elif step == "leave" and not gone:
            gone = True
            client.leaves()
        assert 0 <= house.context.budget.used <= house.context.budget.limit
    if not gone:
        client.leaves()
    house.go_on()
    house.assert_nothing_is_left()
