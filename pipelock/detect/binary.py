"""What of a large body is worth searching: of archives, models and packs the text that is in them, of text all of it.

Compressed and encrypted bytes say nothing to a reader, and matching rules against them costs several times what it
costs to see that. So a body is looked at block by block: a block of noise (`is_noise`: no UTF-8, many control
characters, many bytes above ASCII), or of zeros, gives only its readable runs of twelve characters or more, any other
block is kept as it stands. How a body begins does not matter: text behind the signature of an archive is text.

What can't be found in noise any more is what nobody reads there either: runs of fewer than twelve characters, and text
with bytes between its letters that are neither characters nor zero.
"""

from __future__ import annotations

from itertools import pairwise

from pipelock.detect._stretches import is_noise
from pipelock.detect.charsets import respelled
from pipelock.detect.media import visible_text

__all__ = ["BLOCK", "searchable"]

BLOCK = 16_384
"""Bytes that are told from noise at a time."""
_SHORTEST = 12
"""Characters of a run that is searched: below that random bytes make too many, and there is no credential so short."""
_BEGINNING = 4_096
_ZEROS = bytes(2 * BLOCK)
_OVERLAP = 1_024
"""Bytes of its neighbours that are read with a stretch of noise, so that what goes on across its ends is whole."""


def searchable(data: bytes, content_type: str = "") -> bytes:
    """`data` without the noise in it; `data` itself where there is none. Linear: at most two passes over it.

    Offsets in the result are not those of `data` unless it is `data`. What is in another charset is left as it is.
    """
    if len(data) < BLOCK:
        return data
    edges = [*range(0, len(data) - BLOCK + 1, BLOCK), len(data)]
    noisy = [_says_nothing(data[start:end]) for start, end in pairwise(edges)]
    # What begins with nothing but zeros would pass for text of two bytes a character.
    if not any(noisy) or (data[:_BEGINNING].strip(b"\0") and respelled(data, content_type)):
        return data
    pieces: list[bytes] = []
    first = 0
    for number in range(1, len(noisy) + 1):
        if number < len(noisy) and noisy[number] == noisy[first]:
            continue
        start, end = edges[first], edges[number]
        if noisy[first]:
            pieces.append(visible_text(data[max(start - _OVERLAP, 0) : end + _OVERLAP], _SHORTEST))
        else:
            pieces.append(data[start:end])
        first = number
    return b"\n".join(pieces)


def _says_nothing(block: bytes) -> bool:
    return is_noise(block) or block == _ZEROS[: len(block)]
