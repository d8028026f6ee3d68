"""The reverse proxy's upstream as a file writes it, and the paths that profile `submit` names: one spelling each.

A path that can be written in two ways can be forbidden in one and asked for in the other. So only one spelling counts
(RFC 3986 §6.2.2, and a little more): any other is refused, in the file as in a request.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import NamedTuple

from pipelock.config.rules import TEXT_RULES, ValueRuleError

__all__ = ["Upstream", "last_moment", "parse_upstream", "why_not_canonical"]

_PORTS = {"http": 80, "https": 443}
_MAX_UPSTREAM = 2048
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/")
_HEX = frozenset("0123456789ABCDEF")
_SEPARATORS = frozenset("/\\%")
_SECONDS_A_DAY = 86_400


class Upstream(NamedTuple):
    """Where a reverse proxy sends everything.

    Attributes:
        scheme: `http` or `https`.
        host: Lower case; an IPv6 address without brackets.
        port: The scheme's own where none is written.
        port_written: Whether it is.
        base: What is put before each request's path: empty, or `/` and more without a `/` at its end.
    """

    scheme: str
    host: str
    port: int
    port_written: bool
    base: str

    @property
    def authority(self) -> str:
        """The Host field for it: the port is left out where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def parse_upstream(text: str) -> Upstream:
    """Read `http[s]://host[:port][/base/path]`, at most 2048 characters.

    Raises:
        ValueRuleError: anything else: other schemes, user information, a query, a fragment, a base path that is not
            canonical.
    """
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _PORTS:
        raise ValueRuleError("write a URL that begins with http:// or https://", f"http://{text}" if text else "")
    if len(text) > _MAX_UPSTREAM or not text.isascii():
        raise ValueRuleError(f"must be ASCII, and at most {_MAX_UPSTREAM} characters")
    if "?" in rest or "#" in rest:
        raise ValueRuleError("write it without a query or a fragment")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        raise ValueRuleError("write it without a user name or password")
    host, port = _split(authority)
    base = f"{slash}{path}".rstrip("/")
    why = why_not_canonical(base) if base else None
    if why is not None:
        raise ValueRuleError(f"its path {why}")
    return Upstream(scheme, _host(host), port or _PORTS[scheme], bool(port), base)


def _split(authority: str) -> tuple[str, int]:
    """Host, with brackets if it has any, and port, 0 where none is written."""
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        host += bracket
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = authority.partition(":")
    if not colon:
        return host, 0
    if colon != ":" or not (port.isdecimal() and port.isascii()) or len(port) > 5 or not 0 < int(port) <= 65_535:
        raise ValueRuleError("port must be 1 to 65535")
    return host, int(port)


def _host(host: str) -> str:
    if host.startswith("["):
        address = TEXT_RULES["ip"](host[1:].removesuffix("]"))
        if not host.endswith("]") or ":" not in address:
            raise ValueRuleError("not an IPv6 address in brackets")
        return address
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return TEXT_RULES["plain_host"](host)


def why_not_canonical(path: str) -> str | None:
    r"""What is wrong with an absolute path, without its query, that is not in its only spelling; `None` if it is.

    In it every `%XX` is written in capitals and stands for something that can't be written plainly; no segment is
    empty (but the last), `.` or `..`, parameters after `;` aside; there is no backslash, and no `/`, `\`, `%` or
    control character is hidden in a `%XX`. Linear.
    """
    if not path.startswith("/"):
        return "must start with /"
    for index, char in enumerate(path):
        if char == "%":
            why = _why_not_escape(path[index + 1 : index + 3])
            if why is not None:
                return why
        elif char not in _PLAIN:
            return "has a character that no path may have; write it as %XX"
    segments = path[1:].split("/")
    if "" in segments[:-1]:
        return "has // in it"
    if any(segment.partition(";")[0] in {".", ".."} for segment in segments):
        return "has a . or .. segment in it"
    return None


def _why_not_escape(digits: str) -> str | None:
    if len(digits) < 2 or not _HEX.issuperset(digits):
        return "has a % that is not followed by two digits 0-9A-F"
    char = chr(int(digits, 16))
    if char in _SEPARATORS or char < " " or char == "\x7f":
        return f"hides a separator or a control character in %{digits}"
    if char in _PLAIN:
        return f"writes {char} as %{digits}"
    return None


def last_moment(day: str) -> float:
    """The end of a day written YYYY-MM-DD, seconds since the epoch, UTC.

    Raises:
        ValueRuleError: anything else.
    """
    try:
        date = dt.date.fromisoformat(day)
    except ValueError as error:
        raise ValueRuleError("write a day such as 2027-01-31") from error
    if date.isoformat() != day:
        raise ValueRuleError("write a day such as 2027-01-31", date.isoformat())
    begin = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    return begin.timestamp() + _SECONDS_A_DAY
