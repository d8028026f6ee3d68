"""Text hidden in a token of a URL: hexadecimal, base64 and base32, in layers.

A token is tried only if its characters allow it, and a result is kept only if it is text: random bytes look like
nothing, so nothing is lost. Base64 and base32 after RFC 4648 (both alphabets, padding optional, base32 in any case).
"""

from __future__ import annotations

import binascii
from base64 import b32decode
from collections.abc import Sequence

from pipelock.detect.url_percent import decode_percent

__all__ = ["MIN_ENCODED", "hidden_texts", "is_text", "may_hide"]

MIN_ENCODED = 10
"""Shorter tokens are not tried, in characters."""

_DEPTH = 4
_LONGEST = 16_384
_MOST = 32
_MIN_TEXT = 6
_HEX = frozenset("0123456789abcdefABCDEF")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567=")
_WHOLE = _BASE64 - {"/", "="}
_DIGITS = frozenset("0123456789")
_LOWER_HEX = frozenset("0123456789abcdef")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_STANDARD = str.maketrans("-_", "+/")
_DELIMITERS = (":", "-", " ", ",", "\\x", "0x", "|", ".", "_")
_GAPS = str.maketrans(dict.fromkeys(".,:|~;!&\"'()[]{}<>", " "))


def is_text(data: bytes) -> bool:
    """Whether `data` is at least six bytes and nearly all printable ASCII."""
    return len(data) >= _MIN_TEXT and len(data.translate(None, _PRINTABLE)) * 10 <= len(data)


def may_hide(token: str) -> bool:
    """Cheap: whether `token` could be encoded text at all. Encoded text of this length has capitals or digits."""
    if len(token) < MIN_ENCODED:
        return False
    if token.islower():
        return not _DIGITS.isdisjoint(token)
    if " " in token and _DIGITS.isdisjoint(token):
        return any(map(may_hide, token.split()))
    return not (token.isalpha() and token.istitle())


def hidden_texts(token: str) -> Sequence[tuple[tuple[str, ...], str]]:
    """What `token` decodes to, layer after layer, each with the encodings from the outside in.

    At most 32 texts, four layers deep; a token longer than 16 384 characters is cut there.
    """
    first = _layer(token[:_LONGEST])
    if not first:
        return ()
    seen = {token}
    found: list[tuple[tuple[str, ...], str]] = []
    queue: list[tuple[tuple[str, ...], bytes]] = [((name,), data) for name, data in first]
    for path, data in queue:
        text = data.decode("utf-8", "replace")
        if "%" in text:
            text = decode_percent(text).text
        if text in seen:
            continue
        if len(seen) > _MOST:
            break
        seen.add(text)
        found.append((path, text))
        if len(path) < _DEPTH:
            queue.extend(((*path, name), inner) for name, inner in _layer(text))
    return found


def _layer(text: str) -> list[tuple[str, bytes]]:
    found = _token(text)
    if _WHOLE.issuperset(text):
        return found
    # A data URI, a JSON Web Token, "name:value" or a sentence: its pieces may be encoded where the whole is not.
    # An equals sign ends a key or pads a value, a slash cuts a path or belongs to base64: both readings are tried.
    loose = text.translate(_GAPS)
    pieces = {*loose.split(), *loose.replace("=", " ").replace("/", " ").split()}
    pieces.discard(text)
    for piece in sorted(pieces, key=len, reverse=True)[:_MOST]:
        if may_hide(piece):
            found.extend(_token(piece))
    return found


def _token(token: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    if len(token) < MIN_ENCODED or not token.isascii():
        return found
    hexadecimal = _unhex(token)
    if hexadecimal is not None:
        found.append(("hex", hexadecimal))
    if _LOWER_HEX.issuperset(token):
        # Sixteen of sixty-four characters: base64 of a text would show others.
        return found
    if _BASE64.issuperset(token) and not token.isdigit():
        bare = token.rstrip("=").translate(_STANDARD)
        if "=" not in bare and len(bare) % 4 != 1:
            data = binascii.a2b_base64(bare + "=" * (-len(bare) % 4))
            if is_text(data):
                found.append(("base64", data))
    if _BASE32.issuperset(token):
        bare = token.rstrip("=").upper()
        if "=" not in bare and len(bare) % 8 not in {1, 3, 6}:
            data = b32decode(bare + "=" * (-len(bare) % 8))
            if is_text(data):
                found.append(("base32", data))
    return found


def _unhex(token: str) -> bytes | None:
    if not _HEX.issuperset(token):
        # "0x41, 0x42" has three marks, and all of them show within its first two bytes.
        head = token[:8]
        for delimiter in _DELIMITERS:
            if delimiter in head:
                token = token.replace(delimiter, "")
        if not _HEX.issuperset(token):
            return None
    if len(token) % 2:
        return None
    data = bytes.fromhex(token)
    return data if is_text(data) else None
