"""Hosts and addresses in one spelling, before anything is compared with them.

The same machine can be written as `127.0.0.1`, `127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`, with full-width or
circled digits and ideographic full stops, as `127.0.0.1.` or `[::ffff:7f00:1]`. Everything downstream sees
`127.0.0.1`. What has no single meaning (`256.1.1.1`, `1.2.3.4.5`, `09.0.0.1`) is refused rather than guessed:
resolvers disagree about it.

Sources: inet_aton(3) for one to four parts in any base; RFC 4291 §2.2 and §2.5.5 for IPv6 text and mapped addresses;
RFC 6874 for zones in URLs; UTS #46 §4 for what a browser does to a name before it looks it up.
"""

from __future__ import annotations

import ipaddress
import unicodedata
from functools import lru_cache

import msgspec

__all__ = ["MAX_HOST", "Host", "HostError", "IPAddress", "fold_host", "parse_address"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOST = 1024
"""Longest host text looked at, in characters; a name of 253 octets in percent-encoded form fits."""

_MAX_NAME = 253
_MAX_LABEL = 63
# UTS #46 drops these without a trace; NFKC leaves them in.
_IGNORED = dict.fromkeys(
    [0x00AD, 0x034F, 0x180B, 0x180C, 0x180D, 0x200B, 0x200C, 0x200D, 0x2060, 0x2064, 0xFEFF, *range(0xFE00, 0xFE10)]
)
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_NUMERIC = frozenset("0123456789")
_OCTAL = frozenset("01234567")
_HEX = frozenset("0123456789abcdef")
_INTERNATIONAL = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd", "So", "Sk"})


class HostError(ValueError):
    """The text names no host, or names one in a way that different programs would read differently."""


class Host(msgspec.Struct, frozen=True):
    """A host in its one spelling.

    Attributes:
        name: Lower-case name without trailing dot (`xn--` labels for what was not ASCII), or the canonical text of
            `address` without brackets.
        address: Set where the host is an IP literal in whatever spelling; an IPv4-mapped literal is IPv4 here,
            because that is where the system connects.
        spellings: How it was written, where that differs from `name`; case is kept, since the case of a host label
            can carry data.
    """

    name: str
    address: IPAddress | None = None
    spellings: tuple[str, ...] = ()

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP literal."""
        return self.address is not None

    @property
    def written(self) -> str:
        """The host as received."""
        return self.spellings[0] if self.spellings else self.name


@lru_cache(maxsize=4096)
def fold_host(host: str) -> Host:
    """Fold `host` (brackets, zone, trailing dot, any digits and dots allowed) into its one spelling.

    Raises:
        HostError: empty, too long, not a host name, or an ambiguous number.
    """
    if not host or len(host) > MAX_HOST:
        raise HostError("the host is empty" if not host else f"the host is longer than {MAX_HOST} characters")
    text = _plain(host)
    address = _literal(text)
    name = _name(text) if address is None else str(address)
    return Host(name, address, () if name == host else (host,))


def parse_address(text: str) -> IPAddress:
    """Read one resolver answer: canonical IPv4 or IPv6 text, with or without a zone; mapped IPv4 becomes IPv4.

    Raises:
        HostError: it is anything else.
    """
    if len(text) > MAX_HOST:
        raise HostError("the answer is not an IP address")
    try:
        return _unmapped(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError as error:
        raise HostError("the answer is not an IP address") from error


def _plain(host: str) -> str:
    """Undo what a URL library would undo: percent-encoding (once), compatibility characters, case, ignored marks."""
    if host.isascii() and "%" not in host:
        return host.lower()
    # In brackets a percent sign introduces a zone, not an escape.
    text = host if host.startswith("[") or ":" in host else _percent_decoded(host)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_IGNORED)
        text = unicodedata.normalize("NFKC", text.casefold()).replace("\u3002", ".")
    return text.lower()


def _percent_decoded(host: str) -> str:
    head, *rest = host.split("%")
    data = bytearray(head.encode("utf-8", "surrogatepass"))
    for piece in rest:
        digits = piece[:2]
        if len(digits) < 2 or not _HEX.issuperset(digits.lower()):
            raise HostError("the host has a broken percent escape")
        data.append(int(digits, 16))
        data += piece[2:].encode("utf-8", "surrogatepass")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HostError("the host is not UTF-8 after percent decoding") from error


def _literal(text: str) -> IPAddress | None:
    """The address that `text` spells, `None` for a name."""
    if text.startswith("["):
        if not text.endswith("]"):
            raise HostError("the host opens a bracket and does not close it")
        return _ipv6(text[1:-1])
    if ":" in text:
        return _ipv6(text)
    # One trailing dot is the root and means nothing; IPv4 with it is still IPv4 to every resolver.
    text = text.removesuffix(".")
    last = text[text.rfind(".") + 1 :]
    if not _is_number(last):
        return None
    return _ipv4(text)


def _is_number(label: str) -> bool:
    """Whether a name that ends in this label is an IPv4 address or nothing (WHATWG URL, "ends in a number")."""
    if not label:
        return False
    if _NUMERIC.issuperset(label):
        return True
    return label.startswith("0x") and _HEX.issuperset(label[2:])


def _ipv4(text: str) -> ipaddress.IPv4Address:
    parts = text.split(".")
    if len(parts) > 4:
        raise HostError("the host looks like an IP address with more than four parts")
    numbers = [_number(part) for part in parts]
    tail = numbers.pop()
    if any(number > 255 for number in numbers) or tail >= 256 ** (4 - len(numbers)):
        raise HostError("the host looks like an IP address with a part out of range")
    for index, number in enumerate(numbers):
        tail += number << (8 * (3 - index))
    return ipaddress.IPv4Address(tail)


def _number(part: str) -> int:
    # Twelve octal digits hold 2**32; longer text is leading zeros or overflow, and neither has one meaning.
    if not part or len(part) > 16:
        raise HostError("the host looks like an IP address with an unreadable part")
    if part.startswith("0x"):
        if not _HEX.issuperset(part[2:]):
            raise HostError("the host looks like an IP address with an unreadable part")
        return int(part[2:] or "0", 16)
    if len(part) > 1 and part.startswith("0"):
        if not _OCTAL.issuperset(part):
            raise HostError("the host has an octal-looking part that is not octal; resolvers disagree about it")
        return int(part, 8)
    if not _NUMERIC.issuperset(part):
        raise HostError("the host ends in a number but is not an IP address")
    return int(part)


def _ipv6(text: str) -> IPAddress:
    bare = text.partition("%")[0]
    try:
        return _unmapped(ipaddress.IPv6Address(bare))
    except ValueError as error:
        raise HostError("the host is not an IPv6 address") from error


def _unmapped(address: IPAddress) -> IPAddress:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _name(text: str) -> str:
    text = text.removesuffix(".")
    if text.isascii() and len(text) <= _MAX_NAME and _LABEL.issuperset(text.replace(".", "")):
        labels = text.split(".")
    else:
        labels = [_ascii_label(label) for label in text.split(".")]
        text = ".".join(labels)
    if not text or len(text) > _MAX_NAME:
        raise HostError(f"a host name has 1 to {_MAX_NAME} characters")
    for label in labels:
        if not label or len(label) > _MAX_LABEL:
            raise HostError(f"a label of a host name has 1 to {_MAX_LABEL} characters")
    return text


def _ascii_label(label: str) -> str:
    if label.isascii():
        if not _LABEL.issuperset(label):
            raise HostError("the host has a character that no host name has")
        return label
    # Checked before the encoder sees it, so that its quadratic worst case stays at one label.
    if len(label) > _MAX_LABEL:
        raise HostError(f"a label of a host name has 1 to {_MAX_LABEL} characters")
    for char in label:
        if char not in _LABEL and (char.isascii() or unicodedata.category(char) not in _INTERNATIONAL):
            raise HostError("the host has a character that no host name has")
    return "xn--" + label.encode("punycode").decode("ascii")
