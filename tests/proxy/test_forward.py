from __future__ import annotations

import pytest

from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import RequestHead, RequestReader
from pipelock.proxy.target import parse_target, parse_url
from pipelock.proxy.upstream import Origin

SENT = b"a longer body that is not the client's"


def destination(*more: str, length: str = "content-length: 5", body: str = "hello") -> Destination:
    lines = ("POST http://example.com/x HTTP/1.1", "host: example.com", length, "content-digest: sha-256=:x:", *more)
    events = RequestReader().feed("\r\n".join([*lines, "", body]).encode())
    head = next(event for event in events if isinstance(event, RequestHead))
    return Destination(head, parse_target(head))


@pytest.mark.parametrize("body", [b"hello", SENT, b""])
def test_the_length_is_that_of_what_is_sent(body: bytes) -> None:
    request = destination().whole(body)
    assert request.body == body
    assert b"content-length: %d\r\n" % len(body) in request.head


def test_a_digest_of_another_body_is_not_sent_along() -> None:
    assert b"content-digest" in destination().whole(b"hello").head
    assert b"content-digest" not in destination().whole(SENT, rewritten=True).head


@pytest.mark.parametrize(
    ("more", "length", "body", "framing"),
    [
        ((), "content-length: 5", "hello", b"content-length: 5\r\n"),
        ((), "transfer-encoding: chunked", "0\r\n\r\n", b"transfer-encoding: chunked\r\n"),
        (("content-encoding: gzip",), "content-length: 5", "hello", b"transfer-encoding: chunked\r\n"),
    ],
)
def test_a_body_in_pieces_keeps_the_length_it_was_announced_with_unless_it_is_decoded(
    more: tuple[str, ...], length: str, body: str, framing: bytes
) -> None:
    request = destination(*more, length=length, body=body).streamed()
    assert framing in request.head
    assert request.body is None
    assert request.chunked is framing.startswith(b"transfer")
    assert b"content-encoding" not in request.head


def test_another_name_may_be_sent_than_is_dialled() -> None:
    plain = destination()
    assert b"host: named.example\r\n" in Destination(plain.head, plain.target, "named.example").whole(b"").head
    assert plain.origin.host == "example.com"


@pytest.mark.parametrize(("path", "goes"), [("/page.html", False), ("/v1/model.safetensors", True)])
def test_a_part_is_asked_for_of_what_is_judged_in_parts_anyway(path: str, goes: bool) -> None:
    lines = f"GET http://example.com{path} HTTP/1.1\r\nhost: example.com\r\nrange: bytes=5-\r\nif-range: x\r\n\r\n"
    head = next(event for event in RequestReader().feed(lines.encode()) if isinstance(event, RequestHead))
    written = Destination(head, parse_target(head)).whole(b"").head
    assert (b"range: bytes=5-\r\n" in written, b"if-range: x\r\n" in written) == (goes, goes)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://API.Example.com/", Origin("http", "api.example.com", 80)),
        ("https://api.example.com:8443/", Origin("https", "api.example.com", 8443)),
        ("wss://Api.example.com/", Origin("https", "api.example.com", 443)),
        ("ws://api.example.com/", Origin("http", "api.example.com", 80)),
    ],
)
def test_one_origin_however_its_name_is_spelled(url: str, origin: Origin) -> None:
    assert Origin.of(parse_url(url)) == origin
