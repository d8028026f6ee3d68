"""Wallet addresses: the published examples, and those made to look like them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect._base58 import base58, base58check, bech32, has_case_checksum
from pipelock.detect._keccak import keccak256
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.secrets import SecretScanner
from pipelock.detect.views import Place, View
from pipelock.detect.wallets import (
    LABEL,
    LOOKALIKE_RULE,
    MAX_TOLD,
    UNKNOWN_RULE,
    AddressError,
    Wallets,
    addresses,
    read_address,
    shown,
)
from pipelock.model import Severity

ALL = ("eth", "btc", "bnb", "sol")
# Published in EIP-55, BIP-173 and BIP-350; the two genesis addresses of Bitcoin; the system program of Solana.
ETH = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
LIKE = "0x5aaeffffffffffffffffffffffffffffffffbeaed"[:38] + "Aed"
P2PKH = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
P2SH = "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"
V0 = "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4"
V1 = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"


def view(text: str) -> View:
    return View(Place("body", text.encode()), text.encode())


def eth(middle: str) -> str:
    return f"0x5aae{middle * 32}aed"[:38] + "eaed"


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"),
    ],
)
def test_keccak(text: bytes, digest: str) -> None:
    assert keccak256(text).hex() == digest


def test_keccak_over_several_blocks() -> None:
    assert len({keccak256(b"a" * size) for size in (135, 136, 137, 271, 272, 273)}) == 6


@pytest.mark.parametrize(
    "text",
    ["5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
     "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"],
)  # fmt: skip
def test_case_checksums(text: str) -> None:
    assert has_case_checksum(text)
    assert has_case_checksum(text.lower())
    assert has_case_checksum(text.upper())
    assert not has_case_checksum(text.swapcase())


@pytest.mark.parametrize(
    ("text", "chain"),
    [(ETH, "eth"), (ETH.lower(), "eth"), (P2PKH, "btc"), (P2SH, "btc"), (V0, "btc"), (V0.lower(), "btc"), (V1, "btc"),
     ("11111111111111111111111111111111", "sol"), ("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "sol")],
)  # fmt: skip
def test_addresses_are_read(text: str, chain: str) -> None:
    address = read_address(text)
    assert address is not None
    assert (address.chain, address.text) == (chain, text)
    assert [found[0] for found in addresses(f"to:{text},".encode(), ALL)] == [address]


@pytest.mark.parametrize(
    "text",
    ["", "0x", ETH[:-1], ETH + "0", ETH.replace("5", "g"), P2PKH[:-1] + "b", P2SH.lower(), V0[:-1] + "5", V0[:20] + V0[20:].lower(),
     V1[:-1] + "1", "bnb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", "bc1", "1" * 31, "0" * 64, "I" * 34],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert read_address(text) is None


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0x13bcnqpzry9abcdefABCDEF58gf2tvdw0s3jn54khce6mua7lIO", max_size=90))
def test_no_text_makes_a_reader_fail(text: str) -> None:
    read_address(text)
    base58check(text)
    bech32(text, "bc")


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_base58_of_any_key(key: bytes) -> None:
    digits, number = "", int.from_bytes(key, "big")
    while number:
        number, rest = divmod(number, 58)
        digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[rest] + digits
    assert base58("1" * (len(key) - len(key.lstrip(b"\0"))) + digits) == key


def test_a_look_alike_is_told_by_its_ends() -> None:
    (found,) = Wallets([ETH], ALL).find([view(f"pay {eth('f')} now")])
    assert (found.rule, found.scanner, found.severity) == (LOOKALIKE_RULE, LABEL, Severity.CRITICAL)
    assert found.what == "the Ethereum address 0x5aae…ffeaed, which only looks like 0x5aAe…1BeAed,"
    assert not found.warns
    assert eth("f").encode() == found.view.data[found.start : found.end]


@pytest.mark.parametrize(
    "text", [ETH, ETH.lower(), ETH.upper().replace("0X", "0x"), "no address", P2PKH, eth("1")[:-4] + "aaaa"]
)
def test_what_is_allowed_or_of_no_concern_is_silent(text: str) -> None:
    assert Wallets([ETH], ALL).find([view(text)]) == []


def test_actions_and_switches() -> None:
    unknown, like = view(eth("1")[:-4] + "aaaa"), view(eth("1"))
    assert [one.rule for one in Wallets([ETH], ALL, unknown="block").find([unknown, like])] == [
        UNKNOWN_RULE,
        LOOKALIKE_RULE,
    ]
    assert [one.warns for one in Wallets([ETH], ALL, unknown="warn", lookalike="warn").find([unknown, like])] == [
        True,
        True,
    ]
    assert Wallets([ETH], ("btc",), unknown="block").find([unknown]) == []
    assert Wallets([P2PKH], ALL, unknown="block").find([unknown]) == []
    assert Wallets([], ALL, unknown="block").find([unknown]) == []
    assert Wallets([ETH], ALL, ends=(6, 4)).find([like]) == []


def test_base58_and_bech32_look_alikes() -> None:
    assert [one.rule for one in Wallets([P2PKH, V0], ALL, unknown="block").find([view(f"{P2SH} {V1}")])] == [
        UNKNOWN_RULE
    ] * 2
    wallets = Wallets([V1], ALL, ends=(1, 1))
    assert wallets.find([view(V0)]) == []


def test_wrong_capitals_are_mentioned_and_refused_in_the_list() -> None:
    odd = ETH[:20] + ETH[20:].swapcase()
    with pytest.raises(AddressError, match="EIP-55"):
        Wallets([odd], ALL)
    with pytest.raises(AddressError, match="no address"):
        Wallets(["0x1234"], ALL)
    (found,) = Wallets([P2PKH, ETH], ALL, unknown="warn").find([view(odd[:30] + "0" + odd[31:])])
    assert "EIP-55" in found.what


def test_encoded_addresses_are_found_and_folded_text_is_not_read() -> None:
    scanner = SecretScanner(RuleSet.builtin("credentials", include_defaults=False), watchers=[Wallets([ETH], ALL)])
    encoded = eth("3").replace("a", "%61").replace("0x", "%30x")
    (finding,) = scanner.scan(f"to={encoded}", "body")
    assert (finding.scanner, finding.rule, finding.path) == (LABEL, LOOKALIKE_RULE, ("url",))
    assert Wallets([ETH], ALL).find([view(eth("2"))._replace(folded=True)]) == []


def test_limits() -> None:
    many = " ".join(f"0x{number:040x}" for number in range(100))
    assert len(Wallets([ETH], ALL, unknown="block").find([view(many)])) == MAX_TOLD
    assert shown("short") == "short"
    for piece in ("0x" + "a" * 40 + " ", "1" * 34 + " ", "bc1" + "q" * 59 + " ", "1" * 44 + " ", "1"):
        data = (piece * 204_800)[:204_800].encode()
        start = time.thread_time()
        sum(1 for _ in addresses(data, ALL))
        assert time.thread_time() - start < 0.5
