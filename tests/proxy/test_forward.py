from __future__ import annotations

import pytest

from pipelock.proxy.forward import upstream_request
from pipelock.proxy.http1 import RequestHead, RequestReader
from pipelock.proxy.target import parse_target

SENT = b"a longer body that is not the client's"


def a_head() -> RequestHead:
    lines = (
        "POST http://example.com/x HTTP/1.1",
        "host: example.com",
        "content-length: 5",
        "content-digest: sha-256=:x:",
    )
    events = RequestReader().feed("\r\n".join([*lines, "", "hello"]).encode())
    return next(event for event in events if isinstance(event, RequestHead))


@pytest.mark.parametrize(("instead", "body"), [(None, b"hello"), (SENT, SENT), (b"", b"")])
def test_the_length_is_that_of_what_is_sent(instead, body):
    head = a_head()
    _, request = upstream_request(head, parse_target(head), b"hello", instead)
    assert request.body == body
    assert b"content-length: %d\r\n" % len(body) in request.head


def test_a_digest_of_another_body_is_not_sent_along():
    head = a_head()
    target = parse_target(head)
    assert b"content-digest" in upstream_request(head, target, b"hello")[1].head
    assert b"content-digest" not in upstream_request(head, target, b"hello", SENT)[1].head
