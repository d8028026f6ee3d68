"""Wallet addresses: which are allowed, which only look like those, which nobody knows.

Money sent to an address is gone, and people compare the ends of addresses alone. So whoever poisons a clipboard, a page
or a tool's answer makes an address whose ends agree with those of the right one. Where an operator names the right
ones, every other address of their chain can be told from them.

Addresses are read from the text and from what encodings hide in it, never from folded text: in base58 the case and the
look of a letter matter, so folded letters would be another address. Limits: `MAX_ADDRESSES` of one text; `MAX_TOLD`
findings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pipelock.detect._base58 import base58, base58check, bech32, has_case_checksum
from pipelock.detect._pattern import compile_linear
from pipelock.detect.views import View
from pipelock.detect.watch import Found
from pipelock.model import Severity

__all__ = [
    "LABEL",
    "LOOKALIKE_RULE",
    "UNKNOWN_RULE",
    "Address",
    "AddressError",
    "Wallets",
    "addresses",
    "read_address",
    "shown",
]

LABEL = "address_protection"
LOOKALIKE_RULE = "Address Lookalike"
UNKNOWN_RULE = "Unknown Address"
MAX_ADDRESSES = 10_000
MAX_TOLD = 8

_NAMES = {"eth": "Ethereum", "btc": "Bitcoin", "bnb": "BNB", "sol": "Solana"}


class AddressError(ValueError):
    """An allowed address that is none; the text says why."""


class Address(NamedTuple):
    """An address.

    Attributes:
        chain: `eth`, `btc`, `bnb` or `sol`.
        text: As it was written.
        key: What is compared: without `0x`, `bc1`, `bnb1`, and in lower case where case says nothing.
    """

    chain: str
    text: str
    key: str


class Wallets:
    """The allowed addresses. Pure, and safe to share between threads.

    Args:
        allowed: Addresses of any of the chains; a chain without one is not looked at.
        chains: The chains that are switched on.
        ends: How many characters at the start and at the end make two addresses look alike.
        lookalike: `block` or `warn`.
        unknown: `allow`, `warn` or `block`.

    Raises:
        AddressError: an allowed address can't be read.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        chains: Collection[str],
        *,
        ends: tuple[int, int] = (4, 4),
        lookalike: str = "block",
        unknown: str = "allow",
    ) -> None:
        self.chains = frozenset(chains)
        self._ends = ends
        self._lookalike = lookalike
        self._unknown = unknown
        self._allowed: set[tuple[str, str]] = set()
        self._alike: dict[tuple[str, int, str, str], Address] = {}
        for text in allowed:
            address = read_address(text)
            if address is None:
                raise AddressError(f"{shown(text)} is no address of a chain that is known")
            if address.chain == "eth" and not has_case_checksum(text[2:]):
                raise AddressError(f"{shown(text)}: its capitals do not fit (EIP-55), so it has a typing error")
            self._allowed.add((address.chain, address.key))
            self._alike.setdefault(self.fingerprint(address), address)
        self._watched = frozenset(chain for chain, _ in self._allowed) & self.chains

    def fingerprint(self, address: Address) -> tuple[str, int, str, str]:
        """What a person compares: chain, length and both ends."""
        first, last = self._ends
        return address.chain, len(address.key), address.key[:first], address.key[-last:]

    def find(self, views: Sequence[View], host: str = "") -> list[Found]:
        """Look-alikes and unknown addresses, each once. Linear in the size of the views."""
        if not self._watched:
            return []
        found: dict[tuple[str, str], Found] = {}
        for view in views:
            if view.joined or view.folded:
                continue
            for address, start, end in addresses(view.data, self._watched):
                key = (address.chain, address.key)
                if key in self._allowed or key in found:
                    continue
                told = self._judged(address, view, start, end)
                if told is not None:
                    found[key] = told
                    if len(found) >= MAX_TOLD:
                        return list(found.values())
        return list(found.values())

    def _judged(self, address: Address, view: View, start: int, end: int) -> Found | None:
        like = self._alike.get(self.fingerprint(address))
        action = self._unknown if like is None else self._lookalike
        if action == "allow":
            return None
        rule = UNKNOWN_RULE if like is None else LOOKALIKE_RULE
        what = f"the {_NAMES[address.chain]} address {shown(address.text)}, which is not an allowed one,"
        if like is not None:
            what = (
                f"the {_NAMES[address.chain]} address {shown(address.text)}, which only looks like {shown(like.text)},"
            )
        if address.chain == "eth" and not has_case_checksum(address.text[2:]):
            what += " with capitals that do not fit (EIP-55)"
        severity = Severity.MEDIUM if like is None else Severity.CRITICAL
        return Found(rule, what, view, start, end, severity, LABEL, warns=action == "warn")


def shown(text: str) -> str:
    """An address as people know it, by its ends."""
    return text if len(text) <= 14 else f"{text[:6]}…{text[-6:]}"


def addresses(data: bytes, chains: Collection[str]) -> Iterator[tuple[Address, int, int]]:
    """The addresses of `chains` in `data`, at most `MAX_ADDRESSES`, and where they stand."""
    count = 0
    for match in _words().finditer(data):
        start, end = match.span()
        if end - start > 90:
            continue
        address = read_address(data[start:end].decode("ascii"))
        if address is not None and address.chain in chains:
            yield address, start, end
            count += 1
            if count >= MAX_ADDRESSES:
                return


def read_address(text: str) -> Address | None:
    """The address that the whole of `text` is."""
    size = len(text)
    if size == 42 and text[:2] in ("0x", "0X") and _is_hex(text[2:]):
        return Address("eth", text, text[2:].lower())
    folded = text[:4].lower()
    if folded.startswith("bc1"):
        program = bech32(text, "bc")
        good = program is not None and (program[1] in (20, 32) if program[0] == 0 else 2 <= program[1] <= 40)
        return Address("btc", text, text[3:].lower()) if good else None
    if folded == "bnb1":
        program = bech32(text, "bnb")
        return Address("bnb", text, text[4:].lower()) if program is not None and program[1] == 20 else None
    if 25 <= size <= 35 and text[0] in "13":
        payload = base58check(text)
        if payload is not None and len(payload) == 21 and payload[0] in (0, 5):
            return Address("btc", text, text)
    if 32 <= size <= 44:
        key = base58(text)
        if key is not None and len(key) == 32:
            return Address("sol", text, text)
    return None


def _is_hex(text: str) -> bool:
    return not text.strip("0123456789abcdefABCDEF")


@lru_cache(maxsize=1)
def _words() -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(rb"[0-9A-Za-z]{25,}")
