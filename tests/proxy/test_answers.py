from __future__ import annotations

import pytest

from pipelock.model import Evidence, Identity, Kind
from pipelock.proxy.answers import answer_action, answer_head
from pipelock.proxy.http1 import Headers, ResponseHead
from tests.factories import an_action

REASON = ("x-pipelock-block-reason", "dlp_match")


@pytest.mark.parametrize(
    ("status", "headers", "line"),
    [
        (200, (), b"HTTP/1.1 200 OK\r\n"),
        (403, (("content-type", "text/plain"),), b"HTTP/1.1 403 Forbidden\r\n"),
        (403, (("cache-control", "no-store"), REASON), b"HTTP/1.1 403 Blocked by Pipelock (dlp_match)\r\n"),
        (503, (REASON,), b"HTTP/1.1 503 Blocked by Pipelock (dlp_match)\r\n"),
        (200, (REASON,), b"HTTP/1.1 200 OK\r\n"),
        (499, (), b"HTTP/1.1 499 \r\n"),
    ],
)
def test_the_first_line_says_who_refused(status: int, headers: Headers, line: bytes) -> None:
    assert answer_head(None, status, headers, 0, close=False).startswith(line)


def test_the_length_is_told_once_and_not_where_there_is_none() -> None:
    assert b"content-length: 5\r\n" in answer_head(None, 200, (), 5, close=False)
    assert answer_head(None, 200, (("content-length", "7"),), 5, close=False).count(b"content-length") == 1
    assert b"content-length" not in answer_head(None, 204, (), 0, close=False)
    assert b"connection: close\r\n" in answer_head(None, 200, (), None, close=True)


def test_an_answer_is_whose_the_request_was_and_from_where_that_went() -> None:
    identity = Identity(agent="ann", session="curl@7|127.0.0.1", evidence=Evidence.PROCESS)
    request = an_action(session=identity.session, agent="ann", identity=identity, named=True)
    head = ResponseHead(
        status=200,
        reason="OK",
        version="1.1",
        headers=(("content-type", "text/plain"),),
        content_length=0,
        chunked=False,
        close_delimited=False,
        keep_alive=True,
    )
    answer = answer_action(request, head)
    assert (answer.kind, answer.status, answer.content_type) == (Kind.RESPONSE, 200, "text/plain")
    assert (answer.session, answer.identity, answer.named) == (identity.session, identity, True)
