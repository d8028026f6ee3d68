"""Base64 and hexadecimal (RFC 4648) that stand against other letters, so that a run does not decode from its start.

Every run is decoded from each of the places a group can start at, all of them by one call, and what reads as ASCII
text over 16 bytes or more is kept. Linear: four times the cost of decoding.
"""

from __future__ import annotations

from binascii import a2b_base64, unhexlify
from collections.abc import Iterable, Iterator
from itertools import repeat

from pipelock.detect._runs import HEX_DIGITS, SHORTEST, long_runs
from pipelock.detect._stretches import TEXT, Kind

__all__ = ["glued_run", "glued_texts", "unwrapped"]

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_HEX = Kind(HEX_DIGITS)
_BETWEEN = b"\n\x00\n"
# What fills up a run of so many characters (modulo four) to a group, and two groups of zeros behind it.
_PADDING = tuple(b"A" * (8 + -size % 4) for size in range(4))


def glued_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """("base64" or "hex", texts) found in the runs of `data` wherever in the run they start."""
    runs = long_runs(data)
    if not runs:
        return
    # Each run starts a group, so leaving out the first characters of the first leaves them out of each.
    joined = b"".join([run + _PADDING[len(run) & 3] for run in runs]).translate(_URL_SAFE)
    found = _texts([a2b_base64(joined[start : len(joined) - 4 + start]) for start in range(4)])
    if found:
        yield "base64", found
    digits = _HEX.runs(b" ".join(runs), 2 * SHORTEST)
    if digits:
        even = [some[: len(some) & ~1] for some in digits]
        odd = [some[1:][: (len(some) - 1) & ~1] for some in digits]
        # 255 is no text, so what stands beside each other is kept apart.
        found = _texts([unhexlify(b"ff".join(some)) for some in (even, odd)])
        if found:
            yield "hex", found


def glued_run(data: bytes, text: bytes) -> bytes:
    """The first run of `data` from whose inside `text`, a part of what `glued_texts` gave, was decoded; or nothing.

    For reporting; as linear as that.
    """
    for run in long_runs(data):
        if any(text in a2b_base64(_padded(run[start:]).translate(_URL_SAFE)) for start in range(4)):
            return run
        digits = _HEX.runs(run, 2 * SHORTEST)
        if any(text in unhexlify(some[start:][: (len(some) - start) & ~1]) for start in (0, 1) for some in digits):
            return run
    return b""


def unwrapped(data: bytes) -> bytes:
    """`data` without line ends and the indentation, quotation signs and escapes of line ends around them."""
    return b"".join(map(bytes.strip, data.split(b"\n"), repeat(b" \t\r>\\\"'+,")))


def _padded(run: bytes) -> bytes:
    return run + _PADDING[len(run) & 3]


def _texts(decoded: Iterable[bytes]) -> bytes:
    return _BETWEEN.join([text for plain in decoded for text in TEXT.runs(plain, SHORTEST)])
