"""What a reverse proxy lets through to its upstream, what it is asked there, and how its redirects lead back to us.

Pure. The client's Host never travels: the upstream is always called by its own name. X-Forwarded-*, Forwarded and Via
are dropped (`pipelock.proxy.headers`): what a client says of its way here is hearsay, and we add nothing of our own.
"""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from pipelock.config.schema_proxy import ReverseProxy, TrustedUpstream
from pipelock.config.upstream import Upstream, last_moment, parse_upstream, why_not_canonical
from pipelock.detect.overriding import OVERRIDING_HEADERS
from pipelock.model import BlockReason, Fault
from pipelock.proxy._http1_errors import RemoteProtocolError
from pipelock.proxy._http1_events import Headers
from pipelock.proxy.target import DEFAULT_PORTS, parse_authority

__all__ = ["LAYER", "TOO_LARGE", "ReverseRules"]

LAYER = "reverse_proxy"
TOO_LARGE = Fault(BlockReason.BAD_REQUEST, "the body is larger than reverse_proxy.max_body_bytes", 413, LAYER)
_ENCODED = Fault(
    BlockReason.BAD_REQUEST, "profile submit takes no compressed bodies: its size would say nothing", 415, LAYER
)
_DECODINGS = 4
"""How often a path is decoded to see whether it climbs; one that is encoded more often is taken to."""

_UNENDING = float("inf")


class ReverseRules(msgspec.Struct, frozen=True, kw_only=True):
    """Section `reverse_proxy`, ready to be asked.

    Attributes:
        upstream: Where everything goes.
        methods: The methods of profile `submit`; `None` without the profile, when any will do.
        paths: Its paths, canonical.
        max_body: The largest request of the profile, bytes; 0 is no limit of its own.
        request_seconds: For a whole exchange of the profile; 0 is no limit of its own.
        trusted_until: Until when the upstream may be at an internal address by `trusted_upstream`, seconds since the
            epoch; 0 without one.
    """

    upstream: Upstream
    methods: frozenset[str] | None = None
    paths: frozenset[str] = frozenset()
    max_body: int = 0
    request_seconds: float = 0.0
    trusted_until: float = 0.0

    @classmethod
    def from_config(cls, section: ReverseProxy) -> ReverseRules:
        """The rules of a section that was checked and is switched on.

        Raises:
            ValueRuleError: it was not checked.
        """
        upstream = parse_upstream(section.upstream)
        if section.profile != "submit":
            return cls(upstream=upstream)
        return cls(
            upstream=upstream,
            methods=frozenset(section.allowed_methods or ("POST",)),
            paths=frozenset(path.exact for path in section.allowed_paths),
            max_body=section.max_body_bytes,
            request_seconds=float(section.request_timeout_seconds),
            trusted_until=_trusted_until(section.trusted_upstream, upstream),
        )

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self.upstream.scheme

    @property
    def host(self) -> str:
        """Lower case, an IPv6 address without brackets."""
        return self.upstream.host

    @property
    def port(self) -> int:
        """1 to 65535."""
        return self.upstream.port

    @property
    def authority(self) -> str:
        """The Host field for the upstream."""
        return self.upstream.authority

    def path_for(self, path_query: str) -> str:
        """What the upstream is asked for, for a request target in origin form, or `*`.

        It stays a path of the upstream's, however it begins: it is never read as a URL.
        """
        return path_query if path_query == "*" else self.upstream.base + path_query

    def objection(
        self, method: str, path_query: str, content_length: int | None, headers: Headers = ()
    ) -> Fault | None:
        """Why a request does not go to the upstream, `None` where it may be judged by everybody else.

        Args:
            method: As received.
            path_query: The request target in origin form; what follows `?` is not compared with anything.
            content_length: Bytes of the body where the client tells; what it does not tell is counted as it comes
                (`pipelock.proxy.submit`).
            headers: Names in lower case.
        """
        path = path_query.partition("?")[0]
        if self.upstream.base and _climbs(path):
            return Fault(BlockReason.BAD_REQUEST, "the path leads out of the upstream's base path", 400, LAYER)
        if self.methods is None:
            return None
        why = self._not_listed(self.methods, method, path, headers)
        if why:
            return Fault(BlockReason.REQUEST_POLICY_DENY, why, 403, LAYER)
        if content_length is not None and content_length > self.max_body:
            return TOO_LARGE
        encoded = any(name == "content-encoding" and value != "identity" for name, value in headers)
        return _ENCODED if encoded else None

    def _not_listed(self, methods: frozenset[str], method: str, path: str, headers: Headers) -> str:
        if method not in methods:
            return "this method is not on reverse_proxy.allowed_methods"
        if path not in self.paths:
            why = why_not_canonical(path)
            return f"the path {why}" if why else "this path is not on reverse_proxy.allowed_paths"
        if any(name in OVERRIDING_HEADERS for name, _ in headers):
            return "a header asks for another method or path than the request line"
        if any(name == "upgrade" for name, _ in headers):
            return "profile submit lets requests through, and no other protocol"
        return ""

    def local_location(self, value: str, host: str) -> str:
        """A Location of the upstream's, as it leads back to the upstream through us; others stay as they are.

        What leads to the upstream becomes a path, which holds whatever scheme and name the client knows us by.

        Args:
            value: As received.
            host: The Host field of the request, for a path that can't stand alone; may be empty.
        """
        path = self._path_at_upstream(value)
        if path is None:
            return value
        base = self.upstream.base
        if base:
            if not path.startswith(base) or path[len(base) : len(base) + 1] not in {"", "/", "?", "#"}:
                return f"{self.scheme}://{self.authority}{path}"  # not reachable through us
            path = path[len(base) :]
        if not path.startswith("/"):
            path = f"/{path}"
        if path.startswith(("//", "/\\")):
            # Alone it would name another host.
            return f"//{host}{path}" if host else value
        return path

    def _path_at_upstream(self, value: str) -> str | None:
        """The path of a reference to the upstream (RFC 3986 §4.2), its query and fragment with it."""
        if value.startswith("/") and not value.startswith(("//", "/\\")):
            return value
        scheme, separator, rest = value.partition("//")
        if not separator or scheme.lower() not in {"", f"{self.scheme}:"}:
            return None
        written = rest
        for mark in "/?#":
            written = written.partition(mark)[0]
        try:
            named = parse_authority(written)
        except RemoteProtocolError:
            return None
        port = named.port or DEFAULT_PORTS[self.scheme]
        if (named.host.lower().removesuffix("."), port) != (self.host, self.port):
            return None
        path = rest[len(written) :]
        return path if path.startswith("/") else f"/{path}"


def _trusted_until(trusted: TrustedUpstream | None, upstream: Upstream) -> float:
    """A reload may have brought a trust for another upstream than the one that is still in force."""
    if trusted is None or (trusted.host.strip().lower().removesuffix("."), trusted.port) != upstream[1:3]:
        return 0.0
    return last_moment(trusted.expires) if trusted.expires else _UNENDING


def _climbs(path: str) -> bool:
    """Whether a server might read a `..` segment out of `path`, however it is encoded or adorned. Linear."""
    for _ in range(_DECODINGS):
        segments = path.replace("\\", "/").split("/")
        if any(segment.partition(";")[0].strip("\0\t ") == ".." for segment in segments):
            return True
        decoded = unquote(path, "latin-1")
        if decoded == path:
            return False
        path = decoded
    return True
