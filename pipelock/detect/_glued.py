"""Base64 and hexadecimal (RFC 4648) that stand against other letters, so that a run does not decode from its start.

Every run is decoded from each of the places a group can start at, all of them by one call, and what reads as ASCII
text over 16 bytes or more is kept. Linear: four times the cost of decoding.
"""

from __future__ import annotations

from binascii import a2b_base64, unhexlify
from collections.abc import Iterator

from pipelock.detect._pattern import compile_linear
from pipelock.detect._runs import long_runs

__all__ = ["glued_run", "glued_texts", "unwrapped"]

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_TEXT = compile_linear(rb"[\t\n\r -~]{16,}")
_HEX_RUN = compile_linear(rb"[0-9A-Fa-f]{32,}")
_BETWEEN = b"\n\x00\n"
# Three bytes that are no ASCII, as base64.
_WALL = b"////"


def glued_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """("base64" or "hex", texts) found in the runs of `data` wherever in the run they start."""
    runs = long_runs(data)
    if not runs:
        return
    joined = b"".join([_padded(run[start:]) for start in range(4) for run in runs])
    found = _texts(a2b_base64(joined.translate(_URL_SAFE)))
    if found:
        yield "base64", found
    digits = [match.group(0) for match in _HEX_RUN.finditer(b" ".join(runs))]
    if digits:
        found = _texts(
            b"\xff".join([unhexlify(some[start:][: (len(some) - start) & ~1]) for some in digits for start in (0, 1)])
        )
        if found:
            yield "hex", found


def glued_run(data: bytes, text: bytes) -> bytes:
    """The first run of `data` from whose inside `text`, a part of what `glued_texts` gave, was decoded; or nothing.

    For reporting; as linear as that.
    """
    for run in long_runs(data):
        if any(text in a2b_base64(_padded(run[start:]).translate(_URL_SAFE)) for start in range(4)):
            return run
        if any(text in unhexlify(some[: len(some) & ~1]) for start in (0, 1) for some in _HEX_RUN.findall(run[start:])):
            return run
    return b""


def unwrapped(data: bytes) -> bytes:
    """`data` without line ends and the indentation, quotation signs and escapes of line ends around them."""
    return b"".join([line.strip(b" \t\r>\\\"'+,") for line in data.split(b"\n")])


def _padded(run: bytes) -> bytes:
    return run + b"A" * (-len(run) % 4) + _WALL


def _texts(decoded: bytes) -> bytes:
    return _BETWEEN.join([match.group(0) for match in _TEXT.finditer(decoded)])
