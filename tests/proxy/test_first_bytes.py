from __future__ import annotations

import sys
from types import FrameType

import pytest

from pipelock.proxy.client_hello import Malformed
from pipelock.proxy.first_bytes import MAX_FIRST_LINE, FirstBytes, PlainHttp, Unknown, looks_like_http


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"GET / HTTP/1.1\r\n", PlainHttp),
        (b"get / http/1.0\n", PlainHttp),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Unknown),
        (b"\x00\x01\x02", Unknown),
        (b"\x16\x03\x01\x00\x00", Malformed),
        (b"GET / HTTP/1.1", type(None)),
        # What servers take for HTTP though it is none.
        (b"\r\n\nGET / HTTP/1.1\r\n", PlainHttp),
        (b"GET\t/\tHTTP/1.1\r\n", PlainHttp),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n", PlainHttp),
        (b"GET /\x00 HTTP/1.1\n", PlainHttp),
        (b"GET /old\r\n", PlainHttp),
        (b"GET /\xc3\xa9", type(None)),
        (b"\r\n", type(None)),
        (b"get key\r\n", Unknown),
        (b"CONNECT {}\r\n", Unknown),
        (b"*1\r\n$4\r\nPING\r\n", Unknown),
        (b"AMQP\x00\x00\x09\x01", Unknown),
        (b"\xc3\xa9 ", Unknown),
        (b"\x16\x03\x01\x02\x00\x01", type(None)),
    ],
)
def test_what_a_client_speaks_is_told_by_its_first_bytes_however_they_are_cut(said: bytes, expected: type) -> None:
    assert isinstance(FirstBytes().feed(said), expected)
    dripped = FirstBytes()
    seen = None
    for index in range(len(said)):
        seen = seen or dripped.feed(said[index : index + 1])
    assert isinstance(seen, expected)


def test_text_without_a_line_end_is_waited_for_up_to_a_limit() -> None:
    assert looks_like_http(b"x" * (MAX_FIRST_LINE - 1)) is None
    assert looks_like_http(b"x" * MAX_FIRST_LINE) is False
    assert looks_like_http(b"x " * (MAX_FIRST_LINE // 2)) is True
    assert (
        looks_like_http(b"GET /" + b"\xff" * MAX_FIRST_LINE) is True
    )  # a longer line than ours is a request all the same


def test_a_line_that_drips_costs_little() -> None:
    # Each byte was once looked at again with each that came: seconds of work for 16 KiB of one client.
    calls = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += 1

    first = FirstBytes()
    sys.setprofile(count)
    try:
        for _ in range(1000):
            first.feed(b"x")
    finally:
        sys.setprofile(None)
    assert calls < 60 * 1000
