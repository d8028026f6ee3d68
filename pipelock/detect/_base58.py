"""Reading wallet addresses and keys: base58check, bech32 and bech32m.

Sources: the Bitcoin wiki, BIP-173, BIP-350, EIP-55.

Each takes ASCII text of at most 90 characters and says what it is, or nothing; none raises.
"""

from __future__ import annotations

import hashlib

from pipelock.detect._keccak import keccak256

__all__ = ["base58", "base58check", "bech32", "has_case_checksum"]

_BASE58 = {char: value for value, char in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}
_LONGEST = 256
_BECH32 = {char: value for value, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BECH32_ONE = 1
_BECH32M_ONE = 0x2BC830A3


def base58(text: str) -> bytes | None:
    """The bytes that `text`, at most 256 characters, stands for; each leading `1` is a zero byte. Quadratic."""
    if len(text) > _LONGEST:
        return None
    number = 0
    for char in text:
        value = _BASE58.get(char)
        if value is None:
            return None
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58check(text: str) -> bytes | None:
    """Version byte and payload, if the four bytes of checksum are right."""
    data = base58(text)
    if data is None or len(data) < 5:
        return None
    digest = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()
    return data[:-4] if digest[:4] == data[-4:] else None


def bech32(text: str, prefix: str) -> tuple[int, int] | None:
    """(first value, bytes of the rest) of a bech32 text with this human-readable part; of a bech32m text likewise.

    The first value is the witness version of a Bitcoin address; which of the two checksums it must have follows from
    it (BIP-350). Other chains have no version: their first value is part of their data.
    """
    folded = text.lower()
    if text not in (folded, text.upper()) or not folded.startswith(prefix + "1") or len(text) > 90:
        return None
    values = [_BECH32.get(char, -1) for char in folded[len(prefix) + 1 :]]
    if len(values) < 7 or -1 in values:
        return None
    check = 1
    for value in (*(ord(char) >> 5 for char in prefix), 0, *(ord(char) & 31 for char in prefix), *values):
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_GENERATOR):
            check ^= factor if top >> bit & 1 else 0
    version = values[0] if prefix == "bc" else 0
    wanted = _BECH32M_ONE if version else _BECH32_ONE
    return (version, (len(values) - 6 - (prefix == "bc")) * 5 // 8) if check == wanted and version <= 16 else None


def has_case_checksum(digits: str) -> bool:
    """Whether forty hexadecimal digits in both cases are written as EIP-55 says; digits in one case always are."""
    folded = digits.lower()
    if digits in (folded, digits.upper()):
        return True
    nibbles = keccak256(folded.encode()).hex()
    return all(
        char == (char.upper() if int(nibble, 16) >= 8 else char.lower())
        for char, nibble in zip(digits, nibbles, strict=False)
    )
