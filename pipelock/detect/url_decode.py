"""Text hidden in a token of a URL: hexadecimal, base64 and base32, in layers.

A token is tried only if its characters allow it, and a result is kept only if it is text: random bytes look like
nothing, so nothing is lost. Base64 and base32 after RFC 4648 (both alphabets, padding optional, base32 in any case).
"""

from __future__ import annotations

import binascii
from base64 import b32decode
from collections.abc import Iterator

from pipelock.detect.url_percent import decode_percent

__all__ = ["MIN_ENCODED", "hidden_texts", "is_text"]

MIN_ENCODED = 10
"""Shorter tokens are not tried, in characters."""

_DEPTH = 4
_LONGEST = 16_384
_MOST = 32
_MIN_TEXT = 6
_HEX = frozenset("0123456789abcdefABCDEF")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567=")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_STANDARD = str.maketrans("-_", "+/")
_DELIMITERS = (":", "-", " ", ",", "\\x", "0x", "|", ".", "_")
_SEPARATORS = ".,:|~;!"


def is_text(data: bytes) -> bool:
    """Whether `data` is at least six bytes and nearly all printable ASCII."""
    return len(data) >= _MIN_TEXT and len(data.translate(None, _PRINTABLE)) * 10 <= len(data)


def hidden_texts(token: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """What `token` decodes to, layer after layer, each with the encodings from the outside in.

    At most 32 texts, four layers deep; a token longer than 16 384 characters is cut there.
    """
    queue: list[tuple[tuple[str, ...], str]] = [((), token[:_LONGEST])]
    seen = {token}
    for path, text in queue:
        if len(path) >= _DEPTH:
            continue
        for name, data in _layer(text):
            found = data.decode("utf-8", "replace")
            if "%" in found:
                found = decode_percent(found).text
            if found in seen or len(seen) > _MOST:
                continue
            seen.add(found)
            entry = ((*path, name), found)
            queue.append(entry)
            yield entry


def _layer(text: str) -> Iterator[tuple[str, bytes]]:
    yield from _token(text)
    # A data URI, a JSON Web Token, "name:value" or a sentence: its pieces may be encoded where the whole is not.
    for separator in _SEPARATORS:
        if separator in text:
            text = text.replace(separator, " ")
    if " " in text or "=" in text or "/" in text or "&" in text:
        pieces = {*text.split(), *text.replace("&", " ").replace("=", " ").replace("/", " ").replace('"', " ").split()}
        for piece in sorted(pieces, key=len, reverse=True)[:_MOST]:
            if len(piece) >= MIN_ENCODED:
                yield from _token(piece)


def _token(token: str) -> Iterator[tuple[str, bytes]]:
    if len(token) < MIN_ENCODED or not token.isascii():
        return
    hexadecimal = _unhex(token)
    if hexadecimal is not None:
        yield "hex", hexadecimal
    # A lower-case word is in the alphabet of base64 too, but encoded text of this length has capitals or digits.
    if _BASE64.issuperset(token) and not (token.isalpha() and token.islower()) and not token.isdigit():
        bare = token.rstrip("=").translate(_STANDARD)
        if "=" not in bare and len(bare) % 4 != 1:
            data = binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
            if is_text(data):
                yield "base64", data
    if _BASE32.issuperset(token):
        bare = token.rstrip("=").upper()
        if "=" not in bare and len(bare) % 8 not in {1, 3, 6}:
            data = b32decode(bare + "=" * (-len(bare) % 8))
            if is_text(data):
                yield "base32", data


def _unhex(token: str) -> bytes | None:
    if not _HEX.issuperset(token):
        head = token[:4]
        for delimiter in _DELIMITERS:
            if delimiter in head:
                token = token.replace(delimiter, "")
                break
        else:
            return None
        if not _HEX.issuperset(token):
            return None
    if len(token) % 2:
        return None
    data = bytes.fromhex(token)
    return data if is_text(data) else None
