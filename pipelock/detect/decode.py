r"""Encodings that hide a text inside a text, undone layer by layer.

A small pattern database (the gate) tells in one pass which encodings can be there; only those are tried. Each result
knows the way it came by, from the outside in. Formats: base64 and base32 (RFC 4648), percent (RFC 3986), character
references (HTML), `\u` and `\x` escapes (JSON and its relatives), ROT13.

Limits: eight layers; a layer is not looked into once the derived texts of one input exceed four times its size plus
64 KiB. Every decoder is linear in its input.
"""

from __future__ import annotations

import codecs
from base64 import b32decode
from binascii import Error as BinasciiError
from binascii import a2b_base64, unhexlify
from collections.abc import Collection, Iterator
from enum import IntEnum
from functools import lru_cache
from html.entities import html5
from pathlib import Path
from typing import NamedTuple

from pipelock.detect._pattern import for_bytes
from pipelock.detect.matcher import Matcher

__all__ = ["MAX_DEPTH", "Decoder", "Derived", "Gate"]

MAX_DEPTH = 8
"""Layers of encoding that are undone."""
_EXTRA = 65_536
_FACTOR = 4
_SHORTEST = 16
"""Decoded texts below this many bytes are not looked at: no credential is that short."""
_RUN = 24
_INVOLUTIONS = frozenset({"rot13", "reversed"})
_HEAD = 24

_TO_BASE64 = bytes(code if (code < 128 and chr(code).isalnum()) or code in b"+/-_" else 0x20 for code in range(256))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_HEX_DIGITS = b"0123456789abcdefABCDEF"
_HEX = frozenset(_HEX_DIGITS)
_ALL_HEX = frozenset(_HEX_DIGITS.decode())
_BASE32_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_LOWER = _BASE32_UPPER.lower()
_UNPRINTABLE = bytes([*range(9), 11, *range(14, 32), 127])
_PRINTABLE = bytes(set(range(128)) - set(_UNPRINTABLE))
_NOT_UNPRINTABLE = bytes(set(range(256)) - set(_UNPRINTABLE))
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


_BYTES = {bytes((high, low)): unhexlify(bytes((high, low))) for high in _HEX_DIGITS for low in _HEX_DIGITS}


class Gate(IntEnum):
    """What the gate can report."""

    CONTROL = 0
    RUN = 1
    PERCENT = 2
    ENTITY = 3
    ESCAPE = 4
    SPACED_HEX = 5
    ROT13 = 6
    REVERSED = 7
    WRAPPED = 8
    TAGGED = 9


_GATE_PATTERNS = {
    Gate.CONTROL: r"[\x00-\x08\x0e-\x1f\x7f]",
    Gate.RUN: rf"[A-Za-z0-9+/_-]{{{_RUN}}}",
    Gate.PERCENT: r"%[0-9A-Fa-f]{2}",
    Gate.ENTITY: r"&(?:#[0-9xX]|[A-Za-z]{2,8};)",
    Gate.ESCAPE: r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})",
    # One alternative for each delimiter: as a class the automaton is five times slower.
    Gate.SPACED_HEX: (
        r"[0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}:|[0-9a-f]-[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}-"
        r"|[0-9a-f],[0-9a-f]{2},[0-9a-f]{2},[0-9a-f]{2},|[0-9a-f] [0-9a-f]{2} [0-9a-f]{2} [0-9a-f]{2} "
        r"|0x[0-9a-f]{2}[ ,]{1,2}0x"
    ),
    Gate.ROT13: r"vtaber|qvfertneq|vafgehpgvba|cerivbhf|flfgrz cebzcg|fx-nag|tuc_|nxvn",
    Gate.REVERSED: r"erongi|drager|snoitcurtsni|suoiverp|tpmorp metsys",
    Gate.WRAPPED: r"[A-Za-z0-9+/]{48}\r?\n[A-Za-z0-9+/]",
    Gate.TAGGED: r"[a-z](?:<[^<>]{1,80}>|\*\*|<!--)[a-z]",
}


class Derived(NamedTuple):
    """A text found inside another, and the encodings undone on the way."""

    data: bytes
    path: tuple[str, ...]


class Decoder:
    """The gate and the decoders behind it. Pure and safe to share between threads.

    Args:
        cache: Directory for the gate's compiled database, or `None`.
        native: Use Hyperscan where it is there.
    """

    def __init__(self, *, cache: Path | None = None, native: bool = True) -> None:
        self._gate = Matcher([for_bytes(_GATE_PATTERNS[gate]) for gate in Gate], cache=cache, native=native)

    def gates(self, data: bytes) -> list[int]:
        """Which encodings may occur in `data`, as members of `Gate`.

        Raises:
            MatcherError: the matcher failed.
        """
        return self._gate.propose(data)

    def derive(self, data: bytes, gates: Collection[int]) -> list[Derived]:
        """Every text hidden in `data`, given what its gate reported; outer layers first, without repetition.

        Raises:
            MatcherError: the matcher failed.
        """
        results: list[Derived] = []
        seen = {data}
        budget = _FACTOR * len(data) + _EXTRA
        layer = [(Derived(data, ()), gates)]
        for _ in range(MAX_DEPTH):
            following: list[tuple[Derived, Collection[int]]] = []
            for text, found in layer:
                for name, decoded in _decoders(text.data, found):
                    if decoded in seen or len(decoded) < _SHORTEST:
                        continue
                    budget -= len(decoded)
                    if budget < 0:
                        return results
                    seen.add(decoded)
                    derived = Derived(decoded, (*text.path, name))
                    results.append(derived)
                    inner = self.gates(decoded)
                    if name in _INVOLUTIONS:
                        inner = [gate for gate in inner if gate not in (Gate.ROT13, Gate.REVERSED)]
                    if inner:
                        following.append((derived, inner))
            if not following:
                break
            layer = following
        return results


def _decoders(data: bytes, gates: Collection[int]) -> Iterator[tuple[str, bytes]]:
    if Gate.PERCENT in gates:
        yield "url", _percent(data)
    if Gate.ENTITY in gates:
        yield "html", _entities(data)
    if Gate.ESCAPE in gates:
        yield "escape", _escapes(data)
    if Gate.ROT13 in gates:
        yield "rot13", data.translate(_ROT13)
    if Gate.REVERSED in gates:
        yield "reversed", data[::-1]
    if Gate.SPACED_HEX in gates:
        yield from _spaced_hex(data)
    if Gate.RUN in gates:
        yield from _runs(data)
    if Gate.WRAPPED in gates:
        yield from _runs(data.replace(b"\r", b"").replace(b"\n", b""))


def _runs(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Texts in runs of the base64 alphabets; the runs are cut at memory speed most fail by their head."""
    seen: set[bytes] = set()
    for token in data.translate(_TO_BASE64).split():
        if len(token) < _RUN or token in seen:
            continue
        seen.add(token)
        yield from _token(token)
        for separator in (b"/", b"_", b"-"):
            if separator in token:
                for piece in token.split(separator):
                    if len(piece) >= _RUN and piece not in seen:
                        seen.add(piece)
                        yield from _token(piece)


def _token(token: bytes) -> Iterator[tuple[str, bytes]]:
    # Most runs are names, paths and noise; the tests that turn them down come first and make no objects.
    if not token.translate(None, _HEX_DIGITS):
        decoded = _text(_unhex(token))
        if decoded:
            yield "hex", decoded
    head = _base64(token[:_HEAD].translate(_URL_SAFE))
    if head and _may_be_text(head):
        decoded = _text(_base64(token.translate(_URL_SAFE)))
        if decoded:
            yield "base64", decoded
    if not token.translate(None, _BASE32_UPPER) or not token.translate(None, _BASE32_LOWER):
        decoded = _text(_base32(token.upper()))
        if decoded:
            yield "base32", decoded


def _may_be_text(head: bytes) -> bool:
    """Whether the start of a decoded run reads as UTF-8 or as UTF-16 of Latin letters."""
    if head.isascii():
        return not head.translate(None, _PRINTABLE) or not head[1::2].strip(b"\0") or not head[::2].strip(b"\0")
    if len(head.decode("utf-8", "ignore").encode()) < len(head) - 3:
        return False
    return not head.translate(None, _NOT_UNPRINTABLE)


def _base64(token: bytes) -> bytes:
    if len(token) % 4 == 1:
        token = token[:-1]
    try:
        return a2b_base64(token + b"=" * (-len(token) % 4))
    except BinasciiError:
        return b""


def _base32(token: bytes) -> bytes:
    size = len(token)
    if size % 8 in (1, 3, 6):
        size -= 1
    token = token[:size]
    try:
        return b32decode(token + b"=" * (-size % 8))
    except (BinasciiError, ValueError):
        return b""


def _unhex(token: bytes) -> bytes:
    return unhexlify(token[: len(token) & ~1])


def _is_text(data: bytes) -> bool:
    """Whether `data` is UTF-8 without control characters."""
    if len(data.translate(None, _UNPRINTABLE)) != len(data):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(data: bytes) -> bytes:
    """`data` where it reads as text, UTF-16 turned into UTF-8; empty otherwise."""
    if len(data) < _SHORTEST:
        return b""
    if _is_text(data):
        return data
    for zeros, encoding in ((data[1::2], "utf-16-le"), (data[::2], "utf-16-be")):
        if not zeros.strip(b"\0"):
            return data[: len(data) & ~1].decode(encoding, "replace").encode("utf-8", "replace")
    # A text may be followed by bytes that are none (padding, a signature): the part that reads is what counts.
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = error.start
        return data[:start] if start >= _SHORTEST and _is_text(data[:start]) else b""
    return b""


def _percent(data: bytes) -> bytes:
    first, *parts = data.split(b"%")
    out = [first]
    for part in parts:
        char = _BYTES.get(part[:2])
        if char is None:
            out.append(b"%")
            out.append(part)
        else:
            out.append(char)
            out.append(part[2:])
    return b"".join(out)


def _entities(data: bytes) -> bytes:
    parts = data.split(b"&")
    out = [parts[0]]
    for part in parts[1:]:
        name, semicolon, rest = part[:32].partition(b";")
        char = _entity(name) if semicolon else None
        out.append(b"&" + part if char is None else char + rest + part[32:])
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


def _escapes(data: bytes) -> bytes:
    r"""`\uXXXX` (pairs of surrogates joined) and `\xXX` undone; other escapes stay."""
    parts = data.decode("utf-8", "replace").split("\\")
    out = [parts[0]]
    for part in parts[1:]:
        digits = {"u": 4, "x": 2}.get(part[:1], 0)
        code = part[1 : 1 + digits]
        if digits and len(code) == digits and _ALL_HEX.issuperset(code):
            out.append(chr(int(code, 16)) + part[1 + digits :])
        else:
            out.append("\\" + part)
    joined = "".join(out)
    return codecs.encode(joined, "utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _spaced_hex(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Runs of byte pairs with a delimiter between them: `41:4b`, `41 4b`, `0x41, 0x4b`."""
    plain = data.replace(b"0x", b"").replace(b"0X", b"")
    for delimiter in (b":", b" ", b"-", b","):
        run: list[bytes] = []
        if plain.count(delimiter) < 15:
            continue
        for part in [*plain.replace(b", ", b",").split(delimiter), b""]:
            pair = part if len(part) == 2 else (part[-2:] if not run else part[:2])
            if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX and (len(part) == 2 or not run):
                run.append(pair)
                continue
            if len(run) >= 15:
                if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
                    run.append(pair)
                decoded = _text(unhexlify(b"".join(run)))
                if decoded:
                    yield "hex", decoded
            run.clear()
