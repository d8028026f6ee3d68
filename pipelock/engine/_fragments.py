"""What one request could carry of a secret that was cut into several: its values, their names, and their order.

Of a body the first and the last `EDGE` bytes count: a piece that stands deeper inside was searched with the body, and
cannot be whole without what stands before or after it there. Limits: `MAX_PIECES` values of one request,
`LONGEST_PIECE` bytes each; longer values count for the wire order alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipelock.detect.fields import unquote
from pipelock.detect.hosts import registrable_domain
from pipelock.detect.url_view import UrlError, UrlView, parse_url, split_url
from pipelock.model import Action

__all__ = ["EDGE", "LONGEST_PIECE", "MAX_PIECES", "ROUTINE", "Fragments", "Piece", "read_fragments"]

EDGE = 32_768
MAX_PIECES = 64
ROUTINE = ("cookie:", "carried:")
"""Slots of what clients send with every request: parts may hide there, but it is no measure of what leaves."""
_MOST_COOKIES = 8
_CARRIERS = frozenset({"from", "if-none-match", "origin", "referer", "user-agent"})
LONGEST_PIECE = 512
_DIGITS = "0123456789"
_MOST_DIGITS = 6
_FORM = "application/x-www-form-urlencoded"


class Piece(NamedTuple):
    """A short value.

    Attributes:
        slot: Where such values are sent: the kind of place and its name without digits.
        name: The name as it was.
        order: The number that the request gives it, -1 where it gives none.
        data: The value.
    """

    slot: str
    name: str
    order: int
    data: bytes


class Fragments(NamedTuple):
    """What one request carries.

    Attributes:
        pieces: Its short values.
        wire: All values in the order of the wire.
        keys: The names of parameters.
        host: The folded host; `domain` is the part of it that was registered.
    """

    pieces: tuple[Piece, ...]
    wire: bytes
    keys: tuple[bytes, ...]
    host: str
    domain: str


def read_fragments(action: Action) -> Fragments:
    """Take a request or CONNECT apart. Never raises; linear in the URL and in twice `EDGE`."""
    view = _view(action.url)
    named: list[tuple[str, str, bytes]] = []
    keys: list[bytes] = []
    host = domain = ""
    if view is not None:
        host = view.host.name
        domain = host if view.host.is_address else registrable_domain(view.host)
        for parameter in view.parameters:
            value = parameter.value if parameter.has_value else parameter.key
            named.append(
                ("query", parameter.key if parameter.has_value else "", value.encode("utf-8", "surrogatepass"))
            )
            if parameter.has_value:
                keys.append(parameter.key.encode("utf-8", "surrogatepass"))
    in_order = [*named, *_body(action)]
    wire = b"".join([value for _, _, value in in_order])
    aside = [*(_aside(view, domain) if view is not None else ()), *_headers(action), *_carried(action)]
    numbered = _number(view, named)
    chosen = in_order if len(in_order) <= MAX_PIECES else [*in_order[: MAX_PIECES // 2], *in_order[-MAX_PIECES // 2 :]]
    pieces = [
        Piece(f"{kind}:{name.rstrip(_DIGITS)}", name, _order(name, numbered), value)
        for kind, name, value in [*chosen, *aside][: MAX_PIECES + 16]
        if 0 < len(value) <= LONGEST_PIECE
    ]
    return Fragments(tuple(pieces), wire, tuple(keys), host, domain)


def _view(url: str) -> UrlView | None:
    try:
        return parse_url(split_url(url))
    except UrlError:
        return None


def _aside(view: UrlView, domain: str) -> Iterator[tuple[str, str, bytes]]:
    """What paths and host names carry: no part of the wire order, as the same path time and again would break it."""
    segments = view.segments
    if segments:
        yield "path", f"{domain}/", segments[-1].encode("utf-8", "surrogatepass")
    below = view.host.name.removesuffix(domain).rstrip(".")
    if below and not view.host.is_address:
        yield "host", f"{domain}/", below.replace(".", "").encode("utf-8", "surrogatepass")


def _headers(action: Action) -> Iterator[tuple[str, str, bytes]]:
    for name, value in action.headers:
        if name.startswith("x-"):
            yield "header", name, value.encode("utf-8", "surrogatepass")


def _carried(action: Action) -> Iterator[tuple[str, str, bytes]]:
    """What headers that every client sends may carry: cookies, and the last word of those that have room for one."""
    for name, value in action.headers:
        if name == "cookie":
            for pair in value.split(";", _MOST_COOKIES)[:_MOST_COOKIES]:
                key, _, text = pair.partition("=")
                yield "cookie", key.strip()[:64], unquote(text.strip(' "').encode("utf-8", "surrogatepass"))
        elif name == "authorization":
            yield "carried", name, value.rpartition(" ")[2].encode("utf-8", "surrogatepass")
        elif name in _CARRIERS:
            word = value.rpartition(" ")[2].strip('"').rpartition("/")[2]
            yield "carried", name, word.rpartition("=")[2].encode("utf-8", "surrogatepass")


def _body(action: Action) -> Iterator[tuple[str, str, bytes]]:
    data = action.body
    if not data:
        return
    if len(data) > 2 * EDGE:
        data = data[:EDGE] + b"\0" + data[-EDGE:]
    kind = action.content_type.partition(";")[0].strip().lower()
    if kind == _FORM:
        for pair in data.split(b"&"):
            key, _, value = pair.partition(b"=")
            yield "form", _text(unquote(key)), unquote(value)
    elif kind.endswith("json") or data.lstrip()[:1] in (b"{", b"["):
        yield from _json(data)
    else:
        yield "body", "", data.strip()


def _json(data: bytes) -> Iterator[tuple[str, str, bytes]]:
    """The string values of JSON, each with the name before it; by quotation marks, so that no error hides one."""
    strings = data.replace(b"\\\\", b"\xfe").replace(b'\\"', b"\xff").split(b'"')
    name = ""
    for string, gap in zip(strings[1::2], [*strings[2::2], b""], strict=False):
        value = string.replace(b"\xfe", b"\\").replace(b"\xff", b'"')
        if gap.lstrip()[:1] == b":":
            name = _text(value)
        elif value:
            yield "json", name, value


def _text(data: bytes) -> str:
    return data[:64].decode("utf-8", "replace")


def _order(name: str, otherwise: int) -> int:
    """The number at the end of a name, else the one that the request as a whole has."""
    digits = name[len(name.rstrip(_DIGITS)) :]
    return int(digits) if 0 < len(digits) <= _MOST_DIGITS else otherwise


def _number(view: UrlView | None, named: Sequence[tuple[str, str, bytes]]) -> int:
    """A number among the parameters or at the end of the path, as senders of parts number them; -1 for none."""
    for _, _, value in named:
        if value.isdigit() and len(value) <= _MOST_DIGITS:
            return int(value)
    if view is not None:
        path = view.decoded_path.rstrip("/")
        return _order(path, -1)
    return -1
