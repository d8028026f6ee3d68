r"""Characters written as escapes: `%41`, `&#65;`, `\u0041`, `\x41`. Whole texts, at or near memory speed.

Formats: percent (RFC 3986 §2.1), character references (HTML), `\u` and `\x` escapes (JSON and its relatives).
A broken escape stays as it is. All functions are linear in their input.
"""

from __future__ import annotations

from binascii import a2b_qp
from functools import lru_cache
from html.entities import html5

__all__ = ["entities", "escapes", "percent"]

_SWAPPED = bytes.maketrans(b"%=", b"=%")
_LONGEST_NAME = 32
_HEX_DIGITS = b"0123456789abcdefABCDEF"


def percent(data: bytes) -> bytes:
    """`%XX` undone, once.

    The work is done by the decoder of quoted-printable, which is the same notation with an equals sign, in C. The two
    signs are swapped around it; what it would read differently (a doubled sign, one before a line end or at the very
    end) is spelled out first.
    """
    # Which of the two a decoded sign is must survive the swap back; "%3d" and "%3D" mean the same.
    data = data.replace(b"%3D", b"%3d").replace(b"%25", b"%3D").replace(b"%3d", b"%25")
    if b"%%" in data:
        # The second pass meets the signs that the first one's pairs have left beside each other.
        data = data.replace(b"%%", b"%3D%").replace(b"%%", b"%3D%")
    data = data.replace(b"%\n", b"%3D\n").replace(b"%\r", b"%3D\r")
    if data.endswith(b"%"):
        data += b"3D"
    return a2b_qp(data.translate(_SWAPPED)).translate(_SWAPPED)


def entities(data: bytes) -> bytes:
    """Character references undone, once: named ones, decimal and hexadecimal ones, with their semicolon."""
    first, *parts = data.split(b"&")
    out = [first]
    for part in parts:
        name, end, rest = part.partition(b";")
        char = _entity(name) if end and len(name) < _LONGEST_NAME else None
        out.append(b"&" + part if char is None else char + rest)
    return b"".join(out)


@lru_cache(maxsize=1024)
def _entity(name: bytes) -> bytes | None:
    text = name.decode("latin-1")
    if not text.startswith("#"):
        found = html5.get(text + ";")
        return None if found is None else found.encode()
    digits = text[1:]
    base = 16 if digits[:1] in ("x", "X") else 10
    digits = digits[1:] if base == 16 else digits
    if not digits.isascii() or not digits.isalnum() or len(digits) > 8:
        return None
    try:
        return chr(int(digits, base)).encode("utf-8")
    except (ValueError, OverflowError):
        return None


def escapes(data: bytes) -> bytes:
    r"""`\uXXXX` (pairs of surrogates joined) and `\xXX` undone, once; other escapes stay."""
    if not data.isascii():
        data = data.decode("utf-8", "replace").encode()
    first, *parts = data.split(b"\\")
    out = [first]
    for part in parts:
        # The five bytes that can name a character are one key: looking it up costs a fifth of reading it.
        char, size = _escape(part[:5])
        out.append(char)
        out.append(part[size:])
    joined = b"".join(out)
    if b"\xed" not in joined:
        return joined
    # Surrogates are three bytes that begin so. Pairs become the character they stand for.
    text = joined.decode("utf-8", "surrogatepass")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


@lru_cache(maxsize=8192)
def _escape(start: bytes) -> tuple[bytes, int]:
    """What replaces a backslash and how many of the bytes after it, given five of them."""
    size = {b"u": 5, b"x": 3}.get(start[:1], 0)
    code = start[1:size]
    if not size or len(start) < size or code.translate(None, _HEX_DIGITS):
        return b"\\", 0
    return chr(int(code, 16)).encode("utf-8", "surrogatepass"), size
