"""Percent decoding until nothing is left to decode, in linear time.

`%2541` is `%41` to one decoder and `A` to the next, and nobody knows how many stand between us and the program that
uses the value; so everything is judged in its final form. The final form is unique (two escapes never overlap), which
lets one pass with a stack reach it however deeply the text is nested.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import msgspec

__all__ = ["Decoded", "decode_percent"]

_ROUNDS = 4
"""Whole-text rounds before the stack takes over; real traffic needs one or two."""

_HEX = {digit: int(chr(digit), 16) for digit in b"0123456789abcdefABCDEF"}
_PERCENT = ord("%")


class Decoded(msgspec.Struct, frozen=True):
    """The final form of a text.

    Attributes:
        data: The bytes.
        rounds: How many decoders in a row it takes to get there; counting stops at 5.
        hidden: How many ASCII letters and digits needed a second or later round, counted in the first four rounds.
            No standard encoder escapes them even once.
    """

    data: bytes
    rounds: int
    hidden: int

    @property
    def text(self) -> str:
        """The bytes as UTF-8, with U+FFFD for what is not."""
        return self.data.decode("utf-8", "replace")


def decode_percent(text: str) -> Decoded:
    """Decode `text` until no escape is left. Broken escapes stay as they are. Never raises; linear time."""
    data = text.encode("utf-8", "surrogatepass")
    rounds = hidden = 0
    while b"%" in data and rounds < _ROUNDS:
        decoded = unquote_to_bytes(data)
        if decoded == data:
            return Decoded(data, rounds, hidden)
        if rounds:
            hidden += _escaped_alphanumerics(data)
        data = decoded
        rounds += 1
    if b"%" in data:
        final = _collapse(data)
        rounds += final != data
        data = final
    return Decoded(data, rounds, hidden)


def _escaped_alphanumerics(data: bytes) -> int:
    count = 0
    for piece in data.split(b"%")[1:]:
        if len(piece) >= 2 and piece[0] in _HEX and piece[1] in _HEX:
            value = _HEX[piece[0]] << 4 | _HEX[piece[1]]
            count += value < 0x80 and chr(value).isalnum()
    return count


def _collapse(data: bytes) -> bytes:
    """Apply every escape, also those that appear once an inner one is undone; no byte is touched twice."""
    out = bytearray()
    for byte in data:
        out.append(byte)
        while len(out) >= 3 and out[-3] == _PERCENT and out[-1] in _HEX and out[-2] in _HEX:
            value = _HEX[out[-2]] << 4 | _HEX[out[-1]]
            del out[-3:]
            out.append(value)
    return bytes(out)
