from __future__ import annotations

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
