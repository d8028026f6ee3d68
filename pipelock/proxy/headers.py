"""Which header fields cross the proxy. What crosses is written anew from this list, never copied from the wire.

Framing (Content-Length, Transfer-Encoding) and Host are not this room's: whoever writes the head sets them from what is
really sent, so both are left out here.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.proxy._http1_events import Headers

__all__ = ["ACCEPT_ENCODING", "forwardable_request", "forwardable_response"]

ACCEPT_ENCODING = "identity"
"""What the origin is asked for. A body that needs no decoding is judged sooner; one that comes encoded nevertheless is
decoded (gzip, deflate) or refused."""

# RFC 9110 §7.6.1, and the fields of RFC 2068 and RFC 7540 that old clients still send.
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"})
_WRITTEN_ANEW = frozenset({"host", "content-length", "expect", "accept-encoding"})
# What a client says about the way a request came is hearsay to the origin, and a way to pose as somebody else.
_PROVENANCE = frozenset({"forwarded", "via", "x-real-ip", "pipelock-mediation"})
_REQUEST_DROPPED = _HOP_BY_HOP | _WRITTEN_ANEW | _PROVENANCE
_REQUEST_PREFIXES = ("proxy-", "x-forwarded-", "x-pipelock-")

# Alt-Svc would invite the client to a road (HTTP/3) that does not lead through this proxy.
_RESPONSE_DROPPED = _HOP_BY_HOP | {"content-length", "pipelock-mediation", "alt-svc"}
_RESPONSE_PREFIXES = ("proxy-", "x-pipelock-")

# They describe the encoded bytes and are wrong for decoded or rewritten ones.
_OF_THE_ENCODED = frozenset(
    {"content-encoding", "content-digest", "repr-digest", "digest", "content-md5", "etag", "accept-ranges"}
)


def forwardable_request(headers: Headers) -> Headers:
    """The fields of a client's request that the origin gets, in their order.

    Left out: hop-by-hop fields and those that Connection nominates, Proxy-*, what names other hops (X-Forwarded-*,
    X-Real-IP, Forwarded, Via), everything of ours (X-Pipelock-*, Pipelock-Mediation), Expect, Host and framing.
    Accept-Encoding is ours.
    """
    kept = _kept(headers, _REQUEST_DROPPED, _REQUEST_PREFIXES)
    kept.append(("accept-encoding", ACCEPT_ENCODING))
    return tuple(kept)


def forwardable_response(headers: Headers, *, reencoded: bool = False) -> Headers:
    """The fields of an origin's response that the client gets, in their order.

    Left out: hop-by-hop fields and those that Connection nominates, Proxy-*, framing, Alt-Svc, and fields of ours,
    which an origin could only forge.

    Args:
        headers: As the reader reported them.
        reencoded: The body sent is not byte by byte the origin's: it was decoded or rewritten. Then what describes the
            original bytes is left out too.
    """
    return tuple(
        _kept(headers, _RESPONSE_DROPPED | _OF_THE_ENCODED if reencoded else _RESPONSE_DROPPED, _RESPONSE_PREFIXES)
    )


def _kept(headers: Headers, dropped: frozenset[str], prefixes: tuple[str, ...]) -> list[tuple[str, str]]:
    nominated = _nominated(headers)
    if nominated:
        dropped = dropped | nominated
    # Every prefix begins with p or x: for most fields one look at the first letter is enough.
    return [
        (name, value)
        for name, value in headers
        if name not in dropped and (name[0] not in "px" or not name.startswith(prefixes))
    ]


def _nominated(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    options = [value for name, value in headers if name == "connection"]
    if not options or options in (["keep-alive"], ["close"]):
        return frozenset()
    return frozenset(option.strip(" \t") for option in ",".join(options).lower().split(","))
