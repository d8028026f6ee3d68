"""The request target and the authority in it: one reading, or a refusal (RFC 9112 §3.2, RFC 3986 §3.2)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Literal

import msgspec

from pipelock.model import BlockReason
from pipelock.proxy._http1_errors import RemoteProtocolError
from pipelock.proxy._http1_events import Limits, RequestHead
from pipelock.proxy._http1_syntax import TARGET_BYTES

__all__ = [
    "DEFAULT_PORTS",
    "Authority",
    "Target",
    "authority_of",
    "bound_target",
    "is_bound_to",
    "parse_authority",
    "parse_target",
    "parse_url",
]

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}
_MAX_HOST = 253
_MAX_LABEL = 63
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")
_SCHEME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+-.")
_IPV6 = frozenset("0123456789abcdefABCDEF:.")


class Authority(msgspec.Struct, frozen=True, gc=False):
    """A host as written (IPv6 without its brackets) and a port, 0 where none was given."""

    host: str
    port: int


class Target(msgspec.Struct, frozen=True, gc=False):
    """Where a request wants to go.

    Attributes:
        form: How the target was written; `OPTIONS *` counts as origin.
        scheme: Lower case; `https` for CONNECT.
        host: As received, IPv6 without brackets; empty for an HTTP/1.0 origin-form request without Host.
        port: The scheme's default filled in; 0 for a scheme without one.
        url: Absolute URL with the target's own spelling; `https://host:port/` for CONNECT.
        path_query: What is sent to the origin; `/` at least. Empty for CONNECT.
    """

    form: Literal["absolute", "authority", "origin"]
    scheme: str
    host: str
    port: int
    url: str
    path_query: str

    @property
    def authority(self) -> str:
        """The Host field for the origin: the port is left out where it is the scheme's default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme, 0) else f"{host}:{self.port}"


def parse_target(head: RequestHead, scheme: str = "http") -> Target:
    """Read the target of `head`.

    Args:
        head: What the reader reported.
        scheme: What origin-form requests travel on (`https` inside an intercepted tunnel).

    Raises:
        RemoteProtocolError: 400, for a form that does not fit the method, an authority that is not a plain
            `host[:port]`, or one that differs from Host.
    """
    target = head.target
    if head.method == "CONNECT":
        return _authority_form(target, head.host)
    if target.startswith("/"):
        return _origin_form(target, head.host, scheme)
    if target == "*" and head.method == "OPTIONS":
        return _origin_form(target, head.host, scheme)
    return _absolute_form(target, head.host)


def authority_of(host: str, port: int) -> Target:
    """The target of a CONNECT to `host`, an address or a name."""
    place = f"[{host}]" if ":" in host else host
    return Target("authority", "https", host, port, f"https://{place}:{port}/", "")


def bound_target(named: Target, scheme: str, host: str, port: int) -> Target:
    """Where a request goes that can go to one place only, whatever it names: the path is all that it chooses."""
    place = f"[{host}]" if ":" in host else host
    if port != DEFAULT_PORTS[scheme]:
        place = f"{place}:{port}"
    path = named.path_query
    return Target("origin", scheme, host, port, f"{scheme}://{place}{'/' if path == '*' else path}", path)


def is_bound_to(named: Target, scheme: str, host: str, port: int) -> bool:
    """Whether what a request names is the one place that it can go to."""
    if named.form == "authority" or (named.form == "absolute" and named.scheme != scheme):
        return False
    if named.host.lower().removesuffix(".") != host.lower().removesuffix("."):
        return False
    # Some clients leave the port out of Host, even where it is not the default.
    return named.port in (port, DEFAULT_PORTS[scheme])


def parse_url(url: str) -> Target:
    """Read an absolute URL that came by another way (`/fetch?url=`, Location) as strictly as a request target.

    A fragment is left out: it never travels.

    Raises:
        RemoteProtocolError: 400, also for characters that no URL may hold; 414 beyond 16 KiB.
    """
    url = url.partition("#")[0]
    if len(url) > Limits().target:
        raise RemoteProtocolError(414, "The URL is too long.")
    if not url.isascii() or url.encode("ascii").translate(None, TARGET_BYTES):
        raise RemoteProtocolError(400, "The URL holds characters that no URL may hold.")
    return _absolute_form(url, "")


@lru_cache(maxsize=1024)
def parse_authority(text: str) -> Authority:
    """Read `host[:port]`, strictly: no user information, no empty or zero port, no zone, no percent-encoding.

    Raises:
        RemoteProtocolError: 400.
    """
    host, port = _split_port(text)
    if host.startswith("["):
        address = host[1:-1]
        if not host.endswith("]") or not address or not _IPV6.issuperset(address) or not _is_ipv6(address):
            raise _bad_host()
        return Authority(address, port)
    name = host.lower().removesuffix(".")
    if not name or len(name) > _MAX_HOST or not _NAME.issuperset(name):
        raise _bad_host()
    if not all(0 < len(label) <= _MAX_LABEL for label in name.split(".")):
        raise _bad_host()
    return Authority(host, port)


def _split_port(text: str) -> tuple[str, int]:
    if text.startswith("["):
        close = text.find("]")
        host, colon, port = text[: close + 1], text[close + 1 : close + 2], text[close + 2 :]
        if close < 0 or colon not in {"", ":"}:
            raise _bad_host()
    else:
        host, colon, port = text.partition(":")
    if not colon:
        return host, 0
    plain = 0 < len(port) <= 5 and port.isascii() and port.isdigit() and port[0] != "0"
    if not plain or int(port) > 65_535:
        raise RemoteProtocolError(400, "The port is not a number from 1 to 65535.")
    return host, int(port)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _bad_host() -> RemoteProtocolError:
    return RemoteProtocolError(400, "The host is not a plain name or address.")


def _authority_form(target: str, host_field: str) -> Target:
    authority = parse_authority(target)
    if not authority.port:
        raise RemoteProtocolError(400, "CONNECT names no port.")
    if host_field:
        named = parse_authority(host_field)
        # Old clients leave the port out of Host in a CONNECT.
        if named.host.lower() != authority.host.lower() or named.port not in {0, authority.port}:
            raise _mismatch()
    return authority_of(authority.host, authority.port)


def _origin_form(target: str, host_field: str, scheme: str) -> Target:
    path = "/" if target == "*" else target
    if not host_field:
        return Target("origin", scheme, "", DEFAULT_PORTS.get(scheme, 0), "", target)
    authority = parse_authority(host_field)
    port = authority.port or DEFAULT_PORTS.get(scheme, 0)
    return Target("origin", scheme, authority.host, port, f"{scheme}://{host_field}{path}", target)


def _absolute_form(target: str, host_field: str) -> Target:
    scheme, separator, rest = target.partition("://")
    name = scheme.lower()
    if not separator or (name not in DEFAULT_PORTS and not _is_scheme(name)):
        raise RemoteProtocolError(400, "The request target is neither a path nor an absolute URL.")
    written = rest.partition("/")[0].partition("?")[0]
    path = rest[len(written) :]
    authority = parse_authority(written)
    default = DEFAULT_PORTS.get(name, 0)
    port = authority.port or default
    if host_field and host_field != written:
        named = parse_authority(host_field)
        if named.host.lower() != authority.host.lower() or (named.port or default) != port:
            raise _mismatch()
    if not path.startswith("/"):
        path = f"/{path}"
        target = f"{scheme}://{written}{path}"
    return Target("absolute", name, authority.host, port, target, path)


def _is_scheme(name: str) -> bool:
    """RFC 3986 §3.1, `name` in lower case."""
    return bool(name) and "a" <= name[0] <= "z" and _SCHEME.issuperset(name)


def _mismatch() -> RemoteProtocolError:
    return RemoteProtocolError(
        400, "Host names somebody else than the request target does.", BlockReason.AUTHORITY_MISMATCH
    )
