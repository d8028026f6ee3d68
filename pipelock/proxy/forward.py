"""A judged request as it goes out: written anew, never copied."""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.proxy.bodies.ranges import may_ask_for_part
from pipelock.proxy.headers import forwardable_request
from pipelock.proxy.http1 import RequestHead, request_head
from pipelock.proxy.target import Target
from pipelock.proxy.upstream import Origin, UpstreamRequest

__all__ = ["Destination"]

# Passed on only where a part can be judged like the whole (see bodies/ranges.py).
_PARTIAL = frozenset({"range", "if-range"})

# A compressed stream has room for what its content does not show (RFC 1952 §2.3: names, comments, extra fields), so a
# body goes out as it was judged, decoded.
_DECODED = frozenset({"content-encoding"})

# They describe the bytes that the client sent and are wrong for others (RFC 9530, RFC 1864).
_DIGESTS = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a request goes, and how it is written there.

    Attributes:
        head: The request as it came.
        target: Where to; `target.path_query` is what the origin is asked for.
        authority: The Host field, where it is not the target's own.
    """

    head: RequestHead
    target: Target
    authority: str = ""

    @property
    def origin(self) -> Origin:
        """Who is dialled."""
        return Origin.of(self.target)

    def whole(self, body: bytes, *, rewritten: bool = False) -> UpstreamRequest:
        """The request with all of its body; `rewritten` where that is not what the client sent."""
        lines = self._lines(rewritten=rewritten)
        if body or self.head.content_length is not None or self.head.chunked:
            lines.append(("content-length", str(len(body))))
        return UpstreamRequest(self.head.method, self._head(lines), body)

    def streamed(self) -> UpstreamRequest:
        """The request with a body that follows in pieces; its length is told where it is known to stay the same."""
        head = self.head
        lines = self._lines(rewritten=False)
        encoded = any(name == "content-encoding" for name, _ in head.headers)
        chunked = head.content_length is None or encoded
        lines.append(("transfer-encoding", "chunked") if chunked else ("content-length", str(head.content_length)))
        return UpstreamRequest(head.method, self._head(lines), None, chunked=chunked)

    def _head(self, lines: list[tuple[str, str]]) -> bytes:
        return request_head(self.head.method, self.target.path_query, lines)

    def _lines(self, *, rewritten: bool) -> list[tuple[str, str]]:
        head = self.head
        dropped = _DECODED | _DIGESTS if rewritten else _DECODED
        if not may_ask_for_part(head.method, self.target.path_query, head.headers):
            dropped |= _PARTIAL
        lines = [("host", self.authority or self.target.authority)]
        lines.extend((name, value) for name, value in forwardable_request(head.headers) if name not in dropped)
        return lines
