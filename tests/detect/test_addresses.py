"""Every spelling of an address is the address; what has no single meaning is no host."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.addresses import MAX_HOST, HostError, fold_host, parse_address

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0X7F.0.0.0x1",
    "0177.0.0.1",
    "0177.0.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "127.0x1",
    "１２７.０.０.１",
    "127。0。0。1",
    "127．0｡0.1",
    "①②⑦.⓪.0.1",
    "𝟏𝟐𝟕.0.0.1",
    "127.0.0\u00ad.1",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "::ffff:7f00:1",
    "[0:0:0:0:0:ffff:7f00:1%25lo]",
]


@pytest.mark.parametrize("text", LOOPBACK)
def test_spellings_of_loopback(text: str) -> None:
    host = fold_host(text)
    assert (host.name, host.address) == ("127.0.0.1", ipaddress.ip_address("127.0.0.1"))
    assert host.spellings == (() if text == "127.0.0.1" else (text,))
    assert host.written == text


@pytest.mark.parametrize(
    ("text", "address"), [("1.2.3.0x", "1.2.3.0"), ("1.2.3.", "1.2.0.3"), ("0", "0.0.0.0"), ("0x8.010.8.8", "8.8.8.8")]
)
def test_other_spellings(text: str, address: str) -> None:
    assert fold_host(text).name == address


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Example.COM.", "example.com"),
        ("localhost", "localhost"),
        ("my_service.internal", "my_service.internal"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("ＥＸＡＭＰＬＥ.com", "example.com"),
        ("faß.example", "fass.example"),
        ("ex\u200bample.com", "example.com"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("1and1.com", "1and1.com"),
        ("127.0.0.1.example", "127.0.0.1.example"),
        ("0xbad.cafe", "0xbad.cafe"),
        ("a.0xg", "a.0xg"),
        ("%65xample.com", "example.com"),
    ],
)
def test_names(text: str, name: str) -> None:
    host = fold_host(text)
    assert host.name == name
    assert host.address is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        ".example.com",
        "example.com..",
        "256.1.1.1",
        "1.2.3.256",
        "1.2.65536",
        "1.16777216",
        "4294967296",
        "0x100000000",
        "1.2.3.4.5",
        "09.0.0.1",
        "0778.1",
        "a.1",
        "example.127",
        "example.0x7f",
        "00000000000000000001",
        "a b",
        "a/b",
        "a@b",
        "a\\b",
        "a%zz",
        "a%",
        "a%ff",
        "a%00",
        "a%2525",
        "[::1",
        "::1]",
        "[127.0.0.1]",
        "[v1.a]",
        "1:2",
        "fe80::1::2",
        "a" * 64 + ".com",
        ".".join(["a" * 63] * 4),
        "é" * 64,
        "a\u2028b",
        "^é",
        "a" * (MAX_HOST + 1),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(HostError):
        fold_host(text)


def test_zone_is_dropped_and_ipv6_is_compressed() -> None:
    assert fold_host("[FE80:0:0:0::1%25eth0]").name == "fe80::1"
    assert fold_host("fe80::1%eth0").name == "fe80::1"


@given(st.integers(0, 2**32 - 1), st.data())
def test_any_spelling_of_an_ipv4_address_is_that_address(number: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 4))
    octets = list(number.to_bytes(4, "big"))
    values = [*octets[: count - 1], int.from_bytes(bytes(octets[count - 1 :]), "big")]
    writers = [str, hex, lambda value: f"0{value:o}", lambda value: f"0X{value:X}", lambda value: f"0x00{value:x}"]
    text = ".".join(data.draw(st.sampled_from(writers))(value) for value in values)
    text = text.translate(data.draw(st.sampled_from([{}, {ord("."): "。"}, {ord("1"): "１", ord("2"): "②"}])))
    assert fold_host(text + data.draw(st.sampled_from(["", "."]))).address == ipaddress.IPv4Address(number)


@given(st.ip_addresses())
def test_canonical_forms_agree_with_ipaddress(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    expected = address if mapped is None else mapped
    assert fold_host(str(address)).address == expected
    assert fold_host(f"[{address}]").address == expected if address.version == 6 else True
    assert parse_address(str(address)) == expected


@given(st.text(max_size=80))
def test_folding_is_stable_or_refused(text: str) -> None:
    try:
        host = fold_host(text)
    except HostError:
        return
    assert fold_host(host.name).name == host.name
    assert host.name.isascii()
    assert host.name == host.name.lower()


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "[::1]", "1.2.3.4 ", "x" * 2000])
def test_answers_are_canonical_or_nothing(text: str) -> None:
    with pytest.raises(HostError):
        parse_address(text)


def test_answers_may_have_a_zone_or_be_mapped() -> None:
    assert str(parse_address("fe80::1%2")) == "fe80::1"
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
