"""Which addresses an agent must not reach, and which of them no setting can open.

Three classes: metadata services (never), private and special-use space (unless the operator lists the network in
`ssrf.ip_allowlist`, or trusts the name that resolved to it), and the rest. An IPv6 address that carries an IPv4
address is judged by both. Sources: IANA IPv4 and IPv6 Special-Purpose Address Registries; RFC 6052 and RFC 8215
(NAT64), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 5214 (ISATAP), RFC 2765 (IPv4-translated); vendors' pages for
metadata endpoints.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from enum import StrEnum

from pipelock.detect.addresses import IPAddress

__all__ = [
    "DEFAULT_INTERNAL",
    "METADATA_ADDRESSES",
    "METADATA_NAMES",
    "SPECIAL_USE",
    "AddressClass",
    "AddressPolicy",
    "NetworkSet",
    "classify",
    "embedded",
]

DEFAULT_INTERNAL = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "224.0.0.0/4",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""What `internal` holds when the config says nothing."""

SPECIAL_USE = (
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # TEST-NET-1
    "192.88.99.0/24",  # 6to4 relays, deprecated by RFC 7526
    "198.18.0.0/15",  # benchmarking
    "198.51.100.0/24",  # TEST-NET-2
    "203.0.113.0/24",  # TEST-NET-3
    "240.0.0.0/4",  # reserved, with the broadcast address
    "::/96",  # unspecified, loopback and IPv4-compatible
    "64:ff9b:1::/48",  # NAT64 for local use: where it leads only the local network knows
    "100::/64",  # discard-only
    "2001::/23",  # IETF protocol assignments, Teredo among them
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, deprecated by RFC 7526
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
    "fec0::/10",  # site-local, deprecated by RFC 3879
)
"""Judged private wherever private answers are: no service an agent needs lives there."""

METADATA_ADDRESSES = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, Oracle, DigitalOcean, OpenStack
            "169.254.170.2",  # AWS ECS task credentials
            "169.254.170.23",  # AWS EKS pod identity
            "169.254.0.23",  # Tencent Cloud
            "169.254.42.42",  # Scaleway
            "100.100.100.200",  # Alibaba Cloud
            "168.63.129.16",  # Azure WireServer
            "192.0.0.192",  # Oracle Cloud classic
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS EKS pod identity
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
            "fe80::a9fe:a9fe",  # OpenStack
        ),
    )
)
"""Addresses that hand credentials to whoever asks from the machine; nothing opens them."""

METADATA_NAMES = frozenset(
    {
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.tencentyun.com",
        "metadata.packet.net",
        "metadata.platformequinix.com",
    }
)
"""Names that mean such a service, refused before they are looked up."""


class AddressClass(StrEnum):
    """What kind of place an address is."""

    PUBLIC = "public"
    PRIVATE = "private"
    METADATA = "metadata"


class NetworkSet:
    """Networks to test addresses against: a few integer comparisons for each member, no objects made."""

    __slots__ = ("_v4", "_v6")

    def __init__(self, networks: Iterable[str]) -> None:
        """Compile CIDR texts.

        Raises:
            ValueError: one is no network, or has host bits set.
        """
        self._v4: tuple[tuple[int, int], ...] = ()
        self._v6: tuple[tuple[int, int], ...] = ()
        for text in networks:
            network = ipaddress.ip_network(text)
            # Compared after a right shift: the prefix and how far to shift.
            entry = (
                int(network.network_address) >> (network.max_prefixlen - network.prefixlen),
                network.max_prefixlen - network.prefixlen,
            )
            if network.version == 4:
                self._v4 += (entry,)
            else:
                self._v6 += (entry,)

    def __contains__(self, address: IPAddress) -> bool:
        number = int(address)
        entries = self._v4 if address.version == 4 else self._v6
        return any(number >> shift == prefix for prefix, shift in entries)

    def __bool__(self) -> bool:
        return bool(self._v4 or self._v6)


class AddressPolicy:
    """What counts as private, compiled.

    Attributes:
        internal: The operator's `internal` with `SPECIAL_USE`; empty where `internal` is empty, which is the
            operator's way to switch the check off for names.
        floor: `DEFAULT_INTERNAL` and `SPECIAL_USE`: literals are held to it whatever `internal` says.
        allowed: `ssrf.ip_allowlist`.
    """

    __slots__ = ("allowed", "floor", "internal")

    def __init__(self, internal: Iterable[str] = DEFAULT_INTERNAL, allowed: Iterable[str] = ()) -> None:
        """Compile the networks.

        Raises:
            ValueError: one is no network.
        """
        named = tuple(internal)
        self.internal = NetworkSet((*named, *SPECIAL_USE) if named else ())
        self.floor = NetworkSet((*DEFAULT_INTERNAL, *SPECIAL_USE))
        self.allowed = NetworkSet(allowed)


def embedded(address: IPAddress) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address may lead to."""
    if address.version == 4:
        return
    number = int(address)
    low = number & 0xFFFF_FFFF
    top = number >> 32
    # IPv4-compatible, -mapped and -translated; the well-known NAT64 prefix.
    if top in {0, 0xFFFF, 0xFFFF_0000, 0x64_FF9B << 64}:
        yield ipaddress.IPv4Address(low)
    elif number >> 80 == 0x64_FF9B_0001:
        # The network decides where in the /48 the address sits: at its end, or around octet 8 (RFC 6052 §2.2).
        yield ipaddress.IPv4Address(low)
        yield ipaddress.IPv4Address((number >> 64 & 0xFFFF) << 16 | (number >> 40 & 0xFFFF))
    elif number >> 112 == 0x2002:
        yield ipaddress.IPv4Address(number >> 80 & 0xFFFF_FFFF)
    elif number >> 96 == 0x2001_0000:
        yield ipaddress.IPv4Address(low ^ 0xFFFF_FFFF)
        yield ipaddress.IPv4Address(number >> 64 & 0xFFFF_FFFF)
    elif top & 0xFFFF_FFFF in {0x5EFE, 0x0200_5EFE}:
        yield ipaddress.IPv4Address(low)


def classify(address: IPAddress, policy: AddressPolicy, *, literal: bool = False) -> AddressClass:
    """The class of `address`; with `literal`, judged against the floor too, which no `internal` can shrink.

    A network in the operator's allowlist is public, but metadata stays metadata.
    """
    readings = (address, *embedded(address))
    if any(reading in METADATA_ADDRESSES for reading in readings):
        return AddressClass.METADATA
    if address in policy.allowed:
        return AddressClass.PUBLIC
    for reading in readings:
        if reading in policy.allowed:
            continue
        if reading in policy.internal or (literal and reading in policy.floor):
            return AddressClass.PRIVATE
    return AddressClass.PUBLIC
