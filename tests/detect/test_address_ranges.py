"""What is private, what is metadata, and what no setting opens."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.address_ranges import (
    DEFAULT_INTERNAL,
    METADATA_ADDRESSES,
    SPECIAL_USE,
    AddressClass,
    AddressPolicy,
    NetworkSet,
    classify,
)
from pipelock.detect.addresses import fold_host

DEFAULT = AddressPolicy()


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.255.255.254",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.5",
        "192.168.255.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "2002:a00:1::",
        "2001:0:1234::1",
        "2001:db8::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2606:4700::5efe:10.0.0.1",
        "::ffff:0:192.168.0.1",
    ],
)
def test_private(text: str) -> None:
    address = fold_host(text).address
    assert address is not None
    assert classify(address, DEFAULT) is AddressClass.PRIVATE


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "192.169.0.1",
        "198.17.255.255",
        "198.20.0.1",
        "223.255.255.255",
        "64:ff9b::8.8.8.8",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "2606:4700::5efe:8.8.8.8",
    ],
)
def test_public(text: str) -> None:
    address = fold_host(text).address
    assert address is not None
    assert classify(address, DEFAULT, literal=True) is AddressClass.PUBLIC


@pytest.mark.parametrize("address", sorted(METADATA_ADDRESSES, key=str))
def test_metadata_is_never_opened(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    wide = AddressPolicy(
        internal=(), allowed=("169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/1", "128.0.0.0/1", "fd00::/8")
    )
    assert classify(address, wide) is AddressClass.METADATA
    if address.version == 4:
        for text in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}", f"2606:4700::5efe:{address}"):
            assert classify(ipaddress.ip_address(text), wide) is AddressClass.METADATA
        sixtofour = ipaddress.IPv6Address((0x2002 << 112) | int(address) << 80 | 1)
        teredo = ipaddress.IPv6Address((0x20010000 << 96) | (int(address) ^ 0xFFFFFFFF))
        assert classify(sixtofour, wide) is AddressClass.METADATA
        assert classify(teredo, wide) is AddressClass.METADATA


def test_an_empty_internal_opens_names_but_not_literals() -> None:
    off = AddressPolicy(internal=())
    address = ipaddress.ip_address("10.0.0.1")
    assert classify(address, off) is AddressClass.PUBLIC
    assert classify(address, off, literal=True) is AddressClass.PRIVATE


def test_a_smaller_internal_does_not_shrink_the_floor() -> None:
    small = AddressPolicy(internal=("10.0.0.0/8",))
    address = ipaddress.ip_address("192.168.1.1")
    assert classify(address, small) is AddressClass.PUBLIC
    assert classify(address, small, literal=True) is AddressClass.PRIVATE


def test_the_allowlist_opens_exactly_its_networks() -> None:
    policy = AddressPolicy(allowed=("10.0.0.0/24", "fd12::/32"))
    assert classify(ipaddress.ip_address("10.0.0.9"), policy, literal=True) is AddressClass.PUBLIC
    assert classify(ipaddress.ip_address("10.0.1.9"), policy, literal=True) is AddressClass.PRIVATE
    assert classify(ipaddress.ip_address("64:ff9b::10.0.0.9"), policy) is AddressClass.PUBLIC
    assert classify(ipaddress.ip_address("fd12::1"), policy, literal=True) is AddressClass.PUBLIC
    # Listing the IPv4 network says nothing about tunnels into it.
    assert classify(ipaddress.ip_address("2002:a00:9::"), policy) is AddressClass.PRIVATE


def test_an_operator_can_add_public_networks() -> None:
    policy = AddressPolicy(internal=("8.8.8.0/24",))
    assert classify(ipaddress.ip_address("8.8.8.8"), policy) is AddressClass.PRIVATE


@given(st.ip_addresses())
def test_a_network_set_agrees_with_ipaddress(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    texts = (*DEFAULT_INTERNAL, *SPECIAL_USE)
    expected = any(address in ipaddress.ip_network(text) for text in texts)
    assert (address in NetworkSet(texts)) is expected


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "x", ""])
def test_bad_networks_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        NetworkSet((text,))


def test_an_empty_set_is_false() -> None:
    assert not NetworkSet(())
    assert NetworkSet(("::/0",))
