"""The opening handshake: what is asked, granted, answered, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.http1 import Limits, RequestHead, RequestReader, ResponseHead, ResponseReader
from pipelock.proxy.websocket.compression import Deflate
from pipelock.proxy.websocket.handshake import (
    HandshakeError,
    Opening,
    accept_fields,
    opening_fields,
    read_answer,
    read_opening,
    shown_fields,
    wants_websocket,
)

# The example of RFC 6455 §1.3.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SOUND = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def asked(method: str = "GET", version: str = "1.1", **changes: str | None) -> RequestHead:
    fields: dict[str, str | None] = {**SOUND, **{name.replace("_", "-"): value for name, value in changes.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    data = f"{method} /chat HTTP/{version}\r\nHost: example.com\r\n{lines}\r\n"
    head = RequestReader(Limits()).feed(data.encode())[0]
    assert isinstance(head, RequestHead)
    return head


def answered(**changes: str | None) -> ResponseHead:
    fields: dict[str, str | None] = {
        "Connection": "upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Accept": ACCEPT,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value is not None)
    head = ResponseReader("GET", Limits(), upgrade=True).feed(f"HTTP/1.1 101 X\r\n{lines}\r\n".encode())[0]
    assert isinstance(head, ResponseHead)
    return head


def test_a_sound_request_is_one() -> None:
    head = asked(Sec_WebSocket_Protocol="chat, v2.chat")
    assert wants_websocket(head)
    assert read_opening(head) == Opening(KEY, ("chat", "v2.chat"))


@pytest.mark.parametrize(
    "head",
    [
        asked("POST"),
        asked(version="1.0"),
        asked(Upgrade="h2c"),
        asked(Upgrade=None),
        asked(Connection="keep-alive"),
    ],
)
def test_other_requests_ask_for_none(head: RequestHead) -> None:
    assert not wants_websocket(head)
    with pytest.raises(HandshakeError) as caught:
        read_opening(head)
    assert caught.value.status == 426


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (426, {"Sec_WebSocket_Version": "8"}),
        (426, {"Sec_WebSocket_Version": None}),
        (400, {"Sec_WebSocket_Key": None}),
        (400, {"Sec_WebSocket_Key": "short"}),
        (400, {"Sec_WebSocket_Key": "A" * 24}),
        (400, {"Sec_WebSocket_Key": "!" * 24}),
        (400, {"Sec_WebSocket_Protocol": "chat, chat"}),
        (400, {"Sec_WebSocket_Protocol": "chat,,x"}),
        (400, {"Sec_WebSocket_Protocol": "a b"}),
        (400, {"Content_Length": "5"}),
    ],
)
def test_a_flawed_request_is_refused(status: int, changes: dict[str, str | None]) -> None:
    with pytest.raises(HandshakeError) as caught:
        read_opening(asked(**changes))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("offer", "granted", "answer"),
    [
        ("permessage-deflate", Deflate(), "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", Deflate(), "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits=9", Deflate(), "permessage-deflate"),
        (
            "permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
            Deflate(10, forget_ours=True),
            "permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
        ),
        (
            "permessage-deflate;client_no_context_takeover",
            Deflate(forget_theirs=True),
            "permessage-deflate; client_no_context_takeover",
        ),
        ("x-other; a=1, permessage-deflate", Deflate(), "permessage-deflate"),
        (
            'permessage-deflate; server_max_window_bits="12"',
            Deflate(12),
            "permessage-deflate; server_max_window_bits=12",
        ),
        ("permessage-deflate; server_max_window_bits=7, permessage-deflate", Deflate(), "permessage-deflate"),
        ("permessage-deflate; server_max_window_bits", None, ""),
        ("permessage-deflate; server_max_window_bits=16", None, ""),
        ("permessage-deflate; server_no_context_takeover=1", None, ""),
        ("permessage-deflate; unheard_of", None, ""),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None, ""),
        ("x-webkit-deflate-frame", None, ""),
    ],
)
def test_compression_is_granted_as_it_is_offered(offer: str, granted: Deflate | None, answer: str) -> None:
    opening = read_opening(asked(Sec_WebSocket_Extensions=offer))
    assert (opening.deflate, opening.deflate_answer) == (granted, answer)


def test_our_own_request_offers_what_the_client_offered() -> None:
    plain = dict(opening_fields("k", Opening(KEY)))
    assert plain == {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "k",
    }
    more = dict(opening_fields("k", Opening(KEY, ("a", "b"), Deflate(), "permessage-deflate")))
    assert more["sec-websocket-protocol"] == "a, b"
    assert more["sec-websocket-extensions"].startswith("permessage-deflate")


OFFERED = Opening(KEY, ("chat", "other"), Deflate(9), "permessage-deflate; server_max_window_bits=9")


@pytest.mark.parametrize(
    ("extension", "deflate"),
    [
        (None, None),
        ("permessage-deflate", Deflate()),
        ("permessage-deflate; client_max_window_bits=10; client_no_context_takeover", Deflate(10, forget_ours=True)),
        ("permessage-deflate; server_max_window_bits=8; server_no_context_takeover", Deflate(forget_theirs=True)),
    ],
)
def test_a_sound_answer_opens_it(extension: str | None, deflate: Deflate | None) -> None:
    head = answered(Sec_WebSocket_Protocol="other", Sec_WebSocket_Extensions=extension, Set_Cookie="a=b", Server="x")
    agreed = read_answer(head, KEY, OFFERED)
    assert (agreed.protocol, agreed.deflate) == ("other", deflate)
    told = accept_fields(OFFERED, agreed, head)
    assert ("sec-websocket-accept", ACCEPT) in told
    assert ("set-cookie", "a=b") in told
    assert told.count(("sec-websocket-protocol", "other")) == 1
    assert (("sec-websocket-extensions", OFFERED.deflate_answer) in told) == (deflate is not None)


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_WebSocket_Accept": "x" * 28},
        {"Sec_WebSocket_Accept": None},
        {"Upgrade": "h2c"},
        {"Sec_WebSocket_Protocol": "unheard"},
        {"Sec_WebSocket_Protocol": "chat, other"},
        {"Sec_WebSocket_Extensions": "x-other"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits"},
        {"Sec_WebSocket_Extensions": "permessage-deflate; x=1"},
        {"Sec_WebSocket_Extensions": "permessage-deflate, permessage-deflate"},
    ],
)
def test_an_answer_that_does_not_fit_is_refused(changes: dict[str, str | None]) -> None:
    with pytest.raises(HandshakeError):
        read_answer(answered(**changes), KEY, OFFERED)


def test_an_extension_nobody_offered_is_refused() -> None:
    with pytest.raises(HandshakeError):
        read_answer(answered(Sec_WebSocket_Extensions="permessage-deflate"), KEY, Opening(KEY))


def test_random_keys_are_not_shown_to_scanners() -> None:
    names = {name for name, _ in shown_fields(asked(Sec_WebSocket_Protocol="bearer.x", Cookie="a=b").headers)}
    assert {"sec-websocket-protocol", "cookie", "upgrade"} <= names
    assert "sec-websocket-key" not in names


@settings(max_examples=60, deadline=None)
@given(st.text('permsag-dflt; ,="129_xbwindo', max_size=80))
def test_any_extension_field_is_read_or_declined(text: str) -> None:
    value = text.strip()
    if value:
        read_opening(asked(Sec_WebSocket_Extensions=value))
