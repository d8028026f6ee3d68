"""The opening handshake (RFC 6455 §4) on both sides: what a client asks for, what the upstream is asked, what both get.

The two sides have a handshake each: our own key and version go to the upstream, and compression is agreed on with each
of them by itself (RFC 7692). Of what a client asked for, only the subprotocols are passed on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import msgspec

from pipelock.proxy._http1_events import Headers, RequestHead, ResponseHead
from pipelock.proxy.headers import forwardable_response
from pipelock.proxy.websocket.compression import EXTENSION, Deflate

__all__ = [
    "HandshakeError",
    "Opening",
    "accept_fields",
    "opening_fields",
    "read_answer",
    "read_opening",
    "shown_fields",
    "wants_websocket",
]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_OFFERS = 8
_MAX_PROTOCOLS = 64
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_OURS = frozenset({"sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept"})
"""Made anew for each side, or out of what was agreed on: none of them crosses."""


class HandshakeError(Exception):
    """A side's handshake is not one. `status` is what a client is answered."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What a client asks for.

    Attributes:
        key: Its Sec-WebSocket-Key.
        protocols: The subprotocols it knows, in its order.
        deflate: The kind of compression it was granted, if it offers one that can be had.
        deflate_answer: What Sec-WebSocket-Extensions says of that.
    """

    key: str
    protocols: tuple[str, ...] = ()
    deflate: Deflate | None = None
    deflate_answer: str = ""


class Agreed(msgspec.Struct, frozen=True, gc=False):
    """What the upstream has agreed to."""

    protocol: str = ""
    deflate: Deflate | None = None


def wants_websocket(head: RequestHead) -> bool:
    """Whether a request asks for a WebSocket, soundly or not (RFC 9110 §7.8)."""
    return (
        head.method == "GET"
        and head.version == "1.1"
        and "websocket" in _tokens(head.headers, "upgrade")
        and "upgrade" in _tokens(head.headers, "connection")
    )


def read_opening(head: RequestHead) -> Opening:
    """Read a client's request.

    Raises:
        HandshakeError: 400; 426 for another version than 13.
    """
    if not wants_websocket(head):
        raise HandshakeError("the request does not ask for a WebSocket (GET with Upgrade: websocket)", 426)
    if head.has_body:
        raise HandshakeError("a WebSocket's opening request has no body")
    if _values(head.headers, "sec-websocket-version") != ["13"]:
        raise HandshakeError("only version 13 of the WebSocket protocol is spoken here", 426)
    keys = _values(head.headers, "sec-websocket-key")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise HandshakeError("Sec-WebSocket-Key is not one key of 16 bytes")
    protocols = tuple(_listed(head.headers, "sec-websocket-protocol"))
    if len(protocols) > _MAX_PROTOCOLS or len(set(protocols)) != len(protocols):
        raise HandshakeError("Sec-WebSocket-Protocol is not a list of different names")
    if not all(name and _TOKEN.issuperset(name) for name in protocols):
        raise HandshakeError("Sec-WebSocket-Protocol is not a list of names")
    for offer in _offers(head.headers):
        granted = _grant(offer)
        if granted is not None:
            return Opening(keys[0], protocols, *granted)
    return Opening(keys[0], protocols)


def opening_fields(key: str, opening: Opening) -> Headers:
    """The fields of our own request to the upstream; it is offered compression if the client offered it."""
    fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", key),
    ]
    if opening.protocols:
        fields.append(("sec-websocket-protocol", ", ".join(opening.protocols)))
    if opening.deflate is not None:
        fields.append(("sec-websocket-extensions", f"{EXTENSION}; client_max_window_bits"))
    return tuple(fields)


def read_answer(head: ResponseHead, key: str, opening: Opening) -> Agreed:
    """Check the upstream's 101 (RFC 6455 §4.1).

    Raises:
        HandshakeError: it does not fit our request, so that it may be the answer to another one.
    """
    if "websocket" not in _tokens(head.headers, "upgrade") or "upgrade" not in _tokens(head.headers, "connection"):
        raise HandshakeError("the upstream switches to something else than a WebSocket")
    if _values(head.headers, "sec-websocket-accept") != [_accept(key)]:
        raise HandshakeError("the upstream's Sec-WebSocket-Accept does not fit the key")
    protocols = _listed(head.headers, "sec-websocket-protocol")
    if len(protocols) > 1 or not set(protocols) <= set(opening.protocols):
        raise HandshakeError("the upstream chose a subprotocol that was not offered")
    offers = _offers(head.headers)
    if not offers:
        return Agreed("".join(protocols))
    deflate = _granted(offers[0]) if len(offers) == 1 and opening.deflate is not None else None
    if deflate is None:
        raise HandshakeError("the upstream uses an extension that was not offered")
    return Agreed("".join(protocols), deflate)


def accept_fields(opening: Opening, agreed: Agreed, upstream: ResponseHead) -> Headers:
    """The fields of our own 101: the upstream's, and what was agreed on.

    The client gets compression only where the upstream has it too: otherwise it would be taken off for nothing.
    """
    fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", _accept(opening.key)),
    ]
    if agreed.protocol:
        fields.append(("sec-websocket-protocol", agreed.protocol))
    if agreed.deflate is not None:
        fields.append(("sec-websocket-extensions", opening.deflate_answer))
    kept = forwardable_response(upstream.headers)
    fields.extend((name, value) for name, value in kept if not name.startswith("sec-websocket-"))
    return tuple(fields)


def shown_fields(headers: Headers) -> Headers:
    """The fields that are judged: without those that never cross, whose random keys look like secrets."""
    return tuple((name, value) for name, value in headers if name not in _OURS)


def _accept(key: str) -> str:
    # SHA-1 is what the protocol asks for; nothing depends on its strength.
    return base64.b64encode(hashlib.sha1(key.encode("ascii") + _MAGIC, usedforsecurity=False).digest()).decode("ascii")


def _is_key(text: str) -> bool:
    try:
        return len(text) == 24 and len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _values(headers: Headers, name: str) -> list[str]:
    return [value for found, value in headers if found == name]


def _listed(headers: Headers, name: str) -> list[str]:
    """The members of a list that has no quoted ones, over all its fields."""
    values = _values(headers, name)
    return [one.strip(" \t") for one in ",".join(values).split(",")] if values else []


def _tokens(headers: Headers, name: str) -> list[str]:
    return [one.lower() for one in _listed(headers, name)]


# -- compression -------------------------------------------------------------------------------------------------------

_Offer = dict[str, str]
_BITS = frozenset(map(str, range(8, 16)))


def _offers(headers: Headers) -> list[_Offer | None]:
    """Each member of Sec-WebSocket-Extensions, at most `_MAX_OFFERS`: permessage-deflate's parameters, or `None`.

    No parameter of the one extension we know holds a comma or semicolon, quoted or not.
    """
    listed = [one for one in _listed(headers, "sec-websocket-extensions") if one]
    return [_offer(one) for one in listed[:_MAX_OFFERS]]


def _offer(text: str) -> _Offer | None:
    name, *parameters = [one.strip(" \t") for one in text.split(";")]
    if name.lower() != EXTENSION:
        return None
    offer: _Offer = {}
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        key = key.strip(" \t").lower()
        if key in offer:
            return None  # RFC 7692 §7.1: it must be declined
        offer[key] = value.strip(' \t"')
    return offer


def _grant(offer: _Offer | None) -> tuple[Deflate, str] | None:
    """What a client's offer gets it, as the server (RFC 7692 §7.1); `None` where it can't be granted."""
    if offer is None:
        return None
    answer, bits, forget_ours, forget_theirs = [EXTENSION], 15, False, False
    for name, value in offer.items():
        match name:
            case "server_no_context_takeover" if not value:
                forget_ours = True
                answer.append(name)
            case "client_no_context_takeover" if not value:
                forget_theirs = True
                answer.append(name)
            case "server_max_window_bits" if value in _BITS:
                bits = int(value)
                answer.append(f"{name}={value}")
            case "client_max_window_bits" if not value or value in _BITS:
                pass  # whatever window it uses can be read
            case _:
                return None
    return Deflate(bits, forget_ours, forget_theirs), "; ".join(answer)


def _granted(offer: _Offer | None) -> Deflate | None:
    """What the upstream's answer to our offer lets us do; `None` where it says what it may not."""
    if offer is None:
        return None
    bits, forget_ours, forget_theirs = 15, False, False
    for name, value in offer.items():
        match name:
            case "server_no_context_takeover" if not value:
                forget_theirs = True
            case "client_no_context_takeover" if not value:
                forget_ours = True
            case "client_max_window_bits" if value in _BITS:
                bits = int(value)
            case "server_max_window_bits" if value in _BITS:
                pass
            case _:
                return None
    return Deflate(bits, forget_ours, forget_theirs)
