r"""Control sequences of terminals (ECMA-48) and code switches of ISO 2022, taken out of a text.

They colour a log and say nothing, but they stand between letters: `\x1b[31m` right before a key makes its first letter
the middle of a word.
"""

from __future__ import annotations

__all__ = ["MARKS", "has_sequences", "without_sequences"]

MARKS = (b"\x1b", b"\xc2\x9b")
"""What a sequence begins with: ESC, and the one-character CSI as UTF-8."""
_PARAMETERS = bytes(range(0x30, 0x40))
_INTERMEDIATES = bytes(range(0x20, 0x30))
_STRINGS = b"]PX^_"
"""What follows ESC where text up to BEL or ST belongs to the sequence (OSC, DCS, SOS, PM, APC)."""


def has_sequences(data: bytes) -> bool:
    """Whether `data` may hold a control sequence."""
    return any(mark in data for mark in MARKS)


def without_sequences(data: bytes, instead: bytes = b"") -> bytes:
    """`data` with each sequence replaced by `instead`; linear. One that is cut short loses only its introducer."""
    first, *parts = data.replace(b"\xc2\x9b", b"\x1b[").split(b"\x1b")
    out = [first]
    for number, part in enumerate(parts):
        ended = number + 1 < len(parts) and parts[number + 1].startswith(b"\\")
        out.append(_text_behind(part, ended=ended))
    return instead.join(out)


def _text_behind(part: bytes, *, ended: bool) -> bytes:
    """What is text in `part`, which follows an ESC; `ended` says that ST, ESC and a backslash, follows it."""
    start = part[:1]
    if start == b"[":
        rest = part[1:].lstrip(_PARAMETERS).lstrip(_INTERMEDIATES)
        return rest[1:] if rest and 0x40 <= rest[0] <= 0x7E else rest
    if start and start in _STRINGS:
        _, bell, after = part.partition(b"\x07")
        # Without its end the string is text: nothing may be hidden by leaving the end out.
        return after if bell else (b"" if ended else part)
    rest = part.lstrip(_INTERMEDIATES)
    return rest[1:] if rest and 0x30 <= rest[0] <= 0x7E else rest
