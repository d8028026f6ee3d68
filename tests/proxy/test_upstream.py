"""Connections to origins: which are kept, for whom, and how an exchange can go wrong."""

from __future__ import annotations

import pytest

from pipelock.model import Verdict
from pipelock.proxy.limits import CONNECT_SECONDS, MAX_IDLE_PER_ORIGIN, REUSE_UNSAFE_SECONDS, UPSTREAM_IDLE_SECONDS
from pipelock.proxy.tls_client import UpstreamTlsError
from tests.proxy.house import ADDRESSES, House, get, ok, post


def test_a_kept_connection_serves_the_next_request_to_the_same_name() -> None:
    house = House()
    client = house.caller()
    client.says(get("/one"))
    house.dials[0].answer().says(ok(b"1"))
    client.says(get("/two"))
    house.dials[0].says(ok(b"2"))
    assert len(house.dials) == 1
    assert client.heard.endswith(b"\r\n\r\n2")


@pytest.mark.parametrize("host", ["other.example", "example.com:8080", "www.example.com"])
def test_never_for_another_name_or_port_at_the_same_address(host: str) -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    client.says(get(host=host))
    assert len(house.dials) == 2


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("surplus in the same read", ok() + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"),
        ("one byte of surplus", ok() + b"H"),
        ("connection: close", ok(extra="Connection: close\r\n")),
        ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ],
)
def test_a_connection_that_may_not_be_trusted_again_is_closed(case: str, answer: bytes) -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(answer)
    assert client.heard.startswith(b"HTTP/1.1 200"), case
    assert house.dials[0].line.is_closing
    client.says(get())
    assert len(house.dials) == 2


def test_an_idle_origin_that_speaks_is_hung_up_on() -> None:
    house = House()
    house.caller().says(get())
    origin = house.dials[0].answer()
    origin.says(ok())
    assert not origin.line.is_closing
    origin.says(b"HTTP/1.1 200 OK\r\n\r\n")
    assert origin.line.is_closing


def test_a_dead_kept_connection_is_replaced_once_for_a_request_that_may_be_repeated() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    client.line.clear()
    client.says(get("/again"))
    house.dials[0].hangs_up()
    assert len(house.dials) == 2
    house.dials[1].answer().hangs_up()
    assert len(house.dials) == 2
    assert client.heard.startswith(b"HTTP/1.1 502")


def test_but_not_for_one_that_may_not() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    client.line.clear()
    client.says(post(b"pay"))
    house.dials[0].hangs_up()
    assert len(house.dials) == 1
    assert client.heard.startswith(b"HTTP/1.1 502")


def test_nor_after_the_origin_said_a_word() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    client.says(get())
    house.dials[0].says(b"HTTP/1.1 2")
    house.dials[0].hangs_up()
    assert len(house.dials) == 1
    assert b"HTTP/1.1 502" in client.heard


def test_a_post_takes_a_kept_connection_only_if_it_was_used_just_now() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    house.wait(REUSE_UNSAFE_SECONDS)
    client.says(post(b"x"))
    assert len(house.dials) == 2


def test_the_repeated_request_is_cancelled_with_its_client() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].answer().says(ok())
    client.says(get())
    house.dials[0].hangs_up()
    house.dials[1].answer()
    client.leaves()
    assert house.dials[1].line.is_closing
    house.assert_nothing_is_left()


def test_a_client_that_leaves_while_its_answer_is_judged_cuts_nobody_else_off() -> None:
    house = House()
    first, second = house.caller(), house.caller()
    house.slow_threads = True
    first.says(get("/big"))
    house.dials[0].answer().says(ok(b"x" * 300_000))
    assert house.waiting, "the answer is being judged in a thread"
    second.says(get("/other"))
    assert len(house.dials) == 1, "the connection serves the second client"
    first.leaves()
    assert not house.dials[0].line.is_closing
    house.dials[0].says(ok(b"yours"))
    assert second.heard.endswith(b"yours")


def test_only_judged_addresses_are_dialled_one_after_the_other() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    house.dials[0].refuse()
    house.dials[1].refuse()
    assert tuple(dial.address for dial in house.dials) == ADDRESSES
    assert client.heard.startswith(b"HTTP/1.1 502")
    assert len(house.pool) == 0
    assert len(house.records) == 1
    assert len(house.errors) == 1


def test_a_client_that_leaves_while_we_dial_stops_the_dialling() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    client.leaves()
    assert house.dials[0].is_cancelled
    assert len(house.dials) == 1
    assert len(house.pool) == 0
    house.assert_nothing_is_left()


def test_a_server_that_is_not_who_it_should_be_is_a_refusal() -> None:
    house = House()
    client = house.caller()
    client.says(b"GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n")
    assert house.dials[0].port == 443
    house.dials[0].fails(UpstreamTlsError("example.com can't be trusted: its certificate is for evil.example"))
    assert client.heard.startswith(b"HTTP/1.1 502")
    assert b"its certificate is for evil.example" in client.heard
    assert len(house.dials) == 1, "and nothing is tried in the clear"
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    client.leaves()
    house.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        ("not HTTP", b"SSH-2.0-x\r\n\r\n"),
        ("two lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ("switching protocols", b"HTTP/1.1 101 Switching\r\n\r\n"),
        ("cut short", None),
    ],
)
def test_broken_answers_are_a_502_that_holds_nothing_of_them(case: str, answer: bytes | None) -> None:
    house = House()
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    if answer is None:
        origin.says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsecret half")
        origin.hangs_up()
    else:
        origin.says(answer)
        assert origin.line.is_closing
    assert client.heard.startswith(b"HTTP/1.1 502"), case
    assert b"secret half" not in client.heard
    client.leaves()
    house.assert_nothing_is_left()


def test_interim_answers_are_passed_over_and_a_close_ends_a_body_without_length() -> None:
    house = House()
    client = house.caller()
    client.says(get())
    origin = house.dials[0].answer()
    origin.says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of ")
    assert client.heard == b""
    origin.says(b"it")
    origin.hangs_up()
    assert client.heard.endswith(b"content-length: 9\r\n\r\nall of it")


def test_idle_connections_are_closed_in_time_and_in_number() -> None:
    house = House()
    clients = [house.caller() for _ in range(MAX_IDLE_PER_ORIGIN + 1)]
    for client in clients:
        client.says(get())
    for dial in house.dials:
        dial.answer().says(ok())
    assert sum(dial.line.is_closing for dial in house.dials) == 1
    house.wait(UPSTREAM_IDLE_SECONDS)
    assert all(dial.line.is_closing for dial in house.dials)
    assert CONNECT_SECONDS < UPSTREAM_IDLE_SECONDS
