r"""Characters spelled apart: as numbers in a row (`41 4b`, `0x41, 0x4b`, `[65, 75]`, `chr(65)+chr(75)`), or spaced out.

Runs are found by RE2 and decoded whole. Telemetry is full of numbers in a row, so a run counts only if all of it is
text, or 16 bytes of it together are. What a run of decimal numbers or of single characters gives is called loose by
the caller: weak rules are not believed there. Linear in the text.
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pipelock.detect._packed import unpack
from pipelock.detect._pattern import compile_linear
from pipelock.detect._runs import HEX_DIGITS, UNPACKED, Run, opened

__all__ = ["LOOSE", "char_codes", "hex_groups", "spelled_out"]

LOOSE = frozenset({"codes", "spelled"})
"""Names of what ordinary numbers and letters may give by chance."""
_FEWEST = 12
_STRAY = 3
_STRETCH = 16
_GAP = rb"[ \t\r\n,:;._|/+\\'\"~*-]"
_NOT_HEX = bytes(code for code in range(256) if code not in HEX_DIGITS)
_NOT_DIGITS = bytes(code if code in b"0123456789" else 0x20 for code in range(256))
_PATTERNS = {
    # Pairs, with whatever marks a number as hexadecimal; then groups of two, four or eight bytes, as dumps have them.
    "pairs": (
        rb"(?i)(?:(?:0x|\\x|u\+|\\|\$|#|x)?[0-9a-f]{2}h?" + _GAP + rb"{1,4}){11,}(?:0x|\\x|u\+|\\|\$|#|x)?[0-9a-f]{2}"
    ),
    "groups": (
        rb"(?i)(?:\b|[x_])(?:(?:[0-9a-f]{4}[ \t\r\n,:._-]{1,3}){5,}|(?:[0-9a-f]{8}[ \t\r\n,:._-]{1,3}){3,}"
        rb"|(?:[0-9a-f]{16}[ \t\r\n,:._-]{1,3})+)(?:[0-9a-f]{2}){1,8}"
    ),
    "dump": rb"(?im)(?:^[0-9a-f]{6,8}:? {1,2}(?:[0-9a-f]{2}(?: ?[0-9a-f]{2})* {1,2})+[^\r\n]*(?:\r?\n|$)){1,}",
    "decimal": rb"(?:[0-9]{1,3}" + _GAP + rb"{1,4}){11,}[0-9]{1,3}",
    "calls": rb"(?i)(?:ch(?:a?r|r[bw])\( {0,2}(?:0x)?[0-9a-f]{1,3} {0,2}\)[^0-9a-z]{0,4}(?:uni)?){8,}",
    "bits": rb"(?:[01]{8}[ \t\r\n,_-]{0,2}){12,}",
    "letters": b"|".join(
        rb"(?:[!-~]" + gap + rb"){15,}[!-~]"
        for gap in rb"\x20 \x20\x20 \. , ,\x20 \| \x20\|\x20 \* ; : ~ \r?\n \t - _".split()
    ),
}  # fmt: skip


@lru_cache(maxsize=len(_PATTERNS))
def _regexp(name: str) -> Any:  # noqa: ANN401 - the binding publishes no types
    """Compiled when first needed: few texts have such runs."""
    return compile_linear(_PATTERNS[name])


def _found(name: str, kind: str, data: bytes, undo: Callable[[bytes], bytes]) -> Iterator[Run]:
    for match in _regexp(kind).finditer(data):
        run = match.group(0)
        plain = undo(run)
        found = opened(name, plain, run) or _amid(name, plain, run)
        if found is not None:
            yield found


def _amid(name: str, plain: bytes, run: bytes) -> Run | None:
    """What a run hides that ordinary words or numbers before it were taken into (`attached: 41:4b:…`).

    Up to `_STRAY` bytes may stand before packed data; of texts all stretches of `_STRETCH` bytes count.
    """
    for start in range(1, min(_STRAY + 1, len(plain))):
        found = unpack(plain[start:], UNPACKED)
        if found is not None:
            return Run(name, found.data, run, found.name, found.cut)
    texts = b"\n\x00\n".join([match.group(0) for match in _texts().finditer(plain)])
    return Run(name, texts, run) if texts else None


@lru_cache(maxsize=1)
def _texts() -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(rb"[\t\n\r -~]{%d,}" % _STRETCH)


def hex_groups(data: bytes) -> Iterator[Run]:
    """Texts in hexadecimal that is written in pairs or groups, and in dumps with offsets."""
    for kind, undo in (("pairs", _pairs), ("groups", _grouped), ("dump", _dumped)):
        yield from _found("hex", kind, data, undo)


def char_codes(data: bytes) -> Iterator[Run]:
    """Texts as rows of decimal codes, of calls that make one character each, and of bits."""
    for kind, undo in (("decimal", _decimal), ("calls", _called), ("bits", _bits)):
        yield from _found("codes", kind, data, undo)


def spelled_out(data: bytes) -> Iterator[Run]:
    """Texts of which one character stands at a time, with the same sign between all of them."""
    return _found("spelled", "letters", data, _letters)


def _pairs(run: bytes) -> bytes:
    plain = run.replace(b"0x", b"").replace(b"0X", b"").translate(None, _NOT_HEX)
    return _unhexed(plain)


def _grouped(run: bytes) -> bytes:
    return _unhexed(run.translate(None, _NOT_HEX))


def _dumped(run: bytes) -> bytes:
    """The middle column: after the offset, before the two spaces in front of the characters."""
    rows = []
    for line in run.splitlines():
        _, _, rest = line.partition(b" ")
        digits = rest.lstrip(b" ").replace(b"  ", b"\0", line.count(b"  ") > 1).partition(b"  ")[0].replace(b"\0", b" ")
        rows.append(digits.partition(b"|")[0].translate(None, b" "))
    plain = b"".join(rows)
    return b"" if plain.translate(None, HEX_DIGITS) else _unhexed(plain)


def _unhexed(digits: bytes) -> bytes:
    return unhexlify(digits[: len(digits) & ~1])


def _decimal(run: bytes) -> bytes:
    return _from_codes([int(number) for number in run.translate(_NOT_DIGITS).split()])


def _called(run: bytes) -> bytes:
    numbers = [piece.partition(b")")[0].strip() for piece in run.split(b"(")[1:]]
    try:
        return _from_codes([int(number, 16 if number[:2] in (b"0x", b"0X") else 10) for number in numbers])
    except ValueError:
        return b""


def _from_codes(codes: list[int]) -> bytes:
    return b"" if len(codes) < _FEWEST or max(codes) > 255 else bytes(codes)


def _bits(run: bytes) -> bytes:
    digits = run.translate(None, b" \t\r\n,_-")
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def _letters(run: bytes) -> bytes:
    """Every second character, or every third or fourth where the gap is wider; a ruled line spells nothing."""
    for width in (2, 3, 4):
        if len(set(run[1::width])) == 1:
            letters = run[::width]
            return letters if len(set(letters)) > 1 else b""
    return run.translate(None, b" \t\r\n")
