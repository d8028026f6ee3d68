"""A URL taken apart, strictly, and in the form its last reader will see.

Splitting follows RFC 3986 §3; what programs disagree about (a backslash or a second `@` in the authority, control
characters, a port with signs) is refused rather than resolved one way. Percent decoding goes to the end
(`url_percent`). Nothing here copies more than a small multiple of the URL.
"""

from __future__ import annotations

from functools import cached_property

from pipelock.detect.addresses import Host, HostError, fold_host
from pipelock.detect.url_percent import Decoded, decode_percent

__all__ = ["MAX_URL", "Parameter", "UrlError", "UrlParts", "UrlView", "parse_url", "split_url"]

MAX_URL = 65_536
"""Longest URL looked at, in characters; the `length` layer's limit is far below."""

_SCHEME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789+-.")
_PORTS = {"http": 80, "https": 443}
_FORBIDDEN = frozenset(chr(code) for code in (*range(0x21), 0x7F))


class UrlError(ValueError):
    """The text is no URL, or one that different programs would read differently. `str()` says what to change."""


class UrlParts:
    """The five parts of a URL as text, found by their delimiters alone; nothing is checked but the scheme's form.

    `path` starts with `/` or is empty; `query` and `fragment` come without their delimiters. `sent` is the URL
    without its fragment: what goes over the wire.
    """

    def __init__(self, url: str, scheme: str) -> None:
        """Split what follows `scheme:`."""
        self.url = url
        self.scheme = scheme
        self.sent, _, self.fragment = url.partition("#")
        rest, _, self.query = self.sent[len(scheme) + 1 :].partition("?")
        self.authority = ""
        if rest.startswith("//"):
            slash = rest.find("/", 2)
            self.authority, rest = (rest[2:], "") if slash < 0 else (rest[2:slash], rest[slash:])
        self.path = rest

    @cached_property
    def decoded(self) -> Decoded:
        """`sent` in final form."""
        return decode_percent(self.sent)


class Parameter:
    """One `key=value` of a query: as sent, and in final form. `has_value` is false for a bare word."""

    __slots__ = ("has_value", "key", "raw_key", "raw_value", "value")

    def __init__(self, text: str) -> None:
        """Split and decode one parameter; a plus sign is a space, as forms have it."""
        self.raw_key, equals, self.raw_value = text.partition("=")
        self.has_value = bool(equals)
        self.key = _form_text(self.raw_key)
        self.value = _form_text(self.raw_value)


class UrlView:
    """A URL in all the forms the layers look at. Parts are computed when first asked for.

    Attributes:
        parts: The URL as text, with `parts.decoded` its final form.
        url: As received.
        scheme: Lower case.
        userinfo: Raw, without the `@`; empty where absent.
        host: Folded.
        port: 1..65535, the scheme's own where none is given, 0 for an unknown scheme.
        path: Raw, at least `/`, without query.
        query: Raw, without `?`.
        fragment: Raw, without `#`.
    """

    def __init__(self, parts: UrlParts, userinfo: str, host: Host, port: int) -> None:
        """Take what `parse_url` found."""
        self.parts = parts
        self.url = parts.url
        self.scheme = parts.scheme
        self.userinfo = userinfo
        self.host = host
        self.port = port
        self.path = parts.path or "/"
        self.query = parts.query
        self.fragment = parts.fragment

    @cached_property
    def decoded_path(self) -> str:
        """The path in final form."""
        return decode_percent(self.path).text if "%" in self.path else self.path

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Non-empty path segments in final form; an escaped slash separates too, as many servers have it."""
        return tuple(segment for segment in self.decoded_path.split("/") if segment)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The query's parameters in wire order, split at `&` and `;`."""
        if not self.query:
            return ()
        query = self.query.replace(";", "&") if ";" in self.query else self.query
        return tuple(Parameter(text) for text in query.split("&") if text)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels of a host name as they were written (case kept), of an address none."""
        if self.host.is_address:
            return ()
        written = self.host.written
        plain = written.isascii() and "%" not in written
        return tuple((written.removesuffix(".") if plain else self.host.name).split("."))


def _form_text(text: str) -> str:
    if "%" in text:
        return decode_percent(text.replace("+", " ")).text
    return text.replace("+", " ") if "+" in text else text


def split_url(url: str) -> UrlParts:
    """Find the five parts of `url`.

    Raises:
        UrlError: too long, or no scheme in front.
    """
    if len(url) > MAX_URL:
        raise UrlError(f"the URL is longer than {MAX_URL} characters")
    colon = url.find(":", 0, 64)
    scheme = url[:colon].lower()
    if colon < 1 or not scheme[0].isalpha() or not _SCHEME.issuperset(scheme):
        raise UrlError("the URL does not start with a scheme such as https://")
    return UrlParts(url, scheme)


def parse_url(parts: UrlParts) -> UrlView:
    """Read the authority of `parts` and check the rest.

    Raises:
        UrlError: saying what is wrong.
    """
    url = parts.url
    if not (url.isascii() and url.isprintable() and " " not in url) and not _FORBIDDEN.isdisjoint(url):
        raise UrlError("the URL holds a space or a control character; percent-encode it")
    authority = parts.authority
    if not authority:
        raise UrlError("the URL names no host")
    if "\\" in authority:
        raise UrlError("the URL has a backslash before its path; programs disagree about which host that means")
    userinfo, at, location = authority.rpartition("@")
    if at and "@" in userinfo:
        raise UrlError("the URL has two @ signs before its path; programs disagree about which host that means")
    name, port = _host_and_port(location, parts.scheme)
    try:
        host = fold_host(name)
    except HostError as error:
        raise UrlError(str(error)) from error
    return UrlView(parts, userinfo, host, port)


def _host_and_port(location: str, scheme: str) -> tuple[str, int]:
    if location.startswith("["):
        close = location.find("]") + 1
        name, rest = location[:close], location[close:]
        if not close or (rest and not rest.startswith(":")):
            raise UrlError("the URL's IPv6 host is not closed by a bracket, or something follows it")
        port = rest[1:]
    else:
        name, _, port = location.partition(":")
    if not port:
        return name, _PORTS.get(scheme, 0)
    # At most five digits: no signs, no spaces, no digits of other scripts, no padding with zeros.
    if len(port) > 5 or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise UrlError("the URL's port is not a number from 1 to 65535")
    return name, int(port)
