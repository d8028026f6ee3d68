r"""Characters written as escapes: `%41`, `&#65;`, `\u0041`, `\x41`. Whole texts, at or near memory speed.

Formats: percent (RFC 3986 §2.1), character references (HTML), backslash escapes (JSON, C, Python, shells).
A broken escape stays as it is. All functions are linear in their input.
"""

from __future__ import annotations

from binascii import a2b_qp
from functools import lru_cache
from html.entities import html5

__all__ = ["entities", "escapes", "percent", "printable"]

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
    """Character references undone, once: named ones, decimal and hexadecimal ones; these may lack the semicolon."""
    first, *parts = data.split(b"&")
    out = [first]
    for part in parts:
        name, end, rest = part.partition(b";")
        likely = end and len(name) < _LONGEST_NAME and (name.isalnum() or name.startswith(b"#"))
        char = _entity(name) if likely else None
        if char is not None:
            out.append(char + rest)
        else:
            out.append(_bare_reference(part) if part.startswith(b"#") else b"&" + part)
    return b"".join(out)


def _bare_reference(part: bytes) -> bytes:
    """A numeric reference without its semicolon, which browsers read all the same, and what follows it."""
    hexadecimal = part[1:2] in (b"x", b"X")
    start = 2 if hexadecimal else 1
    digits = part[start : start + 8]
    rest = digits.lstrip(_HEX_DIGITS if hexadecimal else b"0123456789")
    size = start + len(digits) - len(rest)
    char = _entity(part[:size])
    return b"&" + part if char is None else char + part[size:]


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
    r"""The backslash escapes of JSON, C, Python and shells undone, once; a broken one stays as it is.

    `\n` and its kin, `\\`, octal, `\xXX`, `\uXXXX` (pairs of surrogates joined), `\u{X}`, `\UXXXXXXXX`; an escaped line
    end joins its lines.
    """
    first, *parts = data.split(b"\\")
    out = [first]
    escaped = False
    for part in parts:
        if escaped:
            # A backslash stood before this one: it is text, and so is what follows it.
            out.append(part)
            escaped = False
        elif part:
            # The five bytes that can name a character are one key: looking it up costs a fifth of reading it.
            char, size = _escape(part[:5]) if part[:2] not in _LONG else _long_escape(part[:11])
            out.append(char)
            out.append(part[size:])
        else:
            out.append(b"\\")
            escaped = True
    joined = b"".join(out)
    if b"\xed" not in joined:
        return joined
    # Surrogates are three bytes that begin so. Pairs become the character they stand for.
    try:
        text = joined.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        # Not all of it is text: what could not be read stays as it is.
        return joined
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


_SINGLE = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v", b"a": b"\a",
    b"e": b"\x1b", b"E": b"\x1b",
    b'"': b'"', b"'": b"'", b"/": b"/", b"`": b"`", b"\n": b"",
}  # fmt: skip
_LONG = frozenset({b"u{", b"U0"})
_OCTAL = b"01234567"


@lru_cache(maxsize=8192)
def _escape(start: bytes) -> tuple[bytes, int]:
    """What replaces a backslash and how many of the bytes after it, given five of them."""
    first = start[:1]
    single = _SINGLE.get(first)
    if single is not None:
        return single, 1
    if first in (b"u", b"x"):
        size = 5 if first == b"u" else 3
        code = start[1:size]
        if len(code) == size - 1 and not code.translate(None, _HEX_DIGITS):
            return _character(code, 16), size
    digits = start[:3]
    while digits.translate(None, _OCTAL):
        digits = digits[:-1]
    # One digit that is not zero is a reference to a group in most notations.
    if len(digits) > 1 or digits == b"0":
        return _character(digits, 8), len(digits)
    return b"\\", 0


def _long_escape(start: bytes) -> tuple[bytes, int]:
    """Likewise for the forms that are longer, given eleven bytes."""
    if start[:1] == b"U":
        code, size = start[1:9], 9
        whole = len(code) == 8
    else:
        code, closing, _ = start[2:].partition(b"}")
        size = len(code) + 3
        whole = bool(closing and code)
    if not whole or code.translate(None, _HEX_DIGITS) or int(code, 16) > 0x10FFFF:
        return b"\\", 0
    return _character(code, 16), size


def _character(digits: bytes, base: int) -> bytes:
    return chr(int(digits, base)).encode("utf-8", "surrogatepass")


def printable(data: bytes) -> bytes:
    """Quoted-printable (RFC 2045 §6.7) undone, once: `=XX`, and lines that a last equals sign joins."""
    return a2b_qp(data)
